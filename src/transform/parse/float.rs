//! `real` and `double precision`, rounded to the nearest as PostgreSQL does;
//! what would become infinite or vanish to zero is refused, as PostgreSQL does.

use bumpalo::{Bump, collections::String as ArenaString};

use super::{
    ParseFault,
    decimal::infinity,
    number::{Marks, NOT_A_NUMBER, Number, PLAIN, scan},
};

const CODE: &str = "type.float";
const OUTSIDE_REAL: &str = "outside the range of real";
const OUTSIDE_DOUBLE: &str = "outside the range of double precision";

/// A float from text; for `real` it is a number that a `real` holds exactly.
#[inline]
pub(super) fn parse(
    text: &str,
    marks: &Marks,
    single: bool,
    arena: &Bump,
) -> Result<f64, ParseFault> {
    let plain = if marks.point_is_decimal() { nearest(text, single) } else { None };
    match plain {
        // Zero and infinity may be what is left of a number out of range.
        Some(number) if number.is_normal() => Ok(number),
        _ => parse_unusual(text, marks, single, arena),
    }
}

/// Rust's parser takes all we take, and words that [`parse_unusual`] looks at.
#[inline]
fn nearest(text: &str, single: bool) -> Option<f64> {
    if single { text.parse::<f32>().ok().map(f64::from) } else { text.parse().ok() }
}

#[cold]
fn parse_unusual(text: &str, marks: &Marks, single: bool, arena: &Bump) -> Result<f64, ParseFault> {
    let scanned = match scan(text.as_bytes(), marks) {
        Ok(scanned) => scanned,
        Err(reason) => return special(text, reason),
    };
    let plain = plain_text(&scanned, arena);
    let number = nearest(plain, single).ok_or(ParseFault::new(CODE, NOT_A_NUMBER))?;
    let vanished = number == 0.0 && scanned.digits().any(|digit| digit != b'0');
    if vanished || !number.is_finite() {
        return Err(ParseFault::new(CODE, if single { OUTSIDE_REAL } else { OUTSIDE_DOUBLE }));
    }
    Ok(number)
}

fn special(text: &str, reason: &'static str) -> Result<f64, ParseFault> {
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    let negative = infinity(text).ok_or(ParseFault::new(CODE, reason))?;
    Ok(if negative { f64::NEG_INFINITY } else { f64::INFINITY })
}

/// The number as programs write it.
fn plain_text<'a>(number: &Number<'_>, arena: &'a Bump) -> &'a str {
    use std::fmt::Write as _;
    let mut text = ArenaString::new_in(arena);
    if number.negative {
        text.push('-');
    }
    text.push('0');
    let whole = number.whole.iter().filter(|byte| byte.is_ascii_digit());
    text.extend(whole.map(|digit| char::from(*digit)));
    text.push('.');
    text.extend(number.fraction.iter().map(|digit| char::from(*digit)));
    text.push('0');
    // Writing to memory cannot fail.
    let _ = write!(text, "e{}", number.exponent);
    text.into_bump_str()
}

/// A source's own number.
pub(super) fn parse_number(text: &str, single: bool, arena: &Bump) -> Result<f64, ParseFault> {
    parse(text, &PLAIN, single, arena)
}

/// A binary number; a `real` holds the nearest one it has.
pub(super) fn of_float(number: f64, single: bool) -> Result<f64, ParseFault> {
    let held = if single { f64::from(number as f32) } else { number };
    let vanished = held == 0.0 && number != 0.0;
    if vanished || !held.is_finite() {
        return Err(ParseFault::new(CODE, if single { OUTSIDE_REAL } else { OUTSIDE_DOUBLE }));
    }
    Ok(held)
}
