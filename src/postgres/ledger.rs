//! The ledger: schema `longshore` in the target database.
//!
//! It answers three questions: what did a run do, has this file been loaded
//! already, and (after a COMMIT whose answer was lost) did it happen. The row
//! of a published run is written in the publishing transaction itself.

use postgres_types::{ToSql, Type};
use tokio_postgres::Client;

use super::session::database_error;
use crate::{
    definition::WriteMode, error::Result, load::LoadTarget, outcome::Tally, run_id::RunId,
};

/// What the ledger keeps of a run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// The hash of what the definition says (not of how it is written).
    pub definition_sha256: String,
    /// The files read.
    pub files: Vec<FileRecord>,
    /// Violations by code.
    pub violations: Vec<(String, u64)>,
    /// The report folder, where there is one.
    pub report: Option<String>,
}

/// One file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// The path as given.
    pub path: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The records read from it.
    pub records: u64,
}

/// A run as `history` shows it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastRun {
    /// The run.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// `published`, `held`, `rejected`, `failed`, or `running`.
    pub status: String,
    /// When it started, in the session's time zone.
    pub started_at: String,
    /// How long it took; `None` while it runs or after it was killed.
    pub seconds: Option<f64>,
    /// The database role.
    pub started_by: String,
    /// The report folder.
    pub report: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// Tallies by table.
    pub tables: Vec<PastTally>,
    /// Files it read.
    pub files: Vec<PastFile>,
    /// Violations by code.
    pub rejections: Vec<PastRejections>,
}

/// A table's tally in `history`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastTally {
    /// The table.
    pub table: String,
    /// Its counts.
    #[serde(flatten)]
    pub tally: Tally,
}

/// A file in `history`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastFile {
    /// The path as given.
    pub path: String,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: i64,
    /// Records read.
    pub records: i64,
}

/// Violations of one code in `history`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastRejections {
    /// The code.
    pub code: String,
    /// How many violations.
    pub violations: i64,
}

/// Creates the ledger where it is missing.
///
/// # Errors
/// `ErrorKind::Environment` when the role may not create it.
pub async fn ensure(client: &Client) -> Result<()> {
    if exists(client).await? {
        return Ok(());
    }
    let script = format!(
        "begin; select pg_advisory_xact_lock(hashtext('longshore.ledger'));\n{}\ncommit;",
        include_str!("ledger.sql")
    );
    client.batch_execute(&script).await.map_err(|error| {
        database_error(&error, "create the ledger (schema longshore)")
            .hint("run it once as a role that may create schemas, or grant CREATE on the database")
    })
}

/// Whether the ledger is there, complete.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn exists(client: &Client) -> Result<bool> {
    let query = "select to_regclass('longshore.run') is not null and to_regclass('longshore.rejection') is not null";
    let row = client.query_typed_one(query, &[]).await;
    Ok(row.map_err(|error| database_error(&error, "look for the ledger"))?.get(0))
}

/// Notes that a run has started.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_started(client: &Client, run: &RunRecord) -> Result<()> {
    let insert =
        "insert into longshore.run (run_id, pipeline, definition_sha256, status, version, report)
        values ($1, $2, $3, 'running', $4, $5)";
    let version = env!("CARGO_PKG_VERSION");
    let run_id = run.run.as_str();
    let values = texts([&run_id, &run.pipeline, &run.definition_sha256, &version, &run.report]);
    let written = client.execute_typed(insert, &values).await;
    written.map(|_| ()).map_err(|error| database_error(&error, "write the ledger"))
}

/// Notes what was published; inside the publishing transaction.
pub(super) async fn record_published(
    client: &Client,
    run: &RunRecord,
    loads: &[LoadTarget],
    tallies: &[Tally],
) -> Result<()> {
    for (target, (load, tally)) in loads.iter().zip(tallies).enumerate() {
        record_tally(client, run, target, load, tally).await?;
    }
    record_details(client, run).await?;
    set_status(client, &run.run, "published", None).await
}

/// Notes that a run ended without publishing: `rejected` or `failed`, and why.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_ended(
    client: &Client,
    run: &RunRecord,
    status: &str,
    message: Option<&str>,
) -> Result<()> {
    record_details(client, run).await?;
    set_status(client, &run.run, status, message).await
}

