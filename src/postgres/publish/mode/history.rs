//! `history`: every version of a row is kept, with the time it was valid.
//!
//! The versions of a key, those of the table and those of the run, stand in a line by the
//! moment they are valid from. A record that says what is valid at its moment anyway writes
//! nothing. Otherwise it is a version of its own, or, where one of the table begins at that very
//! moment, the correction of it. A version ends where the next one begins, or where the one
//! before it was known to end.
//!
//! Where the files are all there is, a row that they do not have ends with the run.
//!
//! No row is ever deleted and no beginning ever moves, so intervals of the table only get
//! shorter: a constraint that forbids overlaps holds after each statement.

use super::{Kind, Mode, NO_SCOPE, Statements, Write, absent::ByKey, content};
use crate::{
    load::Validity,
    postgres::{
        sql::{quote_identifier, quote_literal},
        staging::ORDINAL,
    },
};

impl Mode for Validity {
    fn classify(&self, sql: &Statements<'_>) -> Option<String> {
        Some(Line { validity: self, sql }.classify())
    }

    /// Versions of one delivery end each other, in an empty table too.
    fn fills_empty_table(&self) -> bool {
        false
    }

    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        let line = Line { validity: self, sql };
        vec![
            Write::new(&[Kind::Freed], line.close(Kind::Freed)),
            Write::new(&[Kind::Closed], line.close(Kind::Closed)),
            Write::new(&[Kind::Changed], line.correct(&Kind::Changed.notes_row())),
            sql.in_turn(
                line.correct(&format!("s.{ORDINAL} = $1 and t.tableoid = $2 and t.ctid = $3")),
            ),
            Write::new(&[Kind::New, Kind::Version], line.insert()),
        ]
    }

    fn removals(&self, sql: &Statements<'_>) -> Vec<Write> {
        vec![Write::new(&[Kind::Gone], Line { validity: self, sql }.close(Kind::Gone))]
    }
}

/// The SQL of one target. `e` is an element of the line: a row of the table (`row_id`) or a
/// staged record (`ordinal`).
struct Line<'a> {
    validity: &'a Validity,
    sql: &'a Statements<'a>,
}

