//! `trim` and `collapse`.

use bumpalo::{Bump, collections::String as ArenaString};

use super::{StepResult, TextStep};

/// Blanks at both ends go: Unicode's White_Space (the no-break space is one),
/// and what is invisible there: byte order mark, zero-width space, word joiner.
#[derive(Debug)]
pub(super) struct Trim;

impl TextStep for Trim {
    fn apply<'a>(&'a self, text: &'a str, _: &'a Bump) -> StepResult<'a> {
        Ok(Some(trimmed(text)))
    }
}

/// Runs of blanks become one space; those at the ends go.
///
/// Zero-width spaces stay inside a text: they part words in Khmer and Thai.
#[derive(Debug)]
pub(super) struct Collapse;

impl TextStep for Collapse {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        let text = trimmed(text);
        if is_collapsed(text) {
            return Ok(Some(text));
        }
        let mut collapsed = ArenaString::with_capacity_in(text.len(), arena);
        for word in text.split_whitespace() {
            if !collapsed.is_empty() {
                collapsed.push(' ');
            }
            collapsed.push_str(word);
        }
        Ok(Some(collapsed.into_bump_str()))
    }
}

fn trimmed(text: &str) -> &str {
    let bytes = text.as_bytes();
    let visible = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_graphic());
    if visible(bytes.first()) && visible(bytes.last()) {
        return text;
    }
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}')
}

fn is_collapsed(text: &str) -> bool {
    let mut after_space = false;
    for c in text.chars() {
        let space = c.is_whitespace();
        if space && (after_space || c != ' ') {
            return false;
        }
        after_space = space;
    }
    true
}
