//! `[target.history]`: goes with its mode, and its columns are not anybody else's.

use super::{Checker, hinted};
use crate::{
    definition::{HistoryDefinition, TargetDefinition, WriteMode},
    diagnostic::Place,
};

impl Checker<'_> {
    pub(super) fn history(&mut self, target: &TargetDefinition, place: &Place) {
        let (mode, here) = (place.key("mode"), place.key("history"));
        match (&target.history, target.mode) {
            (Some(history), WriteMode::History) => self.versions(target, history, place),
            (None, WriteMode::History) if self.is_sound(&here) => {
                let message = "`mode = \"history\"` needs to know the columns of validity";
                self.report("definition.missing_key", &mode, message).hint = hinted(
                    "add `history = { valid_from = \"valid_from\", valid_to = \"valid_to\" }`",
                );
            }
            (Some(_), _) if self.is_sound(&mode) => {
                let message = "`history` means something with `mode = \"history\"` only";
                self.report_key("definition.conflict", &here, message).hint =
                    hinted("set the mode, or take the table out");
            }
            _ => {}
        }
    }

    fn versions(&mut self, target: &TargetDefinition, history: &HistoryDefinition, place: &Place) {
        let here = place.key("history");
        let managed =
            [("valid_to", Some(&history.valid_to)), ("current", history.current.as_ref())];
        let mut taken = vec![("valid_from", &history.valid_from)];
        for (key, column) in managed {
            let Some(column) = column else { continue };
            if let Some((other, _)) = taken.iter().find(|(_, name)| *name == column) {
                let message = format!("`{column}` is `{other}` already");
                self.report("definition.duplicate", &here.key(key), message);
            } else if target.columns.contains_key(column) {
                let message = format!("`{column}` is kept by `mode = \"history\"` itself");
                let place = place.key("columns").key(column.clone());
                self.report_key("definition.conflict", &place, message).hint =
                    hinted("take it out: it follows from the versions' `valid_from`");
            }
            taken.push((key, column));
        }
        if let Some(index) = target.key.iter().position(|name| *name == history.valid_from) {
            let message = "the key says which row a version belongs to, not which version it is";
            self.report("definition.conflict", &place.key("key").index(index), message).hint =
                hinted(format!("take `{}` out of the key", history.valid_from));
        }
        if let Some(end) = &history.open_end {
            self.open_end(end, &here.key("open_end"));
        }
    }

    fn open_end(&mut self, end: &str, place: &Place) {
        if end != "infinity" && end.parse::<jiff::civil::Date>().is_err() {
            let message = "expected `infinity` or a day, such as `9999-12-31`";
            self.report("definition.value", place, message).hint =
                hinted("leave it out where the column is NULL until the end is known");
        }
    }
}
