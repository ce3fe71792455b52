//! What is printed holds no password, whatever it quotes.
//!
//! Nothing shows an endpoint's password. But a URL that stands in the wrong
//! place of a command line is quoted as the path or word it was taken for.

use std::borrow::Cow;

/// The text with `***` for the password of every URL in it.
pub(super) fn without_passwords(text: &str) -> Cow<'_, str> {
    if !text.contains("://") && !text.contains("password=") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        shown.push_str(&word_without_password(word));
    }
    Cow::Owned(shown)
}

fn word_without_password(word: &str) -> Cow<'_, str> {
    if let Some((before, _)) = word.split_once("password=") {
        return Cow::Owned(format!("{before}password=***{}", trailing_blank(word)));
    }
    let Some((scheme, rest)) = word.split_once("://") else { return Cow::Borrowed(word) };
    // A password may hold `/` and `@` that nobody encoded: the last `@` ends it.
    let Some((login, host)) = rest.rsplit_once('@') else { return Cow::Borrowed(word) };
    let Some((user, _)) = login.split_once(':') else { return Cow::Borrowed(word) };
    Cow::Owned(format!("{scheme}://{user}:***@{host}"))
}

fn trailing_blank(word: &str) -> &str {
    &word[word.trim_end().len()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_the_rest_stays() {
        let table = [
            (
                "`postgres://ana:hunter2@db/school` is no file",
                "`postgres://ana:***@db/school` is no file",
            ),
            ("a postgresql://ana:hu@n/ter2@db/s\nb", "a postgresql://ana:***@db/s\nb"),
            ("postgres://ana@db/school", "postgres://ana@db/school"),
            ("user=ana password=hunter2\nx", "user=ana password=***\nx"),
            ("https://example.org/a:b", "https://example.org/a:b"),
            ("nothing  to hide\n", "nothing  to hide\n"),
        ];
        for (text, expected) in table {
            assert_eq!(without_passwords(text), expected, "{text}");
        }
    }
}
