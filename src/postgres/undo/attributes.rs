//! The columns of a table by number: what images know them by, since names may change.

use postgres_types::Type;
use tokio_postgres::Client;

use crate::postgres::sql::quote_identifier;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    /// Its number, which it keeps for ever.
    pub(super) number: i16,
    /// Its name, quoted.
    pub(super) name: String,
    /// Its type with its modifier, as SQL writes it.
    pub(super) data_type: String,
    /// Whether the server computes it: nobody writes it.
    pub(super) generated: bool,
    /// Whether an update may not write it (`generated always as identity`).
    pub(super) always_identity: bool,
    /// Whether it may be NULL.
    pub(super) nullable: bool,
}

impl Attribute {
    /// Its name in an image.
    pub(super) fn in_image(&self) -> String {
        format!("c{}", self.number)
    }
}

/// The columns of a table in order; none where it is gone.
pub(super) async fn attributes(
    client: &Client,
    table_oid: u32,
) -> Result<Vec<Attribute>, tokio_postgres::Error> {
    let query = "select attnum, attname::text, pg_catalog.format_type(atttypid, atttypmod),
          attgenerated <> '', attidentity = 'a', not attnotnull
        from pg_catalog.pg_attribute
        where attrelid = $1 and attnum > 0 and not attisdropped order by attnum";
    let rows = client.query_typed(query, &[(&table_oid, Type::OID)]).await?;
    let attribute = |row: &tokio_postgres::Row| {
        Ok(Attribute {
            number: row.try_get(0)?,
            name: quote_identifier(row.try_get(1)?),
            data_type: row.try_get(2)?,
            generated: row.try_get(3)?,
            always_identity: row.try_get(4)?,
            nullable: row.try_get(5)?,
        })
    };
    rows.iter().map(attribute).collect()
}
