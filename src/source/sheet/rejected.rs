//! Rejected rows as a workbook of the original's layout, ready to correct and replay.
//!
//! Whatever format the original had, this is an `.xlsx`: the source decides by
//! content, so the same pipeline reads it. Sheet, header row and columns stand
//! where they stood. What cannot be written as it was (an impossible date, a
//! formula without result) becomes `#N/A`, so that a row replayed without being
//! corrected is rejected again.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet, XlsxError};

use super::{
    area::Area,
    row::{Cells, Stored},
    serial::{self, serial_of},
};
use crate::{
    definition::SheetRef,
    error::{Error, Result},
    private_file,
    source::{InputFile, RejectedWriter},
};

/// Writes rejected rows; memory stays bounded since rows go to an unnamed file in the folder.
pub(super) struct RejectedRows {
    workbook: Workbook,
    sheet: usize,
    path: PathBuf,
    /// Claims the path from the start, though it is filled at the end.
    file: File,
    first_column: u16,
    next_row: u32,
    formats: Formats,
}

struct Formats {
    date: Format,
    date_time: Format,
    duration: Format,
}

/// Where the rows stood.
pub(super) struct Layout<'l> {
    pub(super) sheet_name: &'l str,
    pub(super) sheet: Option<&'l SheetRef>,
    pub(super) area: Area,
    /// What stands in the rows that name the columns.
    pub(super) header: &'l [super::NamingRow],
}

impl RejectedRows {
    /// Starts the workbook of a file's rejected rows, with blank rows above the header as in the original.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when nothing can be written in its folder.
    pub(super) fn create(input: &InputFile, folder: &Path, layout: &Layout<'_>) -> Result<Self> {
        let path = free_path(folder, input);
        let file = private_file::create(&path)?;
        let first_column = u16::try_from(layout.area.first_column)
            .map_err(|_| Error::unexpected("a sheet has at most 16,384 columns"))?;
        let mut workbook = Workbook::new();
        workbook.set_tempdir(folder).map_err(|error| cannot_write(&path, error))?;
        let sheet =
            add_sheets(&mut workbook, layout).map_err(|error| cannot_write(&path, error))?;
        let formats = Formats {
            date: Format::new().set_num_format("yyyy-mm-dd"),
            date_time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss.000"),
            duration: Format::new().set_num_format("[h]:mm:ss.000"),
        };
        let next_row = layout.area.first_row - 1;
        let mut rows = Self { workbook, sheet, path, file, first_column, next_row, formats };
        for (row, names) in layout.header {
            rows.write_header(row - 1, names)?;
        }
        Ok(rows)
    }

    fn worksheet(&mut self) -> Result<&mut Worksheet> {
        let sheet = self.workbook.worksheet_from_index(self.sheet);
        sheet.map_err(|error| cannot_write(&self.path, error))
    }

    fn write_header(&mut self, row: u32, fields: &[String]) -> Result<()> {
        let (first, path) = (self.first_column, self.path.clone());
        let sheet = self.worksheet()?;
        for (column, name) in (first..).zip(fields) {
            sheet.write_string(row, column, name).map_err(|error| cannot_write(&path, error))?;
        }
        Ok(())
    }
}

/// `<stem>.xlsx`; with the file's ordinal where another folder's file has the same name.
fn free_path(folder: &Path, input: &InputFile) -> PathBuf {
    let stem = input.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| "records".to_owned());
    let path = folder.join(format!("{stem}.xlsx"));
    if path.symlink_metadata().is_err() {
        return path;
    }
    folder.join(format!("{stem}.{}.xlsx", input.ordinal))
}

/// Adds the sheet, and empty ones before it where the pipeline counts sheets.
fn add_sheets(workbook: &mut Workbook, layout: &Layout<'_>) -> Result<usize, XlsxError> {
    let before = match layout.sheet {
        Some(SheetRef::Number(number)) => number.saturating_sub(1) as usize,
        _ => 0,
    };
    for _ in 0..before {
        workbook.add_worksheet();
    }
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    // OpenDocument allows names that Excel does not: they keep what Excel allows.
    if sheet.set_name(layout.sheet_name).is_err() {
        let allowed = |c: &char| !"[]:*?/\\".contains(*c);
        let name: String = layout.sheet_name.chars().filter(allowed).take(31).collect();
        sheet.set_name(name.trim_matches('\''))?;
    }
    sheet.set_active(true);
    Ok(before)
}

