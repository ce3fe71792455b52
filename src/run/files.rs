//! The files of a run: found, fingerprinted, and checked again at the end.

use std::{
    collections::HashSet,
    fs::{File, Metadata},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

use crate::{
    definition::{BundleDefinition, FileDefinition, ImportDefinition, SourceDefinition},
    error::{Context, Error, Result},
    source::{
        InputFile,
        bundle::{self, Bundle, Delivered},
        input,
        input::Spooled,
    },
};

/// A file as it was when the run began.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// Which file it is.
    pub input: InputFile,
    /// SHA-256 of its bytes, in hex; of a file in a bundle, of all the bundle and its name.
    pub sha256: String,
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
}

/// Bytes on disk that a run watches: a file of its own, or a bundle of several.
#[derive(Debug)]
pub struct Delivery {
    /// What people are shown.
    pub display: String,
    /// SHA-256 of all parts, in their order.
    sha256: Hashed,
    parts: Vec<Part>,
    /// What it holds, where it is a bundle.
    pub bundle: Option<Bundle>,
    /// The copy of standard input, removed when nobody needs it any more.
    _spooled: Option<Arc<Spooled>>,
}

#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    state: State,
    /// Whether it had been written just before: within one tick of the file system's clock,
    /// another write leaves no trace.
    is_recent: bool,
}

/// What the file system says of a file: any write changes some of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// The same, of its metadata too: it cannot be set back.
    changed: (i64, i64),
}

/// The coarsest clock of file systems in use ticks every two seconds (FAT).
const TICK: Duration = Duration::from_secs(2);

/// Bytes read at once while hashing: larger ones are no faster.
const HASH_BUFFER_BYTES: usize = 256 << 10;

