//! The records of `.xlsb` parts, checked before calamine reads them.
//!
//! calamine reuses one buffer for all records and does not look how long the
//! present one is: a record shorter than its kind needs would be completed with
//! the one before, which turns a small file into any number of copies of a long
//! text, and into values that are not there.

use std::io::{BufReader, ErrorKind, Read, Seek};

use zip::ZipArchive;

use super::{
    failure::{damaged, of_zip, unreadable},
    package,
};
use crate::error::Result;

/// Records are short; the longest hold a text of 32,767 characters and a formula.
const RECORD_BYTES_MAX: usize = 8 << 20;

const ROW_HEADER: u16 = 0;
const CELL_RK: u16 = 2;
const CELL_ERROR: u16 = 3;
const CELL_BOOL: u16 = 4;
const CELL_NUMBER: u16 = 5;
const CELL_TEXT: u16 = 6;
const CELL_SHARED_TEXT: u16 = 7;
const FORMULA_TEXT: u16 = 8;
const FORMULA_NUMBER: u16 = 9;
const FORMULA_BOOL: u16 = 10;
/// A formula whose result is an error: calamine's cell reader leaves it out.
const FORMULA_ERROR: u16 = 11;
const SHARED_TEXT: u16 = 19;
/// A sheet's name and relation, in the workbook's part.
const SHEET_BUNDLE: u16 = 0x9C;

/// One part's records, one after another.
struct Records<R> {
    reader: BufReader<R>,
    data: Vec<u8>,
}

impl<R: Read> Records<R> {
    fn of(part: R) -> Self {
        Self { reader: BufReader::new(part), data: Vec::new() }
    }

    fn byte(&mut self) -> std::io::Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte).map(|()| byte[0])
    }

    /// The next record's kind, with its content in `data`; `None` at the end.
    fn next(&mut self) -> Result<Option<u16>> {
        let low = match self.byte() {
            Ok(byte) => byte,
            Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(cause) => return Err(unreadable(cause)),
        };
        self.rest(low).map(Some)
    }

    fn rest(&mut self, low: u8) -> Result<u16> {
        let mut kind = u16::from(low & 0x7F);
        if low & 0x80 != 0 {
            kind |= u16::from(self.byte().map_err(unreadable)? & 0x7F) << 7;
        }
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte().map_err(unreadable)?;
            length |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if length > RECORD_BYTES_MAX {
            return Err(damaged("a record of it is longer than any can be"));
        }
        self.data.resize(length, 0);
        self.reader.read_exact(&mut self.data).map_err(unreadable)?;
        Ok(kind)
    }

    /// The number at `at`, where the record is long enough.
    fn number(&self, at: usize) -> Option<u32> {
        self.data.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
    }
}

/// Checks the records of the parts that hold cells and texts.
///
/// # Errors
/// `ErrorKind::Source` when one is shorter than its kind needs.
pub(super) fn inspect(name: &str, part: impl Read) -> Result<()> {
    let needed: fn(&Records<_>, u16) -> usize = if name.contains("worksheets/") {
        cell_bytes
    } else if name.ends_with("sharedstrings.bin") {
        shared_text_bytes
    } else {
        return Ok(());
    };
    let mut records = Records::of(part);
    while let Some(kind) = records.next()? {
        if records.data.len() < needed(&records, kind) {
            return Err(damaged("a record of it is shorter than it says"));
        }
        // calamine takes such a row for the end of the sheet.
        let row_max = super::area::ROWS_MAX;
        if kind == ROW_HEADER && records.number(0).is_some_and(|row| row >= row_max) {
            return Err(damaged("it has a row beyond the end of any sheet"));
        }
    }
    Ok(())
}

fn cell_bytes<R: Read>(records: &Records<R>, kind: u16) -> usize {
    match kind {
        ROW_HEADER => 4,
        CELL_RK | CELL_SHARED_TEXT => 12,
        CELL_ERROR | CELL_BOOL | FORMULA_BOOL | FORMULA_ERROR => 9,
        CELL_NUMBER | FORMULA_NUMBER => 16,
        CELL_TEXT | FORMULA_TEXT => wide_text_end(records, 8),
        _ => 0,
    }
}

fn shared_text_bytes<R: Read>(records: &Records<R>, kind: u16) -> usize {
    if kind == SHARED_TEXT { wide_text_end(records, 1) } else { 0 }
}

/// Where a text that starts at `at` with its length ends.
fn wide_text_end<R: Read>(records: &Records<R>, at: usize) -> usize {
    let characters = records.number(at).map_or(usize::MAX, |length| length as usize);
    characters.saturating_mul(2).saturating_add(at + 4)
}

/// A formula whose stored result is an error: its row and column from 0, and the error.
pub(super) type FormulaError = (u32, u32, &'static str);

/// The errors among the results of a sheet's formulas, in the sheet's order: calamine's
/// reader of cells leaves them out, and a cell left out would arrive as NULL.
///
/// # Errors
/// `ErrorKind::Source` when the workbook is damaged.
pub(super) fn formula_errors<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    sheet: usize,
) -> Result<Vec<FormulaError>> {
    let Some(name) = sheet_part(archive, sheet)? else {
        return Err(damaged("the sheet's part is missing"));
    };
    let mut records = Records::of(archive.by_name(&name).map_err(of_zip)?);
    let (mut row, mut errors) = (0, Vec::new());
    while let Some(kind) = records.next()? {
        match kind {
            ROW_HEADER => row = records.number(0).unwrap_or(row),
            FORMULA_ERROR => {
                let column = records.number(0).unwrap_or(0);
                errors.push((row, column, error_name(records.data.get(8).copied())));
            }
            _ => {}
        }
    }
    Ok(errors)
}

