//! The file an export writes: compressed as its name says, and in place only when it is whole.
//!
//! A file that is in place already, byte for byte, is left alone: what was whole when an export
//! was cut off is not made again, and nobody is told of a change that is none.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::{Compression, write::GzEncoder};
use rustix::fs::Access;
use sha2::{Digest, Sha256};
use zip::{
    ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use super::manifest::hex;
use crate::{
    error::{Error, Result},
    private_file,
    run::{interrupted, progress::Progress},
};

/// Compresses about as well as level 6 of gzip, at several times its speed.
const ZSTD_LEVEL: i32 = 3;

/// Bytes of the name of a file or folder, on every file system of today.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// Files are read in pieces of so many bytes.
const READ_BYTES: usize = 64 << 10;

/// The file being written, beside the one it will replace.
pub(super) struct PartFile {
    path: PathBuf,
    part: Part,
    writer: Writer,
    progress: Arc<Progress>,
    /// Why a writer of a format stopped, in the system's words.
    failed: Option<io::Error>,
}

/// A whole file that has not taken its place yet.
pub(super) struct FinishedFile {
    path: PathBuf,
    part: Part,
    sha256: String,
}

/// A file that goes unless it takes its place.
struct Part(PathBuf);

/// What is on disk.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// The bytes that reach the disk, counted and hashed.
struct Disk {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
    progress: Arc<Progress>,
}

enum Writer {
    Plain(Disk),
    Gzip(Box<GzEncoder<Disk>>),
    Zstd(Box<zstd::Encoder<'static, Disk>>),
    Zip(Box<ZipWriter<StreamWriter<Disk>>>),
}

impl PartFile {
    /// Opens `part`, whose bytes will be at `path`.
    pub(super) fn create(path: &Path, part: PathBuf, progress: &Arc<Progress>) -> Result<Self> {
        let file = BufWriter::new(private_file::create(&part)?);
        let part = Part(part);
        let progress = Arc::clone(progress);
        let counted = Arc::clone(&progress);
        let disk = Disk { file, hash: Sha256::new(), bytes: 0, progress: counted };
        let writer = Writer::named(path, disk).map_err(|cause| cannot_write(path, cause))?;
        Ok(Self { path: path.to_owned(), part, writer, progress, failed: None })
    }

    /// What a writer of a format met that writes to this file.
    pub(super) fn why_failed(&mut self) -> Option<Error> {
        if self.progress.is_cancelled() {
            return Some(interrupted());
        }
        self.failed.take().map(|cause| cannot_write(&self.path, cause))
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(|cause| cannot_write(&self.path, cause))
    }

    /// Ends the file; [`sync_files`] brings it to disk.
    pub(super) fn finish(self) -> Result<(Written, FinishedFile)> {
        let failed = |cause| cannot_write(&self.path, cause);
        let mut disk = self.writer.finish().map_err(failed)?;
        disk.file.flush().map_err(failed)?;
        let written = Written { bytes: disk.bytes, sha256: hex(&disk.hash.finalize()) };
        let sha256 = written.sha256.clone();
        Ok((written, FinishedFile { path: self.path, part: self.part, sha256 }))
    }
}

impl Write for PartFile {
    /// Fails once, so that the writer of a format stops. What it still writes to end its file in
    /// good order goes nowhere: it would only tell people in its own words of a failure.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Ok(bytes.len());
        }
        let written = match self.progress.is_cancelled() {
            true => Err(io::Error::from(io::ErrorKind::Interrupted)),
            false => self.writer.write_all(bytes),
        };
        written.map(|()| bytes.len()).map_err(|cause| {
            let said = io::Error::other(cause.to_string());
            self.failed = Some(cause);
            said
        })
    }

    /// Compressed bytes go out when the file is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FinishedFile {
    /// The folder the file will be in, and those above it: each may be new, and a folder whose
    /// name is not on the disk is lost with all that is in it.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        let above = self.path.ancestors().skip(1);
        above.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
    }

    /// The file as it stands beside its place.
    pub(super) fn part(&self) -> &Path {
        &self.part.0
    }

    /// Where it will be.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder of its place, and checks that the file may take it: nothing has taken its
    /// place yet then.
    pub(super) fn prepare(&self) -> Result<()> {
        let folder = folder_of(&self.path);
        private_file::create_folder(folder)?;
        check_place(&self.path)?;
        let may_write = rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK);
        may_write.map_err(|cause| cannot_write(&self.path, cause.into()))
    }

    /// Lets the file take its place; [`sync_folder`] makes that last. False where the same bytes
    /// are there already, which may be in memory only: [`sync_files`] is for them.
    pub(super) fn place(self) -> Result<bool> {
        let failed = |cause| cannot_write(&self.path, cause);
        if self.is_there().map_err(failed)? {
            return Ok(false);
        }
        fs::rename(&self.part.0, &self.path).map_err(failed)?;
        Ok(true)
    }

    /// Whether the same bytes are in its place.
    pub(super) fn is_there(&self) -> io::Result<bool> {
        let there = match fs::symlink_metadata(&self.path) {
            Ok(there) => there,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(cause) => return Err(cause),
        };
        let private = there.permissions().mode() & 0o077 == 0;
        let may_be = there.is_file() && private && there.len() == fs::metadata(&self.part.0)?.len();
        Ok(may_be && sha256_of(&self.path)? == self.sha256)
    }
}

