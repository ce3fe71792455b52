//! How a file holds its features: found from its first bytes, before anything is decoded.
//!
//! Four layouts are in use: a FeatureCollection; a text sequence (RFC 8142,
//! each feature after a record separator); a feature on each line; and objects
//! one after the other, written over several lines, of which a single Feature
//! is the usual case. The walk here looks at the members of the first object
//! only; what is nested below them is passed by matching brackets.

/// How a file holds its features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Layout {
    /// One object with an array `features`.
    Collection,
    /// Each feature after a record separator (0x1E).
    TextSequence,
    /// Each feature on a line of its own.
    Lines,
    /// Objects one after the other.
    Objects,
}

/// A member of an object, as ranges of the bytes walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Member {
    /// The name between its quotes.
    pub(in crate::source) name: (usize, usize),
    /// The value.
    pub(in crate::source) value: (usize, usize),
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Opening {
    pub(in crate::source) layout: Layout,
    /// Where features begin: after the bracket of `features`, or at the first feature.
    pub(in crate::source) content: usize,
    /// A collection's members before `features`; else the first object's.
    pub(in crate::source) members: Vec<Member>,
    /// Whether nothing follows the first object.
    pub(in crate::source) alone: bool,
}

/// Why [`opening`] has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Unclear {
    /// More bytes are needed.
    More,
    /// The file is empty, or blank.
    Empty,
    /// It is no JSON, from this byte on.
    Broken(usize),
}

/// The mark that begins each text of a text sequence.
pub(in crate::source) const RECORD_SEPARATOR: u8 = 0x1E;

/// Looks at the first bytes of a file; `at_end` when they are all there are.
pub(in crate::source) fn opening(bytes: &[u8], at_end: bool) -> Result<Opening, Unclear> {
    let mark = usize::from(bytes.starts_with(b"\xEF\xBB\xBF")) * 3;
    let first = skip_blank(bytes, mark);
    let plain = |layout, content| Opening { layout, content, members: Vec::new(), alone: false };
    match bytes.get(first) {
        None if at_end => Err(Unclear::Empty),
        None => Err(Unclear::More),
        Some(&RECORD_SEPARATOR) => Ok(plain(Layout::TextSequence, first)),
        Some(b'{') => match walk(bytes, first) {
            Ok(Walked::Features { content, members }) => {
                Ok(Opening { layout: Layout::Collection, content, members, alone: false })
            }
            Ok(Walked::Object { end, members }) => objects(bytes, at_end, (first, end), members),
            Err(Unclear::More) if !at_end => Err(Unclear::More),
            Err(_) if second_line_is_object(bytes, first) => Ok(plain(Layout::Lines, first)),
            Err(Unclear::More) => Err(Unclear::Broken(bytes.len())),
            Err(unclear) => Err(unclear),
        },
        Some(_) => Err(Unclear::Broken(first)),
    }
}

/// The members after `features`: from behind its closing bracket to the end of the
/// collection, and where that is.
pub(in crate::source) fn closing(bytes: &[u8]) -> Result<(Vec<Member>, usize), Unclear> {
    let mut members = Vec::new();
    let mut at = skip_blank(bytes, 0);
    loop {
        match bytes.get(at) {
            Some(b'}') => return Ok((members, at + 1)),
            Some(b',') => {
                let (member, next) = member(bytes, at + 1)?;
                members.push(member);
                at = skip_blank(bytes, next);
            }
            Some(_) => return Err(Unclear::Broken(at)),
            None => return Err(Unclear::More),
        }
    }
}

enum Walked {
    Features { content: usize, members: Vec<Member> },
    Object { end: usize, members: Vec<Member> },
}

/// Walks the members of the object at `start`, as far as a `features` array.
fn walk(bytes: &[u8], start: usize) -> Result<Walked, Unclear> {
    let mut members: Vec<Member> = Vec::new();
    let mut at = skip_blank(bytes, start + 1);
    if bytes.get(at) == Some(&b'}') {
        return Ok(Walked::Object { end: at + 1, members });
    }
    loop {
        let (name, value) = member_name(bytes, at)?;
        if &bytes[name.0..name.1] == b"features"
            && bytes[value] == b'['
            && type_of(bytes, &members).is_none_or(|kind| kind != b"Feature")
        {
            return Ok(Walked::Features { content: value + 1, members });
        }
        let end = value_end(bytes, value)?;
        members.push(Member { name, value: (value, end) });
        at = skip_blank(bytes, end);
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return Ok(Walked::Object { end: at + 1, members }),
            Some(_) => return Err(Unclear::Broken(at)),
            None => return Err(Unclear::More),
        }
    }
}

/// The `type` among the members, without its quotes.
pub(in crate::source) fn type_of<'b>(bytes: &'b [u8], members: &[Member]) -> Option<&'b [u8]> {
    let value = member_named(bytes, members, b"type")?;
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The value of the member of that name, the last one if there are several.
pub(in crate::source) fn member_named<'b>(
    bytes: &'b [u8],
    members: &[Member],
    name: &[u8],
) -> Option<&'b [u8]> {
    let found = members.iter().rev().find(|member| &bytes[member.name.0..member.name.1] == name)?;
    Some(&bytes[found.value.0..found.value.1])
}

fn member(bytes: &[u8], at: usize) -> Result<(Member, usize), Unclear> {
    let (name, value) = member_name(bytes, at)?;
    let end = value_end(bytes, value)?;
    Ok((Member { name, value: (value, end) }, end))
}

