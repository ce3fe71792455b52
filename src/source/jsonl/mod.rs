//! JSON lines: an object on each line, objects one after the other, or a text
//! sequence (RFC 7464).
//!
//! One record is one object. Its fields are its members by name, and what is
//! nested in them by path: `address.city`, `phones[0].number`, `tags[1]`. A member
//! whose own name looks like a path (`"a.b"`, seen among the records sampled) is
//! meant by it. What a record lacks on the way is NULL; an object or array that
//! is asked for as a whole arrives as JSON. Of members named twice the last counts.
//!
//! Files are cut into records as for GeoJSON, whose splitter this uses.

mod header;
mod path;
mod reader;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, io::Read, path::Path};

use super::{
    Decoder, Header, InputFile, Listing, Projection, RejectedWriter, Source, Splitter,
    geojson::{
        layout::{Layout, Unclear, opening, skip_blank},
        rejected::{RejectedFeatures, rejected_path},
        splitter::{GeojsonSplitter, SplitterPlan},
    },
    input::{self, read_failed},
    json::IndexedDecoder,
    split::{SPLIT_BYTES_MAX, Tiling},
};
use crate::{
    definition::SourceDefinition,
    error::{Error, Result},
};
use reader::ObjectCells;

/// Bytes read to find the layout.
const OPENING_BYTES: u64 = 64 * 1024;

/// A file of JSON lines, opened.
struct JsonlSource {
    file: InputFile,
    member: Option<String>,
    layout: Layout,
    /// Where the first record begins.
    content: usize,
    header: Header,
    /// Members whose names look like paths.
    literal: HashSet<String>,
}

/// Opens a file of JSON lines: finds its layout, and its fields in the first records.
///
/// # Errors
/// `ErrorKind::Source` when it cannot be read or is something else.
pub(super) fn open(definition: &SourceDefinition, file: &InputFile) -> Result<Box<dyn Source>> {
    let mut stream = input::open(&file.path, definition.member.as_deref())?;
    let mut bytes = Vec::new();
    let read = stream.by_ref().take(OPENING_BYTES).read_to_end(&mut bytes);
    read.map_err(|cause| read_failed(&file.path, cause))?;
    let (layout, content) = layout_of(&bytes, file)?;
    let mut source = JsonlSource {
        file: file.clone(),
        member: definition.member.clone(),
        layout,
        content,
        header: Header { listing: Listing::Objects, ..Header::default() },
        literal: HashSet::new(),
    };
    let names = header::sample(&source)?;
    source.header.fields = names.fields;
    source.literal = names.literal;
    Ok(Box::new(source))
}

/// An empty file is one of no records: nothing was delivered, which is for the limits to judge.
fn layout_of(bytes: &[u8], file: &InputFile) -> Result<(Layout, usize)> {
    let display = &file.display;
    let mark = usize::from(bytes.starts_with(b"\xEF\xBB\xBF")) * 3;
    let first = skip_blank(bytes, mark);
    match bytes.get(first) {
        Some(b'[') => Err(Error::source_file(format!("`{display}` is one JSON array, not lines"))
            .hint("write each object on a line of its own: jq -c '.[]'")),
        Some(b'{') | None => match opening(bytes, false) {
            Ok(opening) if opening.layout == Layout::Objects => Ok((Layout::Objects, first)),
            // One object that is larger than what was looked at, or spread over lines.
            Err(Unclear::More) if several_lines_of_one(bytes, first) => {
                Ok((Layout::Objects, first))
            }
            _ => Ok((Layout::Lines, first)),
        },
        Some(&super::geojson::layout::RECORD_SEPARATOR) => Ok((Layout::TextSequence, first)),
        Some(_) => Err(Error::source_file(format!(
            "`{display}` is no JSON: it does not begin with `{{`, at byte {first}"
        ))
        .hint("JSON lines are UTF-8 text with an object on each line")),
    }
}

/// Whether the first object goes on behind its first line: the next line begins none.
fn several_lines_of_one(bytes: &[u8], first: usize) -> bool {
    let Some(newline) = memchr::memchr(b'\n', &bytes[first..]) else { return false };
    bytes.get(skip_blank(bytes, first + newline)).is_some_and(|byte| *byte != b'{')
}

impl JsonlSource {
    fn record_splitter(&self, split_bytes: usize) -> Result<GeojsonSplitter> {
        let plan = SplitterPlan {
            file: self.file.ordinal,
            display: self.file.display.clone(),
            layout: self.layout,
            content: self.content,
            split_bytes: split_bytes.clamp(1, SPLIT_BYTES_MAX),
            crs: None,
            crs_given: true,
        };
        GeojsonSplitter::new(plan, input::open(&self.file.path, self.member.as_deref())?)
    }
}

impl Source for JsonlSource {
    fn header(&self) -> &Header {
        &self.header
    }

    fn splitter(&self, split_bytes: usize) -> Result<Box<dyn Splitter>> {
        Ok(Box::new(Tiling::of_records(Box::new(self.record_splitter(split_bytes)?))))
    }

    fn decoder(&self, projection: &Projection) -> Box<dyn Decoder> {
        let cells = ObjectCells::new(&self.header, &self.literal, projection);
        Box::new(IndexedDecoder::new(cells))
    }

    fn rejected_writer(&self, folder: &Path) -> Result<Box<dyn RejectedWriter>> {
        let path = rejected_path(&self.file, folder, "jsonl");
        Ok(Box::new(RejectedFeatures::create(path, self.layout, None)?))
    }
}
