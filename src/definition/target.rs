//! `[[target]]`: a table, its columns, their steps and rules.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::{
    AbsentRule, AreaDefinition, FieldRef, GapDefinition, HistoryDefinition, InsideDefinition,
    LookupAlternative, MatchValue, OperationDefinition, OverlapDefinition, PartitionsDefinition,
    Policy, TotalDefinition, UnpivotDefinition,
};

/// A table and how its rows are made.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TargetDefinition {
    /// The table, with its schema: `school.student`.
    #[validate(length(min = 1, message = "the table has no name"))]
    pub table: String,
    /// Bundles: the name of the `[[file]]` whose records it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What happens to rows that are there already.
    pub mode: WriteMode,
    /// The columns that say which row is which; every mode but `append` and `replace` needs them.
    #[serde(default)]
    pub key: Vec<String>,
    /// Mirror, manifest: deletes only rows that share these columns' values with the file.
    #[serde(default)]
    pub scope: Vec<String>,
    /// Mirror: absent rows stay, and a column says that they are deleted.
    #[serde(default)]
    pub soft_delete: Option<SoftDeleteDefinition>,
    /// History: which columns say when a version is valid.
    #[serde(default)]
    #[validate(nested)]
    pub history: Option<HistoryDefinition>,
    /// Upsert, manifest: a field that says of each record whether its row is written or deleted.
    #[serde(default)]
    #[validate(nested)]
    pub operation: Option<OperationDefinition>,
    /// Which of several records with the same key is loaded; unless given, all copies of
    /// one record count as one, and records that differ are all rejected. With `operation`
    /// it is the last unless given.
    #[serde(default)]
    pub duplicates: Option<Duplicates>,
    /// Whether many records share a row, as pupils share a course: those that agree on it are
    /// merged and no duplicates.
    #[serde(default)]
    pub shared: bool,
    /// What is left out where a lookup finds no row, or several: the record, unless given.
    #[serde(default)]
    pub unresolved: UnresolvedRule,
    /// Rules on source fields; a record that breaks one is left out and counted as filtered.
    #[serde(default)]
    pub when: IndexMap<String, Rules>,
    /// Range-partitioned tables: makes the partitions that rows need and that are missing.
    #[serde(default)]
    pub partitions: Option<PartitionsDefinition>,
    /// Wide to long: each record gives a row for each of several source columns.
    #[serde(default)]
    #[validate(nested)]
    pub unpivot: Option<UnpivotDefinition>,
    /// The table's columns.
    #[validate(length(min = 1, message = "the target has no columns"))]
    #[schemars(extend("minProperties" = 1))]
    pub columns: IndexMap<String, ColumnDefinition>,
    /// SQL conditions over the staged row; where one is false the record is rejected, or warned of.
    #[serde(default)]
    #[validate(nested)]
    pub check: Vec<CheckDefinition>,
    /// No two rows overlap by more than a tolerance.
    #[serde(default)]
    #[validate(nested)]
    pub overlap: Vec<OverlapDefinition>,
    /// Rows leave no gap between them.
    #[serde(default)]
    #[validate(nested)]
    pub gap: Vec<GapDefinition>,
    /// The declared area is about the outline's.
    #[serde(default)]
    #[validate(nested)]
    pub area: Vec<AreaDefinition>,
    /// What rows with something in common sum to.
    #[serde(default)]
    #[validate(nested)]
    pub total: Vec<TotalDefinition>,
    /// Rows lie inside the row of another table that they refer to.
    #[serde(default)]
    #[validate(nested)]
    pub inside: Vec<InsideDefinition>,
}

/// What is left out where a lookup finds no row, or several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnresolvedRule {
    /// The record, of all targets.
    #[default]
    RejectRecord,
    /// Its row in this target; the others are loaded.
    RejectRow,
}

/// What happens to rows that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// Adds every record.
    Append,
    /// Adds records whose key is new, leaves the others as they are.
    Insert,
    /// Adds new keys and updates rows that differ.
    Upsert,
    /// As upsert, and deletes rows whose key is absent.
    Mirror,
    /// Afterwards the table holds exactly the records, with a key or without.
    Replace,
    /// Keeps every version of a row, with the time it was valid (`[target.history]`).
    History,
    /// OneRoster bundles: as the manifest says of the file. `mirror` for bulk, `upsert` with
    /// `operation` for delta, and nothing at all where it is absent.
    Manifest,
}

