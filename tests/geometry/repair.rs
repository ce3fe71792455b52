//! Repaired geometries are valid for PostGIS, and enclose what `ST_MakeValid` makes them enclose.

use longshore::{
    batch::Cell,
    transform::geometry::{GeometryNotes, GeometryTransform},
};
use serde_json::json;

use super::{
    applied, column,
    generate::{FAMILIES, Random, case, wkb},
    of_text, transform,
};
use crate::support::{Part, TestDatabase, is_left_out};

/// Geometries of each family; a tenth of the large ones. 10,000 of each have been tried.
const CASES: usize = 600;

const EXPECTED: &str = "select st_isvalid(g), st_area(g), coalesce(st_area(st_makevalid(g, 'method=structure keepcollapsed=false')), 0),
        st_astext(g)
    from unnest($1::bytea[]) with ordinality as cases (bytes, place),
        lateral (select st_geomfromwkb(bytes)) as geometry (g) order by place";

const REPAIRED: &str = "select st_isvalid(g), st_area(g), st_dimension(g), st_astext(g)
    from unnest($1::bytea[]) with ordinality as cases (bytes, place),
        lateral (select st_geomfromewkb(bytes)) as geometry (g) order by place";

fn repairing(percent: f64) -> GeometryTransform {
    let keys = json!({ "invalid": "repair", "repair_area_percent": percent });
    transform(column(None, 0), keys, None)
}

fn of_bytes(
    mend: &GeometryTransform,
    bytes: &[u8],
) -> Result<(Vec<u8>, GeometryNotes), &'static str> {
    let mut notes = GeometryNotes::default();
    let applied = applied(mend, Cell::Geometry(bytes), &mut notes);
    applied.map(|bytes| (bytes, notes)).map_err(|fault| fault.code)
}

struct Repaired {
    original: String,
    area_before: f64,
    area_expected: f64,
    bytes: Vec<u8>,
    area_changed: f64,
}

#[tokio::test]
async fn repaired_geometries_are_valid_and_enclose_what_st_makevalid_does() {
    if is_left_out(Part::Postgis, "PostGIS is the oracle") {
        return;
    }
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let mend = repairing(f64::MAX);
    let mut repaired = Vec::new();
    for family in 0..FAMILIES {
        let mut random = Random::new(family + 77);
        let count = if family == 8 { CASES / 10 } else { CASES };
        let cases: Vec<Vec<u8>> = (0..count).map(|_| wkb(&case(&mut random, family))).collect();
        let rows = client.query(EXPECTED, &[&cases]).await.expect("PostGIS repairs them all");
        for (bytes, row) in cases.iter().zip(rows) {
            let (area_before, area_expected): (f64, f64) = (row.get(1), row.get(2));
            let original: String = row.get(3);
            match of_bytes(&mend, bytes) {
                Ok((bytes, notes)) => {
                    assert_eq!(notes.repaired == 0, row.get::<_, bool>(0), "{original}");
                    let area_changed = notes.area_changed;
                    repaired.push(Repaired {
                        original,
                        area_before,
                        area_expected,
                        bytes,
                        area_changed,
                    });
                }
                // Nothing with an area is left, or it had none before.
                Err(fault) => {
                    let without_area =
                        area_before.abs() <= 1e-12 * area_expected || area_expected == 0.0;
                    assert!(without_area, "family {family}: {fault}: {original}");
                }
            }
        }
    }
    let bytes: Vec<&[u8]> = repaired.iter().map(|repaired| repaired.bytes.as_slice()).collect();
    let rows = client.query(REPAIRED, &[&bytes]).await.expect("PostGIS reads them all");
    for (repaired, row) in repaired.iter().zip(rows) {
        let (area, dimension): (f64, i32) = (row.get(1), row.get(2));
        let text = format!("{} became {}", repaired.original, row.get::<_, String>(3));
        assert!(row.get::<_, bool>(0), "not valid: {text}");
        assert_eq!(dimension, 2, "{text}");
        // Crossings are rounded to coordinates, at 6,250,000 m to a nanometre.
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (a + b).abs() + 1e-4;
        assert!(near(area, repaired.area_expected), "{area} {}: {text}", repaired.area_expected);
        let changed = (area - repaired.area_before).abs();
        assert!(near(changed, repaired.area_changed), "{changed}: {text}");
    }
}

#[test]
fn a_repair_that_changes_too_much_is_refused() {
    let nick = "POLYGON((0 0,100 0,100 100,50 100,50 101,50 100,0 100,0 0))";
    let bow = "POLYGON((0 0,10 10,10 0,0 9,0 0))";
    let (_, notes) = of_text(&repairing(1.0), nick).expect("a spike has no area");
    assert_eq!((notes.repaired, notes.area_changed), (1, 0.0));
    let fault = of_text(&repairing(1.0), bow).expect_err("half of it is another");
    assert_eq!(fault.code, "geometry.repair_area");
    let (_, notes) = of_text(&repairing(2000.0), bow).expect("it is allowed to");
    assert!(notes.area_change_percent_max > 100.0);
}

#[test]
fn open_rings_are_closed_and_what_has_no_extent_goes() {
    let mend = repairing(1.0);
    let same = [
        ("POLYGON((0 0,4 0,4 4,0 4))", "POLYGON((0 0,4 0,4 4,0 4,0 0))"),
        ("POLYGON((0 0,4 0,4 4,0 0),(1 1,1 1,1 1,1 1))", "POLYGON((0 0,4 0,4 4,0 0))"),
        ("MULTIPOLYGON(((0 0,4 0,4 4,0 0)),EMPTY)", "MULTIPOLYGON(((0 0,4 0,4 4,0 0)))"),
        ("MULTILINESTRING((0 0,1 1),(2 2,2 2))", "MULTILINESTRING((0 0,1 1))"),
    ];
    for (broken, mended) in same {
        let (bytes, notes) = of_text(&mend, broken).expect(broken);
        assert_eq!(notes.repaired, 1, "{broken}");
        assert_eq!(bytes, of_text(&mend, mended).expect(mended).0, "{broken}");
    }
    for hopeless in ["POLYGON EMPTY", "LINESTRING(1 1,1 1)", "POLYGON((0 0,1 1,2 2,0 0))"] {
        let fault = of_text(&mend, hopeless).expect_err(hopeless);
        assert_eq!(fault.code, "geometry.repair_failed", "{hopeless}");
    }
}

#[test]
fn the_same_geometry_is_repaired_to_the_same_bytes() {
    let mend = repairing(f64::MAX);
    let mut random = Random::new(5);
    for _ in 0..200 {
        let bytes = wkb(&case(&mut random, 4));
        let once = of_bytes(&mend, &bytes);
        assert_eq!(once, of_bytes(&mend, &bytes));
        if let Ok((repaired, _)) = once {
            let (again, notes) = of_bytes(&mend, &repaired).expect("it is valid");
            assert_eq!((again, notes.repaired), (repaired, 0));
        }
    }
}
