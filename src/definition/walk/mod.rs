//! Walks a value along the schema and reports everything that does not fit, at once.
//!
//! This is no general JSON Schema validator: it knows exactly the keywords our
//! own schema uses (a test holds it to that), and in return it says what a
//! person wants to know. Where the schema offers alternatives, the shape of the
//! value chooses one ([`choose`]), so a message is about what was meant and
//! never "does not match any of the alternatives".
//!
//! Each finding comes with a [`Repair`], so that the checks after this one can
//! run over the rest of the definition and all findings are said in one go.

mod choose;
mod planned;
mod repair;

use serde_json::{Map, Value};

use super::schema;
use crate::diagnostic::{Finding, Place, did_you_mean};
use repair::{neutral, set};

/// Reports what in `value` does not fit the definition `name`, and mends `value` where
/// it does not, so that it can be deserialised.
pub(crate) fn walk(name: &str, value: &mut Value) -> Walked {
    let mut walk = Walk { findings: Vec::new(), repairs: Vec::new() };
    match schema::definition(name) {
        Some(schema) => walk.value(schema, value, &Place::root()),
        None => debug_assert!(false, "the schema has no definition {name}"),
    }
    let mut unsound: Vec<_> = walk.findings.iter().map(|found| found.place.clone()).collect();
    for repair in walk.repairs {
        set(value, &repair.place.steps, repair.value);
        unsound.push(repair.place);
    }
    Walked { findings: walk.findings, unsound }
}

/// What a walk found.
pub(crate) struct Walked {
    /// Everything that does not fit.
    pub(crate) findings: Vec<Finding>,
    /// The places that are not as the author wrote them any more, or not as they should be.
    pub(crate) unsound: Vec<Place>,
}

/// What to put at a place, `None` to take it away.
struct Repair {
    place: Place,
    value: Option<Value>,
}

struct Walk {
    findings: Vec<Finding>,
    repairs: Vec<Repair>,
}

