//! What is loaded where: the plan of one target as the database needs it.
//!
//! `plan` makes these from definition and catalog; `postgres` stages, judges
//! and publishes by them, and never sees a definition or a source.

mod beside;
mod lookup;

use serde::{Deserialize, Serialize};

pub use beside::{AfterLoad, Every, LogRow, LogValue, RangePartitions, Tenant};
pub use lookup::{Lookup, LookupTerm, LookupWay, Matched, TermValue};

use crate::schema::{Column, TableName, TableSchema};

/// One target table of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadTarget {
    /// The table as the catalog has it.
    pub table: TableSchema,
    /// What happens to rows that are there already.
    pub mode: LoadMode,
    /// The columns written, staged ones and computed ones, in the definition's order.
    pub columns: Vec<LoadColumn>,
    /// What tells rows apart, as indexes into `columns`; empty for `append`, and for `replace`
    /// without a key. A history's rows are versions: the moment they are valid from stands last.
    pub key: Vec<usize>,
    /// Which of several records with one key is loaded.
    pub duplicates: DuplicateRule,
    /// SQL conditions that every staged row must meet.
    pub checks: Vec<LoadCheck>,
    /// Rules on rows together.
    pub set_rules: Vec<SetRule>,
    /// How long what a run replaces is kept, so that it can be undone, in hours.
    pub undo_hours: Option<u32>,
    /// Whether a record gives several rows.
    #[serde(default)]
    pub is_unpivoted: bool,
    /// The ranges that the table is partitioned by, where they are those of one loaded column.
    #[serde(default)]
    pub range: Option<RangePartitions>,
    /// What a record loses whose lookups find no row, or several.
    #[serde(default)]
    pub unresolved: Unresolved,
    /// Whether many records share a row: those that agree on it are merged, and no duplicates.
    #[serde(default)]
    pub is_shared: bool,
    /// Whether records that bring a shared row just so are merged before anything is judged.
    #[serde(default)]
    pub is_merged: bool,
    /// Whether lookups of this run find its rows before they are written.
    #[serde(default)]
    pub is_looked_into: bool,
}

/// What a record loses whose lookups find no row, or several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unresolved {
    /// It is rejected, for all targets.
    #[default]
    Record,
    /// Its row in this target; the others are loaded.
    Row,
}

impl LoadTarget {
    /// Whether records can be merged before anything is judged: their rows are shared, nothing is
    /// known or said of the records beside them, and none takes a row away.
    pub fn can_merge(&self) -> bool {
        let mut columns = self.columns.iter();
        self.is_shared
            && self.duplicates == DuplicateRule::Identical
            && matches!(self.mode, LoadMode::Insert | LoadMode::Upsert)
            && !self.key.is_empty()
            && !self.is_unpivoted
            && self.set_rules.is_empty()
            && !self.checks.iter().any(|check| check.warns)
            && !columns.any(|column| column.unique || column.computed.is_some())
    }

    /// Whether a column is read of a record that orders its row to be deleted: its key, and
    /// what decides between several records with one key.
    pub fn is_read_of_deletion(&self, column: usize) -> bool {
        self.key.contains(&column) || self.duplicates == DuplicateRule::Max(column)
    }
}

/// Whether deletions that records order come before anything is written: where a table has
/// unique or exclusion constraints beside its key, another row may take what a deleted one held.
/// Elsewhere they come last, when rows that are written no longer refer to what is deleted.
pub fn deletes_first(loads: &[LoadTarget]) -> bool {
    let ordered = || loads.iter().filter(|load| load.mode == LoadMode::Operations);
    let excludes = ordered().any(|load| !load.table.exclusions.is_empty());
    excludes
        || ordered()
            .flat_map(|load| load.table.unique_keys.iter().map(move |unique| (load, unique)))
            .any(|(load, unique)| {
                let is_key = |name: &String| {
                    load.key.iter().any(|index| load.columns[*index].column.name == *name)
                };
                !(unique.columns.len() == load.key.len() && unique.columns.iter().all(is_key))
            })
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
    /// As upsert; rows are deleted whose record says so.
    Operations,
    /// Every version of a row is kept.
    History(Validity),
    /// As upsert; rows whose key is absent are deleted.
    Mirror {
        /// Indexes into the columns: only rows that share their values with some record are
        /// deleted. Empty for the whole table.
        scope: Vec<usize>,
        /// How rows are marked as deleted; `None` where they are deleted.
        soft: Option<Box<SoftDelete>>,
        /// Whether the files hold the whole delivery: what they do not have is absent only then.
        whole: bool,
    },
    /// Rows that are not in the files are deleted, whole rows being compared where there is no key.
    Replace,
}

