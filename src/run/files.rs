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
    /// Records that are passed over, by number: a replay loaded them before.
    pub skip: HashSet<u64>,
    parts: Vec<Part>,
    /// The archive's member that is read.
    member: Option<String>,
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

/// Hashes files that are known by name.
///
/// # Errors
/// `ErrorKind::Source` when one cannot be read.
pub fn fingerprinted(inputs: Vec<InputFile>, source: &SourceDefinition) -> Result<Vec<FoundFile>> {
    inputs.into_iter().map(|input| fingerprint(input, source, None)).collect()
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
        let begun = SystemTime::now();
        let state = hash_file(&path, &mut hash).context(reading)?;
        let is_recent = is_recent(&state, begun);
        parts.push(Part { path, state, is_recent });
    }
    let member = source.member.clone();
    let sha256 = finish(hash, member.as_deref());
    let bytes = parts.iter().map(|part| part.state.bytes).sum();
    Ok(FoundFile { input, sha256, bytes, skip: HashSet::new(), parts, member, _spooled: spooled })
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
    let checked =
        tokio::task::spawn_blocking(move || files.iter().try_for_each(FoundFile::ensure_unchanged));
    checked
        .await
        .map_err(|cause| Error::unexpected("checking the files failed").caused_by(cause))?
}

impl FoundFile {
    /// Whether it is still what it was when the run began.
    ///
    /// The file system is asked; where its answer leaves a doubt, the bytes are hashed again.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is not, or is gone.
    pub fn ensure_unchanged(&self) -> Result<()> {
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
        if is_certain || self.hash_again()? == self.sha256 { Ok(()) } else { Err(self.changed()) }
    }

    fn hash_again(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for part in &self.parts {
            hash_file(&part.path, &mut hash)?;
        }
        Ok(finish(hash, self.member.as_deref()))
    }

    fn changed(&self) -> Error {
        Error::source_file(format!("`{}` changed while it was read", self.input.display))
            .hint("nothing is published; run it again when the delivery is complete")
    }
}

/// A member of an archive is another file than the archive's next one.
fn finish(mut hash: Sha256, member: Option<&str>) -> String {
    hash.update(member.unwrap_or_default());
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
        assert_changed(&found[0]);
    }

    fn assert_changed(found: &FoundFile) {
        let error = found.ensure_unchanged().expect_err("it changed");
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
        let found = find(&source(&path)).expect("found");
        std::thread::sleep(Duration::from_millis(20));
        set_back();
        found[0].ensure_unchanged().expect("only its metadata changed");
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
        let mut found = find(&source(&path)).expect("found");
        std::fs::write(&path, "a\n2\n").expect("written");
        // As if the clock had not gone on.
        found[0].parts[0].state = State::of(&std::fs::metadata(&path).expect("it is there"));
        assert_changed(&found[0]);
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
