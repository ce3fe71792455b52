//! A part of a package in pieces that end where an element ends.
//!
//! Whoever reads a piece has whole rows, or whole texts, in one text in memory and never
//! has to wait for more of one. How long a piece is depends only on where the elements
//! end and on how much is asked for at a time; what is read of it does not.

use std::io::Read;

use super::{super::failure::of_reading, Stop, Unusual};

/// What a piece is read with to begin with.
const CHUNK_BYTES: usize = 256 << 10;

/// A row or text beyond this is left to calamine.
const CHUNK_BYTES_MAX: usize = 64 << 20;

/// Delivers the pieces of a part.
#[derive(Debug)]
pub(super) struct Chunks<R> {
    part: R,
    buffer: Vec<u8>,
    /// Of the buffer: where the bytes that were not delivered yet begin and end.
    start: usize,
    end: usize,
    ended: bool,
}

impl<R: Read> Chunks<R> {
    pub(super) fn of(part: R) -> Self {
        Self::with_capacity(part, CHUNK_BYTES)
    }

    pub(super) fn with_capacity(part: R, bytes: usize) -> Self {
        Self { part, buffer: vec![0; bytes], start: 0, end: 0, ended: false }
    }

    /// What comes before the first `<name`, and passes over that as well.
    pub(super) fn prologue(&mut self, opening: &str) -> Result<String, Stop> {
        let opening = opening.as_bytes();
        loop {
            let found = memchr::memmem::find(&self.buffer[self.start..self.end], opening);
            if let Some(length) = found {
                let prologue = text(&self.buffer[self.start..self.start + length])?.to_owned();
                self.start += length + opening.len();
                return Ok(prologue);
            }
            if !self.read_more()? {
                return Err(Unusual.into());
            }
        }
    }

    /// The next piece (the buffer begins with it), up to the last `closing` that is in memory; at the end, the rest.
    pub(super) fn next_until(&mut self, closing: &str) -> Result<Option<&str>, Stop> {
        self.fill()?;
        let mut searched = self.start;
        loop {
            let found = memchr::memmem::rfind(&self.buffer[searched..self.end], closing.as_bytes());
            let end = match found {
                Some(at) => searched + at + closing.len(),
                None if self.ended && self.start == self.end => return Ok(None),
                None if self.ended => self.end,
                None => {
                    // The closing tag may be cut at the end of what is there.
                    searched = self.end.saturating_sub(closing.len());
                    self.read_more()?;
                    continue;
                }
            };
            let piece = self.start..end;
            self.start = end;
            return Ok(Some(text(&self.buffer[piece])?));
        }
    }

    /// Fills the buffer; whatever was left of it moves to its start.
    fn fill(&mut self) -> Result<(), Stop> {
        // Small leftovers are moved, so that a piece is never cut short by the buffer's end.
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end < self.buffer.len() && !self.ended {
            match self.part.read(&mut self.buffer[self.end..]).map_err(of_reading)? {
                0 => self.ended = true,
                length => self.end += length,
            }
        }
        Ok(())
    }

    /// Has more in memory than before; whether there was more.
    fn read_more(&mut self) -> Result<bool, Stop> {
        if self.start == 0 && self.end == self.buffer.len() {
            if self.buffer.len() >= CHUNK_BYTES_MAX {
                return Err(Unusual.into());
            }
            let doubled = self.buffer.len() * 2;
            self.buffer.resize(doubled, 0);
        }
        let before = self.end - self.start;
        self.fill()?;
        Ok(self.end - self.start > before)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unusual> {
    std::str::from_utf8(bytes).map_err(|_| Unusual)
}
