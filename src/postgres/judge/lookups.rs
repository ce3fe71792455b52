//! Lookups: one join for each finds the rows that have the values of a column.
//!
//! What a record is matched by is staged, typed like the column it is compared with, so the
//! database alone decides whether two keys are equal. The values found stand in a table of
//! their own beside the staged rows; a record that finds no row, or several, is rejected.

use super::{Judge, Reason};
use crate::{
    error::Result,
    load::{LoadColumn, Lookup, LookupTerm, LookupWay, TermValue},
    postgres::{
        sql::{qualified, quote_identifier},
        staging::{ORDINAL, matched_name, to_base_type},
    },
};

impl Judge<'_> {
    /// Finds the values of columns that are looked up, and rejects records without one.
    pub(super) async fn look_up(&self) -> Result<()> {
        if !self.load.looks_up() {
            return Ok(());
        }
        self.execute(&self.create_resolved(), "look up values").await?;
        for (index, column) in self.load.columns.iter().enumerate() {
            let Some(lookup) = &column.lookup else { continue };
            for statement in self.rejections(index, column, lookup) {
                self.execute(&statement, "look up values").await?;
            }
        }
        Ok(())
    }

    fn create_resolved(&self) -> String {
        let mut query = Joins::default();
        let mut columns = String::new();
        for (index, column) in self.load.columns.iter().enumerate() {
            let Some(lookup) = &column.lookup else { continue };
            let found = query.find(lookup);
            columns.push_str(&format!(
                ", ({})::{} as {}, {} as {}",
                found.value,
                column.column.base_type_sql,
                quote_identifier(&column.column.name),
                found.rows,
                found_name(index)
            ));
        }
        let resolved = self.staging.resolved(self.target);
        format!(
            "create unlogged table {resolved} with (autovacuum_enabled = false) as
               select s.*{columns} from {} s{}",
            self.staging.copied(self.target),
            query.joins
        )
    }

    /// What rejects the records that found no row, several, or have nothing to be matched by.
    fn rejections(&self, index: usize, column: &LoadColumn, lookup: &Lookup) -> Vec<String> {
        let name = &column.column.name;
        let found = found_name(index);
        let (one, several) = (described(lookup, "no row"), described(lookup, "several rows"));
        let reason = |code, message| Reason { code, column: name, message };
        let mut statements = vec![
            self.reject_found(&format!("s.{found} = 0"), index, &reason("lookup.none", &one)),
            self.reject_found(
                &format!("s.{found} > 1"),
                index,
                &reason("lookup.several", &several),
            ),
        ];
        let missing = match (lookup.required, column.column.not_null) {
            (true, _) => Some(reason("rule.required", "missing")),
            (false, true) => {
                let message = "missing, and the table's column takes no NULL";
                Some(reason("rule.not_null", message))
            }
            (false, false) => None,
        };
        if let Some(reason) = missing {
            // A row that is found may have NULL where the value is taken.
            let name = quote_identifier(name);
            let condition = format!("s.{name} is null and coalesce(s.{found}, 1) = 1");
            statements.push(self.reject_found(&condition, index, &reason));
        }
        statements
    }

    /// Rejects rows, with what they were matched by: its shape goes into the report.
    fn reject_found(&self, condition: &str, index: usize, reason: &Reason<'_>) -> String {
        let matched = self.load.matched();
        let own = matched.iter().enumerate().filter(|(_, matched)| matched.of == index);
        let texts: Vec<String> =
            own.map(|(number, _)| format!("s.{}::text", matched_name(number))).collect();
        let written = match self.load.key.contains(&index) {
            // A deletion has its key at least.
            true => "true".to_owned(),
            false => self.is_written(),
        };
        format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', {}, null::bigint, array[{}]::text[]
             from {} s where {condition} and {written}",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            texts.join(", "),
            self.staging.resolved(self.target)
        )
    }
}

