//! Records of text files, and what damages them whatever they say.
//!
//! A record is a list of fields; how they become bytes is the file's [`Csv`] or its JSON
//! template. Faults that are of bytes rather than of meaning are the same for every file:
//! [`damaged`] for CSV, [`damaged_json`] for JSON lines.

use super::{
    plan::{Fault, Found},
    shape::Shape,
};

/// A record: its fields in order, as bytes, since some are no text.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    fields: Vec<Vec<u8>>,
    /// What stands after the last field, where the file has outlines.
    shape: Option<Outline>,
    /// The field that is written as it is, in quotes or not.
    as_it_is: Option<usize>,
    /// What stands instead of the record.
    instead: Instead,
}

/// A record's outline.
#[derive(Debug, Clone)]
enum Outline {
    Shape(Shape),
    /// There is none, or words for one.
    Text(&'static str),
}

/// What damages a record as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Instead {
    #[default]
    Record,
    /// The header once more.
    Header,
    /// Another end of line.
    OtherEnd,
    /// The last byte is missing.
    Cut,
    /// A list rather than an object.
    List,
}

impl Row {
    pub(super) fn of<const N: usize>(fields: [&str; N]) -> Self {
        let fields = fields.iter().map(|field| field.as_bytes().to_vec()).collect();
        Self { fields, ..Self::default() }
    }

    /// With an outline after the last field.
    pub(super) fn with_shape(mut self, shape: Shape) -> Self {
        self.shape = Some(Outline::Shape(shape));
        self
    }

    /// Changes the outline.
    pub(super) fn reshape(&mut self, change: impl FnOnce(&mut Shape)) {
        if let Some(Outline::Shape(shape)) = &mut self.shape {
            change(shape);
        }
    }

    /// Words in the place of the outline, or none.
    pub(super) fn set_shape_text(&mut self, text: &'static str) {
        self.shape = Some(Outline::Text(text));
    }

    /// The outline, where there is one.
    pub(super) fn shape(&self) -> Option<&Shape> {
        match &self.shape {
            Some(Outline::Shape(shape)) => Some(shape),
            _ => None,
        }
    }

    /// Writes something else into a field.
    pub(super) fn set(&mut self, at: usize, text: impl AsRef<str>) {
        self.fields[at] = text.as_ref().as_bytes().to_vec();
    }

    /// One more field at the end.
    pub(super) fn push(&mut self, text: &str) {
        self.fields.push(text.as_bytes().to_vec());
    }

    /// A field as text; what is none, or not there, is empty.
    pub(super) fn get(&self, at: usize) -> &str {
        self.fields.get(at).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or("")
    }

    /// The fields as bytes.
    pub(super) fn fields(&self) -> &[Vec<u8>] {
        &self.fields
    }

    /// One more byte in a field.
    pub(super) fn push_byte(&mut self, at: usize, byte: u8) {
        self.fields[at].push(byte);
    }

    /// Puts something before what stands in a field.
    pub(super) fn prefix(&mut self, at: usize, text: &str) {
        self.fields[at].splice(0..0, text.bytes());
    }
}

impl Outline {
    fn wkt(&self) -> String {
        match self {
            Outline::Shape(shape) => shape.wkt(),
            Outline::Text(text) => (*text).to_owned(),
        }
    }

    fn geojson(&self) -> String {
        match self {
            Outline::Shape(shape) => shape.geojson(),
            Outline::Text("") => "null".to_owned(),
            Outline::Text(text) => format!("\"{text}\""),
        }
    }
}

/// How a CSV file is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Csv {
    delimiter: u8,
    is_quoted: bool,
    end: &'static str,
    /// Without a header it is empty.
    pub(super) header: &'static str,
}

impl Csv {
    /// Commas, quotes where they are needed, lines that end with LF.
    pub(super) const fn of(header: &'static str) -> Self {
        Self { delimiter: b',', is_quoted: false, end: "\n", header }
    }

    pub(super) const fn with_semicolons(self) -> Self {
        Self { delimiter: b';', ..self }
    }

    /// Every field in quotes, and CR LF.
    pub(super) const fn quoted(self) -> Self {
        Self { is_quoted: true, end: "\r\n", ..self }
    }

    pub(super) const fn with_crlf(self) -> Self {
        Self { end: "\r\n", ..self }
    }

    /// The header, or nothing where there is none.
    pub(super) fn header_line(&self) -> Vec<u8> {
        if self.header.is_empty() {
            return Vec::new();
        }
        [self.header, self.end].concat().into_bytes()
    }

