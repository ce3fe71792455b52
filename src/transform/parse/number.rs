//! Numbers as people and programs write them: sign, groups, decimals, exponent.
//!
//! One scanner serves integers, exact decimals and floats, so that all three
//! agree on what a number is. Group marks are accepted only where they belong:
//! `1,234` is a number, `12,34` is a mistake or another country's decimal mark.

use super::{ParseFault, ParserFinding};

/// The marks a column's numbers are written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    decimal: Mark,
    group: Option<Mark>,
}

/// One character in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    bytes: [u8; 4],
    len: u8,
}

impl Mark {
    fn of(character: char) -> Self {
        let mut bytes = [0; 4];
        let len = if character.encode_utf8(&mut bytes).len() == 1 {
            1
        } else {
            character.len_utf8() as u8
        };
        Self { bytes, len }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The marks of numbers that programs write: a point and no groups.
pub(super) const PLAIN: Marks =
    Marks { decimal: Mark { bytes: [b'.', 0, 0, 0], len: 1 }, group: None };

impl Marks {
    pub(super) fn compile(decimal: char, group: Option<char>) -> Result<Self, ParserFinding> {
        let usable = |mark: char| {
            !mark.is_alphanumeric() && !matches!(mark, '+' | '-') && !mark.is_control()
        };
        if !usable(decimal) {
            return Err(ParserFinding::new("decimal_mark", "cannot stand between digits"));
        }
        if group.is_some_and(|mark| !usable(mark)) {
            return Err(ParserFinding::new("group_mark", "cannot stand between digits"));
        }
        if group == Some(decimal) {
            return Err(ParserFinding::new("group_mark", "is the decimal mark too"));
        }
        Ok(Self { decimal: Mark::of(decimal), group: group.map(Mark::of) })
    }

    /// Whether a number as programs write it reads the same with these marks.
    #[inline]
    pub(super) fn point_is_decimal(&self) -> bool {
        self.decimal == PLAIN.decimal
    }
}

/// A number taken apart; nothing is computed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'t> {
    pub(super) negative: bool,
    /// Digits before the decimal mark, with group marks where `grouped`.
    pub(super) whole: &'t [u8],
    pub(super) grouped: bool,
    /// Digits after the decimal mark.
    pub(super) fraction: &'t [u8],
    /// The power of ten written after `e`, held within ±[`EXPONENT_MAX`].
    pub(super) exponent: i32,
    /// Whether there was an `e`.
    pub(super) exponential: bool,
}

/// Larger exponents overflow every type; holding them here keeps sums in range.
const EXPONENT_MAX: i32 = 1_000_000;

impl<'t> Number<'t> {
    /// All digits in order, without marks.
    pub(super) fn digits(&self) -> impl Iterator<Item = u8> + 't {
        self.whole.iter().chain(self.fraction).copied().filter(u8::is_ascii_digit)
    }

    pub(super) fn whole_len(&self) -> usize {
        if self.grouped {
            self.whole.iter().filter(|byte| byte.is_ascii_digit()).count()
        } else {
            self.whole.len()
        }
    }
}

pub(super) const NOT_A_NUMBER: &str = "not a number";
const MISPLACED_GROUP: &str = "not a number: its group marks do not stand between groups of three";

/// Takes a number apart, or says in words why it is none.
pub(super) fn scan<'t>(text: &'t [u8], marks: &Marks) -> Result<Number<'t>, &'static str> {
    let (negative, unsigned) = split_sign(text);
    let (whole_end, grouped) = whole_part(unsigned, marks)?;
    let (whole, rest) = unsigned.split_at(whole_end);
    let (fraction, rest) = match rest.strip_prefix(marks.decimal.bytes()) {
        Some(after) => after.split_at(leading_digits(after)),
        None => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NOT_A_NUMBER);
    }
    let (exponent, exponential) = match rest {
        [] => (0, false),
        [b'e' | b'E', power @ ..] => (exponent(power).ok_or(NOT_A_NUMBER)?, true),
        _ => return Err(NOT_A_NUMBER),
    };
    Ok(Number { negative, whole, grouped, fraction, exponent, exponential })
}

#[inline]
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

#[inline]
fn leading_digits(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}

/// Where the digits before the decimal mark end, and whether they are grouped.
fn whole_part(text: &[u8], marks: &Marks) -> Result<(usize, bool), &'static str> {
    let mut end = leading_digits(text);
    let Some(group) = marks.group.as_ref().map(Mark::bytes) else { return Ok((end, false)) };
    if !text[end..].starts_with(group) {
        return Ok((end, false));
    }
    if !(1..=3).contains(&end) {
        return Err(MISPLACED_GROUP);
    }
    while let Some(after) = text[end..].strip_prefix(group) {
        if leading_digits(after) != 3 {
            return Err(MISPLACED_GROUP);
        }
        end += group.len() + 3;
    }
    Ok((end, true))
}

fn exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || leading_digits(digits) != digits.len() {
        return None;
    }
    let power = digits.iter().fold(0i32, |power, digit| {
        (power.saturating_mul(10).saturating_add(i32::from(digit - b'0'))).min(EXPONENT_MAX)
    });
    Some(if negative { -power } else { power })
}

