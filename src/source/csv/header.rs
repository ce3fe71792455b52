//! What the start of a file says: names, width, where records begin.
//!
//! The row that names the columns is counted in rows as the file has them, so
//! empty lines and comments above it count; should that very row be empty or a
//! comment, the first record after it is taken. Names are kept as they stand.

use super::{
    boundary::{Boundary, Piece, PieceKind},
    dialect::Dialect,
    text::TextInput,
};
use crate::{
    definition::SourceDefinition,
    error::{Error, Result},
    source::{Header, block::BlockReader, split::SPLIT_BYTES_MAX, two_rows::names_of_two_rows},
};

/// Bytes read to find the header; more only if it is longer.
const HEADER_BYTES: usize = 64 * 1024;

/// The start of a file, understood.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) header: Header,
    /// How many fields a record has.
    pub(super) width: usize,
    /// The stream up to the first record, without a byte order mark.
    pub(super) prelude: Vec<u8>,
    /// Where the first record may start, in the stream.
    pub(super) byte: u64,
    /// The line it starts on.
    pub(super) line: u64,
    /// How lines end here.
    pub(super) line_end: Vec<u8>,
}

/// Reads as much of the file as its start takes.
///
/// # Errors
/// `ErrorKind::Source` when there is no header where one is due, when it is not
/// well-formed, or when the number of columns cannot be known.
pub(super) fn read(
    definition: &SourceDefinition,
    dialect: Dialect,
    text: &TextInput,
) -> Result<Start> {
    let (blocks, _) = text.open(HEADER_BYTES)?;
    let boundary = Boundary { dialect, blank_is_record: false };
    let mut rows = Rows { blocks, boundary, at: 0, line: 1, row: 1 };
    rows.blocks.fill(text.mark.max(1))?;
    rows.blocks.skip(text.mark.min(rows.blocks.unread().len()));
    match definition.header.row() {
        Some(_) if !definition.columns.is_empty() => {
            Err(Error::definition("`columns` names the columns of a file without a header")
                .hint("add `header = false`, or leave `columns` out"))
        }
        Some(row) => {
            let upper = definition.header.upper_row().map(u64::from);
            rows.named(upper, u64::from(row), text)
        }
        None if definition.columns.is_empty() => rows.counted(text),
        None => rows.listed(&definition.columns, text),
    }
}

struct Rows {
    blocks: BlockReader,
    boundary: Boundary,
    at: usize,
    line: u64,
    row: u64,
}

impl Rows {
    /// The next row, or `None` at the end of the file; [`Self::advance`] goes past it.
    fn peek(&mut self) -> Result<Option<Piece>> {
        loop {
            let (unread, at_end) = (self.blocks.unread(), self.blocks.at_end());
            let piece = self.boundary.next_piece(&unread[self.at..], at_end);
            if piece.is_some() || at_end {
                return Ok(piece);
            }
            let length = unread.len();
            if length > SPLIT_BYTES_MAX {
                return Err(Error::source_file("no header was found in the first 64 MiB")
                    .hint("is this a text file, and is `header` the right row?"));
            }
            self.blocks.fill(length * 2 + HEADER_BYTES)?;
        }
    }

    fn advance(&mut self, piece: &Piece) {
        self.at += piece.whole;
        self.line += piece.lines;
        self.row += 1;
    }

    fn named(mut self, upper: Option<u64>, row: u64, text: &TextInput) -> Result<Start> {
        let mut above = None;
        while let Some(piece) = self.peek()? {
            let is_row = piece.kind != PieceKind::Skipped;
            let names_above = upper.is_some_and(|upper| above.is_none() && self.row >= upper);
            if is_row && names_above {
                above = Some(self.names(&piece, text)?);
            } else if is_row && self.row >= row {
                return self.header(&piece, above, text);
            }
            self.advance(&piece);
        }
        Err(Error::source_file(format!("there is no header: the file ends before row {row}"))
            .hint("an empty delivery changes nothing; ask for the file again"))
    }

    fn header(
        mut self,
        piece: &Piece,
        above: Option<Vec<String>>,
        text: &TextInput,
    ) -> Result<Start> {
        let names = self.names(piece, text)?;
        let fields = match above {
            Some(above) => names_of_two_rows(&above, &names),
            None => names,
        };
        let header = Header { fields, line: self.line, ..Header::default() };
        let line_end = self.line_end(piece);
        self.advance(piece);
        let prelude = self.blocks.unread()[..self.at].to_vec();
        let byte = self.blocks.offset() + self.at as u64;
        Ok(Start { width: header.fields.len(), header, prelude, byte, line: self.line, line_end })
    }

    fn names(&self, piece: &Piece, text: &TextInput) -> Result<Vec<String>> {
        let record = &self.blocks.unread()[self.at..self.at + piece.content];
        let mut fields = Vec::new();
        let dialect = &self.boundary.dialect;
        let split = dialect.split(record, record.len(), |field| fields.push(field));
        split.map_err(|fault| {
            self.unusable(&format!("in column {}, {}", fault.field + 1, fault.what))
        })?;
        let encoding = if text.transcoded { super::TextEncoding::UTF_8 } else { text.encoding };
        let mut names = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let mut bytes = field.bytes(record).to_vec();
            if field.escaped {
                bytes.clear();
                dialect.unescape(field.bytes(record), &mut bytes);
            }
            let mut name = Vec::new();
            let decoded = encoding.decode_into(&bytes, &mut name);
            let name = decoded.ok().and_then(|()| String::from_utf8(name).ok());
            let name = name.filter(|name| !name.contains('\0')).ok_or_else(|| {
                let encoding = text.encoding.name();
                self.unusable(&format!("column {} is not text in {encoding}", index + 1))
                    .hint("declare the file's `encoding`")
            })?;
            names.push(name);
        }
        Ok(names)
    }

    fn unusable(&self, why: &str) -> Error {
        Error::source_file(format!("the header on line {} cannot be used: {why}", self.line))
            .hint("is `header` the right row, and are `delimiter` and `quote` this file's?")
    }

    fn line_end(&self, piece: &Piece) -> Vec<u8> {
        let found = &self.blocks.unread()[self.at + piece.content..self.at + piece.whole];
        if found.is_empty() { b"\n".to_vec() } else { found.to_vec() }
    }

    /// Without a header: as wide as the columns listed.
    fn listed(mut self, columns: &[String], text: &TextInput) -> Result<Start> {
        let line_end = self.peek()?.map_or_else(|| b"\n".to_vec(), |piece| self.line_end(&piece));
        Ok(headless(columns.to_vec(), text, line_end))
    }

    /// Without a header or a list: as wide as the first well-formed record.
    fn counted(mut self, text: &TextInput) -> Result<Start> {
        while let Some(piece) = self.peek()? {
            let record = &self.blocks.unread()[self.at..self.at + piece.content];
            let mut width = 0;
            let split = self.boundary.dialect.split(record, record.len(), |_| width += 1);
            if split.is_ok() && piece.kind != PieceKind::Skipped {
                return Ok(headless(vec![String::new(); width], text, self.line_end(&piece)));
            }
            self.advance(&piece);
        }
        Err(Error::source_file("the number of columns cannot be known: there is no record")
            .hint("an empty delivery changes nothing; or name the columns with `columns`"))
    }
}

fn headless(fields: Vec<String>, text: &TextInput, line_end: Vec<u8>) -> Start {
    let width = fields.len();
    let header = Header { fields, line: 0, ..Header::default() };
    Start { header, width, prelude: Vec::new(), byte: text.mark as u64, line: 1, line_end }
}