/// The column that says how many rows a lookup found; NULL where there was nothing to match by.
fn found_name(column: usize) -> String {
    format!("__found_{column}")
}

/// What a lookup looked for: tables and columns, never values.
fn described(lookup: &Lookup, found: &str) -> String {
    let ways: Vec<String> = lookup.ways.iter().map(described_way).collect();
    match &ways[..] {
        [way] => format!("{found} of {way}"),
        _ => format!("{found} of {}", ways.join(", nor of ")),
    }
}

fn described_way(way: &LookupWay) -> String {
    let term = |term: &LookupTerm| match &term.value {
        TermValue::Lookup(lookup) => {
            let below: Vec<String> = lookup.ways.iter().map(described_way).collect();
            format!("`{}` ({})", term.column.name, below.join(", or "))
        }
        _ => format!("`{}`", term.column.name),
    };
    let terms: Vec<String> = way.terms.iter().map(term).collect();
    format!("{} has this {}", way.table, terms.join(", "))
}

/// The joins that find the rows of lookups.
#[derive(Default)]
struct Joins {
    joins: String,
    count: usize,
}

/// What a lookup finds, as SQL.
struct Found {
    value: String,
    /// How many rows; NULL where there is nothing to match by.
    rows: String,
}

impl Joins {
    fn find(&mut self, lookup: &Lookup) -> Found {
        let (mut value, mut rows, mut given) = (String::new(), String::new(), Vec::new());
        for way in &lookup.ways {
            let (alias, way_given) = self.join(way);
            value.push_str(&format!(" when {alias}.copies = 1 then {alias}.value"));
            value.push_str(&format!(" when {alias}.copies > 1 then null"));
            rows.push_str(&format!(", {alias}.copies"));
            given.extend(way_given);
        }
        let given = if given.is_empty() { "true".to_owned() } else { given.join(" or ") };
        Found {
            value: format!("case{value} end"),
            rows: format!("case when {given} then coalesce({}, 0) end", &rows[2..]),
        }
    }

    /// Joins the rows of one way; its alias, and the conditions under which a record has
    /// something to match by.
    fn join(&mut self, way: &LookupWay) -> (String, Vec<String>) {
        let (mut equal, mut given) = (Vec::new(), Vec::new());
        let alias = format!("__lookup_{}", self.count);
        self.count += 1;
        for (at, term) in way.terms.iter().enumerate() {
            let value = match &term.value {
                TermValue::Constant(number) => format!("s.{}", matched_name(*number)),
                TermValue::Record(number) => {
                    let value = format!("s.{}", matched_name(*number));
                    given.push(format!("{value} is not null"));
                    value
                }
                TermValue::Lookup(lookup) => {
                    let found = self.find(lookup);
                    given.push(format!("({}) is not null", found.rows));
                    format!("({})", found.value)
                }
            };
            equal.push(format!("{alias}.__key_{at} = {value}"));
        }
        self.joins.push_str(&format!(
            " left join ({}) {alias} on {}",
            candidates(way),
            equal.join(" and ")
        ));
        (alias, given)
    }
}

/// The rows that can be found: their keys, the value taken, and how many have the same key.
fn candidates(way: &LookupWay) -> String {
    let key = |at: usize| format!("__key_{at}");
    let columns: String = way
        .terms
        .iter()
        .enumerate()
        .map(|(at, term)| {
            let name = quote_identifier(&term.column.name);
            format!("l.{name}{} as {}, ", to_base_type(&term.column), key(at))
        })
        .collect();
    let take = quote_identifier(&way.take.name);
    let rows = format!("select {columns}l.{take} as value from {} l", qualified(&way.table));
    if way.is_unique {
        return format!("select *, 1 as copies from ({rows}) l");
    }
    let keys: Vec<String> = (0..way.terms.len()).map(key).collect();
    let keys = keys.join(", ");
    format!(
        "select {keys}, (array_agg(value))[1] as value, count(*)::int as copies from ({rows}) l group by {keys}"
    )
}
