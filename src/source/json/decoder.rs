//! Walks a split whose payload is records in JSON with an index of them behind.

use bytes::Bytes;
use memchr::memchr_iter;

use super::{Flaw, Parsed, Quoted, Token, unescape};
use crate::{
    batch::{Cell, RecordBatch},
    outcome::{Fault, Position},
    source::{Decoder, Split, geojson::INDEX_ENTRY_BYTES},
};

/// Records and bytes of cells after which a batch is handed on.
const BATCH_RECORDS: usize = 1024;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What one kind of record has to say.
pub(in crate::source) trait RecordCells: Send {
    /// Adds the cells of the record that is `text` and starts at `start` of the block.
    fn push(&mut self, text: &str, start: usize, batch: &mut RecordBatch) -> Parsed<()>;
}

/// The records of a split, one after the other.
pub(in crate::source) struct IndexedDecoder<R> {
    cells: R,
    block: Bytes,
    /// Where the index starts in the block: the end of the records.
    index_at: usize,
    file: u32,
    first_byte: u64,
    records: usize,
    next: usize,
    first_record: u64,
    line: u64,
    /// Newlines before this byte are in `line`.
    counted: usize,
}

impl<R: RecordCells> IndexedDecoder<R> {
    pub(in crate::source) fn new(cells: R) -> Self {
        Self {
            cells,
            block: Bytes::new(),
            index_at: 0,
            file: 0,
            first_byte: 0,
            records: 0,
            next: 0,
            first_record: 1,
            line: 1,
            counted: 0,
        }
    }

    /// The range of the next record, and where it stands.
    fn advance(&mut self) -> (usize, usize, Position) {
        let entry = self.index_at + self.next * INDEX_ENTRY_BYTES;
        let (start, end) = (self.word(entry), self.word(entry + 4));
        self.line += memchr_iter(b'\n', &self.block[self.counted..start]).count() as u64;
        self.counted = start;
        let record = self.first_record + self.next as u64;
        self.next += 1;
        (start, end, Position { file: self.file, record, line: self.line })
    }

    fn word(&self, at: usize) -> usize {
        let mut word = [0; 4];
        word.copy_from_slice(&self.block[at..at + 4]);
        u32::from_le_bytes(word) as usize
    }

    fn record(&mut self, batch: &mut RecordBatch) {
        let (start, end, position) = self.advance();
        let block = self.block.clone();
        match self.cells_of(&block[start..end], start, batch) {
            Ok(()) => batch.end_record(position, (start, end)),
            Err(flaw) => {
                let byte = self.first_byte + (start + flaw.at) as u64;
                let message = format!("{}, at byte {byte} of the file", flaw.what);
                let fault = Fault { code: flaw.code, field: String::new(), message };
                batch.end_faulty(position, (start, end), fault);
            }
        }
    }

    fn cells_of(
        &mut self,
        bytes: &[u8],
        start: usize,
        batch: &mut RecordBatch,
    ) -> Result<(), Flaw> {
        let text = std::str::from_utf8(bytes).map_err(|error| Flaw {
            code: "encoding.invalid",
            what: "the text is not UTF-8",
            at: error.valid_up_to(),
        })?;
        self.cells.push(text, start, batch)
    }
}

/// Adds one value as a cell.
pub(in crate::source) fn push(
    batch: &mut RecordBatch,
    token: Option<Token>,
    text: &str,
    start: usize,
) {
    match token {
        None | Some(Token::Null) => batch.push(Cell::Absent),
        Some(Token::Bool(truth)) => batch.push(Cell::Bool(truth)),
        Some(Token::Number(from, to)) => batch.push_number_in_block(start + from, start + to),
        Some(Token::Nested(from, to)) => batch.push_json_in_block(start + from, start + to),
        Some(Token::Text(Quoted { start: from, end: to, escaped: false })) => {
            batch.push_text_in_block(start + from, start + to);
        }
        Some(Token::Text(quoted)) => {
            batch.push_with(false, |out| unescape(&text[quoted.start..quoted.end], out));
        }
    }
}

impl<R: RecordCells> Decoder for IndexedDecoder<R> {
    fn start(&mut self, split: Split) {
        self.records = usize::try_from(split.records).unwrap_or(usize::MAX);
        self.index_at = split.payload.len() - self.records * INDEX_ENTRY_BYTES;
        self.file = split.file;
        self.first_byte = split.first_byte;
        self.first_record = split.first_record;
        self.line = split.first_line;
        self.block = split.payload;
        self.next = 0;
        self.counted = 0;
    }

    fn fill(&mut self, batch: &mut RecordBatch) -> bool {
        batch.restart(self.block.clone());
        while self.next < self.records
            && batch.len() < BATCH_RECORDS
            && batch.scratch_bytes() < BATCH_BYTES
        {
            self.record(batch);
        }
        !batch.is_empty()
    }
}