async fn record_tally(
    client: &Client,
    run: &RunRecord,
    target: usize,
    load: &LoadTarget,
    tally: &Tally,
) -> Result<()> {
    let insert =
        "insert into longshore.tally values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let target = i32::try_from(target).unwrap_or(i32::MAX);
    let (table, mode) = (load.table.name.to_string(), mode_word(load.mode));
    let counts = [
        tally.read,
        tally.filtered,
        tally.rejected,
        tally.duplicate,
        tally.inserted,
        tally.updated,
        tally.unchanged,
        tally.deleted,
    ]
    .map(u64::cast_signed);
    let run_id = run.run.as_str();
    let mut values: Vec<Parameter<'_>> = vec![
        (&run_id, Type::TEXT),
        (&target, Type::INT4),
        (&table, Type::TEXT),
        (&mode, Type::TEXT),
    ];
    values.extend(counts.iter().map(|count| -> Parameter<'_> { (count, Type::INT8) }));
    let written = client.execute_typed(insert, &values).await;
    written.map(|_| ()).map_err(|error| database_error(&error, "write the tally"))
}

async fn record_details(client: &Client, run: &RunRecord) -> Result<()> {
    let failed = |error| database_error(&error, "write the ledger");
    let run_id = run.run.as_str();
    for (ordinal, file) in run.files.iter().enumerate() {
        let ordinal = i32::try_from(ordinal).unwrap_or(i32::MAX);
        let (bytes, records) = (file.bytes.cast_signed(), file.records.cast_signed());
        let values: [Parameter<'_>; 6] = [
            (&run_id, Type::TEXT),
            (&ordinal, Type::INT4),
            (&file.path, Type::TEXT),
            (&file.sha256, Type::TEXT),
            (&bytes, Type::INT8),
            (&records, Type::INT8),
        ];
        let insert = "insert into longshore.file values ($1, $2, $3, $4, $5, $6)";
        client.execute_typed(insert, &values).await.map_err(failed)?;
    }
    for (code, violations) in &run.violations {
        let violations = violations.cast_signed();
        let values: [Parameter<'_>; 3] =
            [(&run_id, Type::TEXT), (code, Type::TEXT), (&violations, Type::INT8)];
        let insert = "insert into longshore.rejection values ($1, $2, $3)";
        client.execute_typed(insert, &values).await.map_err(failed)?;
    }
    Ok(())
}

/// A parameter with its type, so that the statement needs no name on the server.
type Parameter<'v> = (&'v (dyn ToSql + Sync), Type);

fn texts<const N: usize>(values: [&(dyn ToSql + Sync); N]) -> [Parameter<'_>; N] {
    values.map(|value| (value, Type::TEXT))
}

async fn set_status(
    client: &Client,
    run: &RunId,
    status: &str,
    message: Option<&str>,
) -> Result<()> {
    let update = "update longshore.run set status = $2, message = $3, finished_at = clock_timestamp() where run_id = $1";
    let written = client.execute_typed(update, &texts([&run.as_str(), &status, &message])).await;
    written.map(|_| ()).map_err(|error| database_error(&error, "write the ledger"))
}

/// Which loads of a file count when the ledger is asked about it.
#[derive(Debug, Clone, Copy)]
pub struct LoadedQuestion<'a> {
    /// The pipeline's name.
    pub pipeline: &'a str,
    /// The hash of what the definition says now.
    pub definition_sha256: &'a str,
    /// Whether a load by an older definition counts too.
    ///
    /// With a key, a changed definition makes the file new again: loading it is harmless and
    /// brings what the definition now says. Appending it again would double every row.
    pub any_definition: bool,
}

/// The published run that loaded a file of this hash, if there is one.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn loaded_by(
    client: &Client,
    question: &LoadedQuestion<'_>,
    sha256: &str,
) -> Result<Option<String>> {
    let query = "select r.run_id from longshore.run r join longshore.file f using (run_id)
        where f.sha256 = $1 and r.pipeline = $2 and r.status = 'published' and ($3 or r.definition_sha256 = $4)
        order by r.started_at desc limit 1";
    let values: [Parameter<'_>; 4] = [
        (&sha256, Type::TEXT),
        (&question.pipeline, Type::TEXT),
        (&question.any_definition, Type::BOOL),
        (&question.definition_sha256, Type::TEXT),
    ];
    let row = client.query_typed_opt(query, &values).await;
    let row = row.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok(row.map(|row| row.get(0)))
}

