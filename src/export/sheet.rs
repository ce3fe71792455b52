//! Rows as a workbook: typed cells under a header that stays, rows kept on disk until the end.
//!
//! Text is always a text cell, so nothing in it is ever run. A number that a spreadsheet would
//! round (its numbers have 15 digits) and a date that its calendar does not have are text too:
//! a wrong number that looks right is worse than one that does not add up.

use std::{io::Write, path::Path};

use jiff::{Timestamp, civil, tz::TimeZone};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::{
    columns::{Column, Kind},
    layout::Layout,
    row::Row,
    values::unwritable,
};
use crate::{
    error::{Error, Result},
    panics::caught,
    private_file,
};

/// Rows of a sheet below its header.
pub(super) const ROWS_MAX: u64 = 1_048_575;
/// Characters of a cell.
const CHARACTERS_MAX: usize = 32_767;
/// Digits that a spreadsheet's numbers hold.
const DIGITS_MAX: usize = 15;
/// Rows that columns are measured by.
const MEASURED_ROWS: u32 = 1_000;
/// Widths in characters; wider text is cut on the screen only.
const WIDTHS: std::ops::RangeInclusive<usize> = 8..=60;

/// Writes a workbook with one sheet.
pub(super) struct SheetWriter {
    workbook: Workbook,
    /// Rows written, the header among them.
    rows: u32,
    widths: Vec<usize>,
    formats: Formats,
}

struct Formats {
    date: Format,
    timestamp: Format,
    time: Format,
}

impl SheetWriter {
    /// Begins a workbook whose rows wait in `folder`, where the workbook will be: they may be
    /// personal, and other folders may be open to others.
    pub(super) fn new(layout: &Layout, folder: &Path) -> Result<Self> {
        let mut workbook = Workbook::new();
        // The same rows give the same bytes: no time of writing.
        let properties = DocProperties::new()
            .set_creation_datetime(&ExcelDateTime::from_ymd(2000, 1, 1).map_err(failed)?);
        workbook.set_properties(&properties);
        workbook.set_tempdir(folder).map_err(failed)?;
        let header = Format::new().set_bold();
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(failed)?;
        sheet.set_freeze_panes(1, 0).map_err(failed)?;
        for (index, column) in layout.columns.iter().enumerate() {
            sheet
                .write_string_with_format(0, number(index)?, &column.label, &header)
                .map_err(failed)?;
        }
        let formats = Formats {
            date: Format::new().set_num_format("yyyy-mm-dd"),
            timestamp: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            time: Format::new().set_num_format("hh:mm:ss"),
        };
        let widths = layout.columns.iter().map(|column| column.label.chars().count()).collect();
        Ok(Self { workbook, rows: 1, widths, formats })
    }

    /// Adds a row.
    pub(super) fn row(&mut self, layout: &Layout, row: &Row<'_>) -> Result<()> {
        if u64::from(self.rows) > ROWS_MAX {
            return Err(Error::definition(format!("a sheet has room for {ROWS_MAX} rows"))
                .hint("write another format, or fewer rows to a file with `rows_per_file`"));
        }
        let sheet = self.workbook.worksheet_from_index(0).map_err(failed)?;
        for (index, column) in layout.columns.iter().enumerate() {
            let Some(text) = layout.values.treated(column, row.get(column.at)) else { continue };
            if text.len() > CHARACTERS_MAX && text.encode_utf16().count() > CHARACTERS_MAX {
                let why = "more text than a cell has room for (32,767 characters)";
                return Err(unwritable(u64::from(self.rows), column, why));
            }
            if self.rows <= MEASURED_ROWS {
                self.widths[index] = self.widths[index].max(text.chars().count());
            }
            let cell = (self.rows, number(index)?);
            let looks = (&self.formats, layout.values.zone());
            caught(|| write_cell(sheet, cell, column, &text, looks))
                .ok_or_else(unwritten)?
                .map_err(failed)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Writes the workbook.
    pub(super) fn finish(mut self, file: impl Write + Send) -> Result<()> {
        let sheet = self.workbook.worksheet_from_index(0).map_err(failed)?;
        for (index, width) in self.widths.iter().enumerate() {
            let width = (*width + 2).clamp(*WIDTHS.start(), *WIDTHS.end());
            let width = u32::try_from(width).map_or(0.0, f64::from);
            sheet.set_column_width(number(index)?, width).map_err(failed)?;
        }
        let workbook = &mut self.workbook;
        caught(|| workbook.save_to_writer(file)).ok_or_else(unwritten)?.map_err(failed)
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, index): (u32, u16),
    column: &Column,
    text: &str,
    (formats, zone): (&Formats, &TimeZone),
) -> Result<(), XlsxError> {
    let serial = |format| serial(column.kind, text, zone).map(|serial| (serial, format));
    let typed = match column.kind {
        Kind::Boolean => {
            sheet.write_boolean(row, index, text == "t")?;
            return Ok(());
        }
        Kind::Number => {
            if let Some(number) = exact(text) {
                sheet.write_number(row, index, number)?;
                return Ok(());
            }
            None
        }
        Kind::Date => serial(&formats.date),
        Kind::Local | Kind::Instant => serial(&formats.timestamp),
        Kind::Time => serial(&formats.time),
        Kind::Json | Kind::Geometry | Kind::Text => None,
    };
    match typed {
        Some((serial, format)) => sheet.write_number_with_format(row, index, serial, format)?,
        None => sheet.write_string(row, index, text)?,
    };
    Ok(())
}

/// The number, where a spreadsheet keeps all its digits.
fn exact(text: &str) -> Option<f64> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit);
    let significant = digits.skip_while(|digit| *digit == b'0').count();
    let number: f64 = text.parse().ok()?;
    (significant <= DIGITS_MAX && number.is_finite()).then_some(number)
}

