//! One-dimensional arrays: PostgreSQL's `{a,"b",NULL}`, a JSON array, or elements
//! between a declared separator.

use bumpalo::{Bump, collections::Vec as ArenaVec};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{ParseFault, Parser};
use crate::{batch::Cell, value::Value};

const CODE: &str = "type.array";
const NOT_ONE: ParseFault = ParseFault::new(CODE, "not an array such as {a,b} or [\"a\",\"b\"]");
const NESTED: ParseFault =
    ParseFault::new(CODE, "an array in an array; only one dimension is held");

/// An array column: its elements' parser and how they are set apart.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub(super) element: Parser,
    pub(super) separator: Option<Box<str>>,
}

impl Array {
    pub(super) fn parse<'a>(
        &'a self,
        text: &'a str,
        arena: &'a Bump,
    ) -> Result<Value<'a>, ParseFault> {
        match (&self.separator, text.as_bytes().first()) {
            (Some(separator), _) => self.parse_separated(text, separator, arena),
            (None, Some(b'{')) => self.parse_literal(text, arena),
            (None, Some(b'[')) => self.parse_json(text, arena),
            (None, _) => Err(NOT_ONE),
        }
    }

    fn parse_separated<'a>(
        &'a self,
        text: &'a str,
        separator: &str,
        arena: &'a Bump,
    ) -> Result<Value<'a>, ParseFault> {
        let mut elements = ArenaVec::new_in(arena);
        if !text.is_empty() {
            for element in text.split(separator) {
                self.push(Cell::Text(element), &mut elements, arena)?;
            }
        }
        Ok(Value::Array(elements.into_bump_slice()))
    }

    fn push<'a>(
        &'a self,
        cell: Cell<'a>,
        elements: &mut ArenaVec<'a, Value<'a>>,
        arena: &'a Bump,
    ) -> Result<(), ParseFault> {
        let position = elements.len() + 1;
        let value = self.element.parse(cell, arena).map_err(|fault| fault.of_element(position))?;
        elements.push(value);
        Ok(())
    }

    /// PostgreSQL's own form, `{1,NULL,"a, b"}`.
    fn parse_literal<'a>(
        &'a self,
        text: &'a str,
        arena: &'a Bump,
    ) -> Result<Value<'a>, ParseFault> {
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let mut literal = Literal { rest: inner.ok_or(NOT_ONE)? };
        let mut elements = ArenaVec::new_in(arena);
        if literal.rest.bytes().all(is_blank) {
            return Ok(Value::Array(&[]));
        }
        loop {
            let cell = literal.element(arena)?;
            self.push(cell, &mut elements, arena)?;
            if literal.rest.is_empty() {
                return Ok(Value::Array(elements.into_bump_slice()));
            }
            literal.rest = literal.rest.strip_prefix(',').ok_or(NOT_ONE)?;
        }
    }

    /// An array of a JSON document; strings are parsed as text, numbers as numbers.
    pub(super) fn parse_json<'a>(
        &'a self,
        text: &'a str,
        arena: &'a Bump,
    ) -> Result<Value<'a>, ParseFault> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let raw = Elements { arena }.deserialize(&mut deserializer).map_err(|_| NOT_ONE)?;
        deserializer.end().map_err(|_| NOT_ONE)?;
        let mut elements = ArenaVec::with_capacity_in(raw.len(), arena);
        for raw in raw {
            self.push(json_cell(raw.get(), arena)?, &mut elements, arena)?;
        }
        Ok(Value::Array(elements.into_bump_slice()))
    }
}

/// Blanks as PostgreSQL skips them between elements.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}

/// What is left of an array literal.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    /// The next element, to the comma behind it.
    fn element(&mut self, arena: &'a Bump) -> Result<Cell<'a>, ParseFault> {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii() && is_blank(c as u8));
        match self.rest.as_bytes().first() {
            Some(b'"') => self.quoted(arena),
            Some(b'{') => Err(NESTED),
            _ => self.unquoted(arena),
        }
    }

    fn quoted(&mut self, arena: &'a Bump) -> Result<Cell<'a>, ParseFault> {
        let body = &self.rest[1..];
        let end = closing_quote(body.as_bytes()).ok_or(NOT_ONE)?;
        let (element, rest) = (&body[..end], &body[end + 1..]);
        self.rest = rest.trim_start_matches(|c: char| c.is_ascii() && is_blank(c as u8));
        Ok(Cell::Text(unescape(element, arena)))
    }

    fn unquoted(&mut self, arena: &'a Bump) -> Result<Cell<'a>, ParseFault> {
        let end = unquoted_end(self.rest.as_bytes())?;
        let (element, rest) = self.rest.split_at(end);
        self.rest = rest;
        let element = trim_end(element);
        if element.is_empty() {
            return Err(NOT_ONE);
        }
        if element.eq_ignore_ascii_case("null") {
            return Ok(Cell::Absent);
        }
        Ok(Cell::Text(unescape(element, arena)))
    }
}

fn closing_quote(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Where an element without quotes ends: at a comma or the literal's end.
fn unquoted_end(bytes: &[u8]) -> Result<usize, ParseFault> {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b',' => return Ok(at),
            b'"' | b'{' | b'}' => return Err(NOT_ONE),
            b'\\' if at + 1 == bytes.len() => return Err(NOT_ONE),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Ok(bytes.len())
}

/// Takes blanks off the end, but not one that a backslash protects.
fn trim_end(element: &str) -> &str {
    let trimmed = element.trim_end_matches(|c: char| c.is_ascii() && is_blank(c as u8));
    let slashes = trimmed.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if slashes % 2 == 1 { &element[..trimmed.len() + 1] } else { trimmed }
}

/// Takes the backslashes away; an element without any stays where it is.
fn unescape<'a>(element: &'a str, arena: &'a Bump) -> &'a str {
    if memchr::memchr(b'\\', element.as_bytes()).is_none() {
        return element;
    }
    let mut plain = bumpalo::collections::String::with_capacity_in(element.len(), arena);
    let mut characters = element.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain.into_bump_str()
}

/// A JSON value as the cell its source would have made of it.
fn json_cell<'a>(raw: &'a str, arena: &'a Bump) -> Result<Cell<'a>, ParseFault> {
    Ok(match raw.as_bytes().first() {
        Some(b'"') => Cell::Text(json_string(raw, arena).ok_or(NOT_ONE)?),
        Some(b't') => Cell::Bool(true),
        Some(b'f') => Cell::Bool(false),
        Some(b'n') => Cell::Absent,
        Some(b'[' | b'{') => Cell::Json(raw),
        _ => Cell::Number(raw),
    })
}

fn json_string<'a>(raw: &'a str, arena: &'a Bump) -> Option<&'a str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return raw.get(1..raw.len() - 1);
    }
    let text: String = serde_json::from_str(raw).ok()?;
    Some(arena.alloc_str(&text))
}

/// A JSON array's elements as they stand in the text.
struct Elements<'a> {
    arena: &'a Bump,
}

impl<'a> DeserializeSeed<'a> for Elements<'a> {
    type Value = ArenaVec<'a, &'a RawValue>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Elements<'a> {
    type Value = ArenaVec<'a, &'a RawValue>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = ArenaVec::new_in(self.arena);
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(elements)
    }
}
