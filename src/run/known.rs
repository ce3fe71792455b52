//! What the targets hold already, as hashes: a record that changes nothing is not staged.
//!
//! The file that hardly changed since yesterday is the common one. Staging all of it only to
//! find out that nearly every row is there costs more than anything else, so the run first
//! reads what the table holds (by COPY, in the very bytes it would send) and remembers two
//! hashes of each row: of its key and of all of it. A record whose row has both is `same`: it
//! is counted and goes no further.
//!
//! Two hashes of 64 bits, one of them with a seed of the run's own, have to agree at once before
//! anything is taken for the same. What is not quite sure (keys of one hash, keys that come twice
//! in the files) is staged, and the database decides as ever.
//!
//! Hashes of some million rows fit into memory, and a record is compared as soon as it is read
//! ([`super::remembered`]). Those of larger tables are compared on the disk when all records are
//! read, and the files are read again for what differs ([`super::spilled`]).

use std::hash::{BuildHasher, RandomState};

use twox_hash::XxHash3_64;

use super::{remembered::Remembered, spilled::Wanted};
use crate::{
    load::{LoadMode, LoadTarget},
    schema::PgType,
};

/// The hashes of a row: of its key, and of all that is loaded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowHash {
    /// Of the key.
    pub(super) key: u64,
    /// Of all of it.
    pub(super) row: u64,
}

/// The seed of a run's hashes: whoever makes the files cannot know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(u64);

impl Seed {
    /// From the system's randomness.
    pub(super) fn random() -> Self {
        Self(RandomState::new().hash_one("rows"))
    }

    /// The hash of a row's fields as they are on the wire, in the order of the columns.
    #[inline]
    pub(super) fn row(self, fields: &[u8]) -> u64 {
        XxHash3_64::oneshot_with_seed(self.0, fields)
    }
}

/// Whether rows of a target can be compared with what it holds by their bytes, and nothing but
/// their own content decides what becomes of them.
pub(super) fn is_comparable(load: &LoadTarget) -> bool {
    let LoadTarget {
        mode,
        columns,
        key,
        duplicates: _,
        checks,
        set_rules,
        table: _,
        undo_hours: _,
        is_unpivoted,
        range,
        unresolved: _,
        is_shared,
        is_merged: _,
        is_looked_into,
    } = load;
    matches!(mode, LoadMode::Insert | LoadMode::Upsert)
        // A record is the same when its row is: not one of several.
        && !is_unpivoted
        // Of a partitioned table only some partitions matter, and here all would be read.
        && range.is_none()
        // Of records that share a row, one is the same and the others are merged.
        && !is_shared
        // Lookups find rows in staging too, by what is known of them there.
        && !is_looked_into
        && !key.is_empty()
        && checks.is_empty()
        && set_rules.is_empty()
        && columns.iter().all(|column| {
            // The server keeps it in another form than it is sent in: the bytes never agree.
            let changes_form = column.column.pg_type == PgType::Jsonb;
            column.is_staged() && !column.unique && !changes_form
        })
}

/// What a worker knows of what the targets hold.
pub(super) enum Known {
    /// Every row: a record is compared as it is read.
    Remembered(Seed, Remembered),
    /// Nothing yet: the hashes of records are compared when all are read.
    Later(Seed),
    /// What is to be staged of files that have been compared.
    Compared(Wanted),
}

impl Known {
    /// What rows are hashed with; `None` when they need not be any more.
    pub(super) fn seed(&self) -> Option<Seed> {
        match self {
            Self::Remembered(seed, _) | Self::Later(seed) => Some(*seed),
            Self::Compared(_) => None,
        }
    }

    /// Whether the files have to be read again: for records that were taken for the same, with
    /// keys that came more than once.
    pub(super) fn has_repeated(&self) -> bool {
        matches!(self, Self::Remembered(_, rows) if rows.has_repeated())
    }
}
