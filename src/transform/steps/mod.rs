//! Steps: what happens to a text before it is typed.
//!
//! A step takes a text and gives a text, NULL, or a fault. It borrows where
//! nothing changes and writes into the worker's arena otherwise. `compile` below
//! is the one table of steps: a new step is a variant of [`Step`], a type in its
//! family's file, and one line there.

mod blanks;
mod extend;
mod letters;
mod part;
mod replace;
mod unaccent_rules;
mod unguard;
mod unicode;

use std::fmt::Debug;

use bumpalo::Bump;

use crate::{definition::Step, transform::words::Words};

/// Characters that padding may make, and bytes of a text that a step may add:
/// beyond that a definition is mistaken, and each cell would cost a page.
const ADDED_MAX: usize = 10_000;

/// Bytes that a text may grow to (PostgreSQL itself refuses a field of 1 GiB).
const TEXT_BYTES_MAX: usize = 256 << 20;

/// The steps of one column, ready to be applied.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: Vec<Box<dyn TextStep>>,
}

/// A step that cannot be used as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepFinding {
    /// Its place in the list, from 0.
    pub(super) index: usize,
    /// What is wrong with it.
    pub(super) message: String,
}

/// Why a step could not be applied to a text; the message holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StepFault<'a> {
    pub(super) code: &'static str,
    pub(super) message: &'a str,
}

type StepResult<'a> = Result<Option<&'a str>, StepFault<'a>>;

/// One compiled step.
trait TextStep: Debug + Send + Sync {
    /// The text afterwards, `None` for NULL.
    fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a>;
}

impl Steps {
    /// Compiles steps, or says what is wrong with each that cannot be.
    pub(super) fn compile(steps: &[Step]) -> Result<Self, Vec<StepFinding>> {
        let mut compiled = Vec::with_capacity(steps.len());
        let mut findings = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            match compile(step) {
                Ok(step) => compiled.push(step),
                Err(message) => findings.push(StepFinding { index, message }),
            }
        }
        if findings.is_empty() { Ok(Self { steps: compiled }) } else { Err(findings) }
    }

    /// The same steps after the guard of an export is taken away.
    pub(super) fn unguarding(mut self) -> Self {
        self.steps.insert(0, Box::new(unguard::Unguard));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Applies them in order, until one makes the text NULL.
    ///
    /// # Errors
    /// `step.part` where a text has no such part, `step.length` where it grows too long.
    pub(super) fn apply<'a>(&'a self, text: &'a str, arena: &'a Bump) -> StepResult<'a> {
        let mut text = text;
        for step in &self.steps {
            match step.apply(text, arena)? {
                Some(next) => text = next,
                None => return Ok(None),
            }
        }
        Ok(Some(text))
    }
}

/// The table of steps.
fn compile(step: &Step) -> Result<Box<dyn TextStep>, String> {
    Ok(match step {
        Step::Trim => Box::new(blanks::Trim),
        Step::Collapse => Box::new(blanks::Collapse),
        Step::Upper => Box::new(letters::Upper),
        Step::Lower => Box::new(letters::Lower),
        Step::Title => Box::new(letters::Title),
        Step::Unaccent => Box::new(unicode::Unaccent),
        Step::Nfc => Box::new(unicode::Nfc),
        Step::Replace([from, to]) => Box::new(replace::Replace::compile(from, to)?),
        Step::ReplaceRegex([pattern, to]) => Box::new(replace::ReplaceRegex::compile(pattern, to)?),
        Step::Part(step) => Box::new(part::Part::compile(step)?),
        Step::StripPrefix(text) => Box::new(part::StripPrefix(not_empty(text)?)),
        Step::StripSuffix(text) => Box::new(part::StripSuffix(not_empty(text)?)),
        Step::PadLeft(step) => Box::new(extend::Pad::compile(step, extend::Side::Left)?),
        Step::PadRight(step) => Box::new(extend::Pad::compile(step, extend::Side::Right)?),
        Step::Prepend(text) => Box::new(extend::Prepend(added(text)?)),
        Step::Append(text) => Box::new(extend::Append(added(text)?)),
        Step::NullIf(words) => Box::new(NullIf(Words::new(words.iter().map(String::as_str)))),
    })
}

/// These words become NULL.
#[derive(Debug)]
struct NullIf(Words);

impl TextStep for NullIf {
    fn apply<'a>(&'a self, text: &'a str, _: &'a Bump) -> StepResult<'a> {
        Ok((!self.0.contains(text)).then_some(text))
    }
}

/// A text that a step looks for.
fn not_empty(text: &str) -> Result<Box<str>, String> {
    if text.is_empty() { Err("the text looked for is empty".to_owned()) } else { Ok(text.into()) }
}

/// A text that a step adds: PostgreSQL's texts hold no NUL, and nobody adds pages to a cell.
fn added(text: &str) -> Result<Box<str>, String> {
    if text.contains('\0') {
        return Err("a text cannot hold the character NUL".to_owned());
    }
    if text.len() > ADDED_MAX {
        return Err(format!("the text is longer than {ADDED_MAX} bytes"));
    }
    Ok(text.into())
}

/// Stops a text that grows without end.
fn bounded<'a>(length: usize) -> Result<(), StepFault<'a>> {
    if length <= TEXT_BYTES_MAX {
        return Ok(());
    }
    Err(StepFault { code: "step.length", message: "grows beyond 256 MiB in a step" })
}

#[cfg(test)]
mod tests;
