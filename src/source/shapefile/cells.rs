//! What the bytes of a field mean.

use jiff::civil::Date;

use super::dbf::{DbfHeader, Field, FieldKind};
use crate::{batch::Cell, source::encoding::TextEncoding, value::DAY_MICROS};

/// The Julian day of 2000-01-01.
const JULIAN_2000: i64 = 2_451_545;
/// Decimal places of FoxPro's currency.
const CURRENCY_UNIT: u64 = 10_000;

/// Why a field has no value: the code and what is wrong.
pub(super) type Unreadable = (&'static str, &'static str);

/// Reads the fields of rows; its scratch is used again for every cell.
#[derive(Debug)]
pub(super) struct CellReader {
    /// `None` where the table names no encoding.
    encoding: Option<TextEncoding>,
    scratch: Vec<u8>,
}

impl CellReader {
    pub(super) fn new(encoding: Option<TextEncoding>) -> Self {
        Self { encoding, scratch: Vec::new() }
    }

    /// The value of `field` in `row`, which is as long as the header says.
    pub(super) fn cell<'c>(
        &'c mut self,
        header: &DbfHeader,
        field: &Field,
        row: &'c [u8],
    ) -> Result<Cell<'c>, Unreadable> {
        if is_null(header, field, row) {
            return Ok(Cell::Absent);
        }
        let bytes = &row[field.start..field.end];
        match field.kind {
            FieldKind::Text => self.text(bytes).map(Cell::Text),
            FieldKind::Number => self.number(bytes),
            FieldKind::Logical => logical(bytes[0]),
            FieldKind::Date => date(bytes),
            FieldKind::Integer => self.digits(i64::from(i32::from_le_bytes(word(bytes)))),
            FieldKind::Double => Ok(Cell::Float(f64::from_le_bytes(word(bytes)))),
            FieldKind::Currency => self.currency(i64::from_le_bytes(word(bytes))),
            FieldKind::DateTime => date_time(bytes),
            FieldKind::Memo if is_blank(bytes) => Ok(Cell::Absent),
            FieldKind::Memo => Err(("dbf.memo", "memo fields are not read; leave the column out")),
            FieldKind::Unknown if is_blank(bytes) => Ok(Cell::Absent),
            FieldKind::Unknown => {
                Err(("dbf.type", "fields of this type are not read; leave the column out"))
            }
        }
    }

    fn text<'c>(&'c mut self, bytes: &'c [u8]) -> Result<&'c str, Unreadable> {
        const INVALID: Unreadable =
            ("encoding.invalid", "the text does not fit the table's encoding");
        const UNDECLARED: Unreadable = (
            "encoding.invalid",
            "the text is not UTF-8 and the table names no encoding: write `encoding` in [source]",
        );
        // Blanks and NULs at the end are padding; what stands before is the text.
        let length =
            bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |at| at + 1);
        let bytes = &bytes[..length];
        if bytes.contains(&0) {
            return Err(("encoding.nul", "the text holds a NUL character"));
        }
        let compatible = match self.encoding {
            Some(TextEncoding::Web(encoding)) => encoding.is_ascii_compatible(),
            _ => true,
        };
        if compatible && bytes.is_ascii() {
            return std::str::from_utf8(bytes).map_err(|_| INVALID);
        }
        let Some(encoding) = self.encoding else {
            return std::str::from_utf8(bytes).map_err(|_| UNDECLARED);
        };
        self.scratch.clear();
        encoding.decode_into(bytes, &mut self.scratch).map_err(|_| INVALID)?;
        // Encodings of wider units pad with blanks that only show now.
        std::str::from_utf8(&self.scratch)
            .map(|text| text.trim_end_matches(' '))
            .map_err(|_| INVALID)
    }

    /// A number in digits. What is written otherwise (`1,234.5`, `12,5`) is text:
    /// the definition's marks decide what it means, or that it means nothing.
    fn number<'c>(&'c mut self, bytes: &'c [u8]) -> Result<Cell<'c>, Unreadable> {
        let digits = trimmed(bytes);
        // A number that did not fit its field is written as asterisks, and so is NULL.
        if digits.iter().all(|byte| *byte == b'*') {
            return Ok(Cell::Absent);
        }
        let text = self.text(digits)?;
        Ok(if is_number(digits) { Cell::Number(text) } else { Cell::Text(text) })
    }

    fn digits(&mut self, number: i64) -> Result<Cell<'_>, Unreadable> {
        self.written(format_args!("{number}"))
    }

    fn currency(&mut self, units: i64) -> Result<Cell<'_>, Unreadable> {
        let sign = if units < 0 { "-" } else { "" };
        let (whole, part) =
            (units.unsigned_abs() / CURRENCY_UNIT, units.unsigned_abs() % CURRENCY_UNIT);
        self.written(format_args!("{sign}{whole}.{part:04}"))
    }

    fn written(&mut self, digits: std::fmt::Arguments<'_>) -> Result<Cell<'_>, Unreadable> {
        use std::io::Write;
        const UNWRITTEN: Unreadable = ("dbf.number", "the number cannot be written out");
        self.scratch.clear();
        self.scratch.write_fmt(digits).map_err(|_| UNWRITTEN)?;
        std::str::from_utf8(&self.scratch).map(Cell::Number).map_err(|_| UNWRITTEN)
    }
}

