//! A shape as extended WKB: little-endian, with the column's spatial reference in front.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{
    shape::{Dimensions, Path, Shape, Xy},
    wkb_read::{M_FLAG, SRID_FLAG, Z_FLAG},
};
use crate::schema::GeometryKind;

/// Writes `shape`; 0 is no spatial reference.
pub(super) fn write<'a>(
    shape: &Shape<'_>,
    dimensions: Dimensions,
    srid: i32,
    arena: &'a Bump,
) -> &'a [u8] {
    let bytes = ArenaVec::with_capacity_in(shape.bytes_estimate(dimensions), arena);
    let mut writer = Writer { bytes, dimensions };
    writer.geometry(shape, srid);
    writer.bytes.into_bump_slice()
}

struct Writer<'a> {
    bytes: ArenaVec<'a, u8>,
    dimensions: Dimensions,
}

impl Writer<'_> {
    fn geometry(&mut self, shape: &Shape<'_>, srid: i32) {
        self.header(shape.kind(), srid);
        match shape {
            Shape::Point(path) => self.point(path),
            Shape::LineString(path) => self.counted(path),
            Shape::Polygon(rings) => {
                self.count(rings.len());
                rings.iter().for_each(|ring| self.counted(ring));
            }
            Shape::Multi(_, parts) => {
                self.count(parts.len());
                parts.iter().for_each(|part| self.geometry(part, 0));
            }
        }
    }

    fn header(&mut self, kind: GeometryKind, srid: i32) {
        let mut code = u32::from(kind as u8);
        code |= if self.dimensions.z { Z_FLAG } else { 0 };
        code |= if self.dimensions.m { M_FLAG } else { 0 };
        code |= if srid == 0 { 0 } else { SRID_FLAG };
        self.bytes.push(1);
        self.bytes.extend_from_slice_copy(&code.to_le_bytes());
        if srid != 0 {
            self.bytes.extend_from_slice_copy(&srid.to_le_bytes());
        }
    }

    fn point(&mut self, path: &Path<'_>) {
        if path.xy.is_empty() {
            for _ in 0..2 + self.dimensions.extra() {
                self.number(f64::NAN);
            }
        } else {
            self.positions(path);
        }
    }

    fn counted(&mut self, path: &Path<'_>) {
        self.count(path.xy.len());
        self.positions(path);
    }

    fn positions(&mut self, path: &Path<'_>) {
        let extra = self.dimensions.extra();
        if extra == 0 {
            path.xy.iter().for_each(|&xy| self.position(xy));
            return;
        }
        for (&xy, extra) in path.xy.iter().zip(path.extra.chunks_exact(extra)) {
            self.position(xy);
            extra.iter().for_each(|&number| self.number(number));
        }
    }

    fn position(&mut self, xy: Xy) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&positive_zero(xy.x).to_le_bytes());
        bytes[8..].copy_from_slice(&positive_zero(xy.y).to_le_bytes());
        self.bytes.extend_from_slice_copy(&bytes);
    }

    fn number(&mut self, number: f64) {
        self.bytes.extend_from_slice_copy(&positive_zero(number).to_le_bytes());
    }

    /// Counts come from slices of 16-byte positions that were in memory at once.
    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice_copy(&count.to_le_bytes());
    }
}

/// The server compares the ends of a ring by their bytes, and refuses one from 0 to -0.
fn positive_zero(number: f64) -> f64 {
    number + 0.0
}

#[cfg(test)]
mod tests {
    use super::{super::wkb_read, *};

    #[test]
    fn a_polygon_with_z_comes_back_as_it_was_written() {
        let arena = Bump::new();
        let xy = |x, y| Xy { x, y };
        let mut corners = [xy(0.0, 0.0), xy(4.0, 0.0), xy(0.0, 3.0), xy(0.0, 0.0)];
        let ring = Path { xy: &mut corners, extra: &[9.0, 8.0, 7.0, 9.0] };
        let shape = Shape::Polygon(bumpalo::vec![in &arena; ring]);
        let bytes = write(&shape, Dimensions { z: true, m: false }, 28356, &arena);
        assert_eq!(bytes[..9], [1, 3, 0, 0, 0xA0, 0xC4, 0x6E, 0, 0]);
        let parsed = wkb_read::read(bytes, &arena).expect("a polygon");
        assert_eq!(parsed.shape, shape);
        assert_eq!(parsed.srid, Some(28356));
        assert_eq!(parsed.dimensions, Dimensions { z: true, m: false });
    }

    #[test]
    fn an_empty_point_is_written_as_postgis_does() {
        let arena = Bump::new();
        let bytes = write(&Shape::Point(Path::empty()), Dimensions::default(), 0, &arena);
        let parsed = wkb_read::read(bytes, &arena).expect("a point");
        assert!(parsed.shape.is_empty());
    }
}
