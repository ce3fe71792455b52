//! One feature, taken apart: which ranges of its text are its values.
//!
//! Properties are found by name, and features of one file nearly always name
//! them in the same order: the slot found for the n-th name of the feature
//! before is tried first, and the map is asked only when the name differs.

use std::collections::HashMap;

use super::geometry::{GeometryWriter, Kind};
use crate::source::json::{Cursor, Parsed, Quoted, Token, unescape};

/// Names remembered in order; beyond them the map is asked.
const ORDER_MAX: usize = 1024;

/// What is wanted of a feature.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The slot of each property that is delivered.
    pub(super) slots: HashMap<String, usize>,
    pub(super) geometry: bool,
    /// Whether properties without a slot are gathered.
    pub(super) rest: bool,
}

/// The parts of one feature, reused for the next.
#[derive(Debug, Default)]
pub(super) struct FeatureReader {
    wanted: Wanted,
    /// Per slot: its value, `None` when the feature lacks the property.
    pub(super) values: Vec<Option<Token>>,
    pub(super) id: Option<Token>,
    /// Whether [`Self::geometry`] holds this feature's geometry.
    pub(super) has_geometry: bool,
    pub(super) geometry: GeometryWriter,
    /// The properties without slot, as an object.
    pub(super) rest: String,
    order: Vec<Remembered>,
    unescaped: Vec<u8>,
}

#[derive(Debug, Default)]
struct Remembered {
    name: Vec<u8>,
    slot: Option<usize>,
}

/// What an object says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Nothing,
    Feature,
    Geometry,
    Other,
}

impl FeatureReader {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { values: vec![None; wanted.slots.len()], wanted, ..Self::default() }
    }

    /// Takes `text`, a Feature or a bare geometry, apart.
    pub(super) fn read(&mut self, text: &str) -> Parsed<()> {
        self.restart();
        let mut cursor = Cursor::new(text);
        if cursor.peek() != Some(b'{') {
            cursor.value()?;
            return cursor.flaw("geojson.type", "this is no Feature");
        }
        let claim = self.members(&mut cursor)?;
        cursor.end()?;
        match claim {
            Claim::Feature => Ok(()),
            Claim::Geometry => self.bare_geometry(text),
            Claim::Nothing => cursor.flaw("geojson.type", "the object has no `type`"),
            Claim::Other => cursor.flaw("geojson.type", "the object is no Feature"),
        }
    }

    fn restart(&mut self) {
        self.values.fill(None);
        self.id = None;
        self.has_geometry = false;
        self.rest.clear();
    }

    fn bare_geometry(&mut self, text: &str) -> Parsed<()> {
        self.restart();
        self.has_geometry = self.geometry.read(&mut Cursor::new(text))?;
        Ok(())
    }

    fn members(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Claim> {
        let mut claim = Claim::Nothing;
        cursor.object(|cursor, name| {
            match &cursor.text()[name.start..name.end] {
                "type" => claim = claimed(cursor)?,
                "properties" => self.properties(cursor)?,
                "geometry" if self.wanted.geometry => {
                    self.has_geometry = self.geometry.read(cursor)?;
                }
                "id" => self.id = Some(cursor.value()?),
                _ => drop(cursor.value()?),
            }
            Ok(())
        })?;
        Ok(claim)
    }

    fn properties(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        match cursor.peek() {
            Some(b'{') => {}
            Some(b'n') => return cursor.value().map(drop),
            _ => {
                cursor.value()?;
                return cursor.flaw("geojson.properties", "`properties` is no object");
            }
        }
        // Of members named twice the last counts, here as for the values.
        self.values.fill(None);
        self.rest.clear();
        let mut at = 0;
        cursor.object(|cursor, name| {
            let slot = self.slot(cursor.text(), name, at);
            at += 1;
            cursor.peek();
            let start = cursor.at;
            let token = cursor.value()?;
            match slot {
                Some(slot) => self.values[slot] = Some(token),
                None if self.wanted.rest => self.gather(cursor.text(), name, (start, cursor.at)),
                None => {}
            }
            Ok(())
        })?;
        if self.wanted.rest {
            self.rest.push_str(if self.rest.is_empty() { "{}" } else { "}" });
        }
        Ok(())
    }

    fn gather(&mut self, text: &str, name: Quoted, value: (usize, usize)) {
        self.rest.push(if self.rest.is_empty() { '{' } else { ',' });
        self.rest.push_str(&text[name.start - 1..=name.end]);
        self.rest.push(':');
        self.rest.push_str(&text[value.0..value.1]);
    }

    /// The slot of the property that stands at place `at` of its object.
    #[inline]
    fn slot(&mut self, text: &str, name: Quoted, at: usize) -> Option<usize> {
        let raw = &text.as_bytes()[name.start..name.end];
        match self.order.get(at) {
            Some(remembered) if remembered.name == raw => remembered.slot,
            _ => self.look_up(text, name, at),
        }
    }

    fn look_up(&mut self, text: &str, name: Quoted, at: usize) -> Option<usize> {
        let raw = &text[name.start..name.end];
        let slot = if name.escaped {
            self.unescaped.clear();
            unescape(raw, &mut self.unescaped);
            let name = std::str::from_utf8(&self.unescaped).unwrap_or_default();
            self.wanted.slots.get(name).copied()
        } else {
            self.wanted.slots.get(raw).copied()
        };
        if at == self.order.len() && at < ORDER_MAX {
            self.order.push(Remembered::default());
        }
        if let Some(remembered) = self.order.get_mut(at) {
            remembered.name.clear();
            remembered.name.extend_from_slice(raw.as_bytes());
            remembered.slot = slot;
        }
        slot
    }
}

fn claimed(cursor: &mut Cursor<'_>) -> Parsed<Claim> {
    let Token::Text(name) = cursor.value()? else { return Ok(Claim::Other) };
    Ok(match &cursor.text()[name.start..name.end] {
        "Feature" => Claim::Feature,
        name if Kind::named(name).is_some() => Claim::Geometry,
        _ => Claim::Other,
    })
}
