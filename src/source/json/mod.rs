//! A pull reader of JSON text: it proves what it passes and copies nothing.
//!
//! The decoder walks each feature once, from left to right, and takes ranges of
//! the block for strings and numbers. Building a tree (`serde_json::Value`)
//! would allocate several times per cell; the tests use one as the oracle.

mod decoder;

pub(super) use decoder::{IndexedDecoder, RecordCells, push};

/// How deep values may be nested; deeper ones are faults, so that no record can exhaust the stack.
pub(super) const DEPTH_MAX: usize = 128;

/// Why a record cannot be decoded, and the byte of it where that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) code: &'static str,
    pub(super) what: &'static str,
    pub(super) at: usize,
}

pub(super) type Parsed<T> = Result<T, Flaw>;

/// The inside of a string: a range of the text, and whether it has escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
}

/// A value; nested ones are passed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Null,
    Bool(bool),
    Text(Quoted),
    Number(usize, usize),
    Nested(usize, usize),
}

/// A place in a JSON text, moving forward.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    bytes: &'t [u8],
    pub(super) at: usize,
    depth: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, depth: 0 }
    }

    /// The text this cursor walks.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// The next byte that is not white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    pub(super) fn syntax<T>(&self) -> Parsed<T> {
        self.flaw("json.syntax", "the text is not well-formed JSON")
    }

    pub(super) fn flaw<T>(&self, code: &'static str, what: &'static str) -> Parsed<T> {
        Err(Flaw { code, what, at: self.at })
    }

    /// Passes `byte`, with white space before it.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Parsed<()> {
        if self.peek() != Some(byte) {
            return self.syntax();
        }
        self.at += 1;
        Ok(())
    }

    /// Proves that nothing but white space is left.
    pub(super) fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.flaw("json.syntax", "something follows the end of the record"),
        }
    }

    /// Passes an object; `member` is given each name and must pass its value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Quoted) -> Parsed<()>,
    ) -> Parsed<()> {
        self.listed(b'{', b'}', |cursor| {
            let name = cursor.string()?;
            cursor.expect(b':')?;
            member(cursor, name)
        })
    }

    /// Passes an array; `element` must pass each value.
    #[inline]
    pub(super) fn array(&mut self, element: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.listed(b'[', b']', element)
    }

    #[inline]
    fn listed(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        self.expect(open)?;
        if self.depth == DEPTH_MAX {
            return self.flaw("json.depth", "values are nested more than 128 deep");
        }
        self.depth += 1;
        if self.peek() == Some(close) {
            self.at += 1;
        } else {
            loop {
                item(self)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(byte) if byte == close => break self.at += 1,
                    _ => return self.syntax(),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Passes any value and says what it was.
    pub(super) fn value(&mut self) -> Parsed<Token> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => Ok(Token::Text(self.string()?)),
            Some(b'{') => {
                self.object(|cursor, _| cursor.value().map(drop))?;
                Ok(Token::Nested(start, self.at))
            }
            Some(b'[') => {
                self.array(|cursor| cursor.value().map(drop))?;
                Ok(Token::Nested(start, self.at))
            }
            Some(b't') => self.word("true", Token::Bool(true)),
            Some(b'f') => self.word("false", Token::Bool(false)),
            Some(b'n') => self.word("null", Token::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, token: Token) -> Parsed<Token> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.syntax();
        }
        self.at += word.len();
        Ok(token)
    }

    /// Passes a number, by JSON's grammar exactly.
    pub(super) fn number(&mut self) -> Parsed<Token> {
        self.peek();
        let start = self.at;
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        let leading = self.bytes.get(self.at).copied();
        let whole = self.digits()?;
        if leading == Some(b'0') && whole > 1 {
            return self.syntax();
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Token::Number(start, self.at))
    }

    fn digits(&mut self) -> Parsed<usize> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.syntax() } else { Ok(self.at - start) }
    }

    /// Passes a string, proving its escapes.
    pub(super) fn string(&mut self) -> Parsed<Quoted> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0) => return self.flaw("encoding.nul", "a text holds a NUL character"),
                Some(0x01..=0x1F) | None => return self.syntax(),
                Some(_) => self.at += 1,
            }
        }
        let end = self.at;
        self.at += 1;
        Ok(Quoted { start, end, escaped })
    }

    fn escape(&mut self) -> Parsed<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => return self.unicode_escape(),
            _ => return self.flaw("json.syntax", "a text has an escape that JSON does not know"),
        }
        Ok(())
    }

    fn unicode_escape(&mut self) -> Parsed<()> {
        match hex_unit(self.bytes, self.at) {
            None => self.flaw("json.syntax", "a text has an escape that JSON does not know"),
            Some(0) => self.flaw("encoding.nul", "a text holds a NUL character"),
            Some(0xD800..=0xDBFF) => match hex_unit(self.bytes, self.at + 6) {
                Some(0xDC00..=0xDFFF) => {
                    self.at += 12;
                    Ok(())
                }
                _ => self.flaw("encoding.invalid", "a text has half a surrogate pair"),
            },
            Some(0xDC00..=0xDFFF) => {
                self.flaw("encoding.invalid", "a text has half a surrogate pair")
            }
            Some(_) => {
                self.at += 6;
                Ok(())
            }
        }
    }
}

