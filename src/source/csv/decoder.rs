//! From a split's bytes to records of cells.
//!
//! The usual record, valid UTF-8 without escaped quotes, costs a line search, a
//! quote count and a search per field; its cells are ranges of the split itself.
//! Whether a split needs more care is settled once for all of it.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use memchr::memchr;

use super::{
    Shape,
    boundary::{Piece, PieceKind},
    fields::{Field, QuoteFault},
    projection::Cells,
};
use crate::{
    batch::{Cell, RecordBatch},
    outcome::{Fault, Position},
    source::{Decoder, REPEATS_HEADER, Split},
};

/// Cells of one batch: what keeps a batch's ranges in the processor's cache.
const BATCH_CELLS: usize = 16 * 1024;
/// Records of one batch.
const BATCH_RECORDS_MAX: usize = 1024;

pub(super) struct CsvDecoder {
    shape: Arc<Shape>,
    cells: Cells,
    batch_records: usize,
    payload: Bytes,
    /// The payload again, where all of it is UTF-8.
    text_payload: Option<ByteString>,
    first_byte: u64,
    at: usize,
    position: Position,
    care: Care,
    fields: Vec<Field>,
    text: TextBuffers,
}

/// What a split's bytes need before they are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Nothing: valid UTF-8 without NUL.
    None,
    /// Somewhere in the split is a NUL or something that is not UTF-8.
    Check,
    /// Another encoding, and not only ASCII.
    Decode,
}

/// Reused memory for text that is not the record's bytes.
#[derive(Default)]
struct TextBuffers {
    unescaped: Vec<u8>,
    decoded: Vec<u8>,
    json: Vec<u8>,
}

/// What is wrong with a record; turned into a message only when it happens.
enum Wrong {
    Quote(QuoteFault),
    Ragged(usize),
    Nul(usize),
    Encoding(usize),
    Header,
}

impl CsvDecoder {
    pub(super) fn new(shape: Arc<Shape>, cells: Cells) -> Self {
        let batch_records = (BATCH_CELLS / cells.width().max(1)).clamp(1, BATCH_RECORDS_MAX);
        Self {
            shape,
            cells,
            batch_records,
            payload: Bytes::new(),
            text_payload: None,
            first_byte: 0,
            at: 0,
            position: Position::default(),
            care: Care::None,
            fields: Vec::new(),
            text: TextBuffers::default(),
        }
    }

    fn next_piece(&self) -> Option<Piece> {
        self.shape.boundary.next_piece(&self.payload[self.at..], true)
    }

    fn record(&mut self, payload: &[u8], piece: &Piece, batch: &mut RecordBatch) {
        let raw = (self.at, self.at + piece.content);
        match self.decode(&payload[raw.0..], piece, batch) {
            Ok(()) => batch.end_record(self.position, raw),
            Err(wrong) => batch.end_faulty(self.position, raw, self.fault(&wrong)),
        }
    }

    fn decode(
        &mut self,
        bytes: &[u8],
        piece: &Piece,
        batch: &mut RecordBatch,
    ) -> Result<(), Wrong> {
        self.tokenize(bytes, piece)?;
        if self.fields.len() != self.shape.start.width {
            return Err(Wrong::Ragged(self.fields.len()));
        }
        let record = &bytes[..piece.content];
        let decode = self.care == Care::Decode && !record.is_ascii();
        if self.care != Care::None {
            self.check(record, decode)?;
        }
        if self.repeats_header(record, decode) {
            return Err(Wrong::Header);
        }
        if decode || self.fields.iter().any(|field| field.escaped) {
            self.made_cells(record, decode, batch)?;
        } else {
            let fields = &self.fields;
            let range = |index: usize| (fields[index].start, fields[index].end);
            let texts = self.cells.fields().iter().map(|index| index.map(range));
            batch.push_texts_in_block(self.at, texts);
        }
        self.rest(record, decode, batch)
    }

    /// Adds cells some of which are not the record's bytes: unescaped, or of another encoding.
    fn made_cells(
        &mut self,
        record: &[u8],
        decode: bool,
        batch: &mut RecordBatch,
    ) -> Result<(), Wrong> {
        for &index in self.cells.fields() {
            let Some(field) = index.map(|index| self.fields[index]) else {
                batch.push(Cell::Absent);
                continue;
            };
            if field.escaped || decode {
                let text = self.text.of(&self.shape, record, field, decode)?;
                batch.push_with(false, |scratch| scratch.extend_from_slice(text));
            } else {
                batch.push_text_in_block(
                    self.at + field.start as usize,
                    self.at + field.end as usize,
                );
            }
        }
        Ok(())
    }

    /// Whether the record is the header once more, as files have it that were put together. With
    /// one column it may as well be a value.
    fn repeats_header(&mut self, record: &[u8], decode: bool) -> bool {
        let Self { shape, fields, text, .. } = self;
        let header = &shape.start.header;
        let mut cells = fields.iter().zip(&header.fields);
        header.is_told_from_records()
            && cells.all(|(field, name)| {
                text.of(shape, record, *field, decode).is_ok_and(|text| text == name.as_bytes())
            })
    }