/// The columns of a table that say when a version is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// From when on, as an index into the target's `columns`.
    pub valid_from: usize,
    /// The column that says to when, that moment excluded; longshore fills it.
    pub valid_to: String,
    /// The boolean column that marks the version without an end; longshore fills it.
    pub current: Option<String>,
    /// What `valid_to` holds while no end is known; NULL unless given.
    pub open_end: Option<String>,
    /// What ends rows that the files do not have; `None` where they stay as they are.
    #[serde(default)]
    pub absent: Option<Absent>,
}

/// How rows of a history end that the files do not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// As for `Mirror`.
    pub scope: Vec<usize>,
    /// The moment of the run, as SQL.
    pub moment: String,
}

/// A column that says which rows are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftDelete {
    /// The column as the catalog has it; not among the loaded ones.
    pub column: Column,
    /// What it says of a deleted row.
    pub deleted: Mark,
    /// What it says of the others, NULL for `None`.
    pub present: Option<String>,
}

/// What the column of a soft deletion says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The moment it was deleted: any but NULL.
    Moment,
    /// This value, as text.
    Value(String),
}

impl LoadMode {
    /// The word for it in the ledger and in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            LoadMode::Append => "append",
            LoadMode::Insert => "insert",
            LoadMode::Upsert | LoadMode::Operations => "upsert",
            LoadMode::History(_) => "history",
            LoadMode::Mirror { .. } => "mirror",
            LoadMode::Replace => "replace",
        }
    }

    /// Whether rows that the files do not have are deleted, or end.
    pub fn deletes(&self) -> bool {
        match self {
            LoadMode::Mirror { whole, .. } => *whole,
            LoadMode::Replace => true,
            LoadMode::History(validity) => validity.absent.is_some(),
            _ => false,
        }
    }

    /// The same for files that hold some records of a delivery only: nothing is deleted.
    #[must_use]
    pub fn of_part(self, has_key: bool) -> Self {
        match self {
            LoadMode::Mirror { scope, soft, .. } => LoadMode::Mirror { scope, soft, whole: false },
            LoadMode::History(validity) => LoadMode::History(Validity { absent: None, ..validity }),
            LoadMode::Replace if has_key => LoadMode::Upsert,
            LoadMode::Replace => LoadMode::Append,
            mode => mode,
        }
    }

    /// The columns whose values bound what is deleted, as indexes.
    pub fn scope(&self) -> &[usize] {
        match self {
            LoadMode::Mirror { scope, .. } => scope,
            LoadMode::History(validity) => {
                validity.absent.as_ref().map_or(&[], |absent| &absent.scope)
            }
            _ => &[],
        }
    }
}

impl LoadTarget {
    /// The columns that tell rows apart; of a history all versions of a row have the same.
    pub fn row_key(&self) -> Vec<usize> {
        let moment = match &self.mode {
            LoadMode::History(validity) => Some(validity.valid_from),
            _ => None,
        };
        self.key.iter().copied().filter(|index| Some(*index) != moment).collect()
    }

    /// The columns that say which row of the target a rejected record may be, as indexes: it
    /// keeps that row. Empty where nothing is deleted, or nothing could tell.
    pub fn identifying(&self) -> Vec<usize> {
        if !self.mode.deletes() {
            return Vec::new();
        }
        let mut columns = self.row_key();
        columns.extend(self.mode.scope());
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// A number of records or rows above which something does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountLimit {
    /// So many.
    Count(u64),
    /// A share of all, 0.0 ..= 1.0.
    Share(f64),
}

impl CountLimit {
    /// Deletions where the definition says nothing.
    pub const DELETED_DEFAULT: CountLimit = CountLimit::Share(0.05);

    /// Rows written from which on a table is analysed, where the definition says nothing.
    pub const ANALYZE_DEFAULT: CountLimit = CountLimit::Share(0.1);

