//! `[output]`: where an export goes, and how.

use super::{Checker, hinted};
use crate::{definition::OutputDefinition, diagnostic::Place};

impl Checker<'_> {
    pub(super) fn output(&mut self, output: &OutputDefinition, place: &Place) {
        let path = place.key("path");
        if self.is_local(&output.path, &path) {
            self.placeholders(&output.path, &path);
        }
        let delimiter = place.key("delimiter");
        if let Some(text) = &output.delimiter
            && self.is_sound(&delimiter)
            && self.ascii_character("delimiter", text, &delimiter) == Some('"')
        {
            let message = "`\"` stands around fields, it cannot stand between them";
            self.report("definition.conflict", &delimiter, message);
        }
    }

    /// Braces come in pairs, around a name.
    fn placeholders(&mut self, path: &str, place: &Place) {
        let mut rest = path;
        while let Some(at) = rest.find(['{', '}']) {
            let after = &rest[at + 1..];
            let name = after.split_once('}').filter(|_| rest[at..].starts_with('{'));
            let is_name = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            };
            let Some((_, remaining)) = name.filter(|(name, _)| is_name(name)) else {
                let message = "braces stand around the name of a value";
                self.report("definition.path", place, message).hint =
                    hinted("write `{name}`, and give it with `--set name=value`");
                return;
            };
            rest = remaining;
        }
    }
}
