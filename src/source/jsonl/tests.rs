//! Whole files: layouts, paths, faults, and serde_json as the oracle.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::open;
use crate::{
    error::{ErrorKind, Result},
    source::{
        InputFile, Listing, Source,
        reading::{Owned, definition, projection, read_all},
    },
};

fn opened(folder: &tempfile::TempDir, content: &[u8]) -> Result<Box<dyn Source>> {
    let path = folder.path().join("attempts.jsonl");
    std::fs::write(&path, content).expect("a file");
    let file = InputFile { ordinal: 0, path, display: "attempts.jsonl".to_owned() };
    open(&definition("format = 'jsonl'\npath = 'x'"), &file)
}

fn read(content: &str, fields: &[&str], rest: bool) -> Result<Vec<Owned>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = opened(&folder, content.as_bytes())?;
    read_all(source.as_ref(), &projection(fields, rest), 64)
}

fn cells(content: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let records = read(content, fields, false).expect("JSON lines");
    records.into_iter().map(|record| record.cells.expect("no fault")).collect()
}

#[test]
fn nested_values_are_reached_by_path_and_what_is_missing_is_absent() {
    let text = concat!(
        r#"{"id":1,"user":{"name":"Ana","tags":["a","b"]},"x":[{"y":[10,20]}],"a.b":5}"#,
        "\n\n",
        r#"{"id":2,"user":null,"x":[],"user2":1}"#,
        "\r\n",
        r#"{"user":{"name":"B\u00e9a","tags":7}}"#,
    );
    let fields = ["id", "user.name", "user.tags[1]", "x[0].y[1]", "user.tags", "a.b", "no.thing"];
    assert_eq!(
        cells(text, &fields),
        [
            [
                "Number(\"1\")",
                "Text(\"Ana\")",
                "Text(\"b\")",
                "Number(\"20\")",
                r#"Json("[\"a\",\"b\"]")"#,
                "Number(\"5\")",
                "Absent"
            ],
            ["Number(\"2\")", "Absent", "Absent", "Absent", "Absent", "Absent", "Absent"],
            ["Absent", "Text(\"Béa\")", "Absent", "Absent", "Number(\"7\")", "Absent", "Absent"],
        ]
    );
}

#[test]
fn of_members_named_twice_the_last_counts_with_all_that_is_in_it() {
    let text = r#"{"a":{"b":1,"c":2},"a":{"c":3}}"#;
    assert_eq!(cells(text, &["a.b", "a.c"]), [["Absent", "Number(\"3\")"]]);
}

#[test]
fn the_rest_is_every_member_that_no_path_begins_with() {
    let text = "{\"a\":{\"b\":1},\"c\":[1],\"d\":\"x\"}\n{\"a\":1}";
    let records = read(text, &["a.b"], true).expect("JSON lines");
    let cells: Vec<_> = records.into_iter().map(|record| record.cells.expect("no fault")).collect();
    assert_eq!(cells[0][1], r#"Json("{\"c\":[1],\"d\":\"x\"}")"#);
    assert_eq!(cells[1][1], "Json(\"{}\")");
}

#[test]
fn a_broken_line_costs_one_record() {
    let text = "{\"a\":1}\n{\"a\":\n[1]\n{\"a\":4} x\n{\"a\":5}\n";
    let records = read(text, &["a"], false).expect("JSON lines");
    let codes: Vec<_> = records
        .iter()
        .map(|record| record.cells.as_ref().map_or_else(|fault| *fault, |_| "good"))
        .collect();
    assert_eq!(codes, ["good", "json.syntax", "json.type", "json.syntax", "good"]);
    let lines: Vec<_> = records.iter().map(|record| record.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5]);
}

#[test]
fn objects_spread_over_lines_and_text_sequences_are_read() {
    assert_eq!(cells("{\n \"a\": 1\n}\n{\n \"a\": 2 }", &["a"]).len(), 2);
    assert_eq!(cells("\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n", &["a"]).len(), 2);
    assert_eq!(
        cells("\u{feff}{\"features\":[{\"a\":1}]}", &["features[0].a"]),
        [["Number(\"1\")"]]
    );
}

#[test]
fn the_header_lists_names_and_paths() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = opened(&folder, br#"{"a":{"b":{"c":1},"x.y":2},"d.e":3}"#).expect("JSON lines");
    assert_eq!(source.header().fields, ["a", "a.b", "a.b.c", "a.\"x.y\"", "d.e"]);
    assert_eq!(source.header().listing, Listing::Objects);
}

#[test]
fn an_empty_file_has_no_records_and_other_files_are_refused() {
    assert!(read("", &["a"], false).expect("no records").is_empty());
    for text in ["[{\"a\":1}]", "a,b\n1,2\n"] {
        let error = read(text, &["a"], false).expect_err("not JSON lines");
        assert_eq!(error.kind(), ErrorKind::Source, "{text}");
    }
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a-z\"\\\\é\n]{0,5}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map("[a-c]", inner, 0..3).prop_map(Json::from_iter),
        ]
    })
}

fn shown(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => "Absent".to_owned(),
        Some(Json::Bool(truth)) => format!("Bool({truth})"),
        Some(Json::Number(number)) => format!("Number({:?})", number.to_string()),
        Some(Json::String(text)) => format!("Text({text:?})"),
        Some(nested) => format!("Json({:?})", nested.to_string()),
    }
}

proptest! {
    #[test]
    fn paths_find_what_serde_json_finds(
        records in proptest::collection::vec(
            proptest::collection::btree_map("[a-c]", value(), 0..3), 1..6),
    ) {
        let records: Vec<Json> = records.into_iter().map(Json::from_iter).collect();
        let text: String = records.iter().map(|record| format!("{record}\n")).collect();
        let paths = [("a", "/a"), ("a.b", "/a/b"), ("b[0]", "/b/0"), ("b[1].a.c", "/b/1/a/c"), ("c.c[0]", "/c/c/0")];
        let fields = paths.map(|(path, _)| path);
        for (found, record) in cells(&text, &fields).iter().zip(&records) {
            // A pointer also looks into an object by a number, which a path does not.
            let expected = paths.map(|(_, pointer)| shown(record.pointer(pointer)));
            prop_assert_eq!(&found[..], &expected[..]);
        }
    }
}
