//! `numeric`: exact decimals within a precision and scale, without rounding.

use std::fmt::Write as _;

use bumpalo::{Bump, collections::String as ArenaString, collections::Vec as ArenaVec};

use super::{
    ParseFault,
    number::{Marks, NOT_A_NUMBER, Number, PLAIN, scan},
};
use crate::{
    schema::NumericLimit,
    value::{Decimal, DecimalSpecial},
};

const CODE: &str = "type.numeric";

/// What PostgreSQL's `numeric` holds without declared precision.
const WHOLE_DIGITS_MAX: i64 = 131_072;
const FRACTION_DIGITS_MAX: i64 = 16_383;

/// A decimal from text, held to the column's precision and scale.
#[inline]
pub(super) fn parse<'a>(
    text: &'a str,
    marks: &Marks,
    limit: Option<NumericLimit>,
    arena: &'a Bump,
) -> Result<Decimal<'a>, ParseFault> {
    match scan(text.as_bytes(), marks) {
        Ok(number) => hold(contiguous(&number, arena), limit),
        Err(reason) => special(text, limit, reason),
    }
}

/// A decimal from a binary number: the shortest digits that give the same number back.
pub(super) fn of_float<'a>(
    number: f64,
    limit: Option<NumericLimit>,
    arena: &'a Bump,
) -> Result<Decimal<'a>, ParseFault> {
    if !number.is_finite() {
        return Err(ParseFault::new(CODE, NOT_A_NUMBER));
    }
    let mut text = ArenaString::with_capacity_in(24, arena);
    // Writing to memory cannot fail.
    let _ = write!(text, "{number:e}");
    parse(text.into_bump_str(), &PLAIN, limit, arena)
}

/// Whether `numeric` can hold a number, as `jsonb` needs it.
pub(super) fn fits_numeric(text: &[u8]) -> bool {
    scan(text, &PLAIN).is_ok_and(|number| hold(contiguous(&number, &Bump::new()), None).is_ok())
}

/// The digits in one piece; only a fraction or groups have to be copied for that.
#[inline]
fn contiguous<'a>(number: &Number<'a>, arena: &'a Bump) -> Decimal<'a> {
    let digits = if number.fraction.is_empty() && !number.grouped {
        number.whole
    } else if number.whole.is_empty() {
        number.fraction
    } else {
        let mut digits =
            ArenaVec::with_capacity_in(number.whole.len() + number.fraction.len(), arena);
        if number.grouped {
            digits.extend(number.whole.iter().filter(|byte| byte.is_ascii_digit()));
        } else {
            digits.extend_from_slice_copy(number.whole);
        }
        digits.extend_from_slice_copy(number.fraction);
        digits.into_bump_slice()
    };
    // Fields are held far below 2 GiB, so the length fits.
    let exponent = number.exponent - i32::try_from(number.fraction.len()).unwrap_or(i32::MAX / 2);
    Decimal { negative: number.negative, digits, exponent, special: None }
}

#[inline]
fn hold(mut decimal: Decimal<'_>, limit: Option<NumericLimit>) -> Result<Decimal<'_>, ParseFault> {
    let leading = decimal.digits.iter().take_while(|digit| **digit == b'0').count();
    decimal.digits = &decimal.digits[leading..];
    if decimal.digits.is_empty() {
        decimal.negative = false;
        decimal.exponent = decimal.exponent.min(0);
    }
    let exponent = i64::from(decimal.exponent);
    // Digits before the point; at most zero for numbers below 1.
    let whole = decimal.digits.len() as i64 + exponent;
    let Some(limit) = limit else {
        if whole > WHOLE_DIGITS_MAX || -exponent > FRACTION_DIGITS_MAX {
            return Err(ParseFault::new(CODE, "has more digits than numeric holds"));
        }
        return Ok(decimal);
    };
    let (precision, scale) = (i64::from(limit.precision), i64::from(limit.scale));
    if -exponent > scale {
        drop_zeros(&mut decimal, limit)?;
    }
    if !decimal.digits.is_empty() && whole > precision - scale {
        return Err(too_large(limit));
    }
    Ok(decimal)
}

/// Decimals beyond the scale fit only where they are zeros.
fn drop_zeros(decimal: &mut Decimal<'_>, limit: NumericLimit) -> Result<(), ParseFault> {
    let surplus = -i64::from(decimal.exponent) - i64::from(limit.scale);
    let surplus = usize::try_from(surplus).unwrap_or(0);
    let kept = decimal.digits.len().saturating_sub(surplus);
    if decimal.digits[kept..].iter().any(|digit| *digit != b'0') {
        return Err(too_fine(limit));
    }
    decimal.digits = &decimal.digits[..kept];
    decimal.exponent = -i32::from(limit.scale);
    if kept == 0 {
        decimal.exponent = decimal.exponent.min(0);
    }
    Ok(())
}

#[cold]
fn too_fine(limit: NumericLimit) -> ParseFault {
    let NumericLimit { precision, scale } = limit;
    let message = match scale {
        0 => format!("has decimals, numeric({precision}) holds none"),
        1.. => format!("has more than the {scale} decimals of numeric({precision},{scale})"),
        _ => format!("not a multiple of 10^{}, as numeric({precision},{scale}) holds", -scale),
    };
    ParseFault::owned(CODE, message)
}

#[cold]
fn too_large(limit: NumericLimit) -> ParseFault {
    let NumericLimit { precision, scale } = limit;
    let whole = i32::from(precision) - i32::from(scale);
    let message = if whole > 0 {
        format!("has more than the {whole} digits before the point of numeric({precision},{scale})")
    } else {
        format!("too large for numeric({precision},{scale})")
    };
    ParseFault::owned(CODE, message)
}

#[cold]
fn special<'a>(
    text: &str,
    limit: Option<NumericLimit>,
    reason: &'static str,
) -> Result<Decimal<'a>, ParseFault> {
    let (negative, special) = if text.eq_ignore_ascii_case("nan") {
        (false, DecimalSpecial::Nan)
    } else {
        let negative = infinity(text).ok_or(ParseFault::new(CODE, reason))?;
        if limit.is_some() {
            let message = "infinity does not fit a numeric with a precision";
            return Err(ParseFault::new(CODE, message));
        }
        (negative, DecimalSpecial::Infinity)
    };
    Ok(Decimal { negative, digits: &[], exponent: 0, special: Some(special) })
}

/// PostgreSQL's words for infinity: whether it is the negative one.
pub(super) fn infinity(text: &str) -> Option<bool> {
    let (negative, word) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let known = word.eq_ignore_ascii_case("infinity") || word.eq_ignore_ascii_case("inf");
    known.then_some(negative)
}
