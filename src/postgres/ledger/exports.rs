//! Exports in the ledger: what was asked, and what was written.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{FileRecord, Parameter, texts};
use crate::{error::Result, postgres::session::database_error, run_id::RunId};

/// What the ledger keeps of an export from its start.
#[derive(Debug, Clone)]
pub struct ExportRecord {
    /// The run.
    pub run: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// The hash of what the definition says.
    pub definition_sha256: String,
    /// The hash of the query as it is written.
    pub query_sha256: String,
    /// The names of its parameters; values only of those that the file's path shows.
    pub parameters: Vec<(String, Option<String>)>,
    /// The hash of all names and values.
    pub parameters_sha256: String,
    /// Who the file is for.
    pub role: Option<String>,
    /// Where the manifest will be.
    pub manifest: String,
    /// The same with `{run}` in place of the run's name: all runs of one export have it.
    pub slot: String,
    /// The run whose files are made again.
    pub again: Option<RunId>,
    /// Of an incremental export with a key: its columns, and the zone its text is in.
    pub keys: Option<String>,
}

/// What is known of an export once it is there.
#[derive(Debug, Clone, Default)]
pub struct ExportEnd {
    /// When the rows were as they are in the files: ISO 8601.
    pub snapshot_time: String,
    /// Rows written.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Of an incremental export, where its rows begin.
    pub since: Option<String>,
    /// Of an incremental export, where its rows end.
    pub until: Option<String>,
    /// Of an incremental export, deleted rows listed; `None` where they are not known.
    pub deletions: Option<u64>,
    /// The files.
    pub files: Vec<FileRecord>,
}

/// [`ExportRecord::slot`] of a row `e` of `longshore.export`.
pub(super) const SLOT: &str = "replace(e.manifest, lower(coalesce(e.again, e.run_id)), '{run}')";

/// Notes that an export has started. An earlier one of the same files that is said to be running
/// was cut off: nobody writes the files of a manifest twice at once.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_export_started(client: &Client, export: &ExportRecord) -> Result<()> {
    let insert = "with cut_off as (
          update longshore.run set status = 'failed', message = 'it was cut off', finished_at = clock_timestamp()
          where status = 'running' and run_id in (select run_id from longshore.export e where SLOT = $12)),
        run as (
          insert into longshore.run (run_id, pipeline, definition_sha256, status, version, kind)
          values ($1, $2, $3, 'running', $7, 'export'))
        insert into longshore.export (run_id, query_sha256, parameters, parameters_sha256, role, manifest, again)
        values ($1, $4, coalesce((select jsonb_object_agg(name, value) from unnest($8::text[], $9::text[]) p (name, value)), '{}'), $5, $10, $6, $11)";
    let insert = insert.replace("SLOT", SLOT);
    let names: Vec<&str> = export.parameters.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<Option<&str>> =
        export.parameters.iter().map(|(_, value)| value.as_deref()).collect();
    let (run, version) = (export.run.as_str(), env!("CARGO_PKG_VERSION"));
    let mut given = Vec::from(texts([
        &run,
        &export.pipeline,
        &export.definition_sha256,
        &export.query_sha256,
        &export.parameters_sha256,
        &export.manifest,
        &version,
    ]));
    given.push((&names, Type::TEXT_ARRAY));
    given.push((&values, Type::TEXT_ARRAY));
    given.push((&export.role, Type::TEXT));
    let again = export.again.as_ref().map(RunId::as_str);
    given.push((&again, Type::TEXT));
    given.push((&export.slot, Type::TEXT));
    let written = client.execute_typed(&insert, &given).await;
    written.map(drop).map_err(|error| database_error(&error, "write the ledger"))
}

