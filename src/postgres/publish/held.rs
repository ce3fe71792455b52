//! What is kept of a held run, and what it would do to each value of its scope.

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::{Counted, TableChange, guard::rows_there};
use crate::{
    error::Result,
    load::{AfterLoad, LoadTarget, Tenant},
    postgres::{session::database_error, sql::quote_literal, staging::Staging, undo},
    run_id::RunId,
};

/// All that publishing needs to go on where a run was held; holds no data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldPlan {
    /// The targets.
    pub loads: Vec<LoadTarget>,
    /// What the run counted.
    pub counted: Counted,
    /// What goes along with publishing.
    #[serde(default)]
    pub after: AfterLoad,
    /// Whose rows it is for.
    #[serde(default)]
    pub tenant: Option<Tenant>,
    /// What would be done to each target.
    pub tables: Vec<TableChange>,
    /// What identifies the change, per target.
    pub fingerprints: Vec<String>,
}

/// What happens to the rows that share one value of the scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeChange {
    /// The values of the scope columns, in the definition's order; those of sensitive columns
    /// are `***`. Empty where the scope is the whole table.
    pub scope: Vec<Option<String>>,
    /// Rows the table had.
    pub rows: i64,
    /// New rows.
    pub inserted: i64,
    /// Rows that change.
    pub updated: i64,
    /// Rows that go.
    pub deleted: i64,
    /// Rows without a record that stay, since a rejected one is or may be theirs.
    pub kept: i64,
}

/// The values of a target's scope that change, those that lose most first, at most `limit`.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses, or has lost the staging tables.
pub async fn scopes(
    client: &Client,
    staging: &Staging,
    (target, load): (usize, &LoadTarget),
    limit: u32,
) -> Result<Vec<ScopeChange>> {
    read_scopes(client, &format!("({}) scopes", by_scope(staging, target, load)), limit).await
}

/// What a published run changed, by the values of its scope, with the names of the scope's
/// columns; `None` where that is not kept (any more).
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn published_scopes(
    client: &Client,
    (run, target): (&RunId, usize),
    limit: u32,
) -> Result<Option<(Vec<String>, Vec<ScopeChange>)>> {
    let Some(kept) = undo::kept_scopes(client, (run, target)).await? else { return Ok(None) };
    let names = format!("select coalesce((select columns from {kept} limit 1), '{{}}')");
    let failed = |error| database_error(&error, "read what the run changed");
    let names = client.query_typed_one(&names, &[]).await.map_err(failed)?.get(0);
    Ok(Some((names, read_scopes(client, &kept, limit).await?)))
}

async fn read_scopes(client: &Client, from: &str, limit: u32) -> Result<Vec<ScopeChange>> {
    let query = format!(
        "select scope, had, inserted, updated, deleted, kept from {from} order by deleted desc, scope limit {limit}"
    );
    let failed = |error| database_error(&error, "read what the run changes");
    let rows = client.query_typed(&query, &[]).await.map_err(failed)?;
    let change = |row: &tokio_postgres::Row| {
        Ok(ScopeChange {
            scope: row.try_get(0)?,
            rows: row.try_get(1)?,
            inserted: row.try_get(2)?,
            updated: row.try_get(3)?,
            deleted: row.try_get(4)?,
            kept: row.try_get(5)?,
        })
    };
    rows.iter().map(change).collect::<Result<_, _>>().map_err(failed)
}

/// The query of what changes by scope; values of sensitive columns are `***` in it.
pub(super) fn by_scope(staging: &Staging, target: usize, load: &LoadTarget) -> String {
    let columns = || load.mode.scope().iter().map(|index| &load.columns[*index]);
    let shown = columns().enumerate().map(|(at, column)| match column.sensitive {
        true => format!("case when scope[{0}] is not null then '***' end", at + 1),
        false => format!("scope[{}]", at + 1),
    });
    let names = columns().map(|column| quote_literal(&column.column.name));
    format!(
        "select array[{shown}]::text[] as scope, array[{names}]::text[] as columns,
           count(*) filter (where {there}) as had, count(*) filter (where kind = 'new') as inserted,
           count(*) filter (where kind in ('changed', 'shifted', 'linked', 'version')) as updated,
           count(*) filter (where kind in ('gone', 'freed')) as deleted, count(*) filter (where kind = 'kept') as kept
         from {changes} group by scope having bool_or(kind not in ('same', 'present', 'closed'))",
        shown = shown.collect::<Vec<_>>().join(", "),
        names = names.collect::<Vec<_>>().join(", "),
        there = rows_there(load),
        changes = staging.changes(target),
    )
}
