//! Workbooks with titles above their header, and what damages their cells.
//!
//! A sheet has 1,048,576 rows and no more: [`ROWS`] is what an order of more is cut to.

mod results;

use std::path::PathBuf;

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError,
};

use super::{Expected, MadeFile, Order, cannot_write, plan::Fault};
use crate::error::Result;

/// Records of a sheet at most: below the format's last row, which a run would warn of.
pub(super) const ROWS: u64 = 1_048_000;

/// What stands in a cell.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Text(String),
    Number(f64),
    Bool(bool),
    /// A day, as `yyyy-mm-dd`.
    Day(String),
    /// A number that is shown as a day.
    Serial(f64),
    /// The error a formula shows that finds nothing.
    NotAvailable,
    /// A formula that was never calculated.
    NoResult,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Cell::Text(text) if text.is_empty())
    }

    pub(super) fn number(number: u64) -> Self {
        Cell::Number(u32::try_from(number).map_or(0.0, f64::from))
    }
}

/// The cells of a row.
pub(super) type SheetRow = Vec<Cell>;

/// What damages a row of a sheet of `WIDTH` columns; something must stand in the one at `AT`.
pub(super) const fn damaged<const AT: usize, const WIDTH: usize>() -> [Fault<SheetRow>; 3] {
    [
        Fault::new("not-available", "sheet.error", |row: &mut SheetRow, _| {
            row[AT] = Cell::NotAvailable;
        }),
        Fault::new("formula-without-result", "sheet.formula", |row: &mut SheetRow, _| {
            row[AT] = Cell::NoResult;
        }),
        Fault::new("beyond-header", "sheet.ragged", |row: &mut SheetRow, _| {
            row.resize(WIDTH, Cell::text(""));
            row.push(Cell::text("more"));
        }),
    ]
}

/// A day that never was: Lotus took 1900 for a leap year.
pub(super) fn set_day_60(row: &mut SheetRow, at: usize) {
    row[at] = Cell::Serial(60.0);
}

/// One sheet being written, from top to bottom.
pub(super) struct SheetFile {
    path: PathBuf,
    workbook: Workbook,
    date: Format,
    row: u32,
    /// Whether there is a formula that must not have one.
    lacks_results: bool,
}

impl SheetFile {
    /// A workbook with one sheet: a title, an empty row, the header on row 3.
    pub(super) fn start(
        order: &Order,
        name: &str,
        sheet: &str,
        title: &str,
        header: &[&str],
    ) -> Result<Self> {
        let path = order.folder.join(name);
        let workbook = start(sheet, title, header).map_err(|cause| cannot_write(&path, cause))?;
        let date = Format::new().set_num_format("dd/mm/yyyy");
        Ok(Self { path, workbook, date, row: 3, lacks_results: false })
    }

    /// Writes the next row.
    pub(super) fn row(&mut self, cells: &[Cell]) -> Result<()> {
        let written = self.write(cells);
        written.map_err(|cause| cannot_write(&self.path, cause))
    }

    fn write(&mut self, cells: &[Cell]) -> std::result::Result<(), XlsxError> {
        let sheet = self.workbook.worksheet_from_index(0)?;
        self.lacks_results |= cells.iter().any(|cell| matches!(cell, Cell::NoResult));
        for (column, cell) in (0..).zip(cells) {
            write_cell(sheet, (self.row, column), cell, &self.date)?;
        }
        self.row += 1;
        Ok(())
    }

    /// Brings it to disk.
    pub(super) fn save(mut self) -> Result<()> {
        let failed = |cause| cannot_write(&self.path, cause);
        self.workbook.save(&self.path).map_err(failed)?;
        if self.lacks_results { results::remove(&self.path) } else { Ok(()) }
    }
}

fn start(sheet: &str, title: &str, header: &[&str]) -> std::result::Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    // It does not say when it was made, so that the same seed gives the same bytes.
    let made = ExcelDateTime::from_ymd(2024, 11, 21)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let sheet = workbook.add_worksheet_with_constant_memory()?.set_name(sheet)?;
    sheet.write_string(0, 0, title)?;
    for (column, name) in (0..).zip(header) {
        sheet.write_string(2, column, *name)?;
    }
    Ok(workbook)
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    date: &Format,
) -> std::result::Result<(), XlsxError> {
    let write_formula = |sheet: &mut Worksheet, result| {
        sheet.write_formula(row, column, Formula::new("=NA()").set_result(result)).map(drop)
    };
    match cell {
        Cell::Text(text) => sheet.write_string(row, column, text).map(drop),
        Cell::Number(number) => sheet.write_number(row, column, *number).map(drop),
        Cell::Bool(truth) => sheet.write_boolean(row, column, *truth).map(drop),
        Cell::Day(day) => {
            let day = ExcelDateTime::parse_from_str(day)?;
            sheet.write_datetime_with_format(row, column, &day, date).map(drop)
        }
        Cell::Serial(number) => {
            sheet.write_number_with_format(row, column, *number, date).map(drop)
        }
        Cell::NotAvailable => write_formula(sheet, "#N/A"),
        Cell::NoResult => write_formula(sheet, results::NONE),
    }
}

/// Makes a workbook for a pipeline with one target: each row spoiled as planned.
pub(super) fn sheet_file(
    order: &Order,
    ((name, sheet, title), header): ((&str, &str, &str), &[&str]),
    (pipeline, table): (&str, &str),
    faults: &[&'static [Fault<SheetRow>]],
    places: impl Iterator<Item = u64>,
    make: impl Fn(u64) -> SheetRow,
) -> Result<MadeFile> {
    let mut out = SheetFile::start(order, name, sheet, title, header)?;
    let mut expected = Expected::of(pipeline, &[table]);
    let mut series = order.plan(faults);
    for place in places {
        let (row, fault) = series.next(place, &make);
        expected.record(fault.map(|fault| fault.found));
        out.row(&row)?;
    }
    out.save()?;
    Ok(series.made(name, vec![expected]))
}