/// SHA-256 of a file's bytes, in hex.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            bytes => hash.update(&buffer[..bytes]),
        }
    }
}

/// Whether a file may be in this place: one that is there is replaced, anything else is kept.
///
/// # Errors
/// `ErrorKind::Environment` where a folder, a pipe or a device is there;
/// `ErrorKind::Definition` for a name that no file system takes.
pub(super) fn check_place(path: &Path) -> Result<()> {
    if let Some(long) = path.iter().find(|name| name.len() > NAME_BYTES_MAX) {
        let what = format!("`{}` is longer than a name can be", long.display());
        return Err(Error::definition(what)
            .hint(format!("names of files and folders have {NAME_BYTES_MAX} bytes at most")));
    }
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() || there.is_symlink() => Ok(()),
        Ok(_) => Err(Error::environment(format!("`{}` is there, and no file", path.display()))
            .hint("an export replaces files only: choose another path, or move it away")),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cannot_write(path, cause)),
    }
}

/// The folder of a path.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Brings the names in a folder to disk. One that may not be read was not made by an export.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.map_err(|cause| cannot_write(folder, cause)),
    }
}

/// From so many files on, the file system is told once to write everything: a disk waits a few
/// milliseconds for each file that is told on its own, one that has nothing to write among them.
const SYNCED_ONE_BY_ONE: usize = 8;

/// Brings files to disk.
pub(super) fn sync_files<'p>(files: impl ExactSizeIterator<Item = &'p Path>) -> Result<()> {
    if files.len() > SYNCED_ONE_BY_ONE {
        return sync_file_systems(files);
    }
    for path in files {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|cause| cannot_write(path, cause))?;
    }
    Ok(())
}

/// Those of a set are on one file system as a rule.
#[cfg(target_os = "linux")]
fn sync_file_systems<'p>(files: impl Iterator<Item = &'p Path>) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mut synced = Vec::new();
    for path in files {
        let failed = |cause| cannot_write(path, cause);
        let device = fs::metadata(path).map_err(failed)?.dev();
        if !synced.contains(&device) {
            let opened = File::open(path).map_err(failed)?;
            rustix::fs::syncfs(&opened).map_err(|cause| failed(cause.into()))?;
            synced.push(device);
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn sync_file_systems<'p>(files: impl Iterator<Item = &'p Path>) -> Result<()> {
    for path in files {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|cause| cannot_write(path, cause))?;
    }
    Ok(())
}

impl Drop for Part {
    /// What was not finished goes; after the rename there is nothing left to remove.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Writer {
    /// The writer that the output's ending asks for.
    fn named(path: &Path, disk: Disk) -> io::Result<Self> {
        let ending = path.extension().unwrap_or_default();
        if ending.eq_ignore_ascii_case("gz") {
            let encoder = GzEncoder::new(disk, Compression::default());
            return Ok(Writer::Gzip(Box::new(encoder)));
        }
        if ending.eq_ignore_ascii_case("zst") {
            let mut encoder = zstd::Encoder::new(disk, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            return Ok(Writer::Zstd(Box::new(encoder)));
        }
        if ending.eq_ignore_ascii_case("zip") {
            // The time is that of 1980 in every archive: the same rows give the same bytes.
            let options = SimpleFileOptions::DEFAULT.large_file(true).unix_permissions(0o600);
            let mut archive = ZipWriter::new_stream(disk);
            let member = path.file_stem().unwrap_or_default().to_string_lossy();
            archive.start_file(member, options)?;
            return Ok(Writer::Zip(Box::new(archive)));
        }
        Ok(Writer::Plain(disk))
    }

    fn write_all(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Writer::Plain(disk) => disk.write_all(chunk),
            Writer::Gzip(encoder) => encoder.write_all(chunk),
            Writer::Zstd(encoder) => encoder.write_all(chunk),
            Writer::Zip(archive) => archive.write_all(chunk),
        }
    }

