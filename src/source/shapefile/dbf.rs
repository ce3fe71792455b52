//! The `.dbf` table: its header, and where each field stands in a row.

use std::io::{BufReader, Read};

use crate::{
    error::{Error, Result},
    source::{
        encoding::TextEncoding,
        input::{InputStream, read_failed},
    },
};

const FILE_HEADER_BYTES: usize = 32;
const FIELD_BYTES: usize = 32;
const NAME_BYTES: usize = 11;
const HEADER_END: u8 = 0x0D;
const BUFFER_BYTES: usize = 256 * 1024;
/// First byte of a row that has been deleted.
pub(super) const DELETED: u8 = b'*';

/// How a field's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// `C`
    Text,
    /// `N` and `F`: digits.
    Number,
    /// `L`
    Logical,
    /// `D`: `YYYYMMDD`.
    Date,
    /// `I` and `+`: a little-endian 32-bit integer.
    Integer,
    /// `O`, and FoxPro's `B`: a little-endian double.
    Double,
    /// FoxPro's `Y`: ten-thousandths.
    Currency,
    /// FoxPro's `T`: a Julian day and milliseconds.
    DateTime,
    /// `M`, `G`, `P`, and dBASE's `B`: the content is in another file.
    Memo,
    /// Any other letter.
    Unknown,
}

/// A field of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: FieldKind,
    /// Where it starts in a row; the deletion mark is byte 0.
    pub(super) start: usize,
    pub(super) end: usize,
    /// FoxPro: its bit in the row's null flags.
    pub(super) null_bit: Option<usize>,
}

/// The header of a table.
#[derive(Debug, Clone)]
pub(super) struct DbfHeader {
    /// As it stands, for writing it again.
    pub(super) bytes: Vec<u8>,
    pub(super) rows: u32,
    pub(super) row_bytes: usize,
    pub(super) fields: Vec<Field>,
    /// FoxPro: where the null flags stand in a row.
    pub(super) null_flags: Option<(usize, usize)>,
    /// The language byte.
    pub(super) language_driver: u8,
}

impl DbfHeader {
    /// Reads the header from the start of a table; names are decoded later (`name_fields`).
    pub(super) fn read(stream: &mut impl Read, display: &str) -> Result<Self> {
        let damaged = |why: &str| Error::source_file(format!("the `.dbf` of `{display}` {why}"));
        let mut bytes = vec![0; FILE_HEADER_BYTES];
        stream
            .read_exact(&mut bytes)
            .map_err(|_| damaged("is incomplete: its header is missing"))?;
        if bytes[0] & 0x07 == 0x04 || bytes[0] & 0x07 == 0x02 && bytes[0] < 0x10 {
            return Err(damaged("is a dBASE II or dBASE 7 table, which is not supported")
                .hint("have it written as dBASE III or IV"));
        }
        let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let (header_bytes, row_bytes) = (short(8), short(10));
        let rows = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        if header_bytes < FILE_HEADER_BYTES || row_bytes == 0 {
            return Err(damaged("is damaged: its header makes no sense"));
        }
        let more = (header_bytes - FILE_HEADER_BYTES) as u64;
        let read = stream.by_ref().take(more).read_to_end(&mut bytes);
        if read.is_err() || bytes.len() < header_bytes {
            return Err(damaged("is incomplete: it ends in its header"));
        }
        let mut header = Self {
            rows,
            row_bytes,
            fields: Vec::new(),
            null_flags: None,
            language_driver: bytes[29],
            bytes,
        };
        header.find_fields();
        if header.fields.last().is_some_and(|field| field.end > row_bytes) {
            return Err(damaged("is damaged: its fields are longer than its rows"));
        }
        Ok(header)
    }

