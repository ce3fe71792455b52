//! The rows of one query, from the server to whole files that wait for their place.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, pin_mut};

use super::{
    ExportRequest, columns, deletions,
    file_set::{FileSet, FinishedSet},
    incremental::{self, Bounds},
    layout::Layout,
    path::PathPattern,
    query::Query,
    set::Member,
    values::ValueFormat,
    work_folder::WorkFolder,
    writer::Writer,
};
use crate::{
    definition::OutputFormat,
    error::{Error, Result},
    postgres::{
        endpoint::Endpoint,
        session::{Session, database_error},
        watch,
    },
    run::progress::Progress,
    run_id::RunId,
};

/// Rows go to the thread that writes in batches of so many bytes.
const BATCH_BYTES: usize = 256 << 10;
/// A row has a size of its own beside its bytes: many empty ones are a batch too.
const BATCH_ROWS: usize = 4096;

/// Where rows come from: a session inside the transaction that reads.
pub(super) struct Place<'p> {
    pub(super) session: &'p Session,
    pub(super) endpoint: &'p Endpoint,
    /// What the session calls itself.
    pub(super) mark: &'p RunId,
    pub(super) progress: &'p Arc<Progress>,
}

/// Runs the query of one export and writes its rows to whole files that wait for their place.
pub(super) async fn write(
    place: &Place<'_>,
    (member, bounds): (&Member<'_>, Option<&Bounds>),
    work: WorkFolder,
) -> Result<FinishedSet> {
    let request = member.request;
    let deletions = match bounds.and_then(|bounds| bounds.keys.as_ref()) {
        Some(known) => {
            Some(deletions::list(place, request, known, (&member.manifest, &work)).await?)
        }
        None => None,
    };
    let (query, layout) = prepare(place.session, request, bounds).await?;
    let pattern = member.pattern.clone();
    let mut files = rows_to_files(place, &query, layout, (pattern, work)).await?;
    files.deletions = deletions;
    Ok(files)
}

/// Writes the rows of a query that the server has understood.
pub(super) async fn rows_to_files(
    place: &Place<'_>,
    query: &Query,
    layout: Layout,
    (pattern, work): (PathPattern, WorkFolder),
) -> Result<FinishedSet> {
    let expected = query.estimated_rows(place.session).await?;
    place.progress.exported().begin(expected);
    let format = layout.output.format;
    let files = FileSet::new(layout, pattern, &query.columns, work, place.progress)?;
    let writer = Writer::start(files, query.columns.len(), place.progress)?;
    match pump(place, query, format, &writer).await {
        Ok(()) => writer.finish().await,
        Err(error) => {
            writer.abandon().await;
            Err(error)
        }
    }
}

/// What the query gives, and how that is written.
pub(super) async fn prepare(
    session: &Session,
    request: &ExportRequest<'_>,
    bounds: Option<&Bounds>,
) -> Result<(Query, Layout)> {
    let definition = request.definition;
    let mut query = Query::bind(session, &definition.sql, request.parameters).await?;
    let mut columns = columns::bind(definition, &query.columns)?;
    if let Some(incremental) = &definition.incremental {
        incremental::check(incremental, &query.columns)?;
        if let Some(bounds) = bounds {
            query.restrict(bounds, &incremental.column);
        }
    }
    let format = definition.output.format;
    if matches!(format, OutputFormat::Geojson | OutputFormat::Jsonl) {
        query.as_json(&mut columns, format == OutputFormat::Geojson);
    }
    let values = ValueFormat::new(definition, &columns)?;
    Ok((query, Layout { output: definition.output.clone(), columns, values }))
}

/// Hands the rows over; ends well also where the writer has ended early, which says why itself.
async fn pump(
    place: &Place<'_>,
    query: &Query,
    format: OutputFormat,
    writer: &Writer,
) -> Result<()> {
    let stream = attended(place, query.stream(place.session)).await?;
    pin_mut!(stream);
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some(message) = next(place, &mut stream).await? {
        let message = message.map_err(|error| unread(&error, format))?;
        bytes += message.len();
        batch.push(message);
        if bytes < BATCH_BYTES && batch.len() < BATCH_ROWS {
            continue;
        }
        bytes = 0;
        if !writer.add(std::mem::take(&mut batch)).await? {
            return stop(place, &mut stream).await;
        }
    }
    writer.add(batch).await.map(drop)
}

pub(super) type Message = Result<Bytes, tokio_postgres::Error>;

/// The next row; while there is none, somebody looks whether the server works on it.
pub(super) async fn next<S>(place: &Place<'_>, stream: &mut S) -> Result<Option<Message>>
where
    S: Stream<Item = Message> + Unpin,
{
    match stream.next().now_or_never() {
        Some(message) => Ok(message),
        None => attended(place, async { Ok(stream.next().await) }).await,
    }
}

pub(super) async fn attended<T>(
    place: &Place<'_>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    watch::attended_reading(place.endpoint, place.mark, work).await
}

/// Has the server send no more rows: the files cannot take them.
async fn stop<S: Stream<Item = Message> + Unpin>(place: &Place<'_>, stream: &mut S) -> Result<()> {
    place.session.canceller().cancel().await?;
    while let Some(Ok(_)) = next(place, stream).await? {}
    Ok(())
}

/// Rows that the server stopped sending.
fn unread(error: &tokio_postgres::Error, format: OutputFormat) -> Error {
    let said = database_error(error, "read the rows of the export");
    let code = error.code().map_or("", |code| code.code());
    if format == OutputFormat::Geojson && (code.starts_with("XX") || code == "22023") {
        return said.hint("GeoJSON is in longitude and latitude, and has no curves: every geometry needs a reference system (SRID) that the database knows; `ST_CurveToLine` in the query makes lines of curves");
    }
    said
}
