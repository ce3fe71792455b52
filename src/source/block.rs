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

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most `0` bytes at a time, and is interrupted now and then.
    struct Trickle(usize, std::io::Cursor<Vec<u8>>, bool);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let length = buffer.len().min(self.0);
            self.1.read(&mut buffer[..length])
        }
    }

    fn blocks(content: &[u8], reads: usize, block_bytes: usize) -> BlockReader {
        let stream = Trickle(reads, std::io::Cursor::new(content.to_vec()), false);
        BlockReader::of(Box::new(stream), PathBuf::from("a"), block_bytes)
    }

    #[test]
    fn what_is_taken_is_the_stream_in_order_however_reads_fall() {
        let content: Vec<u8> = (0..2000u32).flat_map(u32::to_le_bytes).collect();
        for (reads, block_bytes, taken) in
            [(1, 64, 7), (5, 64, 64), (1000, 16, 100), (9000, 512, 1)]
        {
            let mut blocks = blocks(&content, reads, block_bytes);
            let mut seen = Vec::new();
            loop {
                blocks.fill(taken).expect("memory can be read");
                let count = blocks.unread().len().min(taken);
                if count == 0 {
                    break;
                }
                assert_eq!(blocks.offset(), seen.len() as u64);
                assert!(count == taken || blocks.at_end());
                seen.extend_from_slice(&blocks.take(count));
            }
            assert_eq!(seen, content);
        }
    }

    #[test]
    fn a_block_is_used_again_once_nobody_reads_it_and_never_before() {
        let content = vec![7; 4096];
        let mut blocks = blocks(&content, 4096, 1024);
        blocks.fill(1).expect("memory can be read");
        let first = blocks.take(1024);
        let place = first.as_ptr();
        blocks.fill(1).expect("memory can be read");
        assert_ne!(blocks.unread().as_ptr(), place, "it is still read");
        drop(first);
        let second = blocks.take(1024);
        blocks.fill(1).expect("memory can be read");
        assert_eq!(blocks.unread().as_ptr(), place, "it is free");
        assert_eq!(second, content[..1024]);
    }
}
