//! From a shape to little-endian EWKB.
//!
//! M is written where it is real: shapefiles mark missing ones by a number
//! below -10^38, and writers of Z shapes that know no M fill in zeros, so
//! there M has to be other than zero somewhere. A missing M beside real ones
//! is NaN.

use super::rings::{RingGrouper, RingPoints};

pub(super) const Z_FLAG: u32 = 0x8000_0000;
pub(super) const M_FLAG: u32 = 0x4000_0000;

/// Below this an M is "no data".
const NO_DATA: f64 = -1e38;

/// Why a shape is no geometry: the code and what is wrong.
pub(super) type Unusable = (&'static str, &'static str);

const SHORT: Unusable = ("shapefile.shape", "the shape is shorter than its counts say");

/// Writes one geometry after the other into the same memory.
#[derive(Debug, Default)]
pub(super) struct ShapeWriter {
    ewkb: Vec<u8>,
    parts: Vec<(usize, usize)>,
    rings: RingGrouper,
}

/// A shape's coordinates, still as bytes of the record.
#[derive(Debug, Clone, Copy)]
struct Coordinates<'s> {
    xy: &'s [u8],
    z: Option<&'s [u8]>,
    m: Option<&'s [u8]>,
}

/// What a shape type says beside its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extra {
    None,
    Z,
    M,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Point,
    Line,
    Polygon,
    MultiPoint,
}

/// Reads forward through a record, never beyond its end.
struct Content<'s>(&'s [u8]);

impl<'s> Content<'s> {
    fn take(&mut self, count: usize, size: usize) -> Result<&'s [u8], Unusable> {
        let bytes = count.checked_mul(size).ok_or(SHORT)?;
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn count(&mut self) -> Result<usize, Unusable> {
        let word = little_endian(self.take(1, 4)?, 0);
        // A negative count is a very large one here, and fails as too large.
        usize::try_from(word).map_err(|_| SHORT)
    }
}

pub(super) fn little_endian(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn double(bytes: &[u8], index: usize) -> f64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
    f64::from_le_bytes(word)
}

impl RingPoints for Coordinates<'_> {
    fn xy(&self, index: usize) -> (f64, f64) {
        (double(self.xy, index * 2), double(self.xy, index * 2 + 1))
    }
}

impl ShapeWriter {
    /// The geometry written last.
    pub(super) fn ewkb(&self) -> &[u8] {
        &self.ewkb
    }

    /// Writes the shape in `content`; `false` for a null shape.
    pub(super) fn write(&mut self, content: &[u8]) -> Result<bool, Unusable> {
        self.ewkb.clear();
        let mut content = Content(content);
        let shape_type = little_endian(content.take(1, 4)?, 0);
        let (kind, extra) = match shape_type {
            0 => return Ok(false),
            31 => {
                return Err(("geometry.unsupported", "a MultiPatch has no counterpart in PostGIS"));
            }
            1 | 11 | 21 => (Kind::Point, extra(shape_type)),
            3 | 13 | 23 => (Kind::Line, extra(shape_type)),
            5 | 15 | 25 => (Kind::Polygon, extra(shape_type)),
            8 | 18 | 28 => (Kind::MultiPoint, extra(shape_type)),
            _ => return Err(("shapefile.shape", "the shape's type is unknown")),
        };
        match kind {
            Kind::Point => self.point(&mut content, extra)?,
            Kind::MultiPoint => self.multi_point(&mut content, extra)?,
            Kind::Line | Kind::Polygon => self.parts(&mut content, kind, extra)?,
        }
        Ok(true)
    }

    fn point(&mut self, content: &mut Content<'_>, extra: Extra) -> Result<(), Unusable> {
        let xy = content.take(2, 8)?;
        let z = if extra == Extra::Z { Some(content.take(1, 8)?) } else { None };
        let m = if extra == Extra::None { None } else { content.take(1, 8).ok() };
        let coordinates = Coordinates { xy, z, m: m.filter(|m| real(m, extra)) };
        self.header(1, &coordinates);
        self.positions(&coordinates, 0, 1);
        Ok(())
    }

    fn multi_point(&mut self, content: &mut Content<'_>, extra: Extra) -> Result<(), Unusable> {
        content.take(4, 8)?;
        let points = content.count()?;
        let coordinates = coordinates(content, points, extra)?;
        self.header(4, &coordinates);
        self.count(points);
        for index in 0..points {
            self.header(1, &coordinates);
            self.positions(&coordinates, index, index + 1);
        }
        Ok(())
    }

    fn parts(
        &mut self,
        content: &mut Content<'_>,
        kind: Kind,
        extra: Extra,
    ) -> Result<(), Unusable> {
        content.take(4, 8)?;
        let (parts, points) = (content.count()?, content.count()?);
        let starts = content.take(parts, 4)?;
        let coordinates = coordinates(content, points, extra)?;
        self.read_parts(starts, points)?;
        if kind == Kind::Line {
            self.lines(&coordinates);
            return Ok(());
        }
        self.polygons(&coordinates)
    }

