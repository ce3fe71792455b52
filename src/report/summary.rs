//! The summary of a run, as `--output json` and `summary.json` have it.
//!
//! The shape is a contract with scripts: fields are added, never changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;
use crate::{
    outcome::{Deletions, Tally},
    transform::geometry::GeometryNotes,
};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// All targets are published.
    Published,
    /// Every file had been loaded already.
    Unchanged,
    /// Deletions wait for approval.
    Held,
    /// They waited, and are not going to happen.
    Discarded,
    /// More rejections than the limit allows; nothing is published.
    Rejected,
    /// Nothing was to be published: the counts are what a run would do.
    DryRun,
    /// The run stopped; nothing is published.
    Failed,
}

impl RunStatus {
    /// What a run of this status did, to follow its name.
    pub fn words(self) -> &'static str {
        match self {
            RunStatus::Published => "is published",
            RunStatus::Unchanged => "had nothing to load",
            RunStatus::Held => "is held for approval",
            RunStatus::Discarded => "is discarded",
            RunStatus::Rejected => "published nothing: too many records were rejected",
            RunStatus::DryRun => "was a dry run",
            RunStatus::Failed => "failed",
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct RunSummary {
    /// The run.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// How it ended.
    pub status: RunStatus,
    /// Per target table, in the definition's order.
    pub tables: Vec<TableSummary>,
    /// The files, in sorted order.
    pub files: Vec<FileSummary>,
    /// Of a bundle, what else there is to say; left out where the files came by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleSummary>,
    /// What was rejected.
    pub rejections: RejectionSummary,
    /// What is odd and loaded all the same; left out where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<WarningSummary>,
    /// What happened to geometries; left out where there were none to mention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry: Option<GeometrySummary>,
    /// Of a replay, what became of the records that the other run had rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplaySummary>,
    /// Of an undo, what was left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoSummary>,
    /// What was there of an earlier run; left out where the run did everything itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<ResumedSummary>,
    /// Why the report lacks something that belongs in it, although the run ended as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreported: Option<String>,
    /// How long the stages took.
    pub seconds: Seconds,
}

/// What an undo took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoSummary {
    /// The run that was undone.
    pub of: String,
    /// The tables with rows that somebody else touched since, which are left as they are now.
    pub left: Vec<LeftRows>,
}

/// Rows of a table that an undo leaves as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftRows {
    /// The table.
    pub table: String,
    /// Rows the run had updated or deleted, that were changed, deleted or put back since.
    pub replaced: u64,
    /// Rows the run had inserted, that were changed, deleted or referred to since.
    pub inserted: u64,
}

/// What became of the records that a replay was for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplaySummary {
    /// The run that had rejected them.
    pub of: String,
    /// Records that it had rejected.
    pub rejected: u64,
    /// Records that this replay closed.
    pub closed: u64,
    /// Records that are open still.
    pub open: u64,
}

/// One table's tally.
#[derive(Debug, Clone, Serialize)]
pub struct TableSummary {
    /// The table.
    pub table: String,
    /// Its counts.
    #[serde(flatten)]
    pub tally: Tally,
    /// What became of rows without a record; left out where the mode deletes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<Deletions>,
    /// Partitions that were made, or would be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<String>,
}

impl TableSummary {
    /// The same with partitions that were made.
    #[must_use]
    pub fn with_partitions(self, partitions: Vec<String>) -> Self {
        Self { partitions, ..self }
    }

    /// The summary of a table by its name.
    pub fn new(table: impl ToString, tally: Tally, deletions: Option<Deletions>) -> Self {
        Self { table: table.to_string(), tally, deletions, partitions: Vec::new() }
    }
}

/// One file of a run.
#[derive(Debug, Clone, Serialize)]
pub struct FileSummary {
    /// The path as given.
    pub path: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its size on disk.
    pub bytes: u64,
    /// Records read from it; 0 when it had been loaded already.
    pub records: u64,
    /// In a bundle: `bulk` or `delta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<&'static str>,
    /// The run that had loaded it before, where it was not read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded_by: Option<String>,
}

/// What a delivery of several files holds, beside the files that were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleSummary {
    /// The archive or folder.
    pub path: String,
    /// The OneRoster version, where a manifest names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The pipeline's files that it does not hold: their tables are left as they are.
    pub absent: Vec<String>,
    /// Files that it holds and that were not read.
    pub not_read: Vec<NotRead>,
}

