//! From a GeoJSON geometry to little-endian EWKB, number by number.
//!
//! Coordinates are most of a file's bytes, so they are parsed straight into the
//! output, without a value in between. Whether the geometry is valid (closed
//! rings, crossings) is for transform to judge; here it only has to be a
//! geometry at all.

use crate::source::json::{Cursor, Parsed, Token};

/// EWKB's mark that positions have a third number.
const Z_FLAG: u32 = 0x8000_0000;

/// Decimal places that divide exactly: 10^22 is the last power of ten that is a whole `f64`.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Digits that surely stay below 2^53, where every whole number is an `f64`.
const EXACT_DIGITS: usize = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    Point = 1,
    LineString = 2,
    Polygon = 3,
    MultiPoint = 4,
    MultiLineString = 5,
    MultiPolygon = 6,
    GeometryCollection = 7,
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Point" => Kind::Point,
            "LineString" => Kind::LineString,
            "Polygon" => Kind::Polygon,
            "MultiPoint" => Kind::MultiPoint,
            "MultiLineString" => Kind::MultiLineString,
            "MultiPolygon" => Kind::MultiPolygon,
            "GeometryCollection" => Kind::GeometryCollection,
            _ => return None,
        })
    }
}

/// Writes one geometry after the other into the same memory.
#[derive(Debug, Default)]
pub(super) struct GeometryWriter {
    ewkb: Vec<u8>,
    /// Where the type words stand, to mark them once the dimension is known.
    headers: Vec<usize>,
    /// How many numbers the positions have; `None` before the first.
    dimension: Option<usize>,
}

impl GeometryWriter {
    /// The geometry written last.
    pub(super) fn ewkb(&self) -> &[u8] {
        &self.ewkb
    }

