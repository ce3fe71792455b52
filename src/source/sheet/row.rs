//! One row of a sheet as compact bytes: what splits carry and rejections keep.
//!
//! Layout, little-endian: the row's number on the sheet (u32), the length of
//! what follows (u32), then for every cell that is not empty its column within
//! the area (u16), its kind (u8) and its content: eight bytes for numbers and
//! moments, one for truth values, a length (u32) and UTF-8 for texts. Cells that
//! cannot be read keep their place and say why, so that only a pipeline that
//! uses them rejects the row.

use super::serial::{self, Moment};

/// Bytes before the cells of a row.
pub(super) const HEAD_BYTES: usize = 8;

/// A cell as a workbook gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Content<'c> {
    Text(&'c str),
    Number(f64),
    Bool(bool),
    /// A number with a date or time format.
    Date(f64),
    /// A number with a duration's format.
    Elapsed(f64),
    IsoDate(&'c str),
    IsoDuration(&'c str),
    Error(&'c str),
    /// A formula whose result is not stored.
    NoResult,
}

/// A cell as the row bytes hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stored<'r> {
    Text(&'r str),
    Number(f64),
    Bool(bool),
    DateTime(i64),
    Duration(i64),
    Error(&'r str),
    /// Not a date: the serial, for the rejected file; NaN where it was an ISO text.
    BadDate(f64),
    NoResult,
    /// Text with a NUL in it.
    BadText(&'r str),
    /// Not a finite number.
    BadNumber,
}

const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const BOOL: u8 = 3;
const DATE_TIME: u8 = 4;
const DURATION: u8 = 5;
const ERROR: u8 = 6;
const BAD_DATE: u8 = 7;
const NO_RESULT: u8 = 8;
const BAD_TEXT: u8 = 9;
const BAD_NUMBER: u8 = 10;

/// Builds the bytes of one row after another.
#[derive(Debug, Default)]
pub(super) struct RowBuilder {
    bytes: Vec<u8>,
    has_content: bool,
}

impl RowBuilder {
    /// Starts the row with that number, from 1.
    pub(super) fn start(&mut self, row: u32) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&row.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.has_content = false;
    }

    /// Adds a cell; `column` counts from the area's first.
    pub(super) fn push(&mut self, column: u16, content: Content<'_>, date_1904: bool) {
        self.bytes.extend_from_slice(&column.to_le_bytes());
        self.has_content |= content != Content::Text("");
        match store(content, date_1904) {
            Stored::Text(text) => self.push_text(TEXT, text),
            Stored::Error(name) => self.push_text(ERROR, name),
            Stored::BadText(text) => self.push_text(BAD_TEXT, text),
            Stored::Number(number) => self.push_word(NUMBER, number.to_le_bytes()),
            Stored::DateTime(micros) => self.push_word(DATE_TIME, micros.to_le_bytes()),
            Stored::Duration(micros) => self.push_word(DURATION, micros.to_le_bytes()),
            Stored::BadDate(serial) => self.push_word(BAD_DATE, serial.to_le_bytes()),
            Stored::Bool(truth) => self.bytes.extend_from_slice(&[BOOL, u8::from(truth)]),
            Stored::NoResult => self.bytes.push(NO_RESULT),
            Stored::BadNumber => self.bytes.push(BAD_NUMBER),
        }
    }

    fn push_text(&mut self, kind: u8, text: &str) {
        self.bytes.push(kind);
        // Parts of a package are held far below 4 GiB; a longer text could not be a row either.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn push_word(&mut self, kind: u8, word: [u8; 8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&word);
    }

    /// How large the row is so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The row's bytes; `None` when it holds nothing, or nothing but empty texts.
    pub(super) fn finish(&mut self) -> Option<&[u8]> {
        let length = u32::try_from(self.bytes.len().checked_sub(HEAD_BYTES)?).ok()?;
        self.bytes[4..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
        self.has_content.then_some(&self.bytes)
    }
}

fn store(content: Content<'_>, date_1904: bool) -> Stored<'_> {
    match content {
        Content::Text(text) if text.contains('\0') => Stored::BadText(text),
        Content::Text(text) => Stored::Text(text),
        Content::Number(number) if number.is_finite() => Stored::Number(number),
        Content::Number(_) => Stored::BadNumber,
        Content::Bool(truth) => Stored::Bool(truth),
        Content::Date(serial) => match serial::moment(serial, date_1904) {
            Some(Moment::DateTime(micros)) => Stored::DateTime(micros),
            Some(Moment::Duration(micros)) => Stored::Duration(micros),
            None => Stored::BadDate(serial),
        },
        Content::Elapsed(serial) => {
            serial::duration(serial).map_or(Stored::BadDate(serial), Stored::Duration)
        }
        Content::IsoDate(text) => {
            serial::iso_date_time(text).map_or(Stored::BadDate(f64::NAN), Stored::DateTime)
        }
        Content::IsoDuration(text) => {
            serial::iso_duration(text).map_or(Stored::BadDate(f64::NAN), Stored::Duration)
        }
        Content::Error(name) => Stored::Error(name),
        Content::NoResult => Stored::NoResult,
    }
}

/// The number of the row at the start of `bytes`, and the length of all its bytes.
pub(super) fn head(bytes: &[u8]) -> Option<(u32, usize)> {
    let row = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let length = u32::from_le_bytes(bytes.get(4..HEAD_BYTES)?.try_into().ok()?);
    let total = HEAD_BYTES.checked_add(usize::try_from(length).ok()?)?;
    (total <= bytes.len()).then_some((row, total))
}

/// The cells of one row, in the order the workbook has them.
#[derive(Debug, Clone)]
pub(super) struct Cells<'r> {
    bytes: &'r [u8],
    at: usize,
}

/// A cell of a row: its column within the area, where its text stands in the row, and itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PlacedCell<'r> {
    pub(super) column: u16,
    /// For texts: where they stand in the row's bytes.
    pub(super) text: (usize, usize),
    pub(super) cell: Stored<'r>,
}

impl<'r> Cells<'r> {
    /// The cells of a row given with its head.
    pub(super) fn of(row: &'r [u8]) -> Self {
        Self { bytes: row, at: HEAD_BYTES }
    }

    fn take(&mut self, length: usize) -> Option<&'r [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn word(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn text(&mut self) -> Option<&'r str> {
        let length = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        std::str::from_utf8(self.take(usize::try_from(length).ok()?)?).ok()
    }
}

impl<'r> Iterator for Cells<'r> {
    type Item = PlacedCell<'r>;

    fn next(&mut self) -> Option<PlacedCell<'r>> {
        let column = u16::from_le_bytes(self.take(2)?.try_into().ok()?);
        let kind = *self.take(1)?.first()?;
        let text_start = self.at + 4;
        let cell = match kind {
            TEXT => Stored::Text(self.text()?),
            ERROR => Stored::Error(self.text()?),
            BAD_TEXT => Stored::BadText(self.text()?),
            NUMBER => Stored::Number(f64::from_le_bytes(self.word()?)),
            DATE_TIME => Stored::DateTime(i64::from_le_bytes(self.word()?)),
            DURATION => Stored::Duration(i64::from_le_bytes(self.word()?)),
            BAD_DATE => Stored::BadDate(f64::from_le_bytes(self.word()?)),
            BOOL => Stored::Bool(self.take(1)? == [1]),
            NO_RESULT => Stored::NoResult,
            BAD_NUMBER => Stored::BadNumber,
            _ => return None,
        };
        Some(PlacedCell { column, text: (text_start, self.at), cell })
    }
}

/// A cell as plain text, for names in a header: `2024` rather than `2024.0`.
pub(super) fn plain_text(cell: Stored<'_>) -> String {
    match cell {
        Stored::Text(text) | Stored::Error(text) | Stored::BadText(text) => text.to_owned(),
        Stored::Number(number) | Stored::BadDate(number) => number.to_string(),
        Stored::Bool(truth) => truth.to_string(),
        Stored::DateTime(micros) => serial::date_time_text(micros),
        Stored::Duration(micros) => serial::duration_text(micros),
        Stored::NoResult | Stored::BadNumber => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_its_cells() {
        let mut builder = RowBuilder::default();
        builder.start(7);
        builder.push(0, Content::Text("abc"), false);
        builder.push(2, Content::Number(1.5), false);
        builder.push(3, Content::Date(36_527.0), false);
        builder.push(4, Content::Date(60.0), false);
        builder.push(5, Content::Error("#N/A"), false);
        builder.push(6, Content::Text("a\0b"), false);
        builder.push(7, Content::Number(f64::INFINITY), false);
        builder.push(300, Content::Bool(true), false);
        builder.push(301, Content::NoResult, false);
        let mut bytes = builder.finish().expect("a row with content").to_vec();
        let length = bytes.len();
        bytes.extend_from_slice(b"the next row");
        assert_eq!(head(&bytes), Some((7, length)));
        let cells: Vec<_> = Cells::of(&bytes[..length]).collect();
        let columns: Vec<u16> = cells.iter().map(|cell| cell.column).collect();
        assert_eq!(columns, [0, 2, 3, 4, 5, 6, 7, 300, 301]);
        let expected = [
            Stored::Text("abc"),
            Stored::Number(1.5),
            Stored::DateTime(86_400_000_000),
            Stored::BadDate(60.0),
            Stored::Error("#N/A"),
            Stored::BadText("a\0b"),
            Stored::BadNumber,
            Stored::Bool(true),
            Stored::NoResult,
        ];
        assert!(cells.iter().zip(expected).all(|(cell, expected)| cell.cell == expected));
        let (start, end) = cells[0].text;
        assert_eq!(&bytes[start..end], b"abc");
    }

    #[test]
    fn rows_of_nothing_or_empty_texts_are_no_rows() {
        let mut builder = RowBuilder::default();
        builder.start(1);
        assert_eq!(builder.finish(), None);
        builder.start(2);
        builder.push(0, Content::Text(""), false);
        assert_eq!(builder.finish(), None);
        builder.push(1, Content::NoResult, false);
        assert!(builder.finish().is_some(), "a fault is never dropped");
    }

    #[test]
    fn cut_rows_have_no_head() {
        assert_eq!(head(&[]), None);
        assert_eq!(head(&[1, 0, 0, 0, 9, 0, 0, 0, 1]), None);
    }

    #[test]
    fn header_cells_read_plainly() {
        assert_eq!(plain_text(Stored::Number(2024.0)), "2024");
        assert_eq!(plain_text(Stored::Number(0.5)), "0.5");
        assert_eq!(plain_text(Stored::DateTime(0)), "2000-01-01");
    }
}
