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
    run(
        client,
        &block(&format!(
            "execute {}; get diagnostics written = row_count;",
            quote_literal(statement)
        )),
    )
    .await
}

/// Runs a statement for each row of a query, in its order; `$1` to `$3` are `ordinal`,
/// `table_oid` and `row_id` of the row. The rows written are those of all together.
///
/// # Errors
/// As [`attempt`].
pub(super) async fn attempt_each(client: &Client, rows: &str, statement: &str) -> Result<Attempt> {
    let each = format!(
        "for r in execute {} loop
           execute {} using r.ordinal, r.table_oid, r.row_id;
           get diagnostics one = row_count; written := written + one;
         end loop;",
        quote_literal(rows),
        quote_literal(statement)
    );
    run(client, &block(&each)).await
}

/// Runs a statement for each row of a query whose only column is a `tid`, `$1`, in whatever
/// order breaks no unique or exclusion constraint on the way; each round goes through what is
/// left the other way round.
///
/// # Errors
/// As [`attempt`].
pub(super) async fn attempt_in_rounds(
    client: &Client,
    rows: &str,
    statement: &str,
) -> Result<Attempt> {
    let statement = quote_literal(statement);
    let rounds = format!(
        "execute {} into waiting;
         while cardinality(waiting) > 0 loop
           remaining := '{{}}';
           foreach id in array waiting loop
             begin
               execute {statement} using id;
               get diagnostics one = row_count; written := written + one;
             exception when unique_violation or exclusion_violation then remaining := id || remaining;
             end;
           end loop;
           if cardinality(remaining) = cardinality(waiting) then execute {statement} using remaining[1]; end if;
           waiting := remaining;
         end loop;",
        quote_literal(&format!("select array({rows})"))
    );
    run(client, &block(&rounds)).await
}

/// The code of a statement that was taken back since it did not write as many rows as it should.
pub(super) const MISCOUNTED: &str = "ZZ001";

/// Runs a statement that has to write so many rows; else it is refused as [`MISCOUNTED`].
///
/// # Errors
/// As [`attempt`].
pub(super) async fn attempt_exactly(
    client: &Client,
    statement: &str,
    rows: u64,
) -> Result<Attempt> {
    let exactly = format!(
        "execute {}; get diagnostics written = row_count;
         if written <> {rows} then raise exception sqlstate '{MISCOUNTED}'; end if;",
        quote_literal(statement)
    );
    run(client, &block(&exactly)).await
}

/// Runs a statement once for each number, which both settings are set to, each time in a
/// subtransaction of its own, and has to write one row; gives what was refused.
///
/// The statement stands in the block itself, so that it is planned once: planning it takes
/// longer than running it.
///
/// # Errors
/// As [`attempt`].
pub(super) async fn attempt_numbers(
    client: &Client,
    numbers: &[i64],
    (from, to): (&str, &str),
    statement: &str,
) -> Result<Vec<(i64, Refused)>> {
    let list: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let body = format!(
        "#variable_conflict use_column
         declare __number bigint; __written bigint; __found jsonb := '[]';
           __s text; __t text; __c text; __d text; __k text;
         begin
           foreach __number in array '{{{list}}}'::bigint[] loop
             begin
               perform pg_catalog.set_config('{from}', __number::text, true),
                 pg_catalog.set_config('{to}', __number::text, true);
               {statement};
               get diagnostics __written = row_count;
               if __written <> 1 then raise exception sqlstate '{MISCOUNTED}'; end if;
             exception when others then
               get stacked diagnostics __s = schema_name, __t = table_name, __c = column_name,
                 __d = pg_datatype_name, __k = constraint_name;
               __found := __found || pg_catalog.jsonb_build_object('rows', __number, 'sqlstate', sqlstate,
                 'message', sqlerrm, 'schema', __s, 'table', __t, 'column', __c, 'data_type', __d, 'constraint', __k);
             end;
           end loop;
           perform pg_catalog.set_config('longshore.outcome', __found::text, true);
         end",
        list = list.join(",")
    );
    let block = format!("do {}", quote_literal(&body));
    let outcomes: Vec<Outcome> = read_outcome(&block_outcome(client, &block).await?)?;
    let numbered = outcomes.into_iter().filter_map(|outcome| {
        let number = outcome.rows?;
        match outcome.into_attempt() {
            Attempt::Refused(refused) => Some((number, refused)),
            Attempt::Done(_) => None,
        }
    });
    Ok(numbered.collect())
}

async fn run(client: &Client, block: &str) -> Result<Attempt> {
    let outcome: Outcome = read_outcome(&block_outcome(client, block).await?)?;
    Ok(outcome.into_attempt())
}

fn read_outcome<'o, T: Deserialize<'o>>(text: &'o str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| {
        Error::unexpected("the outcome of a statement was not understood").caused_by(cause)
    })
}

async fn block_outcome(client: &Client, block: &str) -> Result<String> {
    let doing = "run a statement";
    client.batch_execute(block).await.map_err(|error| database_error(&error, doing))?;
    let query = "select pg_catalog.current_setting('longshore.outcome')";
    let row = client.query_typed_one(query, &[]).await;
    let row = row.map_err(|error| database_error(&error, doing))?;
    row.try_get(0).map_err(|error| database_error(&error, doing))
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
fn block(guarded: &str) -> String {
    let body = format!(
        "declare written bigint := 0; one bigint; r record; waiting tid[]; remaining tid[]; id tid; s text; t text; c text; d text; k text;
         begin
           begin
             {guarded}
             perform pg_catalog.set_config('longshore.outcome',
               pg_catalog.json_build_object('rows', written)::text, true);
           exception when others then
             get stacked diagnostics s = schema_name, t = table_name, c = column_name,
               d = pg_datatype_name, k = constraint_name;
             perform pg_catalog.set_config('longshore.outcome', pg_catalog.json_build_object(
               'sqlstate', sqlstate, 'message', sqlerrm, 'schema', s, 'table', t, 'column', c,
               'data_type', d, 'constraint', k)::text, true);
           end;
         end"
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
