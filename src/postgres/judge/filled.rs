//! Staged rows as they will be in the table: with the columns that are not loaded.
//!
//! A constraint may need such: a default for a new row, what the row that is there holds, a
//! generated column. They are added to staged rows as these are read; only where one is generated,
//! or finding the rows that are there goes by partitions, rows are copied with them, once for all
//! constraints. A default that would differ each time (a sequence, a random value) is not known
//! before it is written; constraints that need one show in the rehearsal. When a history's versions end is known once it is known what
//! becomes of each row; a mark of deletion is the one that rows have which are not deleted.

use super::{
    Failing, GENERATED, Judge, Outlook, Rows, can_be_evaluated,
    exclusive::{Exclusive, is_numbered},
    failed,
    rows::Added,
};
use crate::{
    error::Result,
    load::{LoadMode, LoadTarget},
    postgres::{
        publish::{deleted_value, present_value},
        sql::{own_rows, quote_identifier, same_key},
        staging::ORDINAL,
    },
    schema::{Column, Fill, ForeignKey},
};

impl Judge<'_> {
    /// The rows to judge a constraint over that needs these columns; `None` where one is not
    /// known before it is written.
    pub(super) fn with_columns(&self, uses: &[String]) -> Option<Rows> {
        if uses.iter().any(|name| merges(self.load, name)) {
            None
        } else if loads_all(self.load, uses) {
            Some(self.own_rows())
        } else if !uses.iter().all(|name| self.knows(name)) {
            None
        } else if self.needs_copy(uses) {
            Some(Rows::stored(self.filled()))
        } else {
            let lacking = |column: &&Column| uses.contains(&column.name);
            let values = self.not_loaded().filter(lacking).map(|it| self.value(it)).collect();
            let added = Added { values, join: self.join_found("true") };
            Some(Rows { stored: self.rows(), added: Some(added) })
        }
    }

    /// Whether rows have to be copied to judge a constraint that needs these columns.
    fn needs_copy(&self, uses: &[String]) -> bool {
        let is_generated = |name: &String| fill(self.load, name).is_some_and(|fill| fill.generated);
        self.knows_ends()
            || uses.iter().any(is_generated)
            || self.matches_rows() && self.load.range.is_some()
    }

    /// Whether a foreign key is none of this run's business: it has no value in new rows, and the
    /// server does not look at one that an update leaves as it is.
    pub(super) fn refers_to_nothing(&self, key: &ForeignKey) -> bool {
        let is_set = |name: &String| {
            loads(self.load, name)
                || fill(self.load, name).is_some()
                || is_end(self.load, name)
                || is_mark(self.load, name)
                || self.load.table.column(name).is_none_or(|column| column.has_default)
        };
        !key.columns.iter().any(is_set)
    }

    /// Whether the target's table holds no row of which staged ones could be.
    pub(super) async fn meets_no_row(&self) -> Result<bool> {
        let needed = constraints(self.load).any(|uses| !loads_all(self.load, uses));
        // Of a partitioned table only those partitions are read that the run touches.
        if !needed || !self.matches_rows() || self.load.range.is_some() {
            return Ok(false);
        }
        let query = format!("select not exists (select from {})", own_rows(&self.load.table));
        let doing = "look whether the table is empty";
        // As whom the tenant says: a policy hides rows from anybody else.
        let asked = async { self.client.query_typed_one(&query, &[]).await };
        let row = self.in_transaction(doing, asked).await?;
        row.try_get(0).map_err(failed(doing))
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
        let needed = all.any(|uses| !loads_all(self.load, uses) && self.needs_copy(uses));
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
        let values: String = self.not_loaded().map(|column| self.value(column)).collect();
        let join = self.join_found(within);
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
            can_be_evaluated(self.staging)
        )
    }

    /// The columns that hold what is not loaded, but generated ones.
    fn not_loaded(&self) -> impl Iterator<Item = &Column> {
        let columns = self.load.table.columns.iter();
        columns.filter(|it| !loads(self.load, &it.name) && !is_generated(self.load, it))
    }

    /// The join with the rows that are there, where any may be.
    fn join_found(&self, within: &str) -> String {
        if !self.finds_rows() {
            return String::new();
        }
        let (table, key) = (own_rows(&self.load.table), same_key(self.load, "t", "s"));
        format!(" left join {table} t on {key} and {within}")
    }

    fn knows_ends(&self) -> bool {
        self.outlook == Outlook::Noted && matches!(self.load.mode, LoadMode::History(_))
    }

    /// Whether rows that are there keep what is not loaded.
    fn matches_rows(&self) -> bool {
        self.load.mode != LoadMode::Append && !self.load.key.is_empty()
    }

    /// The same where there may be any.
    fn finds_rows(&self) -> bool {
        self.matches_rows() && !self.is_empty
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
                added: None,
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
    if is_mark(load, name) {
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

/// The column that marks rows as deleted.
fn is_mark(load: &LoadTarget, name: &str) -> bool {
    matches!(&load.mode, LoadMode::Mirror { soft: Some(soft), .. } if soft.column.name == name)
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
