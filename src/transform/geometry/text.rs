//! Geometries written as text: WKT with or without `SRID=`, hexadecimal WKB, GeoJSON.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{fault::GeometryFault, geojson, shape::Parsed, wkb_read, wkt};

/// Reads one geometry; the first character tells the notation.
pub(super) fn read<'a>(text: &str, arena: &'a Bump) -> Result<Parsed<'a>, GeometryFault> {
    let text = text.trim();
    match text.as_bytes().first() {
        Some(b'{') => geojson::read(text, arena),
        Some(b'0') => wkb_read::read(decode_hex(text, arena)?, arena),
        _ => wkt::read(text, arena),
    }
}

fn decode_hex<'a>(text: &str, arena: &'a Bump) -> Result<&'a [u8], GeometryFault> {
    let fault = || GeometryFault::malformed("the text is not hexadecimal");
    if !text.len().is_multiple_of(2) {
        return Err(fault());
    }
    let mut bytes = ArenaVec::with_capacity_in(text.len() / 2, arena);
    for pair in text.as_bytes().chunks_exact(2) {
        bytes.push(digit(pair[0]).ok_or_else(fault)? << 4 | digit(pair[1]).ok_or_else(fault)?);
    }
    Ok(bytes.into_bump_slice())
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::GeometryKind;

    #[test]
    fn the_notation_is_told_by_the_first_character() {
        let arena = Bump::new();
        let point = "0101000020E6100000000000000000F03F0000000000000040";
        for text in [point, "SRID=4326;POINT(1 2)", r#"{"type":"Point","coordinates":[1,2]}"#] {
            let parsed = read(text, &arena).expect(text);
            assert_eq!(parsed.shape.kind(), GeometryKind::Point);
        }
        assert_eq!(read(point, &arena).expect("hex").srid, Some(4326));
        for text in ["", "0", "01zz", "[1,2]", "N/A"] {
            assert_eq!(read(text, &arena).expect_err(text).code, "geometry.malformed", "{text}");
        }
    }
}
