//! Statements whose failure may be about a row's values, kept from the server's log.
//!
//! A constraint that is broken, a trigger that raises: the server writes the error with the
//! row's values to its log, whatever longshore does with it afterwards. So such statements run
//! inside a block of PL/pgSQL that catches the error; what comes back are codes and names. The
//! block is a subtransaction: what it wrote is undone, and the transaction goes on.
//!
//! A trigger or function may raise whatever it likes, with any SQLSTATE, names and message: none
//! of these says then what it would say of the server. So what was raised is always about a row.

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
    /// What the server named; of what user code raised, nothing but the SQLSTATE.
    pub(super) refusal: Refusal,
    message: String,
    /// Whether user code raised it itself.
    raised: bool,
    /// Whether it came about in the statement itself, in no function below it.
    direct: bool,
}

impl Refused {
    /// The SQLSTATE.
    pub(super) fn code(&self) -> &str {
        &self.refusal.sqlstate
    }

    /// Whether it is about the server, the session or a privilege, whatever the row.
    pub(super) fn is_of_server(&self) -> bool {
        let class = self.code().get(..2).unwrap_or_default();
        !self.raised && (OF_SERVER.contains(&class) || OF_SERVER_TOO.contains(&self.code()))
    }

    /// Whether a trigger or function raised it, with whatever SQLSTATE it liked.
    pub(super) fn is_raised(&self) -> bool {
        self.raised
    }

    /// Whether it came from the table's own expressions rather than from a trigger or function.
    pub(super) fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether a row is too large for an index that the server does not name. Where its messages
    /// are translated, nobody can tell that from a row too large for its table.
    pub(super) fn is_of_nameless_index(&self) -> bool {
        let is_nameless =
            self.direct && self.code() == "54000" && self.refusal.constraint.is_none();
        is_nameless && self.message.starts_with("index row")
    }

    /// Whether the statement itself may be what is wrong: a name, a type, what cannot be written.
    pub(super) fn may_be_of_statement(&self) -> bool {
        self.direct && ["42", "0A"].iter().any(|class| self.code().starts_with(class))
    }

    /// The error as longshore may show it; `doing` completes "the database could not ...".
    ///
    /// Its message is the server's only where no value can have come into it: names of SQL
    /// (class 42) may be made of values by a cast.
    pub(super) fn into_error(self, doing: &str) -> Error {
        let message = (self.direct && self.is_of_server()).then_some(self.message.as_str());
        let raised = self.raised;
        refused(self.refusal, message, raised, doing)
    }

    /// The same of a statement that was only planned, so that no value came into the message.
    pub(super) fn into_error_of_statement(self, doing: &str) -> Error {
        let message = self.may_be_of_statement().then_some(self.message.clone());
        match message {
            Some(message) => refused(self.refusal, Some(&message), false, doing),
            None => self.into_error(doing),
        }
    }
}

/// Classes of SQLSTATE that are about the server, the session or the connection.
const OF_SERVER: [&str; 11] = ["08", "25", "26", "28", "40", "53", "55", "57", "58", "F0", "XX"];

/// The same in classes that are about values: a missing privilege, a sequence that is used up.
const OF_SERVER_TOO: [&str; 2] = ["42501", "2200H"];

/// The conditions under which a handler catches all that a row can bring about: `others` leaves
/// out a failed ASSERT, and a trigger that calls itself cancelled.
pub(super) const ANYTHING: &str = "others or assert_failure or query_canceled";

/// Stands in each statement, so that it is told from those of functions in an error's context.
const MARK: &str = "/*longshore*/";

/// What a handler of [`ANYTHING`] begins with: `place` becomes the innermost line of the context,
/// and what is about the server goes on to whoever handles that. Words of the context may be
/// translated; the name of the statement that raises is not, nor are those of languages.
pub(super) fn caught_into(place: &str) -> String {
    format!(
        "get stacked diagnostics {place} = pg_exception_context;
         {place} := pg_catalog.split_part({place}, E'\\n', 1);"
    )
}

/// The condition that user code raised the error that `place` tells about.
pub(super) fn is_raised(place: &str) -> String {
    format!(
        "(pg_catalog.strpos({place}, '{MARK}') = 0 and (sqlstate = 'P0004' or pg_catalog.strpos({place}, 'RAISE') > 0
           or {place} ~* 'traceback|pl/?(python|perl|tcl|v8)'))"
    )
}

/// The condition that the error that `place` tells about is not a row's.
pub(super) fn is_of_server(place: &str) -> String {
    let list = |codes: &[&str]| {
        codes.iter().map(|code| quote_literal(code)).collect::<Vec<_>>().join(", ")
    };
    format!(
        "(not {} and (pg_catalog.left(sqlstate, 2) in ({}) or sqlstate in ({})))",
        is_raised(place),
        list(&OF_SERVER),
        list(&OF_SERVER_TOO)
    )
}

fn marked(statement: &str) -> String {
    match statement.split_once(' ') {
        Some((word, rest)) => format!("{word} {MARK} {rest}"),
        None => statement.to_owned(),
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
    #[serde(default)]
    raised: bool,
    #[serde(default)]
    direct: bool,
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
            quote_literal(&marked(statement))
        )),
    )
    .await
}

