//! Where the files of an export go: the definition's path with values in place of `{name}`.
//!
//! Values given with `--set` are put in first and have to be names of files as they are.
//! Values of the rows' groups are made safe: nothing in the data leads to another folder.

use sha2::{Digest, Sha256};

use super::{manifest::hex, query::parameter};
use crate::{
    definition::{OutputDefinition, PART, RUN},
    error::{Error, Result},
    run_id::RunId,
};

/// Characters of a value in the name of a file; names have 255 bytes at most.
const NAME_CHARACTERS_MAX: usize = 60;
/// Hex digits that tell names apart.
const TOLD_APART_DIGITS: usize = 8;
/// Names that Windows keeps for devices.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// A path in which only the values of groups, and the number of the file, are left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPattern {
    pieces: Vec<PathPiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathPiece {
    Text(String),
    /// The value of one of the grouping columns.
    Group(usize),
    Part,
}

impl PathPattern {
    /// Puts the values of `--set` into the definition's path.
    pub(super) fn fill(
        output: &OutputDefinition,
        parameters: &[(String, String)],
        run: &RunId,
    ) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut rest = output.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else {
                return Err(Error::definition("the output path has a `{` without `}`"));
            };
            pieces.push(PathPiece::Text(before.to_owned()));
            let group = output.group_by.iter().position(|column| column == name);
            pieces.push(match group {
                Some(group) => PathPiece::Group(group),
                None if name == PART && output.rows_per_file.is_some() => PathPiece::Part,
                None if name == "format" => PathPiece::Text(output.format.word().to_owned()),
                None if name == RUN => PathPiece::Text(run.as_str().to_lowercase()),
                None => {
                    let begins = pieces.iter().rev().find_map(|piece| match piece {
                        PathPiece::Text(text) => text.chars().next_back().map(|last| last == '/'),
                        PathPiece::Group(_) | PathPiece::Part => Some(false),
                    });
                    PathPiece::Text(given(name, parameters, begins.unwrap_or(true))?)
                }
            });
            rest = tail;
        }
        pieces.push(PathPiece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }

    /// The path of a file: the names of its group, and its number.
    pub(super) fn path(&self, names: &[String], part: u64) -> String {
        let piece = |piece: &PathPiece| match piece {
            PathPiece::Text(text) => text.clone(),
            PathPiece::Group(group) => names.get(*group).cloned().unwrap_or_default(),
            PathPiece::Part => format!("{part:04}"),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The pattern for people, with what is left open in braces.
    pub(super) fn shown(&self, groups: &[String]) -> String {
        let piece = |piece: &PathPiece| match piece {
            PathPiece::Text(text) => text.clone(),
            PathPiece::Group(at) => {
                format!("{{{}}}", groups.get(*at).map_or("", String::as_str))
            }
            PathPiece::Part => format!("{{{PART}}}"),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The path of the manifest: beside the file, or for several files in the last folder they
    /// share, named as the pattern is.
    pub(super) fn manifest(&self, output: &OutputDefinition) -> String {
        let is_open = |piece: &PathPiece| !matches!(piece, PathPiece::Text(_));
        let first_open = self.pieces.iter().position(is_open);
        let shared = match first_open {
            None => return format!("{}.manifest.json", self.path(&[], 1)),
            Some(at) => Self { pieces: self.pieces[..at].to_vec() }.path(&[], 1),
        };
        let folder = shared.rfind('/').map_or(0, |slash| slash + 1);
        let names: Vec<String> = output.group_by.clone();
        let named = Self {
            pieces: self
                .pieces
                .iter()
                .map(|piece| match piece {
                    PathPiece::Part => PathPiece::Text(PART.to_owned()),
                    other => other.clone(),
                })
                .collect(),
        };
        let whole = named.path(&names, 1);
        let (folder, name) = whole.split_at(folder);
        format!("{folder}{}.manifest.json", name.replace('/', "-"))
    }
}

/// A value given with `--set`; it may not lead to another folder, nor to a device.
fn given(name: &str, parameters: &[(String, String)], begins_name: bool) -> Result<String> {
    let value = parameter(name, parameters)?;
    let why = if value.is_empty() {
        "it is empty"
    } else if value.contains(['/', '\\']) || value.contains(char::is_control) {
        "leave out slashes, line breaks and other control characters"
    } else if value.starts_with('.') || (begins_name && value.starts_with('-')) {
        "leave out dots and dashes at its start"
    } else if begins_name && is_device(value) {
        "Windows keeps this name for a device"
    } else {
        return Ok(value.to_owned());
    };
    let what = format!("the value of `{name}` cannot be part of a file name");
    Err(Error::definition(what).hint(why))
}

/// Names that Windows keeps for devices, whatever ending follows.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let is = |device: &&str| stem.eq_ignore_ascii_case(device);
    let numbered = |port: &str| {
        let number = stem.get(..3).filter(|start| start.eq_ignore_ascii_case(port));
        number.is_some() && matches!(stem.as_bytes(), [_, _, _, b'1'..=b'9'])
    };
    DEVICES.iter().any(is) || numbered("COM") || numbered("LPT")
}

/// A value as part of a file's name: letters, digits, `-`, `_`, and dots inside. Where that
/// changes it, or where `told_apart` says so, a hash of the value follows; before it there are
/// at most so many bytes.
pub(super) fn safe_name(value: Option<&str>, told_apart: bool, bytes_max: usize) -> String {
    let text = value.unwrap_or("_null");
    let text = if text.is_empty() { "_empty" } else { text };
    let is_safe = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut name: String =
        text.chars().map(|c| if is_safe(c) { c } else { '_' }).take(NAME_CHARACTERS_MAX).collect();
    name.truncate(name.floor_char_boundary(bytes_max));
    if name.starts_with(['.', '-']) {
        name.insert(0, '_');
    }
    while name.ends_with('.') {
        name.pop();
    }
    if told_apart || is_device(&name) || name != value.unwrap_or_default() {
        let hash = hex(&Sha256::digest(value.unwrap_or("\0").as_bytes()));
        // In front of an ending: `con-6e1a.txt` is no device.
        let stem = if is_device(&name) { name.find('.').unwrap_or(name.len()) } else { name.len() };
        name.insert_str(stem, &format!("-{}", &hash[..TOLD_APART_DIGITS]));
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pattern(path: &str, value: &str) -> Result<(PathPattern, OutputDefinition)> {
        let output =
            json!({ "format": "jsonl", "path": path, "group_by": ["class"], "rows_per_file": 9 });
        let output: OutputDefinition = serde_json::from_value(output).expect("an output");
        let year = [("year".to_owned(), value.to_owned())];
        let pattern = PathPattern::fill(&output, &year, &RunId::generate())?;
        Ok((pattern, output))
    }

    #[test]
    fn a_value_cannot_lead_out_of_the_folder() {
        let (filled, _) = pattern("out/{year}.{format}.gz", "2024").expect("filled");
        assert_eq!(filled.path(&[], 1), "out/2024.jsonl.gz");
        for value in ["../x", "/etc/x", ".x", "", "a\nb", "-x", "con", "LPT1"] {
            assert!(pattern("out/{year}.csv", value).is_err(), "{value}");
        }
        let (inside, _) = pattern("out/list{year}.csv", "-2024").expect("filled");
        assert_eq!(inside.path(&[], 1), "out/list-2024.csv", "it does not begin with it");
        assert!(pattern("out/{year.csv", "2024").is_err());
        let (kept, _) = pattern("out/{year}.csv", "{class}").expect("filled");
        assert_eq!(kept.path(&["5A".to_owned()], 1), "out/{class}.csv", "a value is no pattern");
    }

    #[test]
    fn files_of_groups_are_numbered_and_have_one_manifest() {
        let (filled, output) =
            pattern("out/{year}/{class}/list-{part}.csv", "2024").expect("filled");
        assert_eq!(filled.path(&["5A".to_owned()], 12), "out/2024/5A/list-0012.csv");
        assert_eq!(filled.manifest(&output), "out/2024/class-list-part.csv.manifest.json");
        let (single, output) = pattern("out/{year}.csv", "2024").expect("filled");
        assert_eq!(single.manifest(&output), "out/2024.csv.manifest.json");
    }

    #[test]
    fn names_are_safe_and_different_values_have_different_ones() {
        assert_eq!(safe_name(Some("5.ª-A"), false, 255), "5.ª-A");
        let values = [
            Some("../../etc/passwd"),
            Some(".."),
            Some("."),
            Some("a/b"),
            Some("a\\b"),
            Some("a b"),
            Some("a_b"),
            Some(""),
            None,
            Some("_null"),
            Some("_empty"),
            Some("nul"),
            Some("LPT1"),
            Some("con.txt"),
            Some("com0"),
            Some("-rf"),
            Some("a\0b"),
            Some("é\n"),
        ];
        let names: Vec<String> = values.iter().map(|value| safe_name(*value, false, 255)).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!name.contains(['/', '\\', '\0', '\n', ' ']), "{name}");
            assert!(!name.starts_with(['.', '-']) && !name.is_empty(), "{name}");
            assert!(!is_device(name), "{name}");
            assert!(!names[..at].contains(name), "{name} twice");
        }
        assert!(safe_name(Some(&"é".repeat(500)), false, 255).len() < 200);
        assert!(safe_name(Some(&"ក".repeat(60)), false, 100).len() <= 110);
        assert_ne!(safe_name(Some("a"), true, 255), safe_name(Some("A"), true, 255));
    }
}
