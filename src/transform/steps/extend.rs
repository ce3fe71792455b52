//! `pad_left`, `pad_right`, `prepend` and `append`.

use bumpalo::{Bump, collections::String as ArenaString};

use super::{ADDED_MAX, StepResult, TextStep, bounded};
use crate::definition::PadStep;

/// Where padding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// To so many characters (Unicode's code points, as PostgreSQL's `lpad` counts
/// them); a longer text stays whole.
#[derive(Debug)]
pub(super) struct Pad {
    width: usize,
    with: char,
    side: Side,
}

impl Pad {
    pub(super) fn compile(step: &PadStep, side: Side) -> Result<Self, String> {
        let PadStep(width, with) = step;
        let width = usize::try_from(*width).unwrap_or(usize::MAX);
        if width > ADDED_MAX {
            return Err(format!("a text is padded to at most {ADDED_MAX} characters"));
        }
        let mut characters = with.chars();
        match (characters.next(), characters.next()) {
            (Some(with), None) if with != '\0' => Ok(Self { width, with, side }),
            _ => Err("the padding is exactly one character".to_owned()),
        }
    }
}

impl TextStep for Pad {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        let missing = self.width.saturating_sub(text.chars().count());
        if missing == 0 {
            return Ok(Some(text));
        }
        let padding = std::iter::repeat_n(self.with, missing);
        let bytes = text.len() + missing * self.with.len_utf8();
        let mut padded = ArenaString::with_capacity_in(bytes, arena);
        match self.side {
            Side::Left => {
                padded.extend(padding);
                padded.push_str(text);
            }
            Side::Right => {
                padded.push_str(text);
                padded.extend(padding);
            }
        }
        Ok(Some(padded.into_bump_str()))
    }
}

/// This text comes before.
#[derive(Debug)]
pub(super) struct Prepend(pub(super) Box<str>);

impl TextStep for Prepend {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        joined(&self.0, text, arena)
    }
}

/// This text comes after.
#[derive(Debug)]
pub(super) struct Append(pub(super) Box<str>);

impl TextStep for Append {
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        joined(text, &self.0, arena)
    }
}

fn joined<'a>(first: &'a str, second: &'a str, arena: &'a Bump) -> StepResult<'a> {
    let length = first.len() + second.len();
    bounded(length)?;
    let mut text = ArenaString::with_capacity_in(length, arena);
    text.push_str(first);
    text.push_str(second);
    Ok(Some(text.into_bump_str()))
}
