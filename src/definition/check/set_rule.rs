//! Rules on rows together: their columns are the target's, and a history has no rows at once.

use super::{Checker, hinted};
use crate::{
    definition::{TargetDefinition, WriteMode},
    diagnostic::Place,
};

impl Checker<'_> {
    pub(super) fn set_rules(&mut self, target: &TargetDefinition, columns: &[&str], place: &Place) {
        for (index, rule) in target.overlap.iter().enumerate() {
            let here = place.key("overlap").index(index);
            self.known_column(&rule.column, columns, &here.key("column"));
            self.known_columns(&rule.within, columns, &here.key("within"));
        }
        for (index, rule) in target.gap.iter().enumerate() {
            let here = place.key("gap").index(index);
            self.known_column(&rule.column, columns, &here.key("column"));
            self.known_columns(&rule.within, columns, &here.key("within"));
            if rule.largest.is_some_and(|largest| largest <= rule.tolerance) {
                let message = "no gap is larger than the tolerance and no larger than this";
                self.report("definition.no_effect", &here.key("largest"), message);
            }
        }
        for (index, rule) in target.area.iter().enumerate() {
            let here = place.key("area").index(index);
            self.known_column(&rule.column, columns, &here.key("column"));
            self.known_column(&rule.declared, columns, &here.key("declared"));
        }
        for (index, rule) in target.total.iter().enumerate() {
            self.known_columns(&rule.by, columns, &place.key("total").index(index).key("by"));
        }
        for (index, rule) in target.inside.iter().enumerate() {
            let here = place.key("inside").index(index);
            self.known_column(&rule.column, columns, &here.key("column"));
            self.table_name(&rule.table, &here.key("table"));
            for (theirs, ours) in &rule.matching {
                self.known_column(ours, columns, &here.key("match").key(theirs.clone()));
            }
        }
        self.set_rules_of_history(target, place);
    }

    fn known_columns(&mut self, names: &[String], columns: &[&str], place: &Place) {
        for (index, name) in names.iter().enumerate() {
            self.known_column(name, columns, &place.index(index));
        }
        self.repeated(names, place);
    }

    fn set_rules_of_history(&mut self, target: &TargetDefinition, place: &Place) {
        if target.mode != WriteMode::History || !self.is_sound(&place.key("mode")) {
            return;
        }
        let given = [
            ("overlap", target.overlap.is_empty()),
            ("gap", target.gap.is_empty()),
            ("total", target.total.is_empty()),
        ];
        for (key, _) in given.into_iter().filter(|(_, is_empty)| !is_empty) {
            let message = format!(
                "`{key}` compares rows that are there at the same time, and a history has versions of many times"
            );
            self.report_key("definition.conflict", &place.key(key), message).hint =
                hinted("load the rows of today into a table of their own");
        }
    }
}
