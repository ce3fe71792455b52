//! The files of a run: found, fingerprinted, and checked again at the end.

use std::{
    fs::{File, Metadata},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{
    definition::SourceDefinition,
    error::{Context, Error, Result},
    source::{InputFile, input, input::Spooled},
};

/// A file as it was when the run began.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// Which file it is.
    pub input: InputFile,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its size on disk (all parts of a shapefile).
    pub bytes: u64,
    parts: Vec<Part>,
    /// The copy of standard input, removed when nobody needs it any more.
    _spooled: Option<Arc<Spooled>>,
}

#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    state: State,
}

/// What tells a file from a later one at the same path. Whoever writes to a file can set its time
/// of modification back, but not the time at which the system changed its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    bytes: u64,
    changed: (i64, i64),
    inode: (u64, u64),
}

/// Bytes read at once while hashing: larger ones are no faster.
const HASH_BUFFER_BYTES: usize = 256 << 10;

/// Finds the files a definition names and hashes them. Standard input is copied to a private
/// file first, since files are read more than once.
///
/// # Errors
/// `ErrorKind::Source` when there is none, or one cannot be read; `ErrorKind::Environment` when
/// there is no room for a copy of standard input.
pub fn find(source: &SourceDefinition) -> Result<Vec<FoundFile>> {
    let mut inputs = input::resolve(source)?;
    let mut spooled = None;
    if source.path == input::STANDARD_INPUT {
        let copy = input::spool_stdin(&std::env::temp_dir())?;
        for input in &mut inputs {
            copy.path().clone_into(&mut input.path);
        }
        spooled = Some(Arc::new(copy));
    }
    let found = |input| fingerprint(input, source, spooled.clone());
    inputs.into_iter().map(found).collect()
}

fn fingerprint(
    input: InputFile,
    source: &SourceDefinition,
    spooled: Option<Arc<Spooled>>,
) -> Result<FoundFile> {
    let reading = || format!("while hashing `{}`", input.display);
    let mut hash = Sha256::new();
    let mut parts = Vec::new();
    for path in crate::source::parts(source, &input).context(reading)? {
        let state = hash_file(&path, &mut hash).context(reading)?;
        parts.push(Part { path, state });
    }
    // A member of an archive is another file than the archive's next one.
    hash.update(source.member.as_deref().unwrap_or_default());
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = parts.iter().map(|part| part.state.bytes).sum();
    Ok(FoundFile { input, sha256, bytes, parts, _spooled: spooled })
}

fn hash_file(path: &Path, hash: &mut Sha256) -> Result<State> {
    let unreadable =
        |cause| Error::source_file(format!("`{}` cannot be read", path.display())).caused_by(cause);
    // Before it is opened: a pipe would wait for a writer for ever.
    input::ensure_file(path)?;
    let mut file = File::open(path).map_err(unreadable)?;
    // Of what was opened, whatever stands at the path by now.
    let state = State::of(&file.metadata().map_err(unreadable)?);
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(state),
            read => hash.update(&buffer[..read]),
        }
    }
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}

impl FoundFile {
    /// Whether it is still what it was when the run began.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is not, or is gone.
    pub fn ensure_unchanged(&self) -> Result<()> {
        for part in &self.parts {
            let now = std::fs::metadata(&part.path).map(|metadata| State::of(&metadata));
            if !now.is_ok_and(|now| now == part.state) {
                let message = format!("`{}` changed while it was read", self.input.display);
                return Err(Error::source_file(message)
                    .hint("nothing is published; run it again when the delivery is complete"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &Path) -> SourceDefinition {
        let json = serde_json::json!({ "format": "csv", "path": path });
        serde_json::from_value(json).expect("a source")
    }

    #[test]
    fn a_pipe_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo is there").success());
        let error = find(&source(&path)).expect_err("it would never end");
        assert!(error.to_string().contains("pipe or device"), "{error}");
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let found = find(&source(&path)).expect("found");
        assert_eq!((found.len(), found[0].bytes, found[0].sha256.len()), (1, 4, 64));
        found[0].ensure_unchanged().expect("nothing happened yet");
        std::fs::write(&path, "a\n1\n2\n").expect("written");
        assert_eq!(
            found[0].ensure_unchanged().expect_err("it grew").kind(),
            crate::error::ErrorKind::Source
        );
    }

    #[test]
    fn a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let found = find(&source(&path)).expect("found");
        let modified = std::fs::metadata(&path).expect("metadata").modified().expect("a time");
        let other = folder.path().join("b.csv");
        std::fs::write(&other, "a\n2\n").expect("written");
        File::options().write(true).open(&other).expect("it").set_modified(modified).expect("set");
        std::fs::rename(&other, &path).expect("replaced");
        found[0].ensure_unchanged().expect_err("it is another file");
    }
}
