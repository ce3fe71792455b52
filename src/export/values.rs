//! How values are written: marks in numbers, formats of dates, words for truth, and what
//! becomes of sensitive ones.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, civil, tz::TimeZone};
use sha2::Sha256;

use super::columns::{Column, Kind};
use crate::{
    definition::{ExportDefinition, OutputDefinition, Treatment},
    error::{Error, Result},
};

/// Shorter keys can be found by trying.
const KEY_BYTES_MIN: usize = 16;
/// The variable with the key of hashes.
const KEY_VARIABLE: &str = "LONGSHORE_HASH_KEY";
/// What stands in place of a masked value.
const MASK: &str = "***";

/// How the values of one export are written.
pub(super) struct ValueFormat {
    decimal_mark: Option<String>,
    group_mark: Option<String>,
    decimals: Option<usize>,
    date: Option<String>,
    timestamp: Option<String>,
    zone: TimeZone,
    truth: [String; 2],
    key: Option<Hmac<Sha256>>,
}

/// A value that cannot be written as the definition wants it, and why.
pub(super) type Unwritable = &'static str;

impl ValueFormat {
    pub(super) fn new(definition: &ExportDefinition, columns: &[Column]) -> Result<Self> {
        let output = &definition.output;
        let hashed = columns.iter().any(|column| column.treatment == Treatment::Hash);
        Ok(Self {
            decimal_mark: output.decimal_mark.clone().filter(|mark| mark != "."),
            group_mark: output.group_mark.clone().filter(|mark| !mark.is_empty()),
            decimals: output.decimals.map(usize::from),
            date: output.date_format.clone(),
            timestamp: output.timestamp_format.clone(),
            zone: zone(output)?,
            truth: [
                output.false_word.clone().unwrap_or_else(|| "false".to_owned()),
                output.true_word.clone().unwrap_or_else(|| "true".to_owned()),
            ],
            key: if hashed { Some(key(definition.hash_key_file.as_deref())?) } else { None },
        })
    }

    /// The zone that points in time are written in.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A value as the server writes it, or what stands in its place; `None` is NULL.
    pub(super) fn treated<'v>(
        &self,
        column: &Column,
        value: Option<&'v str>,
    ) -> Option<Cow<'v, str>> {
        match column.treatment {
            Treatment::Mask => Some(Cow::Borrowed(MASK)),
            Treatment::Hash => value.map(|text| Cow::Owned(self.hashed(text))),
            Treatment::Omit | Treatment::Show => value.map(Cow::Borrowed),
        }
    }

    /// A value as CSV has it; `None` is NULL.
    pub(super) fn write<'v>(
        &'v self,
        column: &Column,
        value: Option<&'v str>,
    ) -> Result<Option<Cow<'v, str>>, Unwritable> {
        if column.treatment != Treatment::Show {
            return Ok(self.treated(column, value));
        }
        let Some(text) = value else { return Ok(None) };
        Ok(Some(match column.kind {
            Kind::Number => match self.decimals.filter(|_| column.has_decimals()) {
                Some(decimals) => {
                    Cow::Owned(self.number(&with_decimals(text, decimals)).into_owned())
                }
                None => self.number(text),
            },
            Kind::Boolean => Cow::Borrowed(self.truth[usize::from(text == "t")].as_str()),
            Kind::Date => formatted(text, self.date.as_deref(), |text, format| {
                jiff::fmt::strtime::format(format, text.parse::<civil::Date>()?)
            })?,
            Kind::Local => formatted(text, self.timestamp.as_deref(), |text, format| {
                jiff::fmt::strtime::format(format, text.parse::<civil::DateTime>()?)
            })?,
            Kind::Instant => formatted(text, self.timestamp.as_deref(), |text, format| {
                let instant = text.parse::<Timestamp>()?.to_zoned(self.zone.clone());
                jiff::fmt::strtime::format(format, &instant)
            })?,
            Kind::Time | Kind::Json | Kind::Geometry | Kind::Text => Cow::Borrowed(text),
        }))
    }

    fn hashed(&self, text: &str) -> String {
        let Some(key) = &self.key else { return MASK.to_owned() };
        let mut mac = key.clone();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn number<'v>(&self, text: &'v str) -> Cow<'v, str> {
        if self.decimal_mark.is_none() && self.group_mark.is_none() {
            return Cow::Borrowed(text);
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let mut written = match &self.group_mark {
            Some(mark) => grouped(whole, mark),
            None => whole.to_owned(),
        };
        if let Some(fraction) = fraction {
            written.push_str(self.decimal_mark.as_deref().unwrap_or("."));
            written.push_str(fraction);
        }
        Cow::Owned(written)
    }
}

