//! `kind = "export"`: a query, and the file its rows are written to.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// Stands in a path for the number of a file, with `rows_per_file`.
pub const PART: &str = "part";

/// Stands in a path for the name of the run.
pub const RUN: &str = "run";

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
    /// Whether the query orders its rows; `false` says that any order will do.
    #[serde(default = "yes")]
    pub order: bool,
    /// Who the file is for, one of the names under `sensitive.COLUMN.roles`.
    #[serde(default)]
    pub role: Option<String>,
    /// Columns with personal values, and what becomes of them.
    #[serde(default)]
    pub sensitive: IndexMap<String, SensitiveColumn>,
    /// The file with the key of hashes; else the variable `LONGSHORE_HASH_KEY` holds the key.
    #[serde(default)]
    pub hash_key_file: Option<String>,
    /// Reads from a standby, and how far behind it may be.
    #[serde(default)]
    pub replica: Option<ReplicaDefinition>,
    /// Writes only rows that changed since the last run.
    #[serde(default)]
    pub incremental: Option<IncrementalDefinition>,
    /// Deletes the rows from their table once they are in the file.
    #[serde(default)]
    pub archive: Option<ArchiveDefinition>,
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

/// A standby that an export reads from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplicaDefinition {
    /// The variable that holds its URL; unless given, `--database` is read from, which may be one.
    pub env: Option<String>,
    /// How old its rows may be at most: `"30s"`, `"5min"`, `"1h"`; any age unless given.
    #[schemars(regex(pattern = r"^\d{1,5}(s|min|h)$"))]
    pub max_lag: Option<String>,
}

impl ReplicaDefinition {
    /// The greatest lag in seconds.
    pub fn max_lag_seconds(&self) -> Option<u32> {
        let text = self.max_lag.as_deref()?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "min" => 60,
            _ => 3600,
        };
        digits.parse().ok().map(|count: u32| count.saturating_mul(unit))
    }
}

/// What is deleted once it is in the file.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveDefinition {
    /// The table; every column of it is among those written.
    pub table: String,
    /// The columns that say which row is which: a primary key or unique constraint of the table.
    #[schemars(length(min = 1))]
    pub key: Vec<String>,
    /// Rows deleted by one run: a count, or a share of the table's; above it nothing is written
    /// or deleted, exit 3. `"5%"` unless given.
    #[serde(default)]
    pub limit: Option<super::Limit>,
}

/// Which rows count as changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncrementalDefinition {
    /// The column of the query that says when a row was written last, by the server's clock
    /// (`timestamptz`).
    pub column: String,
    /// The column of the query that is NULL as long as a row is not deleted.
    #[serde(default)]
    pub deleted: Option<String>,
    /// The columns of the query that say which row is which: a second file lists by them the rows
    /// that are gone since the last run.
    #[serde(default)]
    pub key: Vec<String>,
}

/// What becomes of a column with personal values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SensitiveColumn {
    /// What becomes of it for every role that is not named; left out unless given.
    pub treatment: Treatment,
    /// What becomes of it by role.
    pub roles: IndexMap<String, Treatment>,
}

/// What becomes of sensitive values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// The column is left out.
    #[default]
    Omit,
    /// `***` stands in place of every value, and of NULL.
    Mask,
    /// HMAC-SHA256 of the value's text, in hex; NULL stays NULL.
    Hash,
    /// The values are written.
    Show,
}