/// Takes a dry run out of the ledger again.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn forget(client: &Client, run: &RunId) -> Result<()> {
    let deleted = client
        .execute_typed("delete from longshore.run where run_id = $1", &texts([&run.as_str()]))
        .await;
    deleted.map(|_| ()).map_err(|error| database_error(&error, "write the ledger"))
}

/// The word for a write mode in the ledger and in JSON.
pub fn mode_word(mode: WriteMode) -> &'static str {
    match mode {
        WriteMode::Append => "append",
        WriteMode::Insert => "insert",
        WriteMode::Upsert => "upsert",
    }
}

/// The latest runs, newest first; only one run when `run` is given.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn history(client: &Client, run: Option<&RunId>, limit: u32) -> Result<Vec<PastRun>> {
    let failed = |error| database_error(&error, "read the ledger");
    let query = "select run_id, pipeline, status, to_char(started_at, 'YYYY-MM-DD HH24:MI:SS'),
          extract(epoch from finished_at - started_at)::float8, started_by, report, message
        from longshore.run where $1::text is null or run_id = $1 order by started_at desc limit $2";
    let limit = i64::from(limit);
    let rows = client
        .query_typed(query, &[(&run.map(RunId::as_str), Type::TEXT), (&limit, Type::INT8)])
        .await
        .map_err(failed)?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in rows {
        let run: String = row.get(0);
        let (tables, files, rejections) = (
            past_tallies(client, &run).await.map_err(failed)?,
            past_files(client, &run).await.map_err(failed)?,
            past_rejections(client, &run).await.map_err(failed)?,
        );
        let (pipeline, status, started_at) = (row.get(1), row.get(2), row.get(3));
        let (seconds, started_by, report, message) =
            (row.get(4), row.get(5), row.get(6), row.get(7));
        runs.push(PastRun {
            run,
            pipeline,
            status,
            started_at,
            seconds,
            started_by,
            report,
            message,
            tables,
            files,
            rejections,
        });
    }
    Ok(runs)
}

async fn past_tallies(client: &Client, run: &str) -> Result<Vec<PastTally>, tokio_postgres::Error> {
    let query = "select table_name, read, filtered, rejected, duplicate, inserted, updated, unchanged, deleted
        from longshore.tally where run_id = $1 order by target";
    let rows = client.query_typed(query, &texts([&run])).await?;
    Ok(rows.iter().map(|row| PastTally { table: row.get(0), tally: past_tally(row) }).collect())
}

fn past_tally(row: &tokio_postgres::Row) -> Tally {
    let count = |column: usize| row.get::<_, i64>(column).cast_unsigned();
    Tally {
        read: count(1),
        filtered: count(2),
        rejected: count(3),
        duplicate: count(4),
        inserted: count(5),
        updated: count(6),
        unchanged: count(7),
        deleted: count(8),
    }
}

async fn past_files(client: &Client, run: &str) -> Result<Vec<PastFile>, tokio_postgres::Error> {
    let query = "select path, sha256, bytes, records from longshore.file where run_id = $1 order by ordinal";
    let rows = client.query_typed(query, &texts([&run])).await?;
    let file = |row: &tokio_postgres::Row| PastFile {
        path: row.get(0),
        sha256: row.get(1),
        bytes: row.get(2),
        records: row.get(3),
    };
    Ok(rows.iter().map(file).collect())
}

async fn past_rejections(
    client: &Client,
    run: &str,
) -> Result<Vec<PastRejections>, tokio_postgres::Error> {
    let query = "select code, violations from longshore.rejection where run_id = $1 order by code";
    let rows = client.query_typed(query, &texts([&run])).await?;
    let one =
        |row: &tokio_postgres::Row| PastRejections { code: row.get(0), violations: row.get(1) };
    Ok(rows.iter().map(one).collect())
}
