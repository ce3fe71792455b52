//! Takes the results of some formulas out of a workbook again.
//!
//! What writes workbooks gives every formula a result. A program that never calculated has none
//! to write, and leaves the value out: such cells are written with a mark, and the sheet is gone
//! through once more, cell by cell.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use zip::{CompressionMethod, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::cannot_write;
use crate::error::Result;

/// The result of a formula that is to have none.
pub(super) const NONE: &str = "no result yet";

const SHEET: &str = "xl/worksheets/sheet1.xml";

/// Rewrites the workbook without results that are [`NONE`].
pub(super) fn remove(path: &Path) -> Result<()> {
    let new = path.with_extension("new");
    rewrite(path, &new).map_err(|cause| cannot_write(&new, cause))?;
    std::fs::rename(&new, path).map_err(|cause| cannot_write(path, cause))
}

fn rewrite(from: &Path, to: &Path) -> std::result::Result<(), ZipError> {
    let mut source = ZipArchive::new(BufReader::new(File::open(from)?))?;
    let mut target = ZipWriter::new(BufWriter::new(File::create(to)?));
    for index in 0..source.len() {
        let part = source.by_index(index)?;
        if part.name()? != SHEET {
            target.raw_copy_file(part)?;
            continue;
        }
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(part.last_modified().unwrap_or_default())
            .large_file(true);
        target.start_file(SHEET, options)?;
        copy_cells(BufReader::new(part), &mut target)?;
    }
    target.finish()?.flush()?;
    Ok(())
}

fn copy_cells(mut from: impl BufRead, to: &mut impl Write) -> std::io::Result<()> {
    let marked = format!(" t=\"str\"><f>NA()</f><v>{NONE}</v>");
    let mut cell = Vec::new();
    // A part that ends before its last element does would be the writer's mistake; it is copied.
    while from.read_until(b'>', &mut cell)? > 0 {
        if !cell.ends_with(b"</c>") {
            continue;
        }
        let at = cell.windows(marked.len()).position(|part| part == marked.as_bytes());
        if let Some(at) = at {
            cell.splice(at..at + marked.len(), *b"><f>NA()</f>");
        }
        to.write_all(&cell)?;
        cell.clear();
    }
    to.write_all(&cell)
}
