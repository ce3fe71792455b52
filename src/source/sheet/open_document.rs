//! OpenDocument sheets, counted before calamine unfolds them.
//!
//! ODF writes runs of equal cells and rows once, with a count. calamine unfolds
//! them into a dense grid while it opens the file, sums them only afterwards,
//! and waits for ever where the XML ends inside a table. So this walks the
//! content once, without keeping anything: it proves that the XML is whole and
//! that the grids stay below a limit.

use std::io::{BufReader, Read, Seek};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use zip::ZipArchive;

use super::{
    area::{COLUMNS_MAX, ROWS_MAX},
    failure::{damaged, of_zip, password, too_large, unreadable},
    package,
};
use crate::error::Result;

/// Cells of all tables, unfolded; each takes about 50 bytes in calamine.
const CELLS_MAX: u64 = 40_000_000;

/// Spaces written as a count (`text:s`).
const COUNTED_SPACES_MAX: u64 = 16 << 20;

/// What the tables unfold to.
#[derive(Debug, Default)]
struct Unfolded {
    depth: u32,
    /// Cells of all rows, and of the grids of the tables that have ended.
    cells: u64,
    spaces: u64,
    row: RowExtent,
    table: TableExtent,
}

#[derive(Debug, Default)]
struct RowExtent {
    repeats: u64,
    /// Columns up to the last cell that holds something.
    width: u64,
    /// Columns so far.
    columns: u64,
}

#[derive(Debug, Default)]
struct TableExtent {
    /// Rows from the first that holds something to the last.
    rows: u64,
    empty_rows: u64,
    width: u64,
}

/// Walks the content of an `.ods` package.
///
/// # Errors
/// `ErrorKind::Source` when it is encrypted, its XML is not whole, or unfolds to too
/// many cells.
pub(super) fn inspect<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<()> {
    if is_encrypted(archive)? {
        return Err(password());
    }
    let Some(name) = package::find_part(archive, "content.xml")? else {
        return Err(damaged("a part of its package is missing"));
    };
    let part = archive.by_name(&name).map_err(of_zip)?;
    walk(part)
}

/// Encrypted parts are listed as such; their content is noise.
fn is_encrypted<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<bool> {
    let Some(name) = package::find_part(archive, "meta-inf/manifest.xml")? else {
        return Ok(false);
    };
    let mut manifest = Vec::new();
    archive.by_name(&name).map_err(of_zip)?.read_to_end(&mut manifest).map_err(unreadable)?;
    Ok(memchr::memmem::find(&manifest, b"encryption-data").is_some())
}