impl TargetDefinition {
    /// Whether rows that the files do not have are deleted, or end.
    pub fn deletes(&self) -> bool {
        let closes = |history: &HistoryDefinition| history.absent == AbsentRule::Close;
        matches!(self.mode, WriteMode::Mirror | WriteMode::Replace | WriteMode::Manifest)
            || self.history.as_ref().is_some_and(closes)
    }
}

/// `{ column = "deleted_at", value = "now" }`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SoftDeleteDefinition {
    /// The column that says it; not among the target's columns.
    pub column: String,
    /// What it says of a deleted row; `"now"` for the moment, where it is a date or time.
    pub value: Scalar,
    /// What it says of the others; the opposite of a truth, else NULL, unless given.
    #[serde(default)]
    pub present: Option<Scalar>,
}

/// Which of several records with the same key is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Duplicates {
    /// By source order, or none of them.
    Keep(KeepRule),
    /// The one with the greatest value in a column; NULL is least, the later record wins a tie.
    Max(MaxRule),
}

/// `{ keep = "last" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepRule {
    /// Which one.
    pub keep: Keep,
}

/// `{ max = "updated_at" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaxRule {
    /// The target column compared.
    pub max: String,
}

/// Which record of a key is kept, by source order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first one.
    First,
    /// The last one.
    Last,
    /// None: all of them are rejected.
    Reject,
}

/// An SQL condition over the staged row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct CheckDefinition {
    /// The condition, over the target's columns; NULL passes, as in a CHECK constraint.
    #[validate(length(min = 1, message = "the condition is empty"))]
    pub sql: String,
    /// What is reported for a record that fails; the SQL unless given.
    #[serde(default)]
    pub message: Option<String>,
    /// Whether the record is rejected or warned of; rejected unless given.
    #[serde(default)]
    pub policy: Policy,
}

/// Where one column's values come from and what they must be.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnDefinition {
    /// The source field, by name or number; several are joined (or are x and y of a point).
    pub from: Option<FromFields>,
    /// Other names the field may have.
    pub aliases: Vec<String>,
    /// Whether the field may be missing from the source altogether; it is NULL then.
    pub optional: bool,
    /// A constant.
    pub value: Option<Scalar>,
    /// SQL over the staged row's other columns.
    pub sql: Option<String>,
    /// The table, with its schema, that has the value: in the row that `match` finds.
    pub lookup: Option<String>,
    /// Lookup: its columns, and what of the record they must equal.
    #[serde(rename = "match")]
    pub matching: IndexMap<String, MatchValue>,
    /// Lookup: the column of the row found that is the value.
    pub take: Option<String>,
    /// Lookup: other ways to find the row, tried in this order where the one before finds none.
    pub or: Vec<LookupAlternative>,
    /// Every source field that nothing else used, as one JSON object.
    pub rest: bool,
    /// Between the fields when several are joined; a space unless given. NULL ones are left out.
    pub join: Option<String>,
    /// Words that mean NULL here, in place of the source's.
    pub null: Option<Vec<String>>,
    /// Transformations of the text, in order, before it is typed.
    pub steps: Vec<Step>,
    /// Codes and what they stand for, applied after the steps; other values are rejected.
    pub map: Option<CodeList>,
    /// The value where there is none.
    pub default: Option<Scalar>,
    /// How dates and times are written, in strftime's words: `%d/%m/%Y`.
    pub format: Option<String>,
    /// The time zone of times without one, for `timestamptz`: `Europe/Lisbon`.
    pub zone: Option<String>,
    /// The mark before decimals, in place of the source's.
    pub decimal_mark: Option<String>,
    /// The mark between groups of digits, in place of the source's; empty for none.
    pub group_mark: Option<String>,
    /// Words for true, in place of `true`, `t`, `yes`, `y`, `1` in any case.
    pub true_words: Vec<String>,
    /// Words for false, in place of `false`, `f`, `no`, `n`, `0` in any case.
    pub false_words: Vec<String>,
    /// Arrays: what stands between elements; without it PostgreSQL's `{a,b}` or a JSON array.
    pub separator: Option<String>,
    /// Geometries: the coordinate reference system they come in, in place of the source's.
    pub crs: Option<String>,
    /// Geometries: whether coordinates come as x, y or y, x; as the format says unless given.
    pub axis: Option<Axis>,
    /// Geometries: what happens to invalid ones; rejected unless given.
    pub invalid: Option<InvalidGeometry>,
    /// Geometries: smallest x and y, greatest x and y, in the column's reference system.
    pub bounds: Option<[f64; 4]>,
    /// Geometries: the greatest change of area a repair may make, in percent; 1 unless given.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub repair_area_percent: Option<f64>,
    /// Geometries: `true` drops Z and M where the column has none; they are a rejection otherwise.
    pub force_2d: bool,
    /// Objects in jsonb: whether an update replaces the value, or adds its members to those that
    /// are there (`keys`); replaced unless given.
    pub merge: Option<MergeRule>,
    /// Whether values are personal: shown nowhere, not even as a shape.
    pub sensitive: bool,
    /// What values must be.
    #[serde(flatten)]
    pub rules: Rules,
}

