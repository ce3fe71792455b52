//! Staged rows as they will be in the table: with the columns that are not loaded.
//!
//! A constraint may need such: a default for a new row, what the row that is there holds, a
//! generated column. Only then are staged rows copied with them. A default that would differ
//! each time (a sequence, a random value) is not known before it is written; constraints that
//! need one show in the rehearsal.

use super::{Failing, GENERATED, Judge, can_be_evaluated, not_rejected};
use crate::{
    error::Result,
    load::{LoadMode, LoadTarget},
    postgres::sql::{own_rows, quote_identifier, same_key},
    schema::{Column, Fill},
};

impl Judge<'_> {
    /// The table to judge a constraint over that needs these columns; `None` where one is not
    /// known before it is written.
    pub(super) fn with_columns(&self, uses: &[String]) -> Option<String> {
        if uses.iter().any(|name| merges(self.load, name)) {
            None
        } else if loads_all(self.load, uses) {
            Some(self.rows())
        } else if uses.iter().all(|name| is_known(self.load, name)) {
            Some(self.filled())
        } else {
            None
        }
    }

    fn filled(&self) -> String {
        match generated(self.load).next() {
            Some(_) => self.staging.generated(self.target),
            None => self.staging.filled(self.target),
        }
    }

    /// Makes the table with columns that are not loaded, where a constraint needs one.
    pub(super) async fn fill(&self) -> Result<()> {
        let needed = constraints(self.load).any(|uses| !loads_all(self.load, uses));
        let generates = generated(self.load).next().is_some();
        if !needed && !generates {
            return Ok(());
        }
        self.execute(&self.create_filled(), "fill in columns that are not loaded").await?;
        if generates { self.generate().await } else { Ok(()) }
    }

    fn create_filled(&self) -> String {
        let values: String = self
            .load
            .table
            .columns
            .iter()
            .filter(|column| !loads(self.load, &column.name) && !is_generated(self.load, column))
            .map(|column| self.value(column))
            .collect();
        let join = match self.finds_rows() {
            true => {
                let (table, key) = (own_rows(&self.load.table), same_key(self.load, "t", "s"));
                format!(" left join {table} t on {key}")
            }
            false => String::new(),
        };
        format!(
            "drop table if exists {0}; create unlogged table {0} with (autovacuum_enabled = false) as select s.*{values} from {1} s{join} where {2}",
            self.staging.filled(self.target),
            self.rows(),
            not_rejected(self.staging)
        )
    }

    /// Whether rows that are there keep what is not loaded.
    fn finds_rows(&self) -> bool {
        self.load.mode != LoadMode::Append && !self.load.key.is_empty()
    }

    fn value(&self, column: &Column) -> String {
        let name = quote_identifier(&column.name);
        let fill = fill(self.load, &column.name).and_then(|fill| fill.sql.as_deref());
        let default = format!("({})::{}", fill.unwrap_or("null"), column.base_type_sql);
        match self.finds_rows() {
            true => format!(
                ", case when t.tableoid is null then {default} else t.{name}::{} end as {name}",
                column.base_type_sql
            ),
            false => format!(", {default} as {name}"),
        }
    }

    /// Computes generated columns; a record for which one fails could not be written.
    async fn generate(&self) -> Result<()> {
        let filled = self.staging.filled(self.target);
        for fill in generated(self.load) {
            let sql = format!("({})", fill.sql.as_deref().unwrap_or("null"));
            let what = format!("the generated column `{}`", fill.column);
            let failing = Failing {
                rows: &filled,
                code: GENERATED,
                column: &fill.column,
                what: &what,
                doing: "compute generated columns",
            };
            let evaluate = format!(
                "select count({sql}) from {filled} s where {}",
                can_be_evaluated(self.staging)
            );
            self.run_or_find_offenders(&evaluate, &sql, &failing).await?;
        }
        let columns: String = generated(self.load)
            .map(|fill| {
                let sql = fill.sql.as_deref().unwrap_or("null");
                format!(", ({sql}) as {}", quote_identifier(&fill.column))
            })
            .collect();
        // Without `offset` the columns might be computed for rows that are left out.
        let create = format!(
            "drop table if exists {0};
             create unlogged table {0} with (autovacuum_enabled = false) as
               select s.*{columns} from (select * from {filled} s where {1} offset 0) s",
            self.staging.generated(self.target),
            can_be_evaluated(self.staging)
        );
        self.execute(&create, "compute generated columns").await?;
        Ok(())
    }
}

/// Whether a constraint needs what is known only when it is written.
pub(in crate::postgres) fn has_unknown(load: &LoadTarget) -> bool {
    let names = || constraints(load).flatten();
    names().any(|name| !is_known(load, name) && !is_modes_own(load, name))
}

/// The columns that each constraint needs.
fn constraints(load: &LoadTarget) -> impl Iterator<Item = &Vec<String>> {
    let table = &load.table;
    let checks = table.checks.iter().map(|check| &check.uses);
    let unique = table.unique_keys.iter().map(|unique| &unique.uses);
    let foreign = table.foreign_keys.iter().map(|key| &key.columns);
    checks.chain(unique).chain(foreign).chain(table.exclusions.iter().map(|one| &one.uses))
}

fn is_known(load: &LoadTarget, name: &str) -> bool {
    if merges(load, name) {
        return false;
    }
    if loads(load, name) {
        return true;
    }
    if is_modes_own(load, name) {
        return false;
    }
    match fill(load, name) {
        Some(fill) if fill.generated => fill.uses.iter().all(|name| is_known(load, name)),
        Some(fill) => fill.sql.is_some(),
        // An identity or a domain's default.
        None => load.table.column(name).is_some_and(|column| !column.has_default),
    }
}

/// Whether what a column will hold depends on what it holds: only writing it shows.
fn merges(load: &LoadTarget, name: &str) -> bool {
    load.columns.iter().any(|column| column.merges && column.column.name == name)
}

/// Columns that the mode fills by itself (a history's ends, a mark of deletion), and keeps to
/// what constraints ask of them.
fn is_modes_own(load: &LoadTarget, name: &str) -> bool {
    match &load.mode {
        LoadMode::History(validity) => {
            validity.valid_to == name || validity.current.as_deref() == Some(name)
        }
        LoadMode::Mirror { soft: Some(soft), .. } => soft.column.name == name,
        _ => false,
    }
}

/// The generated columns that can be computed before they are written.
fn generated(load: &LoadTarget) -> impl Iterator<Item = &Fill> {
    let known = |fill: &&Fill| fill.generated && is_known(load, &fill.column);
    load.table.fills.iter().filter(known)
}

fn is_generated(load: &LoadTarget, column: &Column) -> bool {
    fill(load, &column.name).is_some_and(|fill| fill.generated)
}

fn fill<'l>(load: &'l LoadTarget, name: &str) -> Option<&'l Fill> {
    load.table.fills.iter().find(|fill| fill.column == name)
}

fn loads(load: &LoadTarget, name: &str) -> bool {
    load.columns.iter().any(|column| column.column.name == name)
}

/// Whether the run brings all of these columns.
pub(super) fn loads_all(load: &LoadTarget, names: &[String]) -> bool {
    names.iter().all(|name| loads(load, name))
}
