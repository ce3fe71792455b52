//! Rows that changed since the last run: those between two points in time.
//!
//! A row carries the time of its transaction, which may commit much later. So a run takes rows
//! only up to the beginning of the oldest transaction that was open before its snapshot, and a
//! second less: whatever is older is in the snapshot or was rolled back. What is younger comes
//! with the next run, which begins just there: no row is missed, none comes twice.

use crate::{
    definition::IncrementalDefinition,
    error::{Error, Result},
    postgres::{
        session::{Session, database_error},
        sql::{quote_identifier, quote_literal},
    },
};

/// What is between two points in time, as text that the server wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    /// From here on; `None` from the beginning, rows without a time among them.
    pub(super) since: Option<String>,
    /// Up to here, itself not.
    pub(super) until: String,
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
    pg_is_in_recovery()
  from pg_catalog.pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()
    and backend_type is distinct from 'autovacuum worker'";

/// Up to where all rows are known; asked before the snapshot is taken.
pub(super) async fn horizon(session: &Session) -> Result<String> {
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
    Ok(row.get(0))
}

/// A point in time that somebody typed, as the server writes it.
pub(super) async fn point(session: &Session, text: &str) -> Result<String> {
    let query = "select to_char($1::text::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'";
    let row =
        session.client.query_typed_one(query, &[(&text, tokio_postgres::types::Type::TEXT)]).await;
    row.map(|row| row.get(0)).map_err(|error| match error.code() {
        Some(code) if code.code().starts_with("22") => {
            Error::definition("the value of `--since` is no point in time")
                .hint("write it as `2024-02-29 13:45:00+00`")
        }
        _ => database_error(&error, "read a point in time"),
    })
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
        let first = Bounds { since: None, until: "2024-01-02".to_owned() };
        let next = Bounds { since: Some("2024-01-02".to_owned()), until: "2024-01-03".to_owned() };
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
