//! `[target.operation]`: goes with `upsert`, and its words mean one thing each.

use super::{Checker, hinted};
use crate::{
    definition::{OperationDefinition, TargetDefinition, WriteMode},
    diagnostic::Place,
};

impl Checker<'_> {
    pub(super) fn operation(&mut self, target: &TargetDefinition, place: &Place) {
        let Some(operation) = &target.operation else { return };
        let here = place.key("operation");
        let by_operation = [WriteMode::Upsert, WriteMode::Manifest];
        if !by_operation.contains(&target.mode) && self.is_sound(&place.key("mode")) {
            let message = "`operation` means something with `mode = \"upsert\"` only";
            self.report_key("definition.conflict", &here, message).hint =
                hinted("records that insert, update and delete need to find their rows by key");
        }
        self.words(operation, &here);
        for (index, name) in target.key.iter().enumerate() {
            if target.columns.get(name).is_some_and(|column| column.sql.is_some()) {
                let message =
                    format!("`{name}` is computed, and a deletion has nothing but its key");
                let hint = "with `operation`, read the columns of the key from the source";
                self.report("definition.conflict", &place.key("key").index(index), message).hint =
                    hinted(hint);
            }
        }
    }

    /// Each word once, in one list.
    fn words(&mut self, operation: &OperationDefinition, place: &Place) {
        let lists = [
            ("insert", &operation.insert),
            ("update", &operation.update),
            ("delete", &operation.delete),
        ];
        let mut seen: Vec<&String> = Vec::new();
        for (key, words) in lists {
            for (index, word) in words.iter().enumerate() {
                if seen.contains(&word) {
                    let message = format!("`{word}` has a meaning already");
                    self.report("definition.duplicate", &place.key(key).index(index), message);
                }
                seen.push(word);
            }
        }
    }
}
