//! Fields of one record: a strict tokenizer that finds ranges and copies nothing.
//!
//! Strict means: a field is quoted as a whole or not at all. A quote inside an
//! unquoted field, or anything but a delimiter after a closing quote, is a
//! fault: other readers each make something else of it, so nobody knows what
//! was meant. This runs for every field of every file ([`scan`] is the fast part).

use memchr::{memchr, memchr2};

use super::{
    dialect::Dialect,
    quick,
    scan::{self, MASK_BYTES, Needle},
};

/// A field's content, as a range of its record, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Whether it holds escaped quotes, so that its text is not its bytes.
    pub(super) escaped: bool,
}

impl Field {
    #[inline]
    pub(super) fn new(start: usize, end: usize, escaped: bool) -> Self {
        // Records are held below `SPLIT_BYTES_MAX`.
        Self { start: start as u32, end: end as u32, escaped }
    }

    /// Its bytes in `record`.
    pub(super) fn bytes(self, record: &[u8]) -> &[u8] {
        &record[self.start as usize..self.end as usize]
    }
}

/// Where and how a record breaks the quoting rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QuoteFault {
    /// The field's index, from 0.
    pub(super) field: usize,
    /// The offending byte's offset in the record.
    pub(super) byte: usize,
    /// What is wrong there.
    pub(super) what: &'static str,
}

const STRAY: &str = "a quote stands inside a field that is not quoted";
const AFTER: &str = "text follows the closing quote";
const OPEN: &str = "the quote that opens here is never closed";

impl Dialect {
    /// Sets `fields` to those of a record, the quick way where that is enough.
    #[inline]
    pub(super) fn split_to(
        &self,
        bytes: &[u8],
        length: usize,
        fields: &mut Vec<Field>,
    ) -> Result<(), QuoteFault> {
        fields.clear();
        if let (Some(quote), None) = (self.quote, self.escape) {
            if quick::split(bytes, length, (self.delimiter, quote), fields) {
                return Ok(());
            }
            fields.clear();
        }
        self.split(bytes, length, |field| fields.push(field))
    }

    /// Finds the fields of the record that is the first `length` bytes of
    /// `bytes` (without its line end), in order.
    #[inline]
    pub(super) fn split(
        &self,
        bytes: &[u8],
        length: usize,
        emit: impl FnMut(Field),
    ) -> Result<(), QuoteFault> {
        match (self.quote, self.escape) {
            (None, _) => {
                self.split_unquoted(bytes, length, emit);
                Ok(())
            }
            (Some(quote), None) => self.split_doubled(bytes, length, quote, emit),
            (Some(quote), Some(escape)) => {
                self.split_escaped(&bytes[..length], quote, escape, emit)
            }
        }
    }

    /// Finds the fields of a record that is known to hold no quote.
    #[inline]
    pub(super) fn split_unquoted(&self, bytes: &[u8], length: usize, mut emit: impl FnMut(Field)) {
        let delimiter = Needle::new(self.delimiter);
        let mut start = 0;
        for at in (0..length).step_by(MASK_BYTES) {
            let mut mask = scan::mask(bytes, at, length, delimiter);
            while mask != 0 {
                let end = at + mask.trailing_zeros() as usize;
                emit(Field::new(start, end, false));
                start = end + 1;
                mask &= mask - 1;
            }
        }
        emit(Field::new(start, length, false));
    }

    /// Finds the fields where quotes are doubled: goes from one delimiter or
    /// quote to the next, whatever lies between.
    fn split_doubled(
        &self,
        bytes: &[u8],
        length: usize,
        quote: u8,
        mut emit: impl FnMut(Field),
    ) -> Result<(), QuoteFault> {
        let needles = (Needle::new(self.delimiter), Needle::new(quote));
        let mut walk = Walk { field: 0, start: 0, escaped: false, state: State::Unquoted };
        for at in (0..length).step_by(MASK_BYTES) {
            let (delimiters, quotes) = scan::masks(bytes, at, length, needles);
            let mut mask = delimiters | quotes;
            while mask != 0 {
                let found = at + mask.trailing_zeros() as usize;
                walk.step(found, bytes[found] == quote, &mut emit)?;
                mask &= mask - 1;
            }
        }
        walk.finish(length, &mut emit)
    }

