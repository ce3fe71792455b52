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
    source::{InputFile, RejectedWriter},
};

pub(in crate::source) struct RejectedFeatures {
    path: PathBuf,
    out: BufWriter<File>,
    layout: Layout,
    written: u64,
}

impl RejectedFeatures {
    /// Starts the file at `path`; `crs` is the collection's own member, if it had one.
    pub(in crate::source) fn create(
        path: PathBuf,
        layout: Layout,
        crs: Option<&str>,
    ) -> Result<Self> {
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

/// Where rejected records go: the input's name without its compression, and with
/// its ordinal where another folder's file has the same name.
pub(in crate::source) fn rejected_path(
    file: &InputFile,
    folder: &Path,
    extension: &str,
) -> PathBuf {
    let name = unpacked_name(file, extension);
    let path = folder.join(&name);
    if path.symlink_metadata().is_err() {
        return path;
    }
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let extension = name.extension().unwrap_or_default().to_string_lossy();
    folder.join(format!("{stem}.{}.{extension}", file.ordinal))
}

fn unpacked_name(file: &InputFile, extension: &str) -> PathBuf {
    let mut name = PathBuf::from(file.path.file_name().unwrap_or_default());
    let packed = |name: &Path| {
        let extension = name.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| {
            ["gz", "zst", "zstd", "bz2", "zip"]
                .iter()
                .any(|packed| extension.eq_ignore_ascii_case(packed))
        })
    };
    while packed(&name) {
        name.set_extension("");
    }
    if name.extension().is_none() {
        name.set_extension(extension);
    }
    name
}
