//! What identifies a change: the same rows, with the same contents, become the same.
//!
//! A held run is approved for what was shown. So the fingerprint is over what is written
//! (new rows, changed ones before and after) and over all of the rows that go or end; it does not
//! depend on the order of rows, nor on where they lie in the table.

use tokio_postgres::Client;

use super::statements::Statements;
use crate::postgres::{sql::quote_identifier, staging::ORDINAL};

/// The fingerprint of one target's change; `classified` says whether its changes are noted, or
/// every staged row is new.
pub(super) async fn fingerprint(
    client: &Client,
    sql: &Statements<'_>,
    classified: bool,
) -> Result<String, tokio_postgres::Error> {
    let query = format!(
        "select count(*) || '-' || coalesce(sum(hashtextextended(content, 1)::numeric), 0) || '-' ||
           coalesce(sum(hashtextextended(content, 2)::numeric), 0) from ({}) contents",
        if classified { noted(sql) } else { all_new(sql) }
    );
    client.query_typed_one(&query, &[]).await?.try_get(0)
}

fn loaded(sql: &Statements<'_>, row: &str) -> String {
    let columns = sql.load.columns.iter();
    let columns = columns.map(|column| format!("{row}.{}", quote_identifier(&column.column.name)));
    format!("row({})::text", columns.collect::<Vec<_>>().join(", "))
}

fn all_new(sql: &Statements<'_>) -> String {
    let (rows, publishable) = (sql.rows(), sql.publishable());
    format!("select 'new' || {} as content from {rows} s where {publishable}", loaded(sql, "s"))
}

fn noted(sql: &Statements<'_>) -> String {
    format!(
        "select c.kind || coalesce({after}, '') || coalesce(case c.kind when 'changed' then {before} else t::text end, '') as content
         from {changes} c left join {rows} s on s.{ORDINAL} = c.ordinal
           left join {table} t on t.tableoid = c.table_oid and t.ctid = c.row_id
         where c.kind not in ('same', 'kept', 'present')",
        after = loaded(sql, "s"),
        before = loaded(sql, "t"),
        changes = sql.changes(),
        rows = sql.rows(),
        table = sql.table(),
    )
}
