//! What the targets hold already, as hashes: a record that changes nothing is not staged.
//!
//! The file that hardly changed since yesterday is the common one. Staging all of it only to
//! find out that nearly every row is there costs more than anything else, so the run first
//! reads what the table holds (by COPY, in the very bytes it would send) and remembers two
//! hashes of each row: of its key and of all of it. A record whose row has both is `same`: it
//! is counted and goes no further.
//!
//! Two hashes of 64 bits, one of them with a seed of the run's own, have to agree at once before
//! anything is taken for the same. What is not quite sure (keys of one hash, a table beyond
//! [`MEMORY_MAX`]) is staged, and the database decides as ever. A key that comes twice in the
//! files is noted: then both records are needed in staging, by whatever rule decides between them.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use twox_hash::XxHash3_64;

use super::keys::KeyHash;
use crate::{
    error::{Error, Result},
    load::{LoadMode, LoadTarget},
    postgres::table_rows::field_end,
    schema::PgType,
};

/// Bytes of hashes that are remembered, of all targets together. Of a larger table only the rows
/// are remembered whose keys have the smaller hashes; the records of all others are staged.
const MEMORY_MAX: usize = 112 << 20;

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

/// Takes the rows of a target in, as they come over one connection.
pub(super) struct Remembering {
    seed: Seed,
    /// Per column, whether it belongs to the key.
    is_key: Vec<bool>,
    rows: Vec<RowHash>,
    rows_max: usize,
    /// Only keys with hashes up to this are remembered.
    key_max: u64,
}

impl Remembering {
    /// One of so many connections that read so many targets of about `rows` rows.
    pub(super) fn new(seed: Seed, load: &LoadTarget, rows: u64, shared_by: usize) -> Self {
        let rows_max = (MEMORY_MAX / size_of::<RowHash>() / shared_by.max(1)).max(1);
        let expected = usize::try_from(rows).unwrap_or(usize::MAX).min(rows_max);
        Self {
            seed,
            is_key: (0..load.columns.len()).map(|index| load.key.contains(&index)).collect(),
            rows: Vec::with_capacity(expected),
            rows_max,
            key_max: u64::MAX,
        }
    }

    /// Takes one row in.
    ///
    /// # Errors
    /// `ErrorKind::Unexpected` when it does not have the columns it should.
    pub(super) fn add(&mut self, fields: &[u8]) -> Result<()> {
        let (mut key, mut at) = (KeyHash::default(), 0);
        for is_key in &self.is_key {
            let end = field_end(fields, at).ok_or_else(|| Error::unexpected("a row is cut off"))?;
            if *is_key {
                key.add(&fields[at..end]);
            }
            at = end;
        }
        let key = key.finish();
        if key <= self.key_max {
            self.make_room();
            self.rows.push(RowHash { key, row: self.seed.row(fields) });
        }
        Ok(())
    }

    fn make_room(&mut self) {
        while self.rows.len() >= self.rows_max {
            self.key_max /= 2;
            let key_max = self.key_max;
            self.rows.retain(|row| row.key <= key_max);
        }
    }
}

/// What one target holds.
pub(super) struct KnownTable {
    /// In the order of the keys' hashes, each only once.
    rows: Vec<RowHash>,
    /// Where the rows begin whose key hashes have these upper bits.
    directory: Vec<u32>,
    shift: u32,
    /// A bit for each row: whether a record had its key.
    seen: Vec<AtomicU64>,
    /// The hashes of keys that more than one record had.
    repeated: Mutex<HashSet<u64>>,
}