    /// The ranges of the parts; they follow each other and leave no point out.
    fn read_parts(&mut self, starts: &[u8], points: usize) -> Result<(), Unusable> {
        const DISORDER: Unusable = ("shapefile.parts", "the parts are not in order");
        self.parts.clear();
        let start = |index: usize| little_endian(starts, index * 4) as usize;
        let count = starts.len() / 4;
        if (count == 0) != (points == 0) || (count > 0 && start(0) != 0) {
            return Err(DISORDER);
        }
        for index in 0..count {
            let end = if index + 1 < count { start(index + 1) } else { points };
            if end < start(index) || end > points {
                return Err(DISORDER);
            }
            // A part without points adds nothing.
            if end > start(index) {
                self.parts.push((start(index), end));
            }
        }
        Ok(())
    }

    fn lines(&mut self, coordinates: &Coordinates<'_>) {
        let parts = std::mem::take(&mut self.parts);
        if parts.len() != 1 && !parts.is_empty() {
            self.header(5, coordinates);
            self.count(parts.len());
        }
        for &(start, end) in &parts {
            self.header(2, coordinates);
            self.count(end - start);
            self.positions(coordinates, start, end);
        }
        if parts.is_empty() {
            self.header(2, coordinates);
            self.count(0);
        }
        self.parts = parts;
    }

    fn polygons(&mut self, coordinates: &Coordinates<'_>) -> Result<(), Unusable> {
        let mut rings = std::mem::take(&mut self.rings);
        let grouped = rings.group(&self.parts, coordinates);
        if grouped.is_ok() {
            self.grouped(&rings, coordinates);
        }
        self.rings = rings;
        grouped
    }

    fn grouped(&mut self, rings: &RingGrouper, coordinates: &Coordinates<'_>) {
        let polygons = rings.polygons();
        if polygons.len() > 1 {
            self.header(6, coordinates);
            self.count(polygons.len());
        }
        for polygon in polygons {
            self.header(3, coordinates);
            self.count(polygon.len());
            for &ring in polygon {
                let (start, end) = self.parts[ring];
                self.count(end - start);
                self.positions(coordinates, start, end);
            }
        }
        if polygons.is_empty() {
            self.header(3, coordinates);
            self.count(0);
        }
    }

    fn header(&mut self, kind: u32, coordinates: &Coordinates<'_>) {
        let z = if coordinates.z.is_some() { Z_FLAG } else { 0 };
        let m = if coordinates.m.is_some() { M_FLAG } else { 0 };
        self.ewkb.push(1);
        self.ewkb.extend_from_slice(&(kind | z | m).to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        // Counts come from the file as 32-bit words.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.ewkb.extend_from_slice(&count.to_le_bytes());
    }

    fn positions(&mut self, coordinates: &Coordinates<'_>, start: usize, end: usize) {
        if coordinates.z.is_none() && coordinates.m.is_none() {
            // Two-dimensional points stand in a shapefile as in EWKB.
            self.ewkb.extend_from_slice(&coordinates.xy[start * 16..end * 16]);
            return;
        }
        for index in start..end {
            self.ewkb.extend_from_slice(&coordinates.xy[index * 16..index * 16 + 16]);
            if let Some(z) = coordinates.z {
                self.ewkb.extend_from_slice(&z[index * 8..index * 8 + 8]);
            }
            if let Some(m) = coordinates.m.map(|m| double(m, index)) {
                let m = if m < NO_DATA { f64::NAN } else { m };
                self.ewkb.extend_from_slice(&m.to_le_bytes());
            }
        }
    }
}

fn extra(shape_type: u32) -> Extra {
    match shape_type / 10 {
        1 => Extra::Z,
        2 => Extra::M,
        _ => Extra::None,
    }
}

/// The coordinates of `points` points: all x and y, then all z, then all m.
fn coordinates<'s>(
    content: &mut Content<'s>,
    points: usize,
    extra: Extra,
) -> Result<Coordinates<'s>, Unusable> {
    let xy = content.take(points, 16)?;
    let z = if extra == Extra::Z {
        content.take(2, 8)?;
        Some(content.take(points, 8)?)
    } else {
        None
    };
    // M is optional in both: it is there if the record is long enough.
    let m = match extra {
        Extra::None => None,
        Extra::Z | Extra::M => content.take(2, 8).and_then(|_| content.take(points, 8)).ok(),
    };
    Ok(Coordinates { xy, z, m: m.filter(|m| real(m, extra)) })
}

/// Whether some of these M mean something.
fn real(m: &[u8], extra: Extra) -> bool {
    (0..m.len() / 8).map(|index| double(m, index)).any(|m| {
        let known = !m.is_nan() && m >= NO_DATA;
        known && (extra == Extra::M || m != 0.0)
    })
}

#[cfg(test)]
mod tests;