    fn tokenize(&mut self, bytes: &[u8], piece: &Piece) -> Result<(), Wrong> {
        let Self { fields, shape, .. } = self;
        let dialect = &shape.boundary.dialect;
        if piece.kind == PieceKind::Plain {
            fields.clear();
            dialect.split_unquoted(bytes, piece.content, |field| fields.push(field));
            return Ok(());
        }
        dialect.split_to(bytes, piece.content, fields).map_err(Wrong::Quote)?;
        if piece.kind == PieceKind::Broken {
            // Unreachable: a line with an odd number of quotes is never well-formed.
            let what = "a quote is never closed";
            return Err(Wrong::Quote(QuoteFault { field: 0, byte: 0, what }));
        }
        Ok(())
    }

    fn check(&mut self, record: &[u8], decode: bool) -> Result<(), Wrong> {
        if let Some(offset) = memchr(0, record) {
            return Err(Wrong::Nul(offset));
        }
        if decode {
            self.text.decoded.clear();
            let decoded = self.shape.text.encoding.decode_into(record, &mut self.text.decoded);
            return decoded.map_err(Wrong::Encoding);
        }
        let text = std::str::from_utf8(record);
        text.map(|_| ()).map_err(|error| Wrong::Encoding(error.valid_up_to()))
    }

    /// Adds the object of all fields that no cell takes.
    fn rest(&mut self, record: &[u8], decode: bool, batch: &mut RecordBatch) -> Result<(), Wrong> {
        let Some(rest) = self.cells.rest() else { return Ok(()) };
        let mut json = std::mem::take(&mut self.text.json);
        json.clear();
        json.push(b'{');
        for (index, key) in rest {
            let text = self.text.of(&self.shape, record, self.fields[*index], decode)?;
            if json.len() > 1 {
                json.push(b',');
            }
            json.extend_from_slice(key);
            super::projection::write_json_text(&String::from_utf8_lossy(text), &mut json);
        }
        json.push(b'}');
        batch.push(Cell::Json(&String::from_utf8_lossy(&json)));
        self.text.json = json;
        Ok(())
    }

    #[cold]
    fn fault(&self, wrong: &Wrong) -> Fault {
        let shape = &self.shape;
        let place = |byte: usize| {
            let in_file = self.first_byte + (self.at + byte) as u64;
            format!("byte {} of the record, {in_file} of the file", byte + 1)
        };
        let (code, field, message) = match wrong {
            Wrong::Quote(fault) => {
                let message =
                    format!("{} (field {}, {})", fault.what, fault.field + 1, place(fault.byte));
                ("csv.quote", shape.field_name(fault.field), message)
            }
            Wrong::Ragged(found) => {
                let message = format!("{} fields expected, {found} found", shape.start.width);
                ("csv.ragged", String::new(), message)
            }
            Wrong::Header => ("csv.header", String::new(), REPEATS_HEADER.to_owned()),
            Wrong::Nul(byte) => {
                let message = format!("a NUL character ({})", place(*byte));
                ("encoding.nul", self.field_at(*byte), message)
            }
            Wrong::Encoding(byte) => {
                let message =
                    format!("not text in {} ({})", shape.text.encoding.name(), place(*byte));
                ("encoding.invalid", self.field_at(*byte), message)
            }
        };
        Fault { code, field, message }
    }

    /// The name of the field that byte belongs to.
    fn field_at(&self, byte: usize) -> String {
        let index = self.fields.iter().position(|field| byte <= field.end as usize);
        index.map_or_else(String::new, |index| self.shape.field_name(index))
    }
}

impl TextBuffers {
    /// The text of a field: unescaped, then decoded.
    fn of<'t>(
        &'t mut self,
        shape: &Shape,
        record: &'t [u8],
        field: Field,
        decode: bool,
    ) -> Result<&'t [u8], Wrong> {
        let mut bytes = field.bytes(record);
        if field.escaped {
            self.unescaped.clear();
            shape.boundary.dialect.unescape(bytes, &mut self.unescaped);
            bytes = &self.unescaped;
        }
        if !decode {
            return Ok(bytes);
        }
        self.decoded.clear();
        let decoded = shape.text.encoding.decode_into(bytes, &mut self.decoded);
        decoded.map_err(|offset| Wrong::Encoding(field.start as usize + offset))?;
        Ok(&self.decoded)
    }
}

impl Decoder for CsvDecoder {
    fn start(&mut self, split: Split) {
        self.text_payload = ByteString::try_from(split.payload.clone()).ok();
        let without_nul = memchr(0, &split.payload).is_none();
        self.care = if self.shape.text.is_utf8() {
            let clean = without_nul && self.text_payload.is_some();
            if clean { Care::None } else { Care::Check }
        } else if without_nul && split.payload.is_ascii() {
            Care::None
        } else {
            Care::Decode
        };
        self.first_byte = split.first_byte;
        self.position =
            Position { file: split.file, record: split.first_record, line: split.first_line };
        self.payload = split.payload;
        self.at = 0;
        // The split's line is its first record's, which lines that are none may precede.
        while let Some(piece) = self.next_piece().filter(|piece| piece.kind == PieceKind::Skipped) {
            self.at += piece.whole;
        }
    }

    fn fill(&mut self, batch: &mut RecordBatch) -> bool {
        let payload = self.payload.clone();
        match &self.text_payload {
            Some(text) => batch.restart_with_text(text.clone()),
            None => batch.restart(payload.clone()),
        }
        while batch.len() < self.batch_records {
            let Some(piece) = self.next_piece() else { break };
            if piece.kind != PieceKind::Skipped {
                self.record(&payload, &piece, batch);
                self.position.record += 1;
            }
            self.position.line += piece.lines;
            self.at += piece.whole;
        }
        !batch.is_empty()
    }
}
