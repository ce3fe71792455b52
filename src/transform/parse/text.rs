//! Text columns and enums: lengths in characters, no NUL, labels exactly.

use std::fmt::Write as _;

use bumpalo::{Bump, collections::String as ArenaString};

use super::{ParseFault, calendar};
use crate::value::DAY_MICROS;

const CODE: &str = "type.text";

/// Text of at most `limit` characters.
#[inline]
pub(super) fn parse(text: &str, limit: Option<u32>) -> Result<&str, ParseFault> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(ParseFault::new(CODE, "has a NUL character, which PostgreSQL cannot store"));
    }
    match limit {
        // No text has more characters than bytes.
        Some(limit) if text.len() > limit as usize => hold(text, limit),
        _ => Ok(text),
    }
}

fn hold(text: &str, limit: u32) -> Result<&str, ParseFault> {
    if text.chars().count() > limit as usize {
        let plural = if limit == 1 { "" } else { "s" };
        return Err(ParseFault::owned(
            "length.max",
            format!("longer than the column's {limit} character{plural}"),
        ));
    }
    Ok(text)
}

/// One of an enum's labels, exactly.
#[inline]
pub(super) fn label<'a>(text: &str, labels: &'a [String]) -> Result<&'a str, ParseFault> {
    match labels.iter().find(|label| *label == text) {
        Some(label) => Ok(label),
        None => Err(ParseFault::new("type.enum", "not one of the enum's labels")),
    }
}

/// A binary number as text, where it is certain which digits were meant.
pub(in crate::transform) fn of_float(number: f64, arena: &Bump) -> Result<&str, ParseFault> {
    const WHOLE_MAX: f64 = 1e15;
    if !number.is_finite() || number.abs() >= WHOLE_MAX {
        let message = "a number of more than 15 digits: the sheet has lost its last ones";
        return Err(ParseFault::new(CODE, message));
    }
    // Adding zero turns -0 into 0.
    Ok(written(arena, format_args!("{}", number + 0.0)))
}

/// A date and time as `2024-01-31`, with a time only where there is one.
pub(in crate::transform) fn of_date_time(micros: i64, arena: &Bump) -> &str {
    let days = micros.div_euclid(DAY_MICROS);
    let time = micros.rem_euclid(DAY_MICROS);
    let (year, month, day) = calendar::date_of(days);
    let mut text = ArenaString::with_capacity_in(26, arena);
    let _ = write!(text, "{year:04}-{month:02}-{day:02}");
    if time != 0 {
        text.push(' ');
        write_clock(&mut text, time.unsigned_abs());
    }
    text.into_bump_str()
}

/// A duration as `08:30:00`; hours may pass 24.
pub(in crate::transform) fn of_duration(micros: i64, arena: &Bump) -> &str {
    let mut text = ArenaString::with_capacity_in(16, arena);
    if micros < 0 {
        text.push('-');
    }
    write_clock(&mut text, micros.unsigned_abs());
    text.into_bump_str()
}

fn write_clock(text: &mut ArenaString<'_>, micros: u64) {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let _ = write!(text, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if fraction != 0 {
        let _ = write!(text, ".{fraction:06}");
        while text.ends_with('0') {
            text.pop();
        }
    }
}

/// Text written into the arena; writing to memory cannot fail.
pub(in crate::transform) fn written<'a>(
    arena: &'a Bump,
    arguments: std::fmt::Arguments<'_>,
) -> &'a str {
    let mut text = ArenaString::with_capacity_in(24, arena);
    let _ = text.write_fmt(arguments);
    text.into_bump_str()
}
