//! Files that are written from beginning to end: plain, gzipped, or a zip of several.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::Order;
use crate::error::{Error, Result};

type Plain = BufWriter<fs::File>;

/// A file in the folder of an order.
pub(super) struct OutFile {
    path: PathBuf,
    out: Out,
}

enum Out {
    Plain(Plain),
    Gzip(Box<GzEncoder<Plain>>),
    Zip(Box<ZipWriter<Plain>>),
}

impl OutFile {
    pub(super) fn create(order: &Order, name: &str) -> Result<Self> {
        Self::open(order, name, Out::Plain)
    }

    pub(super) fn gzip(order: &Order, name: &str) -> Result<Self> {
        Self::open(order, name, |file| {
            Out::Gzip(Box::new(GzEncoder::new(file, Compression::default())))
        })
    }

    /// A zip, in which [`Self::part`] starts each file.
    pub(super) fn zip(order: &Order, name: &str) -> Result<Self> {
        Self::open(order, name, |file| Out::Zip(Box::new(ZipWriter::new(file))))
    }

    fn open(order: &Order, name: &str, layer: fn(Plain) -> Out) -> Result<Self> {
        let path = order.folder.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|cause| cannot_write(folder, cause))?;
        }
        let file = fs::File::create(&path).map_err(|cause| cannot_write(&path, cause))?;
        Ok(Self { path, out: layer(BufWriter::new(file)) })
    }

    /// Begins the next file of a zip.
    pub(super) fn part(&mut self, name: &str) -> Result<()> {
        let Out::Zip(zip) = &mut self.out else { return Ok(()) };
        // The time of a part is the format's first, so that the same seed gives the same bytes.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .large_file(true);
        zip.start_file(name, options).map_err(|cause| cannot_write(&self.path, cause))
    }

    /// Writes bytes; the end of a line is among them.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.out {
            Out::Plain(out) => out.write_all(bytes),
            Out::Gzip(out) => out.write_all(bytes),
            Out::Zip(out) => out.write_all(bytes),
        };
        written.map_err(|cause| cannot_write(&self.path, cause))
    }

    pub(super) fn finish(self) -> Result<()> {
        let failed = |cause| cannot_write(&self.path, cause);
        let mut out = match self.out {
            Out::Plain(out) => out,
            Out::Gzip(out) => out.finish().map_err(failed)?,
            Out::Zip(out) => out.finish().map_err(|cause| cannot_write(&self.path, cause))?,
        };
        out.flush().map_err(failed)
    }
}

pub(super) fn cannot_write(
    path: &Path,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::environment(format!("`{}` cannot be written", path.display())).caused_by(cause)
}