    fn find_fields(&mut self) {
        let foxpro = matches!(self.bytes[0], 0x30..=0x32);
        let (mut start, mut next_bit) = (1, 0);
        let descriptors = self.bytes[FILE_HEADER_BYTES..].chunks_exact(FIELD_BYTES);
        for descriptor in descriptors.take_while(|descriptor| descriptor[0] != HEADER_END) {
            let end = start + usize::from(descriptor[16]);
            let letter = descriptor[11];
            let nullable = foxpro && descriptor[18] & 0x02 != 0;
            if foxpro && letter == b'0' {
                self.null_flags = Some((start, end.min(self.row_bytes)));
            } else {
                // Texts and bytes of varying length have a bit of their own before.
                next_bit += usize::from(foxpro && matches!(letter, b'V' | b'Q'));
                let null_bit = nullable.then_some(next_bit);
                next_bit += usize::from(nullable);
                let kind = kind(letter, foxpro, end - start);
                self.fields.push(Field { name: String::new(), kind, start, end, null_bit });
            }
            start = end;
        }
    }

    /// Decodes the names of the fields; a name cut in the middle of a character loses it.
    pub(super) fn name_fields(&mut self, encoding: Option<TextEncoding>) {
        let descriptors = self.bytes[FILE_HEADER_BYTES..].chunks_exact(FIELD_BYTES);
        let foxpro = matches!(self.bytes[0], 0x30..=0x32);
        let named = descriptors.filter(|descriptor| !(foxpro && descriptor[11] == b'0'));
        for (field, descriptor) in self.fields.iter_mut().zip(named) {
            let name = &descriptor[..NAME_BYTES];
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let mut decoded = Vec::new();
            let known = encoding.unwrap_or(TextEncoding::UTF_8).decode_into(name, &mut decoded);
            let name = match known {
                Ok(()) => String::from_utf8_lossy(&decoded),
                Err(valid) => String::from_utf8_lossy(&name[..valid.min(name.len())]),
            };
            field.name = name.trim().to_owned();
        }
    }
}

fn kind(letter: u8, foxpro: bool, length: usize) -> FieldKind {
    match (letter, length) {
        (b'C', _) => FieldKind::Text,
        (b'N' | b'F', _) => FieldKind::Number,
        (b'L', 1) => FieldKind::Logical,
        (b'D', 8) => FieldKind::Date,
        (b'I' | b'+', 4) => FieldKind::Integer,
        (b'O', 8) => FieldKind::Double,
        (b'B', 8) if foxpro => FieldKind::Double,
        (b'Y', 8) => FieldKind::Currency,
        (b'T', 8) => FieldKind::DateTime,
        (b'M' | b'G' | b'P' | b'B', _) => FieldKind::Memo,
        _ => FieldKind::Unknown,
    }
}

/// The rows in the order of the table.
pub(super) struct DbfReader {
    stream: BufReader<InputStream>,
    row_bytes: usize,
    display: String,
}

impl DbfReader {
    /// Passes the header, which `header` was read from before.
    pub(super) fn new(stream: InputStream, header: &DbfHeader, display: &str) -> Result<Self> {
        let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
        let passed = DbfHeader::read(&mut stream, display)?;
        if passed.bytes != header.bytes {
            let what = format!("the `.dbf` of `{display}` was changed while it was read");
            return Err(Error::source_file(what).hint("run again when its writer is done"));
        }
        Ok(Self { stream, row_bytes: header.row_bytes, display: display.to_owned() })
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.stream.get_ref().bytes_read()
    }

    /// Appends the next row to `into`; the table must not end before.
    pub(super) fn next(&mut self, into: &mut Vec<u8>, row: u64, rows: u32) -> Result<()> {
        let read = self.stream.by_ref().take(self.row_bytes as u64).read_to_end(into);
        match read {
            Ok(count) if count == self.row_bytes => Ok(()),
            Ok(_) => {
                let display = &self.display;
                let what = format!(
                    "the `.dbf` of `{display}` is incomplete: it says it has {rows} rows, \
                     and ends in row {row}"
                );
                Err(Error::source_file(what).hint("fetch all its files again"))
            }
            Err(cause) => Err(read_failed(self.stream.get_ref().path(), cause)),
        }
    }

    /// Reads what is left, so that the input's own checks come to their end.
    pub(super) fn drain(&mut self) -> Result<()> {
        let drained = std::io::copy(&mut self.stream, &mut std::io::sink());
        drained.map_err(|cause| read_failed(self.stream.get_ref().path(), cause))?;
        Ok(())
    }
}
