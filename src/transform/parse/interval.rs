//! `interval`: ISO 8601 durations (`P1Y2M3DT4H5M6.5S`) and what PostgreSQL prints
//! (`1 year 2 mons 3 days 04:05:06.789`).
//!
//! Months, days and microseconds stay apart, as in PostgreSQL. Fractions are
//! accepted of seconds only: half a month is no number of days.

use super::{ParseFault, moment::Reader};
use crate::value::Interval;

const CODE: &str = "type.interval";
const NOT_ONE: &str = "not an interval such as P1Y2M3DT4H5M6S or `1 year 3 days 04:05:06`";
const TOO_LONG: &str = "longer than PostgreSQL's intervals";

/// An interval from text.
pub(super) fn parse(text: &str) -> Result<Interval, ParseFault> {
    let mut sum = Sum::default();
    let read = match text.strip_prefix('P') {
        Some(parts) => sum.read_iso(parts),
        None => sum.read_words(text),
    };
    read.map(|()| sum.interval).map_err(|reason| ParseFault::new(CODE, reason))
}

/// The parts of an interval, in the order they may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// An interval as it grows; each part may come once.
#[derive(Debug, Default)]
struct Sum {
    interval: Interval,
    last: Option<Unit>,
}

/// A number with sign: whole part and millionths, both signed.
#[derive(Debug, Clone, Copy)]
struct Amount {
    whole: i64,
    millionths: i64,
    fractional: bool,
}

impl Sum {
    fn add(&mut self, amount: Amount, unit: Unit) -> Result<(), &'static str> {
        if self.last.is_some_and(|last| last >= unit) {
            return Err(NOT_ONE);
        }
        if amount.fractional && unit != Unit::Second {
            return Err("has a fraction of something other than a second");
        }
        self.last = Some(unit);
        self.grow(amount, unit).ok_or(TOO_LONG)
    }

    fn grow(&mut self, amount: Amount, unit: Unit) -> Option<()> {
        let Interval { months, days, micros } = &mut self.interval;
        let grown = |to: i32, factor: i64| {
            let sum = amount.whole.checked_mul(factor)?.checked_add(i64::from(to))?;
            i32::try_from(sum).ok()
        };
        let time = |seconds: i64| {
            let part = amount.whole.checked_mul(seconds)?.checked_mul(1_000_000)?;
            micros.checked_add(part)?.checked_add(amount.millionths)
        };
        match unit {
            Unit::Year => *months = grown(*months, 12)?,
            Unit::Month => *months = grown(*months, 1)?,
            Unit::Week => *days = grown(*days, 7)?,
            Unit::Day => *days = grown(*days, 1)?,
            Unit::Hour => *micros = time(3600)?,
            Unit::Minute => *micros = time(60)?,
            Unit::Second => *micros = time(1)?,
        }
        Some(())
    }

    /// What follows the `P`.
    fn read_iso(&mut self, text: &str) -> Result<(), &'static str> {
        let mut reader = Reader { rest: text.as_bytes() };
        let mut in_time = false;
        while !reader.is_done() {
            if !in_time && reader.pass(b'T') {
                in_time = true;
                if reader.is_done() {
                    return Err(NOT_ONE);
                }
            }
            // ISO 8601 has no plus here, and the server none either.
            if reader.rest.starts_with(b"+") {
                return Err(NOT_ONE);
            }
            let amount = amount(&mut reader)?;
            let (designator, rest) = reader.rest.split_first().ok_or(NOT_ONE)?;
            reader.rest = rest;
            self.add(amount, designated(*designator, in_time).ok_or(NOT_ONE)?)?;
        }
        if self.last.is_none() { Err(NOT_ONE) } else { Ok(()) }
    }

    /// Numbers with words, and a time at the end.
    fn read_words(&mut self, text: &str) -> Result<(), &'static str> {
        let mut words = text.split(' ');
        while let Some(number) = words.next() {
            if number.contains(':') {
                self.add_clock(number)?;
                return if words.next().is_none() { Ok(()) } else { Err(NOT_ONE) };
            }
            let mut reader = Reader { rest: number.as_bytes() };
            let amount = amount(&mut reader)?;
            let unit = words.next().and_then(named).ok_or(NOT_ONE)?;
            if !reader.is_done() {
                return Err(NOT_ONE);
            }
            self.add(amount, unit)?;
        }
        Ok(())
    }

    /// `04:05` or `-04:05:06.789`; hours may have any number of digits.
    fn add_clock(&mut self, text: &str) -> Result<(), &'static str> {
        let mut reader = Reader { rest: text.as_bytes() };
        let negative = sign(&mut reader);
        let hours = whole(reader.digit_run(), negative)?;
        let part = |reader: &mut Reader<'_>| {
            let number = if reader.pass(b':') { reader.digits(2) } else { None };
            number.filter(|number| *number < 60).map(i64::from).ok_or(NOT_ONE)
        };
        let minutes = part(&mut reader)?;
        let (mut seconds, mut millionths) = (0, 0);
        if !reader.is_done() {
            seconds = part(&mut reader)?;
            if reader.pass(b'.') {
                millionths = reader.millionths()?.ok_or(NOT_ONE)?;
            }
        }
        if !reader.is_done() {
            return Err(NOT_ONE);
        }
        let signed = |number: i64| if negative { -number } else { number };
        let plain = |whole| Amount { whole, millionths: 0, fractional: false };
        let fraction = signed(millionths);
        self.add(plain(hours), Unit::Hour)?;
        self.add(plain(signed(minutes)), Unit::Minute)?;
        let seconds = Amount { whole: signed(seconds), millionths: fraction, fractional: true };
        self.add(seconds, Unit::Second)
    }
}

fn designated(designator: u8, in_time: bool) -> Option<Unit> {
    Some(match (designator, in_time) {
        (b'Y', false) => Unit::Year,
        (b'M', false) => Unit::Month,
        (b'W', false) => Unit::Week,
        (b'D', false) => Unit::Day,
        (b'H', true) => Unit::Hour,
        (b'M', true) => Unit::Minute,
        (b'S', true) => Unit::Second,
        _ => return None,
    })
}

fn named(word: &str) -> Option<Unit> {
    Some(match word.strip_suffix('s').unwrap_or(word) {
        "year" => Unit::Year,
        "mon" | "month" => Unit::Month,
        "week" => Unit::Week,
        "day" => Unit::Day,
        "hour" => Unit::Hour,
        "min" | "minute" => Unit::Minute,
        "sec" | "second" => Unit::Second,
        _ => return None,
    })
}

fn sign(reader: &mut Reader<'_>) -> bool {
    let negative = reader.pass(b'-');
    if !negative {
        reader.pass(b'+');
    }
    negative
}

fn amount(reader: &mut Reader<'_>) -> Result<Amount, &'static str> {
    let negative = sign(reader);
    let whole = whole(reader.digit_run(), negative)?;
    let fractional = reader.pass(b'.');
    let millionths = if fractional { reader.millionths()?.ok_or(NOT_ONE)? } else { 0 };
    Ok(Amount { whole, millionths: if negative { -millionths } else { millionths }, fractional })
}

fn whole(digits: &[u8], negative: bool) -> Result<i64, &'static str> {
    if digits.is_empty() {
        return Err(NOT_ONE);
    }
    let signed = |digit: &u8| i64::from(digit - b'0') * if negative { -1 } else { 1 };
    let add = |sum: i64, digit| sum.checked_mul(10)?.checked_add(signed(digit));
    digits.iter().try_fold(0i64, add).ok_or(TOO_LONG)
}
