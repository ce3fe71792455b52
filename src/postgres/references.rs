//! Foreign keys that keep rows of a table from being deleted.

use postgres_types::Type;
use tokio_postgres::{Client, Row};

use super::sql::{qualified, quote_identifier};
use crate::{load::LoadTarget, schema::TableName};

/// A foreign key to a table, `on delete restrict` or `no action`.
pub(super) struct Reference {
    /// The constraint's name.
    pub(super) name: String,
    /// The table that refers.
    pub(super) table: TableName,
    /// Its columns.
    pub(super) columns: Vec<String>,
    /// The columns referred to, in the same order.
    pub(super) referenced_columns: Vec<String>,
}

const REFERENCES: &str = "select c.conname::text, n.nspname::text, r.relname::text,
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

/// The foreign keys to the table with this OID that the role may look through.
pub(super) async fn references(
    client: &Client,
    table_oid: u32,
) -> Result<Vec<Reference>, tokio_postgres::Error> {
    let rows = client.query_typed(REFERENCES, &[(&table_oid, Type::OID)]).await?;
    rows.iter().map(reference).collect()
}

fn reference(row: &Row) -> Result<Reference, tokio_postgres::Error> {
    Ok(Reference {
        name: row.try_get(0)?,
        table: TableName { schema: row.try_get(1)?, name: row.try_get(2)? },
        columns: row.try_get(3)?,
        referenced_columns: row.try_get(4)?,
    })
}

impl Reference {
    /// The table that refers, as SQL writes it.
    pub(super) fn table_sql(&self) -> String {
        qualified(&self.table)
    }

    /// The condition that row `from` refers to row `to`.
    pub(super) fn refers(&self, from: &str, to: &str) -> String {
        let pairs = self.columns.iter().zip(&self.referenced_columns).map(|(ours, theirs)| {
            format!("{from}.{} = {to}.{}", quote_identifier(ours), quote_identifier(theirs))
        });
        pairs.collect::<Vec<_>>().join(" and ")
    }
}

/// The statement that has foreign keys among the targets' tables wait for the end of the
/// transaction, where there are any that may: rows that refer to each other are written one after
/// the other.
pub(super) fn check_late(loads: &[LoadTarget]) -> Option<String> {
    let late = loads.iter().flat_map(|load| {
        let schema = quote_identifier(&load.table.name.schema);
        let keys = load.table.foreign_keys.iter().filter(|key| key.deferrable);
        keys.filter(|key| loads.iter().any(|other| other.table.name == key.references))
            .map(move |key| format!("{schema}.{}", quote_identifier(&key.name)))
    });
    let names: Vec<String> = late.collect();
    (!names.is_empty()).then(|| format!("set constraints {} deferred", names.join(", ")))
}
