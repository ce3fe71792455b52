//! Tells new rows from changed and unchanged ones by one join, and writes them.

use tokio_postgres::Client;

use super::{
    sql::{qualified, quote_identifier},
    staging::{ORDINAL, Staging},
};
use crate::{
    definition::WriteMode,
    load::{LoadColumn, LoadTarget},
    schema::{Generated, PgType},
};

/// Counts of rows by what happens to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
}

/// Classifies and writes the rows of one target, inside the publishing transaction.
pub(super) struct Classifier<'a> {
    pub(super) client: &'a Client,
    pub(super) staging: &'a Staging,
    pub(super) target: usize,
    pub(super) load: &'a LoadTarget,
    /// Whether any staged row of the run is not to be published.
    pub(super) any_excluded: bool,
}

type Counted = Result<Changes, tokio_postgres::Error>;

impl Classifier<'_> {
    /// What is to happen; rows that are new or changed are noted in `changes`.
    pub(super) async fn classify(&self) -> Counted {
        let everything_is_new =
            self.load.mode == WriteMode::Append || self.target_is_empty().await?;
        if everything_is_new {
            let query =
                format!("select count(*) from {} s where {}", self.rows(), self.publishable());
            return Ok(Changes { inserted: self.count(&query).await?, ..Changes::default() });
        }
        self.client.batch_execute(&self.create_changes()).await?;
        let changes = self.staging.changes(self.target);
        let of_kind = |kind: &str| format!("select count(*) from {changes} where kind = '{kind}'");
        Ok(Changes {
            inserted: self.count(&of_kind("new")).await?,
            updated: self.count(&of_kind("changed")).await?,
            unchanged: self.count(&of_kind("same")).await?,
        })
    }

    /// Updates the rows that differ and inserts the new ones.
    pub(super) async fn apply(&self, planned: &Changes) -> Counted {
        let was_classified = planned.updated + planned.unchanged > 0;
        let updated = if planned.updated > 0 {
            self.client.execute_typed(&self.update(), &[]).await?
        } else {
            0
        };
        let inserted = match planned.inserted {
            0 => 0,
            _ => self.client.execute_typed(&self.insert(was_classified), &[]).await?,
        };
        Ok(Changes { inserted, updated, unchanged: 0 })
    }

    async fn target_is_empty(&self) -> Result<bool, tokio_postgres::Error> {
        let query = format!("select not exists (select from {})", qualified(&self.load.table.name));
        Ok(self.client.query_typed_one(&query, &[]).await?.get(0))
    }

    async fn count(&self, query: &str) -> Result<u64, tokio_postgres::Error> {
        Ok(self.client.query_typed_one(query, &[]).await?.get::<_, i64>(0).cast_unsigned())
    }

    fn rows(&self) -> String {
        self.staging.rows(self.target, self.load)
    }

    /// The condition that row `s` is published to this target.
    fn publishable(&self) -> String {
        if !self.any_excluded {
            return "true".to_owned();
        }
        format!(
            "not exists (select from {} e where e.ordinal = s.{ORDINAL} and (e.kind = 'rejected' or e.target = {}))",
            self.staging.excluded(),
            self.target
        )
    }

    fn create_changes(&self) -> String {
        let changed = match self.load.mode {
            WriteMode::Upsert => self.differs(),
            WriteMode::Insert | WriteMode::Append => "false".to_owned(),
        };
        let table = self.staging.changes(self.target);
        format!(
            "drop table if exists {table};
             create unlogged table {table} with (autovacuum_enabled = false) as
               select s.{ORDINAL} as ordinal,
                 case when t.tableoid is null then 'new' when {changed} then 'changed' else 'same' end as kind
               from {} s left join {} t on {} where {};
             analyze {table}",
            self.rows(),
            qualified(&self.load.table.name),
            self.same_key(),
            self.publishable()
        )
    }

    fn same_key(&self) -> String {
        let equal = |&index: &usize| {
            let name = quote_identifier(&self.load.columns[index].column.name);
            format!("t.{name} = s.{name}")
        };
        self.load.key.iter().map(equal).collect::<Vec<_>>().join(" and ")
    }

    /// The columns an update writes: all but the key.
    fn updated_columns(&self) -> impl Iterator<Item = &LoadColumn> {
        let columns = self.load.columns.iter().enumerate();
        columns.filter(|(index, _)| !self.load.key.contains(index)).map(|(_, column)| column)
    }

    fn differs(&self) -> String {
        let differences: Vec<String> = self.updated_columns().map(difference).collect();
        if differences.is_empty() {
            "false".to_owned()
        } else {
            format!("({})", differences.join(" or "))
        }
    }

    fn update(&self) -> String {
        let assignments: Vec<String> = self
            .updated_columns()
            .map(|column| {
                let name = quote_identifier(&column.column.name);
                format!("{name} = s.{name}")
            })
            .collect();
        format!(
            "update {} t set {} from {} s join {} c on c.ordinal = s.{ORDINAL} and c.kind = 'changed' where {}",
            qualified(&self.load.table.name),
            assignments.join(", "),
            self.rows(),
            self.staging.changes(self.target),
            self.same_key()
        )
    }

    fn insert(&self, was_classified: bool) -> String {
        let names: Vec<String> =
            self.load.columns.iter().map(|c| quote_identifier(&c.column.name)).collect();
        let values: Vec<String> = names.iter().map(|name| format!("s.{name}")).collect();
        let identity =
            self.load.columns.iter().any(|c| c.column.generated == Generated::IdentityAlways);
        let overriding = if identity { " overriding system value" } else { "" };
        let source = if was_classified {
            let changes = self.staging.changes(self.target);
            format!(
                "{} s join {changes} c on c.ordinal = s.{ORDINAL} and c.kind = 'new'",
                self.rows()
            )
        } else {
            format!("{} s where {}", self.rows(), self.publishable())
        };
        format!(
            "insert into {} ({}){overriding} select {} from {source} order by s.{ORDINAL}",
            qualified(&self.load.table.name),
            names.join(", "),
            values.join(", ")
        )
    }
}

/// Whether a column differs between target `t` and staged `s`. Types whose `=` is missing or
/// calls different values equal (citext's case, json, geometry) are compared by content.
fn difference(column: &LoadColumn) -> String {
    let name = quote_identifier(&column.column.name);
    let cast = match &column.column.pg_type {
        PgType::Geometry(_) | PgType::Geography(_) => "::bytea",
        PgType::Json | PgType::Citext | PgType::Array { .. } => "::text",
        PgType::Text if column.column.base_type_sql == "xml" => "::text",
        _ => "",
    };
    format!("t.{name}{cast} is distinct from s.{name}{cast}")
}