/// What an update does to a value of jsonb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeRule {
    /// The new value takes the place of the old one.
    Replace,
    /// Members of the new object are added, and take the place of those with their names.
    Keys,
}

/// One field or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum FromFields {
    /// A single field.
    One(FieldRef),
    /// Several, joined in this order.
    Several(Vec<FieldRef>),
}

impl FromFields {
    /// The fields in order.
    pub fn fields(&self) -> &[FieldRef] {
        match self {
            FromFields::One(field) => std::slice::from_ref(field),
            FromFields::Several(fields) => fields,
        }
    }
}

/// A constant of TOML; dates are written as text.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true`
    Bool(bool),
    /// `12`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// `"text"`
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Bool(value) => value.fmt(f),
            Scalar::Int(value) => value.fmt(f),
            Scalar::Float(value) => value.fmt(f),
            Scalar::Text(value) => f.write_str(value),
        }
    }
}

/// Codes and what they stand for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CodeList {
    /// A CSV with a header.
    File(CodeListFile),
    /// `{ M = "male", F = "female" }`
    Inline(IndexMap<String, String>),
}

/// `{ csv = "codes.csv", from = "code", to = "label" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeListFile {
    /// The file, UTF-8 with commas; relative to the pipeline's own folder.
    pub csv: String,
    /// The column with the codes.
    pub from: String,
    /// The column with what they stand for.
    pub to: String,
}

/// The order of a pair of coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Easting or longitude first.
    Xy,
    /// Northing or latitude first.
    Yx,
}

/// What happens to an invalid geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvalidGeometry {
    /// The record is rejected.
    Reject,
    /// It is made valid and counted, with its change of area.
    Repair,
    /// It is loaded as it is and counted.
    Flag,
}

/// One transformation of a text: a name, or a table with one key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Blanks at both ends go.
    Trim,
    /// Runs of blanks become one space; those at the ends go.
    Collapse,
    /// Capital letters.
    Upper,
    /// Small letters.
    Lower,
    /// A capital at each word's start, small letters after it.
    Title,
    /// Letters without their accents, as PostgreSQL's `unaccent` does.
    Unaccent,
    /// Unicode's composed form (NFC).
    Nfc,
    /// `["from", "to"]`: every occurrence.
    Replace([String; 2]),
    /// `["pattern", "to"]`: every match; `$1` stands for a group.
    ReplaceRegex([String; 2]),
    /// `["/", 2]`: the second part of the text split at `/`; -1 is the last.
    Part(PartStep),
    /// `[8, "0"]`: to so many characters, from the left.
    PadLeft(PadStep),
    /// `[8, " "]`: to so many characters, on the right.
    PadRight(PadStep),
    /// This text goes from the start.
    StripPrefix(String),
    /// This text goes from the end.
    StripSuffix(String),
    /// This text comes before.
    Prepend(String),
    /// This text comes after.
    Append(String),
    /// These words become NULL.
    NullIf(Vec<String>),
}

/// `["/", 2]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct PartStep(
    /// What stands between parts.
    pub String,
    /// Which part, from 1; negative from the end.
    pub i64,
);

/// `[8, "0"]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct PadStep(
    /// How many characters the text has afterwards, at least.
    pub u32,
    /// The character added.
    pub String,
);

/// What a value must be; names follow the Frictionless Table Schema where it has them.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Rules {
    /// Not NULL.
    pub required: bool,
    /// No two records of the run share it.
    pub unique: bool,
    /// One of these.
    #[serde(rename = "enum")]
    pub one_of: Option<Vec<Scalar>>,
    /// A regular expression that the whole value matches.
    pub pattern: Option<String>,
    /// At least this; `"today"` for dates.
    pub minimum: Option<Scalar>,
    /// At most this; `"today"` for dates.
    pub maximum: Option<Scalar>,
    /// At least so many characters.
    pub min_length: Option<u32>,
    /// At most so many characters.
    pub max_length: Option<u32>,
    /// An e-mail address.
    pub email: bool,
    /// A URL.
    pub url: bool,
    /// An IP address.
    pub ip: bool,
    /// A phone number in E.164: `+` and 8 to 15 digits.
    pub phone: bool,
}
