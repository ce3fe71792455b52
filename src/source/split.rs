//! Splits: how large they are, and the proof that they tile their file.
//!
//! Decoders trust what a split says about itself (its first record, line and
//! byte), and the ledger counts by it. [`Tiling`] holds every splitter to
//! that: a gap or an overlap between two splits would lose or double records
//! silently, so it stops the run as a fault of longshore.

use super::{Split, Splitter};
use crate::{
    error::{Error, Result},
    outcome::FileWarning,
};

/// Bytes of a split unless the operator says otherwise or there are many threads.
pub const SPLIT_BYTES_DEFAULT: usize = 4 * 1024 * 1024;
/// Bytes of all splits that are being encoded, for each of their tables: eight threads with splits
/// of 4 MiB have a process of 214 MiB at most (`benches/RESULTS.md`), and more threads or tables
/// shall not need more.
const ENCODED_BYTES_MAX: usize = 8 * SPLIT_BYTES_DEFAULT;
/// The smallest split that can be asked for.
pub const SPLIT_BYTES_MIN: usize = 1024;
/// The largest split that can be asked for, and the largest single record or line.
pub const SPLIT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of a split that suit so many threads, and tables that it is encoded for.
pub fn split_bytes_for(threads: usize, targets: usize) -> usize {
    let encoded = threads.saturating_mul(targets).max(1);
    (ENCODED_BYTES_MAX / encoded).clamp(SPLIT_BYTES_MIN, SPLIT_BYTES_DEFAULT)
}

/// A splitter whose splits are checked to meet each other.
pub struct Tiling {
    splitter: Box<dyn Splitter>,
    contiguous: bool,
    /// The split before: its ordinal, and the record and byte after it.
    before: Option<(u32, u64, u64)>,
    file: Option<u32>,
}

impl Tiling {
    /// Checks ordinals, record numbers and bytes: for formats whose payload is
    /// the stream itself.
    pub fn new(splitter: Box<dyn Splitter>) -> Self {
        Self { splitter, contiguous: true, before: None, file: None }
    }

    /// Checks ordinals and record numbers only: for formats whose payload is
    /// made of several files, or leaves bytes between records out.
    pub fn of_records(splitter: Box<dyn Splitter>) -> Self {
        Self { splitter, contiguous: false, before: None, file: None }
    }

    fn check(&mut self, split: &Split) -> Result<()> {
        let file = *self.file.get_or_insert(split.file);
        let first_byte = split.first_byte;
        let (ordinal, record, byte) = self.before.unwrap_or((0, 1, first_byte));
        let meets = split.file == file
            && split.ordinal == ordinal
            && split.first_record == record
            && (!self.contiguous || first_byte == byte);
        if !meets {
            return Err(Error::unexpected(format!(
                "split {} of file {} starts at record {} and byte {first_byte}; \
                 split {ordinal} at record {record} and byte {byte} was due",
                split.ordinal, split.file, split.first_record,
            )));
        }
        let after = first_byte + split.payload.len() as u64;
        self.before = Some((ordinal + 1, record + split.records, after));
        Ok(())
    }
}

impl Splitter for Tiling {
    fn next_split(&mut self) -> Result<Option<Split>> {
        let split = self.splitter.next_split()?;
        if let Some(split) = &split {
            self.check(split)?;
        }
        Ok(split)
    }

    fn bytes_read(&self) -> u64 {
        self.splitter.bytes_read()
    }

    fn warnings(&self) -> Vec<FileWarning> {
        self.splitter.warnings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// Splits of ten bytes: (ordinal, first record, records, first byte).
    struct Given(std::vec::IntoIter<(u32, u64, u64, u64)>);

    impl Splitter for Given {
        fn next_split(&mut self) -> Result<Option<Split>> {
            let payload = Bytes::from_static(b"0123456789");
            Ok(self.0.next().map(|(ordinal, first_record, records, first_byte)| Split {
                file: 0,
                ordinal,
                first_record,
                records,
                first_line: 1,
                first_byte,
                payload,
            }))
        }

        fn bytes_read(&self) -> u64 {
            0
        }
    }

    fn accepted<const COUNT: usize>(splits: [(u32, u64, u64, u64); COUNT]) -> bool {
        let mut tiling = Tiling::new(Box::new(Given(Vec::from(splits).into_iter())));
        (0..COUNT).all(|_| tiling.next_split().is_ok())
    }

    #[test]
    fn many_threads_and_tables_share_what_splits_may_take() {
        assert_eq!(split_bytes_for(1, 1), SPLIT_BYTES_DEFAULT);
        assert_eq!(split_bytes_for(2, 4), SPLIT_BYTES_DEFAULT);
        assert_eq!(split_bytes_for(8, 1), SPLIT_BYTES_DEFAULT);
        assert_eq!(split_bytes_for(64, 1), SPLIT_BYTES_DEFAULT / 8);
        assert_eq!(split_bytes_for(8, 8), SPLIT_BYTES_DEFAULT / 8);
        assert!(split_bytes_for(usize::MAX, 2) >= SPLIT_BYTES_MIN);
    }

    #[test]
    fn splits_must_meet_in_ordinal_record_and_byte() {
        assert!(accepted([(0, 1, 5, 7), (1, 6, 2, 17), (2, 8, 1, 27)]));
        assert!(!accepted([(1, 1, 5, 7)]));
        assert!(!accepted([(0, 2, 5, 7)]));
        assert!(!accepted([(0, 1, 5, 7), (2, 6, 2, 17)]));
        assert!(!accepted([(0, 1, 5, 7), (1, 7, 2, 17)]));
        assert!(!accepted([(0, 1, 5, 7), (1, 6, 2, 18)]));
        assert!(!accepted([(0, 1, 5, 7), (1, 6, 2, 16)]));
    }
}