/// A name and its colon: the name's inside, and where the value begins.
fn member_name(bytes: &[u8], at: usize) -> Result<((usize, usize), usize), Unclear> {
    let quote = skip_blank(bytes, at);
    match bytes.get(quote) {
        Some(b'"') => {}
        Some(_) => return Err(Unclear::Broken(quote)),
        None => return Err(Unclear::More),
    }
    let end = string_end(bytes, quote)?;
    let colon = skip_blank(bytes, end);
    match bytes.get(colon) {
        Some(b':') => {}
        Some(_) => return Err(Unclear::Broken(colon)),
        None => return Err(Unclear::More),
    }
    let value = skip_blank(bytes, colon + 1);
    if value >= bytes.len() {
        return Err(Unclear::More);
    }
    Ok(((quote + 1, end - 1), value))
}

/// Where the value at `at` ends; nested ones by matching brackets.
fn value_end(bytes: &[u8], at: usize) -> Result<usize, Unclear> {
    match bytes[at] {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => nested_end(bytes, at),
        b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
            let rest = bytes[at..].iter();
            let length = rest.take_while(|byte| !b",}] \t\r\n".contains(byte)).count();
            if at + length < bytes.len() { Ok(at + length) } else { Err(Unclear::More) }
        }
        _ => Err(Unclear::Broken(at)),
    }
}

fn nested_end(bytes: &[u8], start: usize) -> Result<usize, Unclear> {
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Ok(at);
        }
    }
    Err(Unclear::More)
}

/// Behind the closing quote of the string at `quote`; a line break cannot stand in one.
fn string_end(bytes: &[u8], quote: usize) -> Result<usize, Unclear> {
    let mut at = quote + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' => at += 2,
            b'\n' => return Err(Unclear::Broken(at)),
            _ => at += 1,
        }
    }
    Err(Unclear::More)
}

/// A first object that is no collection: do lines separate it from the next?
fn objects(
    bytes: &[u8],
    at_end: bool,
    (first, end): (usize, usize),
    members: Vec<Member>,
) -> Result<Opening, Unclear> {
    let next = skip_blank(bytes, end);
    if next >= bytes.len() && !at_end {
        return Err(Unclear::More);
    }
    let several_lines = bytes[first..end].contains(&b'\n');
    let same_line = bytes.get(next) == Some(&b'{') && !bytes[end..next].contains(&b'\n');
    let layout = if several_lines || same_line { Layout::Objects } else { Layout::Lines };
    Ok(Opening { layout, content: first, members, alone: next >= bytes.len() })
}

/// Whether the line after the first begins a feature of its own: then the first
/// line alone is broken.
fn second_line_is_object(bytes: &[u8], first: usize) -> bool {
    let Some(newline) = memchr::memchr(b'\n', &bytes[first..]) else { return false };
    bytes.get(skip_blank(bytes, first + newline)) == Some(&b'{')
}

/// The first byte at or after `at` that is not white space.
pub(in crate::source) fn skip_blank(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_shows_in_the_first_object() {
        for (text, layout, content) in [
            (r#"{"type":"FeatureCollection","features":[{"#, Layout::Collection, 40),
            ("\u{feff} {\"features\" : [", Layout::Collection, 19),
            (r#"{"crs":{"features":[1]},"bbox":[[1]],"features":[]}"#, Layout::Collection, 49),
            ("\u{1e}{}\n", Layout::TextSequence, 0),
            ("{\"type\":\"Feature\"}\n{\"a\"", Layout::Lines, 0),
            ("\n{\"type\":\"Feature\"}\n", Layout::Lines, 1),
            ("{\"type\":\"Feature\"} {}", Layout::Objects, 0),
            ("{\"type\":\n\"Feature\"}\n", Layout::Objects, 0),
            ("{\"type\":\"Fea\n{\"type\":\"Feature\"}\n", Layout::Lines, 0),
            ("{\"type\":\"Feature\",\"a\":{\n{\"type\":\"Feature\"}\n", Layout::Lines, 0),
            ("{\"type\":\"Feature\"}}\n{\"type\":\"Feature\"}\n", Layout::Lines, 0),
            (r#"{"type":"Feature","features":[]}"#, Layout::Lines, 0),
        ] {
            let opening = opening(text.as_bytes(), true).expect(text);
            assert_eq!((opening.layout, opening.content), (layout, content), "{text}");
        }
    }

    #[test]
    fn what_is_no_geojson_is_unclear() {
        for (text, unclear) in [
            ("", Unclear::Empty),
            (" \n", Unclear::Empty),
            ("id,name\n1,a\n", Unclear::Broken(0)),
            ("[1,2]", Unclear::Broken(0)),
            (r#"{"type":"FeatureCollection","crs":{"#, Unclear::Broken(35)),
            (r#"{"type" "Feature"}"#, Unclear::Broken(8)),
        ] {
            assert_eq!(opening(text.as_bytes(), true), Err(unclear), "{text}");
        }
    }

    #[test]
    fn every_prefix_asks_for_more_or_gives_the_whole_answer() {
        let text = br#"{"type":"FeatureCollection","crs":{"a":"}\""},"bbox":[1,2],"features":[{"#;
        let whole = opening(text, false).expect("a collection");
        for length in 0..text.len() {
            match opening(&text[..length], false) {
                Ok(opening) => assert_eq!(opening, whole),
                Err(unclear) => assert_eq!(unclear, Unclear::More, "{length}"),
            }
        }
    }
}
