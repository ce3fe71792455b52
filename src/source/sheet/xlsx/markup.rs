//! The XML that spreadsheet programs write, and no more of XML than that.
//!
//! Whatever else XML allows (comments, CDATA, declarations, prefixes, entities of its
//! own) is [`Unusual`]: no fault, but a reason to leave the sheet to calamine, which
//! then says what it means or why it is refused. So nothing here has to be lenient,
//! and what is accepted here means the same to both.

use super::Unusual;

/// Bytes of `_xHHHH_`.
const ESCAPE_BYTES: usize = 7;

/// Texts without `xml:space="preserve"` lose these at both ends, and no other blanks.
const TRIMMED: [char; 4] = [' ', '\t', '\r', '\n'];

/// A place within XML that is there as a whole.
#[derive(Debug)]
pub(super) struct Scan<'x> {
    xml: &'x str,
    at: usize,
}

/// What was found of a text: a part of the XML, or written at the end of the scratch string.
pub(super) type Found<'x> = Option<&'x str>;

impl<'x> Scan<'x> {
    pub(super) fn of(xml: &'x str) -> Self {
        Self { xml, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.xml.len()
    }

    fn byte(&self) -> Result<u8, Unusual> {
        self.xml.as_bytes().get(self.at).copied().ok_or(Unusual)
    }

    fn rest(&self) -> &'x [u8] {
        &self.xml.as_bytes()[self.at..]
    }

