//! Which target comes first, and which lookups find rows that this same run writes.
//!
//! Parents come before children: their rows are written first, and deleted last. Where new rows
//! get a value from the database that lookups take, such as a number of a sequence, it is drawn
//! ahead; so lookups find rows of a target that comes later too, or of their own.

use super::{TargetPlan, fields::listed};
use crate::{
    diagnostic::{Finding, Place},
    load::{LoadColumn, LoadMode, LoadTarget, LookupWay},
    schema::{ForeignKey, TableName},
};

/// The targets in an order in which each comes after those it refers to, as far as there is one;
/// else as they were. That no order helps is a finding.
pub(super) fn sorted(targets: Vec<TargetPlan>, findings: &mut Vec<Finding>) -> Vec<TargetPlan> {
    let loads: Vec<&LoadTarget> = targets.iter().map(|target| &target.load).collect();
    let mut left: Vec<usize> = (0..targets.len()).collect();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = |must: bool| {
            left.iter().position(|target| {
                !left.iter().any(|other| waits_for(loads[*target], loads[*other], must))
            })
        };
        let next = free(false).or_else(|| free(true)).unwrap_or_else(|| {
            let cycle = cycle(&loads, &left);
            findings.extend(checked_at_once(&targets, &cycle));
            left.iter().position(|target| cycle.contains(target)).unwrap_or(0)
        });
        order.push(left.remove(next));
    }
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, target)| places[*target] = place);
    let mut numbered: Vec<_> = places.into_iter().zip(targets).collect();
    numbered.sort_by_key(|(place, _)| *place);
    numbered.into_iter().map(|(_, target)| target).collect()
}

/// Whether one target's rows had better be written after another's, or must be: a foreign key that
/// is checked at once needs the row, and so does a key that is looked up.
fn waits_for(load: &LoadTarget, other: &LoadTarget, must: bool) -> bool {
    let table = &other.table.name;
    if load.table.name == *table {
        return false;
    }
    let by_key = |key: &ForeignKey| key.references == *table && !must;
    let by_lookup = |(column, way): &(usize, &LookupWay)| {
        way.table == *table && (!must || load.key.contains(column))
    };
    load.table.foreign_keys.iter().any(by_key)
        || needed_at_once(load, table).is_some()
        || ways(load).iter().any(by_lookup)
}

/// The foreign key that makes a target's new rows need those of another table when they are
/// written.
fn needed_at_once<'l>(load: &'l LoadTarget, table: &TableName) -> Option<&'l ForeignKey> {
    let is_loaded = |name: &String| load.columns.iter().any(|it| it.column.name == *name);
    load.table.foreign_keys.iter().find(|key| {
        key.references == *table && !key.deferrable && key.columns.iter().all(is_loaded)
    })
}

/// Targets of which each must come after the next, and the last after the first; of those left,
/// each must come after another.
fn cycle(loads: &[&LoadTarget], left: &[usize]) -> Vec<usize> {
    let mut path = left[..1].to_vec();
    loop {
        let last = loads[path[path.len() - 1]];
        let next = left.iter().find(|other| waits_for(last, loads[**other], true));
        let Some(next) = next else { return Vec::new() };
        if let Some(start) = path.iter().position(|target| target == next) {
            return path.split_off(start);
        }
        path.push(*next);
    }
}

/// The finding for targets that foreign keys let wait for each other. Keys that are looked up in
/// each other have one of their own.
fn checked_at_once(targets: &[TargetPlan], cycle: &[usize]) -> Option<Finding> {
    let table = |target: &usize| &targets[*target].load.table.name;
    let others = cycle.iter().cycle().skip(1);
    let keys: Vec<(usize, &ForeignKey)> = cycle
        .iter()
        .zip(others)
        .filter_map(|(target, other)| {
            Some((*target, needed_at_once(&targets[*target].load, table(other))?))
        })
        .collect();
    let (first, key) = keys.first()?;
    let tables: Vec<String> = cycle.iter().map(|target| table(target).to_string()).collect();
    let names: Vec<String> = keys.iter().map(|(_, key)| format!("`{}`", key.name)).collect();
    let message = format!(
        "{} refer to each other by foreign keys that are checked at once, {}: none can be written first",
        tables.join(" and "),
        names.join(" and ")
    );
    let hint = format!(
        "have one checked late, `alter table {} alter constraint {} deferrable`, or load its column by a pipeline of its own",
        table(first),
        key.name
    );
    let place = targets[*first].place.key("table");
    Some(Finding::new("bind.reference_cycle", place, message).hint(hint))
}

/// The ways in which a target's columns are looked up, with the column's place.
fn ways(load: &LoadTarget) -> Vec<(usize, &LookupWay)> {
    let columns = load.columns.iter().enumerate();
    let lookups = columns.filter_map(|(at, column)| Some((at, column.lookup.as_ref()?)));
    lookups
        .flat_map(|(at, lookup)| lookup.all_ways().into_iter().map(move |way| (at, way)))
        .collect()
}

