//! Rows as JSON: an object a line, or the features of a GeoJSON collection (RFC 7946).
//!
//! Members are named as the columns are, numbers stay as the server writes them (a reader may
//! keep all digits), dates follow RFC 3339. What JSON has no number for (`NaN`) is text.

use std::borrow::Cow;

use super::{
    columns::{Column, Kind},
    layout::Layout,
    row::Row,
};
use crate::error::{Error, Result};

/// Writes an object a line.
#[derive(Debug)]
pub(super) struct JsonLinesWriter;

impl JsonLinesWriter {
    /// Adds a row.
    pub(super) fn row(layout: &Layout, row: &Row<'_>, bytes: &mut Vec<u8>) -> Result<()> {
        object(layout, row, None, bytes)?;
        bytes.push(b'\n');
        Ok(())
    }
}

/// Writes the features of one collection.
#[derive(Debug)]
pub(super) struct GeojsonWriter {
    /// Which of the columns is the geometry.
    geometry: usize,
    is_first: bool,
}

impl GeojsonWriter {
    pub(super) fn new(columns: &[Column]) -> Result<Self> {
        let mut geometries =
            columns.iter().enumerate().filter(|(_, column)| column.kind == Kind::Geometry);
        match (geometries.next(), geometries.next()) {
            (Some((geometry, _)), None) => Ok(Self { geometry, is_first: true }),
            (None, _) => Err(Error::definition("GeoJSON needs a column with geometries")
                .hint("have the query return one, or write another format")),
            (Some(_), Some(_)) => Err(Error::definition("a feature has one geometry")
                .hint("leave the other columns with geometries out with `output.columns`")),
        }
    }

    /// What the file starts with.
    pub(super) fn start(bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    }

    /// Adds a row.
    pub(super) fn row(
        &mut self,
        layout: &Layout,
        row: &Row<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        bytes.extend_from_slice(if self.is_first { b"\n" } else { b",\n" });
        self.is_first = false;
        bytes.extend_from_slice(b"{\"type\":\"Feature\",\"properties\":");
        object(layout, row, Some(self.geometry), bytes)?;
        let geometry = layout.columns.get(self.geometry).and_then(|column| row.get(column.at));
        bytes.extend_from_slice(b",\"geometry\":");
        bytes.extend_from_slice(geometry.unwrap_or("null").as_bytes());
        bytes.push(b'}');
        Ok(())
    }

    /// What the file ends with.
    pub(super) fn end(bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(b"\n]}\n");
    }
}

fn object(
    layout: &Layout,
    row: &Row<'_>,
    without: Option<usize>,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let mut before = b'{';
    for (index, column) in layout.columns.iter().enumerate() {
        if without == Some(index) {
            continue;
        }
        bytes.push(before);
        before = b',';
        string(&column.name, bytes)?;
        bytes.push(b':');
        match layout.values.treated(column, row.get(column.at)) {
            None => bytes.extend_from_slice(b"null"),
            Some(text) => value(column.kind, &text, bytes)?,
        }
    }
    // Features may have no properties at all.
    if before == b'{' {
        bytes.push(before);
    }
    bytes.push(b'}');
    Ok(())
}

fn value(kind: Kind, text: &str, bytes: &mut Vec<u8>) -> Result<()> {
    match kind {
        // `NaN` and the infinities end in letters.
        Kind::Number if text.ends_with(|c: char| c.is_ascii_digit()) => {
            bytes.extend_from_slice(text.as_bytes());
        }
        Kind::Boolean => bytes.extend_from_slice(if text == "t" { b"true" } else { b"false" }),
        // Line breaks between the values of a document would end the line of the file.
        Kind::Json | Kind::Geometry => {
            bytes.extend(
                text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }),
            );
        }
        Kind::Local | Kind::Instant => string(&rfc_3339(kind, text), bytes)?,
        Kind::Number | Kind::Date | Kind::Time | Kind::Text => string(text, bytes)?,
    }
    Ok(())
}

/// `2024-02-29 13:45:00+00` with a `T` and minutes in the offset; infinities and years before
/// Christ stay as they are. An offset with seconds, as local times had them before there were
/// zones, has no place in RFC 3339: such a point in time is written in UTC.
fn rfc_3339(kind: Kind, text: &str) -> Cow<'_, str> {
    let Some((date, time)) = text.split_once(' ').filter(|_| !text.ends_with(" BC")) else {
        return Cow::Borrowed(text);
    };
    let offset = time.find(['+', '-']).filter(|_| kind == Kind::Instant);
    if offset.is_some_and(|at| time[at..].matches(':').count() == 2)
        && let Ok(instant) = text.parse::<jiff::Timestamp>()
    {
        return Cow::Owned(instant.to_string());
    }
    let hours_only = kind == Kind::Instant
        && time.len() > 3
        && matches!(time.as_bytes()[time.len() - 3], b'+' | b'-');
    Cow::Owned(format!("{date}T{time}{}", if hours_only { ":00" } else { "" }))
}

fn string(text: &str, bytes: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(bytes, text)
        .map_err(|cause| Error::unexpected("a text cannot be written as JSON").caused_by(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_follow_rfc_3339() {
        for (kind, text, written) in [
            (Kind::Local, "2024-02-29 13:45:00.5", "2024-02-29T13:45:00.5"),
            (Kind::Instant, "2024-02-29 13:45:00+00", "2024-02-29T13:45:00+00:00"),
            (Kind::Instant, "2024-02-29 13:45:00-03:30", "2024-02-29T13:45:00-03:30"),
            (Kind::Instant, "infinity", "infinity"),
            (Kind::Instant, "1850-01-01 12:00:00-00:36:45", "1850-01-01T12:36:45Z"),
            (Kind::Local, "0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
        ] {
            assert_eq!(rfc_3339(kind, text), written);
        }
    }

    #[test]
    fn what_json_has_no_number_for_is_text() {
        let written = |text| {
            let mut bytes = Vec::new();
            value(Kind::Number, text, &mut bytes).expect("written");
            String::from_utf8(bytes).expect("text")
        };
        assert_eq!(
            ["-1.50", "1e+20", "NaN", "-Infinity"].map(written),
            ["-1.50", "1e+20", "\"NaN\"", "\"-Infinity\""]
        );
    }
}
