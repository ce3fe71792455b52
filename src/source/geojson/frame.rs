//! Where each feature begins and ends, found by structure alone.
//!
//! Inside a feature only quotes and braces matter: coordinates, most of the
//! bytes, have neither, so `memchr3` passes them at memory speed. A feature
//! whose braces match is one record whether its text is well-formed or not;
//! the decoder judges that.

use memchr::{memchr, memchr2, memchr3};

use super::layout::{Layout, RECORD_SEPARATOR, skip_blank};

/// What the next bytes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Step {
    /// A record, as a range of the bytes given.
    Record(usize, usize),
    /// More bytes are needed.
    More,
    /// The last record has been given; the bytes from here on follow it.
    End(usize),
    /// The records cannot be told apart any more from this byte on.
    Broken(usize),
}

/// Finds one record after the other; the bytes given may grow between calls.
#[derive(Debug)]
pub(in crate::source) struct Framer {
    layout: Layout,
    /// Where the search goes on.
    at: usize,
    /// The record that has begun, and how far it has been passed.
    open: Option<Open>,
    /// Whether a comma or the array's end must come before the next record (collections).
    separator_due: bool,
    /// Whether a comma has been passed, so that a record must come.
    record_due: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    start: usize,
    depth: usize,
    in_string: bool,
    object: bool,
}

impl Framer {
    pub(in crate::source) fn new(layout: Layout) -> Self {
        Self { layout, at: 0, open: None, separator_due: false, record_due: false }
    }

    /// The first byte that is still needed.
    pub(in crate::source) fn needed_from(&self) -> usize {
        self.open.map_or(self.at, |open| open.start)
    }

    /// Says that the first `bytes` have been dropped.
    pub(in crate::source) fn dropped(&mut self, bytes: usize) {
        self.at -= bytes;
        if let Some(open) = &mut self.open {
            open.start -= bytes;
        }
    }

    /// The next record of `bytes`; `at_end` when no more will come.
    pub(in crate::source) fn step(&mut self, bytes: &[u8], at_end: bool) -> Step {
        match self.layout {
            Layout::Collection => self.element(bytes),
            Layout::Lines => self.delimited(bytes, at_end, b'\n'),
            Layout::TextSequence => self.delimited(bytes, at_end, RECORD_SEPARATOR),
            Layout::Objects => self.object(bytes, at_end),
        }
    }

    /// An element of `features`; whatever stands there that is no object is a (faulty) record too.
    fn element(&mut self, bytes: &[u8]) -> Step {
        if self.open.is_none() {
            match self.before_element(bytes) {
                None => {}
                Some(step) => return step,
            }
        }
        let step = self.rest(bytes);
        if let Step::Record(..) = step {
            self.separator_due = true;
            self.record_due = false;
        }
        step
    }

    /// Passes what stands between elements; `None` when an element has been opened.
    fn before_element(&mut self, bytes: &[u8]) -> Option<Step> {
        loop {
            self.at = skip_blank(bytes, self.at);
            match bytes.get(self.at) {
                None => return Some(Step::More),
                Some(b']') if !self.record_due => return Some(Step::End(self.at + 1)),
                Some(b',') if self.separator_due => {
                    self.separator_due = false;
                    self.record_due = true;
                    self.at += 1;
                }
                Some(b',' | b']' | b'}') => return Some(Step::Broken(self.at)),
                Some(_) if self.separator_due => return Some(Step::Broken(self.at)),
                Some(&byte) => {
                    self.begin(byte == b'{');
                    return None;
                }
            }
        }
    }

    fn begin(&mut self, object: bool) {
        self.open = Some(Open { start: self.at, depth: 0, in_string: false, object });
    }

    fn object(&mut self, bytes: &[u8], at_end: bool) -> Step {
        if self.open.is_none() {
            self.at = skip_blank(bytes, self.at);
            match bytes.get(self.at) {
                None if at_end => return Step::End(self.at),
                None => return Step::More,
                Some(b'{') => self.begin(true),
                Some(_) => return Step::Broken(self.at),
            }
        }
        match self.rest(bytes) {
            Step::More if at_end => Step::Broken(bytes.len()),
            step => step,
        }
    }

    /// Goes on with the record that is open.
    fn rest(&mut self, bytes: &[u8]) -> Step {
        let Some(mut open) = self.open else { return Step::More };
        let end = if open.object {
            open.object_end(bytes, &mut self.at)
        } else {
            open.other_end(bytes, &mut self.at)
        };
        self.open = end.is_none().then_some(open);
        end.map_or(Step::More, |end| Step::Record(open.start, end))
    }

