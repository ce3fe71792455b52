//! The way back: a query's rows streamed into a file by COPY.
//!
//! COPY sends text, one row a message; a writer makes the file's format of it. Rows go to a
//! file beside the output, which takes its place by a rename once everything is on disk:
//! readers see the old file or the whole new one. Memory stays at one row and one buffer,
//! whatever the number of rows.

mod charset;
mod columns;
mod csv;
mod file_set;
mod json;
mod layout;
mod manifest;
mod output_file;
mod part_file;
mod path;
mod query;
mod row;
mod sheet;
mod snapshot;
mod values;

use std::path::PathBuf;

use futures_util::{StreamExt, pin_mut};

pub use self::file_set::WrittenFile;
use self::{
    file_set::FileSet, layout::Layout, manifest::Manifest, path::PathPattern, query::Query,
    row::RowReader, values::ValueFormat,
};
use crate::{
    definition::{ExportDefinition, OutputFormat},
    error::{Error, Result},
    postgres::session::{Session, database_error},
};

/// One export to do.
#[derive(Debug, Clone, Copy)]
pub struct ExportRequest<'r> {
    /// The pipeline's name.
    pub pipeline: &'r str,
    /// What it says.
    pub definition: &'r ExportDefinition,
    /// Names and values given with `--set`.
    pub parameters: &'r [(String, String)],
}

/// What an export wrote.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ExportSummary {
    /// The pipeline's name.
    pub pipeline: String,
    /// `published`, since it is there.
    pub status: &'static str,
    /// The manifest: what was asked and what was written.
    pub manifest: String,
    /// The files, in the order of the rows.
    pub files: Vec<WrittenFile>,
    /// Rows written, without headers.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// When the rows were as they are in the files, by the server's clock.
    pub snapshot_time: String,
}

/// Runs the query and writes its rows, and a manifest beside them.
///
/// # Errors
/// `ErrorKind::Definition` for a parameter without value, a query that the server does not
/// understand, and values that cannot be written as the definition wants them;
/// `ErrorKind::Environment` when the server or the disk refuses. The files that were there stay
/// then.
pub async fn export(session: &Session, request: &ExportRequest<'_>) -> Result<ExportSummary> {
    let definition = request.definition;
    let pattern = PathPattern::fill(&definition.output, request.parameters)?;
    let manifest_path = PathBuf::from(pattern.manifest(&definition.output));
    let snapshot = snapshot::open(session, definition).await?;
    let (query, layout) = prepare(session, request).await?;
    let files = FileSet::new(&layout, pattern, &query.columns)?;
    let files = write_rows(session, &query, &layout, files).await?;
    snapshot::close(session).await?;
    let files = files.place()?;
    let manifest = Manifest::new(request, &snapshot, &layout.columns, (&manifest_path, &files));
    manifest.write(&manifest_path)?;
    Ok(ExportSummary {
        pipeline: request.pipeline.to_owned(),
        status: "published",
        manifest: manifest_path.display().to_string(),
        rows: files.iter().map(|file| file.rows).sum(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        snapshot_time: snapshot.time,
    })
}

/// What the query gives, and how that is written.
async fn prepare<'r>(
    session: &Session,
    request: &ExportRequest<'r>,
) -> Result<(Query, Layout<'r>)> {
    let definition = request.definition;
    let mut query = Query::bind(session, &definition.sql, request.parameters).await?;
    let mut columns = columns::bind(definition, &query.columns)?;
    let format = definition.output.format;
    if matches!(format, OutputFormat::Geojson | OutputFormat::Jsonl) {
        query.as_json(&mut columns, format == OutputFormat::Geojson);
    }
    let values = ValueFormat::new(definition, &columns)?;
    Ok((query, Layout { output: &definition.output, columns, values }))
}

async fn write_rows<'l>(
    session: &Session,
    query: &Query,
    layout: &Layout<'_>,
    mut files: FileSet<'l>,
) -> Result<FileSet<'l>> {
    let mut reader = RowReader::default();
    let stream = query.stream(session).await?;
    pin_mut!(stream);
    while let Some(message) = stream.next().await {
        let message = message.map_err(|error| unread(&error, layout.output.format))?;
        let row = reader.read(&message, query.columns.len())?;
        files.row(&row)?;
    }
    Ok(files)
}

/// Rows that the server stopped sending.
fn unread(error: &tokio_postgres::Error, format: OutputFormat) -> Error {
    let said = database_error(error, "read the rows of the export");
    let code = error.code().map_or("", |code| code.code());
    if format == OutputFormat::Geojson && (code.starts_with("XX") || code == "22023") {
        return said.hint("GeoJSON is in longitude and latitude: every geometry needs a reference system (SRID) to be transformed from");
    }
    said
}
