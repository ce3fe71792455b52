//! The staging tables of one run: made, named, and dropped here.
//!
//! A target's staging table is unlogged, lives in schema `longshore_staging`,
//! has the target's own column types (a domain's base type: its checks are
//! judged, not enforced), and one more column, the record's ordinal. It is
//! made from a query over the target, so that types, lengths and collations
//! are the catalog's and key equality is decided as in the target.
//!
//! Beside it stand two small tables per run: `excluded` (records that are not
//! published, with the reason) and `split` (the checkpoints). All are unlogged
//! together: a server crash empties all of them or none.

use tokio_postgres::Client;

use super::{
    session::database_error,
    sql::{qualified, quote_identifier},
};
use crate::{error::Result, load::LoadTarget, run_id::RunId};

/// The column that carries the record's ordinal ([`crate::outcome::Position::ordinal`]).
pub const ORDINAL: &str = "__ordinal";

/// The schema all staging lives in.
pub const SCHEMA: &str = "longshore_staging";

/// The names of one run's staging tables, quoted and qualified.
#[derive(Debug, Clone)]
pub struct Staging {
    /// The run they belong to.
    pub run: RunId,
    prefix: String,
    targets: usize,
}

impl Staging {
    /// The staging of a run with so many targets; nothing is created yet.
    pub fn new(run: &RunId, targets: usize) -> Self {
        Self { run: run.clone(), prefix: run.as_str().to_lowercase(), targets }
    }

    fn table(&self, suffix: &str) -> String {
        format!("{SCHEMA}.{}", quote_identifier(&format!("{}_{suffix}", self.prefix)))
    }

    /// The table COPY writes for a target.
    pub fn copied(&self, target: usize) -> String {
        self.table(&format!("{target}_copied"))
    }

    /// The table with computed columns added; only where a target has some.
    pub fn computed(&self, target: usize) -> String {
        self.table(&format!("{target}_computed"))
    }

    /// The table publishing reads: with computed columns where there are some.
    pub fn rows(&self, target: usize, load: &LoadTarget) -> String {
        if has_computed(load) { self.computed(target) } else { self.copied(target) }
    }

    /// Staged rows with what columns hold that are not loaded; only while constraints are
    /// judged that need such.
    pub fn filled(&self, target: usize) -> String {
        self.table(&format!("{target}_filled"))
    }

    /// The same with generated columns.
    pub fn generated(&self, target: usize) -> String {
        self.table(&format!("{target}_generated"))
    }

    /// What an exclusion constraint compares, of the staged rows.
    pub fn compared(&self, target: usize) -> String {
        self.table(&format!("{target}_compared"))
    }

    /// What would become of each staged row; only while publishing is rehearsed.
    pub fn rehearsed(&self, target: usize) -> String {
        self.table(&format!("{target}_rehearsed"))
    }

    /// What becomes of each staged row of a target that is new or changed.
    pub fn changes(&self, target: usize) -> String {
        self.table(&format!("{target}_changes"))
    }

    /// Records that are not published: `(target, ordinal, kind, code, column_name, message)`, and
    /// who stands against it: another record's ordinal, or the key of a row in the table.
    pub fn excluded(&self) -> String {
        self.table("excluded")
    }

    /// Checkpoints: `(file, split, first_record, records, staged bigint[], rejected bigint[], filtered bigint[])`.
    pub fn splits(&self) -> String {
        self.table("split")
    }

    /// Creates all tables.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the role may not create them.
    pub async fn create(&self, client: &Client, loads: &[LoadTarget]) -> Result<()> {
        let mut script = format!("create schema if not exists {SCHEMA};\n");
        for (target, load) in loads.iter().enumerate() {
            script.push_str(&self.create_copied(target, load));
        }
        script.push_str(&format!(
            "create unlogged table {} (target int not null, ordinal bigint not null, kind text not null,
               code text not null, column_name text not null, message text not null,
               other_ordinal bigint, other_key text[]);
             create unlogged table {} (file int, split int, first_record bigint, records bigint,
               staged bigint[], rejected bigint[], filtered bigint[], primary key (file, split));",
            self.excluded(),
            self.splits()
        ));
        let created = client.batch_execute(&script).await;
        created.map_err(|error| {
            database_error(&error, "create the staging tables")
                .hint("the role needs CREATE on the database, or on the schema longshore_staging")
        })
    }

    fn create_copied(&self, target: usize, load: &LoadTarget) -> String {
        let columns: String = copied_columns(load)
            .map(|column| {
                let name = quote_identifier(&column.column.name);
                // The cast turns a domain into its base type; elsewhere it changes nothing,
                // and a cast would lose the column's collation.
                let is_domain = column.column.type_sql != column.column.base_type_sql;
                let cast = if is_domain {
                    format!("::{}", column.column.base_type_sql)
                } else {
                    String::new()
                };
                format!(", t.{name}{cast} as {name}")
            })
            .collect();
        format!(
            "create unlogged table {} with (autovacuum_enabled = false) as
               select null::bigint as {ORDINAL}{columns} from {} t with no data;\n",
            self.copied(target),
            qualified(&load.table.name)
        )
    }

    /// The COPY statement for a target.
    pub fn copy_statement(&self, target: usize, load: &LoadTarget) -> String {
        let columns: String = copied_columns(load)
            .map(|column| format!(", {}", quote_identifier(&column.column.name)))
            .collect();
        format!("copy {} ({ORDINAL}{columns}) from stdin (format binary)", self.copied(target))
    }

    /// Drops everything the run staged; what is not there is not missed.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses.
    pub async fn drop(&self, client: &Client) -> Result<()> {
        let mut tables = vec![self.excluded(), self.splits()];
        for target in 0..self.targets {
            tables.extend([self.copied(target), self.computed(target), self.changes(target)]);
            tables.extend([self.filled(target), self.generated(target), self.compared(target)]);
        }
        let dropped =
            client.batch_execute(&format!("drop table if exists {}", tables.join(", "))).await;
        dropped.map_err(|error| database_error(&error, "drop the staging tables"))
    }
}

/// Whether a target has columns that SQL computes.
pub fn has_computed(load: &LoadTarget) -> bool {
    load.columns.iter().any(|column| column.computed.is_some())
}

fn copied_columns(load: &LoadTarget) -> impl Iterator<Item = &crate::load::LoadColumn> {
    load.columns.iter().filter(|column| column.computed.is_none())
}
