//! Cutting the stream into splits of whole records.

use std::sync::{Arc, atomic::AtomicU64};

use super::{Shape, boundary::PieceKind, text};
use crate::{
    error::{Error, Result},
    outcome::FileWarning,
    source::{Split, Splitter, block::BlockReader, split::SPLIT_BYTES_MAX},
};

/// Read beyond a split's size, so that the record that ends it is usually there.
const READ_AHEAD_BYTES: usize = 64 * 1024;
/// Blocks are no smaller than this, however small the splits.
const BLOCK_BYTES_MIN: usize = 256 * 1024;

/// Cuts after the first record that ends at or beyond `split_bytes`: where the
/// cuts are depends on the content only, never on how reads happened to fall.
pub(super) struct CsvSplitter {
    shape: Arc<Shape>,
    blocks: BlockReader,
    counter: Arc<AtomicU64>,
    split_bytes: usize,
    ordinal: u32,
    record: u64,
    line: u64,
    ends: LineEnds,
}

/// How many records end in which way; what stands between quotes does not count.
#[derive(Default, Clone, Copy)]
struct LineEnds {
    crlf: u64,
    lf: u64,
    cr: u64,
}

impl LineEnds {
    /// Counts the end of a piece whose content is so long; the last may have none.
    fn count(&mut self, piece: &[u8], content: usize) {
        match piece[content..] {
            [b'\r', b'\n'] => self.crlf += 1,
            [b'\n'] => self.lf += 1,
            [b'\r'] => self.cr += 1,
            _ => {}
        }
    }

    /// Two kinds in one file come of files put together, or of an editor: nothing is lost, but
    /// somebody should know.
    fn warning(self) -> Option<FileWarning> {
        let kinds = [("CR LF", self.crlf), ("LF", self.lf), ("CR", self.cr)];
        let found: Vec<String> = kinds
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} in {kind}"))
            .collect();
        (found.len() > 1).then(|| FileWarning {
            code: "csv.line_ends",
            message: format!("its lines end in different ways: {}", found.join(", ")),
        })
    }
}

/// What the next split holds so far.
#[derive(Default)]
struct Found {
    bytes: usize,
    records: u64,
    lines: u64,
    /// Lines before its first record.
    skipped_first: u64,
    ends: LineEnds,
}

impl CsvSplitter {
    pub(super) fn open(shape: Arc<Shape>, split_bytes: usize) -> Result<Self> {
        let block_bytes = (split_bytes + READ_AHEAD_BYTES).max(BLOCK_BYTES_MIN);
        let (mut blocks, counter) = shape.text.open(block_bytes)?;
        // A header longer than a block is passed over block by block.
        let mut left = usize::try_from(shape.start.byte).unwrap_or(usize::MAX);
        while left > 0 && !blocks.at_end() {
            blocks.fill(left.min(block_bytes))?;
            let skipped = left.min(blocks.unread().len());
            blocks.skip(skipped);
            left -= skipped;
        }
        let line = shape.start.line;
        Ok(Self {
            shape,
            blocks,
            counter,
            split_bytes,
            ordinal: 0,
            record: 1,
            line,
            ends: LineEnds::default(),
        })
    }

    /// Scans what has been read, up to a split's size.
    fn scan(&self, found: &mut Found) -> Result<()> {
        let (unread, at_end) = (self.blocks.unread(), self.blocks.at_end());
        while found.bytes < self.split_bytes {
            let next = self.shape.boundary.next_piece(&unread[found.bytes..], at_end);
            let Some(piece) = next else { return Ok(()) };
            if piece.content > SPLIT_BYTES_MAX {
                return Err(self.too_long(found));
            }
            found.ends.count(&unread[found.bytes..found.bytes + piece.whole], piece.content);
            found.bytes += piece.whole;
            found.lines += piece.lines;
            if piece.kind != PieceKind::Skipped {
                found.records += 1;
            } else if found.records == 0 {
                found.skipped_first += piece.lines;
            }
        }
        Ok(())
    }

    fn read_more(&mut self, found: &Found) -> Result<()> {
        let length = self.blocks.unread().len();
        // One more byte may be half a line end.
        if length - found.bytes > SPLIT_BYTES_MAX + 1 {
            return Err(self.too_long(found));
        }
        // Doubling keeps a very long line from being scanned over and over.
        self.blocks.fill((self.split_bytes + READ_AHEAD_BYTES).max(length * 2))
    }

    fn too_long(&self, found: &Found) -> Error {
        let line = self.line + found.lines;
        Error::source_file(format!("the record on line {line} is longer than 64 MiB"))
            .hint("is this a text file, and in the declared encoding?")
    }

    fn cut(&mut self, found: &Found) -> Split {
        let first_byte = self.blocks.offset();
        let split = Split {
            file: self.shape.file.ordinal,
            ordinal: self.ordinal,
            first_record: self.record,
            records: found.records,
            first_line: self.line + found.skipped_first,
            first_byte,
            payload: self.blocks.take(found.bytes),
        };
        self.ordinal += 1;
        self.record += found.records;
        self.line += found.lines;
        self.ends.crlf += found.ends.crlf;
        self.ends.lf += found.ends.lf;
        self.ends.cr += found.ends.cr;
        split
    }
}

impl Splitter for CsvSplitter {
    fn next_split(&mut self) -> Result<Option<Split>> {
        let mut found = Found::default();
        self.scan(&mut found)?;
        while found.bytes < self.split_bytes && !self.blocks.at_end() {
            self.read_more(&found)?;
            self.scan(&mut found)?;
        }
        if found.bytes == 0 {
            return Ok(None);
        }
        Ok(Some(self.cut(&found)))
    }

    fn bytes_read(&self) -> u64 {
        text::count(&self.counter)
    }

    fn warnings(&self) -> Vec<FileWarning> {
        self.ends.warning().into_iter().collect()
    }
}