    /// Passes a geometry or null at the cursor; `false` for null.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Parsed<bool> {
        self.ewkb.clear();
        self.headers.clear();
        self.dimension = None;
        if cursor.peek() == Some(b'n') {
            cursor.value()?;
            return Ok(false);
        }
        self.geometry(cursor)?;
        if self.dimension == Some(3) {
            self.mark_z();
        }
        Ok(true)
    }

    fn mark_z(&mut self) {
        for &at in &self.headers {
            // The flag is the top bit of a little-endian word.
            self.ewkb[at + 3] |= Z_FLAG.to_be_bytes()[0];
        }
    }

    fn geometry(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        if cursor.peek() != Some(b'{') {
            cursor.value()?;
            return cursor.flaw("geometry.type", "the geometry is no object");
        }
        let mut kind = None;
        // Where the coordinates begin when they stand before the type.
        let mut waiting: Option<Cursor<'_>> = None;
        let mut written = false;
        cursor.object(|cursor, name| {
            match &cursor.text()[name.start..name.end] {
                "type" => kind = Some(geometry_kind(cursor)?),
                "coordinates" | "geometries" if written || waiting.is_some() => {
                    return cursor.flaw("geometry.coordinates", "the coordinates stand twice");
                }
                member @ ("coordinates" | "geometries") => match kind {
                    Some(kind) if holds(kind) == member => {
                        written = true;
                        self.coordinates(cursor, kind)?;
                    }
                    Some(_) => drop(cursor.value()?),
                    None => {
                        cursor.peek();
                        waiting = Some(cursor.clone());
                        cursor.value()?;
                    }
                },
                _ => drop(cursor.value()?),
            }
            Ok(())
        })?;
        match (kind, written, waiting) {
            (Some(_), true, _) => Ok(()),
            (Some(kind), false, Some(mut waiting)) => self.coordinates(&mut waiting, kind),
            (Some(_), ..) => cursor.flaw("geometry.coordinates", "the coordinates are missing"),
            (None, ..) => cursor.flaw("geometry.type", "the geometry has no type"),
        }
    }

    fn coordinates(&mut self, cursor: &mut Cursor<'_>, kind: Kind) -> Parsed<()> {
        match kind {
            Kind::Point => self.point(cursor),
            Kind::LineString => self.line(cursor),
            Kind::Polygon => self.polygon(cursor),
            Kind::MultiPoint => self.many(cursor, kind, Self::point_in_many),
            Kind::MultiLineString => self.many(cursor, kind, Self::line),
            Kind::MultiPolygon => self.many(cursor, kind, Self::polygon),
            Kind::GeometryCollection => self.many(cursor, kind, Self::geometry),
        }
    }

    fn header(&mut self, kind: Kind) {
        self.ewkb.push(1);
        self.headers.push(self.ewkb.len());
        self.ewkb.extend_from_slice(&(kind as u32).to_le_bytes());
    }

    fn many(
        &mut self,
        cursor: &mut Cursor<'_>,
        kind: Kind,
        item: impl FnMut(&mut Self, &mut Cursor<'_>) -> Parsed<()>,
    ) -> Parsed<()> {
        self.header(kind);
        self.counted(cursor, item)
    }

    /// An array whose length stands before its elements.
    #[inline]
    fn counted(
        &mut self,
        cursor: &mut Cursor<'_>,
        mut item: impl FnMut(&mut Self, &mut Cursor<'_>) -> Parsed<()>,
    ) -> Parsed<()> {
        let at = self.ewkb.len();
        self.ewkb.extend_from_slice(&[0; 4]);
        let mut count = 0_u32;
        expect_array(cursor)?;
        cursor.array(|cursor| {
            count += 1;
            item(self, cursor)
        })?;
        self.ewkb[at..at + 4].copy_from_slice(&count.to_le_bytes());
        Ok(())
    }

    fn line(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        self.header(Kind::LineString);
        self.counted(cursor, Self::position)
    }

    fn polygon(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        self.header(Kind::Polygon);
        self.counted(cursor, |writer, cursor| writer.counted(cursor, Self::position))
    }

    fn point_in_many(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        self.header(Kind::Point);
        self.position(cursor)
    }

    fn point(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        self.header(Kind::Point);
        expect_array(cursor)?;
        let mut ahead = cursor.clone();
        ahead.expect(b'[')?;
        if ahead.peek() != Some(b']') {
            return self.position(cursor);
        }
        // An empty point is one whose coordinates are NaN, as PostGIS writes it.
        for _ in 0..*self.dimension.get_or_insert(2) {
            self.ewkb.extend_from_slice(&f64::NAN.to_le_bytes());
        }
        cursor.value().map(drop)
    }

    #[inline]
    fn position(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        expect_array(cursor)?;
        let mut numbers = 0;
        cursor.array(|cursor| {
            numbers += 1;
            let number = coordinate(cursor)?;
            self.ewkb.extend_from_slice(&number.to_le_bytes());
            Ok(())
        })?;
        match numbers {
            2 | 3 if *self.dimension.get_or_insert(numbers) == numbers => Ok(()),
            2 | 3 => {
                cursor.flaw("geometry.dimension", "some positions have two numbers, some three")
            }
            0 | 1 => cursor.flaw("geometry.coordinates", "a position has fewer than two numbers"),
            _ => cursor.flaw("geometry.dimension", "a position has more than three numbers"),
        }
    }
}

fn geometry_kind(cursor: &mut Cursor<'_>) -> Parsed<Kind> {
    let token = cursor.value()?;
    let Token::Text(name) = token else {
        return cursor.flaw("geometry.type", "the geometry's type is no text");
    };
    match Kind::named(&cursor.text()[name.start..name.end]) {
        Some(kind) => Ok(kind),
        None => cursor.flaw("geometry.type", "the geometry's type is none of GeoJSON's"),
    }
}

/// The member in which a geometry of that kind has its coordinates.
fn holds(kind: Kind) -> &'static str {
    if kind == Kind::GeometryCollection { "geometries" } else { "coordinates" }
}