impl KnownTable {
    /// All that was read of a target.
    pub(super) fn of(mut parts: Vec<Remembering>) -> Self {
        let key_max = parts.iter().map(|part| part.key_max).min().unwrap_or(0);
        parts.sort_by_key(|part| std::cmp::Reverse(part.rows.capacity()));
        let mut parts = parts.into_iter();
        let mut rows = parts.next().map(|part| part.rows).unwrap_or_default();
        parts.for_each(|mut part| rows.append(&mut part.rows));
        rows.retain(|row| row.key <= key_max);
        rows.sort_unstable();
        forget_ambiguous(&mut rows);
        let bits = rows.len().max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut directory = vec![0_u32; (1 << bits) + 1];
        for row in &rows {
            directory[index(row.key >> shift) + 1] += 1;
        }
        let mut begin = 0;
        for entry in &mut directory {
            begin += *entry;
            *entry = begin;
        }
        let seen = (0..rows.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { rows, directory, shift, seen, repeated: Mutex::default() }
    }

    /// Where the row with this key is; `None` also for one that is not remembered.
    fn find(&self, key: u64) -> Option<usize> {
        let part = index(key >> self.shift);
        let (begin, end) = (self.directory[part] as usize, self.directory[part + 1] as usize);
        let offset = self.rows[begin..end].iter().position(|row| row.key == key)?;
        Some(begin + offset)
    }

    /// Whether the target holds this row; notes that a record has its key.
    fn meet(&self, hash: RowHash) -> bool {
        let Some(at) = self.find(hash.key) else { return false };
        let bit = 1 << (at % 64);
        if self.seen[at / 64].fetch_or(bit, Relaxed) & bit != 0 {
            self.repeated().insert(hash.key);
        }
        self.rows[at].row == hash.row
    }

    fn holds(&self, hash: RowHash) -> bool {
        self.find(hash.key).is_some_and(|at| self.rows[at].row == hash.row)
    }

    fn repeated(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.repeated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The directory has a `u32` for each row at most, so its index fits.
#[expect(clippy::cast_possible_truncation, reason = "an index of at most 32 bits")]
fn index(bits: u64) -> usize {
    bits as usize
}

/// Of rows whose keys have one hash nothing is known: two keys, or one row read twice while
/// somebody changed it.
fn forget_ambiguous(rows: &mut Vec<RowHash>) {
    let mut kept = 0;
    let mut at = 0;
    while at < rows.len() {
        let key = rows[at].key;
        let same = rows[at..].iter().take_while(|row| row.key == key).count();
        if same == 1 {
            rows[kept] = rows[at];
            kept += 1;
        }
        at += same;
    }
    rows.truncate(kept);
}

/// What all targets of a run hold.
pub(super) struct Known {
    /// What rows are hashed with.
    pub(super) seed: Seed,
    tables: Vec<KnownTable>,
}

impl Known {
    /// A table for each target.
    pub(super) fn new(seed: Seed, tables: Vec<KnownTable>) -> Self {
        Self { seed, tables }
    }

    /// Whether a record brings its targets nothing: they hold all its rows. `hashes` has `None`
    /// for a target that it does not go to. Its keys are noted.
    pub(super) fn is_same(&self, hashes: &[Option<RowHash>]) -> bool {
        // Each has to be asked, for its key to be noted.
        let held = self.each(hashes).map(|(table, hash)| table.meet(hash));
        held.reduce(|all, one| all & one).unwrap_or(false)
    }

    /// Whether any key came more than once: records that have it were perhaps not staged.
    pub(super) fn has_repeated(&self) -> bool {
        self.tables.iter().any(|table| !table.repeated().is_empty())
    }

    /// Whether a record was the same, but has a key that came more than once.
    pub(super) fn is_wanted(&self, hashes: &[Option<RowHash>]) -> bool {
        self.each(hashes).all(|(table, hash)| table.holds(hash))
            && self.each(hashes).any(|(table, hash)| table.repeated().contains(&hash.key))
    }

    fn each(&self, hashes: &[Option<RowHash>]) -> impl Iterator<Item = (&KnownTable, RowHash)> {
        self.tables.iter().zip(hashes).filter_map(|(table, hash)| Some((table, (*hash)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(u64, u64)]) -> KnownTable {
        let rows = rows.iter().map(|&(key, row)| RowHash { key, row }).collect();
        let is_key = Vec::new();
        let seed = Seed(0);
        let part = Remembering { seed, is_key, rows, rows_max: 100, key_max: u64::MAX };
        KnownTable::of(vec![part])
    }

    fn hash(key: u64, row: u64) -> Option<RowHash> {
        Some(RowHash { key, row })
    }

    #[test]
    fn only_a_row_with_both_hashes_is_the_same() {
        let known = Known::new(Seed(0), vec![table(&[(1, 10), (u64::MAX, 20), (1 << 63, 30)])]);
        for (key, row, same) in [
            (1, 10, true),
            (1, 11, false),
            (2, 10, false),
            (u64::MAX, 20, true),
            (1 << 63, 30, true),
        ] {
            assert_eq!(known.is_same(&[hash(key, row)]), same, "{key} {row}");
        }
        assert!(!known.is_same(&[None]), "a record that goes nowhere");
        assert!(!Known::new(Seed(0), vec![table(&[])]).is_same(&[hash(0, 0)]), "an empty table");
    }

    #[test]
    fn all_targets_of_a_record_have_to_hold_it() {
        let known = Known::new(Seed(0), vec![table(&[(1, 10)]), table(&[(5, 50)])]);
        assert!(known.is_same(&[hash(1, 10), None]));
        assert!(!known.is_same(&[hash(1, 10), hash(5, 51)]));
        assert!(known.has_repeated(), "the first key came twice");
        assert!(known.is_wanted(&[hash(1, 10), hash(5, 50)]));
        assert!(!known.is_wanted(&[hash(1, 10), hash(5, 51)]), "it was staged");
    }

    #[test]
    fn nothing_is_known_of_keys_with_one_hash() {
        let known = Known::new(Seed(0), vec![table(&[(1, 10), (1, 11), (2, 20)])]);
        assert!(!known.is_same(&[hash(1, 10)]) && !known.is_same(&[hash(1, 11)]));
        assert!(known.is_same(&[hash(2, 20)]));
    }

    #[test]
    fn of_more_rows_than_fit_some_are_remembered() {
        let mut part = Remembering {
            seed: Seed(7),
            is_key: vec![true],
            rows: Vec::new(),
            rows_max: 50,
            key_max: u64::MAX,
        };
        let field = |number: u32| [4_u32.to_be_bytes(), number.to_be_bytes()].concat();
        (0..1000).for_each(|number| part.add(&field(number)).expect("a row"));
        let remembered = part.rows.len();
        assert!((10..=50).contains(&remembered), "{remembered}");
        let known = Known::new(Seed(7), vec![KnownTable::of(vec![part])]);
        let same = (0..1000).filter(|number| {
            let mut key = KeyHash::default();
            key.add(&field(*number));
            known.is_same(&[hash(key.finish(), Seed(7).row(&field(*number)))])
        });
        assert_eq!(same.count(), remembered);
    }
}