    /// What stands between two delimiters; blank stretches are no records.
    fn delimited(&mut self, bytes: &[u8], at_end: bool, delimiter: u8) -> Step {
        loop {
            let start = self.open.map_or(self.at, |open| open.start);
            let (end, next) = match memchr(delimiter, &bytes[self.at..]) {
                Some(offset) => (self.at + offset, self.at + offset + 1),
                None if at_end && start >= bytes.len() => return Step::End(bytes.len()),
                None if at_end => (bytes.len(), bytes.len()),
                None => {
                    self.at = start;
                    self.begin(false);
                    self.at = bytes.len();
                    return Step::More;
                }
            };
            self.open = None;
            self.at = next;
            let first = skip_blank(&bytes[..end], start);
            if first < end {
                let kept = bytes[first..end].trim_ascii_end().len();
                return Step::Record(first, first + kept);
            }
        }
    }
}

impl Open {
    /// The end of an object; `at` is moved as far as is known.
    fn object_end(&mut self, bytes: &[u8], at: &mut usize) -> Option<usize> {
        loop {
            if self.in_string && !self.leave_string(bytes, at) {
                return None;
            }
            let Some(offset) = memchr3(b'"', b'{', b'}', &bytes[*at..]) else {
                *at = bytes.len();
                return None;
            };
            *at += offset + 1;
            match bytes[*at - 1] {
                b'"' => self.in_string = true,
                b'{' => self.depth += 1,
                _ => self.depth -= 1,
            }
            if self.depth == 0 {
                return Some(*at);
            }
        }
    }

    /// Passes the rest of a string; `false` when its end is not there yet.
    fn leave_string(&mut self, bytes: &[u8], at: &mut usize) -> bool {
        while let Some(offset) = memchr2(b'"', b'\\', bytes.get(*at..).unwrap_or_default()) {
            let found = *at + offset;
            if bytes[found] == b'"' {
                *at = found + 1;
                self.in_string = false;
                return true;
            }
            if found + 1 >= bytes.len() {
                // The escaped byte is not there yet: come back to the backslash.
                *at = found;
                return false;
            }
            *at = found + 2;
        }
        *at = bytes.len();
        false
    }

    /// The end of an element that is no object: before the next comma or bracket on its level.
    fn other_end(&mut self, bytes: &[u8], at: &mut usize) -> Option<usize> {
        loop {
            if self.in_string && !self.leave_string(bytes, at) {
                return None;
            }
            match bytes.get(*at)? {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.depth += 1,
                b',' | b']' | b'}' if self.depth == 0 => {
                    return Some(self.start + bytes[self.start..*at].trim_ascii_end().len());
                }
                b']' | b'}' => self.depth -= 1,
                _ => {}
            }
            *at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All records, when the bytes arrive `piece` at a time and are dropped as soon as possible.
    fn records(layout: Layout, bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Step) {
        let mut framer = Framer::new(layout);
        let (mut records, mut start, mut end) = (Vec::new(), 0, 0);
        loop {
            match framer.step(&bytes[start..end], end == bytes.len()) {
                Step::Record(from, to) => records.push(bytes[start + from..start + to].to_vec()),
                Step::More if end < bytes.len() => {
                    let dropped = framer.needed_from();
                    framer.dropped(dropped);
                    start += dropped;
                    end = (end + piece).min(bytes.len());
                }
                Step::End(at) => return (records, Step::End(start + at)),
                Step::Broken(at) => return (records, Step::Broken(start + at)),
                Step::More => return (records, Step::More),
            }
        }
    }

    #[test]
    fn records_are_the_same_however_the_bytes_arrive() {
        let collection: &[u8] =
            br#" {"a":"}\"{\\"} , {"b":{"c":[{},{}]}},7 , [1,"]"] ,null,{"": bad}  ] , "x": {} }"#;
        let lines: &[u8] = b"{\"a\":1}\n\n  {\"a\":\r\n{}}\r\n\n{\"b\"";
        let sequence: &[u8] = b"\x1e{\"a\":1}\n\x1e\n\x1e{\"b\":\n2}\n";
        let objects: &[u8] = b"{\"a\":\n\"}\"}{}\n {\"b\":2}\n";
        for (layout, bytes, count, step) in [
            (Layout::Collection, collection, 6, Step::End(68)),
            (Layout::Lines, lines, 4, Step::End(lines.len())),
            (Layout::TextSequence, sequence, 2, Step::End(sequence.len())),
            (Layout::Objects, objects, 3, Step::End(objects.len())),
        ] {
            let whole = records(layout, bytes, bytes.len());
            assert_eq!((whole.0.len(), whole.1), (count, step), "{layout:?}");
            for piece in 1..bytes.len() {
                assert_eq!(records(layout, bytes, piece), whole, "{layout:?} by {piece}");
            }
        }
    }

    #[test]
    fn a_collection_that_is_not_one_is_broken_where_that_shows() {
        for (bytes, step) in [
            (&b"{},]"[..], Step::Broken(3)),
            (b"{} {}", Step::Broken(3)),
            (b",{}", Step::Broken(0)),
            (b"{}}", Step::Broken(2)),
            (b"{},{", Step::More),
            (b"{}", Step::More),
        ] {
            assert_eq!(records(Layout::Collection, bytes, 8).1, step);
        }
    }
}
