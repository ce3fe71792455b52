//! What the targets hold already, in memory: whether a record changes anything is known at once.
//!
//! A key that comes twice in the files is noted: then both records are needed in staging, by
//! whatever rule decides between them, and the files are read again for those that were passed
//! over by then.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::known::RowHash;

/// What one target holds.
pub(super) struct RememberedTable {
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

impl RememberedTable {
    /// All that was read of a target, or of a part of it.
    pub(super) fn of(mut rows: Vec<RowHash>) -> Self {
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

    /// Where the row with this key is.
    fn find(&self, key: u64) -> Option<usize> {
        let part = index(key >> self.shift);
        let (begin, end) = (self.directory[part] as usize, self.directory[part + 1] as usize);
        let offset = self.rows[begin..end].iter().position(|row| row.key == key)?;
        Some(begin + offset)
    }

    /// Whether the target holds this row; notes that a record has its key.
    pub(super) fn meet(&self, hash: RowHash) -> bool {
        let Some(at) = self.find(hash.key) else { return false };
        let bit = 1 << (at % 64);
        if self.seen[at / 64].fetch_or(bit, Relaxed) & bit != 0 {
            self.repeated().insert(hash.key);
        }
        self.rows[at].row == hash.row
    }

    pub(super) fn holds(&self, hash: RowHash) -> bool {
        self.find(hash.key).is_some_and(|at| self.rows[at].row == hash.row)
    }

    /// The hashes of keys that more than one record had.
    pub(super) fn repeated(&self) -> MutexGuard<'_, HashSet<u64>> {
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
pub(super) struct Remembered(Vec<RememberedTable>);

impl Remembered {
    /// A table for each target.
    pub(super) fn new(tables: Vec<RememberedTable>) -> Self {
        Self(tables)
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
        self.0.iter().any(|table| !table.repeated().is_empty())
    }

    /// Whether a record was the same, but has a key that came more than once.
    pub(super) fn is_wanted(&self, hashes: &[Option<RowHash>]) -> bool {
        self.each(hashes).all(|(table, hash)| table.holds(hash))
            && self.each(hashes).any(|(table, hash)| table.repeated().contains(&hash.key))
    }

    fn each(
        &self,
        hashes: &[Option<RowHash>],
    ) -> impl Iterator<Item = (&RememberedTable, RowHash)> {
        self.0.iter().zip(hashes).filter_map(|(table, hash)| Some((table, (*hash)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(u64, u64)]) -> RememberedTable {
        RememberedTable::of(rows.iter().map(|&(key, row)| RowHash { key, row }).collect())
    }

    fn hash(key: u64, row: u64) -> Option<RowHash> {
        Some(RowHash { key, row })
    }

    #[test]
    fn only_a_row_with_both_hashes_is_the_same() {
        let known = Remembered::new(vec![table(&[(1, 10), (u64::MAX, 20), (1 << 63, 30)])]);
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
        assert!(!Remembered::new(vec![table(&[])]).is_same(&[hash(0, 0)]), "an empty table");
    }

    #[test]
    fn all_targets_of_a_record_have_to_hold_it() {
        let known = Remembered::new(vec![table(&[(1, 10)]), table(&[(5, 50)])]);
        assert!(known.is_same(&[hash(1, 10), None]));
        assert!(!known.is_same(&[hash(1, 10), hash(5, 51)]));
        assert!(known.has_repeated(), "the first key came twice");
        assert!(known.is_wanted(&[hash(1, 10), hash(5, 50)]));
        assert!(!known.is_wanted(&[hash(1, 10), hash(5, 51)]), "it was staged");
    }

    #[test]
    fn nothing_is_known_of_keys_with_one_hash() {
        let known = Remembered::new(vec![table(&[(1, 10), (1, 11), (2, 20)])]);
        assert!(!known.is_same(&[hash(1, 10)]) && !known.is_same(&[hash(1, 11)]));
        assert!(known.is_same(&[hash(2, 20)]));
    }
}