impl Walk {
    fn value(&mut self, schema: &Value, value: &Value, place: &Place) {
        let schema = resolve(schema);
        if let Some(alternatives) = choose::alternatives(schema) {
            return self.alternative(&alternatives, value, place);
        }
        if !choose::accepts(schema, value) {
            return self.wrong_type(&[schema], value, place);
        }
        match value {
            Value::Object(members) => self.table(schema, members, place),
            Value::Array(elements) => self.list(schema, elements, place),
            Value::String(text) => self.text(schema, text, place),
            Value::Number(_) => self.number(schema, value, place),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn wrong_type(&mut self, expected: &[&Value], value: &Value, place: &Place) {
        let shapes = choose::shapes(expected);
        let message = format!("expected {shapes}, found {}", choose::shape_of(value));
        let mut finding = Finding::new("definition.type", place.clone(), message);
        finding.hint = choose::type_hint(expected, value);
        self.replace(finding, expected.first().map(|schema| neutral(schema)));
    }

    fn table(&mut self, schema: &Value, members: &Map<String, Value>, place: &Place) {
        let known = schema["properties"].as_object();
        for (key, value) in members {
            let here = place.key(key);
            match (known.and_then(|known| known.get(key)), &schema["additionalProperties"]) {
                (Some(schema), _) => self.value(schema, value, &here),
                (None, each @ Value::Object(_)) => self.value(each, value, &here),
                (None, _) => self.unknown_key(key, members, known, place),
            }
        }
        self.missing_keys(schema, known, members, place);
        let fewest = schema["minProperties"].as_u64().unwrap_or(0);
        if (members.len() as u64) < fewest {
            self.findings.push(empty(place));
        }
    }

    fn missing_keys(
        &mut self,
        schema: &Value,
        known: Option<&Map<String, Value>>,
        members: &Map<String, Value>,
        place: &Place,
    ) {
        for key in required(schema).filter(|key| !members.contains_key(*key)) {
            let below = known.and_then(|known| known.get(key));
            let here = place.key(key);
            self.repairs.push(Repair { place: here.clone(), value: below.map(neutral) });
            if self.is_misspelt(key, known, members) {
                continue;
            }
            let finding =
                Finding::new("definition.missing_key", here, format!("`{key}` is missing"));
            let meaning = below.and_then(|schema| schema["description"].as_str());
            self.findings.push(match meaning {
                Some(meaning) => finding.hint(format!("`{key}`: {}", first_sentence(meaning))),
                None => finding,
            });
        }
    }

    /// Whether an unknown key beside it is taken for this one, so that it is not missing.
    fn is_misspelt(
        &self,
        key: &str,
        known: Option<&Map<String, Value>>,
        members: &Map<String, Value>,
    ) -> bool {
        let is_known = |word: &str| known.is_some_and(|known| known.contains_key(word));
        let free = || known.into_iter().flat_map(Map::keys).map(String::as_str);
        let free = || free().filter(|known| !members.contains_key(*known));
        members.keys().any(|word| !is_known(word) && did_you_mean(word, free()) == Some(key))
    }

    fn unknown_key(
        &mut self,
        key: &str,
        members: &Map<String, Value>,
        known: Option<&Map<String, Value>>,
        place: &Place,
    ) {
        let here = place.key(key);
        self.repairs.push(Repair { place: here.clone(), value: None });
        let known: Vec<_> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let free = known.iter().copied().filter(|known| !members.contains_key(*known));
        let message = format!("`{key}` is not a key here");
        let finding = Finding::new("definition.unknown_key", here, message);
        let finding = finding.hint(suggest(key, free, &known, "keys"));
        self.findings.push(finding.at_key());
    }

    fn list(&mut self, schema: &Value, elements: &[Value], place: &Place) {
        let fewest = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let count = elements.len() as u64;
        if !(fewest..=most).contains(&count) {
            let found = if count == 1 { "1 is".to_owned() } else { format!("{count} are") };
            let message = format!("{fewest} elements are expected, {found} here");
            if fewest < most {
                return self.findings.push(empty(place));
            }
            let finding = Finding::new("definition.length", place.clone(), message);
            return self.replace(finding, Some(neutral(schema)));
        }
        let fixed = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
        for (index, element) in elements.iter().enumerate() {
            let each = fixed.get(index).or_else(|| schema.get("items"));
            if let Some(each) = each {
                self.value(each, element, &place.index(index));
            }
        }
    }

    fn text(&mut self, schema: &Value, text: &str, place: &Place) {
        if choose::word(schema).is_some() {
            return self.words(&[schema], text, place);
        }
        let length = text.chars().count() as u64;
        let fewest = schema["minLength"].as_u64().unwrap_or(0);
        let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
        if length < fewest {
            self.findings.push(empty(place));
        } else if length > most {
            let unit = if most == 1 { "character is" } else { "characters are" };
            let message = format!("{most} {unit} expected, {length} are here");
            self.findings.push(Finding::new("definition.length", place.clone(), message));
        }
        let Some(Ok(pattern)) = schema["pattern"].as_str().map(regex::Regex::new) else { return };
        if !pattern.is_match(text) {
            let meaning = schema["description"].as_str().map_or("another form", first_sentence);
            let message = format!("`{text}` does not have the form expected here");
            let finding = Finding::new("definition.form", place.clone(), message);
            self.findings.push(finding.hint(format!("expected is {}", lower_first(meaning))));
        }
    }

    fn number(&mut self, schema: &Value, value: &Value, place: &Place) {
        let Some(number) = value.as_f64() else { return };
        let bound = |end: &str| schema[end].as_f64();
        let message = match (bound("minimum"), bound("maximum")) {
            (Some(least), _) if number < least => format!("at least {least} is expected"),
            (_, Some(most)) if number > most => format!("at most {most} is expected"),
            _ => return,
        };
        let finding = Finding::new("definition.range", place.clone(), message);
        self.replace(finding, Some(neutral(schema)));
    }

    /// Adds a finding about a value that has to be another one before deserialising.
    fn replace(&mut self, finding: Finding, value: Option<Value>) {
        let place = finding.place.clone();
        self.repairs.push(Repair { place, value });
        self.findings.push(finding);
    }
}

/// The schema a reference stands for.
fn resolve(schema: &Value) -> &Value {
    let name = schema["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/"));
    name.and_then(schema::definition).unwrap_or(schema)
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn empty(place: &Place) -> Finding {
    let name = match place.steps.last() {
        Some(crate::diagnostic::PathStep::Key(key)) => format!("`{key}` is empty"),
        _ => "this is empty".to_owned(),
    };
    Finding::new("definition.empty", place.clone(), name)
}

/// "did you mean", or else the list of what is known.
fn suggest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
    known: &[&str],
    what: &str,
) -> String {
    match did_you_mean(word, candidates) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the {what} here are {}", list(known, "and")),
    }
}

/// `a`, `b` and `c`.
fn list(words: &[&str], last: &str) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    join(&quoted, last)
}

fn join(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// The text within a sentence; words in capitals stay.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

fn first_sentence(text: &str) -> &str {
    text.lines().next().unwrap_or(text).trim_end_matches('.')
}

#[cfg(test)]
mod tests;
