//! Cells that their source has typed: numbers, dates, truth values, JSON.
//!
//! A source's type is a statement of its own. It fits a column that can hold it
//! without loss; where the column wants text, the text is what the source shows.

use bumpalo::Bump;

use super::{Kind, ParseFault, Parser, decimal, float, json, number::PLAIN, text};
use crate::{
    batch::Cell,
    value::{Interval, Value},
};

impl Parser {
    pub(super) fn parse_typed<'a>(
        &'a self,
        cell: Cell<'a>,
        arena: &'a Bump,
    ) -> Result<Value<'a>, ParseFault> {
        match cell {
            Cell::Absent => Ok(Value::Null),
            Cell::Text(text) => self.parse_text(text, arena),
            Cell::Number(digits) => self.parse_number(digits, arena),
            Cell::Float(number) => self.of_float(number, arena),
            Cell::Bool(truth) => self.of_bool(truth),
            Cell::DateTime(micros) => self.of_date_time(micros, arena),
            Cell::Duration(micros) => self.of_duration(micros, arena),
            Cell::Error(name) => Err(sheet_error(name)),
            Cell::Json(document) => self.of_json(document, arena),
            Cell::Geometry(_) => Err(self.misfit("a geometry")),
        }
    }

    /// A number in the source's own digits, whatever marks the column's texts have.
    fn parse_number<'a>(
        &'a self,
        digits: &'a str,
        arena: &'a Bump,
    ) -> Result<Value<'a>, ParseFault> {
        match &self.kind {
            Kind::Integer { range, .. } => range.parse_number(digits.as_bytes()).map(Value::Int),
            Kind::Float { single, .. } => {
                float::parse_number(digits, *single, arena).map(Value::Float)
            }
            Kind::Numeric { limit, .. } => {
                decimal::parse(digits, &PLAIN, *limit, arena).map(Value::Decimal)
            }
            Kind::Json { .. } => self.parse_text(digits, arena),
            _ if self.reads_digits() => self.parse_text(digits, arena),
            _ => Err(self.misfit("a number")),
        }
    }

    /// Columns in which a number's digits may be meant as text.
    fn reads_digits(&self) -> bool {
        match &self.kind {
            Kind::Bool(_) | Kind::Text { .. } | Kind::Enum(_) => true,
            Kind::Temporal(temporal) => temporal.format.is_some(),
            Kind::Array(array) => array.separator.is_some(),
            _ => false,
        }
    }

    fn of_float<'a>(&'a self, number: f64, arena: &'a Bump) -> Result<Value<'a>, ParseFault> {
        match &self.kind {
            Kind::Integer { range, .. } => range.of_float(number).map(Value::Int),
            Kind::Float { single, .. } => float::of_float(number, *single).map(Value::Float),
            Kind::Numeric { limit, .. } => {
                decimal::of_float(number, *limit, arena).map(Value::Decimal)
            }
            Kind::Json { .. } if number.is_finite() => {
                Ok(Value::Json(text::written(arena, format_args!("{}", number + 0.0))))
            }
            _ if self.reads_digits() => self.parse_text(text::of_float(number, arena)?, arena),
            _ => Err(self.misfit("a number")),
        }
    }

    fn of_bool<'a>(&'a self, truth: bool) -> Result<Value<'a>, ParseFault> {
        let word = if truth { "true" } else { "false" };
        match &self.kind {
            Kind::Bool(_) => Ok(Value::Bool(truth)),
            Kind::Text { limit } => text::parse(word, *limit).map(Value::Text),
            Kind::Enum(labels) => text::label(word, labels).map(Value::Text),
            Kind::Json { .. } => Ok(Value::Json(word)),
            _ => Err(self.misfit("a truth value")),
        }
    }

    fn of_date_time<'a>(&'a self, micros: i64, arena: &'a Bump) -> Result<Value<'a>, ParseFault> {
        match &self.kind {
            Kind::Temporal(temporal) => temporal.of_date_time(micros),
            Kind::Text { limit } => {
                text::parse(text::of_date_time(micros, arena), *limit).map(Value::Text)
            }
            _ => Err(self.misfit("a date")),
        }
    }

    fn of_duration<'a>(&'a self, micros: i64, arena: &'a Bump) -> Result<Value<'a>, ParseFault> {
        match &self.kind {
            Kind::Temporal(temporal) => temporal.of_duration(micros),
            Kind::Interval => Ok(Value::Interval(Interval { months: 0, days: 0, micros })),
            Kind::Text { limit } => {
                text::parse(text::of_duration(micros, arena), *limit).map(Value::Text)
            }
            _ => Err(self.misfit("a duration")),
        }
    }

    fn of_json<'a>(&'a self, document: &'a str, arena: &'a Bump) -> Result<Value<'a>, ParseFault> {
        match &self.kind {
            Kind::Json { binary } => json::parse(document, *binary).map(Value::Json),
            Kind::Text { limit } => text::parse(document, *limit).map(Value::Text),
            Kind::Array(array) => array.parse_json(document, arena),
            _ => Err(self.misfit("a nested JSON value")),
        }
    }

    /// A cell of a kind that the column has no use for.
    #[cold]
    fn misfit(&self, cell: &str) -> ParseFault {
        let (code, noun) = match &self.kind {
            Kind::Bool(_) => ("type.boolean", "a boolean"),
            Kind::Integer { range, .. } => (range.code, "an integer"),
            Kind::Float { .. } => ("type.float", "a floating-point"),
            Kind::Numeric { .. } => ("type.numeric", "a numeric"),
            Kind::Text { .. } => ("type.text", "a text"),
            Kind::Enum(_) => ("type.enum", "an enum"),
            Kind::Temporal(temporal) => (temporal.kind.code(), "a date or time"),
            Kind::Interval => ("type.interval", "an interval"),
            Kind::Uuid => ("type.uuid", "a uuid"),
            Kind::Json { .. } => ("type.json", "a json"),
            Kind::Bytea => ("type.bytea", "a bytea"),
            Kind::Network { .. } => ("type.inet", "a network address"),
            Kind::Array(_) => ("type.array", "an array"),
        };
        ParseFault::owned(code, format!("{cell} does not fit {noun} column"))
    }
}

/// Spreadsheets have few error values; only those are named, since a message holds no data.
#[cold]
fn sheet_error(name: &str) -> ParseFault {
    const KNOWN: [&str; 10] = [
        "#NULL!",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#NUM!",
        "#N/A",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
    ];
    let message = match KNOWN.iter().find(|known| **known == name) {
        Some(known) => format!("the sheet has the error {known} here"),
        None => "the sheet has an error here".to_owned(),
    };
    ParseFault::owned("sheet.error", message)
}