impl Line<'_> {
    fn classify(&self) -> String {
        let key = self.line_key();
        format!(
            "with element as ({elements}),
             placed as (
               select e.*, max(e.ends) over line as reaches, bool_or(e.ordinal is null) over ({partition}) as known,
                 lag(e.starts) over line as before_starts, lag(e.ordinal) over line as before_ordinal,
                 lag(e.table_oid) over line as before_table, lag(e.row_id) over line as before_row
               from element e window line as ({partition} order by e.starts, e.ordinal nulls first)),
             judged as (select e.*, {kind} as kind from placed e
               left join {rows} s on s.{ORDINAL} = e.ordinal
               left join {table} t on t.tableoid = e.before_table and t.ctid = e.before_row
               left join {rows} b on b.{ORDINAL} = e.before_ordinal),
             version as (
               select e.*, lead(e.starts) over line as next_starts, lead(e.ordinal) over line as next_ordinal
               from judged e where e.kind <> 'same'
               window line as ({partition} order by e.starts, e.ordinal nulls first)),
             ended as (select e.*, least(e.next_starts, {reach}) as new_end from version e)
             select e.kind, e.ordinal, case e.kind when 'changed' then e.before_table end as table_oid,
               case e.kind when 'changed' then e.before_row end as row_id, {valid_to} as valid_to,
               e.new_end = 'infinity' as is_current, {scope} as scope
             from ended e{staged} where e.ordinal is not null
             union all
             select 'closed', null, e.table_oid, e.row_id, {valid_to}, false, {NO_SCOPE} from ended e
             where e.ordinal is null and e.next_ordinal is not null and e.next_starts > e.starts and e.next_starts < e.ends
             union all
             select 'same', e.ordinal, null, null, null, null, {scope} from judged e{staged} where e.kind = 'same'{absent}",
            elements = self.elements(),
            partition = format_args!("partition by {key}"),
            kind = self.kind(),
            rows = self.sql.rows(),
            table = self.sql.table(),
            reach = reach("e.reaches", "e.starts"),
            valid_to = self.stored_end("e.new_end"),
            scope = ByKey::new(self.sql).scope_as_text("s"),
            staged = format_args!(" join {} s on s.{ORDINAL} = e.ordinal", self.sql.rows()),
            absent = self.absent(),
        )
    }

    /// The open versions of the table, as one more part of the query: whether the files have
    /// their keys. What begins later than the run is not over with it.
    fn absent(&self) -> String {
        let Some(absent) = &self.validity.absent else { return String::new() };
        let by_key = ByKey::new(self.sql);
        format!(
            " union all
             select case when exists (select from {rows} s where {same_key} and {publishable}) then 'present'
                 when {kept} then 'kept' else 'gone' end,
               null, t.tableoid, t.ctid, {moment}, false, {scope}
             from {rows_in_scope} where {ends} = 'infinity' and t.{starts} < {moment}",
            rows = self.sql.rows(),
            same_key = self.same_key(),
            publishable = self.sql.publishable(),
            kept = by_key.is_kept(),
            moment = absent.moment,
            scope = by_key.scope_as_text("t"),
            rows_in_scope = by_key.rows_in_scope(),
            ends = self.known_end(),
            starts = self.starts(),
        )
    }

    /// The table's versions of all keys that the run brings, and the run's own. Of one moment
    /// the table's stands first.
    fn elements(&self) -> String {
        let starts = self.starts();
        let ends = self.known_end();
        format!(
            "select {table_key}, t.{starts} as starts, {ends} as ends, null::bigint as ordinal,
               t.tableoid as table_oid, t.ctid as row_id
             from {table} t where t.{starts} < {ends}
               and exists (select from {rows} s where {same_key} and {publishable})
             union all
             select {staged_key}, s.{starts}, null, s.{ORDINAL}, null, null from {rows} s where {publishable}",
            table_key = self.key("t"),
            staged_key = self.key("s"),
            table = self.sql.table(),
            rows = self.sql.rows(),
            same_key = self.same_key(),
            publishable = self.sql.publishable(),
        )
    }

    /// What becomes of an element; rows of the table are `there`.
    fn kind(&self) -> String {
        let (from_table, from_run) = (self.differs_from("t"), self.differs_from("b"));
        // Where a record stands before this one, the table's last end bounds both or neither.
        let before_has_ended = "case when e.before_ordinal is null then e.reaches <= e.starts
            else coalesce(e.reaches > e.before_starts and e.reaches <= e.starts, false) end";
        format!(
            "case when e.ordinal is null then 'there'
               when e.before_row is not null and e.before_starts = e.starts then
                 case when {from_table} then 'changed' else 'same' end
               when e.before_starts is null then case when e.known then 'version' else 'new' end
               when {before_has_ended} then 'version'
               when e.before_row is not null then case when {from_table} then 'version' else 'same' end
               when {from_run} then 'version' else 'same' end"
        )
    }

    fn differs_from(&self, before: &str) -> String {
        let columns = self.sql.updated_columns();
        let differences: Vec<String> = columns
            .map(|c| format!("{} is distinct from {}", content(before, c), content("s", c)))
            .collect();
        if differences.is_empty() { "false".to_owned() } else { differences.join(" or ") }
    }

    fn close(&self, kind: Kind) -> String {
        let assignments = self.assignments();
        format!(
            "update {} t set {assignments} from {} c where {}",
            self.sql.table(),
            self.sql.changes(),
            kind.notes_row()
        )
    }

    fn correct(&self, which: &str) -> String {
        let columns = self.sql.updated_columns().map(|column| {
            let name = quote_identifier(&column.column.name);
            format!("{name} = s.{name}, ")
        });
        format!(
            "update {} t set {}{} from {} s join {} c on c.ordinal = s.{ORDINAL} where {}",
            self.sql.table(),
            columns.collect::<String>(),
            self.assignments(),
            self.sql.rows(),
            self.sql.changes(),
            which
        )
    }

    fn insert(&self) -> String {
        let source = format!(
            "{} s join {} c on c.ordinal = s.{ORDINAL} and c.kind in ('{}', '{}')",
            self.sql.rows(),
            self.sql.changes(),
            Kind::New.word(),
            Kind::Version.word()
        );
        self.sql.insert_from(&source, &self.kept_columns())
    }

    /// The columns that longshore fills, with what was noted for them.
    fn kept_columns(&self) -> Vec<(&str, String)> {
        let valid_to = (self.validity.valid_to.as_str(), "c.valid_to".to_owned());
        let current = self.validity.current.as_deref();
        let current = current.map(|name| (name, "c.is_current".to_owned()));
        std::iter::once(valid_to).chain(current).collect()
    }

    fn assignments(&self) -> String {
        let assign = |(name, value)| format!("{} = {value}", quote_identifier(name));
        self.kept_columns().into_iter().map(assign).collect::<Vec<_>>().join(", ")
    }

    fn starts(&self) -> String {
        quote_identifier(&self.sql.load.columns[self.validity.valid_from].column.name)
    }

    /// The key without the moment, of `t` or `s`, under names that no column has.
    fn key(&self, alias: &str) -> String {
        let columns = self.key_names().enumerate();
        columns
            .map(|(at, name)| format!("{alias}.{name} as __key_{at}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn line_key(&self) -> String {
        let columns = self.key_names().enumerate();
        columns.map(|(at, _)| format!("e.__key_{at}")).collect::<Vec<_>>().join(", ")
    }

    fn same_key(&self) -> String {
        self.key_names()
            .map(|name| format!("t.{name} = s.{name}"))
            .collect::<Vec<_>>()
            .join(" and ")
    }

    fn key_names(&self) -> impl Iterator<Item = String> {
        let load = self.sql.load;
        let key = load.key.iter().filter(|index| **index != self.validity.valid_from);
        key.map(|index| quote_identifier(&load.columns[*index].column.name))
    }

    /// The end of row `t`, `infinity` where none is known.
    fn known_end(&self) -> String {
        let name = quote_identifier(&self.validity.valid_to);
        let end = match self.open_end() {
            Some(end) => format!("nullif(t.{name}, {end})"),
            None => format!("t.{name}"),
        };
        format!("coalesce({end}, 'infinity')")
    }

    /// An end as the table's column has it.
    fn stored_end(&self, end: &str) -> String {
        let open = self.open_end().unwrap_or_else(|| "null".to_owned());
        format!("case when {end} = 'infinity' then {open} else {end} end")
    }

    fn open_end(&self) -> Option<String> {
        let type_sql = &self.sql.load.columns[self.validity.valid_from].column.base_type_sql;
        let end = self.validity.open_end.as_ref()?;
        Some(format!("{}::{type_sql}", quote_literal(end)))
    }
}

/// The end a version inherits: that of the table's last version before it, unless that had
/// ended before this one starts.
fn reach(reaches: &str, starts: &str) -> String {
    format!("case when {reaches} > {starts} then {reaches} else 'infinity' end")
}
