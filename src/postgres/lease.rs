//! One run at a time per target, from its first statement to its last.
//!
//! The lease is a set of advisory locks held by a transaction of a session of
//! its own: the server lets them go when the session ends, however it ends, and
//! a pooler in transaction mode leaves the session to us as long as it lasts.
//! The transaction has no snapshot and no number, so vacuum does not wait for it.

use tokio_postgres::{Client, types::Type};

use super::{
    session::{Session, TRANSACTION_SETTINGS, database_error},
    staging::SCHEMA,
};
use crate::{
    error::{Error, ErrorKind, Result},
    load::LoadTarget,
    run_id::RunId,
};

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lease {
    _session: Session,
}

impl Lease {
    /// Takes the targets for a run, and clears away what runs left that nobody holds any more.
    ///
    /// # Errors
    /// `ErrorKind::Busy` when another run has one of the targets,
    /// `ErrorKind::Environment` when the server refuses.
    pub async fn take(session: Session, run: &RunId, loads: &[LoadTarget]) -> Result<Self> {
        let client = &session.client;
        // It is idle for as long as the run lasts.
        let begin = format!(
            "begin; {TRANSACTION_SETTINGS}; set local idle_in_transaction_session_timeout = 0"
        );
        client.batch_execute(&begin).await.map_err(failed)?;
        for load in loads {
            if !locked(client, "longshore target", &load.table.oid.to_string()).await? {
                let busy = format!("another run is loading {}", load.table.name);
                return Err(Error::new(ErrorKind::Busy, busy)
                    .hint("try again when it has ended; `longshore history` shows it"));
            }
        }
        locked(client, "longshore run", run.as_str()).await?;
        Ok(Self { _session: session })
    }
}

/// Drops the staging tables of runs that ended without doing so (the server or the machine
/// went away), and notes their end; returns how many there were.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn clear_abandoned(client: &mut Client) -> Result<usize> {
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed)?;
    // A run may be cut off after its COMMIT, too: it is published, and its staging is there.
    let query = "select run_id from longshore.run where status = 'running' or exists (
          select from pg_catalog.pg_tables
          where schemaname = $1 and starts_with(tablename, lower(run_id) || '_'))
        order by run_id";
    let rows = transaction.query_typed(query, &[(&SCHEMA, Type::TEXT)]).await.map_err(failed)?;
    let mut cleared = 0;
    for row in rows {
        let run: String = row.try_get(0).map_err(failed)?;
        if locked(transaction.client(), "longshore run", &run).await? {
            clear(transaction.client(), &run).await?;
            cleared += 1;
        }
    }
    transaction.commit().await.map_err(failed)?;
    Ok(cleared)
}

async fn clear(client: &Client, run: &str) -> Result<()> {
    let query = "select coalesce(string_agg(format('drop table if exists %I.%I', schemaname, tablename), '; '), '')
        from pg_catalog.pg_tables where schemaname = $1 and starts_with(tablename, $2)";
    let prefix = format!("{}_", run.to_lowercase());
    let row = client
        .query_typed_one(query, &[(&SCHEMA, Type::TEXT), (&prefix, Type::TEXT)])
        .await
        .map_err(failed)?;
    client.batch_execute(row.get(0)).await.map_err(failed)?;
    let update = "update longshore.run set status = 'failed', finished_at = clock_timestamp(),
        message = 'it was cut off' where run_id = $1 and status = 'running'";
    client.execute_typed(update, &[(&run, Type::TEXT)]).await.map_err(failed)?;
    Ok(())
}

async fn locked(client: &Client, kind: &str, name: &str) -> Result<bool> {
    let query = "select pg_try_advisory_xact_lock(hashtext($1), hashtext($2))";
    let row = client
        .query_typed_one(query, &[(&kind, Type::TEXT), (&name, Type::TEXT)])
        .await
        .map_err(failed)?;
    row.try_get(0).map_err(failed)
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "take the targets for this run")
}
