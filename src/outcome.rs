//! What became of each record: the violations of a rejected one, and the tally.
//!
//! Every record has exactly one outcome per target, and the sums close (see
//! [`Tally::closes`]): that equation is the promise the whole project makes.

use serde::{Deserialize, Serialize};

/// Where a record stands in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Position {
    /// The file's ordinal within the run, from 0, in sorted path order.
    pub file: u32,
    /// The record's number within its file, from 1; headers do not count.
    pub record: u64,
    /// The line (or sheet row) the record starts on, from 1; 0 where the format has no lines.
    pub line: u64,
}

/// Bits of an ordinal that say which of a record's rows it is; 0 where it has only one.
pub const ROW_BITS: u32 = 13;

/// Bits of an ordinal that hold the record number; the file takes the rest.
const RECORD_BITS: u32 = 33;

impl Position {
    /// How many files a run may have.
    pub const FILES_MAX: u64 = 1 << (63 - RECORD_BITS - ROW_BITS);

    /// How many records a file may have.
    pub const RECORDS_MAX: u64 = (1 << RECORD_BITS) - 1;

    /// One number that sorts as the source does: file, record, and which of its rows, from 1; 0
    /// where a record is one row.
    ///
    /// Staged rows carry it, so that "first" and "last" mean source order and never arrival
    /// order. Runs are held to [`Self::FILES_MAX`] and [`Self::RECORDS_MAX`] when they read.
    pub fn row_ordinal(self, row: u32) -> i64 {
        let record = (i64::from(self.file) << RECORD_BITS) | self.record.cast_signed();
        (record << ROW_BITS) | i64::from(row)
    }

    /// The record an ordinal stands for, as file and number, and which of its rows.
    pub fn split_ordinal(ordinal: i64) -> (u32, u64, u32) {
        let record = ordinal >> ROW_BITS;
        let row = u32::try_from(ordinal & ((1 << ROW_BITS) - 1)).unwrap_or(0);
        let file = u32::try_from(record >> RECORD_BITS).unwrap_or(u32::MAX);
        (file, (record & ((1 << RECORD_BITS) - 1)).cast_unsigned(), row)
    }
}

/// One rule a record broke.
///
/// `message` says the rule, never the value: it may be shown anywhere.
/// `masked` shows the value's shape at most (see [`mask`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The stable code, `family.rule` (`type.date`, `rule.required`, `csv.ragged`).
    pub code: &'static str,
    /// The target column or source field it is about; empty for the whole record.
    pub column: String,
    /// What is wrong, as a short sentence that holds no data.
    pub message: String,
    /// The value's shape, safe to show.
    pub masked: String,
}

/// A record that is not loaded, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where it stands.
    pub position: Position,
    /// The target it was judged for, `None` when it failed before any (decoding).
    pub target: Option<usize>,
    /// All violations, in column order.
    pub violations: Vec<Violation>,
}

/// How a record could not be decoded; it is rejected whatever the targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stable code (`csv.ragged`, `csv.quote`, `encoding.invalid`, `json.syntax`).
    pub code: &'static str,
    /// The field it is about, empty for the whole record.
    pub field: String,
    /// What is wrong, without data: counts and byte offsets may be named.
    pub message: String,
}

/// Something odd about a whole file, whose records are loaded all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWarning {
    /// The stable code (`csv.line_ends`, `sheet.row_limit`).
    pub code: &'static str,
    /// What is odd, without data.
    pub message: String,
}

/// A value's shape: letters become `x`, digits `9`, the rest stays; at most 24 characters.
///
/// A sensitive value shows nothing but that there was one.
pub fn mask(value: &str, sensitive: bool) -> String {
    if sensitive {
        return if value.is_empty() { String::new() } else { "***".to_owned() };
    }
    let shape = |c: char| match c {
        c if c.is_ascii_digit() => '9',
        c if c.is_alphanumeric() => 'x',
        c if c.is_control() => '?',
        c => c,
    };
    let mut masked: String = value.chars().take(MASK_CHARS_MAX).map(shape).collect();
    if value.chars().nth(MASK_CHARS_MAX).is_some() {
        masked.push('…');
    }
    masked
}

/// Characters of a masked value that are shown.
const MASK_CHARS_MAX: usize = 24;

