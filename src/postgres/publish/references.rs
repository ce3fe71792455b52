//! Rows that others refer to are not deleted: found out before the server would say it.
//!
//! The server's own message quotes the key, and so does its log.

use tokio_postgres::Client;

use super::{Failure, changes::Kind, failed, statements::Statements};
use crate::{
    error::Error,
    postgres::references::{Reference, references},
};

/// Stops where a row of the kind that is to be deleted is still referred to.
pub(super) async fn must_be_free(
    client: &Client,
    sql: &Statements<'_>,
    kind: Kind,
) -> Result<(), Failure> {
    let failed = || failed("look for rows that refer to deleted ones");
    let to_table = references(client, sql.load.table.oid).await.map_err(failed())?;
    for reference in to_table {
        let found = client.query_typed_one(&referring(sql, kind, &reference), &[]).await;
        let count: i64 = found.map_err(failed())?.get(0);
        if count > 0 {
            let message = format!(
                "{count} rows of {} are to be deleted, but {} refers to them (foreign key `{}`); nothing is published",
                sql.load.table.name, reference.table, reference.name
            );
            return Err(Error::environment(message)
                .hint("load what refers to them in the same pipeline, delete it first, or use `soft_delete`")
                .into());
        }
    }
    Ok(())
}

fn referring(sql: &Statements<'_>, kind: Kind, reference: &Reference) -> String {
    // What refers and goes with the same statement does not count.
    let but = match reference.table == sql.load.table.name {
        true => format!(
            " and not exists (select from {} g where g.kind = '{}' and g.table_oid = r.tableoid and g.row_id = r.ctid)",
            sql.changes(),
            kind.word()
        ),
        false => String::new(),
    };
    format!(
        "select count(*) from {} c join {} t on {} where exists (select from {} r where {}{but})",
        sql.changes(),
        sql.table(),
        kind.notes_row(),
        reference.table_sql(),
        reference.refers("r", "t")
    )
}
