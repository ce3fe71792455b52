//! Writes polygons and their attributes as a shapefile, into memory.

use crate::town::Position;

/// One record: its rings (shells clockwise, holes anticlockwise), none for a null shape.
pub(crate) struct Record {
    pub(crate) rings: Vec<Vec<Position>>,
    /// One text for each field, as it stands in the file.
    pub(crate) values: Vec<String>,
}

/// A field: its name, its kind (`C`, `N`, `D`, `L`), its bytes, its decimals.
pub(crate) type Field = (&'static str, u8, u8, u8);

/// The three files.
pub(crate) struct Shapefile {
    pub(crate) shp: Vec<u8>,
    pub(crate) shx: Vec<u8>,
    pub(crate) dbf: Vec<u8>,
}

const POLYGON: i32 = 5;
const HEADER_BYTES: usize = 100;

/// Lays out all records.
pub(crate) fn layout(fields: &[Field], records: &[Record]) -> Shapefile {
    let (mut shapes, mut index) = (Vec::new(), Vec::new());
    for (number, record) in (1_i32..).zip(records) {
        let shape = shape(&record.rings);
        let words = |bytes: usize| i32::try_from(bytes / 2).unwrap_or(i32::MAX).to_be_bytes();
        index.extend(words(HEADER_BYTES + shapes.len()));
        index.extend(words(shape.len()));
        shapes.extend(number.to_be_bytes());
        shapes.extend(words(shape.len()));
        shapes.extend(shape);
    }
    let all: Vec<Position> =
        records.iter().flat_map(|r| r.rings.iter().flatten().copied()).collect();
    Shapefile {
        shp: with_header(shapes, &all),
        shx: with_header(index, &all),
        dbf: table(fields, records),
    }
}

fn bounds(positions: &[Position]) -> [f64; 4] {
    let start = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    positions.iter().fold(start, |[left, bottom, right, top], &(x, y)| {
        [left.min(x), bottom.min(y), right.max(x), top.max(y)]
    })
}

fn with_header(content: Vec<u8>, positions: &[Position]) -> Vec<u8> {
    let words = i32::try_from((HEADER_BYTES + content.len()) / 2).unwrap_or(i32::MAX);
    let mut file = Vec::new();
    file.extend(9994_i32.to_be_bytes());
    file.extend([0; 20]);
    file.extend(words.to_be_bytes());
    file.extend(1000_i32.to_le_bytes());
    file.extend(POLYGON.to_le_bytes());
    bounds(positions).iter().for_each(|bound| file.extend(bound.to_le_bytes()));
    file.extend([0; 32]);
    file.extend(content);
    file
}

fn shape(rings: &[Vec<Position>]) -> Vec<u8> {
    if rings.is_empty() {
        return 0_i32.to_le_bytes().to_vec();
    }
    let positions: Vec<Position> = rings.iter().flatten().copied().collect();
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes();
    let mut shape = POLYGON.to_le_bytes().to_vec();
    bounds(&positions).iter().for_each(|bound| shape.extend(bound.to_le_bytes()));
    shape.extend(count(rings.len()));
    shape.extend(count(positions.len()));
    let mut start = 0;
    for ring in rings {
        shape.extend(count(start));
        start += ring.len();
    }
    for (x, y) in positions {
        shape.extend(x.to_le_bytes());
        shape.extend(y.to_le_bytes());
    }
    shape
}

fn table(fields: &[Field], records: &[Record]) -> Vec<u8> {
    let record_bytes = 1 + fields.iter().map(|field| u16::from(field.2)).sum::<u16>();
    let header_bytes = 33 + 32 * u16::try_from(fields.len()).unwrap_or(0);
    let mut table = vec![3, 124, 11, 21];
    table.extend(u32::try_from(records.len()).unwrap_or(0).to_le_bytes());
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
    for record in records {
        table.push(b' ');
        for ((_, kind, length, _), value) in fields.iter().zip(&record.values) {
            let blanks = vec![b' '; usize::from(*length).saturating_sub(value.len())];
            let numbers_stand_right = *kind == b'N';
            let (before, after) =
                if numbers_stand_right { (&blanks[..], &[][..]) } else { (&[][..], &blanks[..]) };
            table.extend([before, value.as_bytes(), after].concat());
        }
    }
    table.push(0x1A);
    table
}
