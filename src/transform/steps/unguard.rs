//! Taking away the `'` that an export puts before text that a spreadsheet would run.

use bumpalo::Bump;

use super::{StepResult, TextStep};

/// What an export guards: these at the start, or behind quotes of the text's own.
const GUARDED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\0'];

/// The first `'` of a text that has a guarded character behind it goes.
#[derive(Debug)]
pub(super) struct Unguard;

impl TextStep for Unguard {
    fn apply<'a>(&'a self, text: &'a str, _: &'a Bump) -> StepResult<'a> {
        let guarded = text
            .strip_prefix('\'')
            .filter(|behind| behind.trim_start_matches('\'').starts_with(GUARDED));
        Ok(Some(guarded.unwrap_or(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_quote_goes_and_only_before_what_is_guarded() {
        let arena = Bump::new();
        let cases = [
            ("'=1", "=1"),
            ("''=1", "'=1"),
            ("'\t=1", "\t=1"),
            ("'a", "'a"),
            ("'", "'"),
            ("=1", "=1"),
            ("", ""),
        ];
        for (text, unguarded) in cases {
            assert_eq!(Unguard.apply(text, &arena), Ok(Some(unguarded)), "{text}");
        }
    }
}
