//! Cuts a GeoJSON file between features.
//!
//! A payload is a stretch of the file from one feature's first byte to
//! another's last, with an index behind it: where each record starts and ends.
//! So nothing is searched twice, and decoders can rely on the cuts.

use std::io::Read;

use bytes::Bytes;
use memchr::memchr_iter;

use super::{
    crs::crs_of_member,
    frame::{Framer, Step},
    layout::{Layout, Unclear, closing, member_named, skip_blank},
};
use crate::{
    error::{Error, Result},
    source::{
        Split, Splitter,
        input::{InputStream, read_failed},
        split::SPLIT_BYTES_MAX,
    },
};

/// Bytes asked of the stream at once.
const READ_BYTES: usize = 256 * 1024;
/// The largest record; PostGIS could not index a larger one usefully either.
const RECORD_BYTES_MAX: usize = SPLIT_BYTES_MAX;
/// Bytes that may stand behind a collection's features.
const CLOSING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// An entry of the index: start and end of a record, as little-endian `u32`.
pub(in crate::source) const INDEX_ENTRY_BYTES: usize = 8;

/// What a splitter has to know about its file.
#[derive(Debug, Clone)]
pub(in crate::source) struct SplitterPlan {
    pub(in crate::source) file: u32,
    pub(in crate::source) display: String,
    pub(in crate::source) layout: Layout,
    /// Where features begin in the stream.
    pub(in crate::source) content: usize,
    pub(in crate::source) split_bytes: usize,
    /// The reference system assumed so far: one named behind the features must agree.
    pub(in crate::source) crs: Option<String>,
    /// Whether the definition names the reference system, so that the file's does not matter.
    pub(in crate::source) crs_given: bool,
}

pub(in crate::source) struct GeojsonSplitter {
    plan: SplitterPlan,
    stream: InputStream,
    framer: Framer,
    buffer: Vec<u8>,
    /// Where the buffer starts in the stream.
    offset: u64,
    /// The line on which the buffer starts, from 1.
    line: u64,
    at_end: bool,
    ended: bool,
    next_ordinal: u32,
    next_record: u64,
    records: Vec<(usize, usize)>,
}

impl GeojsonSplitter {
    pub(in crate::source) fn new(plan: SplitterPlan, stream: InputStream) -> Result<Self> {
        let framer = Framer::new(plan.layout);
        let mut splitter = Self {
            plan,
            stream,
            framer,
            buffer: Vec::new(),
            offset: 0,
            line: 1,
            at_end: false,
            ended: false,
            next_ordinal: 0,
            next_record: 1,
            records: Vec::new(),
        };
        splitter.pass_opening()?;
        Ok(splitter)
    }

    /// Drops what stands before the features.
    fn pass_opening(&mut self) -> Result<()> {
        while self.buffer.len() < self.plan.content && !self.at_end {
            self.read()?;
        }
        let content = self.plan.content.min(self.buffer.len());
        self.drop_front(content);
        Ok(())
    }

    fn drop_front(&mut self, count: usize) {
        self.line += memchr_iter(b'\n', &self.buffer[..count]).count() as u64;
        self.offset += count as u64;
        self.buffer.drain(..count);
    }

    fn read(&mut self) -> Result<()> {
        let before = self.buffer.len();
        let wanted = READ_BYTES.min(self.plan.split_bytes.max(1024)) as u64;
        let read = self.stream.by_ref().take(wanted).read_to_end(&mut self.buffer);
        read.map_err(|cause| read_failed(self.stream.path(), cause))?;
        self.at_end = self.buffer.len() == before;
        Ok(())
    }

    fn read_on(&mut self) -> Result<()> {
        if self.at_end {
            return Err(self.incomplete());
        }
        let needed = self.framer.needed_from();
        if self.records.is_empty() && needed > 0 {
            self.framer.dropped(needed);
            self.drop_front(needed);
        } else if self.buffer.len() - needed > RECORD_BYTES_MAX {
            let record = self.next_record + self.records.len() as u64;
            let what = format!(
                "record {record} of `{}` is larger than {} MiB",
                self.plan.display,
                RECORD_BYTES_MAX >> 20
            );
            return Err(Error::source_file(what).hint("is a brace or a quote missing in it?"));
        }
        self.read()
    }

    fn incomplete(&self) -> Error {
        Error::source_file(format!("`{}` is incomplete: it ends in the middle", self.plan.display))
            .hint("fetch the file again; nothing of it has been published")
    }