    /// Finds the fields where quotes are escaped, which is rare.
    fn split_escaped(
        &self,
        record: &[u8],
        quote: u8,
        escape: u8,
        mut emit: impl FnMut(Field),
    ) -> Result<(), QuoteFault> {
        let (mut at, mut number) = (0, 0);
        loop {
            let field = if record.get(at) == Some(&quote) {
                self.quoted(record, at, quote, escape)
            } else {
                self.unquoted(record, at, quote)
            };
            let (field, after) =
                field.map_err(|(byte, what)| QuoteFault { field: number, byte, what })?;
            emit(field);
            if after == record.len() {
                return Ok(());
            }
            at = after + 1;
            number += 1;
        }
    }

    /// The unquoted field at `at`, and where the delimiter or the end stands.
    fn unquoted(&self, record: &[u8], at: usize, quote: u8) -> FieldResult {
        match memchr2(self.delimiter, quote, &record[at..]) {
            None => Ok((Field::new(at, record.len(), false), record.len())),
            Some(found) if record[at + found] == quote => Err((at + found, STRAY)),
            Some(found) => Ok((Field::new(at, at + found, false), at + found)),
        }
    }

    /// The quoted field whose quote stands at `open`, and where the delimiter or the end stands.
    fn quoted(&self, record: &[u8], open: usize, quote: u8, escape: u8) -> FieldResult {
        let (close, escaped) = closing(record, open, quote, escape).ok_or((open, OPEN))?;
        match record.get(close + 1) {
            Some(byte) if *byte != self.delimiter => Err((close + 1, AFTER)),
            _ => Ok((Field::new(open + 1, close, escaped), close + 1)),
        }
    }

    /// Appends the text of an escaped field's bytes.
    pub(super) fn unescape(&self, mut bytes: &[u8], text: &mut Vec<u8>) {
        let quote = self.quote.unwrap_or(b'"');
        let mark = self.escape.unwrap_or(quote);
        while let Some(found) = memchr(mark, bytes) {
            let escapes = bytes.get(found + 1).is_some_and(|next| *next == quote || *next == mark);
            let kept = if escapes { found } else { found + 1 };
            text.extend_from_slice(&bytes[..kept]);
            if escapes {
                text.push(bytes[found + 1]);
            }
            bytes = &bytes[found + 1 + usize::from(escapes)..];
        }
        text.extend_from_slice(bytes);
    }
}

type FieldResult = Result<(Field, usize), (usize, &'static str)>;

/// Where a record stands between two structural bytes.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Unquoted,
    Quoted,
    /// After a quote that closes the field, unless another follows at once.
    Closed(usize),
}

struct Walk {
    field: usize,
    /// The field's first byte, its quote included.
    start: usize,
    escaped: bool,
    state: State,
}

impl Walk {
    /// Goes to the delimiter or quote at `at`.
    #[inline]
    fn step(
        &mut self,
        at: usize,
        quote: bool,
        emit: &mut impl FnMut(Field),
    ) -> Result<(), QuoteFault> {
        match (self.state, quote) {
            (State::Quoted, true) => self.state = State::Closed(at),
            (State::Quoted, false) => {}
            (State::Unquoted, false) => self.end_field(Field::new(self.start, at, false), at, emit),
            (State::Unquoted, true) if at == self.start => self.state = State::Quoted,
            (State::Unquoted, true) => return Err(self.fault(at, STRAY)),
            (State::Closed(close), _) if at != close + 1 => {
                return Err(self.fault(close + 1, AFTER));
            }
            (State::Closed(_), true) => {
                self.state = State::Quoted;
                self.escaped = true;
            }
            (State::Closed(close), false) => {
                self.end_field(Field::new(self.start + 1, close, self.escaped), at, emit);
            }
        }
        Ok(())
    }

    #[inline]
    fn end_field(&mut self, field: Field, delimiter: usize, emit: &mut impl FnMut(Field)) {
        emit(field);
        let field = self.field + 1;
        *self = Walk { field, start: delimiter + 1, escaped: false, state: State::Unquoted };
    }

