//! `minimum` and `maximum`: bounds of the column's own kind.

use std::cmp::Ordering;

use jiff::{civil::Date, tz::TimeZone};

use super::{Facts, order};
use crate::{
    definition::Scalar,
    schema::PgType,
    transform::constant::{Constant, OwnedDecimal},
    value::{DAY_MICROS, POSTGRES_EPOCH_DAYS, Value},
};

/// Which end of the range a bound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Minimum,
    Maximum,
}

/// A bound, inclusive, in the unit of the values it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    Integer(i64),
    Decimal(OwnedDecimal),
    Float(f64),
    /// Days since 2000-01-01.
    Days(i32),
    /// Microseconds: since 2000-01-01, since midnight (in UTC for `timetz`), or of an interval.
    Micros(i128),
}

impl Bound {
    /// The bound that `scalar` means for a column of this type.
    pub(super) fn compile(scalar: &Scalar, end: End, facts: &Facts<'_>) -> Result<Self, String> {
        match facts.pg_type {
            PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Oid => integer_or_decimal(scalar),
            PgType::Numeric(_) => number(scalar).map(Bound::Decimal),
            PgType::Float8 => float(scalar).map(Bound::Float),
            PgType::Float4 => float(scalar).map(|number| Bound::Float(single(number))),
            PgType::Date | PgType::Timestamp(_) | PgType::TimestampTz(_) => {
                match whole_day(scalar, facts.today) {
                    Some(day) => of_day(day, end, facts),
                    None => of_value(scalar, facts),
                }
            }
            PgType::Time(_) | PgType::TimeTz(_) | PgType::Interval => of_value(scalar, facts),
            _ => Err("for numbers, dates and times only".to_owned()),
        }
    }

    /// Whether a value keeps within the bound; what cannot be compared (NaN) does not.
    pub(super) fn holds(&self, value: Value<'_>, end: End) -> bool {
        match (self.order(value), end) {
            (Some(Ordering::Equal), _) => true,
            (Some(Ordering::Greater), end) => end == End::Minimum,
            (Some(Ordering::Less), end) => end == End::Maximum,
            (None, _) => false,
        }
    }

    fn order(&self, value: Value<'_>) -> Option<Ordering> {
        match (self, value) {
            (Bound::Integer(bound), Value::Int(number)) => Some(number.cmp(bound)),
            (Bound::Decimal(bound), Value::Int(number)) => {
                order::with_integer(number, |number| order::decimals(number, bound.lend()))
            }
            (Bound::Decimal(bound), Value::Decimal(number)) => {
                order::decimals(number, bound.lend())
            }
            (Bound::Float(bound), Value::Float(number)) => number.partial_cmp(bound),
            (Bound::Days(bound), Value::Date(days)) => Some(days.cmp(bound)),
            (Bound::Micros(bound), value) => micros(value).map(|micros| micros.cmp(bound)),
            _ => None,
        }
    }
}

fn micros(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Time(micros) | Value::Timestamp(micros) | Value::TimestampTz(micros) => {
            Some(i128::from(micros))
        }
        Value::TimeTz(micros, west) => Some(i128::from(micros) + i128::from(west) * 1_000_000),
        Value::Interval(interval) => Some(order::interval_micros(interval)),
        _ => None,
    }
}

/// Integers are compared as such; only a bound that is none needs its digits.
fn integer_or_decimal(scalar: &Scalar) -> Result<Bound, String> {
    match scalar {
        Scalar::Int(bound) => Ok(Bound::Integer(*bound)),
        other => number(other).map(Bound::Decimal),
    }
}

/// A number as the definition states it; a TOML float means its shortest decimal.
pub(super) fn number(scalar: &Scalar) -> Result<OwnedDecimal, String> {
    let text = scalar.to_string();
    OwnedDecimal::parse(&text).ok_or_else(|| format!("`{text}` is not a number"))
}

pub(super) fn float(scalar: &Scalar) -> Result<f64, String> {
    number(scalar)?;
    scalar.to_string().parse().map_err(|_| format!("`{scalar}` is not a number"))
}

/// What a `real` column holds of a number.
#[expect(clippy::cast_possible_truncation, reason = "the column rounds in the same way")]
pub(super) fn single(number: f64) -> f64 {
    f64::from(number as f32)
}

/// `today`, or a date without time.
fn whole_day(scalar: &Scalar, today: Date) -> Option<Date> {
    let Scalar::Text(text) = scalar else { return None };
    if text == "today" {
        return Some(today);
    }
    (text.len() == "2024-01-31".len()).then(|| text.parse().ok()).flatten()
}

/// A day as a bound; a maximum includes all of it.
fn of_day(day: Date, end: End, facts: &Facts<'_>) -> Result<Bound, String> {
    match facts.pg_type {
        PgType::Date => Ok(Bound::Days(days(day))),
        PgType::TimestampTz(_) => {
            let zone = facts.zone.clone();
            match end {
                End::Minimum => midnight(day, zone).map(Bound::Micros),
                End::Maximum => midnight(following(day)?, zone).map(|next| Bound::Micros(next - 1)),
            }
        }
        _ => {
            let midnight = i128::from(days(day)) * i128::from(DAY_MICROS);
            Ok(Bound::Micros(match end {
                End::Minimum => midnight,
                End::Maximum => midnight + i128::from(DAY_MICROS) - 1,
            }))
        }
    }
}

fn following(day: Date) -> Result<Date, String> {
    day.tomorrow().map_err(|error| error.to_string())
}

/// The microsecond a day begins in a zone.
fn midnight(day: Date, zone: TimeZone) -> Result<i128, String> {
    let begins = day.to_zoned(zone).map_err(|error| error.to_string())?;
    let epoch = i128::from(POSTGRES_EPOCH_DAYS) * i128::from(DAY_MICROS);
    Ok(i128::from(begins.timestamp().as_microsecond()) - epoch)
}

fn days(day: Date) -> i32 {
    let epoch = Date::constant(2000, 1, 1);
    (day - epoch).get_days()
}

/// A bound written as the column's own values are.
fn of_value(scalar: &Scalar, facts: &Facts<'_>) -> Result<Bound, String> {
    match (facts.constant)(scalar)? {
        Constant::Plain(Value::Date(days)) => Ok(Bound::Days(days)),
        Constant::Plain(value) => {
            micros(value).map(Bound::Micros).ok_or_else(|| format!("`{scalar}` has no order"))
        }
        _ => Err(format!("`{scalar}` has no order")),
    }
}
