//! GeoJSON: a FeatureCollection, a text sequence (RFC 8142), a feature on each line,
//! or objects one after the other; a lone Feature or geometry is one record.
//!
//! One record is one feature. Its fields are its properties by name, and:
//!
//! - `geometry` and `id`, the feature's own; where the file has a property of
//!   that name (among the features sampled for the header) the name means the
//!   property, and `feature.geometry` and `feature.id` always mean the feature's own;
//! - a property named twice in one feature has its last value, as serde_json has it.
//!
//! A feature that cannot be decoded is one faulty record. What makes it
//! impossible to tell features apart (a truncated collection, unbalanced
//! braces, text after the end) stops the run instead.

mod crs;
mod decoder;
mod feature;
pub(super) mod frame;
mod geometry;
mod header;
pub(super) mod layout;
pub(super) mod rejected;
pub(super) mod splitter;
#[cfg(test)]
mod tests;

use std::{io::Read, path::Path};

use super::{
    Decoder, Header, InputFile, Listing, Projection, RejectedWriter, Source, Splitter,
    input::{self, InputStream, read_failed},
    json::IndexedDecoder,
    split::{SPLIT_BYTES_MAX, Tiling},
};
use crate::{
    definition::SourceDefinition,
    error::{Error, Result},
};
use crs::{CRS_DEFAULT, crs_of_member};
use decoder::FeatureCells;
use layout::{Layout, Opening, Unclear, member_named, opening, type_of};
use rejected::{RejectedFeatures, rejected_path};
pub(super) use splitter::INDEX_ENTRY_BYTES;
use splitter::{GeojsonSplitter, SplitterPlan};

/// Bytes read at first to find the layout; doubled until it is found.
const OPENING_BYTES: u64 = 64 * 1024;
/// Bytes that may stand before the first feature, or in it.
const OPENING_BYTES_MAX: usize = SPLIT_BYTES_MAX;

/// A GeoJSON file, opened.
struct GeojsonSource {
    file: InputFile,
    member: Option<String>,
    layout: Layout,
    content: usize,
    header: Header,
    crs: Option<String>,
    crs_given: bool,
    /// The collection's `crs` member as it stands, for rejected features.
    crs_member: Option<String>,
}

/// Opens a GeoJSON file: finds its layout, and its fields in the first features.
///
/// # Errors
/// `ErrorKind::Source` when it cannot be read, is empty or not GeoJSON.
pub(super) fn open(definition: &SourceDefinition, file: &InputFile) -> Result<Box<dyn Source>> {
    let mut stream = input::open(&file.path, definition.member.as_deref())?;
    let (bytes, opening) = read_opening(&mut stream, file)?;
    refuse_other_json(&bytes, &opening, file)?;
    let crs_member = member_named(&bytes, &opening.members, b"crs")
        .filter(|_| opening.layout == Layout::Collection)
        .map(|member| String::from_utf8_lossy(member).into_owned());
    let crs = match &crs_member {
        Some(member) => crs_of_member(member.as_bytes()),
        None => Some(CRS_DEFAULT.to_owned()),
    };
    let mut source = GeojsonSource {
        file: file.clone(),
        member: definition.member.clone(),
        layout: opening.layout,
        content: opening.content,
        header: Header { listing: Listing::Features, ..Header::default() },
        crs,
        crs_given: definition.crs.is_some(),
        crs_member,
    };
    source.header.fields = header::sample(&source)?;
    Ok(Box::new(source))
}

/// Reads until the layout is known.
fn read_opening(stream: &mut InputStream, file: &InputFile) -> Result<(Vec<u8>, Opening)> {
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        let wanted = OPENING_BYTES.max(before as u64);
        let read = stream.by_ref().take(wanted).read_to_end(&mut bytes);
        read.map_err(|cause| read_failed(&file.path, cause))?;
        let at_end = bytes.len() == before;
        match opening(&bytes, at_end) {
            Ok(opening) => return Ok((bytes, opening)),
            Err(Unclear::More) if bytes.len() < OPENING_BYTES_MAX => {}
            Err(unclear) => return Err(no_geojson(&bytes, unclear, file)),
        }
    }
}

fn no_geojson(bytes: &[u8], unclear: Unclear, file: &InputFile) -> Error {
    let display = &file.display;
    match unclear {
        Unclear::Empty => Error::source_file(format!("`{display}` is empty")),
        Unclear::More => Error::source_file(format!(
            "`{display}` shows no feature in its first {} MiB",
            OPENING_BYTES_MAX >> 20
        )),
        Unclear::Broken(at) if at == bytes.len() => {
            Error::source_file(format!("`{display}` is incomplete: it ends in the middle"))
                .hint("fetch the file again")
        }
        Unclear::Broken(at) => {
            Error::source_file(format!("`{display}` is not GeoJSON: it is no JSON at byte {at}"))
                .hint("GeoJSON is UTF-8 text that begins with `{`")
        }
    }
}

/// JSON that is something else altogether is said to be so at once, rather
/// than rejected record by record.
fn refuse_other_json(bytes: &[u8], opening: &Opening, file: &InputFile) -> Result<()> {
    let kind = type_of(bytes, &opening.members);
    let known = kind.is_some_and(|kind| {
        let name = std::str::from_utf8(kind).unwrap_or_default();
        name == "Feature" || geometry::Kind::named(name).is_some()
    });
    let esri = member_named(bytes, &opening.members, b"geometryType").is_some()
        || member_named(bytes, &opening.members, b"spatialReference").is_some();
    let other = match opening.layout {
        Layout::Collection => kind != Some(b"FeatureCollection") && (esri || kind.is_some()),
        Layout::Lines | Layout::Objects => opening.alone && !known,
        Layout::TextSequence => false,
    };
    if !other {
        return Ok(());
    }
    let what = format!("`{}` is JSON, but not GeoJSON", file.display);
    let hint = match kind {
        _ if esri => "it looks like Esri JSON; have it exported as GeoJSON",
        Some(b"Topology") => "it is TopoJSON; have it exported as GeoJSON",
        _ => "it is neither a FeatureCollection, nor a Feature, nor a geometry",
    };
    Err(Error::source_file(what).hint(hint))
}

impl GeojsonSource {
    fn geojson_splitter(&self, split_bytes: usize) -> Result<GeojsonSplitter> {
        let plan = SplitterPlan {
            file: self.file.ordinal,
            display: self.file.display.clone(),
            layout: self.layout,
            content: self.content,
            split_bytes: split_bytes.clamp(1, SPLIT_BYTES_MAX),
            crs: self.crs.clone(),
            crs_given: self.crs_given,
        };
        GeojsonSplitter::new(plan, input::open(&self.file.path, self.member.as_deref())?)
    }
}

impl Source for GeojsonSource {
    fn header(&self) -> &Header {
        &self.header
    }

    fn splitter(&self, split_bytes: usize) -> Result<Box<dyn Splitter>> {
        Ok(Box::new(Tiling::of_records(Box::new(self.geojson_splitter(split_bytes)?))))
    }

    fn decoder(&self, projection: &Projection) -> Box<dyn Decoder> {
        Box::new(IndexedDecoder::new(FeatureCells::new(&self.header, projection)))
    }

    fn crs(&self) -> Option<&str> {
        self.crs.as_deref()
    }

    fn rejected_writer(&self, folder: &Path) -> Result<Box<dyn RejectedWriter>> {
        let path = rejected_path(&self.file, folder, "geojson");
        Ok(Box::new(RejectedFeatures::create(path, self.layout, self.crs_member.as_deref())?))
    }
}
