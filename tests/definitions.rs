//! Definitions on disk: the valid ones are read, the invalid ones say exactly what their
//! snapshot says. A new kind of finding is one file here and one accepted snapshot.

#![expect(clippy::expect_used, reason = "a test without its files has to fail")]

use std::{fs, path::PathBuf};

use longshore::definition::read;
use proptest::prelude::*;

/// The definitions of a folder: name and text, in order.
fn definitions(folder: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/definitions").join(folder);
    let entries = fs::read_dir(&path).expect("the folder of definitions");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a definition"))
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn valid_definitions_have_no_findings() {
    let valid = definitions("valid");
    assert!(!valid.is_empty());
    for (name, text) in valid {
        if let Err(findings) = read(&format!("{name}.toml"), &text) {
            panic!("{}", findings.render(false));
        }
    }
}

/// The pipelines that come with the project.
#[test]
fn shipped_pipelines_have_no_findings() {
    let pattern = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/**/*.toml");
    let paths = glob::glob(pattern).expect("a pattern").map(|path| path.expect("a path"));
    let mut count = 0;
    for path in paths {
        count += 1;
        let text = fs::read_to_string(&path).expect("a pipeline");
        if let Err(findings) = read(&path.display().to_string(), &text) {
            panic!("{}", findings.render(false));
        }
        let schema = text.lines().next().and_then(|line| line.strip_prefix("#:schema "));
        let schema = path.parent().expect("a folder").join(schema.expect("a schema line first"));
        assert!(schema.is_file(), "{} names no schema that is there", path.display());
    }
    assert!(count > 0, "there are pipelines");
}

#[test]
fn invalid_definitions_say_what_is_wrong() {
    for (name, text) in definitions("invalid") {
        let findings = match read(&format!("{name}.toml"), &text) {
            Ok(_) => panic!("{name}.toml has no finding"),
            Err(findings) => findings,
        };
        insta::assert_snapshot!(name, findings.render(false));
    }
}

#[test]
fn findings_are_told_to_machines_too() {
    let text = "kind = 'export'\nsql = 'select 1'\n\n[output]\nformat = 'csv'\npaht = 'a.csv'\n";
    let findings = read("p.toml", text).expect_err("two findings");
    insta::assert_snapshot!("machine", format!("{:#}", findings.to_json()));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let findings = read("p.toml", "kind = 'exprt'").expect_err("findings");
    let plain = findings.render(false);
    let coloured = findings.render(true);
    let escapes = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("a pattern");
    assert_ne!(plain, coloured);
    assert_eq!(escapes.replace_all(&coloured, ""), plain);
}

/// Puts `value` at a place of the tree that `at` chooses, or takes away what is there.
fn mutate(tree: &mut serde_json::Value, at: &mut usize, value: &Option<serde_json::Value>) {
    use serde_json::Value::{Array, Object};
    let children: Vec<&mut serde_json::Value> = match tree {
        Object(members) => {
            if let (None, Some(key)) = (value, members.keys().nth(*at).cloned()) {
                members.shift_remove(&key);
                *at = usize::MAX;
                return;
            }
            members.values_mut().collect()
        }
        Array(elements) => elements.iter_mut().collect(),
        _ => return,
    };
    for child in children {
        match (*at, value) {
            (usize::MAX, _) => return,
            (0, Some(value)) => {
                *child = value.clone();
                *at = usize::MAX;
                return;
            }
            (0, None) => {}
            _ => *at -= 1,
        }
        mutate(child, at, value);
    }
}

fn any_value() -> impl Strategy<Value = Option<serde_json::Value>> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-3i64..300).prop_map(Value::from),
        Just(json!(1.5)),
        "[a-z%(\\[{$é\" ]{0,6}".prop_map(Value::from),
        Just(json!("trim")),
        Just(json!("mirror")),
        Just(json!("geojson")),
    ];
    let table_key = prop_oneof!["[a-z]{1,4}", Just("from".to_owned()), Just("csv".to_owned())];
    let any_value = leaf.prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(table_key.clone(), inner, 0..3)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    });
    prop::option::of(any_value)
}

proptest! {
    /// The schema lets nothing through that is no definition: a finding without a place
    /// (`definition.shape`) would say so. Whatever is found can be shown.
    #[test]
    fn whatever_is_changed_is_found_with_its_place(at in 0usize..260, value in any_value()) {
        for (name, text) in definitions("valid") {
            let table: toml::Table = toml::from_str(&text).expect("a valid definition");
            let mut tree = serde_json::to_value(table).expect("JSON");
            mutate(&mut tree, &mut at.clone(), &value);
            let changed = toml::to_string(&tree).expect("TOML");
            if let Err(findings) = read(&name, &changed) {
                let shapeless = findings.list.iter().any(|found| found.code == "definition.shape");
                prop_assert!(!shapeless, "{}\n{}", findings.render(false), changed);
                prop_assert!(!findings.render(true).is_empty());
            }
        }
    }

    #[test]
    fn broken_text_never_stops_the_reader(from in 0usize..2000, length in 0usize..40, with in "[\\[\\]{}=\"'#\n,é\\\\a]{0,4}") {
        for (name, text) in definitions("valid") {
            let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (start, end) = (boundary(from), boundary(from + length));
            let broken = format!("{}{with}{}", &text[..start], &text[end..]);
            if let Err(findings) = read(&name, &broken) {
                prop_assert!(!findings.render(false).is_empty());
                prop_assert!(findings.to_json().is_array());
            }
        }
    }
}
