//! The documents say what the program does: no key, step, rule or word is left out.

use std::{collections::BTreeSet, fs, path::PathBuf};

use longshore::{definition::json_schema, postgres::version::SUPPORTED};
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

/// The text of every Rust file below a folder.
fn sources(folder: &str) -> Vec<String> {
    let pattern = format!("{}/{folder}/**/*.rs", env!("CARGO_MANIFEST_DIR"));
    let paths = glob::glob(&pattern).expect("a pattern");
    paths.map(|path| fs::read_to_string(path.expect("a path")).expect("a file")).collect()
}

#[test]
fn the_supported_versions_are_the_same_everywhere() {
    let range = format!("{} to {}", SUPPORTED.start(), SUPPORTED.end());
    for (name, words) in [
        ("README.md", "PostgreSQL "),
        ("docs/database.md", "PostgreSQL "),
        ("Makefile", "PostgreSQL ("),
    ] {
        let said = format!("{words}{range}");
        assert!(document(name).contains(&said), "{name} does not say `{said}`");
    }
}

#[test]
fn every_code_of_a_rejection_is_documented() {
    let families = "csv|sheet|json|geojson|feature|shapefile|dbf|encoding|step|type|geometry|rule|lookup|constraint|sql";
    let code = regex::Regex::new(&format!("\"((?:{families})\\.[a-z_]+)\"")).expect("a pattern");
    let text = document("docs/pipelines.md");
    let mut codes = BTreeSet::new();
    for source in sources("src") {
        // Tests may make codes up.
        let program = source.split("#[cfg(test)]").next().unwrap_or_default();
        codes.extend(code.captures_iter(program).map(|found| found[1].to_owned()));
    }
    assert!(codes.len() > 60, "{codes:?}");
    let missing: Vec<_> =
        codes.iter().filter(|code| !text.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/pipelines.md does not say {missing:?}");
}

#[test]
fn the_tests_that_the_promises_name_are_there() {
    let text = document("README.md");
    let (_, after) = text.split_once("## What is promised").expect("the promises");
    let (promises, _) = after.split_once("\n## ").expect("an end");
    let name = regex::Regex::new("`([a-z0-9]+(?:_[a-z0-9]+){3,})`").expect("a pattern");
    let tests = [sources("tests"), sources("src")].concat().concat();
    let named: Vec<_> = name.captures_iter(promises).map(|found| found[1].to_owned()).collect();
    assert!(named.len() > 15, "{named:?}");
    let missing: Vec<_> =
        named.iter().filter(|name| !tests.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "README.md names tests that are not there: {missing:?}");
}
