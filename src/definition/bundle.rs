//! `[bundle]` and `[[file]]`: a delivery of several files, loaded as one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use validator::Validate;

use super::SourceDefinition;

/// A delivery of several files that are published together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct BundleDefinition {
    /// The delivery: a zip archive or a folder; a glob has to match exactly one. Relative
    /// paths start where the command is run.
    #[validate(length(min = 1, message = "the path is empty"))]
    pub path: String,
    /// What says which files a delivery holds; `files` unless given.
    #[serde(default)]
    pub kind: BundleKind,
    /// What happens when a delivery holds a file that nobody asks for; `warn` unless given.
    #[serde(default = "warn")]
    pub unknown: Unexpected,
    /// OneRoster: what happens when a file is there that the manifest declares absent;
    /// `refuse` unless given. It is not read in either case.
    #[serde(default = "refuse")]
    pub declared_absent: Unexpected,
}

/// What says which files a delivery holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BundleKind {
    /// The pipeline: every file that is not `optional` has to be there.
    #[default]
    Files,
    /// The delivery's `manifest.csv`, as OneRoster 1.1 and 1.2 have it: each file is bulk, delta
    /// or absent.
    Oneroster,
}

/// What happens when a delivery holds a file that it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unexpected {
    /// Nothing is loaded.
    Refuse,
    /// The summary says so; the file is not read.
    Warn,
}

fn warn() -> Unexpected {
    Unexpected::Warn
}

fn refuse() -> Unexpected {
    Unexpected::Refuse
}

/// One file of a bundle, and how it is read.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = without_path)]
pub struct FileDefinition {
    /// What targets call it in `from`: letters, digits, `_` and `-`. Its member is `NAME.csv`
    /// unless `member` says otherwise.
    pub name: String,
    /// Whether a delivery may lack it; its targets are left as they are then.
    #[serde(default)]
    pub optional: bool,
    /// How it is read; where it stands, the bundle says.
    #[serde(flatten)]
    pub source: SourceDefinition,
}

impl FileDefinition {
    /// The member it is, as a name or a glob, below the delivery's own top folder.
    pub fn member(&self) -> String {
        self.source.member.clone().unwrap_or_else(|| format!("{}.csv", self.name))
    }
}

/// A file of a bundle stands where the bundle does, and is CSV unless it says otherwise.
fn without_path(schema: &mut schemars::Schema) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.shift_remove("path");
    }
    schema.insert("required".to_owned(), serde_json::json!(["name"]));
}
