//! Turns a split of features into records.

use std::{fmt::Write, sync::Arc};

use bytes::Bytes;
use jiff::civil::date;

use super::{
    cells::CellReader,
    dbf::{DbfHeader, Field},
    geometry::{ShapeWriter, little_endian},
    splitter::LENGTH_BYTES,
};
use crate::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    outcome::{Fault, Position},
    source::{Decoder, Header, Projection, Split, encoding::TextEncoding},
};

/// Records and bytes of cells after which a batch is handed on.
const BATCH_RECORDS: usize = 1024;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The name that means the shape, whatever the table's fields are called.
pub(super) const FEATURE_GEOMETRY: &str = "feature.geometry";

/// Where a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Field(usize),
    Geometry,
    Nowhere,
}

pub(super) struct ShapefileDecoder {
    table: Option<Arc<DbfHeader>>,
    cells: Vec<Origin>,
    /// The fields gathered in the rest; `None` when there is none to deliver.
    rest: Option<Vec<usize>>,
    rest_text: String,
    reader: CellReader,
    shape: ShapeWriter,
    block: Bytes,
    at: usize,
    left: u64,
    position: Position,
}

impl ShapefileDecoder {
    pub(super) fn new(
        table: Option<Arc<DbfHeader>>,
        encoding: Option<TextEncoding>,
        header: &Header,
        projection: &Projection,
    ) -> Self {
        let fields: &[Field] = table.as_ref().map_or(&[], |table| &table.fields);
        let cells: Vec<_> =
            projection.fields.iter().map(|field| origin(fields, header, field)).collect();
        let unused = |index: &usize| !cells.contains(&Origin::Field(*index));
        let rest = projection.rest.then(|| (0..fields.len()).filter(unused).collect());
        Self {
            cells,
            rest,
            rest_text: String::new(),
            reader: CellReader::new(encoding),
            shape: ShapeWriter::default(),
            table,
            block: Bytes::new(),
            at: 0,
            left: 0,
            position: Position::default(),
        }
    }

    fn record(&mut self, batch: &mut RecordBatch) {
        let block = self.block.clone();
        let start = self.at;
        let shape_start = start + LENGTH_BYTES;
        let row_start = shape_start + little_endian(&block, start) as usize;
        let end = row_start + self.table.as_ref().map_or(0, |table| table.row_bytes);
        let (shape, row) = (&block[shape_start..row_start], &block[row_start..end]);
        match self.cells_of(shape, row, batch) {
            Ok(()) => batch.end_record(self.position, (start, end)),
            Err(fault) => batch.end_faulty(self.position, (start, end), fault),
        }
        self.at = end;
        self.left -= 1;
        self.position.record += 1;
    }

    fn cells_of(&mut self, shape: &[u8], row: &[u8], batch: &mut RecordBatch) -> Result<(), Fault> {
        for at in 0..self.cells.len() {
            match self.cells[at] {
                Origin::Field(field) => batch.push(self.field(field, row)?),
                Origin::Geometry => self.geometry(shape, batch)?,
                Origin::Nowhere => batch.push(Cell::Absent),
            }
        }
        if let Some(rest) = self.rest.take() {
            let gathered = self.gather(&rest, row);
            self.rest = Some(rest);
            gathered?;
            batch.push(Cell::Json(&self.rest_text));
        }
        Ok(())
    }

    fn field<'c>(&'c mut self, index: usize, row: &'c [u8]) -> Result<Cell<'c>, Fault> {
        // Origins name fields of this table only.
        let Some(table) = &self.table else { return Ok(Cell::Absent) };
        let field = &table.fields[index];
        self.reader.cell(table, field, row).map_err(|(code, what)| Fault {
            code,
            field: field.name.clone(),
            message: what.to_owned(),
        })
    }

    fn geometry(&mut self, shape: &[u8], batch: &mut RecordBatch) -> Result<(), Fault> {
        match self.shape.write(shape) {
            Ok(true) => batch.push(Cell::Geometry(self.shape.ewkb())),
            Ok(false) => batch.push(Cell::Absent),
            Err((code, what)) => {
                let field = "geometry".to_owned();
                return Err(Fault { code, field, message: what.to_owned() });
            }
        }
        Ok(())
    }

    /// Writes the fields of the rest as a JSON object.
    fn gather(&mut self, rest: &[usize], row: &[u8]) -> Result<(), Fault> {
        let mut text = std::mem::take(&mut self.rest_text);
        text.clear();
        text.push('{');
        for (at, &index) in rest.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            let name = self.table.as_ref().map_or("", |table| &table.fields[index].name);
            push_json_text(&mut text, name);
            text.push(':');
            push_json(&mut text, self.field(index, row)?);
        }
        text.push('}');
        self.rest_text = text;
        Ok(())
    }
}

fn origin(fields: &[Field], header: &Header, field: &FieldRef) -> Origin {
    let name = match field {
        FieldRef::Name(name) => name.as_str(),
        FieldRef::Number(number) => {
            let index = usize::try_from(*number).unwrap_or(usize::MAX).wrapping_sub(1);
            return match header.fields.len() {
                _ if index < fields.len() => Origin::Field(index),
                count if index < count => Origin::Geometry,
                _ => Origin::Nowhere,
            };
        }
    };
    match fields.iter().position(|field| field.name == name) {
        Some(index) => Origin::Field(index),
        None if name == "geometry" || name == FEATURE_GEOMETRY => Origin::Geometry,
        None => Origin::Nowhere,
    }
}

/// Writes a cell as JSON: dates as ISO text, numbers that JSON does not know as text.
fn push_json(text: &mut String, cell: Cell<'_>) {
    let written = match cell {
        Cell::Text(value) => {
            push_json_text(text, value);
            Ok(())
        }
        Cell::Number(digits) if serde_json::from_str::<serde_json::Number>(digits).is_ok() => {
            text.push_str(digits);
            Ok(())
        }
        Cell::Number(digits) => write!(text, "\"{digits}\""),
        Cell::Float(number) if number.is_finite() => write!(text, "{number}"),
        Cell::Bool(truth) => write!(text, "{truth}"),
        Cell::DateTime(micros) => {
            let epoch = date(2000, 1, 1).at(0, 0, 0, 0);
            match epoch.checked_add(jiff::SignedDuration::from_micros(micros)) {
                Ok(time) if time.time() == jiff::civil::Time::midnight() => {
                    write!(text, "\"{}\"", time.date())
                }
                Ok(time) => write!(text, "\"{time}\""),
                Err(_) => write!(text, "null"),
            }
        }
        _ => write!(text, "null"),
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

fn push_json_text(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            control if control < ' ' => {
                let written = write!(text, "\\u{:04x}", u32::from(control));
                debug_assert!(written.is_ok(), "writing to a String cannot fail");
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

impl Decoder for ShapefileDecoder {
    fn start(&mut self, split: Split) {
        self.position = Position { file: split.file, record: split.first_record, line: 0 };
        self.left = split.records;
        self.at = 0;
        self.block = split.payload;
    }

    fn fill(&mut self, batch: &mut RecordBatch) -> bool {
        batch.restart(self.block.clone());
        while self.left > 0 && batch.len() < BATCH_RECORDS && batch.scratch_bytes() < BATCH_BYTES {
            self.record(batch);
        }
        !batch.is_empty()
    }
}
