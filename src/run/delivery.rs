//! The bytes on disk that a run reads: hashed, and looked at again at the end.
//!
//! What is published was read from bytes of one hash: nobody may write them from when they are
//! found to the end. The file system tells of nearly every write; where it may not have, the bytes
//! are hashed before they are read, and again afterwards. Elsewhere a large file may be hashed
//! while it is read: 2,000,000 sales (395 MB) take 0.25 s of a load of 5.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::{
    error::{Context, Error, Result},
    failpoint,
    source::{bundle::Bundle, input, input::Spooled},
};

/// Bytes on disk that a run watches: a file of its own, or a bundle of several.
#[derive(Debug)]
pub struct Delivery {
    /// What people are shown.
    pub display: String,
    /// SHA-256 of all parts, in their order, as soon as somebody asked for it.
    hash: OnceCell<Hashed>,
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

/// Fewer bytes are hashed (10 ms) before anybody could do something else meanwhile.
const HASHED_LATER_BYTES_MIN: usize = 16 << 20;

impl Delivery {
    /// Watches bytes from now on.
    ///
    /// # Errors
    /// `ErrorKind::Source` when some cannot be read.
    pub(super) fn watch(
        display: String,
        paths: &[PathBuf],
        bundle: Option<Bundle>,
        spooled: Option<Arc<Spooled>>,
    ) -> Result<Self> {
        let watching = || format!("while hashing `{display}`");
        let parts: Result<_> = paths.iter().map(|path| Part::of(path)).collect();
        let (parts, hash) = (parts.context(watching)?, OnceCell::new());
        let watched = Self { display, hash, parts, bundle, _spooled: spooled };
        if !watched.can_be_hashed_later() {
            // Nobody reads them yet: what changes from now on is seen at the end.
            let (hash, _) = watched.hash_parts()?;
            return Ok(Self { hash: OnceCell::new_with(Some(hash)), ..watched });
        }
        Ok(watched)
    }

    fn can_be_hashed_later(&self) -> bool {
        let is_large = self.bytes() >= failpoint::most(HASHED_LATER_BYTES_MIN) as u64;
        // A file of a bundle has a size of its own, but the hash of all of them: the size says less.
        is_large && self.bundle.is_none() && !self.parts.iter().any(|part| part.is_recent)
    }

    /// Hashes the bytes, away from the runtime's thread, unless somebody has; who asks meanwhile
    /// waits.
    ///
    /// # Errors
    /// `ErrorKind::Source` when they cannot be read, or have changed.
    pub(super) async fn ensure_hashed(self: &Arc<Self>) -> Result<()> {
        let hashing = async || {
            let delivery = Arc::clone(self);
            let hashing = tokio::task::spawn_blocking(move || delivery.hash_parts()).await;
            let failed = |cause| Error::unexpected("hashing failed").caused_by(cause);
            let (hash, is_same) = hashing.map_err(failed)??;
            failpoint::hit("files.hashed")?;
            // Else who read them meanwhile may have read something else than what was hashed.
            if is_same { Ok(hash) } else { Err(self.changed()) }
        };
        self.hash.get_or_try_init(hashing).await.map(|_| ())
    }

    /// The hash of the parts, and whether they are as they were found.
    fn hash_parts(&self) -> Result<(Hashed, bool)> {
        let (mut hash, mut is_same) = (Sha256::new(), true);
        let reading = || format!("while hashing `{}`", self.display);
        for part in &self.parts {
            name_part(&mut hash, &part.path, self.bundle.as_ref());
            is_same &= hash_file(&part.path, &mut hash).context(reading)? == part.state;
        }
        Ok((Hashed(hash), is_same))
    }

    /// A member is another file than the next one of its archive; `None` before it is hashed.
    pub(super) fn sha256_of(&self, member: Option<&str>) -> Option<String> {
        let mut hash = self.hash.get()?.0.clone();
        hash.update(member.unwrap_or_default());
        Some(hex(hash))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.state.bytes).sum()
    }