#[inline]
fn expect_array(cursor: &mut Cursor<'_>) -> Parsed<()> {
    match cursor.peek() {
        Some(b'[') => Ok(()),
        Some(b'"' | b'{' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => cursor
            .flaw("geometry.coordinates", "the coordinates are not nested as the type demands"),
        _ => cursor.syntax(),
    }
}

#[inline]
fn coordinate(cursor: &mut Cursor<'_>) -> Parsed<f64> {
    if let Some(b'"' | b'{' | b'[' | b't' | b'f' | b'n') = cursor.peek() {
        return cursor.flaw("geometry.coordinates", "a coordinate is not a number");
    }
    let Token::Number(start, end) = cursor.number()? else { return cursor.syntax() };
    match to_f64(&cursor.text()[start..end]) {
        Some(number) => Ok(number),
        None => cursor.flaw("geometry.coordinates", "a coordinate is too large"),
    }
}

/// The nearest `f64` to a number in JSON's grammar, `None` beyond its range.
#[inline]
fn to_f64(number: &str) -> Option<f64> {
    if let Some(exact) = exact_f64(number.as_bytes()) {
        return Some(exact);
    }
    number.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Short decimals (up to 15 digits, no exponent) are one exact division.
#[inline]
fn exact_f64(number: &[u8]) -> Option<f64> {
    let (negative, digits) = match number.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, number),
    };
    if digits.len() > EXACT_DIGITS + 1 {
        return None;
    }
    let mut whole = 0_u64;
    let mut places = None;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(byte - b'0');
                places = places.map(|places: usize| places + 1);
            }
            b'.' => places = Some(0),
            _ => return None,
        }
    }
    if places.is_none() && digits.len() > EXACT_DIGITS {
        return None;
    }
    // Exact: at most fifteen digits are below 2^53.
    let number = whole as f64 / EXACT_POWERS[places.unwrap_or(0)];
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Vec<u8>, &'static str> {
        let mut writer = GeometryWriter::default();
        match writer.read(&mut Cursor::new(json)) {
            Ok(true) => Ok(writer.ewkb().to_vec()),
            Ok(false) => Ok(Vec::new()),
            Err(flaw) => Err(flaw.code),
        }
    }

    fn hex(json: &str) -> String {
        let ewkb = read(json).expect(json);
        ewkb.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    #[test]
    fn geometries_are_the_ewkb_that_postgis_writes() {
        // Expected values: encode(st_asewkb(st_geomfromtext(...)), 'hex').
        for (json, ewkb) in [
            (
                r#"{"type":"Point","coordinates":[1,2]}"#,
                "0101000000000000000000F03F0000000000000040",
            ),
            (
                r#"{"coordinates":[1,2,3],"type":"Point"}"#,
                "0101000080000000000000F03F00000000000000400000000000000840",
            ),
            (r#"{"type":"LineString","coordinates":[]}"#, "010200000000000000"),
            (r#"{"type":"MultiPolygon","coordinates":[]}"#, "010600000000000000"),
            (r#"{"type":"GeometryCollection","geometries":[]}"#, "010700000000000000"),
            (r#"{"type":"Point","coordinates":[]}"#, "0101000000000000000000F87F000000000000F87F"),
            (
                r#"{"type":"MultiPoint","coordinates":[[0,0,1]]}"#,
                "0104000080010000000101000080\
                 00000000000000000000000000000000000000000000F03F",
            ),
            ("null", ""),
        ] {
            assert_eq!(hex(json), ewkb.replace(' ', ""), "{json}");
        }
    }

    #[test]
    fn what_is_no_geometry_is_named() {
        for (json, code) in [
            ("7", "geometry.type"),
            ("{}", "geometry.type"),
            (r#"{"type":"Circle","coordinates":[1,2]}"#, "geometry.type"),
            (r#"{"type":"Point"}"#, "geometry.coordinates"),
            (r#"{"type":"Point","coordinates":null}"#, "geometry.coordinates"),
            (r#"{"type":"Point","coordinates":["1",2]}"#, "geometry.coordinates"),
            (r#"{"type":"Point","coordinates":[1]}"#, "geometry.coordinates"),
            (r#"{"type":"Point","coordinates":[1,1e999]}"#, "geometry.coordinates"),
            (r#"{"type":"Point","coordinates":[1,2,3,4]}"#, "geometry.dimension"),
            (r#"{"type":"LineString","coordinates":[[1,2],[1,2,3]]}"#, "geometry.dimension"),
            (r#"{"type":"LineString","coordinates":[1,2]}"#, "geometry.coordinates"),
            (r#"{"type":"Polygon","coordinates":[[1,2]]}"#, "geometry.coordinates"),
            (r#"{"type":"Point","coordinates":[1,]}"#, "json.syntax"),
            (r#"{"type":"Point","coordinates":[1,NaN]}"#, "json.syntax"),
            (r#"{"type":"Point","coordinates":[1,2],"coordinates":[1,2]}"#, "geometry.coordinates"),
        ] {
            assert_eq!(read(json), Err(code), "{json}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_the_nearest_double(number in r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,20})?(e[+-]?[0-9]{1,2})?") {
            let oracle: f64 = number.parse().expect("a number");
            prop_assert_eq!(to_f64(&number).map(f64::to_bits), Some(oracle.to_bits()));
        }
    }
}
