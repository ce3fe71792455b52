//! A reused, flat buffer of decoded records: what a source hands to transform.
//!
//! Cells are ranges into two byte stores: the split's own block (shared, for
//! text that stands in the input as it is) and the batch's scratch (for text
//! that had to be unescaped, numbers, geometries). Nothing is allocated per
//! record or cell once the vectors have grown.
//!
//! A record that could not be decoded is in the batch too, with its
//! [`Fault`]: decoding never drops a record, so counts stay true.

use bytes::Bytes;
use bytestring::ByteString;

use crate::outcome::{Fault, Position};

/// One cell as its source types it; text formats have only `Text` and `Absent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'b> {
    /// Nothing there: an empty sheet cell, a missing property, a JSON or DBF null.
    Absent,
    /// Text, valid UTF-8 without NUL.
    Text(&'b str),
    /// A number in the source's own digits (JSON, DBF), exact.
    Number(&'b str),
    /// A binary number (sheets).
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A date and time: microseconds since 2000-01-01 (sheets; DBF dates at midnight).
    DateTime(i64),
    /// A duration in microseconds (sheets: `[h]:mm`, or a time of day without date).
    Duration(i64),
    /// A spreadsheet's error value (`#N/A`).
    Error(&'b str),
    /// A nested JSON value, as its source text.
    Json(&'b str),
    /// A geometry as little-endian EWKB (Z and M flags, no SRID), not yet checked.
    Geometry(&'b [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Absent,
    Text,
    Number,
    Float,
    Bool,
    DateTime,
    Duration,
    Error,
    Json,
    Geometry,
}

/// A cell's bytes: `start .. end` in the block or, with `scratch`, in the scratch.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    kind: CellKind,
    scratch: bool,
}

#[derive(Debug)]
struct Row {
    position: Position,
    raw: (u32, u32),
    /// The end of its cells in `spans`; its start is the row before's end.
    cells_end: u32,
    fault: Option<Box<Fault>>,
}

/// Many records of one split, decoded.
#[derive(Debug, Default)]
pub struct RecordBatch {
    block: Bytes,
    /// The block once more where all of it is UTF-8: its cells need no check of their own.
    text: Option<ByteString>,
    scratch: Vec<u8>,
    spans: Vec<Span>,
    rows: Vec<Row>,
}

impl RecordBatch {
    /// Empties the batch and lets it borrow from `block` (at most 4 GiB) from now on.
    pub fn restart(&mut self, block: Bytes) {
        self.clear();
        self.block = block;
        self.text = None;
    }

    /// Like [`RecordBatch::restart`], with a block that was proven to be UTF-8 as a whole.
    pub fn restart_with_text(&mut self, block: ByteString) {
        self.clear();
        self.block = block.as_bytes().clone();
        self.text = Some(block);
    }

    /// Empties the batch, keeping its block and capacity.
    pub fn clear(&mut self) {
        self.scratch.clear();
        self.spans.clear();
        self.rows.clear();
    }

    /// How many records it holds, faulty ones included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of cells that were copied, for budgets.
    pub fn scratch_bytes(&self) -> usize {
        self.scratch.len()
    }

    /// The records in source order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        let mut first_cell = 0;
        self.rows.iter().map(move |row| {
            let cells = &self.spans[first_cell..row.cells_end as usize];
            first_cell = row.cells_end as usize;
            Record { batch: self, row, cells, overlay: None }
        })
    }

    /// Adds a text cell that stands in the block at `start .. end`; the bytes are valid UTF-8.
    pub fn push_text_in_block(&mut self, start: usize, end: usize) {
        self.push_in_block(CellKind::Text, start, end);
    }

    /// Adds a number cell whose digits stand in the block at `start .. end`.
    pub fn push_number_in_block(&mut self, start: usize, end: usize) {
        self.push_in_block(CellKind::Number, start, end);
    }

    /// Adds a JSON cell whose text stands in the block at `start .. end`.
    pub fn push_json_in_block(&mut self, start: usize, end: usize) {
        self.push_in_block(CellKind::Json, start, end);
    }

    /// Adds the cells of a record whose texts stand in the block as they are: the ranges of their
    /// valid UTF-8, counted from `origin`, and `None` for one that is absent.
    pub fn push_texts_in_block(
        &mut self,
        origin: usize,
        texts: impl ExactSizeIterator<Item = Option<(u32, u32)>>,
    ) {
        let (origin, absent) = (to_u32(origin), to_u32(self.scratch.len()));
        self.spans.extend(texts.map(|text| match text {
            Some((start, end)) => Span {
                start: origin + start,
                end: origin + end,
                kind: CellKind::Text,
                scratch: false,
            },
            None => Span { start: absent, end: absent, kind: CellKind::Absent, scratch: true },
        }));
    }

    fn push_in_block(&mut self, kind: CellKind, start: usize, end: usize) {
        debug_assert!(start <= end && end <= self.block.len(), "a cell lies inside its block");
        self.spans.push(Span { start: to_u32(start), end: to_u32(end), kind, scratch: false });
    }

    /// Adds a cell by value; its bytes are copied.
    pub fn push(&mut self, cell: Cell<'_>) {
        let start = to_u32(self.scratch.len());
        let kind = match cell {
            Cell::Absent => CellKind::Absent,
            Cell::Text(text) => self.copy(text.as_bytes(), CellKind::Text),
            Cell::Number(digits) => self.copy(digits.as_bytes(), CellKind::Number),
            Cell::Float(number) => self.copy(&number.to_le_bytes(), CellKind::Float),
            Cell::Bool(truth) => self.copy(&[u8::from(truth)], CellKind::Bool),
            Cell::DateTime(micros) => self.copy(&micros.to_le_bytes(), CellKind::DateTime),
            Cell::Duration(micros) => self.copy(&micros.to_le_bytes(), CellKind::Duration),
            Cell::Error(name) => self.copy(name.as_bytes(), CellKind::Error),
            Cell::Json(text) => self.copy(text.as_bytes(), CellKind::Json),
            Cell::Geometry(ewkb) => self.copy(ewkb, CellKind::Geometry),
        };
        self.spans.push(Span { start, end: to_u32(self.scratch.len()), kind, scratch: true });
    }

    fn copy(&mut self, bytes: &[u8], kind: CellKind) -> CellKind {
        self.scratch.extend_from_slice(bytes);
        kind
    }

    /// Adds a cell that `write` appends to the scratch, as text or as a geometry's EWKB.
    pub fn push_with(&mut self, geometry: bool, write: impl FnOnce(&mut Vec<u8>)) {
        let start = to_u32(self.scratch.len());
        write(&mut self.scratch);
        let kind = if geometry { CellKind::Geometry } else { CellKind::Text };
        self.spans.push(Span { start, end: to_u32(self.scratch.len()), kind, scratch: true });
    }

    /// Ends a record whose cells have been pushed; `raw` is its range in the block.
    pub fn end_record(&mut self, position: Position, raw: (usize, usize)) {
        self.end(position, raw, None);
    }

    /// Ends a record that could not be decoded; cells pushed for it are dropped.
    pub fn end_faulty(&mut self, position: Position, raw: (usize, usize), fault: Fault) {
        self.drop_open_cells();
        self.end(position, raw, Some(Box::new(fault)));
    }

    /// Drops the cells pushed since the last record ended.
    pub fn drop_open_cells(&mut self) {
        let kept = self.rows.last().map_or(0, |row| row.cells_end as usize);
        self.spans.truncate(kept);
    }

    fn end(&mut self, position: Position, raw: (usize, usize), fault: Option<Box<Fault>>) {
        let raw = (to_u32(raw.0), to_u32(raw.1));
        let cells_end = to_u32(self.spans.len());
        self.rows.push(Row { position, raw, cells_end, fault });
    }
}

/// Blocks and batches are held far below 4 GiB by `source::split::SPLIT_BYTES_MAX`.
#[expect(clippy::expect_used, reason = "an invariant of split planning, not of the data")]
fn to_u32(offset: usize) -> u32 {
    u32::try_from(offset).expect("a batch stays below 4 GiB")
}

/// One record of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'b> {
    batch: &'b RecordBatch,
    row: &'b Row,
    cells: &'b [Span],
    overlay: Option<&'b CellOverlay>,
}

/// One of several rows that a record gives: some of its cells are others, or texts that do not
/// stand in the record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellOverlay {
    /// Which of the record's rows it is, from 1; below 2^[`crate::outcome::ROW_BITS`].
    pub row: u32,
    /// Cells that are texts, by index; `None` for one that is absent.
    pub texts: Vec<(usize, Option<Box<str>>)>,
    /// The cell at the first index is the one at the second.
    pub moved: (usize, usize),
}

