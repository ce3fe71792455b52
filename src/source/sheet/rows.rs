//! Cells put together to rows: what is read of a sheet, as row bytes.

use super::{
    area::{Area, COLUMNS_MAX, ROWS_MAX},
    failure::{damaged, too_large},
    row::{Content, RowBuilder},
    workbook::{Visit, Workbook},
};
use crate::error::Result;

/// A row beyond this is no row of data; it keeps splits far below their limit.
const ROW_BYTES_MAX: usize = 64 << 20;

/// Takes a row: its number on the sheet, and its bytes.
pub(super) type RowVisitor<'v> = dyn FnMut(u32, &[u8]) -> Result<Visit> + 'v;

/// Shows the visitor the rows `first ..= last` of the area's columns that hold something.
///
/// # Errors
/// The visitor's, or `ErrorKind::Source` when the sheet is damaged.
pub(super) fn visit_rows(
    workbook: &mut Workbook,
    area: &Area,
    rows: std::ops::RangeInclusive<u32>,
    visitor: &mut RowVisitor<'_>,
) -> Result<()> {
    let date_1904 = workbook.date_1904;
    let mut assembly = Assembly { builder: RowBuilder::default(), open: None, visitor };
    let mut last_row = 0;
    workbook.visit(&mut |row, column, content| {
        if row >= ROWS_MAX || column >= COLUMNS_MAX {
            return Err(damaged("it has a cell beyond the end of any sheet"));
        }
        let row = row + 1;
        // A row that comes late could be one that was passed over before.
        if row < last_row {
            return Err(damaged("its rows are not in order"));
        }
        last_row = row;
        if row > *rows.end() {
            return Ok(Visit::Enough);
        }
        match area.column(column) {
            Some(column) if rows.contains(&row) => assembly.add(row, column, content, date_1904),
            _ => Ok(Visit::More),
        }
    })?;
    assembly.close().map(drop)
}

struct Assembly<'a, 'v> {
    builder: RowBuilder,
    /// The row being put together.
    open: Option<u32>,
    visitor: &'a mut RowVisitor<'v>,
}

impl Assembly<'_, '_> {
    fn add(
        &mut self,
        row: u32,
        column: u16,
        content: Content<'_>,
        date_1904: bool,
    ) -> Result<Visit> {
        if self.open != Some(row) {
            if self.close()? == Visit::Enough {
                return Ok(Visit::Enough);
            }
            self.builder.start(row);
            self.open = Some(row);
        }
        self.builder.push(column, content, date_1904);
        if self.builder.len() > ROW_BYTES_MAX {
            return Err(too_large(format_args!("row {row} is over 64 MiB")));
        }
        Ok(Visit::More)
    }

    fn close(&mut self) -> Result<Visit> {
        match (self.open.take(), self.builder.finish()) {
            (Some(row), Some(bytes)) => (self.visitor)(row, bytes),
            _ => Ok(Visit::More),
        }
    }
}
