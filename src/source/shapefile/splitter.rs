//! Reads shapes and rows side by side and packs them, feature by feature.
//!
//! A record of the payload is the length of its shape (little-endian `u32`),
//! the shape's content, and the row as it stands in the table. Deleted rows
//! and their shapes are left out: they are no records.

use bytes::Bytes;

use super::{
    ShapefileSource,
    dbf::{DELETED, DbfReader},
    parts::Part,
    shp::{ShpReader, ShpRecord, ShxReader},
};
use crate::{
    error::{Error, Result},
    source::{Split, Splitter},
};

/// The length before each shape.
pub(super) const LENGTH_BYTES: usize = 4;

pub(super) struct ShapefileSplitter {
    file: u32,
    display: String,
    split_bytes: usize,
    shp: ShpReader,
    shx: Option<ShxReader>,
    table: Option<Table>,
    /// Shapes read, deleted ones included.
    shapes: u64,
    /// Whether each shape so far has the number that its place demands.
    numbered: bool,
    /// Whether each shape so far stands where the `.shx` says.
    indexed: bool,
    payload: Vec<u8>,
    records: u64,
    first_byte: u64,
    next_ordinal: u32,
    next_record: u64,
    ended: bool,
}

struct Table {
    reader: DbfReader,
    rows: u32,
    row_bytes: usize,
}

impl ShapefileSplitter {
    pub(super) fn new(source: &ShapefileSource, split_bytes: usize) -> Result<Self> {
        let display = source.file.display.clone();
        let table = match (&source.table, source.parts.open(Part::Dbf)?) {
            (Some(header), Some(stream)) => Some(Table {
                reader: DbfReader::new(stream, header, &display)?,
                rows: header.rows,
                row_bytes: header.row_bytes,
            }),
            (None, None) => None,
            _ => {
                let what = format!("the `.dbf` of `{display}` came or went while it was read");
                return Err(Error::source_file(what));
            }
        };
        let shx = source.parts.open(Part::Shx)?.and_then(ShxReader::new);
        Ok(Self {
            file: source.file.ordinal,
            shp: ShpReader::new(source.parts.shp()?, &display)?,
            shx,
            table,
            display,
            split_bytes: split_bytes.max(1),
            shapes: 0,
            numbered: true,
            indexed: true,
            payload: Vec::new(),
            records: 0,
            first_byte: 0,
            next_ordinal: 0,
            next_record: 1,
            ended: false,
        })
    }

    /// Packs the next feature; `false` at the end of the file.
    fn pack(&mut self) -> Result<bool> {
        let rows_done =
            self.table.as_ref().is_some_and(|table| self.shapes == u64::from(table.rows));
        if rows_done && self.shapes_done() {
            return Ok(false);
        }
        let start = self.payload.len();
        self.payload.extend_from_slice(&[0; LENGTH_BYTES]);
        let Some(record) = self.shp.next(&mut self.payload)? else {
            self.payload.truncate(start);
            return Ok(false);
        };
        // Records are held far below 4 GiB by `ShpReader`.
        let length = u32::try_from(record.bytes).unwrap_or(u32::MAX).to_le_bytes();
        self.payload[start..start + LENGTH_BYTES].copy_from_slice(&length);
        self.check_place(&record)?;
        self.shapes += 1;
        if rows_done {
            return Err(self.counts_differ());
        }
        if self.add_row()? {
            if self.records == 0 {
                self.first_byte = record.offset;
            }
            self.records += 1;
        } else {
            self.payload.truncate(start);
        }
        Ok(true)
    }

    /// Whether header or index say that there are no more shapes. What stands
    /// behind them is unused space, which the format allows.
    fn shapes_done(&mut self) -> bool {
        self.shp.at_claimed_end() || self.shx.as_mut().is_some_and(ShxReader::ended)
    }

    /// Appends the row of the shape before; `false` when it has been deleted.
    fn add_row(&mut self) -> Result<bool> {
        let Some(table) = &mut self.table else { return Ok(true) };
        table.reader.next(&mut self.payload, self.shapes, table.rows)?;
        Ok(self.payload[self.payload.len() - table.row_bytes] != DELETED)
    }

    /// Shapes are read in the order of the file. If neither their numbers nor
    /// the `.shx` agree with that order, shapes and rows would be mismatched.
    fn check_place(&mut self, record: &ShpRecord) -> Result<()> {
        self.numbered &= u64::from(record.number) == self.shapes + 1;
        if let Some(shx) = &mut self.shx {
            self.indexed &= shx.next() == Some(record.offset);
        }
        if self.numbered || self.indexed {
            return Ok(());
        }
        let what = format!(
            "the shapes of `{}` do not stand in the order of its rows, from shape {} on",
            self.display,
            self.shapes + 1
        );
        Err(Error::source_file(what).hint("have it written again, for example with ogr2ogr"))
    }

    fn counts_differ(&mut self) -> Error {
        let mut content = Vec::new();
        // Only the count is wanted: an end in the middle is as wrong as a wrong count.
        while let Ok(Some(_)) = self.shp.next(&mut content) {
            content.clear();
            self.shapes += 1;
        }
        let rows = self.table.as_ref().map_or(0, |table| table.rows);
        let what = format!(
            "`{}` has {} shapes, but its `.dbf` has {rows} rows",
            self.display, self.shapes
        );
        Error::source_file(what).hint("its files do not belong together, or one is incomplete")
    }

    /// Proves that shapes and rows came to their end together.
    fn end(&mut self) -> Result<()> {
        self.ended = true;
        self.shp.drain()?;
        match &mut self.table {
            Some(table) if self.shapes == u64::from(table.rows) => table.reader.drain(),
            Some(_) => Err(self.counts_differ()),
            None if self.shp.ended_as_claimed() => Ok(()),
            None => {
                let what = format!("`{}` does not end where its header says", self.display);
                Err(Error::source_file(what).hint("fetch all its files again"))
            }
        }
    }

    fn cut(&mut self) -> Split {
        let split = Split {
            file: self.file,
            ordinal: self.next_ordinal,
            first_record: self.next_record,
            records: self.records,
            first_line: 0,
            first_byte: self.first_byte,
            payload: Bytes::from(std::mem::take(&mut self.payload)),
        };
        self.next_ordinal += 1;
        self.next_record += self.records;
        self.records = 0;
        split
    }
}

impl Splitter for ShapefileSplitter {
    fn next_split(&mut self) -> Result<Option<Split>> {
        while !self.ended {
            if !self.pack()? {
                self.end()?;
            } else if self.payload.len() >= self.split_bytes {
                return Ok(Some(self.cut()));
            }
        }
        Ok(if self.records == 0 { None } else { Some(self.cut()) })
    }

    fn bytes_read(&self) -> u64 {
        self.shp.bytes_read() + self.table.as_ref().map_or(0, |table| table.reader.bytes_read())
    }
}