    fn broken(&self, at: usize) -> Error {
        let byte = self.offset + at as u64;
        let what = format!("`{}` is not well-formed at byte {byte}", self.plan.display);
        Error::source_file(what)
            .hint("the features cannot be told apart from there on; have the file written again")
    }

    /// Takes the records found so far as a split.
    fn cut(&mut self) -> Split {
        let start = self.records.first().map_or(0, |record| record.0);
        let end = self.records.last().map_or(0, |record| record.1);
        self.drop_front(start);
        let first_line = self.line;
        let mut next = Vec::with_capacity(self.plan.split_bytes + 2 * READ_BYTES);
        next.extend_from_slice(&self.buffer[end - start..]);
        let mut payload = std::mem::replace(&mut self.buffer, next);
        payload.truncate(end - start);
        self.framer.dropped(end);
        self.line += memchr_iter(b'\n', &payload).count() as u64;
        let first_byte = self.offset;
        self.offset += payload.len() as u64;
        let records = self.records.len() as u64;
        for (from, to) in self.records.drain(..) {
            payload.extend_from_slice(&index_word(from - start));
            payload.extend_from_slice(&index_word(to - start));
        }
        let split = Split {
            file: self.plan.file,
            ordinal: self.next_ordinal,
            first_record: self.next_record,
            records,
            first_line,
            first_byte,
            payload: Bytes::from(payload),
        };
        self.next_ordinal += 1;
        self.next_record += records;
        split
    }

    /// Proves that the file ends as its layout demands.
    fn end(&mut self, at: usize) -> Result<()> {
        self.ended = true;
        if self.plan.layout != Layout::Collection {
            return Ok(());
        }
        let closing_at = at;
        let end = loop {
            match closing(&self.buffer[closing_at..]) {
                Ok((members, end)) => {
                    let rest = &self.buffer[closing_at..];
                    if member_named(rest, &members, b"features").is_some() {
                        return Err(self.broken(closing_at));
                    }
                    self.crs_agrees(member_named(rest, &members, b"crs"))?;
                    break closing_at + end;
                }
                Err(Unclear::Broken(at)) => return Err(self.broken(closing_at + at)),
                Err(_) if self.at_end => return Err(self.incomplete()),
                Err(_) if self.buffer.len() - closing_at > CLOSING_BYTES_MAX => {
                    return Err(self.broken(closing_at));
                }
                Err(_) => self.read()?,
            }
        };
        self.only_blank_from(end)
    }

    fn only_blank_from(&mut self, end: usize) -> Result<()> {
        // What follows is dropped piece by piece; the records before it stay.
        let mut passed = self.offset;
        loop {
            let at = skip_blank(&self.buffer, end);
            if at < self.buffer.len() {
                let what = format!(
                    "`{}` goes on after the end of its features, at byte {}",
                    self.plan.display,
                    passed + at as u64
                );
                return Err(Error::source_file(what).hint("were two files joined into one?"));
            }
            if self.at_end {
                return Ok(());
            }
            passed += (self.buffer.len() - end) as u64;
            self.buffer.truncate(end);
            self.read()?;
        }
    }

    /// A `crs` behind the features would have to be known before they are read.
    fn crs_agrees(&self, member: Option<&[u8]>) -> Result<()> {
        let Some(member) = member else { return Ok(()) };
        let named = crs_of_member(member);
        if self.plan.crs_given || named == self.plan.crs {
            return Ok(());
        }
        let named = named.unwrap_or_else(|| "no reference system".to_owned());
        let what = format!("`{}` names {named} only after its features", self.plan.display);
        Err(Error::source_file(what).hint("write `crs` in [source] of the pipeline"))
    }
}

fn index_word(offset: usize) -> [u8; 4] {
    // Records end at most one record's limit behind a split's size: far below 4 GiB.
    u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes()
}

impl Splitter for GeojsonSplitter {
    fn next_split(&mut self) -> Result<Option<Split>> {
        while !self.ended {
            match self.framer.step(&self.buffer, self.at_end) {
                Step::Record(start, end) => {
                    self.records.push((start, end));
                    if end - self.records[0].0 >= self.plan.split_bytes {
                        return Ok(Some(self.cut()));
                    }
                }
                Step::More => self.read_on()?,
                Step::End(at) => self.end(at)?,
                Step::Broken(at) if self.at_end && at >= self.buffer.len() => {
                    return Err(self.incomplete());
                }
                Step::Broken(at) => return Err(self.broken(at)),
            }
        }
        Ok(if self.records.is_empty() { None } else { Some(self.cut()) })
    }

    fn bytes_read(&self) -> u64 {
        self.stream.bytes_read()
    }
}
