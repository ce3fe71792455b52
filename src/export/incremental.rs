//! Rows that changed since the last run: those between two points in time.
//!
//! A row carries the time of its transaction, which may commit much later. So a run takes rows
//! only up to the beginning of the oldest transaction that was open before its snapshot, and a
//! second less: whatever is older is in the snapshot or was rolled back. What is younger comes
//! with the next run, which begins just there: no row is missed, none comes twice.

use std::time::Duration;

use crate::{
    definition::IncrementalDefinition,
    error::{Error, Result},
    failpoint,
    postgres::{
        session::{Session, database_error},
        sql::{quote_identifier, quote_literal},
    },
    run_id::RunId,
};

/// What is between two points in time, as text that the server wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    /// From here on; `None` from the beginning, rows without a time among them.
    pub(super) since: Option<String>,
    /// Up to here, itself not.
    pub(super) until: String,
    /// What people should know of them.
    pub(super) notes: Vec<String>,
    /// Where deleted rows are listed, what they are known from.
    pub(super) keys: Option<KnownKeys>,
}

/// What rows that are gone are known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KnownKeys {
    /// The keys that the last run found, kept under this run.
    Last(String),
    /// There is no last run: none is gone.
    None,
    /// The last run kept no keys: those that are gone are not known.
    Unknown,
    /// This run listed them.
    Listed(RunId),
}

impl Bounds {
    /// The query, restricted to what is between the bounds. The order of a query that has one
    /// survives in a query around it that neither joins nor sorts.
    pub(super) fn restrict(&self, sql: &str, column: &str) -> String {
        let column = format!("q.{}", quote_identifier(column));
        let until = quote_literal(&self.until);
        let below = format!("{column} < {until}::timestamptz");
        let condition = match &self.since {
            Some(since) => format!("{column} >= {}::timestamptz and {below}", quote_literal(since)),
            None => format!("({below} or {column} is null)"),
        };
        format!("select * from ({sql}\n) q where {condition}")
    }
}

/// The beginning of the oldest open transaction less a second: between the clock that a
/// transaction takes its time from and its being seen here, a moment passes.
const HORIZON: &str = "select
    to_char((least(clock_timestamp(), min(xact_start)) - interval '1 second') at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00',
    count(*) filter (where query = '<insufficient privilege>'),
    (select count(*) from pg_catalog.pg_prepared_xacts where database = current_database()),
    pg_is_in_recovery(),
    (array_agg(pid order by xact_start) filter (where xact_start is not null))[1],
    extract(epoch from clock_timestamp() - min(xact_start))::float8
  from pg_catalog.pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()
    and backend_type is distinct from 'autovacuum worker'";

/// A transaction that is open for longer is told of: rows wait for it.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// Up to where all rows are known; asked before the snapshot is taken. With it, what holds it
/// back for long.
pub(super) async fn horizon(session: &Session) -> Result<(String, Option<String>)> {
    let row = session.client.query_typed_one(HORIZON, &[]).await;
    let row = row.map_err(|error| database_error(&error, "say which transactions are open"))?;
    let (hidden, prepared): (i64, i64) = (row.get(1), row.get(2));
    if row.get(3) {
        return Err(Error::definition("an incremental export cannot read from a standby")
            .hint("a standby does not know which transactions are open on the primary"));
    }
    if hidden > 0 {
        return Err(Error::environment("the role may not see which transactions are open").hint(
            "grant it pg_read_all_stats: rows of a transaction it cannot see would be missed",
        ));
    }
    if prepared > 0 {
        return Err(Error::environment(
            "a prepared transaction is open, and when it began is not known",
        )
        .hint("end it: COMMIT PREPARED or ROLLBACK PREPARED, see pg_prepared_xacts"));
    }
    let oldest: (Option<i32>, Option<f64>) = (row.get(4), row.get(5));
    let held_back = match oldest {
        (Some(pid), Some(age)) if age > failpoint::limit(OPEN_FOR).as_secs_f64() => Some(format!(
            "rows written in the last {age:.0} s wait for the next run: a transaction is open for so long (process {pid} of the server)"
        )),
        _ => None,
    };
    Ok((row.get(0), held_back))
}

/// Whether one point in time is later than another, both as text that the server wrote.
pub(super) async fn is_later(session: &Session, one: &str, other: &str) -> Result<bool> {
    let query = "select $1::text::timestamptz > $2::text::timestamptz";
    let text = tokio_postgres::types::Type::TEXT;
    let row = session.client.query_typed_one(query, &[(&one, text.clone()), (&other, text)]).await;
    row.map(|row| row.get(0)).map_err(|error| database_error(&error, "compare two points in time"))
}

/// A point in time that somebody typed, as the server writes it.
pub(super) async fn point(session: &Session, text: &str) -> Result<String> {
    let query = "select to_char($1::text::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'";
    let row =
        session.client.query_typed_one(query, &[(&text, tokio_postgres::types::Type::TEXT)]).await;
    let row = row.map_err(|error| match error.code() {
        Some(code) if code.code().starts_with("22") => no_point(),
        _ => database_error(&error, "read a point in time"),
    })?;
    // Of the infinities there is no text.
    row.get::<_, Option<String>>(0).ok_or_else(no_point)
}

fn no_point() -> Error {
    Error::definition("the value of `--since` is no point in time")
        .hint("write it as `2024-02-29 13:45:00+00`")
}

/// Refuses a beginning behind the end of the last run, or behind that of this one: the next run
/// begins where this one ends, and rows between would be in no file.
pub(super) async fn check_since(
    session: &Session,
    since: &str,
    ends: [Option<&str>; 2],
) -> Result<()> {
    for end in ends.into_iter().flatten() {
        if is_later(session, since, end).await? {
            let what =
                format!("`--since` is later than {end}, and rows in between would be in no file");
            return Err(Error::definition(what)
                .hint("leave it out: the run begins where the last one ended; an earlier time writes rows once more"));
        }
    }
    Ok(())
}

/// Whether the columns are there, and can be compared.
pub(super) fn check(
    incremental: &IncrementalDefinition,
    result: &[super::columns::ResultColumn],
) -> Result<()> {
    let at = super::columns::place_of(&incremental.column, result)?;
    if let Some(deleted) = &incremental.deleted {
        super::columns::place_of(deleted, result)?;
    }
    for name in &incremental.key {
        super::columns::place_of(name, result)?;
    }
    if result[at].data_type != tokio_postgres::types::Type::TIMESTAMPTZ {
        let (column, of) = (&incremental.column, result[at].data_type.name());
        let what = format!("`{column}` is {of}; rows are known as changed by a timestamptz");
        return Err(Error::definition(what).hint(
            "it has to be written by the server's clock: `now()` in a trigger or a default",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_one_run_is_the_beginning_of_the_next() {
        let first =
            Bounds { since: None, until: "2024-01-02".to_owned(), notes: Vec::new(), keys: None };
        let next = Bounds {
            since: Some(first.until.clone()),
            until: "2024-01-03".to_owned(),
            notes: Vec::new(),
            keys: None,
        };
        assert_eq!(
            first.restrict("select 1", "at"),
            "select * from (select 1\n) q where (q.\"at\" < '2024-01-02'::timestamptz or q.\"at\" is null)"
        );
        assert_eq!(
            next.restrict("select 1", "at"),
            "select * from (select 1\n) q where q.\"at\" >= '2024-01-02'::timestamptz and q.\"at\" < '2024-01-03'::timestamptz"
        );
    }
}