    /// Passes over blanks between elements.
    pub(super) fn skip_blanks(&mut self) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.at += self.rest().iter().take_while(|byte| blank(byte)).count();
    }

    /// Passes over `literal` if it stands here.
    pub(super) fn take(&mut self, literal: &str) -> bool {
        let here = self.rest().starts_with(literal.as_bytes());
        self.at += if here { literal.len() } else { 0 };
        here
    }

    pub(super) fn expect(&mut self, literal: &str) -> Result<(), Unusual> {
        if self.take(literal) { Ok(()) } else { Err(Unusual) }
    }

    /// Passes over `<name` if that element starts here.
    pub(super) fn take_start(&mut self, name: &str) -> bool {
        let rest = self.rest();
        let ends = rest.get(1 + name.len()).is_some_and(|byte| !is_name_byte(*byte));
        let here = ends && rest[0] == b'<' && &rest[1..=name.len()] == name.as_bytes();
        self.at += if here { 1 + name.len() } else { 0 };
        here
    }

    /// Passes over a name without a prefix.
    pub(super) fn name(&mut self) -> Result<&'x str, Unusual> {
        let start = self.at;
        self.at += self.rest().iter().take_while(|byte| is_name_byte(**byte)).count();
        let name = &self.xml[start..self.at];
        if name.is_empty() || name.contains(':') { Err(Unusual) } else { Ok(name) }
    }

    /// The attributes of the tag whose name was passed, as they are written; then whether
    /// the tag ends its element as well.
    pub(super) fn attributes(
        &mut self,
        mut each: impl FnMut(&'x str, &'x str) -> Result<(), Unusual>,
    ) -> Result<bool, Unusual> {
        loop {
            self.skip_blanks();
            match self.byte()? {
                b'>' => {
                    self.at += 1;
                    return Ok(false);
                }
                b'/' => return self.expect("/>").map(|()| true),
                _ => {}
            }
            let start = self.at;
            self.at += self.rest().iter().take_while(|byte| is_name_byte(**byte)).count();
            let key = &self.xml[start..self.at];
            self.expect("=")?;
            let quote = self.byte()?;
            if key.is_empty() || !matches!(quote, b'"' | b'\'') {
                return Err(Unusual);
            }
            self.at += 1;
            let start = self.at;
            let ends = |byte: &u8| *byte == quote || *byte == b'<';
            self.at += self.rest().iter().position(ends).ok_or(Unusual)?;
            if self.byte()? == b'<' {
                return Err(Unusual);
            }
            each(key, &self.xml[start..self.at])?;
            self.at += 1;
        }
    }

    /// The text up to the next tag, as it is written.
    pub(super) fn raw_text(&mut self) -> Result<&'x str, Unusual> {
        let length = memchr::memchr(b'<', self.rest()).ok_or(Unusual)?;
        let text = &self.xml[self.at..self.at + length];
        self.at += length;
        Ok(text)
    }

    /// The texts within `<is>` or `<si>` together, up to and with the end of that element;
    /// phonetic ones left out.
    pub(super) fn rich_text(
        &mut self,
        closing: &str,
        scratch: &mut String,
    ) -> Result<Found<'x>, Unusual> {
        // Nearly every text is the only one of its element.
        self.skip_blanks();
        let mut first = None;
        if self.take_start("t") {
            first = Some(self.text_element(scratch)?);
            self.skip_blanks();
            if self.take(closing) {
                return Ok(first.flatten());
            }
        }
        if let Some(Some(text)) = first {
            scratch.push_str(text);
        }
        // The elements around, of runs, their looks and phonetic texts.
        let mut around: Vec<&str> = Vec::new();
        loop {
            self.skip_blanks();
            if around.is_empty() && self.take(closing) {
                return Ok(None);
            }
            if self.take_start("t") {
                let kept = scratch.len();
                if let Some(text) = self.text_element(scratch)? {
                    scratch.push_str(text);
                }
                if around.contains(&"rPh") {
                    scratch.truncate(kept);
                }
                continue;
            }
            self.expect("<")?;
            if self.take("/") {
                let name = self.name()?;
                self.expect(">")?;
                if around.pop() != Some(name) {
                    return Err(Unusual);
                }
                continue;
            }
            let name = self.name()?;
            // One within another would end at the first end.
            if matches!(name, "is" | "si") || (name == "rPh" && around.contains(&name)) {
                return Err(Unusual);
            }
            if !self.attributes(|_, _| Ok(()))? {
                around.push(name);
            }
        }
    }

    /// The text of a `<t>` whose name was passed, up to and with its end.
    fn text_element(&mut self, scratch: &mut String) -> Result<Found<'x>, Unusual> {
        let mut preserve = None;
        let is_empty = self.attributes(|key, value| {
            if key == "xml:space" && preserve.is_none() {
                preserve = Some(value == "preserve");
            }
            Ok(())
        })?;
        if is_empty {
            return Ok(Some(""));
        }
        let text = self.raw_text()?;
        self.expect("</t>")?;
        let trimmed = |text: &'x str| text.trim_matches(TRIMMED);
        let preserve = preserve == Some(true);
        if is_plain(text) {
            return Ok(Some(if preserve { text } else { trimmed(text) }));
        }
        let mut decoded = String::with_capacity(text.len());
        decode(text, &mut decoded)?;
        let whole = if preserve { &decoded[..] } else { decoded.trim_matches(TRIMMED) };
        unescape(whole, scratch)?;
        Ok(None)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.')
}

/// Whether a text means itself: no entity, no line end to put right, no escape.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr3(b'&', b'\r', b'_', bytes).is_none()
}

/// A text's meaning: entities and line ends, and Excel's own escapes (`_x000D_`) if asked for.
pub(super) fn meaning<'x>(
    text: &'x str,
    escapes: bool,
    scratch: &mut String,
) -> Result<Found<'x>, Unusual> {
    if is_plain(text) {
        return Ok(Some(text));
    }
    if !escapes {
        return decode(text, scratch).map(|()| None);
    }
    let mut decoded = String::with_capacity(text.len());
    decode(text, &mut decoded)?;
    unescape(&decoded, scratch).map(|()| None)
}

/// Adds a text with its entities resolved and its line ends as `\n`.
pub(super) fn decode(text: &str, decoded: &mut String) -> Result<(), Unusual> {
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'&', b'\r', rest.as_bytes()) {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if text.as_bytes()[text.len() - rest.len() - 1] == b'\r' {
            decoded.push('\n');
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        } else {
            let (name, after) = rest.split_once(';').ok_or(Unusual)?;
            decoded.push(entity(name)?);
            rest = after;
        }
    }
    decoded.push_str(rest);
    Ok(())
}

