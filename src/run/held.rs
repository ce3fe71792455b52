//! Runs that wait for approval: looked at, approved, discarded.
//!
//! A held run is its staging tables and a plan in the ledger. Whoever approves it approves what
//! was shown: if the target moved meanwhile, the change would be another one, and the run stays
//! held. A later run of the same pipeline that is published or held takes its place, since the
//! newest state of the source is the one to judge.

use std::time::Instant;

use tokio_postgres::Client;

use crate::{
    error::Result,
    load::LoadTarget,
    postgres::{
        endpoint::Endpoint,
        lease::Lease,
        ledger::{self, Dropped, HeldRun, PastRun, RunRecord},
        publish::{
            self, Ending, Intent, Publishing,
            held::{ScopeChange, scopes},
        },
        session::{TRANSACTION_SETTINGS, database_error},
        staging::Staging,
    },
    report::{FileSummary, RejectionSummary, RunStatus, RunSummary, Seconds, TableSummary},
    run_id::RunId,
};

/// Publishes a held run, if its change is still what it was; else it stays held.
///
/// # Errors
/// `ErrorKind::Definition` when the run is not held, `ErrorKind::Busy` when another run has its
/// targets, `ErrorKind::Environment` when staging is lost or the server refuses.
pub async fn approve(endpoint: &Endpoint, run: &RunId) -> Result<RunSummary> {
    let started = Instant::now();
    let mut session = endpoint.connect().await?;
    let held = ledger::held_run(&session.client, run).await?;
    let staging = Staging::new(run, held.plan.loads.len());
    staging.must_be_there(&session.client, held.plan.counted.records).await?;
    let lease = Lease::take(endpoint, run, &held.record.pipeline, &held.plan.loads).await?;
    let publishing = Publishing {
        staging: &staging,
        loads: &held.plan.loads,
        counted: &held.plan.counted,
        run: &held.record,
        fence: lease.fence(),
        intent: Intent::Approve(&held.plan.fingerprints),
    };
    let published = publish::publish(&mut session.client, &publishing).await;
    let released = lease.fence().release(&endpoint.connect().await?.client).await;
    let published = published?;
    released?;
    let status = match published.ending {
        Ending::Published => RunStatus::Published,
        Ending::Counted | Ending::Held | Ending::Moved => RunStatus::Held,
    };
    if status == RunStatus::Published {
        staging.drop(&session.client).await?;
    }
    let tables = held.plan.loads.iter().zip(published.tables);
    let tables = tables
        .map(|(load, table)| TableSummary::new(&load.table.name, table.tally, table.deletions));
    let seconds = Seconds { publish: started.elapsed().as_secs_f64(), ..Seconds::default() };
    summary(&session.client, &held, status, (tables.collect(), seconds)).await
}

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

/// What a run did, or what a held one would do.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ShownRun {
    /// The run as the ledger has it.
    #[serde(flatten)]
    pub past: PastRun,
    /// Of a held run: what it would do, by scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Vec<ShownTable>>,
}

/// What a held run would do to one table.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ShownTable {
    /// Its counts.
    #[serde(flatten)]
    pub summary: TableSummary,
    /// The columns of its scope; empty where that is the whole table.
    pub scope: Vec<String>,
    /// What changes, by the values of the scope, those that lose most first.
    pub scopes: Vec<ShownScope>,
}

/// What happens to the rows that share one value of the scope.
pub type ShownScope = ScopeChange;

/// Looks a run up; of a held one at most `limit` values of each scope.
///
/// # Errors
/// `ErrorKind::Definition` when the ledger has no such run; `ErrorKind::Environment` when the
/// server refuses, or staging is lost.
pub async fn show(client: &Client, run: &RunId, limit: u32) -> Result<Option<ShownRun>> {
    let Some(past) = ledger::history(client, Some(run), 1).await?.pop() else { return Ok(None) };
    let mut shown = ShownRun { past, held: None };
    if shown.past.status == "held" {
        let held = ledger::held_run(client, run).await?;
        shown.held = Some(show_held(client, &held, limit).await?);
    }
    Ok(Some(shown))
}

async fn show_held(client: &Client, held: &HeldRun, limit: u32) -> Result<Vec<ShownTable>> {
    let staging = Staging::new(&held.record.run, held.plan.loads.len());
    staging.must_be_there(client, held.plan.counted.records).await?;
    let mut tables = Vec::new();
    for (target, (load, table)) in held.plan.loads.iter().zip(&held.plan.tables).enumerate() {
        let has_changes = table.tally.deleted + table.tally.updated + table.tally.unchanged > 0;
        let scopes = match load.mode.deletes() && has_changes {
            true => scopes(client, &staging, (target, load), limit).await?,
            false => Vec::new(),
        };
        let summary = TableSummary::new(&load.table.name, table.tally, table.deletions.clone());
        tables.push(ShownTable { summary, scope: scope_names(load), scopes });
    }
    Ok(tables)
}

fn scope_names(load: &LoadTarget) -> Vec<String> {
    load.mode.scope().iter().map(|index| load.columns[*index].column.name.clone()).collect()
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
        loaded_by: None,
    };
    let by_code = rejections.into_iter().map(|code| (code.code, code.violations.cast_unsigned()));
    Ok(RunSummary {
        run: held.record.run.to_string(),
        pipeline: held.record.pipeline.clone(),
        status,
        files: files.into_iter().map(file).collect(),
        rejections: RejectionSummary {
            records: tables.iter().map(|table| table.tally.rejected).max().unwrap_or(0),
            by_code: by_code.collect(),
            report: held.record.report.clone(),
        },
        tables,
        geometry: None,
        resumed: None,
        seconds: Seconds { total: seconds.publish, ..seconds },
    })
}
