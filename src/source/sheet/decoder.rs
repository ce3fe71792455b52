//! Turns row bytes into records: the cells of the projection, or what is wrong.

use bytes::Bytes;

use super::{
    row::{Cells, PlacedCell, Stored, head},
    serial,
};
use crate::{
    batch::{Cell, RecordBatch},
    outcome::{Fault, Position},
    source::{Decoder, Header, Projection, REPEATS_HEADER, Split},
};

/// Records in one batch.
const BATCH_RECORDS: usize = 1024;

/// Decodes the splits of one sheet.
pub(super) struct SheetDecoder {
    /// For each cell delivered, its column within the area.
    columns: Vec<Option<usize>>,
    /// The names of the fields that go into the JSON object at the end, if there is one.
    rest: Option<Vec<(usize, String)>>,
    names: Vec<String>,
    /// Whether a row that says the same as the names is the header again.
    header_repeats: bool,
    split: Option<Split>,
    at: usize,
    record: u64,
}

impl SheetDecoder {
    /// A decoder of records with these fields.
    pub(super) fn new(header: &Header, projection: &Projection) -> Self {
        let column = |field: &_| header_column(header, field);
        let columns: Vec<Option<usize>> = projection.fields.iter().map(column).collect();
        let rest = projection.rest.then(|| rest_names(header, &columns));
        let (names, header_repeats) = (header.fields.clone(), header.is_told_from_records());
        Self { columns, rest, names, header_repeats, split: None, at: 0, record: 0 }
    }
}

/// The column a field stands in; of several with one name the first.
fn header_column(header: &Header, field: &crate::definition::FieldRef) -> Option<usize> {
    match field {
        crate::definition::FieldRef::Number(number) => {
            number.checked_sub(1).map(|at| at as usize).filter(|&at| at < header.fields.len())
        }
        crate::definition::FieldRef::Name(name) => {
            header.fields.iter().position(|field| field == name)
        }
    }
}

/// Keys of the rest: the name; the number of a field without one; both for one whose name
/// stands before it already, since `jsonb` keeps only the last of two equal keys.
fn rest_names(header: &Header, used: &[Option<usize>]) -> Vec<(usize, String)> {
    let fields = header.fields.iter().enumerate();
    let key = |(at, name): (usize, &String)| match name.as_str() {
        "" => (at, (at + 1).to_string()),
        name if header.fields[..at].iter().any(|before| before == name) => {
            (at, format!("{name} ({})", at + 1))
        }
        name => (at, name.to_owned()),
    };
    fields.filter(|(at, _)| !used.contains(&Some(*at))).map(key).collect()
}

impl Decoder for SheetDecoder {
    fn start(&mut self, split: Split) {
        self.at = 0;
        self.record = split.first_record;
        self.split = Some(split);
    }

    fn fill(&mut self, batch: &mut RecordBatch) -> bool {
        let Some(split) = &self.split else {
            batch.clear();
            return false;
        };
        let payload: Bytes = split.payload.clone();
        let file = split.file;
        batch.restart(payload.clone());
        let mut row_cells = vec![None; self.names.len()];
        while batch.len() < BATCH_RECORDS
            && let Some((row, length)) = head(&payload[self.at..])
        {
            let raw = (self.at, self.at + length);
            let position = Position { file, record: self.record, line: u64::from(row) };
            match self.decode(batch, &payload[raw.0..raw.1], &mut row_cells) {
                Ok(()) => batch.end_record(position, raw),
                Err(fault) => batch.end_faulty(position, raw, fault),
            }
            self.at = raw.1;
            self.record += 1;
        }
        !batch.is_empty()
    }
}

impl SheetDecoder {
    fn decode<'r>(
        &self,
        batch: &mut RecordBatch,
        row: &'r [u8],
        row_cells: &mut [Option<PlacedCell<'r>>],
    ) -> Result<(), Fault> {
        row_cells.fill(None);
        for placed in Cells::of(row) {
            let place = usize::from(placed.column);
            match row_cells.get_mut(place) {
                Some(free @ None) => *free = Some(placed),
                Some(_) => {
                    return Err(self.fault("sheet.cell", place, "two cells stand at one place"));
                }
                None if placed.cell == Stored::Text("") => {}
                None => return Err(ragged(place, self.names.len())),
            }
        }
        if self.header_repeats && self.repeats_header(row_cells) {
            let message = REPEATS_HEADER.to_owned();
            return Err(Fault { code: "sheet.header", field: String::new(), message });
        }
        for column in &self.columns {
            match column.and_then(|column| row_cells[column]) {
                None => batch.push(Cell::Absent),
                Some(placed) => self.push(batch, self.at, placed)?,
            }
        }
        match &self.rest {
            Some(rest) => self.push_rest(batch, rest, row_cells),
            None => Ok(()),
        }
    }

