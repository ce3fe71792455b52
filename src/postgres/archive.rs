//! Deleting rows that are in a file: what has to be known of their table, and the statement.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{
    caught::{self, Attempt},
    session::{Refusal, database_error},
    sql::{qualified, quote_identifier},
};
use crate::{
    error::{Error, Result},
    schema::TableName,
};

/// What an archive has to know of a table.
#[derive(Debug)]
pub struct ArchivedTable {
    /// Its name.
    pub name: TableName,
    /// Its columns by name, with the OID of their types; generated ones are left out.
    pub columns: Vec<(String, u32)>,
    /// Whether the key given is a primary key or unique constraint.
    pub key_is_unique: bool,
    /// Foreign keys that would delete or change rows of other tables: `name (table)`.
    pub cascades: Vec<String>,
    /// Tables that inherit from it, partitions left out: their rows are its rows too, and have
    /// columns that no query of it shows.
    pub heirs: Vec<String>,
}

const TABLE: &str = "select n.nspname::text, c.relname::text,
    array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped and a.attgenerated = '' order by a.attnum),
    array(select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped and a.attgenerated = '' order by a.attnum),
    exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid
      and i.indpred is null and i.indexprs is null
      and (select array_agg(a.attname::text order by a.attname::text collate \"C\") from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum = any (i.indkey[0:i.indnkeyatts - 1])) = $3),
    array(select format('%s (%s)', k.conname, k.conrelid::regclass) from pg_catalog.pg_constraint k
      where k.contype = 'f' and k.confrelid = c.oid and k.confdeltype not in ('a', 'r') order by 1),
    array(select h.oid::regclass::text from pg_catalog.pg_inherits i join pg_catalog.pg_class h on h.oid = i.inhrelid
      where i.inhparent = c.oid and not h.relispartition order by 1)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relname = $2
    and (n.nspname = $1 or $1 is null and pg_catalog.pg_table_is_visible(c.oid))";

/// Looks a table up.
///
/// # Errors
/// `ErrorKind::Definition` where there is none of this name; `ErrorKind::Environment` when the
/// server refuses.
pub async fn archived_table(
    client: &Client,
    (schema, table): (Option<&str>, &str),
    key: &[String],
) -> Result<ArchivedTable> {
    let mut key: Vec<&str> = key.iter().map(String::as_str).collect();
    key.sort_unstable();
    let found = client
        .query_typed_opt(
            TABLE,
            &[(&schema, Type::TEXT), (&table, Type::TEXT), (&key, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(|error| database_error(&error, "look up the archived table"))?;
    let row = found
        .ok_or_else(|| Error::definition(format!("there is no table `{table}` to archive")))?;
    let (names, types): (Vec<String>, Vec<u32>) = (row.get(2), row.get(3));
    Ok(ArchivedTable {
        name: TableName { schema: row.get(0), name: row.get(1) },
        columns: names.into_iter().zip(types).collect(),
        key_is_unique: row.get(4),
        cascades: row.get(5),
        heirs: row.get(6),
    })
}

/// The rows of a table.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn count(client: &Client, table: &TableName) -> Result<u64> {
    let query = format!("select count(*) from {}", qualified(table));
    let row = client.query_typed_one(&query, &[]).await;
    let rows = row.map(|row| row.get::<_, i64>(0).cast_unsigned());
    rows.map_err(|error| database_error(&error, "count the rows of the archived table"))
}

/// The columns that a query gives otherwise than the table has them, by the text of their values:
/// a file of that query would not hold the row that is deleted.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn changed_columns(
    client: &Client,
    table: &ArchivedTable,
    key: &[String],
    query: &str,
) -> Result<Vec<String>> {
    let differs = table.columns.iter().map(|(column, _)| {
        let column = quote_identifier(column);
        // The text tells 1.0 from 1.00, and a column's own collation may hold A for a.
        format!("bool_or((archived.{column})::text collate \"C\" is distinct from (t.{column})::text collate \"C\")")
    });
    let statement = format!(
        "select array[{}] from ({query}\n) archived join {} t on {}",
        differs.collect::<Vec<_>>().join(", "),
        qualified(&table.name),
        same_row(key)
    );
    let row = client.query_typed_one(&statement, &[]).await;
    let row = row.map_err(|error| database_error(&error, "compare the rows with their table"))?;
    let differs: Vec<Option<bool>> = row.get(0);
    let changed = table.columns.iter().zip(differs).filter(|(_, differs)| *differs == Some(true));
    Ok(changed.map(|((name, _), _)| name.clone()).collect())
}

/// Deletes the rows that a query gives the keys of; how many there were.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses: a row that something refers to, or that
/// somebody else changed since the transaction's snapshot.
pub async fn delete(
    client: &Client,
    table: &TableName,
    key: &[String],
    query: &str,
) -> Result<u64> {
    let statement = format!(
        "delete from {} t using ({query}\n) archived where {}",
        qualified(table),
        same_row(key)
    );
    match caught::attempt(client, &statement).await? {
        Attempt::Refused(refused) if refused.code() == REFERRED_TO => {
            Err(referred_to(table, &refused.refusal))
        }
        attempt => attempt.rows("delete the archived rows"),
    }
}

/// `foreign_key_violation`: of a DELETE, that something refers to the row.
const REFERRED_TO: &str = "23503";

fn referred_to(table: &TableName, refusal: &Refusal) -> Error {
    let from = refusal.table.as_deref().unwrap_or("another table");
    let by = refusal.constraint.as_deref().unwrap_or("a foreign key");
    Error::environment(format!("rows of {from} refer to rows of {table} that would go ({by})"))
        .hint("nothing is deleted; archive the rows that refer to them first, or leave those out of the query that something refers to")
}

fn same_row(key: &[String]) -> String {
    let same = key.iter().map(|column| {
        let column = quote_identifier(column);
        format!("t.{column} = archived.{column}")
    });
    same.collect::<Vec<_>>().join(" and ")
}
