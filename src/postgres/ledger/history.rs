//! Past runs, as `longshore history` shows them.

use postgres_types::Type;
use tokio_postgres::Client;

use super::texts;
use crate::{
    error::Result,
    outcome::Tally,
    postgres::{lease, session::database_error},
    run_id::RunId,
};

/// A run as `history` shows it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastRun {
    /// The run.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// `published`, `held`, `rejected`, `discarded`, `failed`, or `running`; `cut off` where it
    /// runs for the ledger, and its process is gone.
    pub status: String,
    /// When it started, in the session's time zone.
    pub started_at: String,
    /// How long it took; `None` while it runs or after it was killed.
    pub seconds: Option<f64>,
    /// Who works on it now: user, machine and process, and when he was last heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// What it was asked and what it wrote, where it is an export.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<super::PastExport>,
    /// The database role.
    pub started_by: String,
    /// The report folder.
    pub report: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// Tallies by table.
    pub tables: Vec<PastTally>,
    /// Files it read, or wrote.
    pub files: Vec<PastFile>,
    /// Violations by code.
    pub rejections: Vec<PastRejections>,
    /// Warnings by code.
    pub warnings: Vec<PastWarnings>,
    /// The run whose corrected records this one loaded, where it is a replay.
    pub replays: Option<String>,
    /// The run that this one took back, where it is an undo.
    pub undoes: Option<String>,
    /// The run that took this one back.
    pub undone_by: Option<String>,
    /// Until when it can be undone, in the session's time zone.
    pub undo_until: Option<String>,
    /// What became of the records it rejected.
    pub rejected: PastRejected,
}

/// What became of a run's rejected records in `history`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct PastRejected {
    /// Records that nobody has corrected yet.
    pub open: u64,
    /// Records that replays loaded.
    pub closed: u64,
    /// The replays that loaded some, in order.
    pub replays: Vec<PastReplay>,
}

/// A replay, as the run that it replayed sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastReplay {
    /// The replay.
    pub run: String,
    /// Records that it closed.
    pub closed: u64,
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

/// Warnings of one code in `history`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PastWarnings {
    /// The code.
    pub code: String,
    /// How many warnings.
    pub warnings: i64,
}

/// The latest runs, newest first; only one run when `run` is given.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn history(client: &Client, run: Option<&RunId>, limit: u32) -> Result<Vec<PastRun>> {
    let failed = |error| database_error(&error, "read the ledger");
    let alive = lease::held("r.run_id");
    // A standby knows nobody's locks, and an export holds none.
    let query = format!("select run_id, pipeline,
          case when status = 'running' and kind = 'import' and not pg_is_in_recovery() and not {alive} then 'cut off' else status end,
          to_char(started_at, 'YYYY-MM-DD HH24:MI:SS'),
          extract(epoch from finished_at - started_at)::float8, started_by, report, message, replays,
          undoes, undone_by, (select to_char(u.expires_at, 'YYYY-MM-DD HH24:MI:SS') from longshore.undo u
            where u.run_id = r.run_id and u.expires_at > now() and r.undoes is null and r.undone_by is null)
          , (select format('%s, heard of %s s ago', l.holder,
               round(extract(epoch from clock_timestamp() - max(l.heartbeat_at))::numeric))
             from longshore.lease l where l.run_id = r.run_id and (pg_is_in_recovery() or {alive}) group by l.holder)
        from longshore.run r where $1::text is null or run_id = $1 order by started_at desc limit $2");
    let limit = i64::from(limit);
    let rows = client
        .query_typed(&query, &[(&run.map(RunId::as_str), Type::TEXT), (&limit, Type::INT8)])
        .await
        .map_err(failed)?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in rows {
        let run: String = row.get(0);
        let warnings = past_warnings(client, &run).await.map_err(failed)?;
        let (tables, files, rejections, rejected) = (
            past_tallies(client, &run).await.map_err(failed)?,
            past_files(client, &run).await.map_err(failed)?,
            past_rejections(client, &run).await.map_err(failed)?,
            past_rejected(client, &run).await.map_err(failed)?,
        );
        let export = super::exports::past_export(client, &run).await.map_err(failed)?;
        let (pipeline, status, started_at) = (row.get(1), row.get(2), row.get(3));
        let (seconds, started_by, report, message) =
            (row.get(4), row.get(5), row.get(6), row.get(7));
        runs.push(PastRun {
            run,
            pipeline,
            status,
            started_at,
            seconds,
            export,
            started_by,
            report,
            message,
            tables,
            files,
            rejections,
            warnings,
            replays: row.get(8),
            undoes: row.get(9),
            undone_by: row.get(10),
            undo_until: row.get(11),
            held_by: row.get(12),
            rejected,
        });
    }
    Ok(runs)
}

async fn past_tallies(client: &Client, run: &str) -> Result<Vec<PastTally>, tokio_postgres::Error> {
    let query = "select table_name, read, filtered, rejected, duplicate, inserted, updated, unchanged, deleted, merged
        from longshore.tally where run_id = $1 order by target";
    let rows = client.query_typed(query, &texts([&run])).await?;
    Ok(rows.iter().map(|row| PastTally { table: row.get(0), tally: past_tally(row) }).collect())
}

/// Columns 1 to 9 of a row, in the order of the tally's table.
pub(super) fn past_tally(row: &tokio_postgres::Row) -> Tally {
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
        merged: count(9),
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

async fn past_warnings(
    client: &Client,
    run: &str,
) -> Result<Vec<PastWarnings>, tokio_postgres::Error> {
    let query = "select code, warnings from longshore.warning where run_id = $1 order by code";
    let rows = client.query_typed(query, &texts([&run])).await?;
    let one = |row: &tokio_postgres::Row| PastWarnings { code: row.get(0), warnings: row.get(1) };
    Ok(rows.iter().map(one).collect())
}

async fn past_rejected(client: &Client, run: &str) -> Result<PastRejected, tokio_postgres::Error> {
    let query = "select closed_by, count(*) from longshore.rejected_record where run_id = $1
        group by closed_by order by closed_by";
    let mut rejected = PastRejected::default();
    for row in client.query_typed(query, &texts([&run])).await? {
        let records = row.get::<_, i64>(1).cast_unsigned();
        match row.get::<_, Option<String>>(0) {
            None => rejected.open = records,
            Some(run) => {
                rejected.closed += records;
                rejected.replays.push(PastReplay { run, closed: records });
            }
        }
    }
    Ok(rejected)
}
