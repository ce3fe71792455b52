//! `upper`, `lower` and `title`, by Unicode's full mappings, independent of any locale.

use bumpalo::{Bump, collections::String as ArenaString};
use unicode_normalization::char::is_combining_mark;

use super::{StepResult, TextStep};

/// Capital letters.
#[derive(Debug)]
pub(super) struct Upper;

impl TextStep for Upper {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        let changes = if text.is_ascii() {
            text.bytes().any(|byte| byte.is_ascii_lowercase())
        } else {
            text.chars().any(|c| !c.to_uppercase().eq([c]))
        };
        if !changes {
            return Ok(Some(text));
        }
        let mut upper = ArenaString::with_capacity_in(text.len(), arena);
        upper.extend(text.chars().flat_map(char::to_uppercase));
        Ok(Some(upper.into_bump_str()))
    }
}

/// Small letters; a Greek sigma that ends a word becomes the final one.
#[derive(Debug)]
pub(super) struct Lower;

impl TextStep for Lower {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        Ok(Some(lower(text, arena)))
    }
}

fn lower<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    let changes = if text.is_ascii() {
        text.bytes().any(|byte| byte.is_ascii_uppercase())
    } else {
        text.chars().any(|c| !c.to_lowercase().eq([c]))
    };
    if !changes {
        return text;
    }
    if text.contains('Σ') {
        // The standard library knows when a sigma is final; Greek capitals are rare enough
        // for the one allocation that asking it costs.
        return arena.alloc_str(&text.to_lowercase());
    }
    let mut lower = ArenaString::with_capacity_in(text.len(), arena);
    lower.extend(text.chars().flat_map(char::to_lowercase));
    lower.into_bump_str()
}

/// A capital at each word's start, small letters after it.
///
/// A word is a run of letters, digits and combining marks, so that hyphens and
/// apostrophes start one: `Anne-Marie`, `O'Brien`, but also `Smith'S`.
#[derive(Debug)]
pub(super) struct Title;

impl TextStep for Title {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        let lowered = lower(text, arena);
        let mut title = ArenaString::with_capacity_in(lowered.len(), arena);
        let mut inside = false;
        for c in lowered.chars() {
            if inside {
                title.push(c);
            } else {
                push_capital(c, &mut title);
            }
            inside = c.is_alphanumeric() || (inside && is_combining_mark(c));
        }
        Ok(Some(if title == text { text } else { title.into_bump_str() }))
    }
}

/// One capital for `c`: of `ß` only the first letter of `SS`, of the digraph `ǆ` the form `ǅ`.
/// Georgian has capitals for whole words only.
fn push_capital(c: char, title: &mut ArenaString<'_>) {
    match c {
        'ǆ' => title.push('ǅ'),
        'ǉ' => title.push('ǈ'),
        'ǌ' => title.push('ǋ'),
        'ǳ' => title.push('ǲ'),
        '\u{10d0}'..='\u{10ff}' => title.push(c),
        _ => {
            let mut letters = c.to_uppercase();
            title.extend(letters.next());
            title.extend(letters.flat_map(char::to_lowercase));
        }
    }
}
