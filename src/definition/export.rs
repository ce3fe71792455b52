//! `kind = "export"`: a query, and the file its rows are written to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// Writes the result of a query to a file.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ExportDefinition {
    /// `export`.
    pub kind: ExportKind,
    /// What this pipeline is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The query; `:name` stands for a value given with `--set name=value`.
    #[validate(length(min = 1, message = "the query is empty"))]
    pub sql: String,
    /// The file written.
    #[validate(nested)]
    pub output: OutputDefinition,
}

/// The word for an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportKind {
    /// A query into a file.
    Export,
}

/// The file an export writes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct OutputDefinition {
    /// How rows are written.
    pub format: OutputFormat,
    /// Where to; `{name}` stands for a value given with `--set name=value`. Names that end in
    /// `.gz` or `.zst` are compressed.
    #[validate(length(min = 1, message = "the path is empty"))]
    pub path: String,
    /// Between fields; `,` unless given.
    #[serde(default)]
    #[validate(length(equal = 1, message = "the delimiter is one character"))]
    pub delimiter: Option<String>,
    /// Text that stands for NULL; empty unless given.
    #[serde(default)]
    pub null: String,
    /// Whether the first line names the columns.
    #[serde(default = "yes")]
    pub header: bool,
}

fn yes() -> bool {
    true
}

/// The formats an export writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Comma-separated values.
    Csv,
}
