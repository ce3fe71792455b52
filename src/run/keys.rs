//! Hashes of keys: proof on our side that no two staged rows share one.
//!
//! Looking for duplicates in the database sorts every staged row by its key,
//! on one processor, after everything else; nearly always it finds none. So
//! the workers hash each key as it goes to the wire. If all hashes of a target
//! differ, so do all keys (where equal values have equal bytes, which
//! [`crate::postgres::judge`] settles), and the sort is spared. Equal hashes
//! prove nothing: then, and where there are too many keys to remember, the
//! database looks itself.

use std::hash::{DefaultHasher, Hasher};

/// Keys that are remembered, of all targets together: 64 MiB of hashes.
const KEYS_MAX: usize = 8 << 20;

/// Hashes are kept apart by their first byte: each part grows and sorts on its own.
const PARTS: usize = 256;

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
    count: usize,
    count_max: usize,
}

impl KeyHashes {
    /// None so far, of one of so many targets.
    pub(super) fn new(targets: usize) -> Self {
        let count_max = KEYS_MAX / targets.max(1);
        Self { parts: vec![Vec::new(); PARTS], count: 0, count_max }
    }

    /// Adds those of a split; beyond the limit all are forgotten.
    pub(super) fn add(&mut self, hashes: &[u64]) {
        self.count = self.count.saturating_add(hashes.len());
        if self.count > self.count_max {
            self.parts.iter_mut().for_each(|part| *part = Vec::new());
            return;
        }
        for hash in hashes {
            let part = &mut self.parts[(hash >> 56) as usize];
            if part.len() == part.capacity() {
                // Doubling would take up to twice the memory that is allowed for.
                part.reserve_exact(part.len() / 8 + PART_MIN);
            }
            part.push(*hash);
        }
    }

    /// Whether these are the hashes of so many rows, each different.
    pub(super) fn are_distinct(mut self, rows: u64) -> bool {
        let remembered = self.count <= self.count_max && self.count as u64 == rows;
        remembered
            && self.parts.iter_mut().all(|part| {
                part.sort_unstable();
                part.windows(2).all(|pair| pair[0] != pair[1])
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_take_little_more_memory_than_they_need() {
        let mut keys = KeyHashes::new(1);
        let count = 1_000_000_u64;
        let spread = (0..count).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        keys.add(&spread.collect::<Vec<_>>());
        let room: usize = keys.parts.iter().map(Vec::capacity).sum();
        assert!(room < 1_150_000, "{room}");
        assert!(keys.are_distinct(count));
    }

    fn hash(fields: &[&[u8]]) -> u64 {
        let mut hash = KeyHash::default();
        fields.iter().for_each(|field| hash.add(field));
        hash.finish()
    }

    fn distinct(keys: &[u64], rows: u64, count_max: usize) -> bool {
        let mut hashes = KeyHashes { count_max, ..KeyHashes::new(1) };
        keys.chunks(2).for_each(|split| hashes.add(split));
        hashes.are_distinct(rows)
    }

    #[test]
    fn keys_are_distinct_only_if_all_are_known_and_different() {
        let keys = [hash(&[b"a"]), hash(&[b"b"]), hash(&[b"a", b"b"])];
        assert!(distinct(&keys, 3, 3));
        assert!(!distinct(&keys, 4, 3), "a row's key is missing");
        assert!(!distinct(&keys, 3, 2), "too many to remember");
        assert!(!distinct(&[keys[0], keys[1], keys[0]], 3, 3), "one comes twice");
        assert!(distinct(&[], 0, 3));
    }
}
