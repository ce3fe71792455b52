//! Writes polygons and their attributes as the parts of a shapefile, in a zip.
//!
//! Its headers say how long each part is and how far the shapes reach, so records are gone
//! through once before anything is written, and once more for each part.

use super::super::{Order, OutFile, Row, shape::Position};
use crate::error::{Error, Result};

/// A field: its name, its kind (`C`, `N`, `D`, `L`), its bytes, its decimals.
pub(super) type Field = (&'static str, u8, u8, u8);

const POLYGON: i32 = 5;
const HEADER_BYTES: u64 = 100;

/// Writes all parts; `records` gives the same ones each time.
pub(super) fn write<I: Iterator<Item = Row>>(
    order: &Order,
    (name, stem, projection): (&str, &str, &str),
    fields: &[Field],
    records: impl Fn() -> I,
) -> Result<()> {
    let reach = Reach::of(records())?;
    let mut out = OutFile::zip(order, name)?;
    out.part(&format!("{stem}.shp"))?;
    out.write(&reach.header(HEADER_BYTES + reach.bytes)?)?;
    for (number, row) in (1_i32..).zip(records()) {
        let shape = shape(&row);
        out.write(&number.to_be_bytes())?;
        out.write(&words(shape.len() as u64)?)?;
        out.write(&shape)?;
    }
    out.part(&format!("{stem}.shx"))?;
    out.write(&reach.header(HEADER_BYTES + 8 * u64::from(reach.count))?)?;
    let mut start = HEADER_BYTES;
    for row in records() {
        let length = shape(&row).len() as u64;
        out.write(&words(start)?)?;
        out.write(&words(length)?)?;
        start += 8 + length;
    }
    out.part(&format!("{stem}.dbf"))?;
    out.write(&table_header(fields, reach.count))?;
    for row in records() {
        out.write(&attributes(fields, &row))?;
    }
    out.write(&[0x1A])?;
    for (ending, text) in [("prj", projection), ("cpg", "UTF-8")] {
        out.part(&format!("{stem}.{ending}"))?;
        out.write(text.as_bytes())?;
    }
    out.finish()
}

/// How many records there are, how long they are, and how far they reach.
struct Reach {
    count: u32,
    bytes: u64,
    bounds: [f64; 4],
}

impl Reach {
    fn of(records: impl Iterator<Item = Row>) -> Result<Self> {
        let start = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        let mut reach = Self { count: 0, bytes: 0, bounds: start };
        for row in records {
            reach.count = reach.count.checked_add(1).ok_or_else(too_long)?;
            reach.bytes += 8 + shape(&row).len() as u64;
            reach.bounds = positions(&row).fold(reach.bounds, stretch);
        }
        Ok(reach)
    }

    /// The first bytes of a part of so many bytes.
    fn header(&self, bytes: u64) -> Result<Vec<u8>> {
        let mut header = 9994_i32.to_be_bytes().to_vec();
        header.extend([0; 20]);
        header.extend(words(bytes)?);
        header.extend(1000_i32.to_le_bytes());
        header.extend(POLYGON.to_le_bytes());
        self.bounds.iter().for_each(|bound| header.extend(bound.to_le_bytes()));
        header.extend([0; 32]);
        Ok(header)
    }
}

fn stretch([left, bottom, right, top]: [f64; 4], (x, y): Position) -> [f64; 4] {
    [left.min(x), bottom.min(y), right.max(x), top.max(y)]
}

fn positions(row: &Row) -> impl Iterator<Item = Position> {
    row.shape().into_iter().flat_map(|shape| shape.parts.iter().flatten().flatten().copied())
}

/// A length as the format has it: in words of two bytes.
fn words(bytes: u64) -> Result<[u8; 4]> {
    i32::try_from(bytes / 2).map(i32::to_be_bytes).map_err(|_| too_long())
}

fn too_long() -> Error {
    Error::definition("a shapefile cannot be that long").hint("order fewer rows")
}

/// Shells are clockwise here, holes the other way round: the opposite of what shapes are.
fn shape(row: &Row) -> Vec<u8> {
    let Some(found) = row.shape() else { return 0_i32.to_le_bytes().to_vec() };
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes();
    let rings: Vec<&Vec<Position>> = found.parts.iter().flatten().collect();
    let start = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    let bounds = positions(row).fold(start, stretch);
    let mut shape = POLYGON.to_le_bytes().to_vec();
    bounds.iter().for_each(|bound| shape.extend(bound.to_le_bytes()));
    shape.extend(count(rings.len()));
    shape.extend(count(rings.iter().map(|ring| ring.len()).sum()));
    let mut start = 0;
    for ring in &rings {
        shape.extend(count(start));
        start += ring.len();
    }
    for (x, y) in rings.iter().flat_map(|ring| ring.iter().rev()) {
        shape.extend(x.to_le_bytes());
        shape.extend(y.to_le_bytes());
    }
    shape
}

fn table_header(fields: &[Field], count: u32) -> Vec<u8> {
    let record_bytes = 1 + fields.iter().map(|field| u16::from(field.2)).sum::<u16>();
    let header_bytes = 33 + 32 * u16::try_from(fields.len()).unwrap_or(0);
    let mut table = vec![3, 124, 11, 21];
    table.extend(count.to_le_bytes());
    table.extend(header_bytes.to_le_bytes());
    table.extend(record_bytes.to_le_bytes());
    table.extend([0; 20]);
    for (name, kind, length, decimals) in fields {
        let mut field = [0; 32];
        field[..name.len()].copy_from_slice(name.as_bytes());
        (field[11], field[16], field[17]) = (*kind, *length, *decimals);
        table.extend(field);
    }
    table.push(0x0D);
    table
}

fn attributes(fields: &[Field], row: &Row) -> Vec<u8> {
    let mut record = vec![b' '];
    for ((_, kind, length, _), value) in fields.iter().zip(row.fields()) {
        let length = usize::from(*length);
        let value = &value[..value.len().min(length)];
        let blanks = vec![b' '; length - value.len()];
        // Numbers stand on the right.
        let (before, after) =
            if *kind == b'N' { (&blanks[..], &[][..]) } else { (&[][..], &blanks[..]) };
        record.extend([before, value, after].concat());
    }
    record
}
