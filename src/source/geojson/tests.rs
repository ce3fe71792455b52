//! Whole files: layouts, faults, splits, and serde_json as the oracle.

use std::io::Write;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::open;
use crate::{
    error::{ErrorKind, Result},
    source::{
        InputFile, Source,
        reading::{Owned, definition, projection, read_all},
    },
};

struct Given {
    _folder: tempfile::TempDir,
    file: InputFile,
}

fn given(content: &[u8]) -> Given {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lots.geojson");
    std::fs::File::create(&path).and_then(|mut file| file.write_all(content)).expect("a file");
    let file = InputFile { ordinal: 0, path, display: "lots.geojson".to_owned() };
    Given { _folder: folder, file }
}

fn opened(given: &Given) -> Result<Box<dyn Source>> {
    open(&definition("format = 'geojson'\npath = 'x'"), &given.file)
}

fn read(content: &[u8], fields: &[&str]) -> Result<Vec<Owned>> {
    let given = given(content);
    read_all(opened(&given)?.as_ref(), &projection(fields, false), 64)
}

const COLLECTION: &str = r#"{
"type": "FeatureCollection", "name": "lots",
"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}},
"features": [
{"type":"Feature","id":7,"properties":{"lot":"1//DP2","area":12.50,"note":"a\n\"b\"","x":[1,{"y":null}]},
 "geometry":{"type":"Point","coordinates":[1,2]}},
{"type":"Feature","properties":{"lot":null,"open":true},"geometry":null} ,
{"type":"Feature","properties":null,"geometry":null}
],
"after": {"features": [{}]}
}
"#;