/// The file an export writes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct OutputDefinition {
    /// How rows are written.
    pub format: OutputFormat,
    /// Where to; `{name}` stands for a value given with `--set name=value`, `{format}` for
    /// the word under `format`. Names that end in `.gz`, `.zst` or `.zip` are compressed.
    #[validate(length(min = 1, message = "the path is empty"))]
    pub path: String,
    /// One file for each combination of values in these columns, by which the query orders its
    /// rows first; `{column}` stands for the value in the path.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// Rows of a file, without the header; the next file begins above it, and `{part}` in the
    /// path is its number.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub rows_per_file: Option<u64>,
    /// The columns written, in this order; all, as the query gives them, unless given.
    #[serde(default)]
    pub columns: Vec<String>,
    /// What the header calls columns, where that is not their own name.
    #[serde(default)]
    pub labels: IndexMap<String, String>,
    /// CSV: between fields; `,` unless given.
    #[serde(default)]
    #[validate(length(equal = 1, message = "the delimiter is one character"))]
    pub delimiter: Option<String>,
    /// CSV: which fields stand in quotes; those that have to unless given.
    #[serde(default)]
    pub quoting: Quoting,
    /// CSV: `utf-8` (unless given), `utf-8-bom` with a byte order mark, or `windows-1252`.
    #[serde(default)]
    pub encoding: Option<String>,
    /// CSV: what becomes of a character that the encoding does not have; an error unless given.
    #[serde(default)]
    pub unencodable: Unencodable,
    /// CSV: what ends a line; `lf` unless given.
    #[serde(default)]
    pub line_end: LineEnd,
    /// CSV: text that stands for NULL; empty unless given.
    #[serde(default)]
    pub null: String,
    /// CSV: whether the first line names the columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// CSV: writes text as it is, also where a spreadsheet would run it as a formula.
    #[serde(default)]
    pub raw: bool,
    /// CSV: the mark before decimals; `.` unless given.
    #[serde(default)]
    pub decimal_mark: Option<String>,
    /// CSV: the mark between groups of three digits; none unless given.
    #[serde(default)]
    pub group_mark: Option<String>,
    /// CSV: digits behind the mark of decimal and floating-point numbers, rounded half away from
    /// zero; as many as the value has unless given.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub decimals: Option<u8>,
    /// CSV: how dates are written, in strftime's words; `2024-02-29` unless given.
    #[serde(default)]
    pub date_format: Option<String>,
    /// CSV: how dates with a time are written, in strftime's words; `2024-02-29 13:45:00` unless given.
    #[serde(default)]
    pub timestamp_format: Option<String>,
    /// The time zone that points in time are written in; `UTC` unless given.
    #[serde(default)]
    pub zone: Option<String>,
    /// CSV: the word for true; `true` unless given.
    #[serde(default)]
    pub true_word: Option<String>,
    /// CSV: the word for false; `false` unless given.
    #[serde(default)]
    pub false_word: Option<String>,
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
    /// An Excel workbook with one sheet.
    Xlsx,
    /// A GeoJSON FeatureCollection, in longitude and latitude.
    Geojson,
    /// A JSON object a line.
    Jsonl,
}

/// Which fields stand in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quoting {
    /// Those that could not be read back otherwise.
    #[default]
    Minimal,
    /// All that hold a value; NULL stands without.
    All,
    /// All but numbers, truth values, dates and times.
    Text,
}

/// What becomes of a character that the encoding does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unencodable {
    /// The export ends with an error that names row and column.
    #[default]
    Error,
    /// A question mark stands in its place.
    Replace,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// A line feed.
    #[default]
    Lf,
    /// A carriage return and a line feed.
    Crlf,
}

impl OutputFormat {
    /// The word for it, which is also how files of it end.
    pub fn word(self) -> &'static str {
        match self {
            OutputFormat::Csv => "csv",
            OutputFormat::Xlsx => "xlsx",
            OutputFormat::Geojson => "geojson",
            OutputFormat::Jsonl => "jsonl",
        }
    }
}

impl ExportDefinition {
    /// What becomes of a column for the export's role; other columns are shown.
    pub fn treatment(&self, column: &str) -> Treatment {
        let Some(sensitive) = self.sensitive.get(column) else { return Treatment::Show };
        let of_role = self.role.as_ref().and_then(|role| sensitive.roles.get(role));
        of_role.copied().unwrap_or(sensitive.treatment)
    }

    /// The names that `--set` gives values to, in the query and in the path.
    pub fn parameter_names(&self) -> Vec<&str> {
        let mut names = super::query::parameter_names(&self.sql);
        let in_path = self.output.path.split('{').skip(1);
        for name in in_path.filter_map(|after| after.split_once('}')).map(|(name, _)| name) {
            let of_rows = self.output.group_by.iter().any(|column| column == name)
                || (name == PART && self.output.rows_per_file.is_some());
            if name != "format" && name != RUN && !of_rows && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
