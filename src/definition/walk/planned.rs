//! Words the documentation promises for later: known, and not available yet.
//!
//! Whoever wrote one of them has not made a slip, so "unknown, did you mean"
//! would send them on a search.

use crate::diagnostic::{Finding, PathStep, Place};

/// Words by the key they stand under; the first step tells a source from an output.
const WORDS: &[(&str, &str, &[&str])] = &[("source", "format", &["fixed", "gpkg", "gml"])];

/// A finding for a word that is to come.
pub(super) fn word(word: &str, place: &Place) -> Option<Finding> {
    let (Some(PathStep::Key(first)), Some(PathStep::Key(key))) =
        (place.steps.first(), place.steps.last())
    else {
        return None;
    };
    let is_planned = |(above, name, words): &&(&str, &str, &[&str])| {
        above == first && name == key && words.contains(&word)
    };
    let (_, key, _) = WORDS.iter().find(is_planned)?;
    Some(not_available(&format!("{key} = \"{word}\""), place))
}

fn not_available(what: &str, place: &Place) -> Finding {
    let message = format!("`{what}` is not available yet");
    Finding::new("definition.not_available", place.clone(), message)
}
