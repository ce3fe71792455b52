//! `[after]`: words that stand for something, and names.

use super::{Checker, hinted};
use crate::{
    definition::{AfterDefinition, Scalar},
    diagnostic::{Place, did_you_mean},
};

/// Words that do not stand for themselves; `load::LogValue` gives them their meaning.
const WORDS: [&str; 3] = [":tally", ":run", ":pipeline"];

impl Checker<'_> {
    pub(super) fn after(&mut self, after: &AfterDefinition, place: &Place) {
        let Some(log) = &after.log else { return };
        let here = place.key("log");
        self.table_name(&log.table, &here.key("table"));
        for (name, value) in &log.columns {
            let here = here.key("columns").key(name);
            self.column_name(name, &here);
            let Scalar::Text(text) = value else { continue };
            if text.starts_with(':') && !WORDS.contains(&text.as_str()) {
                let message = format!("`{text}` stands for nothing");
                let hint = match did_you_mean(text, WORDS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are `{}`", WORDS.join("`, `")),
                };
                self.report("definition.value", &here, message).hint = hinted(hint);
            }
        }
    }
}
