//! Checks of meaning that need neither data nor database.
//!
//! The schema has seen every key and every type by now; what is left is how
//! keys go together, and texts that follow a grammar of their own: patterns,
//! date formats, zones, encodings, names. Each file owns one part of the
//! definition; all of them add to one list.

mod after;
mod bundle;
mod cells;
mod character;
mod column;
mod crs;
mod date_format;
mod encoding;
mod export;
mod history;
mod lookup;
mod names;
mod operation;
mod path;
mod pattern;
mod rules;
mod set_rule;
mod source;
mod steps;
mod tables;
mod target;
mod unpivot;
mod zone;

use super::{
    Document, ExportDefinition, ImportDefinition, TargetDefinition, WriteMode, read::is_sound,
};
use crate::diagnostic::{Finding, Place};
use character::Marks;

/// What is wrong with an import; `unsound` places were mended and prove nothing.
pub(super) fn import(
    definition: &ImportDefinition,
    document: &Document,
    unsound: &[Place],
) -> Vec<Finding> {
    let inherited = Marks::default();
    let mut checker = Checker { document, unsound, inherited, findings: Vec::new() };
    let root = Place::root();
    checker.reads(definition);
    checker.limits(definition, &root.key("limits"));
    checker.after(&definition.after, &root.key("after"));
    for (index, target) in definition.targets.iter().enumerate() {
        checker.inherit(definition, index);
        checker.target(target, &root.key("target").index(index));
        checker.manifest_mode(definition, index);
    }
    checker.tables(definition);
    checker.findings
}

/// What is wrong with an export.
pub(super) fn export(
    definition: &ExportDefinition,
    document: &Document,
    unsound: &[Place],
) -> Vec<Finding> {
    let inherited = Marks::default();
    let mut checker = Checker { document, unsound, inherited, findings: Vec::new() };
    checker.export(definition, &Place::root());
    checker.findings
}

/// Gathers findings; the checks themselves stand with the part they check.
struct Checker<'a> {
    document: &'a Document,
    unsound: &'a [Place],
    /// The source's marks in numbers, which columns inherit.
    inherited: Marks<'a>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    /// Adds a finding about the value at `place`, to be given a hint or to be moved to the key.
    fn report(
        &mut self,
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.findings.push(Finding::new(code, place.clone(), message));
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Adds a finding about the key at `place`.
    fn report_key(
        &mut self,
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
    ) -> &mut Finding {
        let finding = self.report(code, place, message);
        finding.at_key = true;
        finding
    }

    /// Whether the author wrote something there.
    fn is_given(&self, place: &Place) -> bool {
        self.document.get(place).is_some()
    }

    /// Whether what stands there is what the author wrote, and not a repair.
    fn is_sound(&self, place: &Place) -> bool {
        is_sound(place, self.unsound)
    }

    /// The keys the author wrote in the table at `place`.
    fn keys(&self, place: &Place) -> Vec<String> {
        let table = self.document.get(place).and_then(serde_json::Value::as_object);
        table.into_iter().flat_map(serde_json::Map::keys).cloned().collect()
    }

    fn limits(&mut self, definition: &ImportDefinition, place: &Place) {
        let share = |limit: &Option<super::Limit>| match limit {
            Some(super::Limit::Share(share)) => share.trim_end_matches('%').parse::<f64>().ok(),
            _ => None,
        };
        let limits =
            [("rejected", &definition.limits.rejected), ("deleted", &definition.limits.deleted)];
        for (key, limit) in limits {
            if share(limit).is_some_and(|share| share > 100.0) {
                let message = "a share is at most 100%";
                self.report("definition.range", &place.key(key), message);
            }
        }
        self.deletions(definition, place);
    }

    /// What goes together when rows are deleted, and what does not.
    fn deletions(&mut self, definition: &ImportDefinition, limits: &Place) {
        let modes: Vec<WriteMode> = definition.targets.iter().map(|target| target.mode).collect();
        let mode = |index: usize| Place::root().key("target").index(index).key("mode");
        if (0..modes.len()).any(|index| !self.is_sound(&mode(index))) {
            return;
        }
        let deletes = definition.targets.iter().any(TargetDefinition::deletes);
        let deleted = limits.key("deleted");
        let orders = definition.targets.iter().any(|target| target.operation.is_some());
        if !deletes && !orders && self.is_given(&deleted) {
            let message = "no target of this pipeline deletes rows";
            self.report_key("definition.no_effect", &deleted, message).hint = hinted(
                "it is for `mode = \"mirror\"`, `mode = \"replace\"`, `absent = \"close\"` and `operation`",
            );
        }
        let appends = modes.iter().position(|mode| *mode == WriteMode::Append);
        if let (true, Some(index)) = (deletes, appends) {
            let message = "`append` adds records again that are read again, and a pipeline that deletes reads all files again";
            self.report("definition.conflict", &mode(index), message).hint =
                hinted("give the table a pipeline of its own, or a key and `upsert`");
        }
    }

    /// Reports texts that stand in a list more than once.
    fn repeated(&mut self, texts: &[String], place: &Place) {
        for (index, text) in texts.iter().enumerate() {
            if texts[..index].contains(text) {
                let message = format!("`{text}` stands here twice");
                self.report("definition.duplicate", &place.index(index), message);
            }
        }
    }
}

fn hinted(hint: impl Into<String>) -> Option<String> {
    Some(hint.into())
}
