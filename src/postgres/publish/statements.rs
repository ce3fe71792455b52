//! The SQL that modes are put together from: staged rows `s`, the target's rows `t`,
//! and what is noted of them, `c`.

use super::{changes::Kind, mode::Write};
use crate::{
    load::{LoadColumn, LoadMode, LoadTarget, Mark, SoftDelete},
    postgres::{
        sql::{own_rows, qualified, quote_identifier, quote_literal, same_key},
        staging::{ORDINAL, Staging},
    },
    schema::{Generated, PgType},
};

/// One target, as SQL speaks of it.
pub(in crate::postgres) struct Statements<'a> {
    pub(in crate::postgres) staging: &'a Staging,
    pub(in crate::postgres) target: usize,
    pub(in crate::postgres) load: &'a LoadTarget,
    /// Whether any staged row of the run is not to be published.
    pub(in crate::postgres) any_excluded: bool,
    /// Columns that are inserted beside the loaded ones, with SQL for their values: where the
    /// database would draw values that a rehearsal must not use up.
    pub(in crate::postgres) drawn: Vec<(String, String)>,
    /// A condition on row `t` without which it is no staged row's: which partitions matter.
    pub(in crate::postgres) within: Option<String>,
}

impl Statements<'_> {
    /// The target's table as it is read, updated and deleted from.
    pub(super) fn table(&self) -> String {
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
        let same = same_key(self.load, "t", "s");
        self.within.as_ref().map_or_else(|| same.clone(), |within| format!("{same} and {within}"))
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

    /// The columns an update writes: all but the key, and what is drawn for new rows.
    pub(super) fn updated_columns(&self) -> impl Iterator<Item = &LoadColumn> {
        let columns = self.load.columns.iter().enumerate();
        let changes = |(index, column): &(usize, &LoadColumn)| {
            // Whose number would change is rejected (see `judge::checks`).
            let is_fixed = column.column.generated == Generated::IdentityAlways;
            !self.load.key.contains(index) && !column.drawn && !is_fixed
        };
        columns.filter(changes).map(|(_, column)| column)
    }

    /// The kinds of staged rows: new where the key is unknown, else changed where `changed` says
    /// so; `scope` is the value of the mode's scope as a `text[]`.
    pub(super) fn classify_by_key(&self, changed: &str, scope: &str) -> String {
        format!(
            "select case when t.tableoid is null then 'new' when {changed} then 'changed' else 'same' end as kind,
               s.{ORDINAL} as ordinal, t.tableoid as table_oid, t.ctid as row_id, {scope} as scope
             from {} s left join {} t on {} where {}",
            self.rows(),
            self.table(),
            self.same_key(),
            self.publishable()
        )
    }

    /// Inserts the rows that are noted as new, between the updates that make room for them and
    /// those that need them; `also` are assignments beside the columns.
    pub(super) fn upserts(&self, also: Option<String>) -> [Write; 4] {
        let of_column = |column: &LoadColumn| {
            format!("{} = {}", quote_identifier(&column.column.name), updated(column))
        };
        let assignments: Vec<String> = self.updated_columns().map(of_column).chain(also).collect();
        let update = format!("update {} t set {} from", self.table(), assignments.join(", "));
        let (rows, changes) = (self.rows(), self.changes());
        let all = |kind: Kind| {
            format!(
                "{update} {rows} s join {changes} c on c.ordinal = s.{ORDINAL} and c.kind = '{}' where {}",
                kind.word(),
                self.same_key()
            )
        };
        let one =
            format!("{update} {rows} s where s.{ORDINAL} = $1 and t.tableoid = $2 and t.ctid = $3");
        [
            Write::new(&[Kind::Changed], all(Kind::Changed)),
            self.in_turn(one),
            Write::new(&[Kind::New], self.insert_new()),
            Write::new(&[Kind::Linked], all(Kind::Linked)),
        ]
    }

    /// A statement for each row whose turn comes after others'; `$1` is its ordinal, `$2` and
    /// `$3` the row of the target.
    pub(super) fn in_turn(&self, one: String) -> Write {
        let rows = format!(
            "select ordinal, table_oid, row_id from {} where kind = '{}' order by turn",
            self.changes(),
            Kind::Shifted.word()
        );
        Write { rows: Some(rows), ..Write::new(&[Kind::Shifted], one) }
    }

    /// Deletes the rows that are noted as being of this kind.
    pub(super) fn delete(&self, kind: Kind) -> String {
        let (table, changes) = (self.table(), self.changes());
        let within = self.within.as_deref().unwrap_or("true");
        let notes = kind.notes_row();
        format!("delete from {table} t using {changes} c where {notes} and {within}")
    }

    /// Inserts the rows that are noted as new.
    pub(super) fn insert_new(&self) -> String {
        let (rows, changes) = (self.rows(), self.changes());
        let new = Kind::New.word();
        let source =
            format!("{rows} s join {changes} c on c.ordinal = s.{ORDINAL} and c.kind = '{new}'");
        self.insert_from(&source, &[])
    }

    /// Inserts every row that is published.
    pub(super) fn insert_all(&self) -> String {
        self.insert_from(&format!("{} s where {}", self.rows(), self.publishable()), &[])
    }

    /// The same into a table without indexes, which takes them in any order.
    pub(super) fn insert_all_unindexed(&self) -> String {
        if draws_values(self.load) {
            return self.insert_all();
        }
        self.insert(&format!("{} s where {}", self.rows(), self.publishable()), &[])
    }

    /// Inserts rows `s` of `source`; `also` are columns with SQL for their values.
    pub(super) fn insert_from(&self, source: &str, also: &[(&str, String)]) -> String {
        format!("{} order by {}", self.insert(source, also), self.insert_order())
    }

    fn insert(&self, source: &str, also: &[(&str, String)]) -> String {
        let mut names: Vec<String> =
            self.load.columns.iter().map(|c| quote_identifier(&c.column.name)).collect();
        let mut values: Vec<String> = names.iter().map(|name| format!("s.{name}")).collect();
        names.extend(also.iter().map(|(name, _)| quote_identifier(name)));
        values.extend(also.iter().map(|(_, value)| value.clone()));
        names.extend(self.drawn.iter().map(|(name, _)| quote_identifier(name)));
        values.extend(self.drawn.iter().map(|(_, value)| value.clone()));
        if let LoadMode::Mirror { soft: Some(soft), .. } = &self.load.mode {
            names.push(quote_identifier(&soft.column.name));
            values.push(present_value(soft));
        }
        let identity =
            self.load.columns.iter().any(|c| c.column.generated == Generated::IdentityAlways);
        let overriding =
            if identity || !self.drawn.is_empty() { " overriding system value" } else { "" };
        format!(
            "insert into {} ({}){overriding} select {} from {source}",
            qualified(&self.load.table.name),
            names.join(", "),
            values.join(", ")
        )
    }

    /// In the order of the key, which an index takes in half the time (`benches/RESULTS.md`);
    /// where the database draws values for the rows, they follow the source.
    fn insert_order(&self) -> String {
        if draws_values(self.load) || self.load.key.is_empty() {
            return format!("s.{ORDINAL}");
        }
        let column = |&index: &usize| {
            format!("s.{}", quote_identifier(&self.load.columns[index].column.name))
        };
        self.load.key.iter().map(column).collect::<Vec<_>>().join(", ")
    }
}

