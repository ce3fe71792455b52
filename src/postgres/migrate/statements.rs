//! An SQL text taken apart at its semicolons.
//!
//! Statements are sent one by one so that an error has a line even where the
//! server names no position, and so that what cannot run in a transaction can
//! run at all. Semicolons in quotes, dollar quotes, comments, parentheses
//! and `begin atomic ... end` bodies do not end a statement.

/// One statement of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// The statement, from its first word, without the semicolon.
    pub(super) text: &'a str,
    /// The line of its first word, from 1.
    pub(super) line: usize,
    /// Its first word in small letters.
    pub(super) keyword: String,
}

/// The statements of `text`, in order.
pub(super) fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut scanner = Scanner { text, at: 0, start: None, nesting: 0, bodies: 0, previous: "" };
    let mut found = Vec::new();
    while scanner.at < text.len() {
        scanner.step(&mut found);
    }
    scanner.finish(&mut found, text.len());
    found
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Where the statement's first word is; `None` before it.
    start: Option<usize>,
    /// Open parentheses.
    nesting: usize,
    /// Open `begin atomic` and `case` in such a body.
    bodies: usize,
    previous: &'a str,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn step(&mut self, found: &mut Vec<Statement<'a>>) {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        if rest.starts_with("--") {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return;
        }
        if rest.starts_with("/*") {
            self.at += comment_length(rest);
            return;
        }
        if first == ';' && self.nesting == 0 && self.bodies == 0 {
            self.finish(found, self.at);
            self.at += 1;
            return;
        }
        if first.is_whitespace() {
            self.at += first.len_utf8();
            return;
        }
        self.start.get_or_insert(self.at);
        match first {
            '\'' => self.at += quoted_length(rest, '\'', self.escapes()),
            '"' => self.at += quoted_length(rest, '"', false),
            '$' => self.at += dollar_length(rest),
            c if c.is_alphabetic() || c == '_' => self.word(),
            c => {
                match c {
                    '(' => self.nesting += 1,
                    ')' => self.nesting = self.nesting.saturating_sub(1),
                    _ => {}
                }
                self.at += c.len_utf8();
            }
        }
    }

    /// Whether the quote here belongs to an `E'...'` text.
    fn escapes(&self) -> bool {
        self.previous.eq_ignore_ascii_case("e") && self.text[..self.at].ends_with(self.previous)
    }

    fn word(&mut self) {
        let word = leading_word(self.rest());
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        if self.bodies == 0 && is("atomic") && self.previous.eq_ignore_ascii_case("begin") {
            self.bodies = 1;
        } else if self.bodies > 0 && is("case") {
            self.bodies += 1;
        } else if self.bodies > 0 && is("end") {
            self.bodies -= 1;
        }
        self.previous = word;
        self.at += word.len();
    }

    fn finish(&mut self, found: &mut Vec<Statement<'a>>, end: usize) {
        if let Some(start) = self.start.take() {
            let text = self.text[start..end].trim_end();
            let line = self.text[..start].matches('\n').count() + 1;
            found.push(Statement { text, line, keyword: leading_word(text).to_lowercase() });
        }
        (self.nesting, self.bodies, self.previous) = (0, 0, "");
    }
}

fn leading_word(text: &str) -> &str {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    &text[..text.find(|c: char| !inside(c)).unwrap_or(text.len())]
}

/// The length of a comment with those nested in it.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        match rest {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a quoted text; a doubled quote is two texts side by side, which is as good.
fn quoted_length(text: &str, quote: char, escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The length of `$tag$...$tag$`, or of the `$` alone where it is something else.
fn dollar_length(text: &str) -> usize {
    let tag_end = text[1..].find('$').map(|at| at + 2);
    let Some(tag) = tag_end.map(|end| &text[..end]) else { return 1 };
    let name = &tag[1..tag.len() - 1];
    let is_tag = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return 1;
    }
    text[tag.len()..].find(tag).map_or(text.len(), |at| at + 2 * tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        statements(text).into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn only_semicolons_between_statements_divide() {
        let table: [(&str, &[&str]); 10] = [
            ("select 1; select 2", &["select 1", "select 2"]),
            ("-- a; b\nselect ';';;", &["select ';'"]),
            ("select 'it''s;'; select \"a;\"\"b\"", &["select 'it''s;'", "select \"a;\"\"b\""]),
            (r"select E'\';'; select '\'; x", &[r"select E'\';'", r"select '\'", "x"]),
            ("do $$ a; b $$; x", &["do $$ a; b $$", "x"]),
            ("do $f$ a; $$ b; $f$; select $1; x", &["do $f$ a; $$ b; $f$", "select $1", "x"]),
            ("/* a; /* b; */ c; */ x; y", &["x", "y"]),
            (
                "create rule r as on insert to t do (a; b); x",
                &["create rule r as on insert to t do (a; b)", "x"],
            ),
            (
                "create function f() begin atomic select case when a then 1 end; b; end; x",
                &["create function f() begin atomic select case when a then 1 end; b; end", "x"],
            ),
            ("select 'open; x", &["select 'open; x"]),
        ];
        for (text, expected) in table {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_statement_knows_its_line_and_first_word() {
        let found = statements("-- why\n\n/* x */ Create table t ();\n\nCOMMIT;");
        assert_eq!((found[0].line, found[0].keyword.as_str()), (3, "create"));
        assert_eq!((found[1].line, found[1].keyword.as_str()), (5, "commit"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_nothing_but_blanks_and_comments_is_lost(text in "[a-z;'\"$(/*\\-)\n é]{0,60}") {
            let found = statements(&text);
            for statement in &found {
                proptest::prop_assert!(text.contains(statement.text));
            }
        }
    }
}
