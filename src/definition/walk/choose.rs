//! Alternatives: which one a value means, judged by its shape.

use serde_json::{Map, Value};

use super::{Repair, Walk, join, list, neutral, planned, required, resolve, suggest};
use crate::diagnostic::{Finding, PathStep, Place, did_you_mean};

/// All alternatives of a schema, nested ones laid flat; `None` where there is no choice.
pub(super) fn alternatives(schema: &Value) -> Option<Vec<&Value>> {
    let several = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let flat = several.iter().flat_map(|each| {
        let each = resolve(each);
        alternatives(each).unwrap_or_else(|| vec![each])
    });
    Some(flat.collect())
}

/// The word a schema stands for.
pub(super) fn word(schema: &Value) -> Option<&str> {
    schema["const"].as_str()
}

/// Whether the value has the schema's type.
pub(super) fn accepts(schema: &Value, value: &Value) -> bool {
    match (schema["type"].as_str(), value) {
        (Some("string"), Value::String(_))
        | (Some("boolean"), Value::Bool(_))
        | (Some("number"), Value::Number(_))
        | (Some("array"), Value::Array(_))
        | (Some("object"), Value::Object(_))
        | (None, _) => true,
        (Some("integer"), Value::Number(number)) => !number.is_f64(),
        _ => false,
    }
}

/// What a value is, in plain words.
pub(super) fn shape_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(true) => "`true`",
        Value::Bool(false) => "`false`",
        Value::Number(number) if number.is_f64() => "a number with decimals",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// What schemas expect, in plain words, each said once.
pub(super) fn shapes(schemas: &[&Value]) -> String {
    let mut shapes: Vec<String> = Vec::new();
    for schema in schemas {
        let shape = match schema["type"].as_str() {
            _ if word(schema).is_some() => "a word",
            Some("boolean") => "`true` or `false`",
            Some("integer") => "a whole number",
            Some("number") => "a number",
            Some("array") => "a list",
            Some("object") => "a table",
            _ => "text",
        };
        if !shapes.iter().any(|known| known == shape) {
            shapes.push(shape.to_owned());
        }
    }
    join(&shapes, "or")
}

