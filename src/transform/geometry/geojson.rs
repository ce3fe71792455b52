//! A GeoJSON geometry object as text.
//!
//! `serde_json` proves the text and finds the members; coordinates are then
//! read straight from it into the arena. Other members (`bbox`, and the `crs`
//! of the 2008 version) are not looked at: the pipeline says the system.

use std::borrow::Cow;

use bumpalo::{Bump, collections::Vec as ArenaVec};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    fault::GeometryFault,
    positions::Positions,
    shape::{NESTING_MAX, Parsed, Path, Shape},
    wkt::number,
};
use crate::schema::GeometryKind;

type Read<T> = Result<T, GeometryFault>;

#[derive(Deserialize)]
struct Object<'t> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'t, str>,
    #[serde(borrow)]
    coordinates: Option<&'t RawValue>,
    #[serde(borrow)]
    geometries: Option<Vec<&'t RawValue>>,
}

/// Reads one geometry object.
pub(super) fn read<'a>(text: &str, arena: &'a Bump) -> Read<Parsed<'a>> {
    let mut positions = Positions::new(arena);
    let shape = geometry(text, arena, &mut positions, 0)?;
    Ok(Parsed { shape, dimensions: positions.dimensions.unwrap_or_default(), srid: None })
}

fn geometry<'a>(
    text: &str,
    arena: &'a Bump,
    positions: &mut Positions<'a>,
    depth: u32,
) -> Read<Shape<'a>> {
    if depth > NESTING_MAX {
        return Err(GeometryFault::malformed("collections are nested too deep"));
    }
    let object: Object<'_> = serde_json::from_str(text).map_err(|_| not_geojson())?;
    if object.kind == "GeometryCollection" {
        let members = object.geometries.ok_or_else(not_geojson)?;
        let mut parts = ArenaVec::with_capacity_in(members.len(), arena);
        for member in members {
            parts.push(geometry(member.get(), arena, positions, depth + 1)?);
        }
        return Ok(Shape::Multi(GeometryKind::GeometryCollection, parts));
    }
    let coordinates = object.coordinates.ok_or_else(not_geojson)?.get();
    let mut reader = Reader { rest: coordinates.as_bytes(), arena, positions };
    reader.shape(&object.kind)
}

fn not_geojson() -> GeometryFault {
    GeometryFault::malformed("it is not a GeoJSON geometry")
}

struct Reader<'t, 'p, 'a> {
    rest: &'t [u8],
    arena: &'a Bump,
    positions: &'p mut Positions<'a>,
}

impl<'a> Reader<'_, '_, 'a> {
    fn shape(&mut self, kind: &str) -> Read<Shape<'a>> {
        match kind {
            "Point" => self.point(),
            "LineString" => self.path().map(Shape::LineString),
            "Polygon" => self.polygon(),
            "MultiPoint" => self.multi(GeometryKind::MultiPoint, Self::point),
            "MultiLineString" => self.multi(GeometryKind::MultiLineString, |reader| {
                reader.path().map(Shape::LineString)
            }),
            "MultiPolygon" => self.multi(GeometryKind::MultiPolygon, Self::polygon),
            _ => Err(not_geojson()),
        }
    }

    fn multi(
        &mut self,
        kind: GeometryKind,
        part: impl Fn(&mut Self) -> Read<Shape<'a>>,
    ) -> Read<Shape<'a>> {
        Ok(Shape::Multi(kind, self.list(part)?))
    }

    fn polygon(&mut self) -> Read<Shape<'a>> {
        self.list(Self::path).map(Shape::Polygon)
    }

    fn point(&mut self) -> Read<Shape<'a>> {
        self.position()?;
        Ok(Shape::Point(self.positions.take_path()))
    }

    fn path(&mut self) -> Read<Path<'a>> {
        self.list(Self::position)?;
        Ok(self.positions.take_path())
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Read<T>) -> Read<ArenaVec<'a, T>> {
        let mut items = ArenaVec::new_in(self.arena);
        self.open()?;
        while !self.closes()? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `[]` is GeoJSON's empty point.
    fn position(&mut self) -> Read<()> {
        let mut numbers = [0.0; 3];
        let mut count = 0;
        self.open()?;
        while !self.closes()? {
            let slot = numbers.get_mut(count).ok_or_else(|| {
                GeometryFault::malformed("a position has more than three numbers")
            })?;
            *slot = number(&mut self.rest)?;
            count += 1;
        }
        match count {
            0 => Ok(()),
            1 => Err(GeometryFault::malformed("a position has a single number")),
            _ => self.positions.push(&numbers[..count]),
        }
    }

    fn open(&mut self) -> Read<()> {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.split_first() {
            Some((b'[', rest)) => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(GeometryFault::malformed("coordinates are not nested as the type needs")),
        }
    }

    /// Whether the array ends here; skips the comma before another element. The text is proven
    /// JSON, so commas stand where they must.
    fn closes(&mut self) -> Read<bool> {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.split_first() {
            Some((b']', rest)) => {
                self.rest = rest;
                Ok(true)
            }
            Some((b',', rest)) => {
                self.rest = rest.trim_ascii_start();
                Ok(false)
            }
            Some(_) => Ok(false),
            None => Err(not_geojson()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        read(text, &Bump::new()).map_or_else(|fault| fault.code, |_| "fine")
    }

    #[test]
    fn all_types_are_read() {
        let good = [
            r#"{"type":"Point","coordinates":[1,2]}"#,
            r#"{"coordinates" : [ 1.5e0 , -2 , 3 ], "type" : "Point", "bbox": [1,2,1,2]}"#,
            r#"{"type":"Point","coordinates":[]}"#,
            r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#,
            r#"{"type":"MultiPoint","coordinates":[[0,0],[1,1]]}"#,
            r#"{"type":"MultiLineString","coordinates":[[[0,0],[1,1]]]}"#,
            r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}"#,
            r#"{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}"#,
            r#"{"type":"GeometryCollection","geometries":[]}"#,
        ];
        for text in good {
            assert_eq!(code(text), "fine", "{text}");
        }
    }

    #[test]
    fn what_is_no_geometry_is_a_fault() {
        let bad = [
            r#"{"type":"Feature","geometry":null}"#,
            r#"{"type":"Point"}"#,
            r#"{"type":"Point","coordinates":null}"#,
            r#"{"type":"Point","coordinates":[1]}"#,
            r#"{"type":"Point","coordinates":[1,2,3,4]}"#,
            r#"{"type":"Point","coordinates":["1","2"]}"#,
            r#"{"type":"Point","coordinates":[1,null]}"#,
            r#"{"type":"Point","coordinates":[[1,2]]}"#,
            r#"{"type":"Polygon","coordinates":[[0,0],[1,0],[1,1],[0,0]]}"#,
            r#"{"type":"LineString","coordinates":[[0,0],[1,1,1]]}"#,
            r#"{"type":"Point","coordinates":[1,2]"#,
            r#"{"type":1}"#,
            "{}",
        ];
        for text in bad {
            assert_eq!(code(text), "geometry.malformed", "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let depth = 200;
        let text = format!(
            "{}{}{}",
            r#"{"type":"GeometryCollection","geometries":["#.repeat(depth),
            r#"{"type":"Point","coordinates":[1,2]}"#,
            "]}".repeat(depth)
        );
        assert_eq!(code(&text), "geometry.malformed");
    }
}