/// A value that cannot be written as the definition wants it.
pub(super) fn unwritable(row: u64, column: &Column, why: &str) -> Error {
    Error::definition(format!("row {row}, column `{}`, holds {why}", column.name))
        .hint("leave the format out, or have the query write the text")
}

/// The zone of points in time; the check of the definition knows its name already.
fn zone(output: &OutputDefinition) -> Result<TimeZone> {
    let Some(name) = &output.zone else { return Ok(TimeZone::UTC) };
    TimeZone::get(name).map_err(|cause| {
        Error::definition(format!("`{name}` is not a time zone")).caused_by(cause.to_string())
    })
}

fn formatted<'v>(
    text: &'v str,
    format: Option<&str>,
    write: impl Fn(&str, &str) -> Result<String, jiff::Error>,
) -> Result<Cow<'v, str>, Unwritable> {
    let Some(format) = format.filter(|_| !text.ends_with("infinity")) else {
        return Ok(Cow::Borrowed(text));
    };
    let written = write(text, format);
    written.map(Cow::Owned).map_err(|_| "a date beyond the years that a format can write")
}

/// A number with so many digits behind the point, rounded half away from zero as the server's
/// `round` does; what is no plain number (`1e+20`, `NaN`) stays.
fn with_decimals(text: &str, decimals: usize) -> String {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    let kept = fraction.bytes().chain(std::iter::repeat(b'0')).take(decimals);
    let mut number: Vec<u8> = whole.bytes().chain(kept).collect();
    if fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5') {
        // What is carried out of the first digit stands before it.
        let nines = number.iter().rev().take_while(|digit| **digit == b'9').count();
        let from = number.len() - nines;
        number[from..].fill(b'0');
        match from.checked_sub(1) {
            Some(at) => number[at] += 1,
            None => number.insert(0, b'1'),
        }
    }
    let is_zero = number.iter().all(|digit| *digit == b'0');
    let mut written = String::from(if text.len() > digits.len() && !is_zero { "-" } else { "" });
    let point = number.len() - decimals;
    for (at, digit) in number.into_iter().enumerate() {
        if at == point {
            written.push('.');
        }
        written.push(char::from(digit));
    }
    written
}

/// Digits in groups of three; what is no plain number (`1e+20`, `NaN`) stays.
fn grouped(whole: &str, mark: &str) -> String {
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return whole.to_owned();
    }
    let mut written = whole[..whole.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            written.push_str(mark);
        }
        written.push(digit);
    }
    written
}

/// The key of hashes: without one, anybody could hash every name there is and compare.
fn key(file: Option<&str>) -> Result<Hmac<Sha256>> {
    let bytes = match file {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|cause| {
                Error::environment(format!("the key in `{path}` cannot be read")).caused_by(cause)
            })?;
            bytes.trim_ascii_end().to_vec()
        }
        None => std::env::var(KEY_VARIABLE).unwrap_or_default().into_bytes(),
    };
    if bytes.len() < KEY_BYTES_MIN {
        let what = format!("the key of hashes needs at least {KEY_BYTES_MIN} bytes");
        return Err(Error::definition(what)
            .hint(format!("name its file with `hash_key_file`, or set {KEY_VARIABLE}")));
    }
    Hmac::new_from_slice(&bytes).map_err(|_| Error::unexpected("a key of this length is refused"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_and_nothing_else() {
        let cases = [
            ("1", "1"),
            ("-123", "-123"),
            ("1234567", "1 234 567"),
            ("NaN", "NaN"),
            ("1e+20", "1e+20"),
        ];
        for (number, written) in cases {
            assert_eq!(grouped(number, " "), written);
        }
    }

    #[test]
    fn decimals_are_filled_up_and_rounded_as_the_server_rounds() {
        let cases = [
            ("1", 2, "1.00"),
            ("-1.5", 0, "-2"),
            ("1.005", 2, "1.01"),
            ("-0.004", 2, "0.00"),
            ("9.995", 2, "10.00"),
            ("99.5", 0, "100"),
            ("0.444", 1, "0.4"),
            ("NaN", 2, "NaN"),
            ("-Infinity", 2, "-Infinity"),
            ("1e+20", 2, "1e+20"),
        ];
        for (number, decimals, written) in cases {
            assert_eq!(with_decimals(number, decimals), written, "{number}");
        }
    }

    #[test]
    fn dates_outside_of_the_calendar_are_said_and_infinity_stays() {
        let date = |text: &'static str| {
            formatted(text, Some("%d/%m/%Y"), |text, format| {
                jiff::fmt::strtime::format(format, text.parse::<civil::Date>()?)
            })
        };
        assert_eq!(date("2024-02-29").as_deref(), Ok("29/02/2024"));
        assert_eq!(date("-infinity").as_deref(), Ok("-infinity"));
        assert!(date("0044-03-15 BC").is_err());
        assert!(date("10000-01-01").is_err());
    }
}
