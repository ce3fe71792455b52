//! Prepared statements that a transaction pooler does not trip over.
//!
//! The driver gives every prepared statement a name (`s0`, `s1`, ...). Behind
//! a pooler in transaction mode the next statement may go to another server
//! connection, which does not know the name, and the name stays behind on the
//! first one. So statements are only prepared inside a transaction, which
//! keeps its server connection, and closed before it ends. Two uses have no
//! way around the name: COPY, in and out, and parsing SQL without running it.

use tokio_postgres::{Client, error::SqlState};

use super::session::TRANSACTION_SETTINGS;

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

/// Takes back such names at the start of a transaction. Only for a session that has prepared
/// nothing yet: the driver keeps statements of its own for types that it had to look up.
///
/// # Errors
/// As the server's.
pub async fn forget_names(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(FORGET_NAMES).await
}
