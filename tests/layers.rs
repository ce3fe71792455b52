//! The shape of the source: who may import whom, and how long a file may be.
//!
//! The layers are those of `src/lib.rs` and ARCHITECTURE.md. A file imports
//! from its own folder and from layers before its own; the folders of one
//! layer do not know each other.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Modules in layers, the lowest first; modules of one layer do not know each other.
const LAYERS: &[&[&str]] = &[
    &["error", "value", "schema", "run_id", "panics"],
    &["diagnostic", "outcome", "private_file", "failpoint"],
    &["batch"],
    &["definition"],
    &["load"],
    &["source", "transform", "copy"],
    &["plan"],
    &["postgres"],
    &["report"],
    &["run"],
    &["export"],
    &["generate"],
    &["cli"],
];

/// House rule: a longer file is two.
const FILE_LINES_MAX: usize = 500;

#[test]
fn files_import_only_from_layers_below() {
    let mut wrong = Vec::new();
    for path in source_files() {
        let module = module_of(&path);
        let Some(layer) = layer_of(&module) else {
            assert!(
                ["lib", "main"].contains(&module.as_str()),
                "`{module}` has no layer: add it to LAYERS"
            );
            continue;
        };
        for imported in imports(&read(&path)) {
            let below = layer_of(&imported).is_some_and(|of| of < layer);
            if imported != module && !below {
                wrong.push(format!("{} imports crate::{imported}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the layers:\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = source_files()
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|(path, lines)| *lines > FILE_LINES_MAX && !is_table(path))
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "above {FILE_LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn every_layer_is_a_module_of_the_library() {
    let library = read(&root().join("src/lib.rs"));
    for module in LAYERS.iter().copied().flatten() {
        assert!(library.contains(&format!("mod {module};")), "src/lib.rs lacks {module}");
    }
}

#[test]
fn imports_are_seen_in_groups_and_paths() {
    let text = "use crate::{\n    a::{b, c},\n    d,\n};\nfn f() { crate::e::g(); } // crate::h\n";
    let expected: BTreeSet<String> = ["a", "d", "e"].map(str::to_owned).into();
    assert_eq!(imports(text), expected);
}

/// Tables that a machine reads better than a person, one entry a line.
fn is_table(path: &Path) -> bool {
    path.ends_with("transform/steps/unaccent_rules.rs")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn source_files() -> Vec<PathBuf> {
    let pattern = root().join("src/**/*.rs");
    glob::glob(&pattern.to_string_lossy())
        .expect("a pattern")
        .map(|path| path.expect("readable"))
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("source files are text")
}

fn module_of(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).expect("below src").with_extension("");
    let first = below.components().next().expect("a name");
    first.as_os_str().to_string_lossy().into_owned()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The first names after `crate::`, also in braces; comments do not count.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n")
        .collect();
    let mut found = BTreeSet::new();
    for (at, marker) in code.match_indices("crate::") {
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(names_in_group(group)),
            None => found.extend(leading_name(rest)),
        }
    }
    found
}

fn names_in_group(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0_i32, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.extend(leading_name(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.extend(leading_name(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// A module's name; types and macros at the crate's root are none.
fn leading_name(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let name = &text[..end];
    name.starts_with(|c: char| c.is_ascii_lowercase()).then(|| name.to_owned())
}
