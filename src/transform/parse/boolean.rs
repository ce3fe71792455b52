//! `boolean`: declared words, in any case.

use super::{ParseFault, ParserFinding};

const TRUE_WORDS: [&str; 6] = ["true", "t", "yes", "y", "1", "on"];
const FALSE_WORDS: [&str; 6] = ["false", "f", "no", "n", "0", "off"];

/// The words for true and false, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TruthWords {
    yes: Vec<Box<str>>,
    no: Vec<Box<str>>,
}

impl TruthWords {
    /// Compiles declared words; PostgreSQL's own stand in for an empty list.
    pub(super) fn compile(yes: &[String], no: &[String]) -> Result<Self, ParserFinding> {
        let words = Self { yes: lower(yes, TRUE_WORDS), no: lower(no, FALSE_WORDS) };
        if words.yes.iter().any(|word| words.no.contains(word)) {
            let message = "has a word that means false too; declare both lists";
            let option = if yes.is_empty() { "false_words" } else { "true_words" };
            return Err(ParserFinding::new(option, message));
        }
        Ok(words)
    }

    #[inline]
    pub(super) fn parse(&self, text: &str) -> Result<bool, ParseFault> {
        let means = |words: &[Box<str>]| words.iter().any(|word| same(word, text));
        if means(&self.yes) {
            return Ok(true);
        }
        if means(&self.no) {
            return Ok(false);
        }
        Err(ParseFault::new("type.boolean", "not one of the words for true or false"))
    }
}

fn lower(declared: &[String], usual: [&str; 6]) -> Vec<Box<str>> {
    if declared.is_empty() {
        return usual.map(Box::from).to_vec();
    }
    declared.iter().map(|word| word.to_lowercase().into()).collect()
}

#[inline]
fn same(lower: &str, text: &str) -> bool {
    lower.eq_ignore_ascii_case(text)
        || (!text.is_ascii() && text.chars().flat_map(char::to_lowercase).eq(lower.chars()))
}