fn walk(content: impl Read) -> Result<()> {
    let mut reader = Reader::from_reader(BufReader::new(content));
    let mut buffer = Vec::new();
    let mut unfolded = Unfolded::default();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        match event.map_err(|_| damaged("its XML is not well-formed"))? {
            Event::Start(tag) => {
                unfolded.depth += 1;
                unfolded.start(&tag)?;
            }
            Event::Empty(tag) => {
                unfolded.start(&tag)?;
                unfolded.end(tag.name().as_ref())?;
            }
            Event::End(tag) => {
                unfolded.depth = unfolded.depth.saturating_sub(1);
                unfolded.end(tag.name().as_ref())?;
            }
            Event::DocType(_) => {
                return Err(damaged("a part of it has a document type declaration"));
            }
            Event::Eof if unfolded.depth > 0 => return Err(damaged("its XML ends too early")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

impl Unfolded {
    fn start(&mut self, tag: &BytesStart<'_>) -> Result<()> {
        match tag.name().as_ref() {
            "table:table" => self.table = TableExtent::default(),
            "table:table-row" => {
                let repeats = count(tag, "table:number-rows-repeated")?.min(u64::from(ROWS_MAX));
                self.row = RowExtent { repeats, ..RowExtent::default() };
            }
            "table:table-cell" | "table:covered-table-cell" => self.row.add_cell(tag)?,
            "text:s" => {
                self.spaces = self.spaces.saturating_add(count(tag, "text:c")?);
                if self.spaces > COUNTED_SPACES_MAX {
                    return Err(too_large("it has too many spaces"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<()> {
        match name {
            "table:table-row" => {
                self.cells = self.cells.saturating_add(self.row.width);
                self.table.add_row(&self.row);
            }
            "table:table" => {
                let grid = self.table.rows.saturating_mul(self.table.width);
                self.cells = self.cells.saturating_add(grid);
                self.table = TableExtent::default();
            }
            _ => return Ok(()),
        }
        if self.cells > CELLS_MAX {
            return Err(too_large(format_args!("over {} million cells", CELLS_MAX / 1_000_000)));
        }
        Ok(())
    }
}

impl RowExtent {
    fn add_cell(&mut self, tag: &BytesStart<'_>) -> Result<()> {
        let repeats = count(tag, "table:number-columns-repeated")?;
        self.columns = self.columns.saturating_add(repeats).min(u64::from(COLUMNS_MAX));
        let holds_something = tag.attributes().with_checks(false).flatten().any(|attribute| {
            let key = attribute.key.as_ref();
            key.starts_with("office:") || key.starts_with("calcext:") || key == "table:formula"
        });
        if holds_something {
            self.width = self.columns;
        }
        Ok(())
    }
}

impl TableExtent {
    fn add_row(&mut self, row: &RowExtent) {
        if row.width == 0 {
            self.empty_rows = self.empty_rows.saturating_add(row.repeats);
            return;
        }
        // Empty rows count only between rows that hold something.
        let gap = if self.rows == 0 { 0 } else { self.empty_rows };
        self.rows = self.rows.saturating_add(gap).saturating_add(row.repeats);
        self.rows = self.rows.min(u64::from(ROWS_MAX));
        self.empty_rows = 0;
        self.width = self.width.max(row.width);
    }
}

/// A repetition, 1 where none is written.
fn count(tag: &BytesStart<'_>, key: &str) -> Result<u64> {
    let not_a_count = || damaged("a repetition in it is not a number");
    let attribute = tag.try_get_attribute(key).map_err(|_| not_a_count())?;
    attribute.map_or(Ok(1), |attribute| attribute.value.trim().parse().map_err(|_| not_a_count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &str) -> String {
        format!(
            "<office:document-content><table:table>{rows}</table:table></office:document-content>"
        )
    }

    fn walked(content: &str) -> Result<()> {
        walk(content.as_bytes())
    }

    #[test]
    fn formatted_but_empty_rows_and_columns_cost_nothing() {
        let content = table(
            "<table:table-row><table:table-cell office:value='1'/></table:table-row>\
             <table:table-row table:number-rows-repeated='1048575'>\
             <table:table-cell table:number-columns-repeated='16384'/></table:table-row>",
        );
        assert!(walked(&content).is_ok());
    }

    #[test]
    fn runs_that_unfold_too_far_are_refused() {
        let wide = "<table:table-row table:number-rows-repeated='9999'><table:table-cell \
                    office:value='1' table:number-columns-repeated='16384'/></table:table-row>";
        assert!(walked(&table(wide)).is_err());
        let far_apart = "<table:table-row><table:table-cell office:value='1' \
                         table:number-columns-repeated='1000'/></table:table-row>\
                         <table:table-row table:number-rows-repeated='1000000'/>\
                         <table:table-row><table:table-cell office:value='1'/></table:table-row>";
        assert!(walked(&table(far_apart)).is_err());
        let spaces = "<table:table-row><table:table-cell office:value-type='string'>\
                      <text:p><text:s text:c='99999999999'/></text:p></table:table-cell></table:table-row>";
        assert!(walked(&table(spaces)).is_err());
    }

    #[test]
    fn content_that_ends_too_early_is_damage() {
        let whole = table("<table:table-row/>");
        assert!(walked(&whole).is_ok());
        assert!(walked(&whole[..whole.len() - 30]).is_err());
        assert!(walked(&table("<table:table-row table:number-rows-repeated='x'/>")).is_err());
        assert!(walked("<!DOCTYPE a><a/>").is_err());
    }
}