/// Whether the database makes values for the rows that are inserted which differ from row to
/// row. A default that is the same for all rows says nothing of their order.
pub(super) fn draws_values(load: &LoadTarget) -> bool {
    let table = &load.table;
    let is_known =
        |name: &str| table.fills.iter().any(|fill| fill.column == *name && fill.sql.is_some());
    table.columns.iter().any(|column| {
        let loaded = |c: &LoadColumn| c.column.name == column.name;
        let identity =
            matches!(column.generated, Generated::IdentityAlways | Generated::IdentityByDefault);
        let draws = column.has_default && !is_known(&column.name);
        (draws || identity) && !load.columns.iter().any(loaded)
    })
}

/// What the column of a soft deletion says of rows that are not deleted.
pub(in crate::postgres) fn present_value(soft: &SoftDelete) -> String {
    soft.present.as_ref().map_or_else(|| "null".to_owned(), |value| typed(soft, value))
}

/// What it says of a row that is deleted now.
pub(in crate::postgres) fn deleted_value(soft: &SoftDelete) -> String {
    match &soft.deleted {
        Mark::Moment => "now()".to_owned(),
        Mark::Value(value) => typed(soft, value),
    }
}

/// A value of the column of a soft deletion.
pub(super) fn typed(soft: &SoftDelete, value: &str) -> String {
    format!("{}::{}", quote_literal(value), soft.column.type_sql)
}

/// Whether a column differs between target `t` and staged `s`.
fn difference(column: &LoadColumn) -> String {
    let brought = if column.merges { updated(column) } else { content("s", column) };
    format!("{} is distinct from {brought}", content("t", column))
}

/// What an update makes of a column. Of objects that are merged nothing is lost, so a record
/// without a value changes nothing either.
fn updated(column: &LoadColumn) -> String {
    let name = quote_identifier(&column.column.name);
    if !column.merges {
        return format!("s.{name}");
    }
    format!(
        "case when jsonb_typeof(t.{name}) = 'object' and jsonb_typeof(s.{name}) = 'object'
           then t.{name} || s.{name} else coalesce(s.{name}, t.{name}) end"
    )
}

/// A column so that its equality is that of content: types whose `=` is missing or calls
/// different values equal (citext's case, json, geometry, a collation's case) are cast.
pub(in crate::postgres) fn content(row: &str, column: &LoadColumn) -> String {
    let name = quote_identifier(&column.column.name);
    let cast = match &column.column.pg_type {
        PgType::Geometry(_) | PgType::Geography(_) => "::bytea",
        PgType::Json => "::text",
        PgType::Citext | PgType::Array { .. } => "::text collate \"C\"",
        PgType::Text | PgType::VarChar(_) | PgType::Char(_) => " collate \"C\"",
        _ => "",
    };
    format!("({row}.{name}{cast})")
}
