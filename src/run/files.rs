//! The files of a run: found, fingerprinted, and checked again at the end (see
//! [`super::delivery`]).

use std::{collections::HashSet, sync::Arc};

use super::delivery::Delivery;
use crate::{
    definition::{BundleDefinition, FileDefinition, ImportDefinition, SourceDefinition},
    error::{Context, Error, Result},
    source::{
        InputFile,
        bundle::{self, Delivered},
        input,
        input::Spooled,
    },
};

/// A file as it was when the run began.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// Which file it is.
    pub input: InputFile,
    /// Its size on disk (all parts of a shapefile).
    pub bytes: u64,
    /// Records that are passed over, by number: a replay loaded them before.
    pub skip: HashSet<u64>,
    /// Which of the definition's sources it is one of.
    pub of: usize,
    /// How it is read.
    pub source: Arc<SourceDefinition>,
    /// What its delivery says of it.
    pub delivered: Delivered,
    /// What it came in.
    pub delivery: Arc<Delivery>,
    /// Which file of its delivery it is: what is hashed after all the bytes.
    member: Option<String>,
}

impl FoundFile {
    /// SHA-256 of its bytes, in hex; of a file in a bundle, of all the bundle and its name; `None`
    /// before they are hashed.
    pub(super) fn sha256(&self) -> Option<String> {
        self.delivery.sha256_of(self.member.as_deref())
    }
}

/// Finds the files a definition names. Standard input is copied to a private
/// file first, since files are read more than once.
///
/// # Errors
/// `ErrorKind::Source` when there is none, or one cannot be read; `ErrorKind::Environment` when
/// there is no room for a copy of standard input.
pub fn find(definition: &ImportDefinition) -> Result<Vec<FoundFile>> {
    match (&definition.source, &definition.bundle) {
        (Some(source), _) => find_files(source),
        (None, Some(bundle)) => find_bundle(bundle, &definition.files),
        (None, None) => Ok(Vec::new()),
    }
}

fn find_files(source: &SourceDefinition) -> Result<Vec<FoundFile>> {
    let mut inputs = input::resolve(source)?;
    let mut spooled = None;
    if source.path == input::STANDARD_INPUT {
        let copy = input::spool_stdin(&std::env::temp_dir())?;
        for input in &mut inputs {
            copy.path().clone_into(&mut input.path);
        }
        spooled = Some(Arc::new(copy));
    }
    let source = Arc::new(source.clone());
    let found = |input| watched(input, &source, spooled.clone());
    inputs.into_iter().map(found).collect()
}

/// The files of a delivery; each has a hash of all its bytes, so that the ledger knows it as one.
fn find_bundle(definition: &BundleDefinition, files: &[FileDefinition]) -> Result<Vec<FoundFile>> {
    let mut path = bundle::resolve(&definition.path)?;
    let (mut display, mut spooled) = (path.display().to_string(), None);
    if definition.path == input::STANDARD_INPUT {
        let copy = input::spool_stdin(&std::env::temp_dir())?;
        copy.path().clone_into(&mut path);
        "standard input".clone_into(&mut display);
        spooled = Some(Arc::new(copy));
    }
    let opened = bundle::open(definition, files, &path, &display)?;
    let (read, parts) = (opened.files.clone(), opened.parts.clone());
    let delivery = Arc::new(Delivery::watch(display, &parts, Some(opened), spooled)?);
    let ordinals = 0..;
    let found = ordinals.zip(read).map(|(ordinal, file)| FoundFile {
        bytes: file.bytes,
        input: InputFile { ordinal, path: file.path, display: file.display },
        skip: HashSet::new(),
        of: file.of,
        source: Arc::new(file.source),
        delivered: file.delivered,
        delivery: Arc::clone(&delivery),
        member: Some(files[file.of].name.clone()),
    });
    Ok(found.collect())
}

/// A file that is known by name: corrected records of one of the definition's sources.
pub struct NamedFile {
    /// Which file it is.
    pub input: InputFile,
    /// Which of the definition's sources it has records of.
    pub of: usize,
    /// How it is read.
    pub source: Arc<SourceDefinition>,
    /// What its records were delivered as.
    pub delivered: Delivered,
}

/// Finds files that are known by name.
///
/// # Errors
/// `ErrorKind::Source` when one cannot be read.
pub fn find_named(files: Vec<NamedFile>) -> Result<Vec<FoundFile>> {
    let found = |file: NamedFile| {
        let found = watched(file.input, &file.source, None)?;
        Ok(FoundFile { of: file.of, delivered: file.delivered, ..found })
    };
    files.into_iter().map(found).collect()
}

fn watched(
    input: InputFile,
    source: &Arc<SourceDefinition>,
    spooled: Option<Arc<Spooled>>,
) -> Result<FoundFile> {
    let reading = || format!("while finding `{}`", input.display);
    let parts = crate::source::parts(source, &input).context(reading)?;
    let delivery = Delivery::watch(input.display.clone(), &parts, None, spooled)?;
    Ok(FoundFile {
        bytes: delivery.bytes(),
        input,
        skip: HashSet::new(),
        of: 0,
        source: Arc::clone(source),
        delivered: Delivered::Bulk,
        delivery: Arc::new(delivery),
        member: source.member.clone(),
    })
}

/// Hashes files, large ones behind whoever goes on meanwhile.
pub(super) fn begin_hashing(files: &[FoundFile]) {
    let files = files.to_vec();
    // Whoever needs a hash has the error, too: it is tried again then.
    tokio::spawn(async move { drop(hashes(&files).await) });
}

/// The hashes of files, waited for; see [`FoundFile::sha256`].
///
/// # Errors
/// `ErrorKind::Source` when one cannot be read, or has changed.
pub(super) async fn hashes(files: &[FoundFile]) -> Result<Vec<String>> {
    let mut hashes = Vec::with_capacity(files.len());
    for file in files {
        file.delivery.ensure_hashed().await?;
        hashes.extend(file.sha256());
    }
    Ok(hashes)
}

/// Checks, away from the runtime's thread, that every file is still what it was.
///
/// # Errors
/// `ErrorKind::Source` when one is not, or is gone.
pub async fn ensure_unchanged(files: &[FoundFile]) -> Result<()> {
    let files = files.to_vec();
    let checked = tokio::task::spawn_blocking(move || ensure_all_unchanged(&files));
    checked
        .await
        .map_err(|cause| Error::unexpected("checking the files failed").caused_by(cause))?
}

/// Whether every file is still what it was when the run began; a bundle is looked at once.
///
/// # Errors
/// `ErrorKind::Source` when one is not, or is gone.
pub fn ensure_all_unchanged(files: &[FoundFile]) -> Result<()> {
    for (index, file) in files.iter().enumerate() {
        let seen = files[..index].last();
        if !seen.is_some_and(|before| Arc::ptr_eq(&before.delivery, &file.delivery)) {
            file.delivery.ensure_unchanged()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &std::path::Path) -> SourceDefinition {
        let json = serde_json::json!({ "format": "csv", "path": path });
        serde_json::from_value(json).expect("a source")
    }

    #[test]
    fn a_pipe_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo is there").success());
        let error = find_files(&source(&path)).expect_err("it would never end");
        assert!(error.to_string().contains("pipe or device"), "{error}");
    }
}