/// Finds the files a definition names and hashes them. Standard input is copied to a private
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
    let found = |input| fingerprint(input, &source, spooled.clone());
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
    let delivery = Arc::new(Delivery::hash(display, &parts, Some(opened), spooled)?);
    let ordinals = 0..;
    let found = ordinals.zip(read).map(|(ordinal, file)| FoundFile {
        sha256: delivery.sha256_of(Some(&files[file.of].name)),
        bytes: file.bytes,
        input: InputFile { ordinal, path: file.path, display: file.display },
        skip: HashSet::new(),
        of: file.of,
        source: Arc::new(file.source),
        delivered: file.delivered,
        delivery: Arc::clone(&delivery),
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

/// Hashes files that are known by name.
///
/// # Errors
/// `ErrorKind::Source` when one cannot be read.
pub fn fingerprinted(files: Vec<NamedFile>) -> Result<Vec<FoundFile>> {
    let found = |file: NamedFile| {
        let found = fingerprint(file.input, &file.source, None)?;
        Ok(FoundFile { of: file.of, delivered: file.delivered, ..found })
    };
    files.into_iter().map(found).collect()
}

fn fingerprint(
    input: InputFile,
    source: &Arc<SourceDefinition>,
    spooled: Option<Arc<Spooled>>,
) -> Result<FoundFile> {
    let reading = || format!("while hashing `{}`", input.display);
    let parts = crate::source::parts(source, &input).context(reading)?;
    let delivery = Delivery::hash(input.display.clone(), &parts, None, spooled)?;
    Ok(FoundFile {
        sha256: delivery.sha256_of(source.member.as_deref()),
        bytes: delivery.bytes(),
        input,
        skip: HashSet::new(),
        of: 0,
        source: Arc::clone(source),
        delivered: Delivered::Bulk,
        delivery: Arc::new(delivery),
    })
}

/// A clock that is ahead, or cannot be compared, leaves a doubt too.
fn is_recent(state: &State, now: SystemTime) -> bool {
    let modified = u64::try_from(state.modified.0).unwrap_or(u64::MAX);
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    now < modified.saturating_add(TICK.as_secs() + 1)
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
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
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

impl Delivery {
    fn hash(
        display: String,
        paths: &[PathBuf],
        bundle: Option<Bundle>,
        spooled: Option<Arc<Spooled>>,
    ) -> Result<Self> {
        let reading = || format!("while hashing `{display}`");
        let mut hash = Sha256::new();
        let mut parts = Vec::new();
        for path in paths {
            name_part(&mut hash, path, bundle.as_ref());
            let begun = SystemTime::now();
            let state = hash_file(path, &mut hash).context(reading)?;
            let is_recent = is_recent(&state, begun);
            parts.push(Part { path: path.clone(), state, is_recent });
        }
        let sha256 = Hashed(hash);
        Ok(Self { display, sha256, parts, bundle, _spooled: spooled })
    }

    /// A member is another file than the next one of its archive.
    fn sha256_of(&self, member: Option<&str>) -> String {
        let mut hash = self.sha256.0.clone();
        hash.update(member.unwrap_or_default());
        hex(hash)
    }

    fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.state.bytes).sum()
    }

    /// The file system is asked; where its answer leaves a doubt, the bytes are hashed again.
    fn ensure_unchanged(&self) -> Result<()> {
        let mut is_certain = true;
        for part in &self.parts {
            let metadata = std::fs::metadata(&part.path).map_err(|_| self.changed())?;
            let now = State::of(&metadata);
            let before = State { changed: now.changed, ..part.state.clone() };
            if now != before {
                return Err(self.changed());
            }
            is_certain &= now == part.state && !part.is_recent;
        }
        if is_certain || self.is_same_again()? { Ok(()) } else { Err(self.changed()) }
    }

    fn is_same_again(&self) -> Result<bool> {
        let mut hash = Sha256::new();
        for part in &self.parts {
            name_part(&mut hash, &part.path, self.bundle.as_ref());
            hash_file(&part.path, &mut hash)?;
        }
        Ok(hash.finalize() == self.sha256.0.clone().finalize())
    }

    fn changed(&self) -> Error {
        Error::source_file(format!("`{}` changed while it was read", self.display))
            .hint("nothing is published; run it again when the delivery is complete")
    }
}

/// In a folder, which file has which bytes counts too.
fn name_part(hash: &mut Sha256, path: &Path, bundle: Option<&Bundle>) {
    if bundle.is_some_and(|bundle| bundle.path.is_dir()) {
        let name = path.file_name().unwrap_or_default();
        hash.update(name.as_encoded_bytes());
        hash.update([0]);
    }
}

/// The hash of all parts, which the name of a member can still be added to.
struct Hashed(Sha256);

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(self.0.clone()))
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
        let error = find_files(&source(&path)).expect_err("it would never end");
        assert!(error.to_string().contains("pipe or device"), "{error}");
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let found = find_files(&source(&path)).expect("found");
        assert_eq!((found.len(), found[0].bytes, found[0].sha256.len()), (1, 4, 64));
        found[0].delivery.ensure_unchanged().expect("nothing happened yet");
        std::fs::write(&path, "a\n1\n2\n").expect("written");
        assert_changed(&found[0]);
    }

    fn assert_changed(found: &FoundFile) {
        let error = found.delivery.ensure_unchanged().expect_err("it changed");
        assert_eq!(error.kind(), crate::error::ErrorKind::Source);
    }

    /// Same size, and a time of modification that was set back.
    #[test]
    fn a_write_that_hides_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let set_back = || {
            let file = File::options().write(true).open(&path).expect("it opens");
            file.set_modified(long_ago).expect("its time is set");
        };
        set_back();
        let found = find_files(&source(&path)).expect("found");
        std::thread::sleep(Duration::from_millis(20));
        set_back();
        found[0].delivery.ensure_unchanged().expect("only its metadata changed");
        std::fs::write(&path, "a\n2\n").expect("written");
        set_back();
        assert_changed(&found[0]);
    }

    /// Within one tick of the clock, only the bytes tell.
    #[test]
    fn a_file_that_was_just_written_is_hashed_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let mut found = find_files(&source(&path)).expect("found");
        std::fs::write(&path, "a\n2\n").expect("written");
        // As if the clock had not gone on.
        let delivery = Arc::get_mut(&mut found[0].delivery).expect("nobody else has it");
        delivery.parts[0].state = State::of(&std::fs::metadata(&path).expect("it is there"));
        assert_changed(&found[0]);
    }

    #[test]
    fn a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let found = find_files(&source(&path)).expect("found");
        let modified = std::fs::metadata(&path).expect("metadata").modified().expect("a time");
        let other = folder.path().join("b.csv");
        std::fs::write(&other, "a\n2\n").expect("written");
        File::options().write(true).open(&other).expect("it").set_modified(modified).expect("set");
        std::fs::rename(&other, &path).expect("replaced");
        found[0].delivery.ensure_unchanged().expect_err("it is another file");
    }
}