/// The code unit of a `\uXXXX` that starts at `at`.
fn hex_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    if !escape.starts_with(b"\\u") || !escape[2..].iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(&escape[2..]).ok()?, 16).ok()
}

/// Appends the inside of a string with its escapes undone; [`Cursor::string`] has proven it.
pub(super) fn unescape(inside: &str, out: &mut Vec<u8>) {
    let bytes = inside.as_bytes();
    let mut at = 0;
    while let Some(offset) = memchr::memchr(b'\\', &bytes[at..]) {
        out.extend_from_slice(&bytes[at..at + offset]);
        at += offset;
        at += unescape_one(bytes, at, out);
    }
    out.extend_from_slice(&bytes[at..]);
}

/// Undoes the escape at `at`; how many bytes it took.
fn unescape_one(bytes: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let plain = match bytes.get(at + 1) {
        Some(b'b') => 0x08,
        Some(b'f') => 0x0C,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => return unescape_unicode(bytes, at, out),
        Some(&other) => other,
        None => return 1,
    };
    out.push(plain);
    2
}

fn unescape_unicode(bytes: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let high = hex_unit(bytes, at).unwrap_or(0xFFFD);
    let (code, taken) = match (high, hex_unit(bytes, at + 6)) {
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            (0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00), 12)
        }
        _ => (high, 6),
    };
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passes(text: &str) -> Parsed<Token> {
        let mut cursor = Cursor::new(text);
        let token = cursor.value()?;
        cursor.end()?;
        Ok(token)
    }

    #[test]
    fn what_it_passes_is_what_serde_json_passes() {
        let texts = [
            "0",
            "-0",
            "1.50",
            "1e5",
            "-1.2E-07",
            "01",
            "-",
            "1.",
            ".5",
            "+1",
            "1e",
            "NaN",
            "null",
            "nul",
            "true",
            "falsey",
            r#""""#,
            r#""a\n\u00e9""#,
            r#""\x""#,
            r#""\u12""#,
            "\"\t\"",
            r#""\ud83d\ude00""#,
            "[]",
            "[1,]",
            "[1 2]",
            "{}",
            r#"{"a":1}"#,
            r#"{"a" 1}"#,
            "{a:1}",
            r#"{"a":1,}"#,
            r#"{"a":[{"b":null}]}"#,
            "[",
            "",
            " [ 1 , 2 ] ",
            "1 1",
            "\u{a0}1",
        ];
        for text in texts {
            let oracle = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(passes(text).is_ok(), oracle, "{text}");
        }
    }

    #[test]
    fn what_no_text_column_can_hold_is_a_flaw_of_its_own() {
        for (text, code) in [
            (r#""\u0000""#, "encoding.nul"),
            ("\"\0\"", "encoding.nul"),
            (r#""\ud83d""#, "encoding.invalid"),
            (r#""\ude00""#, "encoding.invalid"),
            (r#""\ud83d\u0041""#, "encoding.invalid"),
        ] {
            assert_eq!(passes(text).expect_err(text).code, code);
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(passes(&deep(DEPTH_MAX)).is_ok());
        assert_eq!(passes(&deep(DEPTH_MAX + 1)).expect_err("too deep").code, "json.depth");
    }

    proptest! {
        #[test]
        fn escapes_come_back_as_they_went(text in "[^\0]*") {
            let json = serde_json::to_string(&text).expect("a string");
            let mut cursor = Cursor::new(&json);
            let quoted = cursor.string().expect("a string");
            let mut out = Vec::new();
            unescape(&json[quoted.start..quoted.end], &mut out);
            prop_assert_eq!(String::from_utf8(out).expect("UTF-8"), text);
        }
    }
}
