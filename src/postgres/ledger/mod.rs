//! The ledger: schema `longshore` in the target database.
//!
//! It answers three questions: what did a run do, has this file been loaded
//! already, and (after a COMMIT whose answer was lost) did it happen. The row
//! of a published run is written in the publishing transaction itself.

mod export_keys;
mod exports;
mod held;
mod held_archives;
mod history;
mod rejected;
mod steps;

pub use export_keys::{FoundKeys, record_exported_with_keys};
pub use exports::{
    ExportEnd, ExportRecord, LastEnd, LastRun, PastExport, PastHeldArchive, bounds_of, last_run,
    record_archived, record_export_failed, record_export_started, record_exported, restart_export,
    status_of,
};
pub use held::{Dropped, HeldRun, held_run, other_held_runs, record_dropped};
pub(super) use held::{record_approved, record_held};
pub use held_archives::{
    ArchivePlan, HeldArchive, held_archive, record_archive_approved, record_archive_held,
    supersede_archives,
};
pub use history::{
    PastFile, PastRejected, PastRejections, PastReplay, PastRun, PastTally, PastWarnings, history,
};
use postgres_types::{ToSql, Type};
pub use rejected::{
    RejectedNote, RejectingRun, ReplayRecord, loaded_directly, note_rejected, open_records,
    rejecting_run,
};
pub use steps::{ensure, exists};
use tokio_postgres::Client;

use super::session::database_error;
use crate::{
    error::{Error, Result},
    load::LoadTarget,
    outcome::Tally,
    run_id::RunId,
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
    /// Warnings by code.
    pub warnings: Vec<(String, u64)>,
    /// The report folder, where there is one.
    pub report: Option<String>,
    /// Where the pipeline stands.
    pub pipeline_file: Option<String>,
    /// Of a replay: what it did to the records another run had rejected.
    pub replay: Option<ReplayRecord>,
    /// Of an undo: the run that it takes back.
    pub undoes: Option<RunId>,
    /// What a later run has to have in common with it to go on where it was cut off; `None` when
    /// none may.
    pub resume_key: Option<String>,
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

/// Notes that a run has started.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_started(client: &Client, run: &RunRecord) -> Result<()> {
    let insert =
        "insert into longshore.run (run_id, pipeline, definition_sha256, status, version, report, pipeline_file, replays, undoes, resume_key)
        values ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9)";
    let version = env!("CARGO_PKG_VERSION");
    let run_id = run.run.as_str();
    let replays = run.replay.as_ref().map(|replay| replay.of.as_str());
    let undoes = run.undoes.as_ref().map(RunId::as_str);
    let values = texts([
        &run_id,
        &run.pipeline,
        &run.definition_sha256,
        &version,
        &run.report,
        &run.pipeline_file,
        &replays,
        &undoes,
        &run.resume_key,
    ]);
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
    insert_tallies(client, run, loads, tallies).await?;
    record_details(client, run).await?;
    if let Some(replay) = &run.replay {
        rejected::close_replayed(client, &run.run, replay).await?;
    }
    if set_status(client, &run.run, ("running", "published"), None).await? {
        return Ok(());
    }
    Err(Error::environment("the ledger does not know this run as running any more")
        .hint("somebody took it for abandoned, or changed the ledger; run it again"))
}

/// Notes that a run ended without publishing: `rejected` or `failed`, and why. A run whose
/// COMMIT arrived although its answer did not stays published.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_ended(
    client: &Client,
    run: &RunRecord,
    status: &str,
    message: Option<&str>,
) -> Result<()> {
    if set_status(client, &run.run, ("running", status), message).await? {
        rejected::forget_rejected(client, &run.run).await?;
        record_details(client, run).await?;
    }
    Ok(())
}

async fn insert_tallies(
    client: &Client,
    run: &RunRecord,
    loads: &[LoadTarget],
    tallies: &[Tally],
) -> Result<()> {
    for (target, (load, tally)) in loads.iter().zip(tallies).enumerate() {
        record_tally(client, run, target, load, tally).await?;
    }
    Ok(())
}

/// The tallies of a run by target, if it was published: what became of a COMMIT whose answer
/// was lost.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn published(client: &Client, run: &RunId) -> Result<Option<Vec<Tally>>> {
    let query = "select table_name, read, filtered, rejected, duplicate, inserted, updated, unchanged, deleted, merged
        from longshore.tally join longshore.run using (run_id)
        where run_id = $1 and status = 'published' order by target";
    let rows = client.query_typed(query, &texts([&run.as_str()])).await;
    let rows = rows.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok((!rows.is_empty()).then(|| rows.iter().map(history::past_tally).collect()))
}

