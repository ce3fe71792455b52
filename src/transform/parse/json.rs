//! `json` and `jsonb`: proven well-formed, without building anything.
//!
//! A scanner of our own, since the server judges more than grammar: `jsonb`
//! refuses the escape of NUL, lone surrogates, and numbers that `numeric`
//! cannot hold. It keeps its stack on a bitset, so depth costs nothing and no
//! input can exhaust the thread's stack.

use super::ParseFault;

const CODE: &str = "type.json";

/// Levels of arrays and objects; the server's own limit depends on its stack.
const DEPTH_MAX: usize = 512;

const NOT_JSON: &str = "not valid JSON";

/// JSON text, unchanged; `binary` for what `jsonb` demands beyond grammar.
pub(super) fn parse(text: &str, binary: bool) -> Result<&str, ParseFault> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, binary };
    match scanner.document() {
        Ok(()) => Ok(text),
        Err(reason) => Err(ParseFault::new(CODE, reason)),
    }
}

type Scanned = Result<(), &'static str>;

struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
    binary: bool,
}

/// Which of the enclosing levels are objects.
struct Levels {
    objects: [u64; DEPTH_MAX / 64],
    depth: usize,
}

impl Levels {
    fn push(&mut self, object: bool) -> Scanned {
        if self.depth == DEPTH_MAX {
            return Err("JSON nested deeper than 512 levels");
        }
        let bit = 1 << (self.depth % 64);
        let word = &mut self.objects[self.depth / 64];
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        Ok(())
    }

    fn in_object(&self) -> bool {
        let top = self.depth - 1;
        self.objects[top / 64] >> (top % 64) & 1 == 1
    }
}

impl Scanner<'_> {
    fn document(&mut self) -> Scanned {
        let mut levels = Levels { objects: [0; DEPTH_MAX / 64], depth: 0 };
        loop {
            if !self.open_or_scalar(&mut levels)? {
                continue;
            }
            // A value has ended: close levels until another one has to follow.
            loop {
                self.skip_blanks();
                if levels.depth == 0 {
                    return if self.at == self.bytes.len() { Ok(()) } else { Err(NOT_JSON) };
                }
                let object = levels.in_object();
                match self.next() {
                    Some(b',') => {
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => levels.depth -= 1,
                    Some(b']') if !object => levels.depth -= 1,
                    _ => return Err(NOT_JSON),
                }
            }
        }
    }

    /// Reads the start of a value; whether the whole value has been read.
    fn open_or_scalar(&mut self, levels: &mut Levels) -> Result<bool, &'static str> {
        self.skip_blanks();
        match self.next().ok_or(NOT_JSON)? {
            b'{' => {
                levels.push(true)?;
                self.skip_blanks();
                if self.pass(b'}') {
                    levels.depth -= 1;
                    return Ok(true);
                }
                self.key()?;
                return Ok(false);
            }
            b'[' => {
                levels.push(false)?;
                self.skip_blanks();
                if self.pass(b']') {
                    levels.depth -= 1;
                    return Ok(true);
                }
                return Ok(false);
            }
            b'"' => self.string()?,
            b't' => self.word(b"rue")?,
            b'f' => self.word(b"alse")?,
            b'n' => self.word(b"ull")?,
            b'-' | b'0'..=b'9' => {
                self.at -= 1;
                self.number()?;
            }
            _ => return Err(NOT_JSON),
        }
        Ok(true)
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn pass(&mut self, byte: u8) -> bool {
        let passed = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(passed);
        passed
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn word(&mut self, rest: &[u8]) -> Scanned {
        if !self.bytes[self.at..].starts_with(rest) {
            return Err(NOT_JSON);
        }
        self.at += rest.len();
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self) -> Scanned {
        self.skip_blanks();
        if !self.pass(b'"') {
            return Err(NOT_JSON);
        }
        self.string()?;
        self.skip_blanks();
        if self.pass(b':') { Ok(()) } else { Err(NOT_JSON) }
    }

    /// What follows a quote, to the next one.
    fn string(&mut self) -> Scanned {
        loop {
            match self.next().ok_or(NOT_JSON)? {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                0..=0x1F => return Err(NOT_JSON),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Scanned {
        match self.next().ok_or(NOT_JSON)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let unit = self.code_unit()?;
                if self.binary { self.check_unit(unit) } else { Ok(()) }
            }
            _ => Err(NOT_JSON),
        }
    }

    fn code_unit(&mut self) -> Result<u32, &'static str> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next().ok_or(NOT_JSON)?).to_digit(16);
            unit = unit * 16 + digit.ok_or(NOT_JSON)?;
        }
        Ok(unit)
    }

    /// `jsonb` stores characters, not escapes: NUL cannot be stored, half a character is none.
    fn check_unit(&mut self, unit: u32) -> Scanned {
        const LONE: &str = "has half of a surrogate pair, which jsonb cannot store";
        match unit {
            0 => Err("has the escape of a NUL character, which jsonb cannot store"),
            0xD800..=0xDBFF => {
                let low = self.pass(b'\\') && self.pass(b'u');
                if low && (0xDC00..=0xDFFF).contains(&self.code_unit()?) {
                    return Ok(());
                }
                Err(LONE)
            }
            0xDC00..=0xDFFF => Err(LONE),
            _ => Ok(()),
        }
    }

    fn digits(&mut self) -> Result<usize, &'static str> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { Err(NOT_JSON) } else { Ok(self.at - start) }
    }

    fn number(&mut self) -> Scanned {
        let start = self.at;
        self.pass(b'-');
        if !self.pass(b'0') {
            self.digits()?;
        }
        if self.pass(b'.') {
            self.digits()?;
        }
        let mut exponential = false;
        if self.pass(b'e') || self.pass(b'E') {
            exponential = true;
            if !self.pass(b'-') {
                self.pass(b'+');
            }
            self.digits()?;
        }
        if self.binary && (exponential || self.at - start > 16_000) {
            return self.check_numeric(start);
        }
        Ok(())
    }

    /// `jsonb` keeps numbers as `numeric`, which has limits.
    #[cold]
    fn check_numeric(&self, start: usize) -> Scanned {
        if super::decimal::fits_numeric(&self.bytes[start..self.at]) {
            return Ok(());
        }
        Err("has a number with more digits than jsonb holds")
    }
}