fn error_name(code: Option<u8>) -> &'static str {
    match code {
        Some(0x00) => "#NULL!",
        Some(0x07) => "#DIV/0!",
        Some(0x0F) => "#VALUE!",
        Some(0x17) => "#REF!",
        Some(0x1D) => "#NAME?",
        Some(0x24) => "#NUM!",
        Some(0x2B) => "#GETTING_DATA",
        _ => "#N/A",
    }
}

/// The part that holds the sheet with that number, counted as calamine counts them.
fn sheet_part<R: Read + Seek>(archive: &mut ZipArchive<R>, sheet: usize) -> Result<Option<String>> {
    let Some(relation) = sheet_relation(archive, sheet)? else { return Ok(None) };
    let Some(name) = package::find_part(archive, "xl/_rels/workbook.bin.rels")? else {
        return Ok(None);
    };
    let part = archive.by_name(&name).map_err(of_zip)?;
    let target = package::relationship(part, |key| key("Id").as_ref() == Some(&relation))?;
    let Some(target) = target else { return Ok(None) };
    package::find_part(archive, &package::normal_name(&format!("xl/{target}")))
}

fn sheet_relation<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    sheet: usize,
) -> Result<Option<String>> {
    let Some(name) = package::find_part(archive, "xl/workbook.bin")? else { return Ok(None) };
    let mut records = Records::of(archive.by_name(&name).map_err(of_zip)?);
    let mut seen = 0;
    while let Some(kind) = records.next()? {
        if kind != SHEET_BUNDLE || records.number(8) == Some(u32::MAX) {
            continue;
        }
        if seen == sheet {
            let end = wide_text_end(&records, 8);
            let utf16 = records.data.get(12..end).unwrap_or_default().chunks_exact(2);
            let units: Vec<u16> =
                utf16.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            return Ok(String::from_utf16(&units).ok());
        }
        seen += 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_shorter_than_they_say_are_damage() {
        let text = [CELL_TEXT as u8, 14, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'a', 0];
        assert!(inspect("xl/worksheets/sheet1.bin", &text[..]).is_ok());
        let mut long = text;
        long[10] = 2;
        assert!(inspect("xl/worksheets/sheet1.bin", &long[..]).is_err());
        assert!(inspect("xl/worksheets/sheet1.bin", &text[..15]).is_err());
        assert!(inspect("xl/theme.bin", &long[..]).is_ok());
        let empty_item = [SHARED_TEXT as u8, 0];
        assert!(inspect("xl/sharedstrings.bin", &empty_item[..]).is_err());
    }

    #[test]
    fn kinds_and_lengths_of_two_bytes() {
        let mut bytes = vec![0x97, 0x01, 0x80, 0x01];
        bytes.extend_from_slice(&[7; 128]);
        let mut records = Records::of(&bytes[..]);
        assert_eq!(records.next().expect("a record"), Some(0x97));
        assert_eq!((records.data.len(), records.number(4)), (128, Some(0x0707_0707)));
        assert_eq!(records.next().expect("the end"), None);
    }

    /// A record with a kind of one byte and a length below 128.
    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let (low, high) = ((kind & 0x7F) as u8, (kind >> 7) as u8);
        let mut bytes = if high == 0 { vec![low] } else { vec![low | 0x80, high] };
        bytes.push(u8::try_from(data.len()).expect("a short record"));
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn errors_among_formula_results_are_found_by_way_of_the_relations() {
        use std::io::{Cursor, Write};
        let relation: Vec<u8> = "rId2".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bundle = [&[0; 8][..], &4_u32.to_le_bytes(), &relation].concat();
        let cell =
            |column: u8, code: u8| record(FORMULA_ERROR, &[column, 0, 0, 0, 0, 0, 0, 0, code]);
        let row = |row: u8| record(ROW_HEADER, &[row, 0, 0, 0]);
        let sheet = [row(1), cell(2, 0x07), row(4), cell(0, 0x2A), cell(3, 0x17)].concat();
        let relations = br#"<Relationships><Relationship Id="rId1" Target="theme.xml"/>
            <Relationship Id="rId2" Target="worksheets/sheet1.bin"/></Relationships>"#;
        let parts: [(&str, &[u8]); 3] = [
            ("xl/workbook.bin", &record(SHEET_BUNDLE, &bundle)),
            ("xl/_rels/workbook.bin.rels", relations),
            ("xl/worksheets/sheet1.bin", &sheet),
        ];
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(name, options).expect("a part");
            writer.write_all(content).expect("its content");
        }
        let mut archive = ZipArchive::new(writer.finish().expect("a zip")).expect("a zip");
        let errors = formula_errors(&mut archive, 0).expect("sound");
        assert_eq!(errors, [(1, 2, "#DIV/0!"), (4, 0, "#N/A"), (4, 3, "#REF!")]);
        assert!(formula_errors(&mut archive, 1).is_err());
    }
}
