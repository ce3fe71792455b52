//! The file an export writes: compressed as its name says, and in place only when it is whole.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use zip::{
    ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use super::manifest::hex;
use crate::{
    error::{Error, Result},
    private_file,
};

/// Compresses about as well as level 6 of gzip, at several times its speed.
const ZSTD_LEVEL: i32 = 3;

/// The file being written, beside the one it will replace.
pub(super) struct PartFile {
    path: PathBuf,
    part: Part,
    writer: Writer,
}

/// A whole file that has not taken its place yet.
pub(super) struct FinishedFile {
    path: PathBuf,
    part: Part,
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
}

enum Writer {
    Plain(Disk),
    Gzip(Box<GzEncoder<Disk>>),
    Zstd(Box<zstd::Encoder<'static, Disk>>),
    Zip(Box<ZipWriter<StreamWriter<Disk>>>),
}

/// Where a file is written until it is whole.
pub(super) fn part_path(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".part-{}", std::process::id()));
    PathBuf::from(part)
}

impl PartFile {
    /// Opens the part file in the output's folder, which is made where it is missing.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_file::create_folder(folder)?;
        }
        let part = part_path(path);
        let file = BufWriter::new(private_file::create(&part)?);
        let part = Part(part);
        let disk = Disk { file, hash: Sha256::new(), bytes: 0 };
        let writer = Writer::named(path, disk).map_err(|cause| cannot_write(path, cause))?;
        Ok(Self { path: path.to_owned(), part, writer })
    }

    /// The folder the file will be in.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(|cause| cannot_write(&self.path, cause))
    }

    /// Ends the file; [`FinishedFile::sync`] brings it to disk.
    pub(super) fn finish(self) -> Result<(Written, FinishedFile)> {
        let failed = |cause| cannot_write(&self.path, cause);
        let mut disk = self.writer.finish().map_err(failed)?;
        disk.file.flush().map_err(failed)?;
        let written = Written { bytes: disk.bytes, sha256: hex(&disk.hash.finalize()) };
        Ok((written, FinishedFile { path: self.path, part: self.part }))
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        Ok(bytes.len())
    }

    /// Compressed bytes go out when the file is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FinishedFile {
    /// The folder the file will be in.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Brings the file to disk.
    pub(super) fn sync(&self) -> Result<()> {
        let synced = File::open(&self.part.0).and_then(|file| file.sync_all());
        synced.map_err(|cause| cannot_write(&self.path, cause))
    }

    /// Lets the file take its place; [`sync_folder`] makes that last.
    pub(super) fn place(self) -> Result<()> {
        let placed = std::fs::rename(&self.part.0, &self.path);
        placed.map_err(|cause| cannot_write(&self.path, cause))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Brings the names in a folder to disk.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|cause| cannot_write(folder, cause))
}

/// Brings many files to disk at once; those of a set are on one file system as a rule, and any
/// other is synced on its own.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_system(files: &[FinishedFile]) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mut synced = Vec::new();
    for file in files {
        let failed = |cause| cannot_write(&file.path, cause);
        let opened = File::open(&file.part.0).map_err(failed)?;
        let device = opened.metadata().map_err(failed)?.dev();
        if !synced.contains(&device) {
            rustix::fs::syncfs(&opened).map_err(|cause| failed(cause.into()))?;
            synced.push(device);
        }
    }
    Ok(())
}

/// Brings many files to disk.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync_file_system(files: &[FinishedFile]) -> Result<()> {
    files.iter().try_for_each(FinishedFile::sync)
}

impl Drop for Part {
    /// What was not finished goes; after the rename there is nothing left to remove.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
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
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that cannot be written, and the system's reason.
pub(super) fn cannot_write(path: &Path, cause: io::Error) -> Error {
    let error = Error::environment(format!("`{}` cannot be written", path.display()));
    error.caused_by(cause).hint("is the disk full?")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn written(name: &str) -> (Vec<u8>, Written) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        let mut part = PartFile::create(&path).expect("created");
        part.add(b"id\n").and_then(|()| part.add(b"1\n")).expect("written");
        let (written, finished) = part.finish().expect("finished");
        assert!(!path.exists(), "and when it takes its place");
        finished.place().expect("placed");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1);
        (std::fs::read(&path).expect("the file"), written)
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
        std::fs::write(&path, "old").expect("written");
        let mut part = PartFile::create(&path).expect("created");
        part.add(b"new").expect("written");
        drop(part);
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }
}