/// The same of a statement that evaluates expressions which may fail for a row. The server's
/// parallel workers have no handler: what fails in one of them reaches the log, whoever catches it
/// later. So there are none, and in the rest of the transaction as many as before.
///
/// # Errors
/// As [`attempt`].
pub(super) async fn attempt_evaluating(client: &Client, statement: &str) -> Result<Attempt> {
    const WORKERS: &str = "'max_parallel_workers_per_gather'";
    let alone = format!(
        "s := pg_catalog.current_setting({WORKERS});
         perform pg_catalog.set_config({WORKERS}, '0', true);
         execute {}; get diagnostics written = row_count;
         perform pg_catalog.set_config({WORKERS}, s, true);",
        quote_literal(&marked(statement))
    );
    run(client, &block(&alone)).await
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
        quote_literal(&marked(rows)),
        quote_literal(&marked(statement))
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
    let statement = quote_literal(&marked(statement));
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
        quote_literal(&marked(statement))
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
           __s text; __t text; __c text; __d text; __k text; __x text;
         begin
           foreach __number in array '{{{list}}}'::bigint[] loop
             begin
               perform pg_catalog.set_config('{from}', __number::text, true),
                 pg_catalog.set_config('{to}', __number::text, true);
               {marked};
               get diagnostics __written = row_count;
               if __written <> 1 then raise exception sqlstate '{MISCOUNTED}'; end if;
             exception when {ANYTHING} then
               get stacked diagnostics __s = schema_name, __t = table_name, __c = column_name,
                 __d = pg_datatype_name, __k = constraint_name;
               {caught} {stopped}
               __found := __found || pg_catalog.jsonb_build_object('rows', __number, 'sqlstate', sqlstate,
                 'message', sqlerrm, 'schema', __s, 'table', __t, 'column', __c, 'data_type', __d, 'constraint', __k,
                 'raised', {raised}, 'direct', {direct});
             end;
           end loop;
           perform pg_catalog.set_config('longshore.outcome', __found::text, true);
         end",
        list = list.join(","),
        marked = marked(statement),
        caught = caught_into("__x"),
        stopped = is_stopped("__x"),
        raised = is_raised("__x"),
        direct = is_direct("__x"),
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

/// Attempts something in a transaction of its own, as whom the tenant says.
///
/// # Errors
/// As the attempt.
pub(super) async fn attempt_alone(
    client: &Client,
    tenant: Option<&Tenant>,
    attempt: impl Future<Output = Result<Attempt>>,
) -> Result<Attempt> {
    let failed = |error| database_error(&error, "open a transaction");
    let begin = format!("begin; {TRANSACTION_SETTINGS}{}", and_tenant(tenant));
    client.batch_execute(&begin).await.map_err(failed)?;
    let attempted = attempt.await;
    let end = if attempted.is_ok() { "commit" } else { "rollback" };
    let ended = client.batch_execute(end).await;
    let attempted = attempted?;
    ended.map_err(|error| database_error(&error, "commit"))?;
    Ok(attempted)
}

/// A statement that is really cancelled ends the block: the operator, or a limit, wants that.
fn is_stopped(place: &str) -> String {
    format!("if sqlstate = '57014' and not {} then raise; end if;", is_raised(place))
}

fn is_direct(place: &str) -> String {
    format!("(pg_catalog.strpos({place}, '{MARK}') > 0)")
}

/// The block's variables are out of the statement's sight: it is a text to it.
fn block(guarded: &str) -> String {
    let body = format!(
        "declare written bigint := 0; one bigint; r record; waiting tid[]; remaining tid[]; id tid; s text; t text; c text; d text; k text; x text;
         begin
           begin
             {guarded}
             perform pg_catalog.set_config('longshore.outcome',
               pg_catalog.json_build_object('rows', written)::text, true);
           exception when {ANYTHING} then
             get stacked diagnostics s = schema_name, t = table_name, c = column_name,
               d = pg_datatype_name, k = constraint_name;
             {caught} {stopped}
             perform pg_catalog.set_config('longshore.outcome', pg_catalog.json_build_object(
               'sqlstate', sqlstate, 'message', sqlerrm, 'schema', s, 'table', t, 'column', c,
               'data_type', d, 'constraint', k, 'raised', {raised}, 'direct', {direct})::text, true);
           end;
         end",
        caught = caught_into("x"),
        stopped = is_stopped("x"),
        raised = is_raised("x"),
        direct = is_direct("x"),
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
        let mut refusal = Refusal {
            sqlstate,
            table: named(self.table).map(qualify),
            column: named(self.column),
            data_type: named(self.data_type),
            constraint: named(self.constraint),
        };
        if self.raised {
            let sqlstate = refusal.sqlstate;
            refusal = Refusal { sqlstate, ..Refusal::default() };
        }
        let (raised, direct) = (self.raised, self.direct);
        let message = self.message.unwrap_or_default();
        Attempt::Refused(Refused { refusal, message, raised, direct })
    }
}
