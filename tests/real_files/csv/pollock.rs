//! The Pollock benchmark's sample: each file has one thing wrong with it.
//!
//! Its score rewards a reader that invents what is missing. Ours must keep the
//! damage in the record that has it, and must not read a single cell wrongly.

use std::{collections::HashSet, path::Path};

use serde_json::{Value, json};

use super::{Row, Table, WHOLE, files, json_file, open, read};
use crate::real_files::data;

/// The benchmark's description of a file in our words.
fn keys(parameters: &Value) -> Value {
    let text = |key: &str| {
        let value = &parameters[key];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let encoding = match text("encoding").as_str() {
        "ascii" => "utf-8".to_owned(),
        "CP949" => "euc-kr".to_owned(),
        other => other.to_owned(),
    };
    let rows = |key| text(key).parse::<u32>().expect("a number of rows");
    let (header, above) = (rows("header_lines"), rows("preamble_lines"));
    let header = if header == 0 { json!(false) } else { json!(above + header) };
    let mut keys = json!({"encoding": encoding, "header": header, "quote": text("quotechar")});
    if text("delimiter").len() == 1 {
        keys["delimiter"] = json!(text("delimiter"));
    }
    if !text("escapechar").is_empty() && !text("quotechar").is_empty() {
        keys["escape"] = json!(text("escapechar"));
    }
    keys
}

fn described(sample: &Path, path: &Path) -> Option<Result<Table, longshore::error::Error>> {
    let name = path.file_name()?.to_str()?;
    let parameters = sample.join("parameters").join(format!("{name}_parameters.json"));
    let source = open(keys(&json_file(&parameters)), path);
    Some(source.and_then(|source| read(source.as_ref(), WHOLE)))
}

/// The rows that the benchmark takes for right.
fn clean(sample: &Path, path: &Path) -> HashSet<Vec<String>> {
    let path = sample.join("clean").join(path.file_name().expect("a name"));
    let reader = csv::ReaderBuilder::new().flexible(true).from_path(path);
    let records = reader.expect("a readable file").into_records();
    records.map(|row| row.expect("text").iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_polluted_record_is_a_fault_and_its_neighbours_are_right() {
    let Some(data) = data() else { return };
    let sample = data.join("csv/pollock/polluted_files");
    let mut polluted = 0;
    for path in files(&sample.join("csv"), "csv") {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let Some(Ok(table)) = described(&sample, &path) else {
            // A delimiter of two characters, no content, a broken header.
            let refused = [
                "file_field_delimiter_0x2C_0x20.csv",
                "file_no_payload.csv",
                "row_extra_quote0_col0.csv",
            ];
            assert!(refused.contains(&name), "{name}");
            continue;
        };
        let clean = clean(&sample, &path);
        let wrong = |row: &&Row| row.as_ref().is_ok_and(|cells| !clean.contains(cells));
        let wrong = table.rows.iter().filter(wrong).count();
        let expected = match name {
            // The second table's records, as wide as the first's, are records to any reader
            // of one table; those of another width are not, nor is the header of both again.
            "file_multitable_same.csv" => (166, 2, 4),
            "file_multitable_less.csv" => (166, 83, 0),
            // Apostrophes inside fields in apostrophes, neither doubled nor escaped.
            "file_quotation_char_0x27.csv" => (83, 51, 0),
            "file_one_data_row.csv" => (1, 0, 0),
            _ if name.starts_with("row_") => (83, 1, 0),
            _ => (83, 0, 0),
        };
        assert_eq!((table.rows.len(), table.faulty(), wrong), expected, "{name}");
        polluted += 1;
    }
    assert_eq!(polluted, 40);
}

#[test]
fn surveyed_files_are_read_with_their_parameters() {
    let Some(data) = data() else { return };
    let sample = data.join("csv/pollock/survey_sample");
    let (mut records, mut faulty) = (0, 0);
    for path in files(&sample.join("csv"), "csv") {
        let table = described(&sample, &path).expect("a name").expect("a readable file");
        records += table.rows.len();
        faulty += table.faulty();
    }
    // Two are the header once more.
    assert_eq!((records, faulty), (12_755, 102));
}
