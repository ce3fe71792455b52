//! `unaccent` and `nfc`.

use std::sync::LazyLock;

use bumpalo::{Bump, collections::String as ArenaString};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::{
    StepResult, TextStep,
    unaccent_rules::{REMOVED, REPLACED},
};

/// Letters without their accents, as PostgreSQL's `unaccent` does.
#[derive(Debug)]
pub(super) struct Unaccent;

impl TextStep for Unaccent {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        let Some(first) = text.char_indices().find_map(|(at, c)| plain(c).map(|_| at)) else {
            return Ok(Some(text));
        };
        let mut bare = ArenaString::with_capacity_in(text.len(), arena);
        bare.push_str(&text[..first]);
        for c in text[first..].chars() {
            match plain(c) {
                Some(letters) => bare.push_str(letters),
                None => bare.push(c),
            }
        }
        Ok(Some(bare.into_bump_str()))
    }
}

/// What stands for `c`, `None` where it stays.
fn plain(c: char) -> Option<&'static str> {
    if c.is_ascii() {
        return None;
    }
    if REMOVED.iter().any(|(first, last)| (*first..=*last).contains(&c)) {
        return Some("");
    }
    let rules = &*RULES;
    rules.binary_search_by_key(&c, |rule| rule.0).ok().map(|at| rules[at].1)
}

/// The rules by character, in order.
static RULES: LazyLock<Vec<(char, &'static str)>> = LazyLock::new(|| {
    let mut rules = Vec::with_capacity(1_600);
    let mut words = REPLACED.split(' ');
    while let (Some(letters), Some(characters)) = (words.next(), words.next()) {
        rules.extend(characters.chars().map(|c| (c, letters)));
    }
    rules.sort_unstable();
    rules
});

/// Unicode's composed form.
#[derive(Debug)]
pub(super) struct Nfc;

impl TextStep for Nfc {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
            return Ok(Some(text));
        }
        let mut composed = ArenaString::with_capacity_in(text.len(), arena);
        composed.extend(text.nfc());
        Ok(Some(composed.into_bump_str()))
    }
}
