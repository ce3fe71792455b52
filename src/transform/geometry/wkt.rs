//! Well-known text: OGC's and ISO's, and PostGIS's with `SRID=` and without a mark for Z.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{
    fault::GeometryFault,
    positions::Positions,
    shape::{Dimensions, NESTING_MAX, Parsed, Path, Shape},
};
use crate::schema::GeometryKind;

type Read<T> = Result<T, GeometryFault>;

/// Reads one geometry that takes up all of `text`.
pub(super) fn read<'a>(text: &str, arena: &'a Bump) -> Read<Parsed<'a>> {
    let (srid, text) = split_srid(text)?;
    let mut reader = Reader { rest: text.as_bytes(), arena, positions: Positions::new(arena) };
    let shape = reader.geometry(0)?;
    if reader.peek().is_some() {
        return Err(GeometryFault::malformed("text follows the end of the geometry"));
    }
    Ok(Parsed { shape, dimensions: reader.positions.dimensions.unwrap_or_default(), srid })
}

/// `SRID=4326;POINT(1 2)`
fn split_srid(text: &str) -> Read<(Option<i32>, &str)> {
    if !text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("SRID=")) {
        return Ok((None, text));
    }
    let split = text[5..].split_once(';');
    let parsed = split.and_then(|(srid, rest)| Some((Some(srid.trim().parse().ok()?), rest)));
    parsed.ok_or_else(|| GeometryFault::malformed("SRID= is not followed by a number and ;"))
}

struct Reader<'t, 'a> {
    rest: &'t [u8],
    arena: &'a Bump,
    positions: Positions<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn geometry(&mut self, depth: u32) -> Read<Shape<'a>> {
        if depth > NESTING_MAX {
            return Err(GeometryFault::malformed("collections are nested too deep"));
        }
        let kind = self.kind()?;
        Ok(match kind {
            GeometryKind::Point => Shape::Point(self.path()?),
            GeometryKind::LineString => Shape::LineString(self.path()?),
            GeometryKind::Polygon => self.polygon()?,
            GeometryKind::MultiPoint => {
                Shape::Multi(kind, self.list(|reader| reader.bare_point().map(Shape::Point))?)
            }
            GeometryKind::MultiLineString => {
                Shape::Multi(kind, self.list(|reader| reader.path().map(Shape::LineString))?)
            }
            GeometryKind::MultiPolygon => Shape::Multi(kind, self.list(Self::polygon)?),
            GeometryKind::GeometryCollection => {
                Shape::Multi(kind, self.list(|reader| reader.geometry(depth + 1))?)
            }
        })
    }

    /// `POLYGON`, `POLYGON Z`, `POLYGONZ`, `POLYGON ZM`
    fn kind(&mut self) -> Read<GeometryKind> {
        let word = self.word();
        let (kind, mark) = KINDS
            .iter()
            .find_map(|(name, kind)| {
                let start = word.get(..name.len())?;
                let mark = mark(&word[name.len()..])?;
                start.eq_ignore_ascii_case(name.as_bytes()).then_some((*kind, mark))
            })
            .ok_or_else(|| unknown_kind(word))?;
        let mark = if mark == Mark::Unmarked { self.separate_mark() } else { mark };
        if let Mark::Marked(dimensions) = mark
            && *self.positions.dimensions.get_or_insert(dimensions) != dimensions
        {
            return Err(super::wkb_read::mixed_dimensions());
        }
        Ok(kind)
    }

    fn separate_mark(&mut self) -> Mark {
        let before = self.rest;
        let word = self.word();
        match mark(word) {
            Some(found @ Mark::Marked(_)) => found,
            _ => {
                self.rest = before;
                Mark::Unmarked
            }
        }
    }

    fn polygon(&mut self) -> Read<Shape<'a>> {
        self.list(Self::path).map(Shape::Polygon)
    }

    /// `EMPTY` or `( item, item )`
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Read<T>) -> Read<ArenaVec<'a, T>> {
        let mut items = ArenaVec::new_in(self.arena);
        if self.takes_empty() {
            return Ok(items);
        }
        self.expect(b'(')?;
        loop {
            items.push(item(self)?);
            if !self.continues()? {
                return Ok(items);
            }
        }
    }

    /// `EMPTY` or `( 1 2, 3 4 )`
    fn path(&mut self) -> Read<Path<'a>> {
        if self.takes_empty() {
            return Ok(Path::empty());
        }
        self.expect(b'(')?;
        loop {
            self.position()?;
            if !self.continues()? {
                return Ok(self.positions.take_path());
            }
        }
    }

    /// In a multipoint: `(1 2)` or `1 2`
    fn bare_point(&mut self) -> Read<Path<'a>> {
        if self.peek() == Some(b'(') || self.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
            return self.path();
        }
        self.position()?;
        Ok(self.positions.take_path())
    }

    fn position(&mut self) -> Read<()> {
        let mut numbers = [0.0; 4];
        let mut count = 0;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.') = self.peek() {
            let slot = numbers
                .get_mut(count)
                .ok_or_else(|| GeometryFault::malformed("a position has more than four numbers"))?;
            *slot = number(&mut self.rest)?;
            count += 1;
        }
        if count < 2 {
            return Err(GeometryFault::malformed("a position has fewer than two numbers"));
        }
        self.positions.push(&numbers[..count])
    }

    /// After an item: a comma, or the end of the list.
    fn continues(&mut self) -> Read<bool> {
        match self.peek() {
            Some(b',') => {
                self.rest = &self.rest[1..];
                Ok(true)
            }
            _ => self.expect(b')').map(|()| false),
        }
    }

    fn takes_empty(&mut self) -> bool {
        let before = self.rest;
        let empty = self.word().eq_ignore_ascii_case(b"EMPTY");
        if !empty {
            self.rest = before;
        }
        empty
    }

    fn word(&mut self) -> &[u8] {
        self.rest = self.rest.trim_ascii_start();
        let end = self.rest.iter().position(|byte| !byte.is_ascii_alphabetic());
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            let message = format!(
                "a {} is missing",
                if byte == b'(' { "bracket" } else { "closing bracket or comma" }
            );
            return Err(GeometryFault::malformed(message));
        }
        self.rest = &self.rest[1..];
        Ok(())
    }
}

