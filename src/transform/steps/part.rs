//! `part`, `strip_prefix` and `strip_suffix`: what stays is a piece of the text itself.

use bumpalo::Bump;

use super::{StepFault, StepResult, TextStep, not_empty};
use crate::definition::PartStep;

/// One part of a text split at a separator.
///
/// A text with too few parts is rejected: an empty part would be a guess.
#[derive(Debug)]
pub(super) struct Part {
    separator: Box<str>,
    /// Counted from 0, from the side `from_end` says.
    index: usize,
    from_end: bool,
    /// Said of a text that lacks the part.
    missing: Box<str>,
}

impl Part {
    pub(super) fn compile(step: &PartStep) -> Result<Self, String> {
        let PartStep(separator, number) = step;
        let count = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
        let Some(index) = count.checked_sub(1) else {
            return Err("parts are counted from 1, from the end with -1".to_owned());
        };
        Ok(Self {
            separator: not_empty(separator)?,
            index,
            from_end: *number < 0,
            missing: format!("no part {number} when split at `{separator}`").into(),
        })
    }
}

impl TextStep for Part {
    fn apply<'a>(&'a self, text: &'a str, _: &'a Bump) -> StepResult<'a> {
        let part = if self.from_end {
            text.rsplit(&*self.separator).nth(self.index)
        } else {
            text.split(&*self.separator).nth(self.index)
        };
        match part {
            Some(part) => Ok(Some(part)),
            None => Err(StepFault { code: "step.part", message: &self.missing }),
        }
    }
}

/// This text goes from the start, once; a text without it stays as it is.
#[derive(Debug)]
pub(super) struct StripPrefix(pub(super) Box<str>);

impl TextStep for StripPrefix {
    fn apply<'a>(&'a self, text: &'a str, _: &'a Bump) -> StepResult<'a> {
        Ok(Some(text.strip_prefix(&*self.0).unwrap_or(text)))
    }
}

/// This text goes from the end, once; a text without it stays as it is.
#[derive(Debug)]
pub(super) struct StripSuffix(pub(super) Box<str>);

impl TextStep for StripSuffix {
    fn apply<'a>(&'a self, text: &'a str, _: &'a Bump) -> StepResult<'a> {
        Ok(Some(text.strip_suffix(&*self.0).unwrap_or(text)))
    }
}