    /// The file system is asked; where its answer leaves a doubt, the bytes are hashed again.
    pub(super) fn ensure_unchanged(&self) -> Result<()> {
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
        // Of bytes that nobody has hashed nobody can tell any more.
        let Some(before) = self.hash.get() else { return Ok(false) };
        let mut hash = Sha256::new();
        for part in &self.parts {
            name_part(&mut hash, &part.path, self.bundle.as_ref());
            hash_file(&part.path, &mut hash)?;
        }
        Ok(hash.finalize() == before.0.clone().finalize())
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

/// A clock that is ahead, or cannot be compared, leaves a doubt too.
fn is_recent(state: &State, now: SystemTime) -> bool {
    let modified = u64::try_from(state.modified.0).unwrap_or(u64::MAX);
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    now < modified.saturating_add(TICK.as_secs() + 1)
}

impl Part {
    fn of(path: &Path) -> Result<Self> {
        let now = SystemTime::now();
        let state = State::of(&open(path)?.metadata().map_err(|cause| unreadable(path, cause))?);
        let is_recent = is_recent(&state, now);
        Ok(Self { path: path.to_owned(), state, is_recent })
    }
}

/// Hashes a file; its state at the end.
fn hash_file(path: &Path, hash: &mut Sha256) -> Result<State> {
    let unreadable = |cause| unreadable(path, cause);
    let mut file = open(path)?;
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(State::of(&file.metadata().map_err(unreadable)?)),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    // Before it is opened: a pipe would wait for a writer for ever.
    input::ensure_file(path)?;
    File::open(path).map_err(|cause| unreadable(path, cause))
}

fn unreadable(path: &Path, cause: io::Error) -> Error {
    Error::source_file(format!("`{}` cannot be read", path.display())).caused_by(cause)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(path: &Path) -> Delivery {
        let (name, parts) = (path.display().to_string(), [path.to_owned()]);
        Delivery::watch(name, &parts, None, None).expect("it can be read")
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let found = delivery(&path);
        assert_eq!((found.bytes(), found.sha256_of(None).map(|hash| hash.len())), (4, Some(64)));
        found.ensure_unchanged().expect("nothing happened yet");
        std::fs::write(&path, "a\n1\n2\n").expect("written");
        assert_changed(&found);
    }

    fn assert_changed(found: &Delivery) {
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
        let found = delivery(&path);
        std::thread::sleep(Duration::from_millis(20));
        set_back();
        found.ensure_unchanged().expect("only its metadata changed");
        std::fs::write(&path, "a\n2\n").expect("written");
        set_back();
        assert_changed(&found);
    }

    /// Within one tick of the clock, only the bytes tell.
    #[test]
    fn a_file_that_was_just_written_is_hashed_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let mut found = delivery(&path);
        std::fs::write(&path, "a\n2\n").expect("written");
        // As if the clock had not gone on.
        found.parts[0].state = State::of(&std::fs::metadata(&path).expect("it is there"));
        assert_changed(&found);
    }

    #[test]
    fn a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a\n1\n").expect("written");
        let found = delivery(&path);
        let modified = std::fs::metadata(&path).expect("metadata").modified().expect("a time");
        let other = folder.path().join("b.csv");
        std::fs::write(&other, "a\n2\n").expect("written");
        File::options().write(true).open(&other).expect("it").set_modified(modified).expect("set");
        std::fs::rename(&other, &path).expect("replaced");
        found.ensure_unchanged().expect_err("it is another file");
    }

    /// A file that is large enough, with holes; its last bytes can be written.
    fn large(folder: &Path) -> PathBuf {
        let path = folder.join("large.csv");
        let file = File::create(&path).expect("a file");
        file.set_len(HASHED_LATER_BYTES_MIN as u64).expect("room");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
            .expect("its time is set");
        path
    }

    #[tokio::test]
    async fn a_large_file_is_hashed_when_somebody_asks() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = large(folder.path());
        let found = Arc::new(delivery(&path));
        assert_eq!(found.sha256_of(None), None);
        let (one, other) = tokio::join!(found.ensure_hashed(), found.ensure_hashed());
        one.and(other).expect("it is hashed");
        let expected = hex(Sha256::new_with_prefix(std::fs::read(&path).expect("the file")));
        assert_eq!(found.sha256_of(None), Some(expected));
        found.ensure_unchanged().expect("nothing happened");
    }

    /// Who read it meanwhile may have read what was there before.
    #[tokio::test]
    async fn a_file_that_changed_before_it_was_hashed_has_no_hash() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = Arc::new(delivery(&large(folder.path())));
        std::thread::sleep(Duration::from_millis(20));
        large(folder.path());
        let error = found.ensure_hashed().await.expect_err("its state is another");
        assert_eq!(error.kind(), crate::error::ErrorKind::Source);
        assert_changed(&found);
    }
}