/// Takes the number that `rest` starts with.
pub(super) fn number(rest: &mut &[u8]) -> Read<f64> {
    let part_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let end = rest.iter().position(|byte| !part_of_number(byte)).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    let parsed = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    parsed.ok_or_else(|| GeometryFault::malformed("a coordinate is not a number"))
}

const KINDS: [(&str, GeometryKind); 7] = [
    ("POINT", GeometryKind::Point),
    ("LINESTRING", GeometryKind::LineString),
    ("POLYGON", GeometryKind::Polygon),
    ("MULTIPOINT", GeometryKind::MultiPoint),
    ("MULTILINESTRING", GeometryKind::MultiLineString),
    ("MULTIPOLYGON", GeometryKind::MultiPolygon),
    ("GEOMETRYCOLLECTION", GeometryKind::GeometryCollection),
];

const OTHER_KINDS: [&str; 9] = [
    "CIRCULARSTRING",
    "COMPOUNDCURVE",
    "CURVEPOLYGON",
    "MULTICURVE",
    "MULTISURFACE",
    "POLYHEDRALSURFACE",
    "TIN",
    "TRIANGLE",
    "LINEARRING",
];

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Unmarked,
    Marked(Dimensions),
}

fn mark(word: &[u8]) -> Option<Mark> {
    let marked = |z, m| Some(Mark::Marked(Dimensions { z, m }));
    match word {
        b"" => Some(Mark::Unmarked),
        b"Z" | b"z" => marked(true, false),
        b"M" | b"m" => marked(false, true),
        b"ZM" | b"zm" | b"Zm" | b"zM" => marked(true, true),
        _ => None,
    }
}

fn unknown_kind(word: &[u8]) -> GeometryFault {
    let known = |name: &&&str| {
        word.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    if OTHER_KINDS.iter().find(known).is_some() {
        return GeometryFault::new(
            "geometry.kind",
            "curves, surfaces and triangles are not supported",
        );
    }
    GeometryFault::malformed("it is neither WKT, nor hexadecimal WKB, nor GeoJSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        read(text, &Bump::new()).map_or_else(|fault| fault.code, |_| "fine")
    }

    #[test]
    fn all_kinds_and_spellings_are_read() {
        let good = [
            "POINT(1 2)",
            " point ( 1.5e3\t-2 ) ",
            "POINT EMPTY",
            "POINT Z (1 2 3)",
            "POINTZ(1 2 3)",
            "POINT(1 2 3 4)",
            "SRID=4326;POINT M(1 2 3)",
            "srid=28356;LINESTRING(0 0,1 1)",
            "POLYGON((0 0,1 0,1 1,0 0),(0.1 0.1,0.2 0.1,0.2 0.2,0.1 0.1))",
            "MULTIPOINT(1 2,3 4)",
            "MULTIPOINT((1 2),(3 4),EMPTY)",
            "MULTILINESTRING((0 0,1 1),EMPTY)",
            "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((2 2,3 2,3 3,2 2)))",
            "MULTIPOLYGON EMPTY",
            "GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION(LINESTRING(0 0,1 1)))",
            "GEOMETRYCOLLECTION Z (POINT Z (1 2 3), POINT(1 2 3))",
        ];
        for text in good {
            assert_eq!(code(text), "fine", "{text}");
        }
    }

    #[test]
    fn what_is_no_wkt_is_told_apart_from_what_is_not_supported() {
        let bad = [
            "POINT",
            "POINT(1)",
            "POINT(1 2",
            "POINT(1,2)",
            "POINT(1 2))",
            "POINT(1 2 3 4 5)",
            "POINT(a b)",
            "POINT(1 --2)",
            "POINT(nan 2)",
            "POINT Z (1 2)",
            "POINTY(1 2)",
            "LINESTRING(0 0,1 1 1)",
            "POLYGON(0 0,1 0,1 1,0 0)",
            "GEOMETRYCOLLECTION(POINT Z (1 2 3), POINT M (1 2 3))",
            "SRID=;POINT(1 2)",
            "SRID=x;POINT(1 2)",
            "ÄPOINT(1 2)",
        ];
        for text in bad {
            assert_eq!(code(text), "geometry.malformed", "{text}");
        }
        assert_eq!(code("CIRCULARSTRING(0 0,1 1,2 0)"), "geometry.kind");
        assert_eq!(code("TIN(((0 0,1 1,2 0,0 0)))"), "geometry.kind");
        assert_eq!(code(&"GEOMETRYCOLLECTION(".repeat(10_000)), "geometry.malformed");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = code(&text);
            let _ = code(&format!("POLYGON(({text}"));
        }
    }
}
