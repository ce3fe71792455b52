//! The JSON Schema of a pipeline, made from the structures themselves.
//!
//! Editors complete and check by it, and [`super::walk`] reports by it, so
//! what an editor accepts and what `longshore check` accepts cannot drift.
//! `schemars` says what the structures say; the touches here are for TOML:
//! it has no null, every table is closed, and integers have an upper end.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{ExportDefinition, ImportDefinition};

/// The definitions, by name, that both schemas are made of.
static DEFINITIONS: LazyLock<Map<String, Value>> = LazyLock::new(definitions);

/// The name of the import's definition in the schema.
pub(crate) const IMPORT: &str = "ImportDefinition";
/// The name of the export's definition in the schema.
pub(crate) const EXPORT: &str = "ExportDefinition";

/// The JSON Schema (draft 2020-12) of a pipeline file.
///
/// `if`/`then`/`else` choose import or export, so that validators point at the
/// very key; the properties of both stand at the top as well, since editors
/// complete keys from there and do not look into conditions.
pub fn json_schema() -> Value {
    let mut properties = Map::new();
    for name in [EXPORT, IMPORT] {
        let own = definition(name).and_then(|schema| schema.get("properties"));
        properties.extend(own.and_then(Value::as_object).cloned().unwrap_or_default());
    }
    properties.insert(
        "kind".to_owned(),
        json!({
            "description": "What the pipeline does: `import` (or leave it out) or `export`.",
            "type": "string",
            "enum": ["import", "export"],
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "longshore pipeline",
        "description": "Files into PostgreSQL tables, or a query into a file.",
        "type": "object",
        "properties": properties,
        "if": { "properties": { "kind": { "const": "export" } }, "required": ["kind"] },
        "then": { "$ref": format!("#/$defs/{EXPORT}") },
        "else": { "$ref": format!("#/$defs/{IMPORT}") },
        "$defs": *DEFINITIONS,
    })
}

/// The schema of one named structure.
pub(crate) fn definition(name: &str) -> Option<&'static Value> {
    DEFINITIONS.get(name)
}

fn definitions() -> Map<String, Value> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<ImportDefinition>();
    generator.subschema_for::<ExportDefinition>();
    let mut definitions = generator.take_definitions(true);
    definitions.values_mut().for_each(fit_to_toml);
    definitions
}

/// Takes nulls out, closes tables, bounds integers, and does so below.
fn fit_to_toml(schema: &mut Value) {
    if let Value::Object(members) = schema {
        drop_null(members);
        close(members);
        bound(members);
        for (keyword, below) in members.iter_mut() {
            match below {
                Value::Object(named) if keyword == "properties" => {
                    named.values_mut().for_each(fit_to_toml);
                }
                Value::Object(_) => fit_to_toml(below),
                Value::Array(several) => several.iter_mut().for_each(fit_to_toml),
                _ => {}
            }
        }
    }
}

/// An optional key is left out in TOML: `null` is no value, type or default there.
fn drop_null(members: &mut Map<String, Value>) {
    if members.get("default").is_some_and(|default| default.is_null() || default.is_object()) {
        members.shift_remove("default");
    }
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(alternatives)) = members.get_mut("anyOf") {
        alternatives.retain(|alternative| alternative["type"] != "null");
        if let [Value::Object(only)] = alternatives.as_slice() {
            let only = only.clone();
            members.shift_remove("anyOf");
            only.into_iter().for_each(|(keyword, value)| {
                members.entry(keyword).or_insert(value);
            });
        }
    }
}

fn close(members: &mut Map<String, Value>) {
    members.shift_remove("unevaluatedProperties");
    if members.contains_key("properties") && !members.contains_key("additionalProperties") {
        members.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

/// `schemars` gives unsigned types their lower end only.
fn bound(members: &mut Map<String, Value>) {
    if members.get("format").is_some_and(|format| format == "uint32") {
        members.entry("maximum").or_insert_with(|| u32::MAX.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_schema<'a>(schema: &'a Value, path: &str, visit: &mut impl FnMut(&str, &'a Value)) {
        visit(path, schema);
        let Value::Object(members) = schema else { return };
        for (keyword, below) in members {
            let here = format!("{path}/{keyword}");
            match below {
                Value::Object(named) if ["properties", "$defs"].contains(&keyword.as_str()) => {
                    for (name, schema) in named {
                        each_schema(schema, &format!("{here}/{name}"), visit);
                    }
                }
                Value::Object(_) => each_schema(below, &here, visit),
                Value::Array(several) => {
                    several.iter().for_each(|schema| each_schema(schema, &here, visit));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_key_and_every_word_is_described() {
        for name in [IMPORT, EXPORT] {
            assert!(definition(name).is_some(), "{name}");
        }
        each_schema(&json_schema(), "", &mut |path, schema| {
            let keys = schema["properties"].as_object().into_iter().flatten();
            // A step's own key is described by the alternative that holds it; so is `if`.
            let described = schema["description"].is_string()
                && schema["properties"].as_object().is_some_and(|keys| keys.len() == 1);
            for (key, below) in keys.filter(|_| !described && path != "/if") {
                assert!(below["description"].is_string(), "{path}: `{key}` has no description");
            }
            if schema.get("const").is_some() && path != "/if/properties/kind" {
                assert!(schema["description"].is_string(), "{path}: a word has no description");
            }
        });
    }

    #[test]
    fn every_table_is_closed_and_nothing_is_null() {
        each_schema(&json_schema(), "", &mut |path, schema| {
            let is_part = path.is_empty() || path.starts_with("/if");
            if schema.get("properties").is_some() && !is_part {
                assert_eq!(schema["additionalProperties"], false, "{path}");
            }
            assert_ne!(schema["type"], "null", "{path}");
        });
        let text = json_schema().to_string();
        assert!(!text.contains("null\"]") && !text.contains("unevaluated"), "{text}");
    }

    #[test]
    fn the_published_schema_is_the_one_of_the_structures() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.schema.json");
        let expected = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &expected).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            published == expected,
            "pipeline.schema.json is out of date: \
             run `UPDATE_SCHEMA=1 cargo test --lib definition::schema`"
        );
    }
}
