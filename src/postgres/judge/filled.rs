//! Staged rows as they will be in the table: with the columns that are not loaded.
//!
//! A constraint may need such: a default for a new row, what the row that is there holds, a
//! generated column. Only then are staged rows copied with them. A default that would differ
//! each time (a sequence, a random value) is not known before it is written; constraints that
//! need one show in the rehearsal. When a history's versions end is known once it is known what
//! becomes of each row; a mark of deletion is the one that rows have which are not deleted.

use super::{
    Failing, GENERATED, Judge, Outlook, can_be_evaluated,
    exclusive::{Exclusive, is_numbered},
    not_rejected,
};
use crate::{
    error::Result,
    load::{LoadMode, LoadTarget},
    postgres::{
        publish::{deleted_value, present_value},
        sql::{own_rows, quote_identifier, same_key},
        staging::ORDINAL,
    },
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
        } else if uses.iter().all(|name| self.knows(name)) {
            Some(self.filled())
        } else {
            None
        }
    }

    fn knows(&self, name: &str) -> bool {
        is_known(self.load, name, self.outlook == Outlook::Noted)
    }

    /// The generated columns that can be computed before they are written.
    fn generated(&self) -> impl Iterator<Item = &Fill> {
        let known = |fill: &&Fill| fill.generated && self.knows(&fill.column);
        self.load.table.fills.iter().filter(known)
    }

    /// Whether a constraint needs to know when versions of a history end.
    pub(super) fn needs_ends(&self) -> bool {
        constraints(self.load).any(|uses| self.needs_end(uses))
    }

    pub(super) fn needs_end(&self, uses: &[String]) -> bool {
        let is_end = |name: &String| is_end(self.load, name);
        uses.iter().any(|name| {
            is_end(name)
                || fill(self.load, name)
                    .is_some_and(|fill| fill.generated && fill.uses.iter().any(is_end))
        })
    }

    /// Whether anything can be judged only when it is known what becomes of rows.
    pub(super) fn needs_outlook(&self) -> bool {
        !Exclusive::all(self.load).is_empty() || self.needs_ends()
    }

    /// The columns that the mode sets of rows of the table that it keeps, and their values;
    /// `c` is what is noted of a row.
    pub(super) fn marks(&self) -> Vec<(&str, String)> {
        match &self.load.mode {
            LoadMode::History(validity) => {
                let current =
                    validity.current.as_deref().map(|name| (name, "c.is_current".to_owned()));
                std::iter::once((validity.valid_to.as_str(), "c.valid_to".to_owned()))
                    .chain(current)
                    .collect()
            }
            LoadMode::Mirror { soft: Some(soft), .. } => {
                vec![(soft.column.name.as_str(), deleted_value(soft))]
            }
            _ => Vec::new(),
        }
    }

    /// Whether a column is generated from one of those.
    pub(super) fn is_generated_of_marks(&self, column: &Column) -> bool {
        let is_marked = |name: &String| self.marks().iter().any(|(marked, _)| marked == name);
        fill(self.load, &column.name)
            .is_some_and(|fill| fill.generated && fill.uses.iter().any(is_marked))
    }

    fn filled(&self) -> String {
        match self.generated().next() {
            Some(_) => self.staging.generated(self.target),
            None => self.staging.filled(self.target),
        }
    }

    /// Makes the table with columns that are not loaded, where a constraint needs one.
    pub(super) async fn fill(&self) -> Result<()> {
        let indexes = self.load.table.indexes.iter().map(|index| &index.uses);
        let mut all = constraints(self.load).chain(indexes);
        let needed = all.any(|uses| !loads_all(self.load, uses));
        let generates = self.generated().next().is_some();
        if !needed && !generates {
            return Ok(());
        }
        let within = if self.finds_rows() { self.within().await? } else { String::new() };
        let create = self.create_filled(&within);
        self.execute(&create, "fill in columns that are not loaded").await?;
        if generates { self.generate().await } else { Ok(()) }
    }

    fn create_filled(&self, within: &str) -> String {
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
                format!(" left join {table} t on {key} and {within}")
            }
            false => String::new(),
        };
        let noted = match self.knows_ends() {
            true => format!(
                " join {} c on c.ordinal = s.{ORDINAL} and c.kind in ('new', 'changed', 'shifted', 'version')",
                self.staging.changes(self.target)
            ),
            false => String::new(),
        };
        format!(
            "drop table if exists {0}; create unlogged table {0} with (autovacuum_enabled = false) as select s.*{values} from {1} s{join}{noted} where {2}",
            self.staging.filled(self.target),
            self.rows(),
            not_rejected(self.staging, self.target)
        )
    }

    fn knows_ends(&self) -> bool {
        self.outlook == Outlook::Noted && matches!(self.load.mode, LoadMode::History(_))
    }

    /// Whether rows that are there keep what is not loaded.
    fn finds_rows(&self) -> bool {
        self.load.mode != LoadMode::Append && !self.load.key.is_empty()
    }

    fn value(&self, column: &Column) -> String {
        let name = quote_identifier(&column.name);
        if let LoadMode::Mirror { soft: Some(soft), .. } = &self.load.mode
            && soft.column.name == column.name
        {
            return format!(", ({})::{} as {name}", present_value(soft), column.base_type_sql);
        }
        let mut marks = self.marks().into_iter();
        if let (true, Some((_, value))) =
            (self.knows_ends(), marks.find(|(marked, _)| *marked == column.name))
        {
            return format!(", {value} as {name}");
        }
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

    /// A generated column as one more column, of the row whose names it has.
    pub(super) fn generated_column(&self, name: &str) -> String {
        let sql = fill(self.load, name).and_then(|fill| fill.sql.as_deref()).unwrap_or("null");
        format!(", ({sql}) as {}", quote_identifier(name))
    }

    /// Computes generated columns; a record for which one fails could not be written.
    async fn generate(&self) -> Result<()> {
        let filled = self.staging.filled(self.target);
        for fill in self.generated() {
            let sql = format!("({})", fill.sql.as_deref().unwrap_or("null"));
            let what = format!("the generated column `{}`", fill.column);
            let failing = Failing {
                rows: &filled,
                among: "true",
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
        let columns: String =
            self.generated().map(|fill| self.generated_column(&fill.column)).collect();
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
    let indexes = load.table.indexes.iter().map(|index| &index.uses);
    constraints(load).chain(indexes).flatten().any(|name| !is_known(load, name, true))
}

/// The columns that each constraint needs.
fn constraints(load: &LoadTarget) -> impl Iterator<Item = &Vec<String>> {
    let table = &load.table;
    let checks = table.checks.iter().map(|check| &check.uses);
    let unique = table.unique_keys.iter().filter(|unique| !is_numbered(load, unique));
    let unique = unique.map(|unique| &unique.uses);
    let foreign = table.foreign_keys.iter().map(|key| &key.columns);
    checks.chain(unique).chain(foreign).chain(table.exclusions.iter().map(|one| &one.uses))
}

/// `ends` tells whether it is known when versions of a history end.
fn is_known(load: &LoadTarget, name: &str, ends: bool) -> bool {
    if merges(load, name) {
        return false;
    }
    if loads(load, name) {
        return true;
    }
    if is_end(load, name) {
        return ends;
    }
    if matches!(&load.mode, LoadMode::Mirror { soft: Some(soft), .. } if soft.column.name == name) {
        return true;
    }
    match fill(load, name) {
        Some(fill) if fill.generated => fill.uses.iter().all(|name| is_known(load, name, ends)),
        Some(fill) => fill.sql.is_some(),
        // An identity or a domain's default.
        None => load.table.column(name).is_some_and(|column| !column.has_default),
    }
}

/// Whether what a column will hold depends on what it holds: only writing it shows.
fn merges(load: &LoadTarget, name: &str) -> bool {
    load.columns.iter().any(|column| column.merges && column.column.name == name)
}

/// Columns that a history fills by itself.
fn is_end(load: &LoadTarget, name: &str) -> bool {
    match &load.mode {
        LoadMode::History(validity) => {
            validity.valid_to == name || validity.current.as_deref() == Some(name)
        }
        _ => false,
    }
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
