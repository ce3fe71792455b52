//! Rows as CSV, safe to open: text that a spreadsheet would run is guarded with a `'`.

use std::borrow::Cow;

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
fn starts_formula(byte: u8) -> bool {
    matches!(byte, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\0')
}

/// Whether a text gets a `'` in front: also one that looks as if it had one already, so that
/// taking it away again (`source.unguard`) gives every text back as it was.
fn needs_guard(text: &str) -> bool {
    match text.as_bytes() {
        [b'\'', ..] => text.trim_start_matches('\'').bytes().next().is_some_and(starts_formula),
        [first, ..] => starts_formula(*first),
        [] => false,
    }
}

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
        // Most rows hold nothing that has to be quoted: one look at all of it, not one a cell.
        let is_clean = row.is_plain()
            && memchr::memchr2(self.delimiter, b'"', row.text().as_bytes()).is_none();
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
                Some(Cow::Borrowed(text))
                    if is_clean && self.quoting == Quoting::Minimal && column.is_as_it_comes() =>
                {
                    self.clean_text(text, column.kind, columns.len(), bytes)
                }
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

    /// Adds a value that holds nothing to be quoted for.
    fn clean_text(&self, text: &str, kind: Kind, columns: usize, bytes: &mut Vec<u8>) -> bool {
        if text == self.null || (text.is_empty() && columns == 1) {
            return self.text(text, kind, columns, bytes);
        }
        if !self.raw && kind != Kind::Number && needs_guard(text) {
            bytes.push(b'\'');
        }
        self.charset.append(text, bytes)
    }

    /// Adds a value; false where the encoding does not have one of its characters.
    fn text(&self, text: &str, kind: Kind, columns: usize, bytes: &mut Vec<u8>) -> bool {
        // Typed numbers may start with a minus: they are what they seem to be.
        let guarded = !self.raw && kind != Kind::Number && needs_guard(text);
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

#[cfg(test)]
mod tests {
    use super::needs_guard;

    #[test]
    fn a_guard_can_be_taken_away_again() {
        for text in ["=1", "-", "\t=1", "'=1", "''@x"] {
            assert!(needs_guard(text), "{text}");
            assert!(needs_guard(&format!("'{text}")), "it looks guarded, and is");
        }
        for text in ["", "'", "'a", "a=1", "1-2", "''"] {
            assert!(!needs_guard(text), "{text}");
        }
    }
}
