//! Well-known binary, as a shape: either byte order, ISO's and PostGIS's marks for Z and M.
//!
//! Counts are believed only as far as bytes are there to back them, so that a
//! damaged count costs a fault and no memory.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{
    fault::GeometryFault,
    shape::{Dimensions, NESTING_MAX, Parsed, Path, Shape, Xy},
};
use crate::schema::GeometryKind;

pub(super) const Z_FLAG: u32 = 0x8000_0000;
pub(super) const M_FLAG: u32 = 0x4000_0000;
pub(super) const SRID_FLAG: u32 = 0x2000_0000;

/// Bytes of an order mark and a type: what the smallest part takes.
const PART_BYTES_MIN: usize = 5;
/// Bytes of a count: what the smallest ring takes.
const RING_BYTES_MIN: usize = 4;

type Read<T> = Result<T, GeometryFault>;

/// Reads one geometry that takes up all of `bytes`.
pub(super) fn read<'a>(bytes: &[u8], arena: &'a Bump) -> Read<Parsed<'a>> {
    let mut reader = Reader { rest: bytes, arena, dimensions: None, srid: None };
    let shape = reader.geometry(0)?;
    if !reader.rest.is_empty() {
        return Err(GeometryFault::malformed("bytes follow the end of the binary geometry"));
    }
    let dimensions = reader.dimensions.unwrap_or_default();
    Ok(Parsed { shape, dimensions, srid: reader.srid })
}

struct Reader<'b, 'a> {
    rest: &'b [u8],
    arena: &'a Bump,
    dimensions: Option<Dimensions>,
    srid: Option<i32>,
}

#[derive(Clone, Copy)]
struct Header {
    little: bool,
    kind: GeometryKind,
    dimensions: Dimensions,
}