    fn finish(&self, length: usize, emit: &mut impl FnMut(Field)) -> Result<(), QuoteFault> {
        match self.state {
            State::Unquoted => emit(Field::new(self.start, length, false)),
            State::Closed(close) if close + 1 == length => {
                emit(Field::new(self.start + 1, close, self.escaped));
            }
            State::Closed(close) => return Err(self.fault(close + 1, AFTER)),
            State::Quoted => return Err(self.fault(self.start, OPEN)),
        }
        Ok(())
    }

    #[cold]
    fn fault(&self, byte: usize, what: &'static str) -> QuoteFault {
        QuoteFault { field: self.field, byte, what }
    }
}

/// The quote that closes the field opened at `open`, and whether escapes stand before it.
fn closing(record: &[u8], open: usize, quote: u8, escape: u8) -> Option<(usize, bool)> {
    let mut at = open + 1;
    let mut escaped = false;
    loop {
        let found = at + memchr2(quote, escape, &record[at..])?;
        if record[found] == quote {
            return Some((found, escaped));
        }
        let pair = record.get(found + 1).is_some_and(|next| *next == quote || *next == escape);
        escaped |= pair;
        at = found + 1 + usize::from(pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAS: Dialect =
        Dialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };

    fn fields(dialect: Dialect, record: &str) -> Result<Vec<String>, (usize, usize)> {
        let mut texts = Vec::new();
        let split = dialect.split(record.as_bytes(), record.len(), |field| {
            let mut text = Vec::new();
            dialect.unescape(field.bytes(record.as_bytes()), &mut text);
            let plain = field.bytes(record.as_bytes()).to_vec();
            texts.push(String::from_utf8(if field.escaped { text } else { plain }).expect("text"));
        });
        split.map(|()| texts).map_err(|fault| (fault.field, fault.byte))
    }

    #[test]
    fn fields_are_quoted_as_a_whole_or_not_at_all() {
        let good: [(&str, &[&str]); 9] = [
            ("", &[""]),
            (",", &["", ""]),
            ("a,b,", &["a", "b", ""]),
            ("\"\",\"a\"", &["", "a"]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a\"\"b\"", &["a\"b"]),
            ("\"\"\"\"", &["\""]),
            ("\"a\r\nb\",c", &["a\r\nb", "c"]),
            (" a , b", &[" a ", " b"]),
        ];
        for (record, expected) in good {
            assert_eq!(
                fields(COMMAS, record).as_deref().ok(),
                Some(&expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]),
                "{record}"
            );
        }
        let bad = [
            ("a\"b", (0, 1)),
            ("a, \"b\"", (1, 3)),
            ("a,\"b\"c", (1, 5)),
            ("\"a\" ,b", (0, 3)),
            ("a,\"b", (1, 2)),
            ("\"\"\"", (0, 0)),
        ];
        for (record, place) in bad {
            assert_eq!(fields(COMMAS, record), Err(place), "{record}");
        }
    }

    #[test]
    fn an_escape_stands_before_quotes_and_itself_inside_quotes_only() {
        let dialect = Dialect { escape: Some(b'\\'), ..COMMAS };
        let texts = |record| fields(dialect, record).ok();
        let some =
            |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(texts(r#""a\"b",c"#), some(&["a\"b", "c"]));
        assert_eq!(texts(r#""a\\",c"#), some(&["a\\", "c"]));
        assert_eq!(texts(r#""a\nb\"""#), some(&["a\\nb\""]));
        assert_eq!(texts(r"C:\,b"), some(&["C:\\", "b"]));
        assert_eq!(fields(dialect, r#""a""b""#), Err((0, 3)));
        assert_eq!(fields(dialect, r#""C:\",b"#), Err((0, 0)));
    }

    #[test]
    fn without_a_quote_every_quote_is_text() {
        let dialect = Dialect { quote: None, ..COMMAS };
        assert_eq!(fields(dialect, "\"a,b\"c").ok(), Some(vec!["\"a".into(), "b\"c".into()]));
    }
}
