//! One target, then and now: which of the rows that a run wrote are still as it left them.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{
    KeptTarget, Written,
    attributes::{Attribute, attributes},
    kept::{Kept, Writers},
    references::in_use,
    rows::Rows,
};
use crate::{
    error::{Error, Result},
    postgres::{session::database_error, sql::qualified},
    schema::TableName,
};

/// One target of an undo: its rows `t`, and the rows `i` that the run replaced.
pub struct TargetUndo {
    /// Its name now.
    pub table: TableName,
    pub(super) written: Written,
    pub(super) image: Option<String>,
    rows: Rows,
    /// The columns that are given back.
    columns: Vec<Attribute>,
    /// The condition that a row somebody wrote since refers to `t`.
    in_use: String,
}

/// How many rows of a target can be given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Rows that go again.
    pub(super) inserted: u64,
    /// Rows that are updated back.
    pub(super) updated: u64,
    /// Rows that come back.
    pub(super) deleted: u64,
}

impl TargetUndo {
    /// Finds the tables of a run and their columns again.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when a table is gone, its columns have changed, or the server
    /// refuses.
    pub(super) async fn bind_all(client: &Client, kept: &Kept) -> Result<Vec<Self>> {
        let mut targets = Vec::with_capacity(kept.targets.len());
        for target in &kept.targets {
            targets.push(Self::bind(client, &kept.writers, target).await?);
        }
        let rows: Vec<&Rows> = targets.iter().map(|target| &target.rows).collect();
        let mut conditions = Vec::with_capacity(targets.len());
        for target in &targets {
            let condition = in_use(client, target.rows.table_oid, &rows, &kept.writers).await;
            conditions.push(condition.map_err(not_found)?);
        }
        for (target, condition) in targets.iter_mut().zip(conditions) {
            target.in_use = condition;
        }
        Ok(targets)
    }

    async fn bind(client: &Client, writers: &Writers, target: &KeptTarget) -> Result<Self> {
        let table = name_now(client, target.table_oid).await.map_err(not_found)?;
        let table = table.ok_or_else(|| changed(&target.table, "the table is gone"))?;
        let now = attributes(client, target.table_oid).await.map_err(not_found)?;
        let find = |number: &i16| now.iter().find(|attribute| attribute.number == *number).cloned();
        let columns: Vec<_> = target.columns.iter().filter_map(find).collect();
        let types = columns.iter().map(|column| column.data_type.as_str());
        if !types.eq(target.types.iter().map(String::as_str)) {
            return Err(changed(&table, "its columns have changed since"));
        }
        let key = target.key.iter().filter_map(find).collect();
        let rows = Rows::read(client, writers, target, key).await.map_err(not_found)?;
        let (written, image) = (target.written, target.image.clone());
        Ok(Self { table, written, image, rows, columns, in_use: String::new() })
    }

    /// The table, quoted.
    pub(super) fn name(&self) -> String {
        qualified(&self.table)
    }

    fn same_key(&self) -> String {
        self.rows.same_key("t")
    }

    fn untouched(&self) -> String {
        self.rows.untouched("t")
    }

    /// The condition that row `t` was inserted by the run, and touched by nobody since.
    fn inserted(&self) -> String {
        match &self.image {
            Some(image) if self.written.updated > 0 => format!(
                "{} and not exists (select from {image} i where not i.deleted and {})",
                self.untouched(),
                self.same_key()
            ),
            _ => self.untouched(),
        }
    }

    /// Counts what can be given back.
    pub(super) async fn compare(&self, client: &Client) -> Result<Comparison> {
        let failed = |error| database_error(&error, "compare the tables with what the run wrote");
        let query = format!(
            "select count(*), count(*) filter (where not ({})) from {} t where {}",
            self.in_use,
            self.name(),
            self.inserted()
        );
        let row = client.query_typed_one(&query, &[]).await.map_err(failed)?;
        let (found, inserted) = (count(&row, 0).map_err(failed)?, count(&row, 1).map_err(failed)?);
        if found > self.written.inserted {
            let what = format!(
                "{}: {found} rows were inserted together with the run, which inserted {}",
                self.table, self.written.inserted
            );
            return Err(Error::environment(what)
                .hint("a trigger wrote rows of its own; they cannot be told apart"));
        }
        let Some(image) = &self.image else {
            return Ok(Comparison { inserted, ..Comparison::default() });
        };
        let query = if !self.rows.have_key() {
            format!("select 0::bigint, count(*) from {image} i where i.deleted")
        } else {
            format!(
                "select count(*) filter (where not i.deleted and {}),
                   count(*) filter (where i.deleted and t.tableoid is null)
                 from {image} i left join {} t on {}",
                self.untouched(),
                self.name(),
                self.same_key()
            )
        };
        let row = client.query_typed_one(&query, &[]).await.map_err(failed)?;
        let (updated, deleted) = (count(&row, 0).map_err(failed)?, count(&row, 1).map_err(failed)?);
        Ok(Comparison { inserted, updated, deleted })
    }

    /// Deletes the rows that the run inserted.
    pub(super) fn delete_inserted(&self) -> String {
        format!("delete from {} t where {} and not ({})", self.name(), self.inserted(), self.in_use)
    }

    /// Updates the rows that the run updated back to what they were.
    pub(super) fn update_back(&self) -> Option<String> {
        let image = self.image.as_ref()?;
        let keyed =
            |column: &&Attribute| self.rows.key.iter().any(|key| key.number == column.number);
        let set: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !column.always_identity && !keyed(column))
            .map(|column| format!("{} = i.{}", column.name, column.in_image()))
            .collect();
        Some(format!(
            "update {} t set {} from {image} i where not i.deleted and {} and {}",
            self.name(),
            set.join(", "),
            self.same_key(),
            self.untouched()
        ))
    }

    /// The query of the rows to update back, and the statement for one of them, `$1`.
    pub(super) fn update_one_back(&self) -> Option<(String, String)> {
        let image = self.image.as_ref()?;
        let rows = format!("select i.ctid from {image} i where not i.deleted");
        Some((rows, format!("{} and i.ctid = $1", self.update_back()?)))
    }

    /// Inserts the rows that the run deleted.
    pub(super) fn insert_deleted(&self) -> Option<String> {
        let image = self.image.as_ref()?;
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<String> =
            self.columns.iter().map(|column| format!("i.{}", column.in_image())).collect();
        let absent = if !self.rows.have_key() {
            "true".to_owned()
        } else {
            format!("not exists (select from {} t where {})", self.name(), self.same_key())
        };
        Some(format!(
            "insert into {} ({}) overriding system value select {} from {image} i where i.deleted and {absent}",
            self.name(),
            names.join(", "),
            values.join(", ")
        ))
    }
}

fn not_found(error: tokio_postgres::Error) -> Error {
    database_error(&error, "find the tables of the run again")
}

fn count(row: &tokio_postgres::Row, column: usize) -> Result<u64, tokio_postgres::Error> {
    row.try_get::<_, i64>(column).map(i64::cast_unsigned)
}

fn changed(table: &TableName, what: &str) -> Error {
    Error::environment(format!("{table}: {what}; nothing is undone"))
        .hint("what the run replaced stays in schema longshore_undo until its time is over")
}

async fn name_now(
    client: &Client,
    table_oid: u32,
) -> Result<Option<TableName>, tokio_postgres::Error> {
    let query = "select n.nspname::text, c.relname::text from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $1";
    let row = client.query_typed_opt(query, &[(&table_oid, Type::OID)]).await?;
    row.map(|row| Ok(TableName { schema: row.try_get(0)?, name: row.try_get(1)? })).transpose()
}