    fn finish(self) -> io::Result<Disk> {
        match self {
            Writer::Plain(disk) => Ok(disk),
            Writer::Gzip(encoder) => encoder.finish(),
            Writer::Zstd(encoder) => encoder.finish(),
            Writer::Zip(archive) => Ok(archive.finish()?.into_inner()),
        }
    }
}

impl Write for Disk {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.file.write_all(chunk)?;
        self.hash.update(chunk);
        self.bytes += chunk.len() as u64;
        self.progress.exported().add_bytes(chunk.len() as u64);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that cannot be written, and the system's reason.
pub(super) fn cannot_write(path: &Path, cause: io::Error) -> Error {
    let error = Error::environment(format!("`{}` cannot be written", path.display()));
    let hint = private_file::advice(&cause);
    error.caused_by(cause).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str) -> (Vec<u8>, Written) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        let part = folder.path().join("1.part");
        let mut part = PartFile::create(&path, part, &Arc::default()).expect("created");
        part.add(b"id\n").and_then(|()| part.add(b"1\n")).expect("written");
        let (written, finished) = part.finish().expect("finished");
        assert!(!path.exists(), "and when it takes its place");
        assert!(finished.place().expect("placed"));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
        (fs::read(&path).expect("the file"), written)
    }

    #[test]
    fn the_ending_says_how_it_is_compressed() {
        assert_eq!(written("a.csv").0, b"id\n1\n");
        let mut text = String::new();
        let (bytes, _) = written("a.csv.gz");
        flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, "id\n1\n");
        let (bytes, _) = written("a.csv.ZST");
        assert_eq!(zstd::decode_all(&*bytes).expect("zstd"), b"id\n1\n");
        let (bytes, _) = written("a.csv.zip");
        let mut archive = zip::ZipArchive::new(io::Cursor::new(&bytes)).expect("an archive");
        let mut member = archive.by_name("a.csv").expect("the member");
        text.clear();
        member.read_to_string(&mut text).expect("zip");
        assert_eq!(text, "id\n1\n");
        assert_eq!(written("a.csv.zip").0, bytes, "the same bytes every time");
    }

    #[test]
    fn every_folder_that_leads_to_a_file_is_brought_to_disk_with_it() {
        let folders = |path: &str| {
            let (path, part, sha256) = (PathBuf::from(path), Part(PathBuf::new()), String::new());
            let file = FinishedFile { path, part, sha256 };
            file.folders().map(|folder| folder.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(folders("x.csv"), ["."]);
        assert_eq!(folders("a/b/x.csv"), ["a/b", "a", "."]);
        assert_eq!(folders("/a/x.csv"), ["/a", "/"]);
    }

    #[test]
    fn bytes_and_hash_are_those_of_the_file() {
        for name in ["a.csv", "a.csv.gz"] {
            let (bytes, written) = written(name);
            assert_eq!(written.bytes, bytes.len() as u64);
            let hash: String =
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(written.sha256, hash);
        }
    }

    #[test]
    fn what_is_left_unfinished_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").expect("written");
        let part = folder.path().join("1.part");
        let mut part = PartFile::create(&path, part, &Arc::default()).expect("created");
        part.add(b"new").expect("written");
        drop(part);
        assert_eq!(fs::read_to_string(&path).expect("the file"), "old");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn the_same_bytes_are_left_alone_unless_others_may_read_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        let place = |bytes: &[u8]| {
            let part = folder.path().join("1.part");
            let mut part = PartFile::create(&path, part, &Arc::default()).expect("created");
            part.add(bytes).expect("written");
            part.finish().expect("finished").1.place().expect("placed")
        };
        assert_eq!([place(b"1\n"), place(b"1\n"), place(b"2\n")], [true, false, true]);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its mode is set");
        assert!(place(b"2\n"));
        assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
    }
}
