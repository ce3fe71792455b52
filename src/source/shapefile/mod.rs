//! Shapefiles: shapes in a `.shp`, their attributes in a `.dbf` beside it.
//!
//! The format is some files of the same name; `path` is the `.shp`, its
//! folder, or a zip archive of them. One record is one feature: its fields are
//! the table's, and `geometry`, the shape (`feature.geometry` always means the
//! shape, should the table have a field called `geometry`). Of fields with the
//! same name the first is delivered.
//!
//! Without `.dbf` there is only the geometry; without `.shx` nothing is
//! missing, since shapes are read in the order of the file. Memo fields
//! (`.dbt`, `.fpt`) are not read: a record with a memo is faulty if the column
//! is asked for. Rows marked as deleted are no records.

mod cells;
mod code_page;
mod dbf;
mod decoder;
mod geometry;
mod parts;
mod rejected;
mod rings;
mod shp;
mod splitter;
#[cfg(test)]
mod tests;

use std::{io::Read, path::Path, sync::Arc};

use super::{
    Decoder, Header, InputFile, Projection, RejectedWriter, Source, Splitter,
    encoding::TextEncoding,
    split::{SPLIT_BYTES_MAX, Tiling},
};
use crate::{
    definition::SourceDefinition,
    error::{Context, Result},
};
use dbf::DbfHeader;
use decoder::{FEATURE_GEOMETRY, ShapefileDecoder};
use parts::{Part, Parts};
use rejected::{RejectedShapes, Template};
use shp::{ShpHeader, read_header};
use splitter::ShapefileSplitter;

/// Bytes read of a `.cpg` or `.prj`.
const SIDECAR_BYTES_MAX: u64 = 64 * 1024;

/// A shapefile, opened.
struct ShapefileSource {
    file: InputFile,
    parts: Parts,
    shp_header: ShpHeader,
    table: Option<Arc<DbfHeader>>,
    encoding: Option<TextEncoding>,
    header: Header,
    crs: Option<String>,
    cpg: Option<Vec<u8>>,
    prj: Option<Vec<u8>>,
}

/// Opens a shapefile: finds its files and reads their headers.
///
/// # Errors
/// `ErrorKind::Source` when a file is missing, unreadable or damaged;
/// `ErrorKind::Definition` when the encoding given is unknown.
pub(super) fn open(definition: &SourceDefinition, file: &InputFile) -> Result<Box<dyn Source>> {
    let parts = Parts::find(&file.path, definition.member.as_deref())?;
    let shp_header = read_header(&mut parts.shp()?, &file.display)?;
    let cpg = sidecar(&parts, Part::Cpg)?;
    let prj = sidecar(&parts, Part::Prj)?;
    let table = match parts.open(Part::Dbf)? {
        Some(mut stream) => Some(DbfHeader::read(&mut stream, &file.display)?),
        None => None,
    };
    let encoding = encoding(definition, cpg.as_deref(), table.as_ref())
        .context(|| format!("while reading {}", file.display))?;
    let table = table.map(|mut table| {
        table.name_fields(encoding);
        Arc::new(table)
    });
    let mut fields: Vec<_> =
        table.iter().flat_map(|table| &table.fields).map(|field| field.name.clone()).collect();
    let clash = fields.iter().any(|name| name == "geometry");
    fields.push(if clash { FEATURE_GEOMETRY } else { "geometry" }.to_owned());
    let header = Header { fields, line: 0, ..Header::default() };
    let crs = prj.as_deref().and_then(crs_text);
    let file = file.clone();
    Ok(Box::new(ShapefileSource {
        file,
        parts,
        shp_header,
        table,
        encoding,
        header,
        crs,
        cpg,
        prj,
    }))
}

fn sidecar(parts: &Parts, part: Part) -> Result<Option<Vec<u8>>> {
    let Some(stream) = parts.open(part)? else { return Ok(None) };
    let mut content = Vec::new();
    let path = stream.path().to_owned();
    let read = stream.take(SIDECAR_BYTES_MAX).read_to_end(&mut content);
    read.map_err(|cause| super::input::read_failed(&path, cause))?;
    Ok(Some(content))
}

/// The encoding of texts: the definition's, else the `.cpg`'s, else the table's own.
fn encoding(
    definition: &SourceDefinition,
    cpg: Option<&[u8]>,
    table: Option<&DbfHeader>,
) -> Result<Option<TextEncoding>> {
    if let Some(given) = &definition.encoding {
        return TextEncoding::named(given).map(Some);
    }
    let Some(table) = table else { return Ok(None) };
    let named = cpg.map(code_page::of_cpg).transpose()?.flatten();
    Ok(named.or_else(|| code_page::of_language_driver(table.language_driver)))
}

/// The WKT in a `.prj`; some hold a web server's error page instead.
fn crs_text(content: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content);
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\0'));
    text.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| text.to_owned())
}

impl Source for ShapefileSource {
    fn header(&self) -> &Header {
        &self.header
    }

    fn splitter(&self, split_bytes: usize) -> Result<Box<dyn Splitter>> {
        Ok(Box::new(Tiling::of_records(Box::new(ShapefileSplitter::new(
            self,
            split_bytes.min(SPLIT_BYTES_MAX),
        )?))))
    }

    fn decoder(&self, projection: &Projection) -> Box<dyn Decoder> {
        let table = self.table.clone();
        Box::new(ShapefileDecoder::new(table, self.encoding, &self.header, projection))
    }

    fn crs(&self) -> Option<&str> {
        self.crs.as_deref()
    }

    fn rejected_writer(&self, folder: &Path) -> Result<Box<dyn RejectedWriter>> {
        let template = Template {
            shp_header: &self.shp_header.bytes,
            dbf_header: self.table.as_ref().map(|table| table.bytes.as_slice()),
            cpg: self.cpg.as_deref(),
            prj: self.prj.as_deref(),
        };
        // Another folder's shapefile may have the same name.
        let taken = folder.join(format!("{}.shp", self.parts.name())).symlink_metadata().is_ok();
        let name = match taken {
            true => format!("{}.{}", self.parts.name(), self.file.ordinal),
            false => self.parts.name().to_owned(),
        };
        Ok(Box::new(RejectedShapes::create(folder, &name, &template)?))
    }
}
