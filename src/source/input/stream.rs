//! A file's decoded bytes, with the progress made on disk and a check that
//! the file stayed what it was.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::error::{Error, Result};

/// The decoded (decompressed) bytes of one input.
///
/// At its end it looks at the file again: one that grew, shrank or was
/// written meanwhile makes the last read fail.
pub struct InputStream {
    reader: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
    watch: Watch,
}

impl InputStream {
    pub(super) fn new(reader: Box<dyn Read + Send>, file: OpenedFile) -> Self {
        Self { reader, consumed: file.consumed, watch: file.watch }
    }

    /// Bytes of the file on disk consumed so far, for progress.
    pub fn bytes_read(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// The shared counter behind [`Self::bytes_read`], for a stream that is wrapped.
    pub fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }

    /// The file it reads.
    pub fn path(&self) -> &Path {
        &self.watch.path
    }
}

impl Read for InputStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.watch.unchanged()?;
        }
        Ok(count)
    }
}

impl std::fmt::Debug for InputStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputStream").field("path", &self.watch.path).finish_non_exhaustive()
    }
}

/// What the operator is told when reading `path` failed half way.
pub(crate) fn read_failed(path: &Path, cause: io::Error) -> Error {
    let path = path.display();
    match cause.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::source_file(format!("`{path}` is incomplete: it ends in the middle"))
                .caused_by(cause)
                .hint("fetch the file again; nothing of it has been published")
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::source_file(format!("`{path}` is damaged"))
                .caused_by(cause)
                .hint("fetch the file again; nothing of it has been published")
        }
        _ => Error::source_file(format!("`{path}` cannot be read")).caused_by(cause),
    }
}

/// A regular file, opened, not yet decoded.
pub(super) struct OpenedFile {
    file: File,
    consumed: Arc<AtomicU64>,
    watch: Watch,
}

impl OpenedFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        // A pipe would be opened, and wait for a writer for ever.
        let kind = std::fs::metadata(path).map_err(|cause| missing(path, cause))?;
        if !kind.is_file() {
            return Err(not_a_file(path, &kind));
        }
        let file = File::open(path).map_err(|cause| missing(path, cause))?;
        let metadata = file.metadata().map_err(|cause| missing(path, cause))?;
        let again = file.try_clone().map_err(|cause| missing(path, cause))?;
        let watch = Watch { path: path.to_owned(), file: again, before: metadata };
        Ok(Self { file, consumed: Arc::default(), watch })
    }

    pub(super) fn path(&self) -> &Path {
        &self.watch.path
    }

    /// The file's first bytes, at most `length`; the position stays at the start.
    pub(super) fn first_bytes(&self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        let read = file.take(length).read_to_end(&mut bytes).and_then(|_| file.rewind());
        read.map_err(|cause| read_failed(self.path(), cause))?;
        Ok(bytes)
    }

    /// A reader of `length` bytes from `start`, counting what it consumes.
    pub(super) fn part(&self, start: u64, length: u64) -> Result<io::Take<CountingFile>> {
        let mut reader = self.reader()?;
        let moved = reader.file.seek(SeekFrom::Start(start));
        moved.map_err(|cause| read_failed(self.path(), cause))?;
        Ok(reader.take(length))
    }

    /// A reader of the whole file, counting what it consumes.
    pub(super) fn reader(&self) -> Result<CountingFile> {
        let file = self.file.try_clone().map_err(|cause| read_failed(self.path(), cause))?;
        Ok(CountingFile { file, consumed: Arc::clone(&self.consumed) })
    }
}

fn missing(path: &Path, cause: io::Error) -> Error {
    let what =
        if cause.kind() == io::ErrorKind::NotFound { "does not exist" } else { "cannot be opened" };
    Error::source_file(format!("`{}` {what}", path.display())).caused_by(cause)
}

fn not_a_file(path: &Path, kind: &Metadata) -> Error {
    let path = path.display();
    if kind.is_dir() {
        return Error::source_file(format!("`{path}` is a folder, not a file"))
            .hint("name the files in it with a glob");
    }
    Error::source_file(format!("`{path}` is a pipe or device, not a file"))
        .hint("pipe it in and write `path = \"-\"`")
}

/// Counts the bytes that leave the disk.
pub(super) struct CountingFile {
    file: File,
    consumed: Arc<AtomicU64>,
}

impl Read for CountingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The file as it was when opened.
struct Watch {
    path: PathBuf,
    file: File,
    before: Metadata,
}

impl Watch {
    fn unchanged(&self) -> io::Result<()> {
        let now = self.file.metadata()?;
        if now.len() == self.before.len() && now.modified()? == self.before.modified()? {
            return Ok(());
        }
        Err(io::Error::other("the file was changed while it was read"))
    }
}
