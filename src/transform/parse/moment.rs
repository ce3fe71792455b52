//! A date and time taken apart, and how ISO 8601 writes it.
//!
//! What PostgreSQL prints is read too: a blank for the `T`, years of more than
//! four digits, ` BC`. Nothing else is: a date that can be read two ways needs
//! a declared format.

use super::calendar;

/// A point in time as far as a text said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    /// Days since 2000-01-01.
    pub(super) days: i64,
    /// Microseconds since midnight, up to 24:00.
    pub(super) micros: i64,
    /// Seconds east of Greenwich, where they were written.
    pub(super) offset: Option<i32>,
}

pub(super) const NO_DATE: &str = "no such date in the calendar";
pub(super) const NO_TIME: &str = "no such time of day";
pub(super) const TOO_FINE: &str = "has more than six decimals of a second";

/// Reads fixed-width pieces off the front of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'t> {
    pub(super) rest: &'t [u8],
}

impl<'t> Reader<'t> {
    /// Exactly `width` digits, at most nine.
    #[inline]
    pub(super) fn digits(&mut self, width: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(width)?;
        let mut number = 0;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number = number * 10 + u32::from(digit);
        }
        self.rest = rest;
        Some(number)
    }

    /// All digits that follow.
    #[inline]
    pub(super) fn digit_run(&mut self) -> &'t [u8] {
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        digits
    }

    /// Whether `byte` came next; it is passed.
    #[inline]
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// A decimal fraction's digits in millionths; what is finer has to be zero.
    pub(super) fn millionths(&mut self) -> Result<Option<i64>, &'static str> {
        let digits = self.digit_run();
        let (kept, finer) = digits.split_at(digits.len().min(6));
        if finer.iter().any(|digit| *digit != b'0') {
            return Err(TOO_FINE);
        }
        let number = kept.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let missing = 6 - u32::try_from(kept.len()).unwrap_or(6);
        Ok((!kept.is_empty()).then(|| number * 10i64.pow(missing)))
    }

    /// `Z`, `±hh`, `±hhmm`, `±hh:mm` or `±hh:mm:ss`, in seconds east; below 16 hours, as in PostgreSQL.
    pub(super) fn offset(&mut self) -> Option<i32> {
        if self.pass(b'Z') {
            return Some(0);
        }
        let west = self.pass(b'-');
        if !west && !self.pass(b'+') {
            return None;
        }
        let hours = self.digits(2)?;
        let colon = self.pass(b':');
        let more = colon || self.rest.first().is_some_and(u8::is_ascii_digit);
        let minutes = if more { self.digits(2)? } else { 0 };
        let seconds = if colon && self.pass(b':') { self.digits(2)? } else { 0 };
        if hours > 15 || minutes > 59 || seconds > 59 {
            return None;
        }
        let east = i32::try_from(hours * 3600 + minutes * 60 + seconds).ok()?;
        Some(if west { -east } else { east })
    }
}

/// A date, perhaps with a time and an offset.
#[inline]
pub(super) fn parse(text: &str, what: &'static str) -> Result<Moment, &'static str> {
    let mut reader = Reader { rest: text.as_bytes() };
    let (year, month, day) = date(&mut reader).ok_or(what)?;
    let (mut micros, mut offset, mut before_christ) = (0, None, false);
    if !reader.is_done() {
        before_christ = strip_era(&mut reader);
        if !reader.is_done() {
            if !(reader.pass(b'T') || reader.pass(b' ')) {
                return Err(what);
            }
            micros = time_of_day(&mut reader, what)?;
            offset = trailing_offset(&mut reader, what)?;
        }
    }
    let days = days(year, month, day, before_christ).ok_or(NO_DATE)?;
    Ok(Moment { days, micros, offset })
}

/// A time of day, perhaps with an offset.
pub(super) fn parse_time(text: &str, what: &'static str) -> Result<Moment, &'static str> {
    let mut reader = Reader { rest: text.as_bytes() };
    let micros = time_of_day(&mut reader, what)?;
    let offset = trailing_offset(&mut reader, what)?;
    Ok(Moment { days: 0, micros, offset })
}

fn trailing_offset(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<Option<i32>, &'static str> {
    if reader.is_done() {
        return Ok(None);
    }
    let offset = reader.offset().ok_or(what)?;
    if reader.is_done() { Ok(Some(offset)) } else { Err(what) }
}

#[inline]
fn date(reader: &mut Reader<'_>) -> Option<(u32, u32, u32)> {
    let year = match reader.rest {
        [_, _, _, _, b'-', ..] => reader.digits(4)?,
        _ => long_year(reader)?,
    };
    if !reader.pass(b'-') {
        return None;
    }
    let month = reader.digits(2)?;
    if !reader.pass(b'-') {
        return None;
    }
    Some((year, month, reader.digits(2)?))
}

/// PostgreSQL prints years after 9999 with all their digits.
#[cold]
fn long_year(reader: &mut Reader<'_>) -> Option<u32> {
    let width = reader.rest.iter().position(|byte| *byte == b'-')?;
    if (5..=7).contains(&width) { reader.digits(width) } else { None }
}

/// Takes ` BC` off the end.
fn strip_era(reader: &mut Reader<'_>) -> bool {
    match reader.rest.strip_suffix(b" BC") {
        Some(rest) => {
            reader.rest = rest;
            true
        }
        None => false,
    }
}

/// There is no year 0: 1 BC comes before AD 1.
#[inline]
fn days(year: u32, month: u32, day: u32, before_christ: bool) -> Option<i64> {
    if year == 0 {
        return None;
    }
    let year = if before_christ { 1 - i64::from(year) } else { i64::from(year) };
    calendar::existing(year, month, day)
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.ffffff`, up to 24:00.
#[inline]
fn time_of_day(reader: &mut Reader<'_>, what: &'static str) -> Result<i64, &'static str> {
    let hour = reader.digits(2).ok_or(what)?;
    if !reader.pass(b':') {
        return Err(what);
    }
    let minute = reader.digits(2).ok_or(what)?;
    let (mut second, mut fraction) = (0, 0);
    if reader.pass(b':') {
        second = reader.digits(2).ok_or(what)?;
        if reader.pass(b'.') {
            fraction = reader.millionths()?.ok_or(what)?;
        }
    }
    clock(hour, minute, second, fraction).ok_or(NO_TIME)
}

/// Microseconds since midnight. A leap second has no place in PostgreSQL: it would
/// become the next minute's first second, so it is none here.
#[inline]
pub(super) fn clock(hour: u32, minute: u32, second: u32, fraction: i64) -> Option<i64> {
    let end_of_day = hour == 24 && minute == 0 && second == 0 && fraction == 0;
    if !end_of_day && (hour > 23 || minute > 59 || second > 59) {
        return None;
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + fraction)
}
