//! Partitions on demand: which are missing is asked of all staged rows at once.
//!
//! A partition is made as a table of its own and attached: that takes SHARE UPDATE EXCLUSIVE on
//! the parent, which stops neither readers nor writers, where `create table ... partition of`
//! takes ACCESS EXCLUSIVE. Foreign keys take SHARE ROW EXCLUSIVE on the tables they refer to, so
//! it is a short transaction of its own before publishing. If nothing is published then, an empty
//! partition is left, which the next delivery fills. A default partition takes every row, so
//! beside one nothing is missing and nothing is made.

use postgres_types::{ToSql, Type};
use tokio_postgres::Client;

use crate::{
    error::{Error, Result},
    load::{Every, LoadTarget},
    postgres::{
        judge::not_rejected,
        session::{TRANSACTION_SETTINGS, database_error},
        sql::{qualified, quote_identifier, quote_literal},
        staging::Staging,
    },
    schema::TableName,
};

/// Partitions that one run makes of a table; more are a slip in the data rather than a delivery.
const PARTITIONS_MAX: usize = 1_000;

/// Bytes of a table's name.
const NAME_BYTES_MAX: usize = 63;

const DOING: &str = "make partitions";

/// A partition that rows need and the table does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) struct Missing {
    pub(in crate::postgres) name: TableName,
    /// Its bounds as the column's type writes them, the upper one excluded.
    from: String,
    to: String,
}

/// What rows some partition of the table takes, as SQL over its columns; `None` where it has no
/// partition.
pub(in crate::postgres) async fn condition(
    client: &Client,
    table: u32,
) -> Result<Option<String>, tokio_postgres::Error> {
    let query = "select case when bool_and(c.def is not null) then '(' || string_agg('(' || c.def || ')', ' or ') || ')' end
        from pg_catalog.pg_partition_tree($1::oid::regclass) t,
          pg_catalog.pg_get_partition_constraintdef(t.relid) as c (def)
        where t.isleaf and t.level > 0";
    client.query_typed_one(query, &[(&table as &(dyn ToSql + Sync), Type::OID)]).await?.try_get(0)
}

/// The partitions that staged rows need; none for a target that makes none. The transaction that
/// is open has dates written, and periods cut, in UTC.
pub(in crate::postgres) async fn missing(
    client: &Client,
    staging: &Staging,
    (target, load): (usize, &LoadTarget),
) -> Result<Vec<Missing>> {
    let Some((column, every)) = made_by(load) else { return Ok(Vec::new()) };
    let failed = |error| database_error(&error, "ask which partitions are missing");
    let taken = condition(client, load.table.oid).await.map_err(failed)?;
    let (unit, suffix) = (every.unit(), every.suffix());
    let name = quote_identifier(&column.column.name);
    let data_type = &column.column.base_type_sql;
    let query = format!(
        "select to_char(p.start, '{suffix}'), p.start::{data_type}::text,
           (p.start + interval '1 {unit}')::{data_type}::text
         from (select distinct date_trunc('{unit}', s.{name}) as start from {} s
           where isfinite(s.{name}) and {} and not coalesce({}, false)) p
         order by p.start limit {}",
        staging.rows(target, load),
        not_rejected(staging, target),
        taken.unwrap_or_else(|| "false".to_owned()),
        PARTITIONS_MAX + 1
    );
    let rows = client.query_typed(&query, &[]).await.map_err(failed)?;
    if rows.len() > PARTITIONS_MAX {
        let what = format!("{} would need more than {PARTITIONS_MAX} partitions", load.table.name);
        return Err(Error::environment(what)
            .hint("reject what is out of range with `minimum` and `maximum`"));
    }
    let missing = rows.iter().map(|row| {
        let suffix: String = row.try_get(0)?;
        Ok(Missing {
            name: name_of(&load.table.name, &suffix),
            from: row.try_get(1)?,
            to: row.try_get(2)?,
        })
    });
    missing.collect::<Result<_, _>>().map_err(failed)
}

/// Makes what is missing, in a transaction of its own; gives the names, per target.
pub(in crate::postgres) async fn make(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
) -> Result<Vec<Vec<String>>> {
    if loads.iter().all(|load| made_by(load).is_none()) {
        return Ok(vec![Vec::new(); loads.len()]);
    }
    let failed = |error| database_error(&error, DOING);
    client.batch_execute(&format!("begin; {TRANSACTION_SETTINGS}")).await.map_err(failed)?;
    let made = make_inside(client, staging, loads).await;
    let ended = client.batch_execute(if made.is_ok() { "commit" } else { "rollback" }).await;
    let made = made?;
    ended.map_err(failed)?;
    Ok(made)
}

/// The same inside a transaction that is open.
pub(in crate::postgres) async fn make_inside(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
) -> Result<Vec<Vec<String>>> {
    let mut made = Vec::with_capacity(loads.len());
    for (target, load) in loads.iter().enumerate() {
        let missing = missing(client, staging, (target, load)).await?;
        for partition in &missing {
            let statements = partition.create(load);
            client.batch_execute(&statements).await.map_err(|error| {
                database_error(&error, DOING).or_hint(
                    "a partition that covers a part of the period, or a table of that name, stands in the way",
                )
            })?;
        }
        made.push(missing.iter().map(|partition| partition.name.to_string()).collect());
    }
    Ok(made)
}

impl Missing {
    /// The parent's own owner owns its partitions. Whoever reads them through the parent needs no
    /// rights on them.
    fn create(&self, load: &LoadTarget) -> String {
        let (table, parent) = (qualified(&self.name), qualified(&load.table.name));
        let (from, to) = (quote_literal(&self.from), quote_literal(&self.to));
        let give = format!(
            "declare command text := (select format('alter table %s owner to %I', {}, pg_get_userbyid(c.relowner))
               from pg_catalog.pg_class c where c.oid = {} and pg_get_userbyid(c.relowner) <> current_user);
             begin if command is not null then execute command; end if; end",
            quote_literal(&table),
            load.table.oid
        );
        let owner = format!("do {}", quote_literal(&give));
        format!(
            "create table {table} (like {parent} including defaults including constraints
               including generated including storage including comments);
             {owner};
             alter table {parent} attach partition {table} for values from ({from}) to ({to})"
        )
    }
}

fn made_by(load: &LoadTarget) -> Option<(&crate::load::LoadColumn, Every)> {
    let range = load.range.as_ref()?;
    Some((&load.columns[range.column], range.every?))
}

/// The parent's name with the period; a long one is cut, so that the period stays.
fn name_of(parent: &TableName, suffix: &str) -> TableName {
    let mut stem = parent.name.clone();
    while stem.len() + suffix.len() > NAME_BYTES_MAX {
        stem.pop();
    }
    TableName { schema: parent.schema.clone(), name: stem + suffix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_period() {
        let name = |name: &str| {
            let table = TableName { schema: "s".to_owned(), name: name.to_owned() };
            name_of(&table, "_2024_10").name
        };
        assert_eq!(name("trades"), "trades_2024_10");
        assert_eq!(name(&"é".repeat(31)).len(), 62);
        assert!(name(&"é".repeat(31)).ends_with("é_2024_10"));
    }
}
