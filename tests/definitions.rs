//! Definitions on disk: the valid ones are read, the invalid ones say exactly what their
//! snapshot says. A new kind of finding is one file here and one accepted snapshot.

use std::{fs, path::PathBuf};

use longshore::definition::read;

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
