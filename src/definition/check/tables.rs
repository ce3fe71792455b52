//! Several targets on one table: each has rows of its own, told apart by a constant in the key.

use super::{Checker, hinted};
use crate::{
    definition::{
        Duplicates, ImportDefinition, Keep, TargetDefinition, UnresolvedRule, WriteMode,
        table_name::split_table,
    },
    diagnostic::Place,
};

impl Checker<'_> {
    /// What targets may not have in common, and what goes with others only.
    pub(super) fn tables(&mut self, definition: &ImportDefinition) {
        let place = |index: usize| Place::root().key("target").index(index);
        let mut tables: Vec<((Option<String>, String), &TargetDefinition)> = Vec::new();
        for (index, target) in definition.targets.iter().enumerate() {
            self.unresolved(definition, target, &place(index));
            self.shared(target, &place(index));
            // A name that is none is reported with the target.
            let Ok(name) = split_table(&target.table) else { continue };
            let name = (name.0.map(|schema| schema.to_string()), name.1.to_string());
            let mut same =
                tables.iter().filter(|(other, _)| *other == name).map(|(_, other)| *other);
            if let Some(other) = same.find(|other| !appends(other, target)) {
                self.second_target(other, target, &place(index));
            }
            tables.push((name, target));
        }
        for (index, target) in definition.targets.iter().enumerate() {
            let others = definition.targets.iter().enumerate();
            let others = others.filter(|(at, other)| *at != index && same_table(target, other));
            others.for_each(|(_, other)| self.rules_beside(target, other, &place(index)));
        }
    }

    /// Rules on rows together see the records of their own target only. So what they compare may
    /// not reach rows of another target of the table.
    fn rules_beside(&mut self, target: &TargetDefinition, other: &TargetDefinition, place: &Place) {
        let apart = told_apart_by(target, other);
        let reaches = |shared: &[String]| !apart.is_some_and(|column| shared.contains(column));
        let (overlap, gap, total) = (place.key("overlap"), place.key("gap"), place.key("total"));
        let within = |shared: &[String], place: &Place| (reaches(shared), place.key("within"));
        let overlaps = target.overlap.iter().enumerate();
        let overlaps = overlaps.map(|(at, rule)| within(&rule.within, &overlap.index(at)));
        let gaps = target.gap.iter().enumerate();
        let gaps = gaps.map(|(at, rule)| within(&rule.within, &gap.index(at)));
        let totals = target.total.iter().enumerate();
        let totals = totals.map(|(at, rule)| (reaches(&rule.by), total.index(at).key("by")));
        let reaching: Vec<Place> =
            overlaps.chain(gaps).chain(totals).filter(|it| it.0).map(|it| it.1).collect();
        for place in reaching {
            let message = format!(
                "`{}` is written by another target too, whose records the rule would not see",
                target.table
            );
            let hint = match apart {
                Some(column) => format!(
                    "compare rows with the same `{column}` only, or write all rows by one target, with `unpivot`"
                ),
                None => "write all rows by one target, with `unpivot`".to_owned(),
            };
            self.report("definition.conflict", &place, message).hint = hinted(hint);
        }
    }

    fn second_target(
        &mut self,
        first: &TargetDefinition,
        second: &TargetDefinition,
        place: &Place,
    ) {
        let table = &second.table;
        let Some(column) = told_apart_by(first, second) else {
            let message = format!("`{table}` is written by another target already");
            let hint = "two targets of one table have the same key, and in it a constant that differs: `relation = { value = \"Mother\" }`; else put all its columns into one";
            self.report("definition.duplicate", &place.key("table"), message).hint = hinted(hint);
            return;
        };
        for target in [first, second] {
            let deletes_others = match target.mode {
                WriteMode::Mirror => !target.scope.contains(column),
                WriteMode::Replace => true,
                _ => false,
            };
            if deletes_others {
                let message = format!(
                    "rows of the other target of `{table}` would be deleted: they are absent here"
                );
                let hint = format!("use `mirror` with `{column}` in its `scope`, or `upsert`");
                self.report("definition.conflict", &place.key("mode"), message).hint = hinted(hint);
                return;
            }
        }
    }

    /// What keeps records from sharing a row.
    fn shared(&mut self, target: &TargetDefinition, place: &Place) {
        if !target.shared {
            return;
        }
        let here = place.key("shared");
        if target.key.is_empty() && self.is_sound(&place.key("key")) {
            let message = "`shared` needs a key, by which records share a row";
            self.report_key("definition.conflict", &here, message).hint =
                hinted("use `insert` or `upsert` with a `key`");
        }
        if matches!(&target.duplicates, Some(Duplicates::Keep(rule)) if rule.keep == Keep::Reject) {
            let message = "records that share a row would all be rejected";
            self.report("definition.conflict", &place.key("duplicates"), message).hint =
                hinted("leave it out: records that differ in the row they share are rejected");
        }
        if target.operation.is_some() {
            let message = "a row that many records share cannot be deleted by one of them";
            self.report_key("definition.conflict", &here, message).hint =
                hinted("take it out, or delete by a target of its own");
        }
        for (name, _) in target.columns.iter().filter(|(_, column)| column.rules.unique) {
            let message = "records that share a row have the same value";
            let unique = place.key("columns").key(name).key("unique");
            self.report_key("definition.conflict", &unique, message).hint =
                hinted("take it out: a unique constraint of the table is looked at anyway");
        }
    }

    /// Replaying a record adds its rows again where they were added.
    fn unresolved(
        &mut self,
        definition: &ImportDefinition,
        target: &TargetDefinition,
        place: &Place,
    ) {
        if target.unresolved == UnresolvedRule::RejectRecord {
            return;
        }
        let here = place.key("unresolved");
        if !target.columns.values().any(|column| column.lookup.is_some()) {
            let message = "no column of this target is looked up";
            self.report_key("definition.no_effect", &here, message).hint =
                hinted("take it out, or write a `lookup`");
        }
        if definition.targets.iter().any(|other| other.mode == WriteMode::Append) {
            let message = "a record that is replayed would be appended again to another target";
            self.report("definition.conflict", &here, message).hint =
                hinted("use `reject_record`, or give the other target a key and `upsert`");
        }
    }
}

/// Whether two targets write one table, whose schema is `public` where none is named.
fn same_table(one: &TargetDefinition, other: &TargetDefinition) -> bool {
    let name = |target: &TargetDefinition| {
        let (schema, table) = split_table(&target.table).ok()?;
        Some((schema.map_or_else(|| "public".to_owned(), |it| it.to_string()), table.to_string()))
    };
    name(one).is_some_and(|one| Some(one) == name(other))
}

fn appends(first: &TargetDefinition, second: &TargetDefinition) -> bool {
    first.mode == WriteMode::Append && second.mode == WriteMode::Append
}

/// A column of the key that both have, with constants that differ.
fn told_apart_by<'t>(first: &'t TargetDefinition, second: &TargetDefinition) -> Option<&'t String> {
    let same_key = first.key.len() == second.key.len()
        && first.key.iter().all(|column| second.key.contains(column));
    let constant =
        |target: &'t TargetDefinition, name: &str| target.columns.get(name)?.value.clone();
    first.key.iter().filter(|_| same_key).find(|name| {
        let other = second.columns.get(*name).and_then(|column| column.value.clone());
        let own = constant(first, name);
        own.is_some()
            && other.is_some()
            && own.map(|it| it.to_string()) != other.map(|it| it.to_string())
    })
}
