//! Prepared statements that a transaction pooler does not trip over.
//!
//! The driver gives every prepared statement a name (`s0`, `s1`, ...). Behind
//! a pooler in transaction mode the next statement may go to another server
//! connection, which does not know the name, and the name stays behind on the
//! first one. So statements are only prepared inside a transaction, which
//! keeps its server connection, and closed before it ends. Two uses have no
//! way around the name: COPY, in and out, and parsing SQL without running it.

use tokio_postgres::{Client, CopyOutStream, error::SqlState};

use super::session::{TRANSACTION_SETTINGS, database_error};
use crate::error::Result;

/// Takes back names that other clients of a pooler left on this server connection. Nobody can
/// be relying on them: in transaction mode their owner cannot know where they are.
const FORGET_NAMES: &str = r"do $$ declare statement text; begin
   for statement in select name from pg_catalog.pg_prepared_statements where name ~ '^s[0-9]+$' loop
     execute format('deallocate %I', statement);
   end loop; end $$";

/// Opens a transaction to prepare statements in, with `settings` after the usual ones.
///
/// # Errors
/// As the server's.
pub(super) async fn begin(
    client: &Client,
    settings: &str,
    names_are_taken: bool,
) -> Result<(), tokio_postgres::Error> {
    let forget = if names_are_taken { FORGET_NAMES } else { "" };
    client.batch_execute(&format!("begin; {TRANSACTION_SETTINGS}; {settings}; {forget}")).await
}

/// Whether preparing failed since another client left a statement of this name.
pub(super) fn name_is_taken(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::DUPLICATE_PSTATEMENT)
}

/// Opens a transaction and in it a COPY to the client; `commit` follows its last row. The
/// session's settings stay as they are, since they decide how values are written.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses; `doing` completes "could not ...".
pub async fn copy_out(client: &Client, statement: &str, doing: &str) -> Result<CopyOutStream> {
    let failed = |error| database_error(&error, doing);
    client.batch_execute("begin").await.map_err(failed)?;
    let opened = match client.copy_out(statement).await {
        Err(error) if name_is_taken(&error) => {
            let again = format!("rollback; begin; {FORGET_NAMES}");
            client.batch_execute(&again).await.map_err(failed)?;
            client.copy_out(statement).await
        }
        opened => opened,
    };
    opened.map_err(failed)
}
