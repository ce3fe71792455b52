//! The documents say what the program does: no key, step, rule or word is left out.

use std::{collections::BTreeSet, fs, path::PathBuf};

use longshore::definition::json_schema;
use serde_json::Value;

fn document(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("the document")
}

/// All keys and words of the pipeline language, from its schema.
fn vocabulary(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            let keys = members.get("properties").and_then(Value::as_object);
            words.extend(keys.into_iter().flatten().map(|(key, _)| key.clone()));
            words.extend(members.get("const").and_then(Value::as_str).map(str::to_owned));
            let choices = members.get("enum").and_then(Value::as_array);
            words
                .extend(choices.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            members.values().for_each(|below| vocabulary(below, words));
        }
        Value::Array(several) => several.iter().for_each(|below| vocabulary(below, words)),
        _ => {}
    }
}

#[test]
fn the_whole_pipeline_language_is_documented() {
    let mut words = BTreeSet::new();
    vocabulary(&json_schema(), &mut words);
    assert!(words.len() > 80, "{words:?}");
    let text = document("docs/pipelines.md");
    let code = text.split('`').skip(1).step_by(2);
    let said: BTreeSet<&str> =
        code.flat_map(|code| code.split(|c: char| c != '_' && !c.is_alphanumeric())).collect();
    let missing: Vec<_> = words.iter().filter(|word| !said.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "docs/pipelines.md does not say {missing:?}");
}
