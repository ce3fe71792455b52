//! The file an export writes: compressed as its name says, and in place only when it is whole.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, Result},
    private_file,
};

/// Compresses about as well as level 6 of gzip, at several times its speed.
const ZSTD_LEVEL: i32 = 3;

/// The file being written, beside the one it will replace.
pub(super) struct PartFile {
    path: PathBuf,
    part: PathBuf,
    writer: Option<Writer>,
    /// COPY sends each row (and the header) as a message of its own.
    messages: u64,
}

/// What is on disk.
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
    Gzip(GzEncoder<Disk>),
    Zstd(Box<zstd::Encoder<'static, Disk>>),
}

impl PartFile {
    /// Opens the part file in the output's folder, which is made where it is missing.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_file::create_folder(folder)?;
        }
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".part-{}", std::process::id()));
        let part = PathBuf::from(part);
        let file = BufWriter::with_capacity(1 << 20, private_file::create(&part)?);
        let disk = Disk { file, hash: Sha256::new(), bytes: 0 };
        let writer = Writer::named(path, disk).map_err(|cause| cannot_write(path, cause))?;
        Ok(Self { path: path.to_owned(), part, writer: Some(writer), messages: 0 })
    }

    /// Adds one message of COPY.
    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.messages += 1;
        match &mut self.writer {
            Some(writer) => {
                writer.write_all(chunk).map_err(|cause| cannot_write(&self.path, cause))
            }
            None => Err(Error::unexpected("a finished export is written to")),
        }
    }

    /// Brings everything to disk, then lets the file take its place; with it the messages.
    pub(super) fn finish(mut self) -> Result<(Written, u64)> {
        let failed = |cause| cannot_write(&self.path, cause);
        let Some(writer) = self.writer.take() else {
            return Err(Error::unexpected("an export is finished twice"));
        };
        let mut disk = writer.finish().map_err(failed)?;
        disk.file.flush().map_err(failed)?;
        disk.file.get_ref().sync_all().map_err(failed)?;
        std::fs::rename(&self.part, &self.path).map_err(failed)?;
        let sha256 = disk.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((Written { bytes: disk.bytes, sha256 }, self.messages))
    }
}

impl Drop for PartFile {
    /// What was not finished goes; after the rename there is nothing left to remove.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.part);
    }
}

impl Writer {
    /// The writer that the output's ending asks for.
    fn named(path: &Path, disk: Disk) -> io::Result<Self> {
        let ending = path.extension().unwrap_or_default();
        if ending.eq_ignore_ascii_case("gz") {
            return Ok(Writer::Gzip(GzEncoder::new(disk, Compression::default())));
        }
        if ending.eq_ignore_ascii_case("zst") {
            let mut encoder = zstd::Encoder::new(disk, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            return Ok(Writer::Zstd(Box::new(encoder)));
        }
        Ok(Writer::Plain(disk))
    }

    fn write_all(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Writer::Plain(disk) => disk.write_all(chunk),
            Writer::Gzip(encoder) => encoder.write_all(chunk),
            Writer::Zstd(encoder) => encoder.write_all(chunk),
        }
    }

    fn finish(self) -> io::Result<Disk> {
        match self {
            Writer::Plain(disk) => Ok(disk),
            Writer::Gzip(encoder) => encoder.finish(),
            Writer::Zstd(encoder) => encoder.finish(),
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

fn cannot_write(path: &Path, cause: io::Error) -> Error {
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
        part.write(b"id\n").and_then(|()| part.write(b"1\n")).expect("written");
        assert!(!path.exists(), "it is in place only when it is whole");
        let (written, messages) = part.finish().expect("finished");
        assert_eq!(messages, 2);
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
        part.write(b"new").expect("written");
        drop(part);
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }
}