/// Notes what an export wrote.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_exported(client: &Client, run: &RunId, end: &ExportEnd) -> Result<()> {
    let update = "with run as (
          update longshore.run set status = 'published', message = null, finished_at = clock_timestamp()
          where run_id = $1),
        file as (
          insert into longshore.file (run_id, ordinal, path, sha256, bytes, records)
          select $1, f.at - 1, f.path, f.sha256, f.bytes, f.rows
          from unnest($5::text[], $6::text[], $7::int8[], $8::int8[]) with ordinality f (path, sha256, bytes, rows, at))
        update longshore.export set snapshot_time = $2::text::timestamptz, rows = $3, bytes = $4,
          since = $9, until = $10, deletions = $11 where run_id = $1";
    let run = run.as_str();
    let (rows, bytes) = (end.rows.cast_signed(), end.bytes.cast_signed());
    let paths: Vec<&str> = end.files.iter().map(|file| file.path.as_str()).collect();
    let hashes: Vec<&str> = end.files.iter().map(|file| file.sha256.as_str()).collect();
    let sizes: Vec<i64> = end.files.iter().map(|file| file.bytes.cast_signed()).collect();
    let records: Vec<i64> = end.files.iter().map(|file| file.records.cast_signed()).collect();
    let deletions = end.deletions.map(u64::cast_signed);
    let values: [Parameter<'_>; 11] = [
        (&run, Type::TEXT),
        (&end.snapshot_time, Type::TEXT),
        (&rows, Type::INT8),
        (&bytes, Type::INT8),
        (&paths, Type::TEXT_ARRAY),
        (&hashes, Type::TEXT_ARRAY),
        (&sizes, Type::INT8_ARRAY),
        (&records, Type::INT8_ARRAY),
        (&end.since, Type::TEXT),
        (&end.until, Type::TEXT),
        (&deletions, Type::INT8),
    ];
    let written = client.execute_typed(update, &values).await;
    written.map(drop).map_err(|error| database_error(&error, "write the ledger"))
}

/// Notes that an export that failed is tried again; false where it has not begun.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn restart_export(client: &Client, run: &RunId) -> Result<bool> {
    super::set_status(client, run, ("failed", "running"), None).await
}

/// Notes in the transaction that deletes them which rows an archive deletes.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_archived(client: &Client, run: &RunId, table: &str, rows: u64) -> Result<()> {
    let update = "update longshore.export set deleted_from = $2, deleted = $3 where run_id = $1";
    let (run, rows) = (run.as_str(), rows.cast_signed());
    let values: [Parameter<'_>; 3] =
        [(&run, Type::TEXT), (&table, Type::TEXT), (&rows, Type::INT8)];
    let written = client.execute_typed(update, &values).await;
    written.map(drop).map_err(|error| database_error(&error, "write the ledger"))
}

/// The status of a run, `None` of one that the ledger does not know. A COMMIT of the run that is
/// still under way is waited for.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn status_of(client: &Client, run: &RunId) -> Result<Option<String>> {
    let query = "select status from longshore.run where run_id = $1 for update";
    let run = run.as_str();
    let row = client.query_typed_opt(query, &texts([&run])).await;
    let row = row.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok(row.map(|row| row.get(0)))
}

/// Notes that an export failed, and why; false where it did not run any more. A COMMIT of the
/// run that is still under way is waited for.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_export_failed(client: &Client, run: &RunId, message: &str) -> Result<bool> {
    super::set_status(client, run, ("running", "failed"), Some(message)).await
}

/// Where the last run of an incremental export ended: of this query with these parameters, into
/// these files. Two pipelines may have one name, and one pipeline another query than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastRun {
    /// It ended.
    Ended(LastEnd),
    /// There are runs by this name, of another query or into other files.
    OfAnother,
    /// There is none.
    None,
}

/// How the last run of an incremental export ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEnd {
    /// Where its rows end.
    pub until: String,
    /// The run under which the keys are kept that it found; `None` where it kept none, or those
    /// of another key.
    pub keys_of: Option<String>,
}

/// Where the last run of an incremental export ended.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn last_run(client: &Client, export: &ExportRecord) -> Result<LastRun> {
    let query = format!(
        "select until, query_sha256 = $4 and {SLOT} = $5, case when keys = $6 then keys_of end from longshore.export e join longshore.run using (run_id)
        where pipeline = $1 and status = 'published' and parameters_sha256 = $2
          and role is not distinct from $3 and until is not null and again is null
        order by 2 desc, until::timestamptz desc limit 1"
    );
    let values = texts([
        &export.pipeline,
        &export.parameters_sha256,
        &export.role,
        &export.query_sha256,
        &export.slot,
        &export.keys,
    ]);
    let row = client.query_typed_opt(&query, &values).await;
    let row = row.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok(match row {
        Some(row) if row.get(1) => {
            LastRun::Ended(LastEnd { until: row.get(0), keys_of: row.get(2) })
        }
        Some(_) => LastRun::OfAnother,
        None => LastRun::None,
    })
}

