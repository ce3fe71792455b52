//! `enum`: the values a column may have, compared as values of its type.

use std::cmp::Ordering;

use hashbrown::HashSet;

use super::{
    Facts,
    bound::{float, number, single},
    order,
};
use crate::{
    definition::Scalar,
    schema::PgType,
    transform::constant::{Constant, OwnedDecimal},
    value::Value,
};

/// Values allowed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Allowed {
    Texts(HashSet<Box<str>>),
    Numbers(Vec<OwnedDecimal>),
    Floats(Vec<f64>),
    /// Values that borrow nothing: dates, truth values, UUIDs, addresses.
    Plain(Vec<Value<'static>>),
}

impl Allowed {
    pub(super) fn compile(scalars: &[Scalar], facts: &Facts<'_>) -> Result<Self, String> {
        if scalars.is_empty() {
            return Err("an empty list allows no value".to_owned());
        }
        match facts.pg_type {
            PgType::Text | PgType::VarChar(_) | PgType::Char(_) | PgType::Citext => {
                Ok(Self::Texts(scalars.iter().map(|scalar| scalar.to_string().into()).collect()))
            }
            PgType::Enum(labels) => of_labels(scalars, labels),
            PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Oid | PgType::Numeric(_) => {
                scalars.iter().map(number).collect::<Result<_, _>>().map(Self::Numbers)
            }
            PgType::Float8 => scalars.iter().map(float).collect::<Result<_, _>>().map(Self::Floats),
            PgType::Float4 => {
                let floats = scalars.iter().map(|scalar| float(scalar).map(single));
                floats.collect::<Result<_, _>>().map(Self::Floats)
            }
            _ => {
                let plain = scalars.iter().map(|scalar| plain(scalar, facts));
                plain.collect::<Result<_, _>>().map(Self::Plain)
            }
        }
    }

    pub(super) fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Texts(texts), Value::Text(text)) => texts.contains(text),
            (Self::Numbers(numbers), Value::Int(number)) => {
                order::with_integer(number, |number| among(numbers, number))
            }
            (Self::Numbers(numbers), Value::Decimal(number)) => among(numbers, number),
            (Self::Floats(floats), Value::Float(number)) => floats.contains(&number),
            (Self::Plain(values), value) => values.contains(&value),
            _ => false,
        }
    }
}

fn among(numbers: &[OwnedDecimal], number: crate::value::Decimal<'_>) -> bool {
    numbers.iter().any(|one| order::decimals(one.lend(), number) == Some(Ordering::Equal))
}

fn of_labels(scalars: &[Scalar], labels: &[String]) -> Result<Allowed, String> {
    let texts: Vec<String> = scalars.iter().map(Scalar::to_string).collect();
    match texts.iter().find(|text| !labels.contains(text)) {
        Some(unknown) => Err(format!("`{unknown}` is not a label of the column's type")),
        None => Ok(Allowed::Texts(texts.into_iter().map(Into::into).collect())),
    }
}

fn plain(scalar: &Scalar, facts: &Facts<'_>) -> Result<Value<'static>, String> {
    match (facts.constant)(scalar)? {
        Constant::Plain(value) => Ok(value),
        _ => Err("for single values that can be compared".to_owned()),
    }
}