fn entity(name: &str) -> Result<char, Unusual> {
    let number = |digits: &str, radix| {
        let digits_only = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let code = u32::from_str_radix(digits, radix).ok().filter(|_| digits_only);
        code.filter(|code| *code != 0).and_then(char::from_u32).ok_or(Unusual)
    };
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) => number(digits, 16),
            (None, Some(digits)) => number(digits, 10),
            (None, None) => Err(Unusual),
        },
    }
}

/// Adds a text with Excel's escapes of characters (`_x000D_`) resolved.
fn unescape(text: &str, unescaped: &mut String) -> Result<(), Unusual> {
    let (mut at, mut copied) = (0, 0);
    while let Some(found) = memchr::memchr(b'_', &text.as_bytes()[at..]) {
        let start = at + found;
        let Some(unit) = escape_at(text.as_bytes(), start) else {
            at = start + 1;
            continue;
        };
        unescaped.push_str(&text[copied..start]);
        // Halves of a pair have no character of their own.
        unescaped.push(char::from_u32(unit).ok_or(Unusual)?);
        at = start + ESCAPE_BYTES;
        copied = at;
    }
    unescaped.push_str(&text[copied..]);
    Ok(())
}

fn escape_at(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'_', b'x', hex @ .., b'_'] = bytes.get(at..at + ESCAPE_BYTES)? else { return None };
    hex.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

/// Passes over everything before the root's content, `xml` ending where the element begins
/// that the cells or texts are in.
pub(super) fn check_prologue(xml: &str) -> Result<(), Unusual> {
    let mut scan = Scan::of(xml);
    if scan.take("<?xml ") {
        let length = memchr::memmem::find(scan.rest(), b"?>").ok_or(Unusual)?;
        check_encoding(&xml[scan.at..scan.at + length])?;
        scan.at += length + 2;
    }
    let mut depth = 0_u32;
    loop {
        scan.skip_blanks();
        if scan.is_at_end() {
            return Ok(());
        }
        scan.expect("<")?;
        if scan.take("/") {
            scan.name()?;
            scan.expect(">")?;
            depth = depth.checked_sub(1).ok_or(Unusual)?;
            continue;
        }
        let mut reference = None;
        let name = scan.name()?;
        let is_empty = scan.attributes(|key, value| {
            reference = reference.or((key == "ref").then_some(value));
            Ok(())
        })?;
        if name == "dimension" && !reference.is_some_and(is_range) {
            return Err(Unusual);
        }
        depth += u32::from(!is_empty);
    }
}

fn check_encoding(declaration: &str) -> Result<(), Unusual> {
    let Some((_, encoding)) = declaration.split_once("encoding") else { return Ok(()) };
    let encoding = encoding.strip_prefix('=').ok_or(Unusual)?;
    let encoding = encoding.get(..7).ok_or(Unusual)?;
    let is_utf8 = ["\"utf-8\"", "'utf-8'"].iter().any(|name| encoding.eq_ignore_ascii_case(name));
    if is_utf8 { Ok(()) } else { Err(Unusual) }
}

/// A cell's row and column from 0: `A1` to `XFD1048576`, in capitals.
pub(super) fn place(reference: &str) -> Option<(u32, u32)> {
    let bytes = reference.as_bytes();
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    if letters == 0 || letters > 3 {
        return None;
    }
    let letter = |number, letter: &u8| number * 26 + u32::from(letter - b'A') + 1;
    let column = bytes[..letters].iter().fold(0, letter) - 1;
    let row = number(&bytes[letters..])?.checked_sub(1)?;
    Some((row, column))
}

/// Up to seven digits.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    let is_short = (1..=7).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_short.then(|| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// `A1` or `A1:B2`, the second corner not before the first.
pub(super) fn is_range(reference: &str) -> bool {
    let Some((start, end)) = reference.split_once(':') else { return place(reference).is_some() };
    let (Some(start), Some(end)) = (place(start), place(end)) else { return false };
    start.0 <= end.0 && start.1 <= end.1
}