/// How to write what was probably meant.
pub(super) fn type_hint(expected: &[&Value], value: &Value) -> Option<String> {
    let takes = |name: &str| expected.iter().any(|schema| schema["type"] == name);
    let only = |name: &str| expected.iter().all(|schema| schema["type"] == name);
    let hint = match value {
        Value::Object(_) if takes("array") => "a list of tables has two brackets: `[[...]]`",
        Value::String(text) if takes("boolean") && ["true", "false"].contains(&text.as_str()) => {
            "take the quotes away"
        }
        Value::String(text)
            if (takes("integer") || takes("number")) && text.parse::<f64>().is_ok() =>
        {
            "take the quotes away"
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) if only("array") => {
            "a list stands in brackets: `[...]`"
        }
        Value::Number(_) | Value::Bool(_) if takes("string") => "text stands in quotes",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The key that tells a closed table from the other alternatives.
fn telling_key(schema: &Value) -> Option<&str> {
    required(schema).next()
}

impl Walk {
    pub(super) fn alternative(&mut self, alternatives: &[&Value], value: &Value, place: &Place) {
        let fitting: Vec<&Value> =
            alternatives.iter().copied().filter(|schema| accepts(schema, value)).collect();
        match value {
            Value::String(text) => match fitting.iter().find(|each| word(each).is_none()) {
                Some(free) => self.text(free, text, place),
                None => self.words(alternatives, text, place),
            },
            Value::Object(members) if !fitting.is_empty() => {
                self.table_alternative(&fitting, alternatives, members, place);
            }
            _ => match fitting.first() {
                Some(first) => self.value(first, value, place),
                None => self.none_fits(alternatives, value, place),
            },
        }
    }

    fn none_fits(&mut self, alternatives: &[&Value], value: &Value, place: &Place) {
        self.wrong_type(alternatives, value, place);
        let words: Vec<_> = alternatives.iter().filter_map(|schema| word(schema)).collect();
        let Some(found) = self.findings.last_mut() else { return };
        let example = alternatives
            .iter()
            .filter(|schema| schema["type"] == "object")
            .filter_map(|schema| schema["description"].as_str())
            .find(|description| description.starts_with("`{"));
        if !words.is_empty() {
            found.hint = Some(format!("the words here are {}", list(&words, "and")));
        } else if let Some(example) = example {
            found.hint = Some(format!("a table is written {example}"));
        }
    }

    /// A text where only certain words may stand (or tables, with a key instead of a word).
    pub(super) fn words(&mut self, alternatives: &[&Value], text: &str, place: &Place) {
        let words: Vec<_> = alternatives.iter().filter_map(|schema| word(schema)).collect();
        if words.contains(&text) {
            return;
        }
        let near = did_you_mean(text, words.iter().copied());
        let instead = near.or_else(|| words.first().copied()).map(Value::from);
        let instead = instead.or_else(|| alternatives.first().map(|schema| neutral(schema)));
        let keys: Vec<_> = alternatives
            .iter()
            .filter(|schema| schema["type"] == "object")
            .filter_map(|schema| telling_key(schema))
            .collect();
        let message = format!("`{text}` is not one of the words here");
        let finding = Finding::new("definition.word", place.clone(), message);
        let finding = if let Some(finding) = planned::word(text, place) {
            finding
        } else if words.is_empty() {
            return self.none_fits(alternatives, &Value::from(text), place);
        } else if keys.contains(&text) {
            finding.hint(format!("`{text}` takes a value: `{{ {text} = ... }}`"))
        } else {
            let known: Vec<_> = words.iter().chain(&keys).copied().collect();
            finding.hint(suggest(text, known.iter().copied(), &known, "words"))
        };
        self.replace(finding, instead);
    }

    /// Closed tables are told apart by a key each; an open one takes what is left.
    fn table_alternative(
        &mut self,
        tables: &[&Value],
        alternatives: &[&Value],
        members: &Map<String, Value>,
        place: &Place,
    ) {
        let told =
            |schema: &&&Value| telling_key(schema).is_some_and(|key| members.contains_key(key));
        let chosen: Vec<&Value> = tables.iter().filter(told).copied().collect();
        let open = tables.iter().find(|schema| schema["additionalProperties"].is_object());
        match (chosen.as_slice(), open) {
            ([only], _) | ([], Some(only)) => self.table(only, members, place),
            // Among words and numbers, a table can only be this one.
            ([], None) if tables.len() == 1 && telling_key(tables[0]).is_none() => {
                self.table(tables[0], members, place);
            }
            ([], None) => self.no_telling_key(tables, alternatives, members, place),
            ([first, ..], _) => {
                let keys: Vec<_> = chosen.iter().filter_map(|schema| telling_key(schema)).collect();
                let message = format!("only one of {} can stand here", list(&keys, "and"));
                let finding = Finding::new("definition.conflict", place.clone(), message);
                let finding = match place.steps.last() {
                    Some(PathStep::Index(_)) => finding.hint("write a table for each"),
                    _ => finding.hint("keep one, take the others out"),
                };
                self.replace(finding, Some(neutral(first)));
            }
        }
    }

    fn no_telling_key(
        &mut self,
        tables: &[&Value],
        alternatives: &[&Value],
        members: &Map<String, Value>,
        place: &Place,
    ) {
        let instead = tables.first().map(|schema| neutral(schema));
        let known: Vec<_> = tables.iter().filter_map(|schema| telling_key(schema)).collect();
        let Some(key) = members.keys().next() else {
            let message = format!("the table is empty, expected {}", list(&known, "or"));
            let finding = Finding::new("definition.empty", place.clone(), message);
            return self.replace(finding, instead);
        };
        let is_word = alternatives.iter().any(|schema| word(schema) == Some(key));
        let hint = match is_word {
            true => format!("`{key}` takes no value, write `\"{key}\"`"),
            false => suggest(key, known.iter().copied(), &known, "keys"),
        };
        let message = format!("`{key}` is not a key here");
        let finding = Finding::new("definition.unknown_key", place.key(key), message);
        self.findings.push(finding.at_key().hint(hint));
        self.repairs.push(Repair { place: place.clone(), value: instead });
    }
}