impl<'b> Record<'b> {
    /// Where it stands in the source.
    pub fn position(&self) -> Position {
        self.row.position
    }

    /// Why it could not be decoded; its cells are not to be looked at then.
    pub fn fault(&self) -> Option<&'b Fault> {
        self.row.fault.as_deref()
    }

    /// The record as it stands in the source, where the format has such a text.
    pub fn raw(&self) -> &'b [u8] {
        let (start, end) = self.row.raw;
        &self.batch.block[start as usize..end as usize]
    }

    /// How many cells it has.
    pub fn width(&self) -> usize {
        self.cells.len()
    }

    /// The record as one of the rows that it gives.
    #[must_use]
    pub fn overlaid(&self, overlay: &'b CellOverlay) -> Self {
        Self { overlay: Some(overlay), ..*self }
    }

    /// One number for the row, which sorts as the source does.
    pub fn ordinal(&self) -> i64 {
        self.position().row_ordinal(self.overlay.map_or(0, |overlay| overlay.row))
    }

    /// The cell at `index` in the projection's order; `Absent` beyond its width.
    #[inline]
    pub fn cell(&self, index: usize) -> Cell<'b> {
        match self.overlay {
            None => self.own_cell(index),
            Some(overlay) => self.laid_cell(index, overlay),
        }
    }

    /// The cell at `index` where it is text that stands in its split as it is; another kind of
    /// cell, or text that had to be made, is not looked for.
    #[inline]
    pub fn text_in_block(&self, index: usize) -> Option<&'b str> {
        let span = self.cells.get(index)?;
        if span.scratch || span.kind != CellKind::Text || self.overlay.is_some() {
            return None;
        }
        self.batch.text.as_ref()?.get(span.start as usize..span.end as usize)
    }

    /// Of a row that a record gives: the cell that is the row's own.
    pub fn moved_cell(&self) -> Cell<'b> {
        self.overlay.map_or(Cell::Absent, |overlay| self.own_cell(overlay.moved.1))
    }

    fn laid_cell(&self, index: usize, overlay: &'b CellOverlay) -> Cell<'b> {
        if index == overlay.moved.0 {
            return self.own_cell(overlay.moved.1);
        }
        match overlay.texts.iter().find(|(at, _)| *at == index) {
            Some((_, text)) => text.as_deref().map_or(Cell::Absent, Cell::Text),
            None => self.own_cell(index),
        }
    }

    #[inline]
    fn own_cell(&self, index: usize) -> Cell<'b> {
        self.cells.get(index).map_or(Cell::Absent, |span| self.batch.decode(*span))
    }
}

