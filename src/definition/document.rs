//! A TOML text as a JSON value, with the bytes where each of its parts stands.
//!
//! Everything after this file works on the value and on [`Place`]s; lines and
//! columns come back in only when findings are shown. Dates and times become
//! text here: what they mean is decided by the column they are for.

use std::{collections::HashMap, ops::Range};

use serde_json::{Map, Number, Value};
use toml::de::{DeArray, DeTable, DeValue, Error as TomlError};

use crate::diagnostic::{Finding, PathStep, Place};

/// A definition's text, its value, and where every part of it stands.
#[derive(Debug, Clone)]
pub struct Document {
    file_name: String,
    text: String,
    value: Value,
    spans: HashMap<Place, Spans>,
}

/// The bytes of a value and of the key it stands under (elements of arrays have none).
#[derive(Debug, Clone)]
struct Spans {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Document {
    /// Reads the text; the findings are about its syntax, and about numbers no column could hold.
    pub(crate) fn parse(file_name: &str, text: &str) -> (Self, ParseFindings) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader { spans: HashMap::new(), findings: Vec::new() };
        let value = reader.table(table.get_ref(), &Place::root());
        let document = Self {
            file_name: file_name.to_owned(),
            text: text.to_owned(),
            value,
            spans: reader.spans,
        };
        let syntax = document.syntax_findings(errors);
        (document, ParseFindings { syntax, numbers: reader.findings })
    }

    /// The name the definition goes by in messages.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole definition as a JSON value.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// What is written at a place.
    pub(crate) fn get(&self, place: &Place) -> Option<&Value> {
        place.steps.iter().try_fold(&self.value, |value, step| match step {
            PathStep::Key(key) => value.get(key),
            PathStep::Index(index) => value.get(index),
        })
    }

    /// The bytes of the value at a place, quotes included.
    pub(crate) fn value_bytes(&self, place: &Place) -> Option<Range<usize>> {
        self.spans.get(place).map(|spans| spans.value.clone())
    }

    /// The bytes a finding is about; what is not in the file is shown where it would belong.
    pub(crate) fn bytes_of(&self, finding: &Finding) -> Range<usize> {
        if let Some(bytes) = &finding.bytes {
            return bytes.clone();
        }
        if let Some(spans) = self.spans.get(&finding.place) {
            let key = spans.key.clone().filter(|_| finding.at_key);
            return key.unwrap_or_else(|| spans.value.clone());
        }
        let mut place = finding.place.parent();
        while let Some(above) = place {
            if let Some(spans) = self.spans.get(&above) {
                return spans.key.clone().unwrap_or_else(|| spans.value.clone());
            }
            place = above.parent();
        }
        0..0
    }

    /// The line and column of a byte offset, both from 1; columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// One finding per line: what follows a first error on a line is mostly its echo.
    fn syntax_findings(&self, errors: Vec<TomlError>) -> Vec<Finding> {
        let mut findings: Vec<_> = errors.into_iter().map(|error| self.syntax(&error)).collect();
        findings.sort_by_key(|finding| finding.bytes.as_ref().map(|bytes| bytes.start));
        let line = |finding: &Finding| self.position(self.bytes_of(finding).start).0;
        findings.dedup_by_key(|finding| line(finding));
        findings
    }

    fn syntax(&self, error: &TomlError) -> Finding {
        let bytes = error.span().unwrap_or(0..0);
        let empty = self.text.get(bytes.clone()).is_none_or(|text| text.trim().is_empty());
        let unquoted = error.message().starts_with("string values must be quoted");
        let message = match error.message() {
            _ if unquoted && empty => "a value is missing",
            _ if unquoted => "text has to stand in quotes",
            message => message,
        };
        let finding = Finding::new("definition.syntax", Place::root(), message).at_bytes(bytes);
        match message.starts_with("invalid unquoted key") {
            true => finding.hint("a key with other characters stands in quotes: `\"...\"`"),
            false => finding,
        }
    }
}

/// What parsing found.
#[derive(Debug)]
pub(crate) struct ParseFindings {
    /// What is not TOML; the value is a best effort then and not to be judged.
    pub(crate) syntax: Vec<Finding>,
    /// Numbers that are TOML but out of every range; 0 stands in the value.
    pub(crate) numbers: Vec<Finding>,
}

