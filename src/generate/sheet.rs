//! Workbooks with titles above their header.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Formula, Workbook, XlsxError};

use super::{Order, cannot_write};
use crate::error::Result;

/// What stands in a cell.
pub(super) enum Cell<'a> {
    Text(&'a str),
    Number(f64),
    /// A day, as `yyyy-mm-dd`.
    Day(&'a str),
    /// The error a formula shows that finds nothing.
    NotAvailable,
}

/// One sheet being written, from top to bottom.
pub(super) struct SheetFile {
    workbook: Workbook,
    row: u32,
}

impl SheetFile {
    /// A workbook with one sheet: a title, an empty row, the header on row 3.
    pub(super) fn start(sheet: &str, title: &str, header: &[&str]) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        // It does not say when it was made, so that the same seed gives the same bytes.
        let made = ExcelDateTime::from_ymd(2024, 11, 21)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
        let sheet = workbook.add_worksheet_with_constant_memory()?.set_name(sheet)?;
        sheet.write_string(0, 0, title)?;
        for (column, name) in (0..).zip(header) {
            sheet.write_string(2, column, *name)?;
        }
        Ok(Self { workbook, row: 3 })
    }

    /// Writes the next row.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), XlsxError> {
        let date = Format::new().set_num_format("dd/mm/yyyy");
        let row = self.row;
        let sheet = self.workbook.worksheet_from_index(0)?;
        for (column, cell) in (0..).zip(cells) {
            match cell {
                Cell::Text(text) => sheet.write_string(row, column, *text)?,
                Cell::Number(number) => sheet.write_number(row, column, *number)?,
                Cell::Day(day) => {
                    let day = ExcelDateTime::parse_from_str(day)?;
                    sheet.write_datetime_with_format(row, column, &day, &date)?
                }
                Cell::NotAvailable => {
                    sheet.write_formula(row, column, Formula::new("=NA()").set_result("#N/A"))?
                }
            };
        }
        self.row += 1;
        Ok(())
    }

    /// Brings it to disk.
    pub(super) fn save(mut self, order: &Order, name: &str) -> Result<()> {
        let path = order.folder.join(name);
        self.workbook.save(&path).map_err(|cause| cannot_write(&path, cause))
    }
}
