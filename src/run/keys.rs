//! Hashes of keys: proof on our side that no two staged rows share one.
//!
//! Looking for duplicates in the database sorts every staged row by its key,
//! on one processor, after everything else; nearly always it finds none. So
//! the workers hash each key as it goes to the wire. If all hashes of a target
//! differ, so do all keys (where equal values have equal bytes, which
//! [`crate::postgres::judge`] settles), and the sort is spared. Equal hashes
//! prove nothing: then the database looks itself. More than some million hashes
//! go to the disk.

use std::{
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::spill::Spill;
use crate::{error::Result, failpoint};

/// Keys whose hashes are held in memory, of all targets together: 64 MiB.
const KEYS_MAX: usize = 8 << 20;

/// Hashes are kept apart by so many of their upper bits: each part grows and sorts on its own.
const BITS: u32 = 8;

/// The room of a part at first, in hashes.
const PART_MIN: usize = 64;

/// The hash of one row's key, field by field.
#[derive(Default)]
pub(super) struct KeyHash(DefaultHasher);

impl KeyHash {
    /// Adds a field as it goes to the wire, its length word included.
    #[inline]
    pub(super) fn add(&mut self, field: &[u8]) {
        self.0.write(field);
    }

    #[inline]
    pub(super) fn finish(&self) -> u64 {
        self.0.finish()
    }
}

/// The hashes of one target's keys so far.
pub(super) struct KeyHashes {
    parts: Vec<Vec<u64>>,
    count: u64,
    held_max: u64,
    folder: PathBuf,
    spilled: Option<Spill<1>>,
}

impl KeyHashes {
    /// None so far, of one of so many targets; what is too much goes to the disk of `folder`.
    pub(super) fn new(targets: usize, folder: &Path) -> Self {
        let held_max = failpoint::most(KEYS_MAX / targets.max(1)) as u64;
        let (parts, folder) = (vec![Vec::new(); 1 << BITS], folder.to_owned());
        Self { parts, count: 0, held_max, folder, spilled: None }
    }

    /// Adds those of a split.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk takes no more.
    pub(super) fn add(&mut self, hashes: &[u64]) -> Result<()> {
        self.count += hashes.len() as u64;
        if self.count > self.held_max {
            return self.spill(hashes);
        }
        for hash in hashes {
            let part = &mut self.parts[(hash >> (u64::BITS - BITS)) as usize];
            if part.len() == part.capacity() {
                // Doubling would take up to twice the memory that is allowed for.
                part.reserve_exact(part.len() / 8 + PART_MIN);
            }
            part.push(*hash);
        }
        Ok(())
    }

    fn spill(&mut self, hashes: &[u64]) -> Result<()> {
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(Spill::create(&self.folder, BITS)?),
        };
        let held = self.parts.iter_mut().flat_map(std::mem::take);
        held.chain(hashes.iter().copied()).try_for_each(|hash| spilled.push([hash]))
    }

    /// Whether these are the hashes of so many rows, each different; looked at by all threads of
    /// the rayon pool that this runs on, a part each.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk does not give back what it was given.
    pub(super) fn are_distinct(mut self, rows: u64) -> Result<bool> {
        if self.count != rows {
            return Ok(false);
        }
        let Some(spilled) = &self.spilled else {
            return Ok(self.parts.par_iter_mut().all(|part| differ(part)));
        };
        let part = |part| {
            let mut hashes = Vec::with_capacity(spilled.count(part));
            spilled.each(part, |[hash]| hashes.push(hash)).map(|()| differ(&mut hashes))
        };
        let parts = (0..spilled.parts()).into_par_iter().map(part);
        // The first that is known to repeat, or cannot be read, ends it.
        parts.find_any(|differ| !matches!(differ, Ok(true))).unwrap_or(Ok(true))
    }
}

fn differ(hashes: &mut [u64]) -> bool {
    hashes.sort_unstable();
    hashes.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_take_little_more_memory_than_they_need() {
        let mut keys = KeyHashes::new(1, Path::new("/no/such/folder"));
        let count = 1_000_000_u64;
        let spread = (0..count).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        keys.add(&spread.collect::<Vec<_>>()).expect("memory");
        let room: usize = keys.parts.iter().map(Vec::capacity).sum();
        assert!(room < 1_150_000, "{room}");
        assert!(keys.are_distinct(count).expect("memory"));
    }

    fn hash(fields: &[&[u8]]) -> u64 {
        let mut hash = KeyHash::default();
        fields.iter().for_each(|field| hash.add(field));
        hash.finish()
    }

    fn distinct(keys: &[u64], rows: u64, held_max: u64) -> bool {
        let hashes = KeyHashes::new(1, &std::env::temp_dir());
        let mut hashes = KeyHashes { held_max, ..hashes };
        keys.chunks(2).for_each(|split| hashes.add(split).expect("room"));
        assert_eq!(hashes.spilled.is_some(), keys.len() as u64 > held_max);
        hashes.are_distinct(rows).expect("a file")
    }

    #[test]
    fn keys_are_distinct_only_if_all_are_known_and_different() {
        let keys = [hash(&[b"a"]), hash(&[b"b"]), hash(&[b"a", b"b"])];
        assert!(distinct(&keys, 3, 3));
        assert!(!distinct(&keys, 4, 3), "a row's key is missing");
        assert!(distinct(&keys, 3, 2) && distinct(&keys, 3, 1), "on the disk");
        for held_max in 1..4 {
            let twice = [keys[0], keys[1], keys[0]];
            assert!(!distinct(&twice, 3, held_max), "one comes twice: {held_max}");
        }
        assert!(distinct(&[], 0, 3));
    }
}