/// What became of the records offered to one target table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records read from all files; where a record gives several rows, those.
    pub read: u64,
    /// Left out by the target's `when`, or an empty cell where a record gives several rows.
    pub filtered: u64,
    /// Rejected, by a rule here or by the database's.
    pub rejected: u64,
    /// Lost to another record with the same key.
    pub duplicate: u64,
    /// New rows.
    pub inserted: u64,
    /// Rows that changed, were deleted because their record says so, or got a new version.
    pub updated: u64,
    /// Rows that were already so, in the table or by another record that shares the row.
    pub unchanged: u64,
    /// Rows deleted, since their keys were absent or by order; apart from the sum.
    pub deleted: u64,
    /// Records whose row another record of the run brings just so, where records share rows;
    /// apart from the sum, since they are among `unchanged`.
    #[serde(default)]
    pub merged: u64,
}

impl Tally {
    /// The names of the counts, in the order of [`Tally::counts`].
    pub const NAMES: [&'static str; 9] = [
        "read",
        "filtered",
        "rejected",
        "duplicate",
        "inserted",
        "updated",
        "unchanged",
        "deleted",
        "merged",
    ];

    /// All counts, in the order they are shown and stored.
    pub fn counts(&self) -> [u64; 9] {
        let kept_back = [self.read, self.filtered, self.rejected, self.duplicate];
        let written = [self.inserted, self.updated, self.unchanged, self.deleted];
        let mut counts = [0; 9];
        counts[..4].copy_from_slice(&kept_back);
        counts[4..8].copy_from_slice(&written);
        counts[8] = self.merged;
        counts
    }

    /// Whether every record read has exactly one outcome.
    pub fn closes(&self) -> bool {
        let outcomes = self.filtered + self.rejected + self.duplicate;
        self.read == outcomes + self.inserted + self.updated + self.unchanged
    }
}

/// What a run does, or would do, to rows of one target that its files do not have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletions {
    /// Rows the target had before, within the scope.
    pub rows: u64,
    /// Rows that go.
    pub gone: u64,
    /// Rows that are not in the files and stay: a rejected record is one of them, or may be.
    pub kept: u64,
    /// Values of the scope that were looked at; 1 where the scope is the whole table.
    pub scopes: u64,
    /// Those of them in which more than the limit would go.
    pub scopes_over_limit: u64,
    /// Why this waits for approval; empty where it does not.
    pub held_for: Vec<HoldReason>,
    /// The files that may be why rows are not in the others; only where rows would go.
    #[serde(default, skip_serializing_if = "Lacking::is_nothing")]
    pub lacking: Lacking,
}

/// Files that hold nothing of what they should, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// Files without a record.
    pub empty: Vec<String>,
    /// Files that the last run published, and that are not there where there are fewer now.
    pub missing: Vec<String>,
}

impl Lacking {
    /// Whether every file is there and has records.
    pub fn is_nothing(&self) -> bool {
        self.empty.is_empty() && self.missing.is_empty()
    }
}

/// Why deletions wait for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The files have no record for this target.
    NoRecords,
    /// More rows would go than the limit allows.
    OverLimit,
    /// More rows would go in some scope than the limit allows.
    OverLimitInScope,
    /// Without a key nobody knows which rows the rejected records are.
    RejectedWithoutKey,
    /// Some files have no record, and rows would go that others do not have.
    FileWithoutRecords,
    /// There are fewer files than the last run published.
    FileMissing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_sort_as_the_source_does() {
        let at = |file, record, row| Position { file, record, line: 0 }.row_ordinal(row);
        assert!(at(0, Position::RECORDS_MAX, 3) < at(1, 1, 0));
        assert!(at(0, 1, 8_191) < at(0, 2, 0) && at(0, 1, 1) < at(0, 1, 2));
        let last = u32::try_from(Position::FILES_MAX - 1).expect("a file's ordinal");
        assert!(at(last, Position::RECORDS_MAX, 8_191) > 0);
        assert_eq!(Position::split_ordinal(at(7, 12, 5)), (7, 12, 5));
    }

    #[test]
    fn a_mask_shows_the_shape_and_nothing_of_a_sensitive_value() {
        assert_eq!(mask("Ana-12/3", false), "xxx-99/9");
        assert_eq!(mask("Ana", true), "***");
        assert_eq!(mask("", true), "");
        assert_eq!(mask(&"a".repeat(40), false).chars().count(), 25);
    }

    #[test]
    fn a_tally_closes_only_when_every_record_has_one_outcome() {
        let tally = Tally {
            read: 6,
            filtered: 1,
            rejected: 1,
            duplicate: 1,
            inserted: 1,
            updated: 1,
            unchanged: 1,
            deleted: 9,
            merged: 1,
        };
        assert!(tally.closes());
        assert!(!Tally { read: 7, ..tally }.closes());
    }
}
