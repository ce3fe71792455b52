//! Lookups: one join for each finds the rows that have the values of a column.
//!
//! What a record is matched by is staged, typed like the column it is compared with, so the
//! database alone decides whether two keys are equal. The values found stand in a table of
//! their own beside the staged rows; a record that finds no row, or several, is rejected.

use super::{Judge, Reason, not_rejected, not_rejected_as};
use crate::{
    error::Result,
    load::{
        LoadColumn, LoadMode, LoadTarget, Lookup, LookupTerm, LookupWay, TermValue, Unresolved,
    },
    postgres::{
        sql::{own_rows, qualified, quote_identifier, same_key},
        staging::{DELETES, IS_NEW, ORDINAL, Staging, matched_name, to_base_type},
    },
    schema::ForeignKey,
};

impl Judge<'_> {
    /// Finds the values of columns that are looked up, and rejects records without one.
    pub(super) async fn look_up(&self) -> Result<()> {
        let lookups = self.load.lookups(false);
        if !lookups.is_empty() {
            self.execute(&self.create_resolved(&lookups), "look up values").await?;
        }
        for (index, column, lookup) in self.load.lookups(true).into_iter().chain(lookups) {
            for statement in self.rejections(index, column, lookup) {
                self.execute(&statement, "look up values").await?;
            }
        }
        Ok(())
    }

    fn create_resolved(&self, lookups: &[(usize, &LoadColumn, &Lookup)]) -> String {
        let mut joins = Joins::new(self.loads, self.staging);
        let columns = joins.columns(lookups);
        let resolved = self.staging.resolved(self.target);
        format!(
            "create unlogged table {resolved} with (autovacuum_enabled = false) as
               select s.*{columns} from {} s{}",
            self.staging.found_in(self.target, self.load),
            joins.sql()
        )
    }

    /// Rejects rows whose lookups found staged rows that are not loaded after all.
    /// Returns whether there were any: others may have found those in their turn.
    pub(super) async fn check_lookups(&self) -> Result<bool> {
        let mut found = false;
        for (index, column) in self.load.columns.iter().enumerate() {
            let Some(lookup) = &column.lookup else { continue };
            let mut targets: Vec<usize> =
                lookup.ways.iter().flat_map(|way| way.targets.clone()).collect();
            targets.sort_unstable();
            targets.dedup();
            for target in targets {
                let reject = self.reject_bereft(index, column, lookup, target);
                found |= self.rejects(&reject, "look for rows found that are rejected").await?;
            }
        }
        Ok(found)
    }

    fn reject_bereft(
        &self,
        index: usize,
        column: &LoadColumn,
        lookup: &Lookup,
        target: usize,
    ) -> String {
        let name = quote_identifier(&column.column.name);
        let of_target = lookup.ways.iter().filter(|way| way.targets.contains(&target));
        let lost = of_target.map(|way| {
            let take = quote_identifier(&way.take.name);
            let rows = self.staging.found_in(target, &self.loads[target]);
            let other = Judge { target, load: &self.loads[target], ..*self };
            format!(
                "s.{name} in (select p.{take} from {rows} p where not ({}))",
                not_rejected_as(other.staging, other.target, "p")
            )
        });
        let lost = lost.collect::<Vec<_>>().join(" or ");
        let there = lookup.ways.iter().flat_map(|way| self.is_there(way, &name));
        let there = there.map(|one| format!(" and not {one}")).collect::<String>();
        let message =
            format!("{}: the record that brings it is rejected", described(lookup, "no row"));
        let reason = Reason { code: "lookup.none", column: &column.column.name, message: &message };
        let condition = format!("({lost}){there} and {}", not_rejected(self.staging, self.target));
        self.reject_found(&self.rows(), &condition, index, &reason, self.unresolved())
    }

    /// Where a row is that has the value: in the table, or staged and not rejected.
    fn is_there(&self, way: &LookupWay, name: &str) -> Vec<String> {
        let take = quote_identifier(&way.take.name);
        let table = qualified(&way.table);
        let mut there = vec![format!("exists (select from {table} l where l.{take} = s.{name})")];
        there.extend(way.targets.iter().map(|target| {
            let load = &self.loads[*target];
            let rows = self.staging.found_in(*target, load);
            let other = Judge { target: *target, load, ..*self };
            format!(
                "exists (select from {rows} p where p.{take} = s.{name} and {} and {})",
                other.is_written_as("p"),
                not_rejected_as(self.staging, *target, "p")
            )
        }));
        there
    }

    /// Whether a foreign key's column was looked up in the very table and column it refers to.
    pub(super) fn was_looked_up(&self, key: &ForeignKey) -> bool {
        let ([column], [referenced]) = (&key.columns[..], &key.referenced_columns[..]) else {
            return false;
        };
        let column = self.load.columns.iter().find(|one| one.column.name == *column);
        column.and_then(|column| column.lookup.as_ref()).is_some_and(|lookup| {
            let mut ways = lookup.ways.iter();
            ways.all(|way| way.table == key.references && way.take.name == *referenced)
        })
    }

    /// What is left out where a lookup is not resolved.
    fn unresolved(&self) -> &'static str {
        match self.load.unresolved {
            Unresolved::Record => "rejected",
            Unresolved::Row => "row",
        }
    }

    /// What rejects the records that found no row, several, or have nothing to be matched by.
    fn rejections(&self, index: usize, column: &LoadColumn, lookup: &Lookup) -> Vec<String> {
        let name = &column.column.name;
        let found = found_name(index);
        let (one, several) = (described(lookup, "no row"), described(lookup, "several rows"));
        let reason = |code, message| Reason { code, column: name, message };
        let mut statements = vec![
            self.reject(&format!("s.{found} = 0"), index, &reason("lookup.none", &one)),
            self.reject(&format!("s.{found} > 1"), index, &reason("lookup.several", &several)),
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
            let rows = self.staging.before_computed(self.target, self.load);
            statements.push(self.reject_found(&rows, &condition, index, &reason, "rejected"));
        }
        statements
    }

    fn reject(&self, condition: &str, index: usize, reason: &Reason<'_>) -> String {
        let rows = self.staging.before_computed(self.target, self.load);
        self.reject_found(&rows, condition, index, reason, self.unresolved())
    }

    /// Rejects rows, with what they were matched by: its shape goes into the report.
    fn reject_found(
        &self,
        rows: &str,
        condition: &str,
        index: usize,
        reason: &Reason<'_>,
        kind: &str,
    ) -> String {
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
            "insert into {} select {}, s.{ORDINAL}, '{kind}', {}, null::bigint, array[{}]::text[]
             from {rows} s where {condition} and {written}",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            texts.join(", "),
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
pub(super) struct Joins<'j> {
    loads: &'j [LoadTarget],
    staging: &'j Staging,
    joins: String,
    count: usize,
}

