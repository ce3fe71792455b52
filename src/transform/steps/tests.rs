use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::definition::{PadStep, PartStep};

fn applied(step: Step, text: &str) -> Result<Option<String>, &'static str> {
    let steps = Steps::compile(&[step]).expect("a good step");
    let arena = Bump::new();
    let result = steps.apply(text, &arena).map_err(|fault| fault.code);
    result.map(|text| text.map(str::to_owned))
}

fn text(step: Step, text: &str) -> String {
    applied(step, text).expect("no fault").expect("not NULL")
}

fn pair(from: &str, to: &str) -> [String; 2] {
    [from.to_owned(), to.to_owned()]
}

#[test]
fn each_step_does_what_it_says() {
    let pad = |width, with: &str| PadStep(width, with.to_owned());
    let part = |separator: &str, number| Step::Part(PartStep(separator.to_owned(), number));
    for (step, before, after) in [
        (Step::Trim, " \u{a0}\u{feff}a b\u{200b}\t\r\n", "a b"),
        (Step::Trim, "\u{3000}", ""),
        (Step::Collapse, "  a \t b\u{a0}c ", "a b c"),
        (Step::Collapse, "a\u{200b}b", "a\u{200b}b"),
        (Step::Collapse, "a\nb", "a b"),
        (Step::Upper, "straße ñ", "STRASSE Ñ"),
        (Step::Lower, "ÑANDÚ ΟΔΟΣ", "ñandú οδος"),
        (Step::Title, "anne-marie O'BRIEN of ŁÓDŹ", "Anne-Marie O'Brien Of Łódź"),
        (Step::Title, "jose\u{301}s ßa ǆa", "Jose\u{301}s Ssa ǅa"),
        (Step::Title, "სახელი", "სახელი"),
        (Step::Unaccent, "Ærøskøbing, São Ðorđe ½ e\u{301}", "AEroskobing, Sao Dorde 1/2 e"),
        (Step::Unaccent, "ភាសា", "ភាសា"),
        (Step::Nfc, "e\u{301}", "é"),
        (Step::Replace(pair(",", ".")), "1,5,2", "1.5.2"),
        (Step::Replace(pair("aa", "")), "aaa", "a"),
        (Step::ReplaceRegex(pair(r"\s+", "")), "1 2  3", "123"),
        (Step::ReplaceRegex(pair(r"(\d+)/(?<b>\d+)", "$b-${1}x$$")), "1/2 3/4", "2-1x$ 4-3x$"),
        (Step::ReplaceRegex(pair("x*", "-")), "aé", "-a-é-"),
        (part("/", 2), "a/b/c", "b"),
        (part("/", -1), "a/b/c", "c"),
        (part("//", 1), "12//DP3", "12"),
        (Step::PadLeft(pad(4, "0")), "é1", "00é1"),
        (Step::PadLeft(pad(2, "0")), "123", "123"),
        (Step::PadRight(pad(3, "·")), "a", "a··"),
        (Step::StripPrefix("AU-".to_owned()), "AU-AU-1", "AU-1"),
        (Step::StripSuffix(" m2".to_owned()), "5 m2", "5"),
        (Step::Prepend("x".to_owned()), "", "x"),
        (Step::Append("x".to_owned()), "a", "ax"),
    ] {
        assert_eq!(text(step.clone(), before), after, "{step:?}");
    }
}

#[test]
fn nothing_is_made_up_for_a_missing_part() {
    let part = |number| Step::Part(PartStep("/".to_owned(), number));
    assert_eq!(applied(part(3), "a/b"), Err("step.part"));
    assert_eq!(applied(part(-3), "a/b"), Err("step.part"));
    assert_eq!(applied(part(i64::MIN), "a/b"), Err("step.part"));
}

#[test]
fn null_if_ends_the_steps() {
    let steps = [Step::Trim, Step::NullIf(vec!["-".to_owned()]), Step::Append("x".to_owned())];
    let steps = Steps::compile(&steps).expect("good steps");
    let arena = Bump::new();
    assert_eq!(steps.apply(" - ", &arena), Ok(None));
    assert_eq!(steps.apply(" a ", &arena), Ok(Some("ax")));
}