/// Converts TOML values and notes where they stand.
struct Reader {
    spans: HashMap<Place, Spans>,
    findings: Vec<Finding>,
}

impl Reader {
    fn table(&mut self, table: &DeTable<'_>, place: &Place) -> Value {
        let mut members = Map::new();
        for (key, value) in table.iter() {
            let here = place.key(key.get_ref().as_ref());
            let spans = Spans { key: Some(key.span()), value: value.span() };
            self.spans.insert(here.clone(), spans);
            members.insert(key.get_ref().to_string(), self.value(value.get_ref(), &here));
        }
        Value::Object(members)
    }

    fn array(&mut self, array: &DeArray<'_>, place: &Place) -> Value {
        let element = |(index, value): (usize, &toml::Spanned<DeValue<'_>>)| {
            let here = place.index(index);
            self.spans.insert(here.clone(), Spans { key: None, value: value.span() });
            self.value(value.get_ref(), &here)
        };
        Value::Array(array.iter().enumerate().map(element).collect())
    }

    fn value(&mut self, value: &DeValue<'_>, place: &Place) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Datetime(datetime) => Value::String(datetime.to_string()),
            DeValue::Boolean(truth) => Value::Bool(*truth),
            DeValue::Integer(digits) => {
                let parsed = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
                self.number(parsed.map(Number::from), place, "the number has too many digits")
            }
            DeValue::Float(digits) => {
                let parsed = digits.as_str().parse().ok().and_then(Number::from_f64);
                self.number(parsed, place, "the number is not finite")
            }
            DeValue::Array(array) => self.array(array, place),
            DeValue::Table(table) => self.table(table, place),
        }
    }

    fn number(&mut self, number: Option<Number>, place: &Place, message: &str) -> Value {
        let number = number.unwrap_or_else(|| {
            self.findings.push(Finding::new("definition.range", place.clone(), message));
            Number::from(0)
        });
        Value::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 'é'\nb.c = [1, \"x\"]\n[t]\nd = { y = 2020-01-31 }\n[[q]]\nv = 1.5\n";

    fn place(steps: &[&str]) -> Place {
        let step = |place: Place, step: &&str| match step.parse() {
            Ok(index) => place.index(index),
            Err(_) => place.key(*step),
        };
        steps.iter().fold(Place::root(), step)
    }

    #[test]
    fn every_part_knows_where_it_stands() {
        let (document, findings) = Document::parse("p.toml", TEXT);
        assert!(findings.syntax.is_empty() && findings.numbers.is_empty());
        for (steps, at_key, text) in [
            (&["a"][..], true, "a"),
            (&["a"], false, "'é'"),
            (&["b", "c", "1"], false, "\"x\""),
            (&["t"], false, "[t]"),
            (&["t", "d", "y"], false, "2020-01-31"),
            (&["q", "0"], false, "[[q]]"),
            (&["q", "0", "v"], true, "v"),
            (&["t", "d", "missing"], false, "d"),
        ] {
            let mut finding = Finding::new("x", place(steps), "x");
            finding.at_key = at_key;
            assert_eq!(&TEXT[document.bytes_of(&finding)], text, "{steps:?}");
        }
        assert_eq!(document.get(&place(&["t", "d", "y"])), Some(&Value::from("2020-01-31")));
    }

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let (document, _) = Document::parse("p.toml", TEXT);
        assert_eq!(document.position(0), (1, 1));
        assert_eq!(document.position(TEXT.find("'\n").unwrap()), (1, 7));
        assert_eq!(document.position(TEXT.find("[t]").unwrap()), (3, 1));
        assert_eq!(document.position(TEXT.len()), (7, 1));
    }

    #[test]
    fn several_syntax_errors_are_found_at_once() {
        let (_, findings) = Document::parse("p.toml", "a =\nb = word\nc = 1\nc = 2\n");
        let messages: Vec<_> = findings.syntax.iter().map(|found| &*found.message).collect();
        assert_eq!(
            messages,
            ["a value is missing", "text has to stand in quotes", "duplicate key"]
        );
    }

    #[test]
    fn numbers_beyond_every_range_are_findings() {
        let (_, findings) =
            Document::parse("p.toml", "a = 99999999999999999999\nb = nan\nc = 0x1F");
        assert_eq!(findings.numbers.len(), 2);
    }
}
