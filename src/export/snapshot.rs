//! The transaction that an export reads in: one state of the database, nothing written.

use crate::{
    definition::ExportDefinition,
    error::Result,
    postgres::{
        prepared,
        session::{Session, TRANSACTION_SETTINGS, database_error},
        sql::quote_literal,
    },
};

/// A state of the database.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// When it was, by the server's clock: `2024-02-29T13:45:00.123456Z`.
    pub(super) time: String,
}

/// Opens the transaction on a new session; points in time are written in the definition's zone in it.
pub(super) async fn open(session: &Session, definition: &ExportDefinition) -> Result<Snapshot> {
    let failed = |error| database_error(&error, "open a snapshot for the export");
    let zone = definition.output.zone.as_deref().unwrap_or("UTC");
    let begin = format!(
        "begin isolation level repeatable read read only; {TRANSACTION_SETTINGS}; \
         set local bytea_output = 'hex'; set local timezone = {}",
        quote_literal(zone)
    );
    session.client.batch_execute(&begin).await.map_err(failed)?;
    prepared::forget_names(&session.client).await.map_err(failed)?;
    let time = "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let row = session.client.query_typed_one(time, &[]).await.map_err(failed)?;
    Ok(Snapshot { time: row.get(0) })
}

/// Ends the transaction.
pub(super) async fn close(session: &Session) -> Result<()> {
    let closed = session.client.batch_execute("commit").await;
    closed.map_err(|error| database_error(&error, "end the snapshot of the export"))
}
