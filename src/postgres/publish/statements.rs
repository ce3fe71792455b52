//! The SQL that modes are put together from: staged rows `s`, the target's rows `t`,
//! and what is noted of them, `c`.

use super::changes::Kind;
use crate::{
    load::{LoadColumn, LoadTarget},
    postgres::{
        sql::{own_rows, qualified, quote_identifier, same_key},
        staging::{ORDINAL, Staging},
    },
    schema::{Generated, PgType},
};

/// One target, as SQL speaks of it.
pub(super) struct Statements<'a> {
    pub(super) staging: &'a Staging,
    pub(super) target: usize,
    pub(super) load: &'a LoadTarget,
    /// Whether any staged row of the run is not to be published.
    pub(super) any_excluded: bool,
}

impl Statements<'_> {
    /// The target's table.
    pub(super) fn table(&self) -> String {
        qualified(&self.load.table.name)
    }

    /// The target's table as it is read, updated and deleted from.
    pub(super) fn own_rows(&self) -> String {
        own_rows(&self.load.table)
    }

    /// The table that holds its staged rows.
    pub(super) fn rows(&self) -> String {
        self.staging.rows(self.target, self.load)
    }

    /// The table that notes what is to happen to each row.
    pub(super) fn changes(&self) -> String {
        self.staging.changes(self.target)
    }

    /// The condition that row `s` is published to this target.
    pub(super) fn publishable(&self) -> String {
        if !self.any_excluded {
            return "true".to_owned();
        }
        format!(
            "not exists (select from {} e where e.ordinal = s.{ORDINAL} and (e.kind = 'rejected' or e.target = {}))",
            self.staging.excluded(),
            self.target
        )
    }

    /// The condition that `s` and `t` are the same row.
    pub(super) fn same_key(&self) -> String {
        same_key(self.load, "t", "s")
    }

    /// The condition that `s` brings `t` something new.
    pub(super) fn differs(&self) -> String {
        let differences: Vec<String> = self.updated_columns().map(difference).collect();
        if differences.is_empty() {
            "false".to_owned()
        } else {
            format!("({})", differences.join(" or "))
        }
    }

    /// The columns an update writes: all but the key.
    fn updated_columns(&self) -> impl Iterator<Item = &LoadColumn> {
        let columns = self.load.columns.iter().enumerate();
        columns.filter(|(index, _)| !self.load.key.contains(index)).map(|(_, column)| column)
    }

    /// The kinds of staged rows: new where the key is unknown, else changed where `changed` says so.
    pub(super) fn classify_by_key(&self, changed: &str) -> String {
        format!(
            "select case when t.tableoid is null then 'new' when {changed} then 'changed' else 'same' end as kind,
               s.{ORDINAL} as ordinal, t.tableoid as table_oid, t.ctid as row_id
             from {} s left join {} t on {} where {}",
            self.rows(),
            self.own_rows(),
            self.same_key(),
            self.publishable()
        )
    }

    /// Updates the rows that are noted as changed.
    pub(super) fn update(&self) -> String {
        let assignments: Vec<String> = self
            .updated_columns()
            .map(|column| {
                let name = quote_identifier(&column.column.name);
                format!("{name} = s.{name}")
            })
            .collect();
        format!(
            "update {} t set {} from {} s join {} c on c.ordinal = s.{ORDINAL} and c.kind = '{}' where {}",
            self.own_rows(),
            assignments.join(", "),
            self.rows(),
            self.changes(),
            Kind::Changed.word(),
            self.same_key()
        )
    }

    /// Inserts the rows that are noted as new.
    pub(super) fn insert_new(&self) -> String {
        let (rows, changes) = (self.rows(), self.changes());
        let new = Kind::New.word();
        self.insert_from(&format!(
            "{rows} s join {changes} c on c.ordinal = s.{ORDINAL} and c.kind = '{new}'"
        ))
    }

    /// Inserts every row that is published.
    pub(super) fn insert_all(&self) -> String {
        self.insert_from(&format!("{} s where {}", self.rows(), self.publishable()))
    }

    fn insert_from(&self, source: &str) -> String {
        let names: Vec<String> =
            self.load.columns.iter().map(|c| quote_identifier(&c.column.name)).collect();
        let values: Vec<String> = names.iter().map(|name| format!("s.{name}")).collect();
        let identity =
            self.load.columns.iter().any(|c| c.column.generated == Generated::IdentityAlways);
        let overriding = if identity { " overriding system value" } else { "" };
        format!(
            "insert into {} ({}){overriding} select {} from {source} order by {}",
            self.table(),
            names.join(", "),
            values.join(", "),
            self.insert_order()
        )
    }

    /// In the order of the key, which an index takes in half the time (`benches/RESULTS.md`);
    /// where the database draws values for the rows, they follow the source.
    fn insert_order(&self) -> String {
        let draws_values = self.load.table.columns.iter().any(|column| {
            let loaded = |c: &LoadColumn| c.column.name == column.name;
            let identity = matches!(
                column.generated,
                Generated::IdentityAlways | Generated::IdentityByDefault
            );
            (column.has_default || identity) && !self.load.columns.iter().any(loaded)
        });
        if draws_values || self.load.key.is_empty() {
            return format!("s.{ORDINAL}");
        }
        let column = |&index: &usize| {
            format!("s.{}", quote_identifier(&self.load.columns[index].column.name))
        };
        self.load.key.iter().map(column).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a column differs between target `t` and staged `s`. Types whose `=` is missing or
/// calls different values equal (citext's case, json, geometry) are compared by content.
fn difference(column: &LoadColumn) -> String {
    let name = quote_identifier(&column.column.name);
    let cast = match &column.column.pg_type {
        PgType::Geometry(_) | PgType::Geography(_) => "::bytea",
        PgType::Json | PgType::Citext | PgType::Array { .. } => "::text",
        _ => "",
    };
    format!("t.{name}{cast} is distinct from s.{name}{cast}")
}