/// Days since the spreadsheet's day 0, from its first of March 1900 on: it believes that there
/// was a 29th of February before.
fn serial(kind: Kind, text: &str, zone: &TimeZone) -> Option<f64> {
    let moment: civil::DateTime = match kind {
        Kind::Date => text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0),
        Kind::Local => text.parse().ok()?,
        Kind::Instant => text.parse::<Timestamp>().ok()?.to_zoned(zone.clone()).datetime(),
        // A spreadsheet has no offset of a time of day.
        _ if text.contains(['+', '-']) => return None,
        _ => return text.parse::<civil::Time>().ok().map(day_share),
    };
    let date = moment.date();
    if date < civil::date(1900, 3, 1) {
        return None;
    }
    let days = date.since(civil::date(1899, 12, 30)).ok()?.get_days();
    Some(f64::from(days) + day_share(moment.time()))
}

fn day_share(time: civil::Time) -> f64 {
    let seconds = i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60;
    let seconds = f64::from(seconds + i32::from(time.second()));
    (seconds + f64::from(time.subsec_nanosecond()) / 1e9) / 86_400.0
}

/// The sheet's number of a column; PostgreSQL has fewer columns than a sheet.
fn number(index: usize) -> Result<u16> {
    u16::try_from(index).map_err(|_| Error::definition("a sheet has room for 16,384 columns"))
}

fn failed(cause: XlsxError) -> Error {
    let hint = match &cause {
        XlsxError::IoError(cause) => private_file::advice(cause),
        _ => "write another format to find out what it holds that a workbook cannot",
    };
    Error::environment("the workbook cannot be written").caused_by(cause).hint(hint)
}

/// The library panics where it cannot write the rows that wait for the end.
fn unwritten() -> Error {
    Error::environment("the rows of the workbook cannot be written")
        .hint("make room on the disk: they wait beside the workbook until it is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_would_be_rounded_are_none() {
        for text in ["1", "-0.5", "123456789012345", "0.000000000000000001", "1e+20"] {
            assert_eq!(exact(text), text.parse().ok(), "{text}");
        }
        for text in ["1234567890123456", "0.1234567890123456", "NaN", "Infinity", ""] {
            assert_eq!(exact(text), None, "{text}");
        }
    }

    #[test]
    fn dates_count_from_1900_as_the_spreadsheet_does() {
        let utc = &TimeZone::UTC;
        assert_eq!(serial(Kind::Date, "1900-03-01", utc), Some(61.0));
        assert_eq!(serial(Kind::Date, "2024-02-29", utc), Some(45351.0));
        assert_eq!(serial(Kind::Local, "2024-02-29 18:00:00", utc), Some(45351.75));
        assert_eq!(serial(Kind::Instant, "2024-02-29 18:00:00+06", utc), Some(45351.5));
        assert_eq!(serial(Kind::Time, "06:00:00", utc), Some(0.25));
        assert_eq!(serial(Kind::Time, "06:00:00+02", utc), None, "an offset would be lost");
        for text in ["1900-02-28", "infinity", "0044-03-15 BC", "10000-01-01"] {
            assert_eq!(serial(Kind::Date, text, utc), None, "{text}");
        }
    }
}
