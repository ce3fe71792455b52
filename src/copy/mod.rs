//! The wire: rows in PostgreSQL's binary COPY format, built in one growing buffer.
//!
//! Format: <https://www.postgresql.org/docs/current/sql-copy.html> ("Binary
//! Format"), values as each type's receive function reads them. The driver's
//! own writer dispatches per value and flushes at 4 KiB; this one appends whole
//! splits to one buffer, which then goes to the socket without a copy.
//!
//! A row that is given up truncates the buffer back to its start, so a
//! rejected record costs nothing on the wire.

#![deny(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap)]

mod field;
mod network;
mod numeric;
mod rows;

use bytes::Bytes;
pub use rows::without_ordinals;

use crate::{schema::PgType, value::Value};

/// The signature, no flags, no header extension.
pub const COPY_HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A tuple with -1 fields ends the stream.
pub const COPY_TRAILER: [u8; 2] = [0xff, 0xff];

/// The longest field sent, in bytes: well below the server's 1 GiB.
pub const FIELD_BYTES_MAX: usize = 64 << 20;

/// A value and a column type that do not go together, or a field beyond [`FIELD_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

/// Rows for one target, encoded one after the other.
#[derive(Debug, Default)]
pub struct TupleEncoder {
    buffer: Vec<u8>,
    rows: u64,
    /// Where the buffer and the rows stood at [`TupleEncoder::mark`].
    marked: (usize, u64),
}

impl TupleEncoder {
    /// Bytes of a row before its first field: the count of fields, and the ordinal.
    pub const FIELDS_START: usize = 2 + 4 + 8;

    /// Remembers this point, to come back to with [`TupleEncoder::rollback`].
    pub fn mark(&mut self) {
        self.marked = (self.buffer.len(), self.rows);
    }

    /// Takes back everything since the mark.
    pub fn rollback(&mut self) {
        let (length, rows) = self.marked;
        self.buffer.truncate(length);
        self.rows = rows;
    }

    /// Begins a row of so many fields; a table has at most 1,600 columns.
    pub fn begin_row(&mut self, fields: usize) {
        let fields = i16::try_from(fields).unwrap_or(i16::MAX);
        self.buffer.extend_from_slice(&fields.to_be_bytes());
    }

    /// Adds the record's ordinal, an `int8`.
    pub fn ordinal(&mut self, ordinal: i64) {
        self.buffer.extend_from_slice(&8_i32.to_be_bytes());
        self.buffer.extend_from_slice(&ordinal.to_be_bytes());
    }

    /// Adds a field.
    ///
    /// # Errors
    /// `DoesNotFit` for a value the column's type cannot take: the parser proves the
    /// opposite, so this is a fault of longshore; the row has to be rolled back.
    #[inline]
    pub fn field(&mut self, pg_type: &PgType, value: &Value<'_>) -> Result<(), DoesNotFit> {
        field::write(&mut self.buffer, pg_type, value)
    }

    /// Adds a text, of at most [`FIELD_BYTES_MAX`], as the server reads those of types whose
    /// values are sent as they are; gives back whether it did.
    ///
    /// A `char(n)` is one where nothing has to be added to it.
    #[inline]
    pub fn text(&mut self, pg_type: &PgType, text: &str) -> bool {
        field::write_text(&mut self.buffer, pg_type, text)
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Rows encoded since the last `take`.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes encoded since the last `take`.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The bytes encoded since the last `take`, from `start` on.
    pub fn encoded(&self, start: usize) -> &[u8] {
        &self.buffer[start..]
    }

    /// Takes the rows out and starts again, with a little more room than they took: the next
    /// rows take about as much, and a buffer that is too small by a byte would double.
    pub fn take(&mut self) -> Bytes {
        let room = self.buffer.len() + self.buffer.len() / 16;
        let taken = std::mem::replace(&mut self.buffer, Vec::with_capacity(room));
        self.rows = 0;
        self.marked = (0, 0);
        Bytes::from(taken)
    }
}

#[cfg(test)]
mod tests;
