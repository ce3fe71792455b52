//! Reprojection agrees with `ST_Transform`.

use longshore::{batch::Cell, transform::geometry::GeometryNotes};
use serde_json::json;

use super::{applied, column, transform};
use crate::support::{Part, TestDatabase, is_left_out};

/// A millimetre.
const METRES: f64 = 0.001;
/// About a millimetre.
const DEGREES: f64 = 1e-8;

/// From, to, a position in the first system, and how far results may be apart in the second's unit.
type Case = (i32, i32, f64, f64, f64);

/// Pairs on one datum, or with the same shift in both libraries.
const EXACT: [Case; 22] = [
    (4326, 3857, 12.5, 41.9, METRES),
    (3857, 4326, 1_391_493.0, 5_146_011.0, DEGREES),
    (25830, 4326, 440_000.0, 4_474_000.0, DEGREES),
    (4258, 25830, -3.7, 40.4, METRES),
    (25830, 3857, 440_000.0, 4_474_000.0, METRES),
    (32733, 4326, 300_000.0, 6_250_000.0, DEGREES),
    (4326, 32733, 18.4, -33.9, METRES),
    (28356, 4283, 334_000.0, 6_252_000.0, DEGREES),
    (4283, 28356, 151.2, -33.87, METRES),
    (4283, 28355, 146.0, -34.0, METRES),
    (4283, 3857, 151.2, -33.87, METRES),
    (4283, 4326, 151.2, -33.87, 0.0),
    (7844, 7856, 151.2, -33.87, METRES),
    (7844, 4326, 151.2, -33.87, 0.0),
    (7856, 4326, 334_000.0, 6_252_000.0, DEGREES),
    (2154, 4326, 652_000.0, 6_862_000.0, DEGREES),
    (2180, 4326, 637_000.0, 486_000.0, DEGREES),
    (3763, 4326, -87_000.0, -105_000.0, DEGREES),
    (2193, 4326, 1_750_000.0, 5_430_000.0, DEGREES),
    (3116, 4326, 1_000_000.0, 1_000_000.0, DEGREES),
    (31979, 4326, 500_000.0, 7_000_000.0, DEGREES),
    (2263, 4326, 990_000.0, 200_000.0, DEGREES),
];

#[tokio::test]
async fn positions_end_where_postgis_puts_them() {
    if is_left_out(Part::Postgis, "PostGIS is the oracle") {
        return;
    }
    judge(&EXACT).await;
}

async fn judge(cases: &[Case]) {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let mut far = Vec::new();
    for &(from, to, x, y, tolerance) in cases {
        let transform =
            transform(column(None, to), json!({}), Some(format!("EPSG:{from}").as_str()));
        let point = format!("POINT({x} {y})");
        let mut notes = GeometryNotes::default();
        let ours = applied(&transform, Cell::Text(&point), &mut notes).expect("reprojected");
        let query = "select st_distance(st_setsrid(ours, 0), st_setsrid(theirs, 0)), st_srid(ours)
            from st_geomfromewkb($1) as ours,
                st_transform(st_geomfromtext($2, $3), $4::int) as theirs";
        let row = client.query_one(query, &[&ours, &point, &from, &to]).await;
        let row = row.expect("PostGIS transforms");
        let (distance, srid): (f64, i32) = (row.get(0), row.get(1));
        assert_eq!(srid, to);
        if distance > tolerance {
            far.push(format!("EPSG:{from} to EPSG:{to}: {distance} apart"));
        }
    }
    assert!(far.is_empty(), "{}", far.join("\n"));
}

/// Datums with a shift of their own: the same parameters, but for OSGB36, where they differ in
/// the fourth digit and by 5 mm.
const SHIFTED: [Case; 9] = [
    (28992, 4326, 155_000.0, 463_000.0, DEGREES),
    (4326, 28992, 5.387, 52.156, METRES),
    (28992, 25831, 155_000.0, 463_000.0, METRES),
    (2056, 4326, 2_600_000.0, 1_200_000.0, DEGREES),
    (21781, 4326, 600_000.0, 200_000.0, DEGREES),
    (21781, 2056, 600_000.0, 200_000.0, METRES),
    (5514, 4326, -740_000.0, -1_040_000.0, DEGREES),
    (31370, 4326, 150_000.0, 170_000.0, DEGREES),
    (27700, 4326, 530_000.0, 180_000.0, 5e-8),
];

#[tokio::test]
async fn shifts_of_datum_are_as_near_as_their_parameters() {
    if is_left_out(Part::Postgis, "PostGIS is the oracle") {
        return;
    }
    judge(&SHIFTED).await;
}