impl RecordBatch {
    #[inline]
    fn decode(&self, span: Span) -> Cell<'_> {
        let store: &[u8] = if span.scratch { &self.scratch } else { &self.block };
        let bytes = &store[span.start as usize..span.end as usize];
        match span.kind {
            CellKind::Absent => Cell::Absent,
            CellKind::Text => Cell::Text(self.text_of(span, bytes)),
            CellKind::Number => Cell::Number(text(bytes)),
            CellKind::Float => Cell::Float(f64::from_le_bytes(word(bytes))),
            CellKind::Bool => Cell::Bool(bytes == [1]),
            CellKind::DateTime => Cell::DateTime(i64::from_le_bytes(word(bytes))),
            CellKind::Duration => Cell::Duration(i64::from_le_bytes(word(bytes))),
            CellKind::Error => Cell::Error(text(bytes)),
            CellKind::Json => Cell::Json(text(bytes)),
            CellKind::Geometry => Cell::Geometry(bytes),
        }
    }
}

impl RecordBatch {
    /// A range of proven text costs a look at its two ends; anything else is checked whole.
    #[inline]
    fn text_of<'b>(&'b self, span: Span, bytes: &'b [u8]) -> &'b str {
        match &self.text {
            Some(block) if !span.scratch => &block[span.start as usize..span.end as usize],
            _ => text(bytes),
        }
    }
}

/// Decoders push only valid UTF-8; checking again costs about 2 ns a cell and
/// keeps `unsafe` out of the crate.
#[inline]
#[expect(clippy::expect_used, reason = "decoders prove UTF-8 before they push text")]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text cells are valid UTF-8")
}

#[inline]
#[expect(clippy::expect_used, reason = "number cells are written as eight bytes above")]
fn word(bytes: &[u8]) -> [u8; 8] {
    bytes.try_into().expect("number cells hold eight bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(record: u64) -> Position {
        Position { file: 0, record, line: record + 1 }
    }

    #[test]
    fn records_give_back_their_cells_positions_and_raw_text() {
        let mut batch = RecordBatch::default();
        batch.restart(Bytes::from_static(b"ab,7\nx\n"));
        batch.push_text_in_block(0, 2);
        batch.push_number_in_block(3, 4);
        batch.push(Cell::Float(1.5));
        batch.end_record(position(1), (0, 4));
        batch.push_text_in_block(5, 6);
        let fault = Fault { code: "csv.ragged", field: String::new(), message: "1 field".into() };
        batch.end_faulty(position(2), (5, 6), fault.clone());
        batch.push(Cell::Bool(true));
        batch.end_record(position(3), (7, 7));

        let records: Vec<_> = batch.records().collect();
        assert_eq!(records[0].cell(0), Cell::Text("ab"));
        assert_eq!(records[0].cell(1), Cell::Number("7"));
        assert_eq!(records[0].cell(2), Cell::Float(1.5));
        assert_eq!(records[0].cell(3), Cell::Absent);
        assert_eq!((records[0].width(), records[1].width()), (3, 0));
        assert_eq!((records[1].raw(), records[1].fault()), (&b"x"[..], Some(&fault)));
        assert_eq!(records[2].cell(0), Cell::Bool(true));
        assert_eq!(records[2].position().line, 4);
    }
}
