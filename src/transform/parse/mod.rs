//! One cell as one typed value, proven to fit its column exactly.
//!
//! A [`Parser`] is compiled once for a column's type and options; afterwards it
//! allocates nothing but what a value needs in the caller's arena. Nothing is
//! clamped, padded, rounded or guessed: what does not fit is a [`ParseFault`].
//! Binary COPY has no way back from a bad value, so whatever the server would
//! refuse has to be refused here; the round-trip tests hold that against a real
//! server. NULL words and blanks are the caller's business.

mod array;
mod binary;
mod boolean;
mod calendar;
mod cells;
mod decimal;
mod fault;
mod float;
mod format;
mod interval;
mod json;
mod moment;
mod network;
mod number;
mod temporal;
pub(super) mod text;
mod zone;

use array::Array;
use boolean::TruthWords;
use bumpalo::Bump;
use number::{INT2, INT4, INT8, IntegerRange, Marks, OID};
use temporal::{Temporal, TemporalKind};

pub use fault::ParseFault;
pub use format::check_format;

use crate::{
    batch::Cell,
    schema::{NumericLimit, PgType},
    value::Value,
};

/// How a column's texts are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseOptions {
    /// Before decimals.
    pub decimal_mark: char,
    /// Between groups of three digits.
    pub group_mark: Option<char>,
    /// Words for true in any case; PostgreSQL's own where empty.
    pub true_words: Vec<String>,
    /// Words for false in any case; PostgreSQL's own where empty.
    pub false_words: Vec<String>,
    /// How dates and times are written, in strftime's words; ISO 8601 unless given.
    pub format: Option<String>,
    /// The zone of times without offset, for `timestamptz`.
    pub zone: Option<String>,
    /// What stands between an array's elements.
    pub separator: Option<String>,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            decimal_mark: '.',
            group_mark: None,
            true_words: Vec::new(),
            false_words: Vec::new(),
            format: None,
            zone: None,
            separator: None,
        }
    }
}

/// What is wrong with a column's options, or with parsing its type at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParserFinding {
    /// The option it is about, as the definition calls it; empty for the column's type.
    pub option: &'static str,
    /// What is wrong, continuing a sentence that begins with the option.
    pub message: String,
}

impl ParserFinding {
    fn new(option: &'static str, message: &str) -> Self {
        Self { option, message: message.to_owned() }
    }
}

/// Cells to values of one column, compiled.
#[derive(Debug, Clone)]
pub struct Parser {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Bool(TruthWords),
    Integer { range: IntegerRange, marks: Marks },
    Float { single: bool, marks: Marks },
    Numeric { limit: Option<NumericLimit>, marks: Marks },
    Text { limit: Option<u32> },
    Enum(Vec<String>),
    Temporal(Box<Temporal>),
    Interval,
    Uuid,
    Json { binary: bool },
    Bytea,
    Network { cidr: bool },
    Array(Box<Array>),
}

impl Parser {
    /// Compiles a column's parser.
    ///
    /// # Errors
    /// An option that cannot be used with the type, and types that are not parsed here:
    /// geometries, arrays of arrays, and what cannot be written at all.
    pub fn compile(pg_type: &PgType, options: &ParseOptions) -> Result<Self, ParserFinding> {
        check_options(pg_type, options)?;
        let marks = || Marks::compile(options.decimal_mark, options.group_mark);
        let integer = |range| Ok::<_, ParserFinding>(Kind::Integer { range, marks: marks()? });
        let temporal = |kind, precision| {
            let temporal = Temporal::compile(kind, precision, options)?;
            Ok::<_, ParserFinding>(Kind::Temporal(Box::new(temporal)))
        };
        let kind = match pg_type {
            PgType::Bool => {
                Kind::Bool(TruthWords::compile(&options.true_words, &options.false_words)?)
            }
            PgType::Int2 => integer(INT2)?,
            PgType::Int4 => integer(INT4)?,
            PgType::Int8 => integer(INT8)?,
            PgType::Oid => integer(OID)?,
            PgType::Float4 => Kind::Float { single: true, marks: marks()? },
            PgType::Float8 => Kind::Float { single: false, marks: marks()? },
            PgType::Numeric(limit) => Kind::Numeric { limit: *limit, marks: marks()? },
            PgType::Text | PgType::Citext => Kind::Text { limit: None },
            PgType::VarChar(limit) | PgType::Char(limit) => Kind::Text { limit: Some(*limit) },
            PgType::Date => temporal(TemporalKind::Date, 6)?,
            PgType::Time(precision) => temporal(TemporalKind::Time, *precision)?,
            PgType::TimeTz(precision) => temporal(TemporalKind::TimeTz, *precision)?,
            PgType::Timestamp(precision) => temporal(TemporalKind::Timestamp, *precision)?,
            PgType::TimestampTz(precision) => temporal(TemporalKind::TimestampTz, *precision)?,
            PgType::Interval => Kind::Interval,
            PgType::Uuid => Kind::Uuid,
            PgType::Json => Kind::Json { binary: false },
            PgType::Jsonb => Kind::Json { binary: true },
            PgType::Bytea => Kind::Bytea,
            PgType::Inet => Kind::Network { cidr: false },
            PgType::Cidr => Kind::Network { cidr: true },
            PgType::Enum(labels) => Kind::Enum(labels.clone()),
            PgType::Array { element, .. } => {
                Kind::Array(Box::new(compile_array(element, options)?))
            }
            PgType::Geometry(_) | PgType::Geography(_) => {
                return Err(ParserFinding::new("", "is a geometry, which is no single value"));
            }
            PgType::Unsupported(name) => {
                let message = format!("has the type {name}, which cannot be written");
                return Err(ParserFinding { option: "", message });
            }
        };
        Ok(Self { kind })
    }