async fn record_tally(
    client: &Client,
    run: &RunRecord,
    target: usize,
    load: &LoadTarget,
    tally: &Tally,
) -> Result<()> {
    let insert = "insert into longshore.tally
        (run_id, target, table_name, mode, read, filtered, rejected, duplicate, inserted, updated, unchanged, deleted, merged)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let target = i32::try_from(target).unwrap_or(i32::MAX);
    let (table, mode) = (load.table.name.to_string(), load.mode.word());
    let counts = tally.counts().map(u64::cast_signed);
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
    for (code, warnings) in &run.warnings {
        let warnings = warnings.cast_signed();
        let values: [Parameter<'_>; 3] =
            [(&run_id, Type::TEXT), (code, Type::TEXT), (&warnings, Type::INT8)];
        let insert = "insert into longshore.warning values ($1, $2, $3)";
        client.execute_typed(insert, &values).await.map_err(failed)?;
    }
    Ok(())
}

/// A parameter with its type, so that the statement needs no name on the server.
type Parameter<'v> = (&'v (dyn ToSql + Sync), Type);

fn texts<const N: usize>(values: [&(dyn ToSql + Sync); N]) -> [Parameter<'_>; N] {
    values.map(|value| (value, Type::TEXT))
}

/// Gives a run another status, if it has the one expected; whether it had.
async fn set_status(
    client: &Client,
    run: &RunId,
    (from, to): (&str, &str),
    message: Option<&str>,
) -> Result<bool> {
    let update =
        "update longshore.run set status = $2, message = $3, finished_at = clock_timestamp()
        where run_id = $1 and status = $4";
    let run = run.as_str();
    let written = client.execute_typed(update, &texts([&run, &to, &message, &from])).await;
    written.map(|rows| rows == 1).map_err(|error| database_error(&error, "write the ledger"))
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
        where f.sha256 = $1 and r.pipeline = $2 and r.status = 'published' and r.undone_by is null and ($3 or r.definition_sha256 = $4)
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

/// Whether the ledger may know files of these sizes: whether the pipeline has loaded one of such a
/// size. A run that is under way, or was cut off, may have read anything.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn may_know(client: &Client, pipeline: &str, bytes: &[u64]) -> Result<bool> {
    let query = "select exists (
          select from longshore.run r left join longshore.file f using (run_id)
          where r.pipeline = $1 and (r.status = 'running' or f.bytes = any($2)))";
    let bytes: Vec<i64> = bytes.iter().map(|bytes| bytes.cast_signed()).collect();
    let values: [Parameter<'_>; 2] = [(&pipeline, Type::TEXT), (&bytes, Type::INT8_ARRAY)];
    let row = client.query_typed_one(query, &values).await;
    row.map(|row| row.get(0)).map_err(|error| database_error(&error, "ask the ledger"))
}

/// Notes what else can be gone on with from here, where it was not known at the start.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn note_resume_key(client: &Client, run: &RunId, key: &str) -> Result<()> {
    let update = "update longshore.run set resume_key = $2 where run_id = $1";
    let noted = client.execute_typed(update, &texts([&run.as_str(), &key])).await;
    noted.map(|_| ()).map_err(|error| database_error(&error, "write the ledger"))
}

/// The last published run of the pipeline, if it read just the files of these hashes (sorted) by
/// this definition.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn last_load_of(
    client: &Client,
    question: &LoadedQuestion<'_>,
    sha256: &[String],
) -> Result<Option<String>> {
    let query = "select run_id from (
          select run_id, definition_sha256 from longshore.run where pipeline = $1 and status = 'published'
            and replays is null and undoes is null and undone_by is null
          order by finished_at desc limit 1) last
        where definition_sha256 = $2
          and array(select sha256 from longshore.file f where f.run_id = last.run_id order by sha256 collate \"C\") = $3";
    let values: [Parameter<'_>; 3] = [
        (&question.pipeline, Type::TEXT),
        (&question.definition_sha256, Type::TEXT),
        (&sha256, Type::TEXT_ARRAY),
    ];
    let row = client.query_typed_opt(query, &values).await;
    let row = row.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok(row.map(|row| row.get(0)))
}

/// The paths of the files that the pipeline's last published run read.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn last_files_of(client: &Client, pipeline: &str) -> Result<Vec<String>> {
    let query = "select path from longshore.file where run_id = (
          select run_id from longshore.run where pipeline = $1 and status = 'published'
            and replays is null and undoes is null and undone_by is null
          order by finished_at desc limit 1)
        order by ordinal";
    let rows = client.query_typed(query, &[(&pipeline, Type::TEXT)]).await;
    let rows = rows.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
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