    /// Whether `count` of `all` are too many.
    pub fn is_crossed(self, count: u64, all: u64) -> bool {
        match self {
            CountLimit::Count(limit) => count > limit,
            #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
            CountLimit::Share(limit) => count as f64 > limit * all as f64,
        }
    }
}

/// One column that is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadColumn {
    /// The column as the catalog has it.
    pub column: Column,
    /// SQL over the staged row, `None` for a column that is staged itself or looked up.
    pub computed: Option<String>,
    /// The rows of other tables that have its values.
    #[serde(default)]
    pub lookup: Option<Lookup>,
    /// Whether new rows are given the column's default before they are written, since lookups of
    /// this run take it; rows that are there keep theirs.
    #[serde(default)]
    pub drawn: bool,
    /// Whether no two records of the run may share a value.
    pub unique: bool,
    /// Whether its values are personal.
    pub sensitive: bool,
    /// Whether an update adds the members of its objects to those that are there.
    #[serde(default)]
    pub merges: bool,
}

impl LoadColumn {
    /// Whether its values are sent to the server as they are.
    pub fn is_staged(&self) -> bool {
        self.computed.is_none() && self.lookup.is_none() && !self.drawn
    }
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
    /// Whether a record that fails is loaded all the same, and warned of.
    pub warns: bool,
}

/// A rule on the rows of a target together, judged over the table as it will be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetRule {
    /// What it says.
    pub says: SetRuleKind,
    /// Whether a record that breaks it is loaded all the same, and warned of.
    pub warns: bool,
}

/// What a rule on rows together says. Columns are indexes into the target's `columns`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetRuleKind {
    /// No two rows that share `within` overlap by more than an area.
    Overlap {
        /// The geometry.
        column: usize,
        /// What rows share that are compared.
        within: Vec<usize>,
        /// The area tolerated.
        tolerance: f64,
    },
    /// No area between two limits is enclosed by rows that share `within`.
    Gap {
        /// The geometry.
        column: usize,
        /// What rows share that are looked at together.
        within: Vec<usize>,
        /// The area tolerated.
        tolerance: f64,
        /// The area above which a gap is meant to be one.
        largest: Option<f64>,
    },
    /// The declared area is about the outline's.
    Area {
        /// The geometry.
        column: usize,
        /// The declared area.
        declared: usize,
        /// Percent of it that they may be apart.
        percent: f64,
        /// The area that they may be apart in any case.
        tolerance: f64,
    },
    /// Rows that share `by` sum to a number.
    Total {
        /// What is summed.
        sql: String,
        /// What rows share that are summed.
        by: Vec<usize>,
        /// What the sum is to be.
        equals: f64,
        /// How far from it the sum may be.
        tolerance: f64,
    },
    /// A row lies inside the row of another table that it refers to.
    Inside {
        /// The geometry.
        column: usize,
        /// The other table.
        table: TableName,
        /// Its geometry.
        area: String,
        /// Its columns, each with the one here that it equals.
        same: Vec<(String, usize)>,
        /// How far outside it may lie.
        tolerance: f64,
    },
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
    /// Records read of the source that the target takes from.
    pub read: u64,
    /// How many tuples.
    pub rows: u64,
    /// Records left out by `when`.
    pub filtered: u64,
    /// Records rejected before COPY.
    pub rejected: u64,
    /// Binary COPY tuples of what was read of those, for [`LoadTarget::identifying`]: one per
    /// record, and of records of several rows one per empty cell; none for targets that delete
    /// nothing.
    pub refused: bytes::Bytes,
    /// How many tuples those are.
    pub refused_rows: u64,
    /// Records that have no tuple since the target holds their rows; negative where records that
    /// were left out before are sent after all.
    pub same: i64,
}

#[cfg(test)]
mod tests {
    use super::CountLimit;

    #[test]
    fn a_limit_is_crossed_above_it_and_not_at_it() {
        assert!(!CountLimit::Share(0.02).is_crossed(2, 100));
        assert!(CountLimit::Share(0.02).is_crossed(3, 100));
        assert!(!CountLimit::Count(0).is_crossed(0, 0));
        assert!(CountLimit::Count(0).is_crossed(1, 9));
    }
}
