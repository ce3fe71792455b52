//! What the catalog says of a partitioned table.

use postgres_types::Type;
use tokio_postgres::Client;

use crate::{error::Result, postgres::session::database_error};

/// How a table is partitioned, and whether the session's role may add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The column whose ranges the partitions are; `None` for lists, hashes, several columns and
    /// expressions.
    pub column: Option<String>,
    /// The table's owner: only who is a member of it may attach partitions.
    pub owner: String,
    /// Whether the session's role is.
    pub is_owner: bool,
    /// Whether it may make tables in the table's schema.
    pub may_create: bool,
}

/// Describes a partitioned table; `None` for any other.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn describe(client: &Client, table: u32) -> Result<Option<Described>> {
    let query = "select case when p.partstrat = 'r' and p.partnatts = 1 then a.attname::text end,
          pg_catalog.pg_get_userbyid(c.relowner)::text, pg_catalog.pg_has_role(c.relowner, 'usage'),
          pg_catalog.has_schema_privilege(c.relnamespace, 'create')
        from pg_catalog.pg_partitioned_table p join pg_catalog.pg_class c on c.oid = p.partrelid
        left join pg_catalog.pg_attribute a
          on a.attrelid = p.partrelid and a.attnum = p.partattrs[0] and a.attnum > 0
        where p.partrelid = $1";
    let failed = |error| database_error(&error, "ask how a table is partitioned");
    let row = client.query_typed_opt(query, &[(&table, Type::OID)]).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let read = || {
        Ok(Described {
            column: row.try_get(0)?,
            owner: row.try_get(1)?,
            is_owner: row.try_get(2)?,
            may_create: row.try_get(3)?,
        })
    };
    read().map(Some).map_err(failed)
}
