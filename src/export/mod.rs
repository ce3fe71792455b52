//! The way back: a query's rows streamed into a file by COPY.
//!
//! COPY sends text, one row a message; a writer makes the file's format of it. Rows go to a
//! file beside the output, which takes its place by a rename once everything is on disk:
//! readers see the old file or the whole new one. Memory stays at one row and one buffer,
//! whatever the number of rows.

mod charset;
mod columns;
mod csv;
mod manifest;
mod part_file;
mod path;
mod query;
mod row;
mod snapshot;
mod values;

use std::path::PathBuf;

use futures_util::{StreamExt, pin_mut};

use self::{
    columns::Column,
    csv::CsvWriter,
    manifest::{Contents, Manifest, manifest_path},
    part_file::{PartFile, Written},
    query::Query,
    row::RowReader,
    values::ValueFormat,
};
use crate::{
    definition::ExportDefinition,
    error::Result,
    postgres::session::{Session, database_error},
};

/// Rows are gathered to so many bytes before they are compressed, hashed and written.
const BUFFER_BYTES: usize = 128 << 10;

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
    let path = PathBuf::from(path::fill(&definition.output.path, request.parameters)?);
    let snapshot = snapshot::open(session, definition).await?;
    let query = Query::bind(session, &definition.sql, request.parameters).await?;
    let columns = columns::bind(definition, &query.columns)?;
    let format = ValueFormat::new(definition, &columns)?;
    let mut part = PartFile::create(&path)?;
    let rows = write_rows(session, request, &query, (&columns, &format), &mut part).await?;
    let (written, part) = part.finish()?;
    snapshot::close(session).await?;
    let contents = Contents { rows, bytes: written.bytes, sha256: &written.sha256 };
    let manifest_path = manifest_path(&path);
    part.place()?;
    Manifest::new(request, &snapshot, &columns, contents).write(&manifest_path)?;
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

async fn write_rows(
    session: &Session,
    request: &ExportRequest<'_>,
    query: &Query,
    written_as: (&[Column], &ValueFormat),
    part: &mut PartFile,
) -> Result<u64> {
    let mut writer = CsvWriter::new(&request.definition.output);
    let mut reader = RowReader::default();
    let mut bytes = Vec::with_capacity(BUFFER_BYTES * 2);
    let mut rows = 0;
    writer.start(written_as.0, &mut bytes)?;
    let stream = query.stream(session).await?;
    pin_mut!(stream);
    while let Some(message) = stream.next().await {
        let message =
            message.map_err(|error| database_error(&error, "read the rows of the export"))?;
        let row = reader.read(&message, query.columns.len())?;
        writer.row(written_as, &row, &mut bytes)?;
        rows += 1;
        if bytes.len() >= BUFFER_BYTES {
            part.write(&bytes)?;
            bytes.clear();
        }
    }
    part.write(&bytes)?;
    Ok(rows)
}
