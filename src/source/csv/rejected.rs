//! Rejected records as a CSV of the same kind, ready to correct and read again.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Shape;
use crate::{
    error::{Error, Result},
    private_file,
    source::RejectedWriter,
};

/// Writes the file's own start, then the records as they stood.
pub(super) struct CsvRejectedWriter {
    file: BufWriter<File>,
    path: PathBuf,
    shape: Arc<Shape>,
    encoded: Vec<u8>,
}

impl CsvRejectedWriter {
    pub(super) fn create(shape: Arc<Shape>, folder: &Path) -> Result<Self> {
        let path = free_path(folder, &shape);
        let file = BufWriter::new(private_file::create(&path)?);
        let mut writer = Self { file, path, shape, encoded: Vec::new() };
        writer.start()?;
        Ok(writer)
    }

    fn start(&mut self) -> Result<()> {
        let shape = Arc::clone(&self.shape);
        if shape.text.marked {
            self.put("\u{feff}".as_bytes())?;
        }
        self.put(&shape.start.prelude)?;
        let ended = shape.start.prelude.last().is_none_or(|last| matches!(last, b'\n' | b'\r'));
        if ended { Ok(()) } else { self.put(&shape.start.line_end) }
    }

    /// Writes bytes of the stream, in the encoding that the file had.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = if self.shape.text.transcoded {
            self.encoded.clear();
            let text = String::from_utf8_lossy(bytes);
            self.shape.text.encoding.encode_into(&text, &mut self.encoded);
            self.file.write_all(&self.encoded)
        } else {
            self.file.write_all(bytes)
        };
        written.map_err(|cause| failed(&self.path, cause))
    }
}

impl RejectedWriter for CsvRejectedWriter {
    fn write(&mut self, raw: &[u8]) -> Result<()> {
        self.put(raw)?;
        let shape = Arc::clone(&self.shape);
        self.put(&shape.start.line_end)
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let brought = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        brought.map_err(|cause| failed(&self.path, cause))
    }
}

fn failed(path: &Path, cause: std::io::Error) -> Error {
    Error::environment(format!("`{}` cannot be written", path.display()))
        .caused_by(cause)
        .hint("is there enough room on that disk?")
}

/// `<stem>.csv`; with the file's ordinal where another folder's file has the same name.
fn free_path(folder: &Path, shape: &Shape) -> PathBuf {
    let name = shape.file.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let packed = [".gz", ".zst", ".zstd", ".bz2", ".zip"];
    let bare = packed.iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    let stem = Path::new(bare).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| "records".to_owned());
    let path = folder.join(format!("{stem}.csv"));
    if path.symlink_metadata().is_err() {
        return path;
    }
    folder.join(format!("{stem}.{}.csv", shape.file.ordinal))
}
