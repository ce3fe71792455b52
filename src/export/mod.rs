//! The way back: a query's rows streamed into a file by COPY.
//!
//! COPY sends text, one row a message; a writer makes the file's format of it. Rows go to a
//! file beside the output, which takes its place by a rename once everything is on disk:
//! readers see the old file or the whole new one. Memory stays at one row and one buffer,
//! whatever the number of rows.

mod charset;
mod columns;
mod csv;
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

use self::{
    layout::Layout,
    manifest::{Contents, Manifest, manifest_path},
    output_file::OutputFile,
    part_file::Written,
    query::Query,
    row::RowReader,
    values::ValueFormat,
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
    /// The file.
    pub path: String,
    /// The manifest beside it.
    pub manifest: String,
    /// Rows written, without the header.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// When the rows were as they are in the file, by the server's clock.
    pub snapshot_time: String,
}

/// Runs the query and writes its rows, and a manifest beside them.
///
/// # Errors
/// `ErrorKind::Definition` for a parameter without value, a query that the server does not
/// understand, and values that cannot be written as the definition wants them;
/// `ErrorKind::Environment` when the server or the disk refuses. The file that was there stays
/// then.
pub async fn export(session: &Session, request: &ExportRequest<'_>) -> Result<ExportSummary> {
    let definition = request.definition;
    let path = PathBuf::from(path::fill(&definition.output, request.parameters)?);
    let snapshot = snapshot::open(session, definition).await?;
    let (query, layout) = prepare(session, request).await?;
    let file = OutputFile::create(&path, &layout)?;
    let file = write_rows(session, &query, &layout, file).await?;
    let rows = file.rows();
    let (written, finished) = file.finish()?;
    snapshot::close(session).await?;
    let contents = Contents { rows, bytes: written.bytes, sha256: &written.sha256 };
    let manifest_path = manifest_path(&path);
    finished.place()?;
    Manifest::new(request, &snapshot, &layout.columns, contents).write(&manifest_path)?;
    let Written { bytes, sha256 } = written;
    Ok(ExportSummary {
        pipeline: request.pipeline.to_owned(),
        status: "published",
        path: path.display().to_string(),
        manifest: manifest_path.display().to_string(),
        rows,
        bytes,
        sha256,
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

async fn write_rows(
    session: &Session,
    query: &Query,
    layout: &Layout<'_>,
    mut file: OutputFile,
) -> Result<OutputFile> {
    let mut reader = RowReader::default();
    let stream = query.stream(session).await?;
    pin_mut!(stream);
    while let Some(message) = stream.next().await {
        let message = message.map_err(|error| unread(&error, layout.output.format))?;
        let row = reader.read(&message, query.columns.len())?;
        file.row(layout, &row)?;
    }
    Ok(file)
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
