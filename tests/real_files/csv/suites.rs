//! The test suites of other readers.
//!
//! Where they want leniency (text after a closing quote, padded records) we
//! report a fault instead; what must never happen is another reading.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Table, WHOLE, files, json_file, open, read, table};
use crate::real_files::data;

#[test]
fn the_csv_spectrum_suite_is_read_in_full() {
    let Some(data) = data() else { return };
    let folder = data.join("csv/csv-spectrum");
    let suite = files(&folder.join("csvs"), "csv");
    assert_eq!(suite.len(), 12);
    for path in suite {
        let stem = path.file_stem().expect("a name").to_owned();
        // The seconds of arc in this file are bare quotes inside bare fields: a
        // file that does not quote, and has to be declared as one.
        let unquoted = stem == "location_coordinates";
        let table = table(if unquoted { json!({"quote": ""}) } else { json!({}) }, &path);
        let mut expected = json_file(&folder.join("json").join(stem).with_extension("json"));
        let mut rows = objects(&table);
        if unquoted {
            // The suite's own answer is one object, with another telephone number than its file.
            expected = json!([expected]);
            rows[0]["Contact Phone Number"] = expected[0]["Contact Phone Number"].clone();
        }
        assert!(Value::from(rows) == expected, "{}", path.display());
    }
}

/// Records as objects; a faulty one as its code.
fn objects(table: &Table) -> Vec<Value> {
    let object = |cells: &Vec<String>| {
        let cells = cells.iter().cloned().map(Value::from);
        Value::Object(table.header.iter().cloned().zip(cells).collect())
    };
    table.rows.iter().map(|row| row.as_ref().map_or_else(|code| json!(code), object)).collect()
}

fn arrays(table: &Table) -> Vec<Value> {
    table
        .rows
        .iter()
        .map(|row| row.as_ref().map_or_else(|code| json!(code), |cells| json!(cells)))
        .collect()
}

/// Papaparse's settings in our words; `None` where we have no such thing
/// (several characters, typing, previews).
fn keys(config: &Value) -> Option<Value> {
    let mut keys = json!({"header": false});
    for (name, value) in config.as_object().unwrap_or(&Map::new()) {
        let key = match (name.as_str(), value) {
            ("header", Value::Bool(header)) => ("header", json!(header)),
            ("delimiter", Value::String(text)) if text.len() == 1 && text != "\n" => {
                ("delimiter", json!(text))
            }
            ("quoteChar", Value::String(text)) if text.len() == 1 => ("quote", json!(text)),
            ("escapeChar", Value::String(text)) if text.len() == 1 => ("escape", json!(text)),
            ("comments", Value::Bool(true)) => ("comment", json!("#")),
            ("comments", Value::String(text)) if text.len() == 1 => ("comment", json!(text)),
            ("newline" | "fastMode", _) | ("skipEmptyLines", Value::Bool(true)) => continue,
            _ => return None,
        };
        keys[key.0] = key.1;
    }
    Some(keys)
}

/// How one case ended.
#[derive(Debug, PartialEq)]
enum Verdict {
    Equal,
    /// A fault, or a refusal to open, where Papaparse makes something of it.
    Stricter,
    Different,
}

fn judge(case: &Value, keys: Value, path: &Path) -> Verdict {
    let Ok(source) = open(keys.clone(), path) else { return Verdict::Stricter };
    let table = read(source.as_ref(), WHOLE).expect("it reads");
    let named = keys["header"] == json!(true);
    let ours = if named { objects(&table) } else { arrays(&table) };
    let mut theirs = case["expected"]["data"].as_array().expect("rows").clone();
    // They give an empty line as a record of one empty field, the end of the last line included.
    let one_column = table.header.len() == 1;
    let ended = case["input"].as_str().is_some_and(|input| input.ends_with('\n'));
    if !one_column {
        theirs.retain(|row| *row != json!([""]));
    } else if ended {
        theirs.pop();
    }
    if ours == theirs {
        return Verdict::Equal;
    }
    let faulty = table.faulty() > 0;
    let else_equal = || ours.iter().all(|row| row.is_string() || theirs.contains(row));
    if faulty && else_equal() { Verdict::Stricter } else { Verdict::Different }
}

#[test]
fn papaparse_cases_are_read_the_same_or_not_at_all() {
    let Some(data) = data() else { return };
    let suite = json_file(&data.join("csv/papaparse/papaparse-cases-even.json"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut equal, mut stricter) = (0, 0);
    for case in suite
        .as_object()
        .expect("groups")
        .values()
        .flat_map(|group| group.as_array().expect("cases"))
    {
        let keys =
            if case["has_function_config"] == json!(true) { None } else { keys(&case["config"]) };
        // What they call malformed themselves has no right reading.
        let malformed =
            case["expected"]["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        let transformed =
            case["expected"]["data"][0].is_array() && case["config"]["header"] == json!(true);
        let (Some(keys), Some(input)) = (keys, case["input"].as_str()) else { continue };
        if malformed || transformed {
            continue;
        }
        let path = folder.path().join("case.csv");
        std::fs::write(&path, input).expect("a file");
        match judge(case, keys, &path) {
            Verdict::Equal => equal += 1,
            Verdict::Stricter => stricter += 1,
            Verdict::Different => panic!("{}", case["description"]),
        }
    }
    // Stricter: quotes in bare fields (3), blanks after a closing quote (2), a delimiter that
    // is guessed, and a file without any record.
    assert_eq!((equal, stricter), (48, 7));
}
