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

    /// The marks in numbers: one character each (no group mark is empty text), and different.
    pub(super) fn marks(&mut self, decimal: Option<&str>, group: Option<&str>, place: &Place) {
        let group = group.filter(|group| !group.is_empty());
        for (key, mark) in [("decimal_mark", decimal), ("group_mark", group)] {
            let Some(mark) = mark else { continue };
            let mut characters = mark.chars();
            let one = (characters.next(), characters.next());
            if !matches!(one, (Some(mark), None) if is_mark(mark)) {
                let message = format!("`{key}` is one character that no number has otherwise");
                self.report("definition.character", &place.key(key), message).hint =
                    hinted("usual ones are `.`, `,`, `'` and the space");
            }
        }
        if group.is_some() && group == decimal {
            let message = "`group_mark` and `decimal_mark` are the same character";
            self.report("definition.conflict", &place.key("group_mark"), message);
        } else if group == Some(".") && decimal.is_none() {
            let message = "`group_mark` is the decimal mark, which is `.` unless given";
            self.report("definition.conflict", &place.key("group_mark"), message).hint =
                hinted("add `decimal_mark = \",\"`");
        }
    }
}

fn is_mark(character: char) -> bool {
    !character.is_alphanumeric() && !matches!(character, '+' | '-' | '(' | ')' | '%' | '\n' | '\r')
}