    /// The bytes of a record, the end of line included.
    pub(super) fn line(&self, row: &Row) -> Vec<u8> {
        if row.instead == Instead::Header {
            return self.header_line();
        }
        let mut line = Vec::with_capacity(128);
        for (at, field) in row.fields.iter().enumerate() {
            if at > 0 {
                line.push(self.delimiter);
            }
            self.push_field(&mut line, field, row.as_it_is == Some(at));
        }
        if let Some(outline) = &row.shape {
            line.push(self.delimiter);
            self.push_field(&mut line, outline.wkt().as_bytes(), false);
        }
        let is_crlf = (self.end == "\r\n") != (row.instead == Instead::OtherEnd);
        line.extend(if is_crlf { "\r\n" } else { "\n" }.bytes());
        line
    }

    fn push_field(&self, line: &mut Vec<u8>, field: &[u8], as_it_is: bool) {
        let is_special = |byte: &u8| [self.delimiter, b'"', b'\r', b'\n'].contains(byte);
        if as_it_is || !(self.is_quoted || field.iter().any(is_special)) {
            return line.extend(field);
        }
        line.push(b'"');
        for byte in field {
            line.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
        }
        line.push(b'"');
    }
}

/// What damages a record of CSV; text stands in the field at `AT`.
pub(super) const fn damaged<const AT: usize>() -> [Fault<Row>; 6] {
    [
        Fault::new("nul", "encoding.nul", |row: &mut Row, _| row.fields[AT].push(0)),
        Fault::new("not-utf-8", "encoding.invalid", |row: &mut Row, _| {
            // An o with an accent, as Windows-1252 has it.
            row.fields[AT].push(0xF3);
        }),
        // Quotes that are not doubled end the field too early.
        Fault::new("quote-inside", "csv.quote", |row: &mut Row, _| {
            row.set(AT, "\"the \"old\" mill\"");
            row.as_it_is = Some(AT);
        }),
        // A quote that is never closed must not swallow the records that follow.
        Fault::new("quote-open", "csv.quote", |row: &mut Row, _| {
            row.set(AT, "\"the old mill");
            row.as_it_is = Some(AT);
        }),
        Fault::new("field-missing", "csv.ragged", |row: &mut Row, _| {
            row.fields.pop();
        }),
        Fault::new("field-too-many", "csv.ragged", |row: &mut Row, _| row.push("more")),
    ]
}

/// What only files with a header have: it stands in the middle, as where files were put together.
pub(super) const HEADER_AGAIN: [Fault<Row>; 1] =
    [Fault::new("header-again", "csv.header", |row, _| row.instead = Instead::Header)];

/// A line that ends in another way than those around it is read, and mentioned once.
pub(super) const OTHER_END: [Fault<Row>; 1] = [Fault {
    name: "other-line-end",
    found: Found::FileWarned("csv.line_ends"),
    edit: |row, _| row.instead = Instead::OtherEnd,
}];

/// The bytes of a JSON record: the fields, and then the outline, between the pieces of its
/// template.
pub(super) fn json_line(template: &[&str], row: &Row) -> Vec<u8> {
    if row.instead == Instead::List {
        return b"[\"no\", \"object\"]\n".to_vec();
    }
    let mut line = Vec::with_capacity(256);
    for (at, piece) in template.iter().enumerate() {
        line.extend(piece.bytes());
        line.extend(row.fields.get(at).into_iter().flatten());
        if let (Some(outline), true) = (&row.shape, at == row.fields.len()) {
            line.extend(outline.geojson().bytes());
        }
    }
    if row.instead == Instead::Cut {
        line.pop();
    }
    line.push(b'\n');
    line
}

/// What damages a line of JSON; text stands in the field at `AT`.
pub(super) const fn damaged_json<const AT: usize>() -> [Fault<Row>; 4] {
    [
        Fault::new("cut-off", "json.syntax", |row: &mut Row, _| row.instead = Instead::Cut),
        Fault::new("no-object", "json.type", |row: &mut Row, _| row.instead = Instead::List),
        Fault::new("nul", "encoding.nul", |row: &mut Row, _| {
            row.fields[AT].extend(b"\\u0000");
        }),
        Fault::new("not-utf-8", "encoding.invalid", |row: &mut Row, _| row.fields[AT].push(0xF3)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be_and_damage_stays_in_its_line() {
        let csv = Csv::of("a,b");
        let row = Row::of(["x,y", "say \"no\""]);
        assert_eq!(csv.line(&row), b"\"x,y\",\"say \"\"no\"\"\"\n");
        assert_eq!(csv.quoted().line(&Row::of(["x", "y"])), b"\"x\",\"y\"\r\n");
        for fault in damaged::<1>().iter().chain(&HEADER_AGAIN) {
            let mut row = Row::of(["x", "y"]);
            (fault.edit)(&mut row, 0);
            let line = csv.line(&row);
            assert!(line != b"x,y\n" && line.ends_with(b"\n"), "{}", fault.name);
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "{}", fault.name);
        }
    }
}
