//! Rows of other tables that refer to a target's: they must not go along with it.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{kept::Writers, rows::Rows};

/// The condition that a row refers to `t` which the run did not write, or somebody touched
/// since: with `on delete cascade` it would go along, otherwise the server would refuse.
pub(super) async fn in_use(
    client: &Client,
    table_oid: u32,
    targets: &[&Rows],
    writers: &Writers,
) -> Result<String, tokio_postgres::Error> {
    let query = "select f.conrelid, format('%I.%I', n.nspname, c.relname),
          string_agg(format('r.%I = t.%I', a.attname, b.attname), ' and ')
        from pg_catalog.pg_constraint f
        join pg_catalog.pg_class c on c.oid = f.conrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        cross join unnest(f.conkey, f.confkey) k(here, there)
        join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.here
        join pg_catalog.pg_attribute b on b.attrelid = f.confrelid and b.attnum = k.there
        where f.contype = 'f' and f.confrelid = $1 and f.conparentid = 0
        group by f.oid, f.conrelid, n.nspname, c.relname order by f.oid";
    let mut conditions = vec!["false".to_owned()];
    for row in client.query_typed(query, &[(&table_oid, Type::OID)]).await? {
        let (oid, table, refers): (u32, &str, &str) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let ours = match targets.iter().find(|rows| rows.table_oid == oid) {
            Some(rows) => rows.untouched("r"),
            None => writers.wrote("r"),
        };
        conditions.push(format!("exists (select from {table} r where {refers} and not {ours})"));
    }
    Ok(conditions.join(" or "))
}