fn is_null(header: &DbfHeader, field: &Field, row: &[u8]) -> bool {
    let (Some(bit), Some((start, end))) = (field.null_bit, header.null_flags) else { return false };
    row.get(start..end)
        .and_then(|flags| flags.get(bit / 8))
        .is_some_and(|flags| flags >> (bit % 8) & 1 == 1)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | 0))
}

/// The first bytes as a fixed array; field kinds are given only to fields of their length.
fn word<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut word = [0; N];
    word.copy_from_slice(&bytes[..N]);
    word
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let padding = |byte: &u8| matches!(byte, b' ' | 0);
    let start = bytes.iter().position(|byte| !padding(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !padding(byte)).map_or(start, |at| at + 1);
    &bytes[start..end]
}

/// `[+-] digits [. digits] [e [+-] digits]`, with digits on one side of the point at least.
fn is_number(bytes: &[u8]) -> bool {
    let unsigned = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    let exponent = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match exponent {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let mantissa_is_number = match point {
        Some(at) => mantissa.len() > 1 && digits(&mantissa[..at]) && digits(&mantissa[at + 1..]),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa_is_number
        && exponent.is_none_or(|part| {
            let part = part.strip_prefix(b"-").or_else(|| part.strip_prefix(b"+")).unwrap_or(part);
            !part.is_empty() && digits(part)
        })
}

fn logical(byte: u8) -> Result<Cell<'static>, Unreadable> {
    match byte {
        b'T' | b't' | b'Y' | b'y' | b'1' => Ok(Cell::Bool(true)),
        b'F' | b'f' | b'N' | b'n' | b'0' => Ok(Cell::Bool(false)),
        b'?' | b' ' | 0 => Ok(Cell::Absent),
        _ => Err(("dbf.logical", "the field holds neither true nor false")),
    }
}

fn date(bytes: &[u8]) -> Result<Cell<'static>, Unreadable> {
    const UNREADABLE: Unreadable = ("dbf.date", "the field holds no date");
    let digits = trimmed(bytes);
    if digits.iter().all(|byte| matches!(byte, b'0' | b'*')) {
        return Ok(Cell::Absent);
    }
    if digits.len() != 8 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(UNREADABLE);
    }
    let part = |from: usize, to: usize| {
        digits[from..to].iter().fold(0_i16, |number, byte| number * 10 + i16::from(byte - b'0'))
    };
    let small = |number: i16| i8::try_from(number).map_err(|_| UNREADABLE);
    let (month, day) = (small(part(4, 6))?, small(part(6, 8))?);
    let date = Date::new(part(0, 4), month, day).map_err(|_| UNREADABLE)?;
    let days = date.duration_since(jiff::civil::date(2000, 1, 1)).as_hours() / 24;
    Ok(Cell::DateTime(days * DAY_MICROS))
}

