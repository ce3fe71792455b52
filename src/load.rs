//! What is loaded where: the plan of one target as the database needs it.
//!
//! `plan` makes these from definition and catalog; `postgres` stages, judges
//! and publishes by them, and never sees a definition or a source.

use serde::{Deserialize, Serialize};

use crate::schema::{Column, TableSchema};

/// One target table of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadTarget {
    /// The table as the catalog has it.
    pub table: TableSchema,
    /// What happens to rows that are there already.
    pub mode: LoadMode,
    /// The columns written, staged ones and computed ones, in the definition's order.
    pub columns: Vec<LoadColumn>,
    /// The key, as indexes into `columns`; empty for `append`.
    pub key: Vec<usize>,
    /// Which of several records with one key is loaded.
    pub duplicates: DuplicateRule,
    /// SQL conditions that every staged row must meet.
    pub checks: Vec<LoadCheck>,
}

/// What happens to rows that are there already, with what each way needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadMode {
    /// Every record is inserted.
    Append,
    /// Records whose key is new are inserted.
    Insert,
    /// New keys are inserted and rows that differ updated.
    Upsert,
}

impl LoadMode {
    /// The word for it in the ledger and in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            LoadMode::Append => "append",
            LoadMode::Insert => "insert",
            LoadMode::Upsert => "upsert",
        }
    }
}

/// One column that is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadColumn {
    /// The column as the catalog has it.
    pub column: Column,
    /// SQL over the staged row, `None` for a column that is staged itself.
    pub computed: Option<String>,
    /// Whether no two records of the run may share a value.
    pub unique: bool,
    /// Whether its values are personal.
    pub sensitive: bool,
}

/// Which of several records with one key is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DuplicateRule {
    /// Copies of one record count as duplicates; records that differ are all rejected.
    Identical,
    /// The first in source order.
    First,
    /// The last in source order.
    Last,
    /// None: all are rejected.
    Reject,
    /// The one with the greatest value in `columns[i]`; NULL is least, the later wins a tie.
    Max(usize),
}

/// A `[[target.check]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadCheck {
    /// The condition; NULL passes.
    pub sql: String,
    /// What a record that fails is told.
    pub message: String,
}

/// The records of one split, encoded for every target of the run: the unit of
/// COPY and of checkpoints.
#[derive(Debug)]
pub struct SplitTuples {
    /// The file's ordinal in the run.
    pub file: u32,
    /// The split's number within its file, from 0.
    pub split: u32,
    /// The number of its first record within the file, from 1.
    pub first_record: u64,
    /// Records read.
    pub records: u64,
    /// Per target: its tuples and what became of the records that have none.
    pub tables: Vec<TableTuples>,
}

/// What one split brings one target.
#[derive(Debug, Default)]
pub struct TableTuples {
    /// Binary COPY tuples, without header and trailer.
    pub tuples: bytes::Bytes,
    /// How many tuples.
    pub rows: u64,
    /// Records left out by `when`.
    pub filtered: u64,
    /// Records rejected before COPY.
    pub rejected: u64,
}
