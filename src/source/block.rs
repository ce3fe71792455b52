//! Reading a stream in large blocks that become the payload of splits as they are.
//!
//! Bytes are read once into a block; what a splitter takes is cut off without
//! copying, only the unfinished tail moves over to the next block. A block
//! whose payload every worker has dropped is used again: fresh memory for
//! every split would cost a page fault for each 4 KiB of input.

use std::{collections::VecDeque, io::Read, path::PathBuf};

use bytes::{Bytes, BytesMut};

use super::input::{InputStream, read_failed};
use crate::error::Result;

/// Blocks remembered for reuse; more than that are left to the allocator.
const LENT_BLOCKS_MAX: usize = 8;

/// A stream, its bytes not yet taken, and the blocks it lent out.
pub(crate) struct BlockReader {
    stream: Box<dyn Read + Send>,
    path: PathBuf,
    block: BytesMut,
    block_bytes: usize,
    ended: bool,
    offset: u64,
    lent: VecDeque<Bytes>,
}

impl BlockReader {
    /// Reads `stream` in blocks of `block_bytes`.
    pub(crate) fn new(stream: InputStream, block_bytes: usize) -> Self {
        let path = stream.path().to_owned();
        Self::of(Box::new(stream), path, block_bytes)
    }

    /// Reads a stream made from `path`'s, such as a transcoded one.
    pub(crate) fn of(stream: Box<dyn Read + Send>, path: PathBuf, block_bytes: usize) -> Self {
        let block = BytesMut::with_capacity(block_bytes);
        let lent = VecDeque::with_capacity(LENT_BLOCKS_MAX);
        Self { stream, path, block, block_bytes, ended: false, offset: 0, lent }
    }

    /// What has been read and not taken.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.block
    }

    /// Whether [`Self::unread`] reaches the end of the stream.
    pub(crate) fn at_end(&self) -> bool {
        self.ended
    }

    /// Where [`Self::unread`] starts in the stream.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads until `wanted` bytes or more are unread, or the stream has ended.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the stream is truncated, damaged or unreadable.
    pub(crate) fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.ended || self.block.len() >= wanted {
            return Ok(());
        }
        if self.block.capacity() < wanted {
            self.move_to_larger_block(wanted);
        }
        let mut filled = self.block.len();
        let room = self.block.capacity();
        self.block.resize(room, 0);
        let read = self.read_into(&mut filled);
        self.block.truncate(filled);
        read
    }

    fn read_into(&mut self, filled: &mut usize) -> Result<()> {
        while *filled < self.block.len() {
            match self.stream.read(&mut self.block[*filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => *filled += count,
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(read_failed(&self.path, cause)),
            }
        }
        Ok(())
    }

    fn move_to_larger_block(&mut self, wanted: usize) {
        let capacity = wanted.max(self.block_bytes);
        let mut next = self.returned_block(capacity);
        next.extend_from_slice(&self.block);
        self.block = next;
    }

    /// The oldest block that nobody reads any more, or a new one.
    fn returned_block(&mut self, capacity: usize) -> BytesMut {
        let unread = self.lent.iter().position(Bytes::is_unique);
        let returned = unread.and_then(|at| self.lent.remove(at)).map(Bytes::try_into_mut);
        match returned {
            Some(Ok(mut block)) if block.capacity() >= capacity => {
                block.clear();
                block
            }
            _ => BytesMut::with_capacity(capacity),
        }
    }

    /// Takes the first `count` unread bytes, without copying them.
    pub(crate) fn take(&mut self, count: usize) -> Bytes {
        let starts_block = self.block.capacity() >= self.block_bytes;
        let taken = self.block.split_to(count).freeze();
        self.offset += count as u64;
        if starts_block {
            if self.lent.len() == LENT_BLOCKS_MAX {
                self.lent.pop_front();
            }
            self.lent.push_back(taken.clone());
        }
        taken
    }

    /// Drops the first `count` unread bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        bytes::Buf::advance(&mut self.block, count);
        self.offset += count as u64;
    }
}
