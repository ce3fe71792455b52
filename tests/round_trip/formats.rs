//! The definition's check and the parser read the same formats.

use longshore::{definition::read, transform::parse::check_format};
use proptest::prelude::*;

/// Whether the check of a definition has nothing against a column's format.
fn definition_accepts(format: &str) -> bool {
    let definition = format!(
        "[source]\nformat = 'csv'\npath = 'a.csv'\n[[target]]\ntable = 't'\nmode = 'append'\n\
         [target.columns]\na = {{ from = 'a', format = '{format}' }}\n"
    );
    match read("formats.toml", &definition) {
        Ok(_) => true,
        Err(findings) => {
            let all_formats = findings.list.iter().all(|found| found.code == "definition.format");
            assert!(all_formats, "{format}: {}", findings.render(false));
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Words apart from each other; two side by side may be refused by the parser alone.
    #[test]
    fn both_accept_the_same_formats(words in prop::collection::vec("[-.:]?[a-zA-Z%]", 1..7)) {
        let format: String = words.iter().map(|word| format!("%{word}/")).collect();
        prop_assert_eq!(definition_accepts(&format), check_format(&format).is_ok(), "{}", format);
    }

    #[test]
    fn both_accept_the_same_usual_formats(
        words in prop::sample::subsequence(
            vec!["Y", "y", "m", "b", "d", "-d", "e", "j", "a", "H", "I", "p", "M", "S", ".f", "z", "F", "T"],
            1..8,
        ),
    ) {
        let format: String = words.iter().map(|word| format!("%{word}/")).collect();
        prop_assert_eq!(definition_accepts(&format), check_format(&format).is_ok(), "{}", format);
    }
}