fn date_time(bytes: &[u8]) -> Result<Cell<'static>, Unreadable> {
    let day = i64::from(i32::from_le_bytes(word(bytes)));
    let millis = i64::from(i32::from_le_bytes(word(&bytes[4..])));
    // FoxPro writes an empty time as zeros, or as blanks.
    if is_blank(bytes) {
        return Ok(Cell::Absent);
    }
    if day <= 0 || !(0..86_400_000).contains(&millis) {
        return Err(("dbf.date", "the field holds no date"));
    }
    Ok(Cell::DateTime((day - JULIAN_2000) * DAY_MICROS + millis * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: FieldKind, bytes: &[u8], encoding: Option<&str>) -> Result<String, &'static str> {
        let row = [b" ", bytes].concat();
        let field = Field { name: String::new(), kind, start: 1, end: row.len(), null_bit: None };
        let header = DbfHeader {
            bytes: Vec::new(),
            rows: 1,
            row_bytes: row.len(),
            fields: Vec::new(),
            null_flags: None,
            language_driver: 0,
        };
        let encoding = encoding.map(|label| TextEncoding::named(label).expect("an encoding"));
        let mut reader = CellReader::new(encoding);
        reader.cell(&header, &field, &row).map(|cell| format!("{cell:?}")).map_err(|(code, _)| code)
    }

    #[test]
    fn fields_have_the_value_their_type_gives_them() {
        use FieldKind::*;
        let day = |days: i64| format!("DateTime({})", days * DAY_MICROS);
        for (kind, bytes, cell) in [
            (Text, &b"Ana  "[..], "Text(\"Ana\")"),
            (Text, b"  a\0\0", "Text(\"  a\")"),
            (Text, b"     ", "Text(\"\")"),
            (Text, "Zoë ".as_bytes(), "Text(\"Zoë\")"),
            (Number, b"  12.50", "Number(\"12.50\")"),
            (Number, b"-7 \0", "Number(\"-7\")"),
            (Number, b"1.5e+02", "Number(\"1.5e+02\")"),
            (Number, b"   ", "Absent"),
            (Number, b"1,234.5", "Text(\"1,234.5\")"),
            (Number, b" 1 5", "Text(\"1 5\")"),
            (Number, b".", "Text(\".\")"),
            (Number, b"-", "Text(\"-\")"),
            (Number, b"nan", "Text(\"nan\")"),
            (Number, b"1e", "Text(\"1e\")"),
            (Number, b"****", "Absent"),
            (Logical, b"T", "Bool(true)"),
            (Logical, b"n", "Bool(false)"),
            (Logical, b"?", "Absent"),
            (Date, b"        ", "Absent"),
            (Date, b"00000000", "Absent"),
            (Date, b"20000101", &day(0)),
            (Date, b"20240229", &day(8825)),
            (Date, b"19991231", &day(-1)),
            (Integer, &[0xFE, 0xFF, 0xFF, 0xFF], "Number(\"-2\")"),
            (Double, &1.5_f64.to_le_bytes(), "Float(1.5)"),
            (Currency, &(-12_345_i64).to_le_bytes(), "Number(\"-1.2345\")"),
            (DateTime, &[0x6D, 0x68, 0x25, 0, 0xE8, 3, 0, 0], "DateTime(1728001000000)"),
            (Memo, b"          ", "Absent"),
        ] {
            assert_eq!(read(kind, bytes, None).as_deref(), Ok(cell), "{kind:?} {bytes:?}");
        }
    }

    #[test]
    fn what_a_field_cannot_mean_is_named() {
        use FieldKind::*;
        for (kind, bytes, code) in [
            (Text, &b"a\0b"[..], "encoding.nul"),
            (Text, b"\xe9t\xe9", "encoding.invalid"),
            (Number, b"1\0 5", "encoding.nul"),
            (Logical, b"x", "dbf.logical"),
            (Date, b"20230229", "dbf.date"),
            (Date, b"2023-1-1", "dbf.date"),
            (Date, b"202301  ", "dbf.date"),
            (Memo, b"         1", "dbf.memo"),
            (Unknown, b"x", "dbf.type"),
        ] {
            assert_eq!(read(kind, bytes, None), Err(code), "{kind:?} {bytes:?}");
        }
    }

    #[test]
    fn texts_are_decoded_by_the_encoding_named() {
        let text = |bytes: &[u8], label| read(FieldKind::Text, bytes, Some(label));
        assert_eq!(text(b"\xe9t\xe9 ", "windows-1252").as_deref(), Ok("Text(\"été\")"));
        assert_eq!(text(b"\x82 ", "cp850").as_deref(), Ok("Text(\"é\")"));
        assert_eq!(text(b"\x93\xfa\x96{", "shift_jis").as_deref(), Ok("Text(\"日本\")"));
        assert_eq!(text(b"\x93", "shift_jis"), Err("encoding.invalid"));
        assert_eq!(text(b"\xe9", "utf-8"), Err("encoding.invalid"));
    }
}
