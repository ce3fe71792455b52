//! The transaction that exports read in: one state of the database, nothing written.
//!
//! Several exports of one run take turns on one session, in one transaction. That holds behind
//! a pooler and on a standby too, where a snapshot cannot be handed from session to session.

use super::lag;
use crate::{
    definition::ExportDefinition,
    error::{Error, Result},
    postgres::{
        prepared,
        session::{Session, TRANSACTION_SETTINGS, database_error},
        sql::quote_literal,
        watch,
    },
    run_id::RunId,
};

/// A state of the database.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// When it was, by the server's clock: `2024-02-29T13:45:00.123456Z`.
    pub(super) time: String,
    /// How far behind the primary it was then, in seconds; `None` on a server that is no standby.
    pub(super) lag: Option<f64>,
}

/// Opens the transaction on a new session.
pub(super) async fn open(session: &Session, run: &RunId) -> Result<Snapshot> {
    open_as(session, run, "read only").await
}

/// The same for an archive, which deletes what it read.
pub(super) async fn open_for_archive(session: &Session, run: &RunId) -> Result<Snapshot> {
    open_as(session, run, "read write").await
}

async fn open_as(session: &Session, run: &RunId, access: &str) -> Result<Snapshot> {
    let begin = format!(
        "begin isolation level repeatable read {access}; {TRANSACTION_SETTINGS}; {}; \
         set local bytea_output = 'hex'",
        watch::mark(run)
    );
    // Before the snapshot: its rows are at least as young.
    let lag = lag::measure(session).await?;
    session.client.batch_execute(&begin).await.map_err(failed)?;
    prepared::forget_names(&session.client).await.map_err(failed)?;
    let time = "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let row = session.client.query_typed_one(time, &[]).await.map_err(failed)?;
    Ok(Snapshot { time: row.get(0), lag })
}

/// Begins one export in it; points in time are written in the definition's zone.
pub(super) async fn enter(session: &Session, definition: &ExportDefinition) -> Result<()> {
    let zone = definition.output.zone.as_deref().unwrap_or("UTC");
    let enter = format!("savepoint export; set local timezone = {}", quote_literal(zone));
    session.client.batch_execute(&enter).await.map_err(failed)
}

/// Goes on without an export that failed.
pub(super) async fn leave(session: &Session) -> Result<()> {
    session.client.batch_execute("rollback to savepoint export").await.map_err(failed)
}

/// Ends the transaction.
pub(super) async fn close(session: &Session) -> Result<()> {
    let closed = session.client.batch_execute("commit").await;
    closed.map_err(|error| database_error(&error, "end the snapshot of the export"))
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "open a snapshot for the export")
}
