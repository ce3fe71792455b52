//! Rows in COPY's text format: cells between tabs, `\N` for NULL, escapes with a backslash.

use crate::error::{Error, Result};

/// Reads rows, one after the other, into the same memory.
#[derive(Debug, Default)]
pub(super) struct RowReader {
    unescaped: Vec<u8>,
    ends: Vec<Option<(usize, usize)>>,
}

/// The cells of one row; `None` is NULL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'r> {
    text: &'r str,
    cells: &'r [Option<(usize, usize)>],
    is_plain: bool,
}

impl<'r> Row<'r> {
    /// All cells, with tabs between them and `\\N` for NULL: only where the row is plain.
    pub(super) fn text(&self) -> &'r str {
        self.text
    }

    /// Whether no cell holds a backslash, a line break or another character that COPY escapes.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The text of a cell as the server writes it, `None` for NULL.
    pub(super) fn get(&self, at: usize) -> Option<&'r str> {
        self.cells.get(at).copied().flatten().map(|(start, end)| &self.text[start..end])
    }
}

impl RowReader {
    /// The row in one message of COPY, which has to have so many cells.
    pub(super) fn read<'r>(&'r mut self, message: &'r [u8], columns: usize) -> Result<Row<'r>> {
        let line = message.strip_suffix(b"\n").unwrap_or(message);
        self.ends.clear();
        let is_plain = has_no_escape(line);
        let bytes = if is_plain {
            cut(line, &mut self.ends);
            line
        } else {
            self.unescape(line);
            &self.unescaped
        };
        // A row of no columns is an empty line as well, and cannot be told from one cell.
        if self.ends.len() != columns {
            return Err(Error::unexpected("a row of COPY does not have the query's columns"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Error::environment("the database holds text that is not in its encoding")
        })?;
        Ok(Row { text, cells: &self.ends, is_plain })
    }

    fn unescape(&mut self, line: &[u8]) {
        self.unescaped.clear();
        for cell in line.split(|byte| *byte == b'\t') {
            if cell == b"\\N" {
                self.ends.push(None);
                continue;
            }
            let start = self.unescaped.len();
            let mut rest = cell;
            while let Some(at) = memchr::memchr(b'\\', rest) {
                self.unescaped.extend_from_slice(&rest[..at]);
                self.unescaped.extend(rest.get(at + 1).map(|byte| unescaped(*byte)));
                rest = rest.get(at + 2..).unwrap_or_default();
            }
            self.unescaped.extend_from_slice(rest);
            self.ends.push(Some((start, self.unescaped.len())));
        }
    }
}

fn cut(line: &[u8], ends: &mut Vec<Option<(usize, usize)>>) {
    let mut start = 0;
    let cell = |start: usize, end: usize| (line[start..end] != *b"\\N").then_some((start, end));
    for tab in memchr::memchr_iter(b'\t', line) {
        ends.push(cell(start, tab));
        start = tab + 1;
    }
    ends.push(cell(start, line.len()));
}

/// Whether every backslash is that of a NULL, which is a cell of its own.
fn has_no_escape(line: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', line).all(|at| {
        let starts = at == 0 || line[at - 1] == b'\t';
        starts && line.get(at + 1) == Some(&b'N') && matches!(line.get(at + 2), None | Some(b'\t'))
    })
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_were() {
        let mut reader = RowReader::default();
        let row = reader.read(b"1\t\tS\xc3\xa3o\n", 3).expect("a row");
        assert_eq!([0, 1, 2].map(|at| row.get(at)), [Some("1"), Some(""), Some("São")]);
        let row = reader.read(b"\\N\ta\\tb\\\\N\\n\\r\\v\\f\\b\t\\\\N\n", 3).expect("a row");
        let expected = [None, Some("a\tb\\N\n\r\x0b\x0c\x08"), Some("\\N")];
        assert_eq!([0, 1, 2].map(|at| row.get(at)), expected);
        let row = reader.read(b"\\N\t7\t\\N\n", 3).expect("a row");
        assert_eq!([0, 1, 2].map(|at| row.get(at)), [None, Some("7"), None]);
        assert!(row.is_plain(), "a NULL is no escape");
        assert!(!reader.read(b"\\\\N\t\t\n", 3).expect("a row").is_plain());
        assert!(reader.read(b"1\t2\n", 3).is_err());
    }
}
