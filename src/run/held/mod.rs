//! Runs that wait for approval: looked at, approved, discarded.
//!
//! A held run is its staging tables and a plan in the ledger. Whoever approves it approves what
//! was shown: if the target moved meanwhile, the change would be another one, and the run stays
//! held. A later run of the same pipeline that is published or held takes its place, since the
//! newest state of the source is the one to judge.

mod approve;
mod show;

use std::path::Path;

use tokio_postgres::Client;

pub use approve::approve;
pub use show::{ShownRun, ShownScope, ShownTable, show};

use crate::{
    error::Result,
    postgres::{
        endpoint::Endpoint,
        ledger::{self, Dropped, HeldRun, RunRecord},
        session::{TRANSACTION_SETTINGS, database_error},
        staging::Staging,
    },
    report::{
        self, FileSummary, RejectionSummary, RunStatus, RunSummary, Seconds, TableSummary,
        WarningSummary,
    },
    run::stopping::in_time,
    run_id::RunId,
};

/// Drops a held run.
///
/// # Errors
/// `ErrorKind::Definition` when the run is not held; `ErrorKind::Environment` when the server refuses.
pub async fn discard(endpoint: &Endpoint, run: &RunId) -> Result<RunSummary> {
    let mut session = endpoint.connect().await?;
    let held = in_time(ledger::held_run(&session.client, run)).await?;
    let dropping = drop_held(&mut session.client, run, held.plan.loads.len(), Dropped::Discarded);
    in_time(dropping).await?;
    let tables = held.plan.loads.iter().zip(&held.plan.tables);
    let tables = tables.map(|(load, table)| {
        TableSummary::new(&load.table.name, table.tally, table.deletions.clone())
    });
    let tables = tables.collect();
    let client = Ok(&session.client);
    Ok(summary(client, &held, RunStatus::Discarded, (tables, Seconds::default())).await)
}

/// Drops the held runs whose place a later run of the same pipeline has taken.
pub(super) async fn supersede(client: &mut Client, run: &RunRecord) -> Result<()> {
    for (older, targets) in ledger::other_held_runs(client, &run.pipeline, &run.run).await? {
        drop_held(client, &older, targets, Dropped::Superseded).await?;
    }
    Ok(())
}

/// The ledger first: what it says decides, and tables that are left are only in the way.
async fn drop_held(client: &mut Client, run: &RunId, targets: usize, how: Dropped) -> Result<()> {
    let failed = |error| database_error(&error, "drop a held run");
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed)?;
    ledger::record_dropped(transaction.client(), run, how).await?;
    transaction.commit().await.map_err(failed)?;
    Staging::new(run, targets).drop(client).await
}

/// Writes the summary of a run that was decided about. What is decided stays so when the ledger
/// or the disk refuse now: that is told beside it.
async fn summary(
    client: Result<&Client>,
    held: &HeldRun,
    status: RunStatus,
    (tables, seconds): (Vec<TableSummary>, Seconds),
) -> RunSummary {
    let past = match client {
        Ok(client) => in_time(ledger::history(client, Some(&held.record.run), 1)).await,
        Err(error) => Err(error),
    };
    let (past, unread) = match past {
        Ok(mut past) => (past.pop(), None),
        Err(error) => (None, Some(error)),
    };
    let past = past.map(|past| (past.files, past.rejections, past.warnings));
    let (files, rejections, warnings) = past.unwrap_or_default();
    let warnings = warnings.into_iter().map(|code| (code.code, code.warnings.cast_unsigned()));
    let warnings = warnings.collect();
    let file = |file: ledger::PastFile| FileSummary {
        path: file.path,
        sha256: file.sha256,
        bytes: file.bytes.cast_unsigned(),
        records: file.records.cast_unsigned(),
        delivered: None,
        loaded_by: None,
    };
    let by_code = rejections.into_iter().map(|code| (code.code, code.violations.cast_unsigned()));
    let mut summary = RunSummary {
        run: held.record.run.to_string(),
        pipeline: held.record.pipeline.clone(),
        status,
        files: files.into_iter().map(file).collect(),
        bundle: None,
        rejections: RejectionSummary {
            records: tables.iter().map(|table| table.tally.rejected).max().unwrap_or(0),
            by_code: by_code.collect(),
            report: held.record.report.clone(),
        },
        tables,
        warnings: WarningSummary::of(warnings),
        geometry: None,
        replay: None,
        undo: None,
        resumed: None,
        unreported: None,
        seconds: Seconds { total: seconds.publish, ..seconds },
    };
    let unwritten = match unread {
        // A summary without its files would stand in place of a whole one.
        Some(error) => Some(error),
        None => write_summary(held, &summary).err(),
    };
    summary.unreported = unwritten.map(|error| error.with_causes());
    summary
}

/// The report may be on another machine.
fn write_summary(held: &HeldRun, summary: &RunSummary) -> Result<()> {
    let report = held.record.report.as_deref().map(Path::new).filter(|path| path.is_dir());
    report.map_or(Ok(()), |report| report::write_summary(report, summary))
}