impl<'b, 'a> Reader<'b, 'a> {
    fn geometry(&mut self, depth: u32) -> Read<Shape<'a>> {
        if depth > NESTING_MAX {
            return Err(GeometryFault::malformed("collections are nested too deep"));
        }
        let header = self.header()?;
        match header.kind {
            GeometryKind::Point => self.point(header).map(Shape::Point),
            GeometryKind::LineString => self.path(header).map(Shape::LineString),
            GeometryKind::Polygon => self.polygon(header),
            _ => self.parts(header, depth),
        }
    }

    fn header(&mut self) -> Read<Header> {
        let little = match self.take(1)?[0] {
            0 => false,
            1 => true,
            _ => return Err(GeometryFault::malformed("the byte order mark is neither 0 nor 1")),
        };
        let (kind, dimensions, srid) = decode_type(self.u32(little)?)?;
        if srid {
            let srid = self.u32(little)?.cast_signed();
            if *self.srid.get_or_insert(srid) != srid {
                return Err(GeometryFault::malformed("parts name different spatial references"));
            }
        }
        if *self.dimensions.get_or_insert(dimensions) != dimensions {
            return Err(mixed_dimensions());
        }
        Ok(Header { little, kind, dimensions })
    }

    /// An empty point has NaN for coordinates: WKB has no other way to say it.
    fn point(&mut self, header: Header) -> Read<Path<'a>> {
        let path = self.positions(header, 1)?;
        let empty = path.xy[0].x.is_nan() && path.xy[0].y.is_nan();
        Ok(if empty { Path::empty() } else { path })
    }

    fn path(&mut self, header: Header) -> Read<Path<'a>> {
        let count = self.u32(header.little)? as usize;
        self.positions(header, count)
    }

    fn polygon(&mut self, header: Header) -> Read<Shape<'a>> {
        let count = self.count(header, RING_BYTES_MIN)?;
        let mut rings = ArenaVec::with_capacity_in(count, self.arena);
        for _ in 0..count {
            rings.push(self.path(header)?);
        }
        Ok(Shape::Polygon(rings))
    }

    fn parts(&mut self, header: Header, depth: u32) -> Read<Shape<'a>> {
        let count = self.count(header, PART_BYTES_MIN)?;
        let mut parts = ArenaVec::with_capacity_in(count, self.arena);
        for _ in 0..count {
            let part = self.geometry(depth + 1)?;
            if !holds(header.kind, part.kind()) {
                return Err(GeometryFault::malformed("a part is not of its geometry's kind"));
            }
            parts.push(part);
        }
        Ok(Shape::Multi(header.kind, parts))
    }

    fn count(&mut self, header: Header, bytes_each: usize) -> Read<usize> {
        let count = self.u32(header.little)? as usize;
        if count > self.rest.len() / bytes_each { Err(truncated()) } else { Ok(count) }
    }

    fn positions(&mut self, header: Header, count: usize) -> Read<Path<'a>> {
        let extra = header.dimensions.extra();
        let stride = (2 + extra) * 8;
        let bytes = self.take(count.checked_mul(stride).ok_or_else(truncated)?)?;
        let number = |at: usize| number(&bytes[at..at + 8], header.little);
        let xy = self.arena.alloc_slice_fill_with(count, |index| Xy {
            x: number(index * stride),
            y: number(index * stride + 8),
        });
        if extra == 0 {
            return Ok(Path::flat(xy));
        }
        let extra = self.arena.alloc_slice_fill_with(count * extra, |index| {
            number(index / extra * stride + 16 + index % extra * 8)
        });
        Ok(Path { xy, extra })
    }

    fn u32(&mut self, little: bool) -> Read<u32> {
        let bytes = self.take(4)?;
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        Ok(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn take(&mut self, bytes: usize) -> Read<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[inline]
fn number(bytes: &[u8], little: bool) -> f64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    if little { f64::from_le_bytes(word) } else { f64::from_be_bytes(word) }
}

fn decode_type(code: u32) -> Read<(GeometryKind, Dimensions, bool)> {
    let plain = code & !(Z_FLAG | M_FLAG | SRID_FLAG);
    let iso = plain / 1000;
    let kind = kind_of(plain % 1000).filter(|_| iso <= 3).ok_or_else(|| {
        GeometryFault::new("geometry.kind", "curves, surfaces and triangles are not supported")
    })?;
    let dimensions = Dimensions {
        z: code & Z_FLAG != 0 || matches!(iso, 1 | 3),
        m: code & M_FLAG != 0 || matches!(iso, 2 | 3),
    };
    Ok((kind, dimensions, code & SRID_FLAG != 0))
}

fn kind_of(code: u32) -> Option<GeometryKind> {
    Some(match code {
        1 => GeometryKind::Point,
        2 => GeometryKind::LineString,
        3 => GeometryKind::Polygon,
        4 => GeometryKind::MultiPoint,
        5 => GeometryKind::MultiLineString,
        6 => GeometryKind::MultiPolygon,
        7 => GeometryKind::GeometryCollection,
        _ => return None,
    })
}

/// Whether a geometry of kind `whole` may have a part of kind `part`.
fn holds(whole: GeometryKind, part: GeometryKind) -> bool {
    match whole {
        GeometryKind::MultiPoint => part == GeometryKind::Point,
        GeometryKind::MultiLineString => part == GeometryKind::LineString,
        GeometryKind::MultiPolygon => part == GeometryKind::Polygon,
        _ => true,
    }
}

fn truncated() -> GeometryFault {
    GeometryFault::malformed("the binary geometry ends before it is complete")
}

pub(super) fn mixed_dimensions() -> GeometryFault {
    GeometryFault::malformed("some positions have Z or M and others do not")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: &[u8]) -> &'static str {
        read(bytes, &Bump::new()).map_or_else(|fault| fault.code, |_| "fine")
    }

    #[test]
    fn both_byte_orders_and_both_marks_of_z_are_read() {
        let arena = Bump::new();
        let mut little = vec![1, 1, 0, 0, 0x80];
        let mut big = vec![0, 0, 0, 0x03, 0xE9];
        for value in [1.5f64, 2.5, 3.5] {
            little.extend(value.to_le_bytes());
            big.extend(value.to_be_bytes());
        }
        for bytes in [little, big] {
            let parsed = read(&bytes, &arena).expect("a point");
            assert_eq!(parsed.dimensions, Dimensions { z: true, m: false });
            let expected = Path { xy: &mut [Xy { x: 1.5, y: 2.5 }], extra: &[3.5] };
            assert_eq!(parsed.shape, Shape::Point(expected));
        }
    }

    #[test]
    fn damage_is_a_fault_and_costs_no_memory() {
        let huge_line = [1, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        let huge_polygon = [1, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        let circular_string = [1, 8, 0, 0, 0, 0, 0, 0, 0];
        for bytes in [&[][..], &[1], &[2, 1, 0, 0, 0], &huge_line, &huge_polygon] {
            assert_eq!(code(bytes), "geometry.malformed");
        }
        assert_eq!(code(&circular_string), "geometry.kind");
        let empty_line_and_more = [1, 2, 0, 0, 0, 0, 0, 0, 0, 7];
        assert_eq!(code(&empty_line_and_more), "geometry.malformed");
    }

    #[test]
    fn nesting_has_an_end() {
        let mut bytes = Vec::new();
        for _ in 0..10_000 {
            bytes.extend([1, 7, 0, 0, 0, 1, 0, 0, 0]);
        }
        assert_eq!(code(&bytes), "geometry.malformed");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = code(&bytes);
            let mut framed = vec![1, 3, 0, 0, 0];
            framed.extend(&bytes);
            let _ = code(&framed);
        }
    }
}
