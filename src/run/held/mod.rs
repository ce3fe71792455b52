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
    report::{self, FileSummary, RejectionSummary, RunStatus, RunSummary, Seconds, TableSummary},
    run_id::RunId,
};

/// Drops a held run.
///
/// # Errors
/// `ErrorKind::Definition` when the run is not held; `ErrorKind::Environment` when the server refuses.
pub async fn discard(endpoint: &Endpoint, run: &RunId) -> Result<RunSummary> {
    let mut session = endpoint.connect().await?;
    let held = ledger::held_run(&session.client, run).await?;
    drop_held(&mut session.client, run, held.plan.loads.len(), Dropped::Discarded).await?;
    let tables = held.plan.loads.iter().zip(&held.plan.tables);
    let tables = tables.map(|(load, table)| {
        TableSummary::new(&load.table.name, table.tally, table.deletions.clone())
    });
    let tables = tables.collect();
    summary(&session.client, &held, RunStatus::Discarded, (tables, Seconds::default())).await
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

async fn summary(
    client: &Client,
    held: &HeldRun,
    status: RunStatus,
    (tables, seconds): (Vec<TableSummary>, Seconds),
) -> Result<RunSummary> {
    let past = ledger::history(client, Some(&held.record.run), 1).await?.pop();
    let (files, rejections) = past.map(|past| (past.files, past.rejections)).unwrap_or_default();
    let file = |file: ledger::PastFile| FileSummary {
        path: file.path,
        sha256: file.sha256,
        bytes: file.bytes.cast_unsigned(),
        records: file.records.cast_unsigned(),
        delivered: None,
        loaded_by: None,
    };
    let by_code = rejections.into_iter().map(|code| (code.code, code.violations.cast_unsigned()));
    let summary = RunSummary {
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
        geometry: None,
        replay: None,
        undo: None,
        resumed: None,
        seconds: Seconds { total: seconds.publish, ..seconds },
    };
    // It may have run on another machine.
    if let Some(report) = held.record.report.as_deref().map(Path::new).filter(|path| path.is_dir())
    {
        report::write_summary(report, &summary)?;
    }
    Ok(summary)
}
