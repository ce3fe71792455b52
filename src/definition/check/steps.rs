//! Steps: each has to do something, and to be possible.

use super::{Checker, hinted};
use crate::{
    definition::{PadStep, PartStep, Step},
    diagnostic::Place,
};

impl Checker<'_> {
    pub(super) fn steps(&mut self, steps: &[Step], place: &Place) {
        for (index, step) in steps.iter().enumerate() {
            self.step(step, &place.index(index));
            let is_twice = index > 0 && steps[index - 1] == *step && is_settled(step);
            if is_twice {
                let message = "the step before does the same";
                self.report("definition.no_effect", &place.index(index), message);
            }
        }
    }

    fn step(&mut self, step: &Step, place: &Place) {
        match step {
            Step::Replace([from, _]) if from.is_empty() => {
                let here = place.key("replace").index(0);
                self.report("definition.empty", &here, "the text to replace is empty");
            }
            Step::ReplaceRegex([pattern, to]) => self.replacement(pattern, to, place),
            Step::Part(part) => self.part(part, &place.key("part")),
            Step::PadLeft(pad) => self.pad(pad, &place.key("pad_left")),
            Step::PadRight(pad) => self.pad(pad, &place.key("pad_right")),
            Step::StripPrefix(text) => self.not_empty(text, &place.key("strip_prefix")),
            Step::StripSuffix(text) => self.not_empty(text, &place.key("strip_suffix")),
            Step::Prepend(text) => self.not_empty(text, &place.key("prepend")),
            Step::Append(text) => self.not_empty(text, &place.key("append")),
            Step::NullIf(words) => {
                let here = place.key("null_if");
                if words.is_empty() {
                    self.report("definition.empty", &here, "the list of words is empty");
                }
                self.repeated(words, &here);
            }
            _ => {}
        }
    }

    fn not_empty(&mut self, text: &str, place: &Place) {
        if text.is_empty() {
            self.report("definition.no_effect", place, "with an empty text the step does nothing");
        }
    }

    /// `$3` needs a third group; `$name` a group of that name.
    fn replacement(&mut self, pattern: &str, to: &str, place: &Place) {
        let here = place.key("replace_regex");
        let Some(regex) = self.pattern(pattern, &here.index(0)) else { return };
        for group in groups(to) {
            let known = match group.parse::<usize>() {
                Ok(number) => number < regex.captures_len(),
                Err(_) => regex.capture_names().flatten().any(|name| name == group),
            };
            if !known {
                let message = format!("the pattern has no group `{group}`");
                self.report("definition.pattern", &here.index(1), message).hint = hinted(
                    "write `${1}` to set a group's number off from what follows, and `$$` for \
                     a dollar sign",
                );
            }
        }
    }

    fn part(&mut self, part: &PartStep, place: &Place) {
        if part.0.is_empty() {
            self.report("definition.empty", &place.index(0), "the text to split at is empty");
        }
        if part.1 == 0 {
            self.report("definition.range", &place.index(1), "parts count from 1").hint =
                hinted("-1 is the last part");
        }
    }

    fn pad(&mut self, pad: &PadStep, place: &Place) {
        if pad.0 == 0 {
            let message = "padding to no characters does nothing";
            self.report("definition.no_effect", &place.index(0), message);
        }
        if pad.1.chars().count() != 1 {
            let message = "the character to pad with is exactly one";
            self.report("definition.character", &place.index(1), message);
        }
    }
}

/// Whether doing the step again changes nothing.
fn is_settled(step: &Step) -> bool {
    use Step::{Collapse, Lower, Nfc, Title, Trim, Unaccent, Upper};
    matches!(step, Trim | Collapse | Upper | Lower | Title | Unaccent | Nfc)
}

/// The groups a replacement refers to, as the regex crate reads it: `$name` or `${name}`.
fn groups(replacement: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    let mut rest = replacement;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let (name, remaining) = match after.strip_prefix('{').and_then(|it| it.split_once('}')) {
            Some(braced) => braced,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if !name.is_empty() {
            groups.push(name);
        }
        rest = remaining;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn groups_are_read_as_the_regex_crate_does() {
        assert_eq!(groups("$1-${2}x $$3 $name_1. $"), ["1", "2", "name_1"]);
        assert_eq!(groups("$1x"), ["1x"]);
    }
}
