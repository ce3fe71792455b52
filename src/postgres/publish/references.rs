//! Rows that others refer to are not deleted: found out before the server would say it.
//!
//! The server's own message quotes the key, and so does its log.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Failure, failed, statements::Statements};
use crate::{error::Error, postgres::sql::quote_identifier};

/// Foreign keys to a table that keep its rows from being deleted: their name, the referring
/// table, whether that is the table itself, and the columns of both sides.
const REFERENCES: &str = "select c.conname::text, format('%I.%I', n.nspname, r.relname), c.conrelid = c.confrelid,
      array(select a.attname::text from unnest(c.conkey) with ordinality k (num, at)
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num order by k.at),
      array(select a.attname::text from unnest(c.confkey) with ordinality k (num, at)
        join pg_catalog.pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num order by k.at)
    from pg_catalog.pg_constraint c join pg_catalog.pg_class r on r.oid = c.conrelid
      join pg_catalog.pg_namespace n on n.oid = r.relnamespace
    where c.contype = 'f' and c.confrelid = $1 and c.confdeltype in ('a', 'r')
      and has_table_privilege(c.conrelid, 'select')
      and not exists (select from pg_catalog.pg_constraint p where p.oid = c.conparentid and p.confrelid = c.confrelid)
    order by 1";

/// Stops where a row that is gone is still referred to.
pub(super) async fn must_be_free(client: &Client, sql: &Statements<'_>) -> Result<(), Failure> {
    let failed = || failed("look for rows that refer to deleted ones");
    let oid = sql.load.table.oid;
    let rows = client.query_typed(REFERENCES, &[(&oid, Type::OID)]).await.map_err(failed())?;
    for row in rows {
        let (name, table): (String, String) = (row.get(0), row.get(1));
        let (ours, theirs): (Vec<String>, Vec<String>) = (row.get(4), row.get(3));
        let query = referring(sql, &table, row.get(2), &theirs, &ours);
        let found = client.query_typed_one(&query, &[]).await.map_err(failed())?;
        let count: i64 = found.get(0);
        if count > 0 {
            let message = format!(
                "{count} rows of {} are absent from the files, but {table} refers to them (foreign key `{name}`); nothing is published",
                sql.load.table.name
            );
            return Err(Error::environment(message)
                .hint("load what refers to them in the same pipeline, delete it first, or use `soft_delete`")
                .into());
        }
    }
    Ok(())
}

fn referring(
    sql: &Statements<'_>,
    table: &str,
    is_itself: bool,
    theirs: &[String],
    ours: &[String],
) -> String {
    let pairs = theirs.iter().zip(ours).map(|(theirs, ours)| {
        format!("r.{} = t.{}", quote_identifier(theirs), quote_identifier(ours))
    });
    // What refers and goes with the same statement does not count.
    let but = match is_itself {
        true => format!(
            " and not exists (select from {} g where g.kind = 'gone' and g.table_oid = r.tableoid and g.row_id = r.ctid)",
            sql.changes()
        ),
        false => String::new(),
    };
    format!(
        "select count(*) from {} c join {} t on {} where exists (select from {table} r where {}{but})",
        sql.changes(),
        sql.table(),
        sql.is_gone(),
        pairs.collect::<Vec<_>>().join(" and ")
    )
}
