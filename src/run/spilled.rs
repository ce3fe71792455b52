//! What large targets hold already, on the disk: compared when all records are read.
//!
//! The hashes of a table with tens of millions of rows do not fit into memory. Then both sides
//! are written to parts by the hashes of their keys, 16 bytes a row of the table and 24 a record,
//! and a part of the one meets the same part of the other. What comes out is one bit a record:
//! whether it has to be staged. The files are read again only if some have.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{
    known::{RowHash, Seed},
    remembered::RememberedTable,
    spill::Spill,
};
use crate::{
    error::{Error, Result},
    failpoint,
    outcome::Position,
};

/// Rows of a part of a table that are compared, in memory: many more than a part should have. Keys
/// that are not spread (one key for all rows) are left to the database.
const PART_ROWS_MAX: usize = 4 << 20;

/// What one target holds, as each connection read it.
pub(super) type SpilledTable = Vec<Spill<2>>;

/// What all targets hold: key and row.
pub(super) struct SpilledTables {
    /// What rows are hashed with.
    pub(super) seed: Seed,
    /// By how many bits parts are told apart.
    pub(super) bits: u32,
    /// A table for each target.
    pub(super) tables: Vec<SpilledTable>,
}

/// A record's row for a target: key, row, and which record it is.
pub(super) type OpenRow = [u64; 3];

/// What was read for one target and is not compared yet.
pub(super) fn open_row(hash: RowHash, ordinal: i64) -> OpenRow {
    [hash.key, hash.row, ordinal.cast_unsigned()]
}

impl SpilledTables {
    /// Where the rows of records go, for each target, until they are compared.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when no file can be made there.
    pub(super) fn open_rows(&self, folder: &Path) -> Result<Vec<Spill<3>>> {
        self.tables.iter().map(|_| Spill::create(folder, self.bits)).collect()
    }

    /// Compares everything; gives what is to be staged of files with so many records.
    /// `check` is asked before each part; what it says against going on ends it. Blocks.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk does not give back what it was given.
    pub(super) fn compare(
        &self,
        open: &[Spill<3>],
        records: &[u64],
        check: impl Fn() -> Result<()> + Sync,
    ) -> Result<Wanted> {
        let wanted = Wanted::nothing_of(records);
        for (table, open) in self.tables.iter().zip(open) {
            (0..open.parts()).into_par_iter().try_for_each(|part| {
                check()?;
                self.compare_part(part, table, open, &wanted)
            })?;
        }
        Ok(wanted)
    }

    fn compare_part(
        &self,
        part: usize,
        table: &SpilledTable,
        open: &Spill<3>,
        wanted: &Wanted,
    ) -> Result<()> {
        let held = self.held(part, table)?;
        let mut broken = None;
        let mut want = |ordinal| broken = wanted.add(ordinal).err().or(broken.take());
        open.each(part, |[key, row, ordinal]| {
            if !held.meet(self.hash(key, row)) {
                want(ordinal);
            }
        })?;
        let repeated = held.repeated();
        if !repeated.is_empty() {
            open.each(part, |[key, row, ordinal]| {
                if repeated.contains(&self.hash(key, row).key) {
                    want(ordinal);
                }
            })?;
        }
        broken.map_or(Ok(()), Err)
    }

    fn held(&self, part: usize, table: &SpilledTable) -> Result<RememberedTable> {
        let count: usize = table.iter().map(|spill| spill.count(part)).sum();
        let mut rows = Vec::new();
        if count <= failpoint::most(PART_ROWS_MAX) {
            rows.reserve_exact(count);
            for spill in table {
                spill.each(part, |[key, row]| rows.push(self.hash(key, row)))?;
            }
        }
        Ok(RememberedTable::of(rows))
    }

    /// The upper bits of all keys of a part are the same: what tells them apart comes first.
    fn hash(&self, key: u64, row: u64) -> RowHash {
        RowHash { key: key.rotate_left(self.bits), row }
    }
}

/// Which records are to be staged: a bit for each record of each file.
pub(super) struct Wanted(Vec<Vec<AtomicU64>>);

impl Wanted {
    fn nothing_of(records: &[u64]) -> Self {
        // Records are numbered from 1.
        let words = |records: &u64| (0..=records / 64).map(|_| AtomicU64::new(0)).collect();
        Self(records.iter().map(words).collect())
    }

