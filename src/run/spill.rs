//! Numbers that are too many for memory: in a file without a name, apart by their first bits.
//!
//! Whatever is compared by hash has to meet only what has the same hash. So entries are kept in
//! parts by the upper bits of their first number, and each part is looked at on its own. A part
//! is a list of blocks that are full, wherever in the file they came to stand, and what does not
//! fill a block yet, which stays in memory. The file goes when the run does, however that ends.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    failpoint,
};

/// Bytes that wait in memory for their blocks to be full, of all parts together.
const WAITING_MAX: usize = 4 << 20;

/// A block is written and read at once: larger ones would save nothing.
const BLOCK_MAX: usize = 64 << 10;

/// About how many entries a part shall have: a few MiB.
const PART_ENTRIES: u64 = 1 << 18;

/// The bits that tell apart as many parts as so many entries need.
pub(super) fn bits_for(entries: u64) -> u32 {
    (entries / PART_ENTRIES).max(1).next_power_of_two().ilog2().clamp(4, 10)
}

/// Entries of `N` numbers each; the first is spread evenly over all 64 bits.
#[derive(Debug)]
pub(super) struct Spill<const N: usize> {
    file: File,
    folder: PathBuf,
    parts: Vec<Part>,
    bits: u32,
    block: usize,
    end: u64,
}

#[derive(Debug, Default)]
struct Part {
    /// Less than a block.
    waiting: Vec<u8>,
    /// Where full blocks begin.
    blocks: Vec<u64>,
}

impl<const N: usize> Spill<N> {
    const ENTRY: usize = 8 * N;

    /// An empty one with 2^`bits` parts, whose file is on the disk of a folder.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when no file can be made there.
    pub(super) fn create(folder: &Path, bits: u32) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|cause| refused(folder, cause))?;
        let room = (WAITING_MAX >> bits).min(BLOCK_MAX);
        let block = failpoint::most(room / Self::ENTRY).max(1) * Self::ENTRY;
        let parts = (0..1_usize << bits).map(|_| Part::default()).collect();
        Ok(Self { file, folder: folder.to_owned(), parts, bits, block, end: 0 })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk takes no more.
    #[inline]
    pub(super) fn push(&mut self, entry: [u64; N]) -> Result<()> {
        let part = &mut self.parts[(entry[0] >> (u64::BITS - self.bits)) as usize];
        if part.waiting.capacity() == 0 {
            part.waiting.reserve_exact(self.block);
        }
        entry.iter().for_each(|number| part.waiting.extend_from_slice(&number.to_le_bytes()));
        if part.waiting.len() < self.block {
            return Ok(());
        }
        let written = self.file.write_all(&part.waiting);
        written.map_err(|cause| refused(&self.folder, cause))?;
        part.waiting.clear();
        part.blocks.push(self.end);
        self.end += self.block as u64;
        Ok(())
    }

    /// How many parts there are.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// How many entries a part has.
    pub(super) fn count(&self, part: usize) -> usize {
        let Part { waiting, blocks } = &self.parts[part];
        (blocks.len() * self.block + waiting.len()) / Self::ENTRY
    }

    /// Gives all entries of a part to `take`, in the order in which they were added.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk does not give them back.
    pub(super) fn each(&self, part: usize, mut take: impl FnMut([u64; N])) -> Result<()> {
        let Part { waiting, blocks } = &self.parts[part];
        let mut block = vec![0; if blocks.is_empty() { 0 } else { self.block }];
        for at in blocks {
            let read = self.file.read_exact_at(&mut block, *at);
            read.map_err(|cause| refused(&self.folder, cause))?;
            entries(&block).for_each(&mut take);
        }
        entries(waiting).for_each(take);
        Ok(())
    }
}

fn entries<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u64; N]> {
    bytes.chunks_exact(8 * N).map(|entry| {
        let (numbers, _) = entry.as_chunks::<8>();
        std::array::from_fn(|index| u64::from_le_bytes(numbers[index]))
    })
}

fn refused(folder: &Path, cause: io::Error) -> Error {
    let what = format!("hashes of rows cannot be kept in `{}`", folder.display());
    let hint = "of large tables they need up to 40 bytes a record there while the run lasts; is \
                the disk full?";
    Error::environment(what).caused_by(cause).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_comes_back_in_its_part_and_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spill = Spill::<3>::create(folder.path(), 10).expect("a file");
        let entry = |n: u64| [n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n, n + 1];
        let count = 300_000;
        (0..count).for_each(|n| spill.push(entry(n)).expect("room"));
        assert!(spill.end > 1 << 20, "blocks were written: {}", spill.end);
        let mut all = Vec::new();
        for part in 0..spill.parts() {
            let mut found = Vec::new();
            spill.each(part, |entry| found.push(entry)).expect("entries");
            assert_eq!(found.len(), spill.count(part));
            assert!(found.iter().all(|entry| entry[0] >> 54 == part as u64));
            assert!(found.is_sorted_by_key(|entry| entry[1]));
            all.append(&mut found);
        }
        all.sort_unstable_by_key(|entry| entry[1]);
        assert_eq!(all, (0..count).map(entry).collect::<Vec<_>>());
        let left = folder.path().read_dir().expect("the folder").count();
        assert_eq!(left, 0, "the file has no name");
    }

    #[test]
    fn a_disk_that_is_not_there_is_named() {
        let error = Spill::<1>::create(Path::new("/no/such/folder"), 4).expect_err("no folder");
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }

    #[test]
    fn parts_stay_small_and_few() {
        assert_eq!([0, 1 << 22, 80_000_000, u64::MAX].map(bits_for), [4, 4, 9, 10]);
    }
}
