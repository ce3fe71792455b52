//! The `.shp` file: its main header and its records, one after the other.
//!
//! Sizes in the file are claims. They are checked against the limits here and
//! against the bytes that come; nothing is allocated by them.

use std::io::{BufRead, BufReader, Read};

use crate::{
    error::{Error, Result},
    source::{
        input::{InputStream, read_failed},
        split::SPLIT_BYTES_MAX,
    },
};

pub(super) const HEADER_BYTES: usize = 100;
/// Number and length before each record's content.
pub(super) const RECORD_HEADER_BYTES: usize = 8;
const FILE_CODE: i32 = 9994;
const BUFFER_BYTES: usize = 256 * 1024;

/// The main header, kept as it stands.
#[derive(Debug, Clone)]
pub(super) struct ShpHeader {
    pub(super) bytes: [u8; HEADER_BYTES],
}

impl ShpHeader {
    /// The file's length in bytes, as it claims.
    fn length(&self) -> u64 {
        u64::from(big_endian(&self.bytes, 24)) * 2
    }
}

/// Reads the main header.
pub(super) fn read_header(stream: &mut impl Read, display: &str) -> Result<ShpHeader> {
    let mut bytes = [0; HEADER_BYTES];
    let read = stream.read_exact(&mut bytes);
    if read.is_err() || big_endian(&bytes, 0) != FILE_CODE.cast_unsigned() {
        return Err(Error::source_file(format!(
            "`{display}` is no shapefile: it does not begin as one"
        )));
    }
    Ok(ShpHeader { bytes })
}

pub(super) fn big_endian(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

/// Where and how a record stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShpRecord {
    /// Where its header begins.
    pub(super) offset: u64,
    /// The number it has there.
    pub(super) number: u32,
    /// The length of its content.
    pub(super) bytes: usize,
}

/// The records in the order of the file.
pub(super) struct ShpReader {
    stream: BufReader<InputStream>,
    display: String,
    header: ShpHeader,
    position: u64,
    /// Bytes behind the last record that are no record.
    left_over: u64,
}

impl ShpReader {
    pub(super) fn new(stream: InputStream, display: &str) -> Result<Self> {
        let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
        let header = read_header(&mut stream, display)?;
        let position = HEADER_BYTES as u64;
        Ok(Self { stream, display: display.to_owned(), header, position, left_over: 0 })
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.stream.get_ref().bytes_read()
    }

    /// Whether the records so far reach exactly to the end that the header claims.
    pub(super) fn at_claimed_end(&self) -> bool {
        self.position == self.header.length()
    }

    /// Whether the file ended exactly where its header claims.
    pub(super) fn ended_as_claimed(&self) -> bool {
        self.left_over == 0 && self.at_claimed_end()
    }

    /// Appends the content of the next record to `content`; `None` at the end of the file.
    pub(super) fn next(&mut self, content: &mut Vec<u8>) -> Result<Option<ShpRecord>> {
        let mut header = Vec::with_capacity(RECORD_HEADER_BYTES);
        self.read(RECORD_HEADER_BYTES, &mut header)?;
        if header.len() < RECORD_HEADER_BYTES {
            self.left_over = header.len() as u64;
            return Ok(None);
        }
        let claimed = u64::from(big_endian(&header, 4)) * 2;
        let bytes = usize::try_from(claimed).unwrap_or(usize::MAX);
        let record = ShpRecord { offset: self.position, number: big_endian(&header, 0), bytes };
        if bytes > SPLIT_BYTES_MAX {
            let what = format!(
                "`{}` has a record of {claimed} bytes at byte {}",
                self.display, self.position
            );
            return Err(
                Error::source_file(what).hint("is the file damaged? No record has that size")
            );
        }
        if self.read(bytes, content)? < bytes {
            let what =
                format!("`{}` is incomplete: it ends in the middle of a record", self.display);
            return Err(Error::source_file(what).hint("fetch all its files again"));
        }
        self.position += RECORD_HEADER_BYTES as u64 + claimed;
        Ok(Some(record))
    }

    fn read(&mut self, count: usize, into: &mut Vec<u8>) -> Result<usize> {
        let read = self.stream.by_ref().take(count as u64).read_to_end(into);
        read.map_err(|cause| read_failed(self.stream.get_ref().path(), cause))
    }

    /// Reads what is left, so that the input's own checks come to their end.
    pub(super) fn drain(&mut self) -> Result<()> {
        let drained = std::io::copy(&mut self.stream, &mut std::io::sink());
        drained.map_err(|cause| read_failed(self.stream.get_ref().path(), cause))?;
        Ok(())
    }
}

/// The `.shx`: where the writer says that each record stands.
pub(super) struct ShxReader {
    stream: BufReader<InputStream>,
}

impl ShxReader {
    /// Passes the header; `None` when it is not even there.
    pub(super) fn new(stream: InputStream) -> Option<Self> {
        let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
        let mut header = [0; HEADER_BYTES];
        stream.read_exact(&mut header).ok()?;
        Some(Self { stream })
    }

    /// Whether it lists no more records.
    pub(super) fn ended(&mut self) -> bool {
        self.stream.fill_buf().is_ok_and(|left| left.len() < RECORD_HEADER_BYTES)
    }

    /// The offset of the next record, `None` when the index ends before.
    pub(super) fn next(&mut self) -> Option<u64> {
        let mut entry = [0; RECORD_HEADER_BYTES];
        self.stream.read_exact(&mut entry).ok()?;
        Some(u64::from(big_endian(&entry, 0)) * 2)
    }
}
