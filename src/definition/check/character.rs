//! Keys that hold a single character, and marks in numbers.

use super::{Checker, hinted};
use crate::diagnostic::Place;

impl Checker<'_> {
    /// The one ASCII character of a text; anything else is reported.
    pub(super) fn ascii_character(&mut self, key: &str, text: &str, place: &Place) -> Option<char> {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) if only.is_ascii() && !matches!(only, '\n' | '\r' | '\0') => {
                return Some(only);
            }
            (Some('\\'), Some('t')) if text.len() == 2 => {
                self.report("definition.character", place, format!("`{key}` is one character"))
                    .hint = hinted("a tab is `\"\\t\"` in double quotes");
            }
            (Some(_), None) => {
                let message = format!("`{key}` is one ASCII character, and no line break");
                self.report("definition.character", place, message);
            }
            _ => {
                let message = format!("`{key}` is one character, not {}", text.chars().count());
                self.report("definition.character", place, message);
            }
        }
        None
    }

    /// The marks in numbers: one character each (a group mark of no text is none), and
    /// different, also from the one that is inherited from the source.
    pub(super) fn marks(&mut self, own: Marks<'_>, inherited: Marks<'_>, place: &Place) {
        for (key, mark) in [("decimal_mark", own.decimal), ("group_mark", own.group)] {
            let Some(mark) = mark else { continue };
            let mut characters = mark.chars();
            let one = (characters.next(), characters.next());
            let is_none = key == "group_mark" && mark.is_empty();
            if !is_none && !matches!(one, (Some(mark), None) if is_mark(mark)) {
                let message = format!("`{key}` is one character that no number has otherwise");
                self.report("definition.character", &place.key(key), message).hint =
                    hinted("usual ones are `.`, `,`, `'` and the space");
            }
        }
        let decimal = own.decimal.or(inherited.decimal).unwrap_or(".");
        let group = own.group.or(inherited.group).unwrap_or_default();
        if group != decimal {
            return;
        }
        if own.group.is_some() {
            let message = format!("`{group}` is the mark before decimals as well");
            let finding = self.report("definition.conflict", &place.key("group_mark"), message);
            if own.decimal.is_none() && inherited.decimal.is_none() {
                finding.hint = hinted("it is `.` unless `decimal_mark` says otherwise");
            }
        } else if own.decimal.is_some() {
            let message = format!("`{decimal}` is the source's mark between groups as well");
            self.report("definition.conflict", &place.key("decimal_mark"), message).hint =
                hinted("add `group_mark = \"\"` where digits are not grouped");
        }
    }
}

/// The marks that are written in one place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks<'m> {
    pub(super) decimal: Option<&'m str>,
    pub(super) group: Option<&'m str>,
}

fn is_mark(character: char) -> bool {
    !character.is_alphanumeric() && !matches!(character, '+' | '-' | '(' | ')' | '%' | '\n' | '\r')
}
