//! `numeric` on the wire: base-10,000 digits, without an allocation.
//!
//! `numeric_recv` reads: number of digits, weight (the power of 10,000 of the
//! first digit), sign, display scale, digits. The server rejects a display
//! scale above 16,383 and rounds nothing here: the parser has proven that the
//! column's scale loses no digit.

use super::DoesNotFit;
use crate::value::{Decimal, DecimalSpecial};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Decimal digits in a base-10,000 digit.
const GROUP: i64 = 4;

/// Appends a decimal with its length word; `scale` is the column's, where it has one.
pub(super) fn write(
    buffer: &mut Vec<u8>,
    decimal: &Decimal<'_>,
    scale: Option<i16>,
) -> Result<(), DoesNotFit> {
    if let Some(special) = decimal.special {
        write_header(buffer, 0, 0, sign_of(special, decimal.negative), 0);
        return Ok(());
    }
    let (digits, exponent) = significant(decimal)?;
    let display = display_scale(decimal, scale)?;
    if digits.is_empty() {
        write_header(buffer, 0, 0, POSITIVE, display);
        return Ok(());
    }
    // Positions are powers of ten: the last digit stands at `exponent`, the first at `top`.
    let top = exponent + length(digits)? - 1;
    let weight = top.div_euclid(GROUP);
    let last_weight = exponent.div_euclid(GROUP);
    let groups = u16::try_from(weight - last_weight + 1).map_err(|_| DoesNotFit)?;
    let sign = if decimal.negative { NEGATIVE } else { POSITIVE };
    write_header(buffer, groups, i16::try_from(weight).map_err(|_| DoesNotFit)?, sign, display);
    let mut group = 0_u16;
    for (index, digit) in digits.iter().enumerate() {
        let position = top - i64::try_from(index).map_err(|_| DoesNotFit)?;
        group = group * 10 + u16::from(digit - b'0');
        if position.rem_euclid(GROUP) == 0 {
            buffer.extend_from_slice(&group.to_be_bytes());
            group = 0;
        }
    }
    let missing = exponent.rem_euclid(GROUP);
    if missing > 0 {
        let scaled = (0..missing).fold(group, |group, _| group * 10);
        buffer.extend_from_slice(&scaled.to_be_bytes());
    }
    Ok(())
}

fn sign_of(special: DecimalSpecial, negative: bool) -> u16 {
    match (special, negative) {
        (DecimalSpecial::Nan, _) => NAN,
        (DecimalSpecial::Infinity, false) => INFINITY,
        (DecimalSpecial::Infinity, true) => NEGATIVE_INFINITY,
    }
}

fn write_header(buffer: &mut Vec<u8>, groups: u16, weight: i16, sign: u16, display: u16) {
    let length = 8 + 2 * i32::from(groups);
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(&groups.to_be_bytes());
    buffer.extend_from_slice(&weight.to_be_bytes());
    buffer.extend_from_slice(&sign.to_be_bytes());
    buffer.extend_from_slice(&display.to_be_bytes());
}

/// The digits without zeros at either end, and the power of ten of the last one.
fn significant<'d>(decimal: &Decimal<'d>) -> Result<(&'d [u8], i64), DoesNotFit> {
    let first =
        decimal.digits.iter().position(|digit| *digit != b'0').unwrap_or(decimal.digits.len());
    let digits = &decimal.digits[first..];
    let kept = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    let cut = length(digits)? - i64::try_from(kept).map_err(|_| DoesNotFit)?;
    Ok((&digits[..kept], i64::from(decimal.exponent) + cut))
}

/// How many decimals are shown: the column's scale, else as many as were written.
fn display_scale(decimal: &Decimal<'_>, scale: Option<i16>) -> Result<u16, DoesNotFit> {
    let written = decimal.exponent.checked_neg().ok_or(DoesNotFit)?;
    let shown = scale.map_or(written, i32::from).max(0);
    u16::try_from(shown).map_err(|_| DoesNotFit)
}

fn length(digits: &[u8]) -> Result<i64, DoesNotFit> {
    i64::try_from(digits.len()).map_err(|_| DoesNotFit)
}
