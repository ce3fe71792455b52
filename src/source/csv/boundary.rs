//! Where records end: the one rule that splitter and decoders share.
//!
//! **The rule.** A record ends at the first line end (LF, CRLF or a lone CR,
//! mixed as they come) at which the number of quotes since its start is even;
//! escaped quotes do not count when the dialect has an escape. Counting is
//! vectorised, so the splitter finds exact cuts at memory speed, on one thread,
//! without looking at fields.
//!
//! **The limit.** One stray quote would swallow lines up to the next one. So a
//! record of several lines must also be well-formed for the strict tokenizer,
//! closed before the end of the file, and at most [`QUOTED_RECORD_BYTES_MAX`]
//! long. Otherwise only its *first line* is a record, a faulty one, and reading
//! goes on at the next line: a stray quote costs one record.
//!
//! Both sides give the same answer, although a decoder sees only its split:
//! cuts are made after whole records, so every line end the rule can stop at is
//! in the split, and a candidate that runs past the split's end was refused by
//! the splitter too.
//!
//! Empty lines are no records (unless the file has a single column, where they
//! are its empty value), nor are lines that start with the comment character.

use memchr::{memchr2, memchr2_iter};

use super::{dialect::Dialect, scan::Needle};

/// Length of a record that spans several lines; one that claims more has lost a quote.
pub(super) const QUOTED_RECORD_BYTES_MAX: usize = 1024 * 1024;

/// How records are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boundary {
    pub(super) dialect: Dialect,
    /// Whether an empty line is a record: in files of a single column.
    pub(super) blank_is_record: bool,
}

/// A record, or a line that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: PieceKind,
    /// Its bytes without the line end.
    pub(super) content: usize,
    /// Its bytes with the line end.
    pub(super) whole: usize,
    /// How many lines it takes.
    pub(super) lines: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// An empty line or a comment.
    Skipped,
    /// A record without any quote.
    Plain,
    /// A record that may hold quotes; whether they are well-formed the tokenizer says.
    Quoted,
    /// The first line of a record that is not well-formed.
    Broken,
}

struct Line {
    content: usize,
    whole: usize,
}

impl Boundary {
    /// The piece at the start of `bytes`; `None` when more bytes are needed to
    /// know (or there are none). With `at_end`, `bytes` reaches the end.
    #[inline]
    pub(super) fn next_piece(&self, bytes: &[u8], at_end: bool) -> Option<Piece> {
        let line = line(bytes, at_end)?;
        let piece = |kind| Piece { kind, content: line.content, whole: line.whole, lines: 1 };
        let blank = line.content == 0 && !self.blank_is_record;
        if blank || (line.content > 0 && self.dialect.comment == Some(bytes[0])) {
            return Some(piece(PieceKind::Skipped));
        }
        match self.quotes(bytes, line.content) {
            (false, _) => Some(piece(PieceKind::Plain)),
            (true, false) => Some(piece(PieceKind::Quoted)),
            (true, true) => self.several_lines(bytes, &line, at_end),
        }
    }

    /// Goes on where the first line leaves a quote open.
    #[cold]
    fn several_lines(&self, bytes: &[u8], first: &Line, at_end: bool) -> Option<Piece> {
        let broken =
            Piece { kind: PieceKind::Broken, content: first.content, whole: first.whole, lines: 1 };
        let (mut at, mut lines, mut open) = (first.whole, 1, true);
        while at <= QUOTED_RECORD_BYTES_MAX {
            let Some(line) = line(&bytes[at..], at_end) else {
                // The line goes on past these bytes, but for a CR that may be half a line end.
                let too_long = bytes.len() > QUOTED_RECORD_BYTES_MAX + 1;
                return (at_end || too_long).then_some(broken);
            };
            lines += 1;
            open ^= self.quotes(&bytes[at..], line.content).1;
            let (content, whole) = (at + line.content, at + line.whole);
            if !open {
                let kept = content <= QUOTED_RECORD_BYTES_MAX
                    && self.dialect.split(bytes, content, |_| ()).is_ok();
                let several = Piece { kind: PieceKind::Quoted, content, whole, lines };
                return Some(if kept { several } else { broken });
            }
            at = whole;
        }
        Some(broken)
    }

    /// Whether a line, so many bytes, may have quotes, and whether their number, without the
    /// escaped ones, is odd. An escape never reaches over a line end, so going
    /// line by line is counting the whole.
    #[inline]
    fn quotes(&self, bytes: &[u8], line: usize) -> (bool, bool) {
        match (self.dialect.quote, self.dialect.escape) {
            (None, _) => (false, false),
            (Some(quote), None) => Needle::new(quote).parity(bytes, line),
            (Some(quote), Some(escape)) => {
                (true, unescaped(&bytes[..line], quote, escape) % 2 == 1)
            }
        }
    }
}

