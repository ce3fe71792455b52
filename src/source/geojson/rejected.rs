//! Writes rejected features as the file held them: a collection, or one after the other.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use super::layout::Layout;
use crate::{
    error::{Error, Result},
    private_file,
    source::RejectedWriter,
};

pub(super) struct RejectedFeatures {
    path: PathBuf,
    out: BufWriter<File>,
    layout: Layout,
    written: u64,
}

impl RejectedFeatures {
    /// Starts the file at `path`; `crs` is the collection's own member, if it had one.
    pub(super) fn create(path: PathBuf, layout: Layout, crs: Option<&str>) -> Result<Self> {
        let out = BufWriter::new(private_file::create(&path)?);
        let mut writer = Self { path, out, layout, written: 0 };
        if layout == Layout::Collection {
            let crs = crs.map(|crs| format!("\"crs\":{crs},")).unwrap_or_default();
            writer.put(&[
                b"{\"type\":\"FeatureCollection\",",
                crs.as_bytes(),
                b"\"features\":[",
            ])?;
        }
        Ok(writer)
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<()> {
        let written = parts.iter().try_for_each(|part| self.out.write_all(part));
        written.map_err(|cause| cannot_write(&self.path, cause))
    }
}

fn cannot_write(path: &Path, cause: std::io::Error) -> Error {
    let what = format!("`{}` cannot be written", path.display());
    Error::environment(what).caused_by(cause).hint("is there enough room on that disk?")
}

impl RejectedWriter for RejectedFeatures {
    fn write(&mut self, raw: &[u8]) -> Result<()> {
        self.written += 1;
        match self.layout {
            Layout::Collection if self.written == 1 => self.put(&[b"\n", raw]),
            Layout::Collection => self.put(&[b",\n", raw]),
            Layout::TextSequence => self.put(&[b"\x1e", raw, b"\n"]),
            Layout::Lines | Layout::Objects => self.put(&[raw, b"\n"]),
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.layout == Layout::Collection {
            self.put(&[b"\n]}\n"])?;
        }
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        synced.map_err(|cause| cannot_write(&self.path, cause))
    }
}