/// What an integer column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntegerRange {
    pub(super) least: i64,
    pub(super) greatest: i64,
    pub(super) code: &'static str,
    /// What is said of an integer that does not fit.
    outside: &'static str,
    /// Since PostgreSQL 16 the server takes an oid that begins with a zero for octal, before
    /// that for decimal: nobody can know which was meant.
    zero_may_mean_octal: bool,
}

pub(super) const INT2: IntegerRange = IntegerRange {
    least: i16::MIN as i64,
    greatest: i16::MAX as i64,
    code: "type.integer",
    outside: "outside the range of smallint, -32768 to 32767",
    zero_may_mean_octal: false,
};
pub(super) const INT4: IntegerRange = IntegerRange {
    least: i32::MIN as i64,
    greatest: i32::MAX as i64,
    code: "type.integer",
    outside: "outside the range of integer, -2147483648 to 2147483647",
    zero_may_mean_octal: false,
};
pub(super) const INT8: IntegerRange = IntegerRange {
    least: i64::MIN,
    greatest: i64::MAX,
    code: "type.integer",
    outside: "outside the range of bigint, -9223372036854775808 to 9223372036854775807",
    zero_may_mean_octal: false,
};
pub(super) const OID: IntegerRange = IntegerRange {
    least: 0,
    greatest: u32::MAX as i64,
    code: "type.oid",
    outside: "outside the range of oid, 0 to 4294967295",
    zero_may_mean_octal: true,
};

impl IntegerRange {
    #[inline]
    fn hold(self, number: i64) -> Result<i64, ParseFault> {
        if self.least <= number && number <= self.greatest {
            return Ok(number);
        }
        Err(ParseFault::new(self.code, self.outside))
    }

    /// An integer from text that people wrote.
    #[inline]
    pub(super) fn parse(self, text: &[u8], marks: &Marks) -> Result<i64, ParseFault> {
        if self.zero_may_mean_octal && matches!(split_sign(text).1, [b'0', b'0'..=b'9', ..]) {
            return Err(ParseFault::new(self.code, OCTAL));
        }
        match short_integer(text) {
            Some(number) => self.hold(number),
            None => self.parse_long(text, marks, false),
        }
    }

    /// An integer from a source's own number; JSON may write `1e3`.
    pub(super) fn parse_number(self, text: &[u8]) -> Result<i64, ParseFault> {
        match short_integer(text) {
            Some(number) => self.hold(number),
            None => self.parse_long(text, &PLAIN, true),
        }
    }

    /// An integer from a binary number, which is exact up to 2^53.
    pub(super) fn of_float(self, number: f64) -> Result<i64, ParseFault> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || !number.is_finite() {
            return Err(ParseFault::new(self.code, FRACTION));
        }
        if number.abs() > EXACT_MAX {
            return Err(ParseFault::new(self.code, "too large for a cell to hold it exactly"));
        }
        self.hold(number as i64)
    }

    /// Groups, decimals that are zero, many digits: whatever is not the plain case.
    #[cold]
    fn parse_long(self, text: &[u8], marks: &Marks, exponents: bool) -> Result<i64, ParseFault> {
        let number = scan(text, marks).map_err(|_| self.not_an_integer(text, marks))?;
        if number.exponential && !exponents {
            // Spreadsheets write long ids so, and what is behind the last digit shown is lost.
            let message = "written with an exponent, so digits may be lost";
            return Err(ParseFault::new(self.code, message));
        }
        let magnitude = magnitude(&number).map_err(|reason| match reason {
            NotWhole::Fraction => ParseFault::new(self.code, FRACTION),
            NotWhole::TooLarge => ParseFault::new(self.code, self.outside),
        })?;
        let signed = if number.negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        let outside = || ParseFault::new(self.code, self.outside);
        self.hold(i64::try_from(signed).map_err(|_| outside())?)
    }

    fn not_an_integer(self, text: &[u8], marks: &Marks) -> ParseFault {
        match scan(text, marks) {
            Err(MISPLACED_GROUP) => ParseFault::new(self.code, MISPLACED_GROUP),
            _ => ParseFault::new(self.code, "not an integer"),
        }
    }
}

const OCTAL: &str = "begins with a zero, which means octal to some servers";
const FRACTION: &str = "has decimals, the column holds integers";

/// Nineteen digits always fit a `u64`, which is as long as a `bigint` gets.
#[inline]
fn short_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut number = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
}

enum NotWhole {
    Fraction,
    TooLarge,
}

/// A number's whole value without sign, where nothing but zeros is behind the point.
fn magnitude(number: &Number<'_>) -> Result<u64, NotWhole> {
    let decimals = number.fraction.len() as i64 - i64::from(number.exponent);
    let whole_digits = (number.whole_len() + number.fraction.len()) as i64 - decimals;
    let mut magnitude = 0u64;
    for (index, digit) in (0i64..).zip(number.digits()) {
        if index < whole_digits {
            magnitude = times_ten_plus(magnitude, digit - b'0').ok_or(NotWhole::TooLarge)?;
        } else if digit != b'0' {
            return Err(NotWhole::Fraction);
        }
    }
    if magnitude == 0 {
        return Ok(0);
    }
    for _ in 0..-decimals {
        magnitude = times_ten_plus(magnitude, 0).ok_or(NotWhole::TooLarge)?;
    }
    Ok(magnitude)
}

fn times_ten_plus(number: u64, digit: u8) -> Option<u64> {
    number.checked_mul(10)?.checked_add(u64::from(digit))
}
