//! The records of an `.xls`, measured before calamine lays out its sheets.
//!
//! calamine reads all sheets when it opens a workbook, reserves what their
//! `DIMENSIONS` records claim, and lays each out as a dense grid from its first
//! cell to its last. This sums both beforehand.

use super::{
    compound::Compound,
    failure::{damaged, password, too_large},
};
use crate::error::Result;

/// Cells of all grids together; each takes 24 bytes, and as much again for formulas.
const CELLS_MAX: u64 = 40_000_000;

const END: u16 = 0x000A;
const BEGIN: u16 = 0x0809;
const ENCRYPTION: u16 = 0x002F;
const SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const MULTIPLE_NUMBERS: u16 = 0x00BD;

/// Records that put one cell at the row and column they begin with: formula, label of
/// shared text, rich text, number, label, truth value or error, compressed number.
const SINGLE_CELLS: [u16; 7] = [0x0006, 0x00FD, 0x00D6, 0x0203, 0x0204, 0x0205, 0x027E];

/// Measures the sheets of a workbook.
///
/// # Errors
/// `ErrorKind::Source` when it is no workbook, encrypted, cut or too large.
pub(super) fn inspect(compound: &Compound<'_>) -> Result<()> {
    if compound.has("EncryptedPackage") {
        return Err(password());
    }
    let stream = match compound.stream("Workbook")? {
        Some(stream) => stream,
        None => compound.stream("Book")?.ok_or_else(|| {
            crate::error::Error::source_file("the file is an Office document, not a workbook")
        })?,
    };
    inspect_stream(&stream)
}

fn inspect_stream(stream: &[u8]) -> Result<()> {
    let mut cells = 0_u64;
    for start in sheet_starts(stream)? {
        let sheet = stream.get(start..).ok_or_else(|| damaged("a sheet stands beyond its end"))?;
        cells = cells.saturating_add(sheet_cells(sheet)?);
        if cells > CELLS_MAX {
            return Err(too_large(format_args!("over {} million cells", CELLS_MAX / 1_000_000)));
        }
    }
    Ok(())
}

struct Records<'s> {
    stream: &'s [u8],
}

