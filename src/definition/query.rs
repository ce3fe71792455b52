//! What can be said of a query's text without a server: its parameters, and whether it
//! orders its rows.
//!
//! A scan over the text, which knows literals, quoted names, comments and casts well enough
//! to leave them alone. It is no parser: what it takes for a parameter or an order goes to
//! the server all the same, which has the last word.

/// A piece of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'q> {
    /// The name of a parameter, without its colon.
    Parameter(&'q str),
    /// A literal, a quoted name or a comment.
    Opaque(&'q str),
    /// A word: letters, digits and underscores.
    Word(&'q str),
    /// Anything else.
    Other(&'q str),
}

/// The pieces of a query, which together are its text (but for the parameters' colons).
pub(crate) fn pieces(sql: &str) -> impl Iterator<Item = Piece<'_>> {
    let (mut rest, mut brackets, mut before) = (sql, 0_usize, '\0');
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // `a[1:n]` is a slice; where nothing stands before the colon, `a[:n]`, `n` is a parameter.
        let ends_value = before.is_alphanumeric() || matches!(before, '_' | ')' | ']' | '"');
        let is_slice =
            brackets > 0 && ends_value && rest.starts_with(':') && !rest.starts_with("::");
        let (piece, length) = if is_slice { (Piece::Other(&rest[..1]), 1) } else { first(rest) };
        match piece {
            Piece::Other("[") => brackets += 1,
            Piece::Other("]") => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        before = rest[..length].chars().next_back().unwrap_or('\0');
        rest = &rest[length..];
        Some(piece)
    })
}

/// The names of the parameters, each once, in the order of their first use.
pub(crate) fn parameter_names(sql: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for piece in pieces(sql) {
        if let Piece::Parameter(name) = piece
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Whether `order by` stands outside of all parentheses, where it orders the result.
pub(crate) fn is_ordered(sql: &str) -> bool {
    let mut depth = 0_usize;
    let mut after_order = false;
    for piece in pieces(sql) {
        match piece {
            Piece::Other("(") => depth += 1,
            Piece::Other(")") => depth = depth.saturating_sub(1),
            Piece::Word(word) if depth == 0 => {
                if after_order && word.eq_ignore_ascii_case("by") {
                    return true;
                }
                after_order = word.eq_ignore_ascii_case("order");
                continue;
            }
            Piece::Opaque(text) if text.starts_with("--") || text.starts_with("/*") => continue,
            Piece::Other(text) if text.trim().is_empty() => continue,
            _ => {}
        }
        after_order = false;
    }
    false
}

fn first(text: &str) -> (Piece<'_>, usize) {
    if let Some(name) = text.strip_prefix(':').map(name_at_start).filter(|name| !name.is_empty()) {
        return (Piece::Parameter(name), 1 + name.len());
    }
    if let Some(length) = opaque_length(text) {
        return (Piece::Opaque(&text[..length]), length);
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let word = text.find(|c| !is_word(c)).unwrap_or(text.len());
    if word > 0 && !text.starts_with('$') {
        return (Piece::Word(&text[..word]), word);
    }
    let length = match text.as_bytes() {
        [b':', b':', ..] => 2,
        _ => text.chars().next().map_or(1, char::len_utf8),
    };
    (Piece::Other(&text[..length]), length)
}

fn name_at_start(text: &str) -> &str {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if starts { &text[..end] } else { "" }
}

/// The length of the literal, quoted name or comment that `text` starts with.
fn opaque_length(text: &str) -> Option<usize> {
    let closed_by = |close: &str, open: usize| {
        text[open..].find(close).map_or(text.len(), |at| open + at + close.len())
    };
    match text.as_bytes() {
        [b'\'', ..] => Some(closed_by("'", 1)),
        [b'e' | b'E', b'\'', ..] => Some(escaped_length(text)),
        [b'"', ..] => Some(closed_by("\"", 1)),
        [b'-', b'-', ..] => Some(closed_by("\n", 2)),
        [b'/', b'*', ..] => Some(comment_length(text)),
        [b'$', ..] => dollar_quoted(text),
        _ => None,
    }
}

/// The length of `E'...'`, in which a backslash takes the next character along.
fn escaped_length(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate().skip(2);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'\'' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a comment, with those inside it.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < text.len() {
        match &text.as_bytes()[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of `$tag$...$tag$`.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag_end = 1 + text[1..].find('$')?;
    let tag = &text[..=tag_end];
    let is_tag = tag[1..tag_end].chars().all(|c| c.is_alphanumeric() || c == '_');
    let not_a_number = !tag[1..].starts_with(|c: char| c.is_ascii_digit());
    let close = text[tag.len()..].find(tag)?;
    (is_tag && not_a_number).then_some(tag.len() + close + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_outside_of_text_names_and_comments() {
        for sql in [
            "select ':town', a::text",
            "-- :town\nselect 1",
            "/* :town /* :x */ :town */",
            "$x$ :town $x$",
            "\":town\"",
            "select a[1:2]",
            "select a[n:m], a[1][f(2):m], (array[1, 2])[1:n]",
            r"select E'\' :town'",
        ] {
            assert!(parameter_names(sql).is_empty(), "{sql}");
        }
        let sql = "select :year::int, ':x', :town where y = :year";
        assert_eq!(parameter_names(sql), ["year", "town"]);
        assert_eq!(parameter_names("select a[:n], array[1, :m]"), ["n", "m"]);
    }

    #[test]
    fn only_an_order_of_the_result_counts() {
        for sql in [
            "select 1 order by 1",
            "with x as (select 2) select * from x ORDER -- by\n by 1 limit 3",
            "select a from t union select b from t order /* it */ by 1",
        ] {
            assert!(is_ordered(sql), "{sql}");
        }
        for sql in [
            "select 1",
            "select array_agg(a order by a) from t",
            "select row_number() over (order by a) from t",
            "select * from (select * from t order by a) t",
            "select 'order by', \"order by\" -- order by",
            "select \"order\", by from t",
        ] {
            assert!(!is_ordered(sql), "{sql}");
        }
    }

    #[test]
    fn the_pieces_are_the_text() {
        let sql = "select 'é' || :x, $1 /* a";
        let text: String = pieces(sql)
            .map(|piece| match piece {
                Piece::Parameter(name) => format!(":{name}"),
                Piece::Opaque(text) | Piece::Word(text) | Piece::Other(text) => text.to_owned(),
            })
            .collect();
        assert_eq!(text, sql);
    }
}