/// The bounds of a run of this incremental export, with the same parameters, and whether it listed
/// deleted rows by the same key.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn bounds_of(
    client: &Client,
    export: &ExportRecord,
    run: &RunId,
) -> Result<Option<(Option<String>, String, bool)>> {
    let query = "select since, until, coalesce(keys = $4, false) and deletions is not null from longshore.export join longshore.run using (run_id)
        where run_id = $1 and pipeline = $2 and parameters_sha256 = $3 and until is not null";
    let run = run.as_str();
    let values = texts([&run, &export.pipeline, &export.parameters_sha256, &export.keys]);
    let row = client.query_typed_opt(query, &values).await;
    let row = row.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok(row.map(|row| (row.get(0), row.get(1), row.get(2))))
}

/// An export as `history` shows it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastExport {
    /// The hash of its query.
    pub query_sha256: String,
    /// Its parameters by name; `null` for a value that only its hash is kept of.
    pub parameters: serde_json::Value,
    /// Who the file is for.
    pub role: Option<String>,
    /// Where its manifest is.
    pub manifest: String,
    /// The time of its snapshot, in the session's time zone.
    pub snapshot_time: Option<String>,
    /// Rows written.
    pub rows: Option<i64>,
    /// Bytes written.
    pub bytes: Option<i64>,
    /// Of an incremental export, where its rows begin.
    pub since: Option<String>,
    /// Of an incremental export, where its rows end.
    pub until: Option<String>,
    /// The run whose files it made again.
    pub again: Option<String>,
    /// Of an incremental export, deleted rows that it listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<i64>,
    /// Of an archive, the table that its rows were deleted from.
    pub deleted_from: Option<String>,
    /// Rows deleted.
    pub deleted: Option<i64>,
    /// Of an archive that is or was held, what it would delete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_delete: Option<PastHeldArchive>,
}

/// What a held archive would delete.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastHeldArchive {
    /// The table.
    pub table: String,
    /// Rows that would be deleted from it.
    pub rows: i64,
    /// Rows that it had.
    pub table_rows: i64,
}

/// What the ledger knows of a run as an export, if it is one.
pub(super) async fn past_export(
    client: &Client,
    run: &str,
) -> Result<Option<PastExport>, tokio_postgres::Error> {
    let query = "select query_sha256, parameters::text, role, manifest,
          to_char(snapshot_time, 'YYYY-MM-DD HH24:MI:SS'), rows, bytes, since, until, again, deleted_from, deleted,
          h.plan -> 'archive' ->> 'table', (h.plan -> 'archive' ->> 'rows')::int8, (h.plan -> 'archive' ->> 'table_rows')::int8,
          deletions
        from longshore.export left join longshore.held h using (run_id) where run_id = $1";
    let row = client.query_typed_opt(query, &texts([&run])).await?;
    let would_delete = |row: &tokio_postgres::Row| {
        let (table, rows, table_rows): (_, Option<_>, Option<_>) =
            (row.get::<_, Option<_>>(12)?, row.get(13), row.get(14));
        Some(PastHeldArchive { table, rows: rows?, table_rows: table_rows? })
    };
    Ok(row.map(|row| PastExport {
        query_sha256: row.get(0),
        parameters: serde_json::from_str(row.get(1)).unwrap_or_default(),
        role: row.get(2),
        manifest: row.get(3),
        snapshot_time: row.get(4),
        rows: row.get(5),
        bytes: row.get(6),
        since: row.get(7),
        until: row.get(8),
        again: row.get(9),
        deletions: row.get(15),
        deleted_from: row.get(10),
        deleted: row.get(11),
        would_delete: would_delete(&row),
    }))
}
