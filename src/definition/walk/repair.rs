//! Mending: the plainest value that has the right shape, put where a wrong one stood.
//!
//! Repairs never reach a run. They let the later checks see the rest of a
//! definition that has findings; what those checks say about a repaired place
//! is dropped.

use serde_json::{Map, Value};

use super::{choose, required, resolve};
use crate::diagnostic::PathStep;

/// The plainest value a schema accepts.
pub(super) fn neutral(schema: &Value) -> Value {
    let schema = resolve(schema);
    if let Some(word) = choose::word(schema) {
        return Value::from(word);
    }
    if let Some(first) = choose::alternatives(schema).and_then(|several| several.first().copied()) {
        return neutral(first);
    }
    match schema["type"].as_str() {
        Some("boolean") => Value::Bool(false),
        Some("integer") => Value::from(schema["minimum"].as_i64().unwrap_or(0)),
        Some("number") => Value::from(schema["minimum"].as_f64().unwrap_or(0.0)),
        Some("array") => neutral_list(schema),
        Some("object") => {
            let member = |key: &str| (key.to_owned(), neutral(&schema["properties"][key]));
            Value::Object(required(schema).map(member).collect::<Map<_, _>>())
        }
        _ => Value::from(""),
    }
}

fn neutral_list(schema: &Value) -> Value {
    if let Some(fixed) = schema["prefixItems"].as_array() {
        return fixed.iter().map(neutral).collect();
    }
    let count = schema["minItems"].as_u64().unwrap_or(0);
    (0..count).map(|_| neutral(&schema["items"])).collect()
}

/// Puts `value` at the steps below `root`, or takes away what is there. A place whose
/// surroundings were replaced in the meantime is left alone.
pub(super) fn set(root: &mut Value, steps: &[PathStep], value: Option<Value>) {
    let Some((last, above)) = steps.split_last() else { return };
    let parent = above.iter().try_fold(root, |value, step| match step {
        PathStep::Key(key) => value.get_mut(key),
        PathStep::Index(index) => value.get_mut(index),
    });
    match (parent, last, value) {
        (Some(Value::Object(members)), PathStep::Key(key), Some(value)) => {
            members.insert(key.clone(), value);
        }
        (Some(Value::Object(members)), PathStep::Key(key), None) => {
            members.shift_remove(key);
        }
        (Some(Value::Array(elements)), PathStep::Index(index), Some(value)) => {
            if let Some(element) = elements.get_mut(*index) {
                *element = value;
            }
        }
        _ => {}
    }
}
