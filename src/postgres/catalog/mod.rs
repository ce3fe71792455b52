//! What the catalog says of a table, in one round trip.
//!
//! The server answers with one JSON document (`document`), so that one
//! statement fits every supported PostgreSQL: columns that only newer catalogs have
//! are picked out of `to_jsonb(row)`. `types` turns what it says of types
//! into [`PgType`](crate::schema::PgType); extension types are known by name
//! and extension, since their OIDs differ between databases.

mod document;
mod types;

use tokio_postgres::types::Type;

use self::document::TableDocument;
use super::session::database_error;
use crate::{
    error::{Error, Result},
    schema::TableSchema,
};

/// The table called `name` (`schema.table`, parts in double quotes where SQL
/// would have them), found by the search path where no schema is named;
/// `None` if there is none.
///
/// Types are written as the session's search path sees them.
///
/// # Errors
/// `ErrorKind::Definition` if `name` cannot be a table's name,
/// `ErrorKind::Environment` if the catalog cannot be read.
pub async fn read_table(
    client: &tokio_postgres::Client,
    name: &str,
) -> Result<Option<TableSchema>> {
    let doing = "describe a table";
    let row = client
        .query_typed_opt(include_str!("read_table.sql"), &[(&name, Type::TEXT)])
        .await
        .map_err(|error| match error.code().map(tokio_postgres::error::SqlState::code) {
            Some("42602" | "42601" | "0A000") => not_a_name(name),
            _ => database_error(&error, doing),
        })?;
    let Some(row) = row else { return Ok(None) };
    let text: &str = row.try_get(0).map_err(|error| database_error(&error, doing))?;
    let document: TableDocument = serde_json::from_str(text).map_err(|cause| {
        Error::unexpected("the catalog's answer was not understood").caused_by(cause)
    })?;
    Ok(Some(document.into_schema()))
}

/// The error for a text that SQL does not take for a table's name.
pub(super) fn not_a_name(name: &str) -> Error {
    Error::definition(format!("`{name}` is not a table's name"))
        .hint("write schema.table, with double quotes round parts that are not plain words")
}

/// The names of all tables and views the session's user may see, as SQL writes them.
///
/// # Errors
/// `ErrorKind::Environment` if the catalog cannot be read.
pub async fn table_names(client: &tokio_postgres::Client) -> Result<Vec<String>> {
    let query = "select format('%I.%I', n.nspname, c.relname) \
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
        where c.relkind in ('r', 'p', 'f', 'v', 'm') and not c.relispartition \
        and n.nspname not in ('pg_catalog', 'information_schema', 'longshore', 'longshore_staging', 'longshore_undo') \
        and n.nspname !~ '^pg_' order by 1";
    let rows = client.query_typed(query, &[]).await;
    let rows = rows.map_err(|error| database_error(&error, "list its tables"))?;
    let names = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>();
    names.map_err(|error| database_error(&error, "list its tables"))
}