    /// Of a text column: the bytes that fit it whatever they are, since no text has more
    /// characters than bytes.
    pub(super) fn text_bytes_max(&self) -> Option<usize> {
        match self.kind {
            Kind::Text { limit } => Some(limit.map_or(usize::MAX, |limit| limit as usize)),
            _ => None,
        }
    }

    /// One cell as a value of the column's type; an absent one is NULL.
    ///
    /// # Errors
    /// A fault when the cell does not fit the column exactly.
    #[inline]
    pub fn parse<'a>(&'a self, cell: Cell<'a>, arena: &'a Bump) -> Result<Value<'a>, ParseFault> {
        match cell {
            Cell::Text(text) => match self.parse_text(text, arena) {
                Ok(value) => Ok(value),
                Err(fault) => Err(fault.hinting_at_blanks(text)),
            },
            Cell::Absent => Ok(Value::Null),
            typed => self.parse_typed(typed, arena),
        }
    }

    #[inline]
    fn parse_text<'a>(&'a self, text: &'a str, arena: &'a Bump) -> Result<Value<'a>, ParseFault> {
        match &self.kind {
            Kind::Bool(words) => words.parse(text).map(Value::Bool),
            Kind::Integer { range, marks } => range.parse(text.as_bytes(), marks).map(Value::Int),
            Kind::Float { single, marks } => {
                float::parse(text, marks, *single, arena).map(Value::Float)
            }
            Kind::Numeric { limit, marks } => {
                decimal::parse(text, marks, *limit, arena).map(Value::Decimal)
            }
            Kind::Text { limit } => text::parse(text, *limit).map(Value::Text),
            Kind::Enum(labels) => text::label(text, labels).map(Value::Text),
            Kind::Temporal(temporal) => temporal.parse(text),
            Kind::Interval => interval::parse(text).map(Value::Interval),
            Kind::Uuid => binary::uuid(text).map(Value::Uuid),
            Kind::Json { binary } => json::parse(text, *binary).map(Value::Json),
            Kind::Bytea => binary::bytea(text, arena).map(Value::Bytes),
            Kind::Network { cidr } => network::parse(text, *cidr).map(Value::Inet),
            Kind::Array(array) => array.parse(text, arena),
        }
    }
}

/// Options that a type has no use for are mistakes, not decoration.
fn check_options(pg_type: &PgType, options: &ParseOptions) -> Result<(), ParserFinding> {
    let (element, array) = match pg_type {
        PgType::Array { element, .. } => (&**element, true),
        other => (other, false),
    };
    let temporal = matches!(
        element,
        PgType::Date
            | PgType::Time(_)
            | PgType::TimeTz(_)
            | PgType::Timestamp(_)
            | PgType::TimestampTz(_)
    );
    if options.format.is_some() && !temporal {
        return Err(ParserFinding::new("format", "is for dates and times only"));
    }
    if options.zone.is_some() && !matches!(element, PgType::TimestampTz(_)) {
        return Err(ParserFinding::new("zone", "is for timestamptz columns only"));
    }
    if options.separator.is_some() && !array {
        return Err(ParserFinding::new("separator", "is for arrays only"));
    }
    if options.separator.as_deref() == Some("") {
        return Err(ParserFinding::new("separator", "is empty"));
    }
    Ok(())
}

fn compile_array(element: &PgType, options: &ParseOptions) -> Result<Array, ParserFinding> {
    if matches!(element, PgType::Array { .. }) {
        return Err(ParserFinding::new("", "is an array of arrays, which cannot be written"));
    }
    let separator = options.separator.clone();
    let options = ParseOptions { separator: None, ..options.clone() };
    Ok(Array {
        element: Parser::compile(element, &options)?,
        separator: separator.map(String::into_boxed_str),
    })
}

#[cfg(test)]
mod tests;
