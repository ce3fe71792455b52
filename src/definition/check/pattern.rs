//! Regular expressions.

use std::ops::Range;

use regex::Regex;

use super::Checker;
use crate::diagnostic::Place;

impl Checker<'_> {
    /// The compiled pattern; one that does not compile is reported, its wrong part underlined.
    pub(super) fn pattern(&mut self, pattern: &str, place: &Place) -> Option<Regex> {
        let error = match Regex::new(pattern) {
            Ok(regex) => return Some(regex),
            Err(error) => error.to_string(),
        };
        let reason = error.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let reason = reason.unwrap_or("it would be too big");
        let bytes = marked(&error, pattern).and_then(|part| self.bytes_within(part, place));
        let message = format!("the regular expression cannot be used: {reason}");
        self.report("definition.pattern", place, message).bytes = bytes;
        None
    }

    /// The bytes of the file for a part of a text, where the text stands as it is.
    fn bytes_within(&self, part: Range<usize>, place: &Place) -> Option<Range<usize>> {
        let value = self.document.get(place)?.as_str()?;
        let span = self.document.value_bytes(place)?;
        let start = span.start + self.document.text().get(span)?.find(value)?;
        Some(start + part.start..start + part.end)
    }
}

/// The bytes of the pattern that the error's `^` marks point at.
fn marked(error: &str, pattern: &str) -> Option<Range<usize>> {
    const INDENT: usize = 4;
    let marks = error.lines().find(|line| {
        line.contains('^') && line.chars().all(|character| matches!(character, ' ' | '^'))
    })?;
    let start = marks.find('^')?.checked_sub(INDENT)?;
    let end = start + marks.trim_start().trim_end().chars().take_while(|c| *c == '^').count();
    let byte =
        |at: usize| pattern.char_indices().map(|(byte, _)| byte).chain([pattern.len()]).nth(at);
    Some(byte(start)?..byte(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_of_an_error_become_bytes() {
        for (pattern, part) in [("a(b", "("), ("é[z-a]", "z-a"), (r"\p{Nope}", r"\p{Nope}")] {
            let error = Regex::new(pattern).unwrap_err().to_string();
            let bytes = marked(&error, pattern).unwrap();
            assert_eq!(&pattern[bytes], part, "{error}");
        }
    }
}
