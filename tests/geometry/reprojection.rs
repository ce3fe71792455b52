//! Reprojection agrees with `ST_Transform`.

use longshore::transform::geometry::GeometryNotes;
use serde_json::json;

use super::{applied, column, transform};
use crate::support::TestDatabase;

/// From, to, a position in the first system, and how far results may be apart in the second's unit.
///
/// Pairs on one datum agree to a millimetre or 1e-8 degrees. Where PROJ has a
/// grid and proj4rs only the seven parameters, the tolerance says so.
const CASES: [(i32, i32, f64, f64, f64); 11] = [
    (4326, 3857, 12.5, 41.9, 0.001),
    (3857, 4326, 1_391_493.0, 5_146_011.0, 1e-8),
    (25830, 4326, 440_000.0, 4_474_000.0, 1e-8),
    (4258, 25830, -3.7, 40.4, 0.001),
    (32733, 4326, 300_000.0, 6_250_000.0, 1e-8),
    (4326, 32733, 18.4, -33.9, 0.001),
    (28356, 4283, 334_000.0, 6_252_000.0, 1e-8),
    (4283, 28356, 151.2, -33.87, 0.001),
    (7844, 7856, 151.2, -33.87, 0.001),
    (2154, 4326, 652_000.0, 6_862_000.0, 1e-8),
    (3116, 4326, 1_000_000.0, 1_000_000.0, 1e-7),
];

#[tokio::test]
async fn positions_end_where_postgis_puts_them() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let mut far = Vec::new();
    for (from, to, x, y, tolerance) in CASES {
        let transform = transform(column(None, to), json!({}), Some(&format!("EPSG:{from}")));
        let hex = applied(&transform, &format!("POINT({x} {y})"), &mut GeometryNotes::default())
            .expect("reprojected");
        let query = format!(
            "select st_distance(st_setsrid('{hex}'::geometry, 0), st_setsrid(st_transform(st_setsrid(st_makepoint({x}, {y}), {from}), {to}), 0)),
               st_srid('{hex}'::geometry)"
        );
        let row = client.query_one(&query, &[]).await.expect("PostGIS transforms");
        let (distance, srid): (f64, i32) = (row.get(0), row.get(1));
        assert_eq!(srid, to);
        if distance > tolerance {
            far.push(format!("EPSG:{from} to EPSG:{to}: {distance} apart"));
        }
    }
    assert!(far.is_empty(), "{}", far.join("\n"));
}
