//! `lookup`: each way to find the row says where, by what, and which column is taken.

use super::{Checker, hinted};
use crate::{
    definition::{ColumnDefinition, FieldRef, LookupWay, MatchValue},
    diagnostic::Place,
};

/// What a column that is matched can take its values from.
const MATCHED_ORIGINS: &str = "`from`, `value` or `lookup`";

impl Checker<'_> {
    pub(super) fn lookup(&mut self, column: &ColumnDefinition, place: &Place) {
        if column.lookup.is_none() {
            for key in ["match", "take", "or"] {
                let here = place.key(key);
                if self.is_given(&here) && self.is_sound(&here) {
                    let message = format!("`{key}` belongs to `lookup`, which is not here");
                    self.report_key("definition.not_applicable", &here, message).hint =
                        hinted("`lookup = \"schema.table\"` names the table that has the value");
                }
            }
            return;
        }
        for way in column.ways() {
            let here = match way.alternative {
                None => place.clone(),
                Some(index) => place.key("or").index(index),
            };
            self.way(&way, &here);
        }
    }

    fn way(&mut self, way: &LookupWay<'_>, place: &Place) {
        if self.is_given(&place.key("lookup")) && self.is_sound(&place.key("lookup")) {
            self.table_name(way.table, &place.key("lookup"));
        }
        if way.take.is_empty() {
            let message = "the lookup does not say which column it takes";
            self.report_key("definition.missing_key", place, message).hint =
                hinted("`take = \"...\"`: the column of the row found that is the value");
        }
        if way.matching.is_empty() && self.is_sound(&place.key("match")) {
            let message = "the lookup does not say which row it looks for";
            self.report_key("definition.missing_key", place, message).hint = hinted(
                "`match = { code = \"...\" }`: columns of the table, and the fields they equal",
            );
        }
        let mut varies = false;
        for (name, value) in way.matching {
            let here = place.key("match").key(name.clone());
            varies |= self.matched(value, &here);
        }
        if !varies && !way.matching.is_empty() {
            let message = "every record would find the same row: nothing of it is matched";
            self.report_key("definition.no_effect", &place.key("match"), message).hint =
                hinted("name a source field: `match = { code = \"...\" }`");
        }
    }

    /// Whether the value comes from the record, and is no constant.
    fn matched(&mut self, value: &MatchValue, place: &Place) -> bool {
        let column = match value {
            MatchValue::Field(FieldRef::Name(name)) if name.is_empty() => {
                self.report("definition.empty", place, "the field has no name").hint =
                    hinted("a field without a name is meant by its number, from 1");
                return true;
            }
            MatchValue::Field(_) => return true,
            MatchValue::Column(column) => column,
        };
        for key in ["sql", "rest", "unique"] {
            let here = place.key(key);
            if self.is_given(&here) && self.is_sound(&here) {
                let message =
                    format!("what is matched comes from {MATCHED_ORIGINS}, not by `{key}`");
                self.report_key("definition.not_applicable", &here, message);
            }
        }
        self.column(column, place);
        column.value.is_none()
    }
}