fn unescaped(line: &[u8], quote: u8, escape: u8) -> usize {
    let (mut count, mut from) = (0, 0);
    for at in memchr2_iter(quote, escape, line) {
        if at < from {
            continue;
        }
        if line[at] == quote {
            count += 1;
        } else if line.get(at + 1).is_some_and(|next| *next == quote || *next == escape) {
            from = at + 2;
        }
    }
    count
}

/// The line at the start of `bytes`; at the end it may lack its line end.
#[inline]
fn line(bytes: &[u8], at_end: bool) -> Option<Line> {
    let Some(content) = memchr2(b'\n', b'\r', bytes) else {
        let last = at_end && !bytes.is_empty();
        return last.then_some(Line { content: bytes.len(), whole: bytes.len() });
    };
    if bytes[content] == b'\n' {
        return Some(Line { content, whole: content + 1 });
    }
    match bytes.get(content + 1) {
        Some(b'\n') => Some(Line { content, whole: content + 2 }),
        Some(_) => Some(Line { content, whole: content + 1 }),
        None => at_end.then_some(Line { content, whole: content + 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, escape: Option<u8>, one_column: bool) -> Vec<(PieceKind, &str, u64)> {
        let dialect = Dialect { delimiter: b',', quote: Some(b'"'), escape, comment: Some(b'#') };
        let boundary = Boundary { dialect, blank_is_record: one_column };
        let (mut at, mut found) = (0, Vec::new());
        while let Some(piece) = boundary.next_piece(&text.as_bytes()[at..], true) {
            found.push((piece.kind, &text[at..at + piece.content], piece.lines));
            at += piece.whole;
        }
        assert_eq!(at, text.len(), "pieces tile the text");
        found
    }

    use PieceKind::{Broken, Plain, Quoted, Skipped};

    #[test]
    fn line_ends_of_every_kind_end_records() {
        let expected = [
            (Plain, "a", 1),
            (Plain, "b", 1),
            (Plain, "c", 1),
            (Skipped, "", 1),
            (Skipped, "#\"", 1),
            (Plain, "d", 1),
        ];
        assert_eq!(pieces("a\nb\r\nc\r\n\n#\"\rd", None, false), expected);
        assert_eq!(pieces("\n\r\r\na", None, true)[..3], [(Plain, "", 1); 3]);
        assert_eq!(pieces("", None, true), []);
    }

    #[test]
    fn quotes_carry_a_record_over_line_ends() {
        let text = "\"a\nb\"\"\r\n\",c\n\"\"\nd";
        assert_eq!(
            pieces(text, None, false),
            [(Quoted, "\"a\nb\"\"\r\n\",c", 3), (Quoted, "\"\"", 1), (Plain, "d", 1)]
        );
        let text = "\"a\\\"\n\\\\\"\nC:\\\nd";
        assert_eq!(
            pieces(text, Some(b'\\'), false),
            [(Quoted, "\"a\\\"\n\\\\\"", 2), (Quoted, "C:\\", 1), (Quoted, "d", 1)]
        );
    }

    #[test]
    fn a_stray_quote_costs_one_record() {
        // Unterminated at the end of the file.
        assert_eq!(pieces("\"a\nb\nc", None, false)[..2], [(Broken, "\"a", 1), (Plain, "b", 1)]);
        // Text after the closing quote.
        let expected = [(Broken, "x\"a", 1), (Plain, "b", 1), (Broken, "c\"", 1), (Plain, "d", 1)];
        assert_eq!(pieces("x\"a\nb\nc\"\nd", None, false), expected);
    }

    #[test]
    fn a_record_over_several_lines_has_a_greatest_length() {
        for (longer, kind) in [(0, Quoted), (1, Broken)] {
            let filling = "x".repeat(QUOTED_RECORD_BYTES_MAX - 4 + longer);
            let text = format!("\"a\n{filling}\"\nb\n");
            assert_eq!(pieces(&text, None, false)[0].0, kind);
        }
    }

    #[test]
    fn more_bytes_are_asked_for_until_the_answer_is_certain() {
        let dialect = Dialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };
        let boundary = Boundary { dialect, blank_is_record: false };
        for unfinished in ["", "a", "a\r", "\"a\n", "\"a\nb\"", "\"a\nb\"\r"] {
            assert_eq!(boundary.next_piece(unfinished.as_bytes(), false), None, "{unfinished:?}");
        }
        let endless = format!("\"a\n{}", "x".repeat(QUOTED_RECORD_BYTES_MAX));
        let piece = boundary.next_piece(endless.as_bytes(), false).expect("certain by its length");
        assert_eq!((piece.kind, piece.whole), (Broken, 3));
    }
}
