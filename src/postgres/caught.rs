//! Statements whose failure may be about a row's values, kept from the server's log.
//!
//! A constraint that is broken, a trigger that raises: the server writes the error with the
//! row's values to its log, whatever longshore does with it afterwards. So such statements run
//! inside a block of PL/pgSQL that catches the error; what comes back are codes and names. The
//! block is a subtransaction: what it wrote is undone, and the transaction goes on.

use serde::Deserialize;
use tokio_postgres::Client;

use super::{
    session::{Refusal, TRANSACTION_SETTINGS, database_error, refused},
    sql::quote_literal,
    tenant::and_tenant,
};
use crate::{
    error::{Error, Result},
    load::Tenant,
};

/// What came of a guarded statement.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It wrote so many rows.
    Done(u64),
    /// It failed, and left nothing behind.
    Refused(Refused),
}

/// Why a guarded statement failed.
#[derive(Debug)]
pub(super) struct Refused {
    /// What the server named.
    pub(super) refusal: Refusal,
    message: String,
}

impl Refused {
    /// The SQLSTATE.
    pub(super) fn code(&self) -> &str {
        &self.refusal.sqlstate
    }

    /// The error as longshore may show it; `doing` completes "the database could not ...".
    pub(super) fn into_error(self, doing: &str) -> Error {
        refused(self.refusal, &self.message, doing)
    }
}

impl Attempt {
    /// The rows written, or the error.
    pub(super) fn rows(self, doing: &str) -> Result<u64> {
        match self {
            Attempt::Done(rows) => Ok(rows),
            Attempt::Refused(refused) => Err(refused.into_error(doing)),
        }
    }
}

#[derive(Deserialize)]
struct Outcome {
    rows: Option<i64>,
    sqlstate: Option<String>,
    message: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    data_type: Option<String>,
    constraint: Option<String>,
}

/// Runs a statement inside the transaction that is open.
///
/// # Errors
/// `ErrorKind::Environment` when the connection fails or the statement was cancelled.
pub(super) async fn attempt(client: &Client, statement: &str) -> Result<Attempt> {
    let doing = "run a statement";
    client.batch_execute(&block(statement)).await.map_err(|error| database_error(&error, doing))?;
    let query = "select pg_catalog.current_setting('longshore.outcome')";
    let row = client.query_typed_one(query, &[]).await;
    let row = row.map_err(|error| database_error(&error, doing))?;
    let text: &str = row.try_get(0).map_err(|error| database_error(&error, doing))?;
    let outcome: Outcome = serde_json::from_str(text).map_err(|cause| {
        Error::unexpected("the outcome of a statement was not understood").caused_by(cause)
    })?;
    Ok(outcome.into_attempt())
}

/// Runs a statement in a transaction of its own, as whom the tenant says.
///
/// # Errors
/// As [`attempt`].
pub(super) async fn attempt_alone(
    client: &Client,
    tenant: Option<&Tenant>,
    statement: &str,
) -> Result<Attempt> {
    let failed = |error| database_error(&error, "open a transaction");
    let begin = format!("begin; {TRANSACTION_SETTINGS}{}", and_tenant(tenant));
    client.batch_execute(&begin).await.map_err(failed)?;
    let attempted = attempt(client, statement).await;
    let end = if attempted.is_ok() { "commit" } else { "rollback" };
    let ended = client.batch_execute(end).await;
    let attempted = attempted?;
    ended.map_err(|error| database_error(&error, "commit"))?;
    Ok(attempted)
}

/// The block's variables are out of the statement's sight: it is a text to it.
fn block(statement: &str) -> String {
    let body = format!(
        "declare written bigint; s text; t text; c text; d text; k text;
         begin
           begin
             execute {};
             get diagnostics written = row_count;
             perform pg_catalog.set_config('longshore.outcome',
               pg_catalog.json_build_object('rows', written)::text, true);
           exception when others then
             get stacked diagnostics s = schema_name, t = table_name, c = column_name,
               d = pg_datatype_name, k = constraint_name;
             perform pg_catalog.set_config('longshore.outcome', pg_catalog.json_build_object(
               'sqlstate', sqlstate, 'message', sqlerrm, 'schema', s, 'table', t, 'column', c,
               'data_type', d, 'constraint', k)::text, true);
           end;
         end",
        quote_literal(statement)
    );
    format!("do {}", quote_literal(&body))
}

impl Outcome {
    fn into_attempt(self) -> Attempt {
        let Some(sqlstate) = self.sqlstate else {
            return Attempt::Done(self.rows.unwrap_or_default().cast_unsigned());
        };
        let named = |name: Option<String>| name.filter(|name| !name.is_empty());
        let schema = named(self.schema);
        let qualify = |table: String| match &schema {
            Some(schema) => format!("{schema}.{table}"),
            None => table,
        };
        let refusal = Refusal {
            sqlstate,
            table: named(self.table).map(qualify),
            column: named(self.column),
            data_type: named(self.data_type),
            constraint: named(self.constraint),
        };
        Attempt::Refused(Refused { refusal, message: self.message.unwrap_or_default() })
    }
}
