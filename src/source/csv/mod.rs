//! Delimited text.
//!
//! - [`boundary`] holds the rule where records end; splitter and decoders share it.
//! - [`fields`] is the strict tokenizer of one record, [`quick`] its shortcut for
//!   nearly all of them, both on top of [`scan`].
//! - [`text`] settles the encoding: as it stands, per record, or transcoded ahead.
//! - [`header`] reads names, width and where records begin.
//! - [`splitter`] cuts, [`decoder`] turns splits into cells, [`rejected`] writes
//!   refused records back in their own layout.
//!
//! Faults of a record, none of which touches its neighbours: `csv.quote`,
//! `csv.ragged` (never padded, never shifted), `encoding.nul`, `encoding.invalid`.

mod boundary;
mod decoder;
mod dialect;
mod fields;
mod header;
mod projection;
mod quick;
mod rejected;
mod scan;
mod splitter;
mod text;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use super::{
    Decoder, Header, InputFile, Projection, RejectedWriter, Source, Splitter,
    encoding::TextEncoding,
    split::{SPLIT_BYTES_MAX, SPLIT_BYTES_MIN, Tiling},
};
use crate::{
    definition::SourceDefinition,
    error::{Context as _, Result},
};

/// Opens a delimited text and reads its header.
///
/// # Errors
/// `ErrorKind::Definition` for an impossible dialect or encoding,
/// `ErrorKind::Source` when the file or its header cannot be read.
pub(super) fn open(definition: &SourceDefinition, file: &InputFile) -> Result<Box<dyn Source>> {
    let shape = Shape::read(definition, file);
    let shape = shape.context(|| format!("while opening {}", file.display))?;
    Ok(Box::new(CsvSource { shape: Arc::new(shape) }))
}

/// Everything about one file that splitter, decoders and writer need.
#[derive(Debug)]
struct Shape {
    file: InputFile,
    text: text::TextInput,
    boundary: boundary::Boundary,
    start: header::Start,
}

impl Shape {
    fn read(definition: &SourceDefinition, file: &InputFile) -> Result<Self> {
        let dialect = dialect::Dialect::of(definition)?;
        let text = text::TextInput::settle(
            file.path.clone(),
            definition.member.clone(),
            definition.encoding.as_deref(),
            &dialect,
        )?;
        let start = header::read(definition, dialect, &text)?;
        let boundary = boundary::Boundary { dialect, blank_is_record: start.width == 1 };
        Ok(Self { file: file.clone(), text, boundary, start })
    }

    /// What people are told about the field at `index`.
    fn field_name(&self, index: usize) -> String {
        let name = self.start.header.fields.get(index).filter(|name| !name.is_empty());
        name.cloned().unwrap_or_else(|| format!("column {}", index + 1))
    }
}

struct CsvSource {
    shape: Arc<Shape>,
}

impl Source for CsvSource {
    fn header(&self) -> &Header {
        &self.shape.start.header
    }

    fn splitter(&self, split_bytes: usize) -> Result<Box<dyn Splitter>> {
        let split_bytes = split_bytes.clamp(SPLIT_BYTES_MIN, SPLIT_BYTES_MAX);
        let splitter = splitter::CsvSplitter::open(Arc::clone(&self.shape), split_bytes)?;
        Ok(Box::new(Tiling::new(Box::new(splitter))))
    }

    fn decoder(&self, projection: &Projection) -> Box<dyn Decoder> {
        let cells = projection::Cells::of(projection, self.header());
        Box::new(decoder::CsvDecoder::new(Arc::clone(&self.shape), cells))
    }

    fn rejected_writer(&self, folder: &Path) -> Result<Box<dyn RejectedWriter>> {
        let writer = rejected::CsvRejectedWriter::create(Arc::clone(&self.shape), folder)?;
        Ok(Box::new(writer))
    }
}
