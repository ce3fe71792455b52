//! What became of a transaction whose answer was lost: the ledger knows.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Ending, Published, TableChange};
use crate::{
    error::Result,
    postgres::{ledger, session::database_error},
    run_id::RunId,
};

/// How a run's publishing transaction ended, if its COMMIT arrived.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn settled(client: &Client, run: &RunId) -> Result<Option<Published>> {
    if let Some(tallies) = ledger::published(client, run).await? {
        let change = |tally| TableChange { tally, ..TableChange::default() };
        let tables = tallies.into_iter().map(change).collect();
        return Ok(Some(Published { ending: Ending::Published, tables }));
    }
    if !is_held(client, run).await? {
        return Ok(None);
    }
    let held = ledger::held_run(client, run).await?;
    Ok(Some(Published { ending: Ending::Held, tables: held.plan.tables }))
}

async fn is_held(client: &Client, run: &RunId) -> Result<bool> {
    let query = "select exists (select from longshore.held where run_id = $1)";
    let row = client.query_typed_one(query, &[(&run.as_str(), Type::TEXT)]).await;
    Ok(row.map_err(|error| database_error(&error, "ask the ledger"))?.get(0))
}