/// The targets, each lookup knowing which of them have rows that it finds.
pub(super) fn linked(mut targets: Vec<TargetPlan>, findings: &mut Vec<Finding>) -> Vec<TargetPlan> {
    let before: Vec<LoadTarget> = targets.iter().map(|target| target.load.clone()).collect();
    for (child, load) in before.iter().enumerate() {
        for (column, way) in ways(load) {
            let place =
                targets[child].place.key("columns").key(load.columns[column].column.name.clone());
            let links =
                before.iter().enumerate().filter(|(_, parent)| parent.table.name == way.table);
            for (parent, into) in links {
                let link = Link { child, load, column, way, parent, into, place: &place };
                match link.check() {
                    Ok(true) => link.draw(&mut targets[parent].load),
                    Ok(false) => {}
                    Err(finding) => findings.push(finding),
                }
            }
        }
    }
    for target in &mut targets {
        for lookup in target.load.columns.iter_mut().filter_map(|column| column.lookup.as_mut()) {
            lookup.all_ways_mut(&mut |way| way.targets = sources(&before, way));
        }
    }
    targets
}

/// The targets whose new rows a lookup finds.
fn sources(loads: &[LoadTarget], way: &LookupWay) -> Vec<usize> {
    let sources = loads.iter().enumerate().filter(|(_, load)| {
        load.table.name == way.table && has_keys(load, way) && is_taken(load, way)
    });
    sources.map(|(at, _)| at).collect()
}

/// Whether new rows of a target have what a lookup matches by.
fn has_keys(load: &LoadTarget, way: &LookupWay) -> bool {
    way.terms.iter().all(|term| load.columns.iter().any(|it| it.column.name == term.column.name))
}

/// Whether new rows of a target have a value to take: it is loaded, or there is a default.
fn is_taken(load: &LoadTarget, way: &LookupWay) -> bool {
    way.take.has_default || load.columns.iter().any(|it| it.column.name == way.take.name)
}

/// A lookup into a table that another target of the run writes, or the same one.
struct Link<'l> {
    child: usize,
    load: &'l LoadTarget,
    column: usize,
    way: &'l LookupWay,
    parent: usize,
    into: &'l LoadTarget,
    place: &'l Place,
}

impl Link<'_> {
    /// Whether rows are found that the run writes.
    fn check(&self) -> Result<bool, Finding> {
        let table = &self.way.table;
        let versions = matches!(self.into.mode, LoadMode::History(_));
        let nameless = self.into.mode == LoadMode::Replace && self.into.key.is_empty();
        if versions || nameless {
            let what = if versions { "versions" } else { "rows without a key" };
            let message = format!(
                "this run writes {what} of {table}, which lookups cannot tell apart before"
            );
            return Err(self.finding(
                message,
                format!("load {table} by a pipeline of its own, before this one"),
            ));
        }
        if !has_keys(self.into, self.way) || !is_taken(self.into, self.way) {
            return Ok(false);
        }
        let names =
            self.way.terms.iter().map(|term| &term.column.name).chain([&self.way.take.name]);
        let unknown: Vec<String> = names.filter(|name| !self.is_known(name)).cloned().collect();
        if !unknown.is_empty() {
            let message = format!(
                "this run writes {table} too, and {} of its new rows is not known when others are looked up",
                listed(&unknown)
            );
            return Err(self.finding(
                message,
                "match by columns that are read from the source, or are looked up for its key",
            ));
        }
        let of_key = self.load.key.contains(&self.column);
        if of_key && self.parent >= self.child {
            let message = format!(
                "the key of {} is looked up in {table}, which comes after it",
                self.load.table.name
            );
            return Err(
                self.finding(message, "rows that refer to each other need keys that do not")
            );
        }
        Ok(true)
    }

    fn is_known(&self, name: &str) -> bool {
        let at = self.into.columns.iter().position(|it| it.column.name == name);
        at.is_none_or(|at| self.into.is_known_early(at))
    }

    fn finding(&self, message: String, hint: impl Into<String>) -> Finding {
        Finding::new("bind.lookup_in_run", self.place.key("lookup"), message).hint(hint)
    }

    /// Has the parent's new rows draw what is taken, unless it is loaded.
    fn draw(&self, parent: &mut LoadTarget) {
        parent.is_looked_into = true;
        if parent.columns.iter().any(|column| column.column.name == self.way.take.name) {
            return;
        }
        parent.columns.push(LoadColumn {
            column: self.way.take.clone(),
            computed: None,
            lookup: None,
            drawn: true,
            unique: false,
            sensitive: false,
            merges: false,
        });
    }
}
