//! Values that a definition states: constants, defaults, members of an `enum`.
//!
//! A [`Value`] borrows; a constant owns what it lends for as long as the plan lives.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use crate::value::{Decimal, DecimalSpecial, Value};

/// A value that outlives batches and arenas.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    /// A value that borrows nothing.
    Plain(Value<'static>),
    Text(Box<str>),
    Json(Box<str>),
    Bytes(Box<[u8]>),
    Geometry(Box<[u8]>),
    Decimal(OwnedDecimal),
    Array(Vec<Constant>),
}

/// A [`Decimal`] that owns its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnedDecimal {
    negative: bool,
    digits: Box<[u8]>,
    exponent: i32,
    special: Option<DecimalSpecial>,
}

impl OwnedDecimal {
    pub(super) fn of(decimal: Decimal<'_>) -> Self {
        let Decimal { negative, digits, exponent, special } = decimal;
        Self { negative, digits: digits.into(), exponent, special }
    }

    /// A plain decimal number, as definitions write it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        decimal(text, &Bump::new()).map(Self::of)
    }

    pub(super) fn lend(&self) -> Decimal<'_> {
        Decimal {
            negative: self.negative,
            digits: &self.digits,
            exponent: self.exponent,
            special: self.special,
        }
    }
}

/// A plain decimal number such as `-12.50`, without marks, exponents or blanks.
pub(super) fn decimal<'a>(text: &'a str, arena: &'a Bump) -> Option<Decimal<'a>> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let plain = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let digits = if fraction.is_empty() {
        whole.as_bytes()
    } else {
        let mut both = ArenaVec::with_capacity_in(whole.len() + fraction.len(), arena);
        both.extend_from_slice_copy(whole.as_bytes());
        both.extend_from_slice_copy(fraction.as_bytes());
        both.into_bump_slice()
    };
    let exponent = i32::try_from(fraction.len()).ok()?.checked_neg()?;
    Some(Decimal { negative, digits, exponent, special: None })
}

impl Constant {
    pub(super) const NULL: Self = Self::Plain(Value::Null);

    pub(super) fn of(value: Value<'_>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.into()),
            Value::Json(text) => Self::Json(text.into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Geometry(ewkb) => Self::Geometry(ewkb.into()),
            Value::Decimal(decimal) => Self::Decimal(OwnedDecimal::of(decimal)),
            Value::Array(elements) => {
                Self::Array(elements.iter().map(|element| Self::of(*element)).collect())
            }
            Value::Null => Self::Plain(Value::Null),
            Value::Bool(truth) => Self::Plain(Value::Bool(truth)),
            Value::Int(number) => Self::Plain(Value::Int(number)),
            Value::Float(number) => Self::Plain(Value::Float(number)),
            Value::Date(days) => Self::Plain(Value::Date(days)),
            Value::Time(micros) => Self::Plain(Value::Time(micros)),
            Value::TimeTz(micros, west) => Self::Plain(Value::TimeTz(micros, west)),
            Value::Timestamp(micros) => Self::Plain(Value::Timestamp(micros)),
            Value::TimestampTz(micros) => Self::Plain(Value::TimestampTz(micros)),
            Value::Interval(interval) => Self::Plain(Value::Interval(interval)),
            Value::Uuid(bytes) => Self::Plain(Value::Uuid(bytes)),
            Value::Inet(inet) => Self::Plain(Value::Inet(inet)),
        }
    }

    /// Lends the value; only an array's elements have to be laid out again.
    pub(super) fn lend<'a>(&'a self, arena: &'a Bump) -> Value<'a> {
        match self {
            Self::Plain(value) => *value,
            Self::Text(text) => Value::Text(text),
            Self::Json(text) => Value::Json(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Geometry(ewkb) => Value::Geometry(ewkb),
            Self::Decimal(decimal) => Value::Decimal(decimal.lend()),
            Self::Array(elements) => {
                let lent = elements.iter().map(|element| element.lend(arena));
                Value::Array(arena.alloc_slice_fill_iter(lent))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_lends_the_value_it_was_made_of() {
        let arena = Bump::new();
        let decimal = Decimal { negative: true, digits: b"125", exponent: -1, special: None };
        for value in [
            Value::Null,
            Value::Text("a"),
            Value::Bytes(b"b"),
            Value::Uuid([7; 16]),
            Value::Decimal(decimal),
            Value::Array(&[Value::Text("a"), Value::Null]),
        ] {
            assert_eq!(Constant::of(value).lend(&arena), value);
        }
        assert_eq!(OwnedDecimal::parse("-12.5").expect("a number").lend(), decimal);
        for bad in ["", "-", ".5", "1e5", "1,5", "1.5.2", "٣"] {
            assert_eq!(OwnedDecimal::parse(bad), None, "{bad}");
        }
    }
}