impl<'s> Iterator for Records<'s> {
    type Item = (u16, &'s [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = u16_at(self.stream, 0)?;
        let length = usize::from(u16_at(self.stream, 2)?);
        let data = self.stream.get(4..4 + length)?;
        self.stream = &self.stream[4 + length..];
        Some((kind, data))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn sheet_starts(stream: &[u8]) -> Result<Vec<usize>> {
    let mut starts = Vec::new();
    for (kind, data) in (Records { stream }) {
        match kind {
            ENCRYPTION if u16_at(data, 0) != Some(0) => return Err(password()),
            SHEET => {
                let start = data.get(..4).and_then(|word| word.try_into().ok());
                let start = start.ok_or_else(|| damaged("a sheet has no start"))?;
                starts.push(u32::from_le_bytes(start) as usize);
            }
            END => break,
            _ => {}
        }
    }
    Ok(starts)
}

/// The cells of one sheet: what it claims or what its grid takes, whichever is more.
fn sheet_cells(stream: &[u8]) -> Result<u64> {
    let mut extent = Extent::default();
    let (mut claimed, mut depth) = (0, 0_u32);
    for (at, (kind, data)) in (Records { stream }).enumerate() {
        match kind {
            BEGIN if at > 0 => depth += 1,
            END if depth == 0 => break,
            END => depth -= 1,
            _ if depth > 0 => {}
            DIMENSIONS => claimed = u64::max(claimed, claimed_cells(data)?),
            MULTIPLE_NUMBERS => {
                let last = data.len().checked_sub(2).and_then(|at| u16_at(data, at));
                extent.add(u16_at(data, 0), u16_at(data, 2));
                extent.add(u16_at(data, 0), last);
            }
            _ if SINGLE_CELLS.contains(&kind) => extent.add(u16_at(data, 0), u16_at(data, 2)),
            _ => {}
        }
    }
    Ok(claimed.max(extent.cells()))
}

/// A claim that ends before it starts would be taken for a very large one.
fn claimed_cells(data: &[u8]) -> Result<u64> {
    let wide = |at: usize| {
        let word = data.get(at..at + 4).and_then(|word| word.try_into().ok());
        u64::from(word.map_or(0, u32::from_le_bytes))
    };
    let narrow = |at: usize| u64::from(u16_at(data, at).unwrap_or(0));
    let (first_row, end_row, first_column, end_column) = match data.len() {
        10 => (narrow(0), narrow(2), narrow(4), narrow(6)),
        _ => (wide(0), wide(4), narrow(8), narrow(10)),
    };
    let first_column =
        if first_column > 0xFF || end_column < first_column { 0 } else { first_column };
    if end_row == 0 || end_column == 0 {
        return Ok(0);
    }
    if end_row < first_row || end_column < first_column {
        return Err(damaged("a sheet claims to end before it starts"));
    }
    Ok((end_row - first_row).saturating_mul(end_column - first_column))
}

/// From the first cell to the last.
#[derive(Debug, Default)]
struct Extent {
    rows: Option<(u16, u16)>,
    columns: Option<(u16, u16)>,
}

impl Extent {
    fn add(&mut self, row: Option<u16>, column: Option<u16>) {
        let (Some(row), Some(column)) = (row, column) else { return };
        let widened = |range: Option<(u16, u16)>, at: u16| {
            range.map_or(Some((at, at)), |(first, last)| Some((first.min(at), last.max(at))))
        };
        self.rows = widened(self.rows, row);
        self.columns = widened(self.columns, column);
    }

    fn cells(&self) -> u64 {
        let length = |range: (u16, u16)| u64::from(range.1 - range.0) + 1;
        self.rows.map_or(0, length) * self.columns.map_or(0, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).expect("a short record");
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    }

    fn workbook(sheets: u32, sheet: &[u8]) -> Vec<u8> {
        let start = sheets * 12 + 4;
        let bundle = [&start.to_le_bytes()[..], &[0; 4]].concat();
        let mut stream = record(SHEET, &bundle).repeat(sheets as usize);
        stream.extend(record(END, &[]));
        assert_eq!(stream.len(), start as usize);
        stream.extend(record(BEGIN, &[0; 16]));
        stream.extend_from_slice(sheet);
        stream.extend(record(END, &[]));
        stream
    }

    fn cell(row: u16, column: u16) -> Vec<u8> {
        let place = [row.to_le_bytes(), column.to_le_bytes()].concat();
        record(0x0203, &[&place[..], &[0; 10]].concat())
    }

    #[test]
    fn two_far_cells_are_one_large_grid_on_every_sheet() {
        let far = [cell(0, 0), cell(65_535, 255)].concat();
        assert!(inspect_stream(&workbook(1, &far)).is_ok());
        assert!(inspect_stream(&workbook(3, &far)).is_err());
        assert!(inspect_stream(&workbook(3, &cell(65_535, 255))).is_ok());
    }

    #[test]
    fn claims_are_measured_too() {
        let dimensions = |rows: u32| {
            let rows = [0_u32.to_le_bytes(), rows.to_le_bytes()].concat();
            record(DIMENSIONS, &[&rows[..], &[0, 0, 0, 1, 0, 0]].concat())
        };
        assert!(inspect_stream(&workbook(1, &dimensions(1000))).is_ok());
        assert!(inspect_stream(&workbook(1, &dimensions(u32::MAX))).is_err());
        let backwards = record(DIMENSIONS, &[9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert!(inspect_stream(&workbook(1, &backwards)).is_err());
    }

    #[test]
    fn encrypted_workbooks_say_so() {
        let error = inspect_stream(&record(ENCRYPTION, &[1, 0])).expect_err("encrypted");
        assert!(error.to_string().contains("password"));
    }
}
