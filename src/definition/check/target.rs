//! `[[target]]`: the table, its mode and key, and what filters its records.

use super::{Checker, hinted};
use crate::{
    definition::{Duplicates, MergeRule, Rules, TargetDefinition, WriteMode},
    diagnostic::Place,
};

impl Checker<'_> {
    pub(super) fn target(&mut self, target: &TargetDefinition, place: &Place) {
        self.table_name(&target.table, &place.key("table"));
        self.mode_and_key(target, place);
        self.history(target, place);
        self.operation(target, place);
        self.unpivot(target, place);
        let columns: Vec<&str> = target.columns.keys().map(String::as_str).collect();
        for (list, names) in [("key", &target.key), ("scope", &target.scope)] {
            for (index, name) in names.iter().enumerate() {
                self.known_column(name, &columns, &place.key(list).index(index));
            }
            self.repeated(names, &place.key(list));
        }
        self.deletes(target, place);
        if let Some(Duplicates::Max(rule)) = &target.duplicates {
            self.known_column(&rule.max, &columns, &place.key("duplicates").key("max"));
        }
        for (field, rules) in &target.when {
            self.filter(rules, &place.key("when").key(field));
        }
        self.target_columns(target, &place.key("columns"));
        self.set_rules(target, &columns, place);
    }

    fn mode_and_key(&mut self, target: &TargetDefinition, place: &Place) {
        let (mode, key) = (place.key("mode"), place.key("key"));
        let duplicates = place.key("duplicates");
        if !self.is_sound(&mode) || !self.is_sound(&key) {
            return;
        }
        let appends = target.mode == WriteMode::Append;
        let keyless = appends || target.mode == WriteMode::Replace;
        if !keyless && target.key.is_empty() {
            let message = "this mode needs a key, to know which rows are there already";
            self.report("definition.missing_key", &mode, message).hint =
                hinted("add `key = [\"...\"]` with the columns that tell rows apart");
        }
        if appends && !target.key.is_empty() {
            let message = "`key` does nothing with `mode = \"append\"`, which adds every record";
            self.report_key("definition.conflict", &key, message).hint =
                hinted("`insert` leaves rows alone that are there, `upsert` updates them");
        } else if keyless && target.key.is_empty() && target.duplicates.is_some() {
            let message = "`duplicates` needs a key, and this target has none";
            self.report_key("definition.conflict", &duplicates, message).hint =
                hinted("use `insert` or `upsert` with a `key`");
        }
    }

    /// What says which rows are deleted, and how.
    fn deletes(&mut self, target: &TargetDefinition, place: &Place) {
        if !self.is_sound(&place.key("mode")) {
            return;
        }
        let (scope, soft) = (place.key("scope"), place.key("soft_delete"));
        let closes = target.mode == WriteMode::History && target.deletes();
        if target.mode != WriteMode::Mirror {
            let scoped = target.mode == WriteMode::Manifest;
            for (key, place) in [("scope", &scope), ("soft_delete", &soft)] {
                if self.is_given(place) && !((closes || scoped) && key == "scope") {
                    let message = format!("`{key}` means something with `mode = \"mirror\"` only");
                    self.report_key("definition.conflict", place, message).hint =
                        hinted("use `mirror`, or take the key out");
                }
            }
        }
        if target.mode != WriteMode::Mirror && !closes {
            return;
        }
        let keyed =
            !target.key.is_empty() && target.key.iter().all(|key| target.scope.contains(key));
        if keyed {
            let message =
                "a scope that holds the whole key has no absent rows: nothing is ever deleted";
            self.report_key("definition.no_effect", &scope, message).hint =
                hinted("name the columns that many rows share, or use `upsert`");
        }
        let written = target.soft_delete.as_ref().map(|soft| &soft.column);
        if let Some(column) = written.filter(|column| target.columns.contains_key(*column)) {
            let message = format!("`{column}` is written by this target itself");
            self.report("definition.conflict", &soft.key("column"), message).hint =
                hinted("take it out of the columns: deleting and coming back write it");
        }
    }

    fn filter(&mut self, rules: &Rules, place: &Place) {
        if rules == &Rules::default() && self.is_sound(place) {
            let message = "the filter has no rule, so it lets everything through";
            self.report_key("definition.no_effect", place, message).hint =
                hinted("add a rule, such as `required = true`");
        }
        if rules.unique {
            let message = "`unique` needs all records, a filter sees one at a time";
            self.report_key("definition.conflict", &place.key("unique"), message).hint =
                hinted("give the target a `key` and say with `duplicates` which record is kept");
        }
        self.rules(rules, place);
    }

    fn merge(
        &mut self,
        target: &TargetDefinition,
        (name, merge): (&String, Option<MergeRule>),
        place: &Place,
    ) {
        let updates = matches!(target.mode, WriteMode::Upsert | WriteMode::Mirror);
        let here = place.key("merge");
        if merge.is_none() || !self.is_sound(&here) {
            return;
        }
        if !updates {
            let message = "`merge` means something with `mode = \"upsert\"` and `mirror` only";
            self.report_key("definition.conflict", &here, message).hint =
                hinted("other modes never change a value that is there");
        } else if target.key.contains(name) {
            let message = format!("`{name}` is in the key, which no update changes");
            self.report_key("definition.conflict", &here, message);
        }
    }

    fn target_columns(&mut self, target: &TargetDefinition, place: &Place) {
        let mut rest: Option<&str> = None;
        for (name, column) in &target.columns {
            let here = place.key(name);
            self.column_name(name, &here);
            self.column(column, &here);
            self.merge(target, (name, column.merge), &here);
            if let (true, Some(first)) = (column.rest, rest) {
                let message = format!("`{first}` takes the rest already");
                self.report_key("definition.conflict", &here.key("rest"), message);
            }
            if column.rest {
                rest = rest.or(Some(name));
            }
        }
    }
}
