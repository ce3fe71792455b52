//! Rejected records in the ledger: open until a replay loads them. Places and codes, no values.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Parameter, texts};
use crate::{
    error::{Error, ErrorKind, Result},
    postgres::{
        session::{TRANSACTION_SETTINGS, database_error},
        watch,
    },
    run_id::RunId,
};

/// Records sent to the server at once.
const BATCH_RECORDS: usize = 10_000;

/// A rejected record, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedNote {
    /// The file's ordinal in its run.
    pub file: u32,
    /// Its number in its file, from 1.
    pub record: u64,
    /// The line it started on; 0 without lines.
    pub line: u64,
    /// Its codes, with a space between.
    pub codes: String,
}

/// What a replay did to the records that another run had rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRecord {
    /// The run that had rejected them.
    pub of: RunId,
    /// Records that are not rejected any more, by file and number: they are closed.
    pub closed: Vec<(u32, u64)>,
    /// Records that were rejected again, with what is wrong now: they stay open.
    pub rejected_again: Vec<RejectedNote>,
}

/// Notes the rejected records of a run, in place of those it had noted before.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses; the notes' own errors.
pub async fn note_rejected(
    client: &Client,
    run: &RunId,
    notes: impl Iterator<Item = Result<RejectedNote>>,
) -> Result<()> {
    let begin = format!("begin; {TRANSACTION_SETTINGS}; {}", watch::mark(run));
    client.batch_execute(&begin).await.map_err(failed)?;
    let noted = note_all(client, run, notes).await;
    let end = if noted.is_ok() { "commit" } else { "rollback" };
    let ended = client.batch_execute(end).await.map_err(failed);
    noted.and(ended)
}

async fn note_all(
    client: &Client,
    run: &RunId,
    mut notes: impl Iterator<Item = Result<RejectedNote>>,
) -> Result<()> {
    forget_rejected(client, run).await?;
    loop {
        let batch = notes.by_ref().take(BATCH_RECORDS).collect::<Result<Vec<_>>>()?;
        if batch.is_empty() {
            return Ok(());
        }
        let insert = "insert into longshore.rejected_record (run_id, file, record, line, codes)
            select $1, n.* from unnest($2::int[], $3::bigint[], $4::bigint[], $5::text[]) n
            on conflict do nothing";
        send(client, insert, run, &batch).await?;
    }
}

/// Takes the rejected records of a run out of the ledger: it published nothing, so nothing of
/// it can be replayed.
pub(super) async fn forget_rejected(client: &Client, run: &RunId) -> Result<()> {
    let delete = "delete from longshore.rejected_record where run_id = $1";
    let deleted = client.execute_typed(delete, &texts([&run.as_str()])).await;
    deleted.map(|_| ()).map_err(failed)
}

/// Runs a statement with a run and arrays of files, records, lines and codes; gives its row count.
async fn send(
    client: &Client,
    statement: &str,
    run: &RunId,
    notes: &[RejectedNote],
) -> Result<u64> {
    let files: Vec<i32> = notes.iter().map(|note| note.file.cast_signed()).collect();
    let records: Vec<i64> = notes.iter().map(|note| note.record.cast_signed()).collect();
    let lines: Vec<i64> = notes.iter().map(|note| note.line.cast_signed()).collect();
    let codes: Vec<&str> = notes.iter().map(|note| note.codes.as_str()).collect();
    let run = run.as_str();
    let values: [Parameter<'_>; 5] = [
        (&run, Type::TEXT),
        (&files, Type::INT4_ARRAY),
        (&records, Type::INT8_ARRAY),
        (&lines, Type::INT8_ARRAY),
        (&codes, Type::TEXT_ARRAY),
    ];
    client.execute_typed(statement, &values).await.map_err(failed)
}

/// The records of a run that are still open, by file and number.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn open_records(client: &Client, run: &RunId) -> Result<Vec<(u32, u64)>> {
    let query = "select file, record from longshore.rejected_record
        where run_id = $1 and closed_by is null order by file, record";
    let rows = client.query_typed(query, &texts([&run.as_str()])).await.map_err(failed)?;
    let place = |row: &tokio_postgres::Row| -> Result<(u32, u64)> {
        let file: i32 = row.try_get(0).map_err(failed)?;
        let record: i64 = row.try_get(1).map_err(failed)?;
        Ok((file.cast_unsigned(), record.cast_unsigned()))
    };
    rows.iter().map(place).collect()
}