#[test]
fn a_collection_gives_typed_cells_with_their_lines() {
    let fields = ["lot", "area", "note", "x", "open", "id", "geometry", "nowhere"];
    let records = read(COLLECTION.as_bytes(), &fields).expect("a collection");
    let cells = |at: usize| records[at].cells.clone().expect("no fault");
    let point = "Geometry([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 64])";
    let note = r#"Text("a\n\"b\"")"#;
    let json = r#"Json("[1,{\"y\":null}]")"#;
    let texts =
        [r#"Text("1//DP2")"#, r#"Number("12.50")"#, note, json, "Absent", r#"Number("7")"#, point];
    assert_eq!(cells(0)[..7], texts);
    assert_eq!(cells(1)[..5], ["Absent", "Absent", "Absent", "Absent", "Bool(true)"]);
    assert!(cells(2).iter().all(|cell| cell == "Absent"));
    assert_eq!(records.iter().map(|record| record.line).collect::<Vec<_>>(), [5, 7, 8]);
    assert!(records[0].raw.starts_with(b"{\"type\"") && records[0].raw.ends_with(b"]}}"));
}

#[test]
fn the_header_lists_properties_and_what_the_feature_itself_has() {
    let header = |content: &str| {
        let given = given(content.as_bytes());
        let source = opened(&given).expect("it opens");
        (source.header().fields.clone(), source.crs().map(str::to_owned))
    };
    let (fields, crs) = header(COLLECTION);
    assert_eq!(fields, ["lot", "area", "note", "x", "open", "geometry", "id"]);
    assert_eq!(crs.as_deref(), Some("EPSG:28992"));
    let clash = r#"{"type":"Feature","id":1,"properties":{"id":2,"geometry":"POINT(1 2)"}}"#;
    assert_eq!(header(clash).0, ["id", "geometry", "feature.geometry", "feature.id"]);
    assert_eq!(header(clash).1.as_deref(), Some("EPSG:4326"));
    let records = read(clash.as_bytes(), &["id", "feature.id", "geometry", "feature.geometry"]);
    let cells = records.expect("a feature")[0].cells.clone().expect("no fault");
    assert_eq!(cells, ["Number(\"2\")", "Number(\"1\")", "Text(\"POINT(1 2)\")", "Absent"]);
}

#[test]
fn the_rest_is_an_object_of_what_was_not_asked_for() {
    let content = r#"{"type":"Feature","properties":{"a":1,"b\u0041":"x\ty","c":[{}],"a":2}}"#;
    let given = given(content.as_bytes());
    let source = opened(&given).expect("it opens");
    let rest = |fields: &[&str]| {
        let records = read_all(source.as_ref(), &projection(fields, true), 64).expect("records");
        records[0].cells.clone().expect("no fault")
    };
    assert_eq!(rest(&["a"]), [r#"Number("2")"#, r#"Json("{\"b\\u0041\":\"x\\ty\",\"c\":[{}]}")"#]);
    assert_eq!(rest(&["a", "bA", "c"])[3], r#"Json("{}")"#);
}

#[test]
fn a_faulty_feature_is_one_record_and_the_next_goes_on() {
    let good = r#"{"type":"Feature","properties":{"a":1},"geometry":null}"#;
    for (bad, code) in [
        (&br#"{"type":"Feature","properties":{"a":01}}"#[..], "json.syntax"),
        (br#"{"type":"Feature" "properties":{}}"#, "json.syntax"),
        (br#"{"type":"Feature","properties":{"a":"\x"}}"#, "json.syntax"),
        (br#"{"type":"Feature","properties":{"a":"\ud800"}}"#, "encoding.invalid"),
        (br#"{"type":"Feature","properties":{"a":"\u0000"}}"#, "encoding.nul"),
        (b"{\"type\":\"Feature\",\"properties\":{\"a\":\"\xff\"}}", "encoding.invalid"),
        (br#"{"type":"Feature","properties":[]}"#, "geojson.properties"),
        (br#"{"type":"Topology"}"#, "geojson.type"),
        (br#"{"properties":{}}"#, "geojson.type"),
        (
            br#"{"type":"Feature","geometry":{"type":"Point","coordinates":"x"}}"#,
            "geometry.coordinates",
        ),
        (br#"null"#, "geojson.type"),
    ] {
        let wrapped =
            [br#"{"features":["#, good.as_bytes(), b",", bad, b",", good.as_bytes(), b"]}"];
        let lines = [good.as_bytes(), b"\n\n", bad, b"\r\n", good.as_bytes(), b"\n"];
        let sequence = [b"\x1e", good.as_bytes(), b"\n\x1e", bad, b"\n\x1e", good.as_bytes()];
        for content in [wrapped.concat(), lines.concat(), sequence.concat()] {
            let records = read(&content, &["a", "geometry"]).expect("records");
            let codes: Vec<_> = records.iter().map(|record| record.cells.clone().err()).collect();
            assert_eq!(codes, [None, Some(code), None], "{}", String::from_utf8_lossy(&content));
            assert_eq!(records[1].raw, bad);
        }
    }
}

#[test]
fn a_broken_line_is_one_record() {
    let content =
        "{\"type\":\"Feature\"}\n{\"type\":\"Fea\n{\"type\":\"Feature\"}}\n{\"type\":\"Feature\"}";
    let records = read(content.as_bytes(), &["a"]).expect("records");
    let found: Vec<_> =
        records.iter().map(|record| (record.line, record.cells.clone().err())).collect();
    let broken = Some("json.syntax");
    assert_eq!(found, [(1, None), (2, broken), (3, broken), (4, None)]);
}

#[test]
fn a_lone_feature_or_geometry_is_one_record() {
    for content in [
        "{\"type\":\"Feature\",\n\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]}}",
        "\u{feff}{\"type\":\"Point\",\"coordinates\":[1,2]}",
    ] {
        let records = read(content.as_bytes(), &["geometry"]).expect("a record");
        assert_eq!(records.len(), 1);
        assert!(records[0].cells.as_ref().expect("no fault")[0].starts_with("Geometry"));
    }
}

#[test]
fn what_cannot_be_told_apart_stops_the_run() {
    let whole =
        r#"{"type":"FeatureCollection","features":[{"type":"Feature"},{"type":"Feature"}]}"#;
    assert_eq!(read(whole.as_bytes(), &[]).expect("a collection").len(), 2);
    for length in 1..whole.len() {
        let error = read(&whole.as_bytes()[..length], &[]).expect_err("truncated");
        assert_eq!(error.kind(), ErrorKind::Source, "{length}");
    }
    for content in [
        "",
        " ",
        "a,b\n1,2\n",
        "[]",
        r#"{"features":[]}{}"#,
        r#"{"features":[],"features":[]}"#,
        r#"{"features":[{}{}]}"#,
        r#"{"type":"Topology","objects":{}}"#,
        r#"{"geometryType":"esriGeometryPoint","features":[{"attributes":{}}]}"#,
        r#"{"features":[],"crs":{"properties":{"name":"EPSG:28992"}}}"#,
        "{\"type\":\n\"Feature\"}\n{\"type\":\n\"Feature\"",
        "{\"type\":\n\"Feature\"}\nx",
    ] {
        let error = read(content.as_bytes(), &[]).expect_err(content);
        assert_eq!(error.kind(), ErrorKind::Source, "{content}");
    }
}

#[test]
fn rejected_features_can_be_read_again() {
    let sequence = "\u{1e}{\"type\":\"Feature\"}\n\u{1e}{\"bad\":\n}\n";
    let lines = "{\"type\":\"Feature\"}\n{\"bad\"\n";
    for content in [COLLECTION, sequence, lines] {
        let given = given(content.as_bytes());
        let source = opened(&given).expect("it opens");
        let before = read_all(source.as_ref(), &projection(&[], true), 64).expect("records");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut writer = source.rejected_writer(folder.path()).expect("a writer");
        before.iter().for_each(|record| writer.write(&record.raw).expect("it is written"));
        writer.finish().expect("it is finished");
        let file = InputFile { path: folder.path().join("lots.geojson"), ..given.file.clone() };
        let again = open(&definition("format = 'geojson'\npath = 'x'"), &file).expect("it opens");
        assert_eq!(again.crs(), source.crs());
        let after = read_all(again.as_ref(), &projection(&[], true), 64).expect("records");
        let raws = |records: &[Owned]| records.iter().map(|r| r.raw.clone()).collect::<Vec<_>>();
        assert_eq!(raws(&after), raws(&before));
    }
}

/// A JSON value as the decoder delivers it, in `Debug`.
fn expected(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => "Absent".to_owned(),
        Some(Json::Bool(truth)) => format!("Bool({truth})"),
        Some(Json::Number(number)) => format!("Number({:?})", number.to_string()),
        Some(Json::String(text)) => format!("Text({text:?})"),
        Some(nested) => format!("Json({:?})", nested.to_string()),
    }
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        "[^\0]{0,12}".prop_map(Json::from),
        r#"[{}\[\]",:\\ \n]{0,6}"#.prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec(("[a-c\u{e9}]{0,2}", inner), 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn properties() -> impl Strategy<Value = Vec<Json>> {
    let object = prop::collection::vec(("[abc\"\u{e9}]", value()), 0..6)
        .prop_map(|members| Json::Object(members.into_iter().collect()));
    prop::collection::vec(object, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cells_are_what_serde_json_reads_whatever_the_layout_and_split(
        features in properties(), pretty: bool, split_bytes in 1_usize..400,
    ) {
        let fields = ["a", "b", "\u{e9}", "\""];
        let objects: Vec<_> =
            features.iter().map(|p| json!({"type": "Feature", "properties": p})).collect();
        let collection = json!({"name": "}{", "features": objects, "x": {"features": []}});
        let show = |value: &Json| {
            let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
            text.expect("JSON")
        };
        let lines = || objects.iter().map(|object| object.to_string() + "\n").collect::<String>();
        let sequence = || objects.iter().map(|object| format!("\u{1e}{}\n", show(object))).collect::<String>();
        let mut contents = vec![show(&collection)];
        if !objects.is_empty() {
            contents.extend([lines(), sequence(), objects.iter().map(show).collect()]);
        }
        for content in contents {
            let given = given(content.as_bytes());
            let source = opened(&given).expect("it opens");
            let whole = read_all(source.as_ref(), &projection(&fields, false), 1 << 20).expect("records");
            let split = read_all(source.as_ref(), &projection(&fields, false), split_bytes).expect("records");
            prop_assert_eq!(&whole, &split);
            prop_assert_eq!(whole.len(), features.len());
            for (record, feature) in whole.iter().zip(&features) {
                let cells = record.cells.clone().expect("no fault");
                // Nested values keep the text of the file; compare them as values.
                for (cell, name) in cells.iter().zip(fields) {
                    let value = feature.get(name);
                    if cell.starts_with("Json(") {
                        prop_assert!(value.is_some_and(|v| v.is_object() || v.is_array()));
                    } else {
                        prop_assert_eq!(cell, &expected(value));
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_damage_makes_it_panic_or_depend_on_the_split(
        damage in prop::collection::vec((any::<usize>(), prop::sample::select(&b"{}[]\",:\\\n\x1e x1\xff"[..])), 1..5),
        start in prop::sample::select(&[0_usize, 175][..]),
    ) {
        let mut content = COLLECTION.as_bytes()[start..].to_vec();
        for (at, byte) in damage {
            let length = content.len();
            content[at % length] = byte;
        }
        let given = given(&content);
        if let Ok(source) = opened(&given) {
            let fields = projection(&["lot", "geometry"], true);
            let whole = read_all(source.as_ref(), &fields, 1 << 20);
            let split = read_all(source.as_ref(), &fields, 8);
            match (whole, split) {
                (Ok(whole), Ok(split)) => prop_assert_eq!(whole, split),
                (whole, split) => prop_assert!(whole.is_err() && split.is_err()),
            }
        }
    }
}