    fn add(&self, ordinal: u64) -> Result<()> {
        let (file, record, _) = Position::split_ordinal(ordinal.cast_signed());
        let word = self.word(file, record);
        let word = word.ok_or_else(|| Error::unexpected("a record has a number of its own"))?;
        word.fetch_or(1 << (record % 64), Relaxed);
        Ok(())
    }

    /// Whether a record is to be staged.
    pub(super) fn has(&self, position: Position) -> bool {
        let word = self.word(position.file, position.record);
        word.is_some_and(|word| word.load(Relaxed) & (1 << (position.record % 64)) != 0)
    }

    /// Whether any is.
    pub(super) fn has_any(&self) -> bool {
        self.0.iter().flatten().any(|word| word.load(Relaxed) != 0)
    }

    fn word(&self, file: u32, record: u64) -> Option<&AtomicU64> {
        self.0.get(file as usize)?.get(usize::try_from(record / 64).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u32 = 4;

    fn spilled<const N: usize>(entries: &[[u64; N]]) -> Spill<N> {
        let mut spill = Spill::create(&std::env::temp_dir(), BITS).expect("a file");
        entries.iter().for_each(|entry| spill.push(*entry).expect("room"));
        spill
    }

    fn position(file: u32, record: u64) -> Position {
        Position { file, record, line: 0 }
    }

    fn row(key: u64, row: u64, file: u32, record: u64) -> OpenRow {
        open_row(RowHash { key, row }, position(file, record).row_ordinal(0))
    }

    fn wanted(tables: Vec<SpilledTable>, open: &[Spill<3>], records: &[u64]) -> Vec<(u32, u64)> {
        let tables = SpilledTables { seed: Seed::random(), bits: BITS, tables };
        let wanted = tables.compare(open, records, || Ok(())).expect("a comparison");
        let files = (0_u32..).zip(records);
        let all = files.flat_map(|(file, records)| (1..=*records).map(move |it| (file, it)));
        let found: Vec<_> = all.filter(|&(file, it)| wanted.has(position(file, it))).collect();
        assert_eq!(wanted.has_any(), !found.is_empty());
        found
    }

    #[test]
    fn what_a_table_has_not_got_is_wanted() {
        let high = u64::MAX;
        let table = || vec![spilled(&[[1, 10], [high, 30]]), spilled(&[[2, 20], [high - 1, 40]])];
        let same = [row(1, 10, 0, 1), row(2, 20, 0, 64), row(high, 30, 1, 1)];
        assert_eq!(wanted(vec![table()], &[spilled(&same)], &[64, 1]), []);
        let others = [
            row(1, 11, 0, 1),
            row(3, 10, 0, 2),
            row(2, 20, 0, 3),
            row(high - 1, 30, 1, 1),
            row(high, 30, 1, 2),
        ];
        let found = wanted(vec![table()], &[spilled(&others)], &[64, 2]);
        assert_eq!(found, [(0, 1), (0, 2), (1, 1)]);
    }

    #[test]
    fn every_record_of_a_key_that_comes_twice_is_wanted() {
        let table = vec![spilled(&[[1, 10], [2, 20]])];
        let open = [row(1, 10, 0, 1), row(2, 20, 0, 2), row(1, 10, 0, 3), row(1, 11, 0, 4)];
        assert_eq!(wanted(vec![table], &[spilled(&open)], &[4]), [(0, 1), (0, 3), (0, 4)]);
    }

    #[test]
    fn nothing_is_known_of_rows_with_one_hash_of_their_keys() {
        let table = vec![spilled(&[[1, 10], [2, 20]]), spilled(&[[1, 10]])];
        let open = [row(1, 10, 0, 1), row(2, 20, 0, 2)];
        assert_eq!(wanted(vec![table], &[spilled(&open)], &[2]), [(0, 1)]);
    }

    #[test]
    fn a_record_goes_to_all_targets_if_one_wants_it() {
        let tables = vec![vec![spilled(&[[1, 10]])], vec![spilled(&[[5, 50], [6, 60]])]];
        let open = [spilled(&[row(1, 10, 0, 1)]), spilled(&[row(5, 51, 0, 1), row(6, 60, 0, 2)])];
        assert_eq!(wanted(tables, &open, &[2]), [(0, 1)]);
    }
}
