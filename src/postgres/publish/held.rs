//! What is kept of a held run, and what it would do to each value of its scope.

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::{Counted, TableChange};
use crate::{
    error::Result,
    load::{AfterLoad, LoadTarget, Tenant},
    postgres::{session::database_error, staging::Staging},
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
    let query = format!(
        "select coalesce(scope, '{{}}'), count(*) filter (where kind <> 'new'), count(*) filter (where kind = 'new'),
           count(*) filter (where kind = 'changed'), count(*) filter (where kind = 'gone') as gone,
           count(*) filter (where kind = 'kept')
         from {} group by scope having bool_or(kind <> 'same') order by gone desc, scope limit {limit}",
        staging.changes(target)
    );
    let failed = |error| database_error(&error, "read what the held run would change");
    let rows = client.query_typed(&query, &[]).await.map_err(failed)?;
    let hidden: Vec<bool> =
        load.mode.scope().iter().map(|index| load.columns[*index].sensitive).collect();
    let hide = |(value, hidden): (Option<String>, &bool)| match hidden {
        true => value.map(|_| "***".to_owned()),
        false => value,
    };
    let change = |row: &tokio_postgres::Row| {
        let scope: Vec<Option<String>> = row.try_get(0)?;
        Ok(ScopeChange {
            scope: scope.into_iter().zip(&hidden).map(hide).collect(),
            rows: row.try_get(1)?,
            inserted: row.try_get(2)?,
            updated: row.try_get(3)?,
            deleted: row.try_get(4)?,
            kept: row.try_get(5)?,
        })
    };
    rows.iter().map(change).collect::<Result<_, _>>().map_err(failed)
}
