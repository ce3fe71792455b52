//! Paths into a record: `a.b[0].c`; names in double quotes where they hold `.`, `[` or `"`.

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of an object.
    Name(String),
    /// An element of an array, from 0.
    Item(usize),
}

/// The steps of a path; what is none stands for a member of that name.
pub(super) fn steps(path: &str) -> Vec<Step> {
    parse(path).unwrap_or_else(|| vec![Step::Name(path.to_owned())])
}

fn parse(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    loop {
        let (name, after) = name(rest)?;
        steps.push(Step::Name(name));
        rest = after;
        while let Some(after) = rest.strip_prefix('[') {
            let (item, after) = after.split_once(']')?;
            steps.push(Step::Item(item.parse().ok()?));
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Some(steps),
            None => return None,
        }
    }
}

fn name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, after) = quoted.split_once('"')?;
        return Some((name.to_owned(), after));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// Whether a member of this name has to be told apart from a path.
pub(super) fn looks_like_a_path(name: &str) -> bool {
    steps(name) != [Step::Name(name.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_and_other_names_are_left_whole() {
        let name = |name: &str| Step::Name(name.to_owned());
        assert_eq!(steps("a"), [name("a")]);
        assert_eq!(steps("a.b[0].c"), [name("a"), name("b"), Step::Item(0), name("c")]);
        assert_eq!(steps("a[1][2]"), [name("a"), Step::Item(1), Step::Item(2)]);
        assert_eq!(steps("\"a.b\".c"), [name("a.b"), name("c")]);
        for whole in ["", "a.", ".a", "a[", "a[x]", "a]b[0", "a[0]b", "[0]"] {
            assert_eq!(steps(whole), [name(whole)], "{whole}");
        }
        assert!(looks_like_a_path("a.b") && !looks_like_a_path("a b"));
    }
}
