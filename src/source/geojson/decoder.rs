//! Turns a split of features into records.

use std::collections::HashMap;

use bytes::Bytes;
use memchr::memchr_iter;

use super::{
    feature::{FeatureReader, Wanted},
    json::{Flaw, Quoted, Token, unescape},
    splitter::INDEX_ENTRY_BYTES,
};
use crate::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    outcome::{Fault, Position},
    source::{Decoder, Header, Projection, Split},
};

/// Records and bytes of cells after which a batch is handed on.
const BATCH_RECORDS: usize = 1024;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The names that mean the feature's own id and geometry, whatever its properties.
const FEATURE_ID: &str = "feature.id";
const FEATURE_GEOMETRY: &str = "feature.geometry";

/// Where a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Slot(usize),
    Id,
    Geometry,
    Nowhere,
}

pub(super) struct GeojsonDecoder {
    feature: FeatureReader,
    cells: Vec<Origin>,
    rest: bool,
    block: Bytes,
    /// Where the index starts in the block: the end of the features.
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

impl GeojsonDecoder {
    pub(super) fn new(header: &Header, projection: &Projection) -> Self {
        let mut slots = HashMap::new();
        let cells: Vec<_> =
            projection.fields.iter().map(|field| origin(header, field, &mut slots)).collect();
        let geometry = cells.contains(&Origin::Geometry);
        let wanted = Wanted { slots, geometry, rest: projection.rest };
        Self {
            feature: FeatureReader::new(wanted),
            cells,
            rest: projection.rest,
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
        self.feature.read(text)?;
        for &cell in &self.cells {
            match cell {
                Origin::Slot(slot) => push(batch, self.feature.values[slot], text, start),
                Origin::Id => push(batch, self.feature.id, text, start),
                Origin::Geometry if self.feature.has_geometry => {
                    batch.push(Cell::Geometry(self.feature.geometry.ewkb()));
                }
                Origin::Geometry | Origin::Nowhere => batch.push(Cell::Absent),
            }
        }
        if self.rest {
            let rest = self.feature.rest.as_str();
            batch.push(Cell::Json(if rest.is_empty() { "{}" } else { rest }));
        }
        Ok(())
    }
}

/// Where a field comes from. `geometry` and `id` mean the feature's own unless
/// the file has properties of these names.
fn origin(header: &Header, field: &FieldRef, slots: &mut HashMap<String, usize>) -> Origin {
    let name = match field {
        FieldRef::Name(name) => name.as_str(),
        FieldRef::Number(number) => {
            let index = usize::try_from(*number).unwrap_or(usize::MAX).wrapping_sub(1);
            match header.fields.get(index) {
                Some(name) => name.as_str(),
                None => return Origin::Nowhere,
            }
        }
    };
    let is_property = |own: &str| header.fields.iter().any(|field| field == own);
    match name {
        FEATURE_GEOMETRY => Origin::Geometry,
        FEATURE_ID => Origin::Id,
        "geometry" if !is_property(FEATURE_GEOMETRY) => Origin::Geometry,
        "id" if !is_property(FEATURE_ID) => Origin::Id,
        name => {
            let next = slots.len();
            Origin::Slot(*slots.entry(name.to_owned()).or_insert(next))
        }
    }
}

fn push(batch: &mut RecordBatch, token: Option<Token>, text: &str, start: usize) {
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

impl Decoder for GeojsonDecoder {
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