#[test]
fn mistaken_steps_are_all_found_with_their_place() {
    let findings = Steps::compile(&[
        Step::Trim,
        Step::Replace(pair("", "x")),
        Step::ReplaceRegex(pair("(", "x")),
        Step::ReplaceRegex(pair("(a)", "$1b")),
        Step::ReplaceRegex(pair("a", "costs $")),
        Step::Part(PartStep("/".to_owned(), 0)),
        Step::PadLeft(PadStep(4_000_000_000, "0".to_owned())),
        Step::PadRight(PadStep(4, "ab".to_owned())),
        Step::Append("\0".to_owned()),
    ])
    .expect_err("bad steps");
    let places: Vec<_> = findings.iter().map(|finding| finding.index).collect();
    assert_eq!(places, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(findings[2].message.contains("`${1}b`"), "{}", findings[2].message);
}

/// Applies a step to every character, on its own.
fn for_every_character(step: Step, mut judge: impl FnMut(&str, &str, &Steps, &Bump)) {
    let steps = Steps::compile(&[step]).expect("a good step");
    let mut arena = Bump::new();
    for c in '\0'..=char::MAX {
        arena.reset();
        let mut buffer = [0; 4];
        let before = &*c.encode_utf8(&mut buffer);
        let after = steps.apply(before, &arena).expect("no fault").expect("not NULL");
        judge(before, after, &steps, &arena);
    }
}

/// What PostgreSQL 15.18 gives for:
/// `select encode(sha256(convert_to(string_agg(c || '=' || unaccent(c), E'\n' order by n), 'UTF8')), 'hex')
/// from (select n, chr(n) c from generate_series(128, 1114111) n
/// where n not between 55296 and 57343) x where unaccent(c) <> c`
const UNACCENT_OF_THE_SERVER: &str =
    "bc2a838c2360c00ec8c44b33be9a62909a4e42c48694a74ef65a39d97b4480ec";

#[test]
fn unaccent_equals_the_server_for_every_character() {
    let mut changed = Vec::new();
    for_every_character(Step::Unaccent, |before, after, _, _| {
        if before != after {
            changed.push(format!("{before}={after}"));
        }
    });
    assert_eq!(changed.len(), 1_650);
    let digest = Sha256::digest(changed.join("\n"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, UNACCENT_OF_THE_SERVER);
}

#[test]
fn letter_steps_are_idempotent_for_every_character() {
    for step in [Step::Upper, Step::Lower, Step::Title] {
        for_every_character(step, |_, once, steps, arena| {
            assert_eq!(steps.apply(once, arena), Ok(Some(once)));
        });
    }
}

proptest! {
    #[test]
    fn cleaning_twice_is_cleaning_once(dirty in "\\PC{0,12}|[ \u{a0}\u{200b}aÉß\u{301}Σ'-]{0,12}") {
        let steps = [
            Step::Trim, Step::Collapse, Step::Upper, Step::Lower, Step::Title, Step::Nfc,
            Step::PadLeft(PadStep(8, "0".to_owned())),
            Step::PadRight(PadStep(8, "0".to_owned())),
        ];
        for step in steps {
            let once = text(step.clone(), &dirty);
            prop_assert_eq!(text(step, &once), once);
        }
    }

    #[test]
    fn letters_agree_with_the_standard_library(word in "\\PC{0,12}") {
        prop_assert_eq!(text(Step::Upper, &word), word.to_uppercase());
        prop_assert_eq!(text(Step::Lower, &word), word.to_lowercase());
    }

    #[test]
    fn replace_agrees_with_the_standard_library(word in "[abé]{0,12}", from in "[abé]{1,2}", to in "[bé]{0,2}") {
        let expected = word.replace(&from, &to);
        prop_assert_eq!(text(Step::Replace([from, to]), &word), expected);
    }

    #[test]
    fn replace_regex_agrees_with_its_crate(word in "[ab1 ]{0,12}") {
        for (pattern, to) in [("(a)|(b)", "<$1$2>"), ("a*", "-"), ("$", "x"), ("", "ab")] {
            let expected = regex::Regex::new(pattern).expect("good").replace_all(&word, to);
            prop_assert_eq!(text(Step::ReplaceRegex(pair(pattern, to)), &word), expected);
        }
    }
}
