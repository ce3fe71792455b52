//! Whether the bytes of a key decide if two keys are equal.
//!
//! Only the database decides equality. But for most types it decides by what
//! was sent: equal values have equal bytes. Then keys whose bytes all differ
//! are no duplicates, and nothing has to be sorted to know it.

use tokio_postgres::{Client, types::Type};

use super::failed;
use crate::{error::Result, load::LoadTarget, schema::PgType};

/// Whether keys of a target cannot be equal to the database that differ in the bytes of what is
/// staged of them: what is looked up or computed besides makes no two of them equal.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn bytes_tell_keys_apart(client: &Client, load: &LoadTarget) -> Result<bool> {
    let columns = || {
        let key = load.key.iter().map(|index| &load.columns[*index]);
        key.filter(|column| column.is_staged()).map(|column| &column.column)
    };
    if !columns().all(|column| equal_values_have_equal_bytes(&column.pg_type)) {
        return Ok(false);
    }
    let texts = columns().filter(|column| is_text(&column.pg_type));
    let texts: Vec<&str> = texts.map(|column| column.name.as_str()).collect();
    Ok(texts.is_empty() || collations_are_deterministic(client, load, &texts).await?)
}

/// To a collation that is not, texts may be equal that are written differently.
async fn collations_are_deterministic(
    client: &Client,
    load: &LoadTarget,
    columns: &[&str],
) -> Result<bool> {
    let query = "select count(*) = cardinality($2) from pg_catalog.pg_attribute a
        join pg_catalog.pg_collation c on c.oid = a.attcollation
        where a.attrelid = $1 and a.attname = any ($2) and c.collisdeterministic";
    let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&load.table.oid, Type::OID), (&columns, Type::TEXT_ARRAY)];
    let row = client.query_typed_one(query, &parameters).await;
    Ok(row.map_err(failed("ask for collations"))?.get(0))
}

/// Types of which two equal values are always sent as the same bytes. Others have several ways
/// to say the same: -0 and 0, 1.0 and 1.00, a month and thirty days, blanks at the end of
/// `char(n)`, the case of citext.
pub(super) fn equal_values_have_equal_bytes(pg_type: &PgType) -> bool {
    match pg_type {
        PgType::Bool
        | PgType::Int2
        | PgType::Int4
        | PgType::Int8
        | PgType::Oid
        | PgType::Date
        | PgType::Time(_)
        | PgType::Timestamp(_)
        | PgType::TimestampTz(_)
        | PgType::Uuid
        | PgType::Bytea
        | PgType::Enum(_) => true,
        other => is_text(other),
    }
}

pub(super) fn is_text(pg_type: &PgType) -> bool {
    matches!(pg_type, PgType::Text | PgType::VarChar(_))
}