impl RejectedWriter for RejectedRows {
    fn write(&mut self, raw: &[u8]) -> Result<()> {
        let (row, first) = (self.next_row, self.first_column);
        let sheet = self.workbook.worksheet_from_index(self.sheet);
        let sheet = sheet.map_err(|error| cannot_write(&self.path, error))?;
        for placed in Cells::of(raw) {
            let Some(column) = first.checked_add(placed.column) else { continue };
            write_cell(sheet, (row, column), placed.cell, &self.formats)
                .map_err(|error| cannot_write(&self.path, error))?;
        }
        self.next_row += 1;
        Ok(())
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let mut writer = BufWriter::new(&self.file);
        self.workbook
            .save_to_writer(&mut writer)
            .map_err(|error| cannot_write(&self.path, error))?;
        let written = writer.into_inner().map_err(std::io::IntoInnerError::into_error);
        let synced = written.and_then(|_| self.file.sync_all());
        synced.map_err(|cause| write_error(&self.path).caused_by(cause))
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    place: (u32, u16),
    cell: Stored<'_>,
    formats: &Formats,
) -> Result<(), XlsxError> {
    let (row, column) = place;
    match cell {
        // An empty text is not the same as nothing; as a constant it would not be written.
        Stored::Text("") => {
            sheet.write_formula(row, column, Formula::new("=\"\"").set_result(""))?
        }
        Stored::Text(text) => match sheet.write_string(row, column, text) {
            Err(XlsxError::MaxStringLengthExceeded) => write_error_value(sheet, place, "#N/A")?,
            written => written?,
        },
        Stored::Number(number) => sheet.write_number(row, column, number)?,
        Stored::Bool(truth) => sheet.write_boolean(row, column, truth)?,
        Stored::DateTime(micros) => match serial_of(micros) {
            Some(serial) => {
                let format = if serial.fract() == 0.0 { &formats.date } else { &formats.date_time };
                sheet.write_number_with_format(row, column, serial, format)?
            }
            None => sheet.write_string(row, column, serial::date_time_text(micros))?,
        },
        Stored::Duration(micros) => {
            let days = micros as f64 / 86_400_000_000.0;
            sheet.write_number_with_format(row, column, days, &formats.duration)?
        }
        Stored::BadDate(serial) if serial.is_finite() => {
            sheet.write_number_with_format(row, column, serial, &formats.date)?
        }
        Stored::Error(name) => write_error_value(sheet, place, name)?,
        Stored::BadText(text) => sheet.write_string(row, column, text)?,
        Stored::BadDate(_) | Stored::NoResult | Stored::BadNumber => {
            write_error_value(sheet, place, "#N/A")?
        }
    };
    Ok(())
}

/// An error can only be the result of a formula; `NA()` stays one when it is calculated.
fn write_error_value<'s>(
    sheet: &'s mut Worksheet,
    place: (u32, u16),
    name: &str,
) -> Result<&'s mut Worksheet, XlsxError> {
    const KNOWN: [&str; 8] =
        ["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"];
    let name = if KNOWN.contains(&name) { name } else { "#N/A" };
    sheet.write_formula(place.0, place.1, Formula::new("=NA()").set_result(name))
}

fn write_error(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be written", path.display()))
}

/// The writer's own message may quote a text, so only a system's reason is passed on.
fn cannot_write(path: &Path, error: XlsxError) -> Error {
    match error {
        XlsxError::IoError(cause) | XlsxError::TempFileError(_, cause) => {
            write_error(path).caused_by(cause)
        }
        XlsxError::RowColumnLimitError => {
            write_error(path).hint("a sheet has no more rows than this")
        }
        _ => write_error(path),
    }
}