/// What a lookup finds, as SQL.
struct Found {
    value: String,
    /// How many rows; NULL where there is nothing to match by.
    rows: String,
}

impl<'j> Joins<'j> {
    /// No join yet.
    pub(super) fn new(loads: &'j [LoadTarget], staging: &'j Staging) -> Self {
        Self { loads, staging, joins: String::new(), count: 0 }
    }

    /// The joins, to follow the staged rows `s`.
    pub(super) fn sql(&self) -> &str {
        &self.joins
    }

    /// Joins what these lookups find; gives the values as columns, and how many rows were found.
    pub(super) fn columns(&mut self, lookups: &[(usize, &LoadColumn, &Lookup)]) -> String {
        let mut columns = String::new();
        for (index, column, lookup) in lookups {
            let found = self.find(lookup);
            columns.push_str(&format!(
                ", ({})::{} as {}, {} as {}",
                found.value,
                column.column.base_type_sql,
                quote_identifier(&column.column.name),
                found.rows,
                found_name(*index)
            ));
        }
        columns
    }

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
        let (mut equal, mut given, mut given_below) = (Vec::new(), Vec::new(), Vec::new());
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
                    given_below.push(format!("({}) is not null", found.rows));
                    format!("({})", found.value)
                }
            };
            equal.push(format!("{alias}.__key_{at} = {value}"));
        }
        self.joins.push_str(&format!(
            " left join ({}) {alias} on {}",
            self.candidates(way),
            equal.join(" and ")
        ));
        // What is looked up for several columns says little about each of them.
        (alias, if given.is_empty() { given_below } else { given })
    }

    /// The rows that can be found, as the table will have them: their keys, the value taken, and
    /// how many have the same key.
    fn candidates(&self, way: &LookupWay) -> String {
        let there = columns_of(way, "l");
        let table = qualified(&way.table);
        let finds_by_key =
            way.targets.iter().all(|target| is_found_by_key(&self.loads[*target], way));
        if way.is_unique && finds_by_key {
            let there = format!(
                "select {there}, 1 as copies from {table} l where true{}",
                self.not_deleted(way)
            );
            let new = way.targets.iter().map(|target| {
                let new = self.new_rows(*target, way);
                format!(
                    " union all select *, 1 as copies from (select distinct {} from {new}) n",
                    columns_of(way, "n")
                )
            });
            return format!("{there}{}", new.collect::<String>());
        }
        let mut rows =
            vec![format!("select {there} from {table} l where true{}", self.not_replaced(way))];
        rows.extend(way.targets.iter().map(|target| self.staged_rows(*target, way)));
        let keys: Vec<String> = (0..way.terms.len()).map(key_name).collect();
        let keys = keys.join(", ");
        // Several records with one key are one row.
        let rows = if rows.len() == 1 { rows.join("") } else { rows.join(" union ") };
        format!(
            "select {keys}, (array_agg(value))[1] as value, count(*)::int as copies from ({rows}) l group by {keys}"
        )
    }

    /// Staged rows whose key the table does not have.
    fn new_rows(&self, target: usize, way: &LookupWay) -> String {
        let load = &self.loads[target];
        let rows = self.staging.found_in(target, load);
        let written = is_written(load, "n");
        if load.is_identified() {
            return format!("{rows} n where n.{IS_NEW} and {written}");
        }
        let equal = way.terms.iter().map(|term| {
            let name = quote_identifier(&term.column.name);
            format!("l.{name} = n.{name}")
        });
        format!(
            "{rows} n where {written} and not exists (select from {} l where {})",
            qualified(&way.table),
            equal.collect::<Vec<_>>().join(" and ")
        )
    }

    /// What staged rows are found by, with what they have after the run.
    fn staged_rows(&self, target: usize, way: &LookupWay) -> String {
        let load = &self.loads[target];
        if load.mode == LoadMode::Insert && !load.is_identified() {
            return format!(
                "select {} from {} n where not exists (select from {} l where {})",
                columns_of(way, "n"),
                self.staging.found_in(target, load),
                own_rows(&load.table),
                same_key(load, "l", "n")
            );
        }
        let new_only =
            if load.mode == LoadMode::Insert { format!(" and n.{IS_NEW}") } else { String::new() };
        format!(
            "select {} from {} n where {}{new_only}",
            columns_of(way, "n"),
            self.staging.found_in(target, load),
            is_written(load, "n")
        )
    }

    /// That no record orders row `l` to be deleted, as one more condition.
    fn not_deleted(&self, way: &LookupWay) -> String {
        let deleting =
            way.targets.iter().filter(|it| self.loads[**it].mode == LoadMode::Operations);
        let conditions = deleting.map(|target| {
            let load = &self.loads[*target];
            format!(
                " and not exists (select from {} d where d.{DELETES} and {})",
                self.staging.found_in(*target, load),
                same_key(load, "d", "l")
            )
        });
        conditions.collect()
    }

    /// That no record writes row `l` anew, as one more condition.
    fn not_replaced(&self, way: &LookupWay) -> String {
        let replacing = way.targets.iter().filter(|it| {
            let load = &self.loads[**it];
            !load.key.is_empty() && !matches!(load.mode, LoadMode::Append | LoadMode::Insert)
        });
        let conditions = replacing.map(|target| {
            let load = &self.loads[*target];
            format!(
                " and not exists (select from {} d where {})",
                self.staging.found_in(*target, load),
                same_key(load, "d", "l")
            )
        });
        conditions.collect()
    }
}