/// A file of a bundle that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotRead {
    /// Its name in the bundle.
    pub file: String,
    /// Why.
    pub why: &'static str,
}

/// What was rejected.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RejectionSummary {
    /// Rejected records.
    pub records: u64,
    /// Violations by code; a record may have several.
    pub by_code: BTreeMap<String, u64>,
    /// The report folder.
    pub report: Option<String>,
}

impl RejectionSummary {
    /// What a report holds.
    pub fn of(report: &Report) -> Self {
        Self {
            records: report.rejected_records(),
            by_code: report.by_code().clone(),
            report: Some(report.folder().display().to_string()),
        }
    }
}

/// What is odd about records or files that are loaded all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WarningSummary {
    /// All of them.
    pub count: u64,
    /// Warnings by code.
    pub by_code: BTreeMap<String, u64>,
}

impl WarningSummary {
    /// Of warnings by code; `None` when there is none.
    pub fn of(by_code: BTreeMap<String, u64>) -> Option<Self> {
        let count = by_code.values().sum();
        (count > 0).then_some(Self { count, by_code })
    }
}

/// How much an earlier run had staged that was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResumedSummary {
    /// That run.
    pub run: String,
    /// The splits that were staged already.
    pub splits: u64,
    /// All splits of the files.
    pub of: u64,
}

/// What happened to geometries that were not valid.
#[derive(Debug, Clone, Serialize)]
pub struct GeometrySummary {
    /// Made valid.
    pub repaired: u64,
    /// Loaded as they are.
    pub flagged: u64,
    /// The sum of the changes of area by repairs, in square units of the column's reference system.
    pub area_changed: f64,
    /// The greatest change of one geometry's area, in percent.
    pub area_changed_percent_max: f64,
}

impl GeometrySummary {
    /// `None` when nothing was repaired or flagged.
    pub fn of(notes: &GeometryNotes) -> Option<Self> {
        (notes.repaired + notes.flagged > 0).then_some(Self {
            repaired: notes.repaired,
            flagged: notes.flagged,
            area_changed: notes.area_changed,
            area_changed_percent_max: notes.area_change_percent_max,
        })
    }
}

/// What `validate` found: no database was asked what would become of the accepted records.
#[derive(Debug, Clone, Serialize)]
pub struct ValidationSummary {
    /// The pipeline's name.
    pub pipeline: String,
    /// `dry_run`, or `rejected` when the limit on rejections is crossed.
    pub status: RunStatus,
    /// Per target table, in the definition's order.
    pub tables: Vec<ValidatedTable>,
    /// What was rejected.
    pub rejections: RejectionSummary,
    /// What is odd and would be loaded all the same; left out where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<WarningSummary>,
    /// How long it took.
    pub seconds: f64,
}

/// What became of the records for one table, as far as it is known without a database.
#[derive(Debug, Clone, Serialize)]
pub struct ValidatedTable {
    /// The table.
    pub table: String,
    /// Records read.
    pub read: u64,
    /// Left out by `when`.
    pub filtered: u64,
    /// Rejected.
    pub rejected: u64,
    /// Good to load.
    pub accepted: u64,
}

impl ValidationSummary {
    /// The summary of a validation whose report is complete.
    pub fn new(
        pipeline: &str,
        status: RunStatus,
        tables: impl Iterator<Item = (String, Tally)>,
        report: &Report,
        seconds: f64,
    ) -> Self {
        let table = |(table, tally): (String, Tally)| ValidatedTable {
            table,
            read: tally.read,
            filtered: tally.filtered,
            rejected: tally.rejected,
            accepted: tally.read - tally.filtered - tally.rejected,
        };
        let rejections = RejectionSummary::of(report);
        Self {
            pipeline: pipeline.to_owned(),
            status,
            tables: tables.map(table).collect(),
            rejections,
            warnings: WarningSummary::of(report.warned_by_code().clone()),
            seconds,
        }
    }
}

/// How long the stages took, in seconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Seconds {
    /// Finding and hashing files, binding.
    pub read: f64,
    /// Reading, transforming and staging.
    pub stage: f64,
    /// Judging over staging and publishing.
    pub publish: f64,
    /// All of it.
    pub total: f64,
}
