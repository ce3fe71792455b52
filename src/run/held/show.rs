//! What a run did, or what a held one would do, by the values of its scope.

use tokio_postgres::Client;

use crate::{
    error::Result,
    load::LoadTarget,
    postgres::{
        ledger::{self, HeldRun, PastRun},
        publish::held::{ScopeChange, published_scopes, scopes},
        staging::Staging,
    },
    report::TableSummary,
    run_id::RunId,
};

/// What a run did, or what a held one would do.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ShownRun {
    /// The run as the ledger has it.
    #[serde(flatten)]
    pub past: PastRun,
    /// Of a held run: what it would do, by scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Vec<ShownTable>>,
    /// Of a published run that can be undone: what it did, by scope, to tables it may delete from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Vec<ShownTable>>,
}

/// What a run did or would do to one table.
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
    let mut shown = ShownRun { past, held: None, published: None };
    if shown.past.status == "held" && shown.past.export.is_none() {
        let held = ledger::held_run(client, run).await?;
        shown.held = Some(show_held(client, &held, limit).await?);
    }
    if shown.past.status == "published" {
        shown.published = show_published(client, run, &shown.past, limit).await?;
    }
    Ok(Some(shown))
}

async fn show_published(
    client: &Client,
    run: &RunId,
    past: &PastRun,
    limit: u32,
) -> Result<Option<Vec<ShownTable>>> {
    let mut tables = Vec::new();
    for (target, table) in past.tables.iter().enumerate() {
        let Some((scope, scopes)) = published_scopes(client, (run, target), limit).await? else {
            continue;
        };
        let summary = TableSummary::new(&table.table, table.tally, None);
        tables.push(ShownTable { summary, scope, scopes });
    }
    Ok((!tables.is_empty()).then_some(tables))
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