/// The published run that loaded a file of this hash by itself, not as a replay.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn loaded_directly(
    client: &Client,
    pipeline: &str,
    sha256: &str,
) -> Result<Option<String>> {
    let query = "select r.run_id from longshore.run r join longshore.file f using (run_id)
        where f.sha256 = $1 and r.pipeline = $2 and r.status = 'published' and r.replays is null
          and r.undone_by is null
        order by r.started_at desc limit 1";
    let row = client.query_typed_opt(query, &texts([&sha256, &pipeline])).await.map_err(failed)?;
    row.map(|row| row.try_get(0).map_err(failed)).transpose()
}

/// Closes what a replay loaded, inside its publishing transaction.
pub(super) async fn close_replayed(
    client: &Client,
    run: &RunId,
    replay: &ReplayRecord,
) -> Result<()> {
    let update = "update longshore.rejected_record r set closed_by = $1
        from unnest($3::int[], $4::bigint[]) c(file, record)
        where r.run_id = $2 and r.file = c.file and r.record = c.record and r.closed_by is null";
    for batch in replay.closed.chunks(BATCH_RECORDS) {
        let files: Vec<i32> = batch.iter().map(|(file, _)| file.cast_signed()).collect();
        let records: Vec<i64> = batch.iter().map(|(_, record)| record.cast_signed()).collect();
        let (run, of) = (run.as_str(), replay.of.as_str());
        let values: [Parameter<'_>; 4] = [
            (&run, Type::TEXT),
            (&of, Type::TEXT),
            (&files, Type::INT4_ARRAY),
            (&records, Type::INT8_ARRAY),
        ];
        let closed = client.execute_typed(update, &values).await.map_err(failed)?;
        if closed != batch.len() as u64 {
            let what = format!("another replay of {of} loaded some of these records meanwhile");
            return Err(Error::new(ErrorKind::Busy, what)
                .hint("nothing is published; replay it again, it goes on from there"));
        }
    }
    let renew = "update longshore.rejected_record r set codes = c.codes
        from unnest($2::int[], $3::bigint[], $4::bigint[], $5::text[]) c(file, record, line, codes)
        where r.run_id = $1 and r.file = c.file and r.record = c.record and r.codes <> c.codes";
    for batch in replay.rejected_again.chunks(BATCH_RECORDS) {
        send(client, renew, &replay.of, batch).await?;
    }
    Ok(())
}

/// A run whose rejected records can be replayed, or why not.
#[derive(Debug, Clone)]
pub struct RejectingRun {
    /// The run: where the one asked for is a replay, the run that it replayed.
    pub run: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// Where the pipeline stood.
    pub pipeline_file: Option<String>,
    /// `published`, or another status.
    pub status: String,
    /// The report folder.
    pub report: Option<String>,
    /// Records that were rejected.
    pub rejected: u64,
}

/// What the ledger knows of a run that is to be replayed; `None` when it does not know it.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn rejecting_run(client: &Client, run: &RunId) -> Result<Option<RejectingRun>> {
    let query = "select r.run_id, r.pipeline, r.pipeline_file,
          case when r.undone_by is null then r.status else 'undone' end, r.report,
          (select count(*) from longshore.rejected_record d where d.run_id = r.run_id)
        from longshore.run a join longshore.run r on r.run_id = coalesce(a.replays, a.run_id)
        where a.run_id = $1";
    let row = client.query_typed_opt(query, &texts([&run.as_str()])).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let named: String = row.try_get(0).map_err(failed)?;
    let unknown = || Error::unexpected("the ledger holds a run whose name is none");
    Ok(Some(RejectingRun {
        run: RunId::parse(&named).ok_or_else(unknown)?,
        pipeline: row.try_get(1).map_err(failed)?,
        pipeline_file: row.try_get(2).map_err(failed)?,
        status: row.try_get(3).map_err(failed)?,
        report: row.try_get(4).map_err(failed)?,
        rejected: row.try_get::<_, i64>(5).map_err(failed)?.cast_unsigned(),
    }))
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "keep account of rejected records")
}
