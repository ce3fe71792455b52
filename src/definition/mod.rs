//! The pipeline as written: the TOML, typed, before anything is resolved.
//!
//! These structures are the single source for three things: what is accepted,
//! the JSON Schema that editors complete from, and the check that reports all
//! findings at once (`document` walks the schema over the TOML with spans).
//! Nothing here has looked at a file or a database; a `Plan` has.

mod after;
mod bundle;
mod check;
mod document;
mod export;
mod history;
mod lookup;
mod operation;
mod partitions;
pub(crate) mod query;
mod read;
mod render;
mod schema;
mod set_rule;
mod source;
mod table_name;
mod target;
mod tenant;
mod undo;
mod unpivot;
mod validation;
mod walk;

pub use after::{AfterDefinition, AnalyzeRule, LogDefinition};
pub use bundle::{BundleDefinition, BundleKind, FileDefinition, Unexpected};
pub use document::Document;
pub use export::{
    ArchiveDefinition, ExportDefinition, ExportKind, IncrementalDefinition, LineEnd,
    OutputDefinition, OutputFormat, PART, Quoting, RUN, ReplicaDefinition, SensitiveColumn,
    Treatment, Unencodable,
};
pub use history::{AbsentRule, HistoryDefinition};
pub use lookup::{LookupAlternative, LookupWay, MatchValue};
pub use operation::OperationDefinition;
pub use partitions::{PartitionsDefinition, Period};
pub use read::{Findings, ReadDefinition, read};
pub use render::{render, to_json};
pub use schema::json_schema;
pub use set_rule::{
    AreaDefinition, GapDefinition, InsideDefinition, OverlapDefinition, Policy, TotalDefinition,
};
pub use source::{FieldRef, Format, HeaderRow, SheetRef, SourceDefinition};
pub use table_name::split_table;
pub use target::{
    Axis, CheckDefinition, CodeList, CodeListFile, ColumnDefinition, Duplicates, FromFields,
    InvalidGeometry, Keep, KeepRule, MaxRule, MergeRule, PadStep, PartStep, Rules, Scalar,
    SoftDeleteDefinition, Step, TargetDefinition, UnresolvedRule, WriteMode,
};

pub use tenant::TenantDefinition;
pub use undo::{UndoTime, undo_hours};
pub use unpivot::UnpivotDefinition;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// A pipeline file: an import, or with `kind = "export"` the way back.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition {
    /// Files into tables.
    Import(Box<ImportDefinition>),
    /// A query into a file.
    Export(Box<ExportDefinition>),
}

/// Loads files into one or several tables.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ImportDefinition {
    /// `import` (or leave it out).
    #[serde(default)]
    pub kind: ImportKind,
    /// What this pipeline is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// Which files are read, and how; or else a `[bundle]`.
    #[serde(default)]
    #[validate(nested)]
    pub source: Option<SourceDefinition>,
    /// A delivery of several files, loaded as one; or else a `[source]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(nested)]
    pub bundle: Option<BundleDefinition>,
    /// The files of the bundle, parents before those that refer to them.
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileDefinition>,
    /// When to stop rather than publish.
    #[serde(default)]
    pub limits: Limits,
    /// Whose rows a run is for, where row-level security keeps tenants apart.
    #[serde(default)]
    #[validate(nested)]
    pub tenant: Option<TenantDefinition>,
    /// What else happens when a run is published.
    #[serde(default)]
    #[validate(nested)]
    pub after: AfterDefinition,
    /// The tables written, all in one transaction.
    #[serde(rename = "target")]
    #[validate(length(min = 1, message = "a pipeline needs at least one [[target]]"), nested)]
    pub targets: Vec<TargetDefinition>,
}

impl ImportDefinition {
    /// How records are read: that of `[source]`, or one for each `[[file]]` of a bundle.
    pub fn sources(&self) -> Vec<&SourceDefinition> {
        match &self.source {
            Some(source) => vec![source],
            None => self.files.iter().map(|file| &file.source).collect(),
        }
    }

    /// Which of [`Self::sources`] a target takes its records from; the first where it says
    /// nothing that was not reported already.
    pub fn source_of(&self, target: &TargetDefinition) -> usize {
        let from = target.from.as_ref();
        from.and_then(|from| self.files.iter().position(|file| file.name == *from)).unwrap_or(0)
    }

    /// Where the files are, as written.
    pub fn path(&self) -> &str {
        match (&self.source, &self.bundle) {
            (Some(source), _) => &source.path,
            (None, Some(bundle)) => &bundle.path,
            (None, None) => "",
        }
    }

    /// Reads other files in place of its own.
    pub fn set_path(&mut self, path: &str) {
        let own = self.source.as_mut().map(|source| &mut source.path);
        if let Some(own) = own.or(self.bundle.as_mut().map(|bundle| &mut bundle.path)) {
            path.clone_into(own);
        }
    }
}

/// The word for an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Files into tables.
    #[default]
    Import,
}

/// Limits above which nothing is published.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Rejected records: a count (`100`) or a share of those read (`"2%"`); above it, exit 4.
    #[serde(default)]
    pub rejected: Option<Limit>,
    /// Rows deleted by mirror or replace: a count, or a share of those in scope; above it the run
    /// is held. `"5%"` unless given.
    #[serde(default)]
    pub deleted: Option<Limit>,
    /// Whether a delivery may have fewer files than the last one, or some without a record, and
    /// rows that the others do not have are deleted all the same; else the run is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// How long a run can be undone: `"36 hours"`, `"7 days"` (so unless given), or `false`;
    /// until then the rows it replaced are kept.
    #[serde(default)]
    pub undo: Option<UndoTime>,
}

/// A count, or a percentage written as text.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Limit {
    /// So many records.
    Count(u64),
    /// A share such as `"2%"` or `"0.5%"`.
    Share(#[schemars(regex(pattern = r"^\d{1,3}(\.\d+)?%$"))] String),
}
