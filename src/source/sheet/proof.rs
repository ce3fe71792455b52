//! The proof of one part of a package: that it unpacks to what its checksum says, and to
//! no more than an honest part of its size.

use std::io::{Error as IoError, Read};

use zip::read::ZipFile;

use super::failure::{damaged, of_reading, too_large};
use crate::error::Result;

/// How far a part may unpack, however well it packs.
const RATIO_MAX: u64 = 200;

/// Below this size the ratio says nothing: a sheet of equal rows packs 300:1.
pub(super) const RATIO_FLOOR_BYTES: u64 = 64 << 20;

/// One part unpacked; the largest sheet of plain numbers stays below.
const PART_BYTES_MAX: u64 = 16 << 30;

/// Bytes without a tag; calamine holds a text between two tags in memory.
pub(super) const UNTAGGED_BYTES_MAX: u64 = 16 << 20;

/// What unpacking a part showed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PartFacts {
    pub(super) bytes: u64,
    pub(super) tags: u64,
    untagged: u64,
}

/// A part that is proven as far as it is read; at its end its checksum is, too.
pub(super) struct Proving<R> {
    part: R,
    packed: u64,
    is_xml: bool,
    facts: PartFacts,
}

impl<'a, R: Read> Proving<ZipFile<'a, R>> {
    /// Nothing of the part has been read yet.
    pub(super) fn of(part: ZipFile<'a, R>, is_xml: bool) -> Self {
        Self { packed: part.compressed_size(), part, is_xml, facts: PartFacts::default() }
    }
}

impl<R: Read> Proving<R> {
    /// Reads what is left.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the part is damaged or oversized.
    pub(super) fn drain(&mut self) -> Result<()> {
        let mut buffer = vec![0; 64 << 10];
        while self.read(&mut buffer).map_err(of_reading)? > 0 {}
        Ok(())
    }

    /// What was seen so far.
    pub(super) fn facts(&self) -> PartFacts {
        self.facts
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        if self.is_xml {
            // Entities are what makes small XML large; no workbook declares any.
            if self.facts.bytes == 0 && memchr::memmem::find(bytes, b"<!DOCTYPE").is_some() {
                return Err(damaged("a part of it has a document type declaration"));
            }
            if self.facts.count_tags(bytes) > UNTAGGED_BYTES_MAX {
                return Err(too_large("a single text of it is over 16 MiB"));
            }
        }
        self.facts.bytes += bytes.len() as u64;
        let bytes = self.facts.bytes;
        let over_ratio = bytes > RATIO_FLOOR_BYTES && bytes / RATIO_MAX > self.packed;
        if over_ratio || bytes > PART_BYTES_MAX {
            return Err(too_large("a part of it unpacks to far more than it is"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Proving<R> {
    /// What is wrong with the part comes as an error of reading that [`of_reading`] undoes.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.part.read(buffer)?;
        self.take(&buffer[..length]).map_err(IoError::other)?;
        Ok(length)
    }
}

impl PartFacts {
    /// The most bytes without a tag that end, or have not ended, in `bytes`.
    fn count_tags(&mut self, bytes: &[u8]) -> u64 {
        let (mut last, mut longest) = (0, 0);
        for at in memchr::memchr_iter(b'<', bytes) {
            longest = longest.max(self.untagged + (at - last) as u64);
            self.untagged = 0;
            last = at;
            self.tags += 1;
        }
        self.untagged += (bytes.len() - last) as u64;
        longest.max(self.untagged)
    }
}