    fn repeats_header(&self, row_cells: &[Option<PlacedCell<'_>>]) -> bool {
        let text = |placed: &Option<PlacedCell<'_>>, name: &String| match placed {
            None => name.is_empty(),
            Some(placed) => placed.cell == Stored::Text(name),
        };
        row_cells.iter().zip(&self.names).all(|(placed, name)| text(placed, name))
    }

    fn push(
        &self,
        batch: &mut RecordBatch,
        row_start: usize,
        placed: PlacedCell<'_>,
    ) -> Result<(), Fault> {
        match self.sound(placed)? {
            Stored::Text(_) => {
                batch.push_text_in_block(row_start + placed.text.0, row_start + placed.text.1);
            }
            Stored::Number(number) => batch.push(Cell::Float(number)),
            Stored::Bool(truth) => batch.push(Cell::Bool(truth)),
            Stored::DateTime(micros) => batch.push(Cell::DateTime(micros)),
            Stored::Duration(micros) => batch.push(Cell::Duration(micros)),
            Stored::Error(name) => batch.push(Cell::Error(name)),
            _ => batch.push(Cell::Absent),
        }
        Ok(())
    }

    /// The cell, if it could be read.
    fn sound<'r>(&self, placed: PlacedCell<'r>) -> Result<Stored<'r>, Fault> {
        let place = usize::from(placed.column);
        let fault = |code, message| Err(self.fault(code, place, message));
        match placed.cell {
            Stored::BadDate(60.0..61.0) => {
                fault("sheet.date", "it is 29 February 1900, which never was")
            }
            Stored::BadDate(_) => fault("sheet.date", "it has a date's format and is no date"),
            Stored::NoResult => fault(
                "sheet.formula",
                "its formula has no stored result: calculate the workbook and save it",
            ),
            Stored::BadText(_) => fault("encoding.nul", "it has a NUL character"),
            Stored::BadNumber => fault("sheet.number", "it is not a finite number"),
            sound => Ok(sound),
        }
    }

    fn fault(&self, code: &'static str, place: usize, message: &str) -> Fault {
        let named = self.names.get(place).filter(|name| !name.is_empty());
        let field = named.cloned().unwrap_or_else(|| format!("column {}", place + 1));
        Fault { code, field, message: message.to_owned() }
    }

    fn push_rest(
        &self,
        batch: &mut RecordBatch,
        rest: &[(usize, String)],
        row_cells: &[Option<PlacedCell<'_>>],
    ) -> Result<(), Fault> {
        let mut object = serde_json::Map::with_capacity(rest.len());
        for (column, name) in rest {
            let value = match row_cells[*column] {
                Some(placed) => json_value(self.sound(placed)?),
                None => serde_json::Value::Null,
            };
            object.insert(name.clone(), value);
        }
        batch.push(Cell::Json(&serde_json::Value::Object(object).to_string()));
        Ok(())
    }
}

/// Whole numbers are written without a point: `12` rather than `12.0`.
fn json_value(cell: Stored<'_>) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match cell {
        Stored::Number(number) if number.fract() == 0.0 && number.abs() < EXACT => {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            let whole = number as i64;
            whole.into()
        }
        Stored::Number(number) => number.into(),
        Stored::Bool(truth) => truth.into(),
        Stored::Text(text) | Stored::Error(text) => text.into(),
        Stored::DateTime(micros) => serial::date_time_text(micros).into(),
        Stored::Duration(micros) => serial::duration_text(micros).into(),
        _ => serde_json::Value::Null,
    }
}

fn ragged(place: usize, width: usize) -> Fault {
    let message =
        format!("a cell stands in column {}, beyond the {width} that have names", place + 1);
    Fault { code: "sheet.ragged", field: String::new(), message }
}
