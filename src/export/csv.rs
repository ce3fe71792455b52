//! Rows as CSV, safe to open: text that a spreadsheet would run is guarded with a `'`.

use super::{
    charset::Charset,
    columns::{Column, Kind},
    layout::Layout,
    row::Row,
    values::unwritable,
};
use crate::{
    definition::{LineEnd, OutputDefinition, Quoting},
    error::{Error, Result},
};

/// What a spreadsheet takes for the start of a formula, or skips to find one behind it.
const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\0'];

/// Writes rows as CSV.
pub(super) struct CsvWriter {
    delimiter: u8,
    quoting: Quoting,
    charset: Charset,
    line_end: &'static [u8],
    null: String,
    header: bool,
    raw: bool,
    /// Rows written, for errors.
    rows: u64,
}

impl CsvWriter {
    pub(super) fn new(output: &OutputDefinition) -> Self {
        let delimiter = output.delimiter.as_deref().and_then(|text| text.bytes().next());
        Self {
            delimiter: delimiter.unwrap_or(b','),
            quoting: output.quoting,
            charset: Charset::of(output),
            line_end: match output.line_end {
                LineEnd::Lf => b"\n",
                LineEnd::Crlf => b"\r\n",
            },
            null: output.null.clone(),
            header: output.header,
            raw: output.raw,
            rows: 0,
        }
    }

    /// What the file starts with.
    pub(super) fn start(&self, columns: &[Column], bytes: &mut Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(self.charset.start());
        if !self.header {
            return Ok(());
        }
        for (index, column) in columns.iter().enumerate() {
            self.between(index, bytes);
            if !self.text(&column.label, Kind::Text, columns.len(), bytes) {
                return Err(self.unencodable("the header", column));
            }
        }
        bytes.extend_from_slice(self.line_end);
        Ok(())
    }

    /// Adds a row.
    pub(super) fn row(
        &mut self,
        layout: &Layout,
        row: &Row<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let columns = &layout.columns;
        self.rows += 1;
        for (index, column) in columns.iter().enumerate() {
            self.between(index, bytes);
            let value = layout.values.write(column, row.get(column.at));
            let value = value.map_err(|why| unwritable(self.rows, column, why))?;
            let encoded = match value {
                // Readers skip an empty line: a lone NULL would not come back.
                None if self.null.is_empty() && columns.len() == 1 => {
                    bytes.extend_from_slice(b"\"\"");
                    true
                }
                None => self.charset.append(&self.null, bytes),
                Some(text) => self.text(&text, column.kind, columns.len(), bytes),
            };
            if !encoded {
                return Err(self.unencodable(&format!("row {}", self.rows), column));
            }
        }
        bytes.extend_from_slice(self.line_end);
        Ok(())
    }

    fn between(&self, index: usize, bytes: &mut Vec<u8>) {
        if index > 0 {
            bytes.push(self.delimiter);
        }
    }

    /// Adds a value; false where the encoding does not have one of its characters.
    fn text(&self, text: &str, kind: Kind, columns: usize, bytes: &mut Vec<u8>) -> bool {
        // Typed numbers may start with a minus: they are what they seem to be.
        let guarded = !self.raw && kind != Kind::Number && text.starts_with(FORMULA_STARTS);
        let quoted = match self.quoting {
            Quoting::All => true,
            Quoting::Text if matches!(kind, Kind::Text | Kind::Json | Kind::Geometry) => true,
            _ => self.needs_quotes(text, columns),
        };
        if !quoted {
            if guarded {
                bytes.push(b'\'');
            }
            return self.charset.append(text, bytes);
        }
        bytes.push(b'"');
        if guarded {
            bytes.push(b'\'');
        }
        let mut encoded = true;
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                bytes.extend_from_slice(b"\"\"");
            }
            encoded &= self.charset.append(part, bytes);
        }
        bytes.push(b'"');
        encoded
    }

    /// Whether a value would not come back as it is: it would be cut, or taken for NULL, for
    /// an empty line, or (by old readers) for the end of the data.
    fn needs_quotes(&self, text: &str, columns: usize) -> bool {
        let special = |byte: u8| byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        text == self.null
            || text == "\\."
            || (text.is_empty() && columns == 1)
            || text.bytes().any(special)
    }

    fn unencodable(&self, place: &str, column: &Column) -> Error {
        let what = format!(
            "{place}, column `{}`, holds a character that {} does not have",
            column.name,
            self.charset.name()
        );
        Error::definition(what)
            .hint("write `encoding = \"utf-8\"`, or `unencodable = \"replace\"` for a `?` there")
    }
}
