//! `replace` and `replace_regex`.

use bumpalo::{Bump, collections::String as ArenaString};
use memchr::memmem::Finder;
use regex::{Captures, Regex};

use super::{StepResult, TextStep, added, bounded, not_empty};

/// Every occurrence of a text.
#[derive(Debug)]
pub(super) struct Replace {
    from: Finder<'static>,
    to: Box<str>,
}

impl Replace {
    pub(super) fn compile(from: &str, to: &str) -> Result<Self, String> {
        let from = not_empty(from)?;
        Ok(Self { from: Finder::new(from.as_bytes()).into_owned(), to: added(to)? })
    }
}

impl TextStep for Replace {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        let Some(mut found) = self.from.find(text.as_bytes()) else {
            return Ok(Some(text));
        };
        let width = self.from.needle().len();
        let mut replaced = ArenaString::with_capacity_in(text.len(), arena);
        let mut rest = text;
        loop {
            replaced.push_str(&rest[..found]);
            replaced.push_str(&self.to);
            bounded(replaced.len())?;
            rest = &rest[found + width..];
            match self.from.find(rest.as_bytes()) {
                Some(next) => found = next,
                None => break,
            }
        }
        replaced.push_str(rest);
        Ok(Some(replaced.into_bump_str()))
    }
}

/// Every match of a regular expression.
#[derive(Debug)]
pub(super) struct ReplaceRegex {
    pattern: Regex,
    to: Vec<Piece>,
}

/// A piece of a replacement, resolved once: `regex` would expand into a fresh string per match.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Group(usize),
}

impl ReplaceRegex {
    pub(super) fn compile(pattern: &str, to: &str) -> Result<Self, String> {
        let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
        let to = pieces(&added(to)?, &pattern)?;
        Ok(Self { pattern, to })
    }

    fn push(&self, captures: &Captures<'_>, replaced: &mut ArenaString<'_>) {
        for piece in &self.to {
            match piece {
                Piece::Literal(literal) => replaced.push_str(literal),
                Piece::Group(group) => {
                    replaced.push_str(captures.get(*group).map_or("", |group| group.as_str()));
                }
            }
        }
    }
}

impl TextStep for ReplaceRegex {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        if !self.pattern.is_match(text) {
            return Ok(Some(text));
        }
        let mut replaced = ArenaString::with_capacity_in(text.len(), arena);
        let mut copied = 0;
        for captures in self.pattern.captures_iter(text) {
            let found = captures.get_match();
            replaced.push_str(&text[copied..found.start()]);
            self.push(&captures, &mut replaced);
            bounded(replaced.len())?;
            copied = found.end();
        }
        replaced.push_str(&text[copied..]);
        Ok(Some(replaced.into_bump_str()))
    }
}

/// Takes a replacement apart: `$1`, `$name`, `${1}a`, `$$` for a dollar. A group that the
/// pattern lacks is a finding; `regex` would take it for the empty text.
fn pieces(to: &str, pattern: &Regex) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = to;
    while let Some((literal, reference)) = rest.split_once('$') {
        push_literal(&mut pieces, literal);
        if let Some(after) = reference.strip_prefix('$') {
            push_literal(&mut pieces, "$");
            rest = after;
            continue;
        }
        let (name, after) = group_name(reference)?;
        pieces.push(Piece::Group(group(name, pattern)?));
        rest = after;
    }
    push_literal(&mut pieces, rest);
    Ok(pieces)
}

fn push_literal(pieces: &mut Vec<Piece>, literal: &str) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal.into()));
    }
}

fn group_name(reference: &str) -> Result<(&str, &str), String> {
    if let Some(braced) = reference.strip_prefix('{') {
        return braced.split_once('}').ok_or_else(|| "`${` has no closing `}`".to_owned());
    }
    let end = reference
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(reference.len());
    if end == 0 {
        return Err("`$` stands for a group; write `$$` for a dollar".to_owned());
    }
    Ok(reference.split_at(end))
}

fn group(name: &str, pattern: &Regex) -> Result<usize, String> {
    let index = match name.parse() {
        Ok(index) => (index < pattern.captures_len()).then_some(index),
        Err(_) => pattern.capture_names().position(|known| known == Some(name)),
    };
    index.ok_or_else(|| {
        let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let (number, letters) = name.split_at(digits);
        if number.is_empty() {
            format!("the pattern has no group `{name}`")
        } else {
            format!("the pattern has no group `{name}`; write `${{{number}}}{letters}` for group {number}")
        }
    })
}