/// Whether the rows of a target are found by exactly its key, which no update changes, and what
/// is taken of them does not change either.
fn is_found_by_key(load: &LoadTarget, way: &LookupWay) -> bool {
    let key: Vec<&str> =
        load.key.iter().map(|index| load.columns[*index].column.name.as_str()).collect();
    let matched: Vec<&str> = way.terms.iter().map(|term| term.column.name.as_str()).collect();
    let taken = load.columns.iter().find(|column| column.column.name == way.take.name);
    let keeps = taken.is_none_or(|column| column.drawn || key.contains(&way.take.name.as_str()));
    keeps && key.len() == matched.len() && key.iter().all(|name| matched.contains(name))
}

fn is_written(load: &LoadTarget, row: &str) -> String {
    match load.mode {
        LoadMode::Operations => format!("not {row}.{DELETES}"),
        _ => "true".to_owned(),
    }
}

fn key_name(at: usize) -> String {
    format!("__key_{at}")
}

/// What row `row` is found by, and what is taken of it.
fn columns_of(way: &LookupWay, row: &str) -> String {
    let keys = way.terms.iter().enumerate().map(|(at, term)| {
        let name = quote_identifier(&term.column.name);
        format!("{row}.{name}{} as {}", to_base_type(&term.column), key_name(at))
    });
    let take = quote_identifier(&way.take.name);
    let value = format!("{row}.{take}{} as value", to_base_type(&way.take));
    keys.chain([value]).collect::<Vec<_>>().join(", ")
}
