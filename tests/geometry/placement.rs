//! Kinds, dimensions and reference systems end as the column has them.

use longshore::{schema::GeometryKind, transform::geometry::GeometryNotes};
use serde_json::json;

use super::{applied, column, transform};
use crate::support::TestDatabase;

#[tokio::test]
async fn the_server_takes_what_comes_out_for_every_kind() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let cases = [
        (GeometryKind::Point, "Point", "POINT(1 2)"),
        (GeometryKind::MultiPoint, "MultiPoint", "POINT(1 2)"),
        (GeometryKind::LineString, "LineString", "LINESTRING(0 0,1 1)"),
        (GeometryKind::MultiLineString, "MultiLineString", "LINESTRING(0 0,1 1)"),
        (GeometryKind::Polygon, "Polygon", "POLYGON((0 0,1 0,1 1,0 0))"),
        (GeometryKind::MultiPolygon, "MultiPolygon", "POLYGON((0 0,1 0,1 1,0 0))"),
        (
            GeometryKind::MultiPolygon,
            "MultiPolygon",
            "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))",
        ),
        (
            GeometryKind::GeometryCollection,
            "GeometryCollection",
            "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
        ),
    ];
    for (kind, name, text) in cases {
        let transform = transform(column(Some(kind), 4326), json!({}), Some("EPSG:4326"));
        let hex = applied(&transform, text, &mut GeometryNotes::default()).expect(text);
        let query = format!(
            "select st_srid(g) || ' ' || st_astext(g) from (select '{hex}'::geometry({name}, 4326) g) s"
        );
        let row = client.query_one(&query, &[]).await.expect(text);
        let told: String = row.get(0);
        assert!(
            told.starts_with("4326 ") && told.to_uppercase().contains(&name.to_uppercase()),
            "{told}"
        );
    }
}

#[test]
fn what_does_not_fit_the_column_is_refused_by_its_code() {
    let polygons = || column(Some(GeometryKind::MultiPolygon), 4326);
    let refused = |keys, text: &str| {
        let transform = transform(polygons(), keys, Some("EPSG:4326"));
        applied(&transform, text, &mut GeometryNotes::default()).expect_err(text).code
    };
    assert_eq!(refused(json!({}), "POINT(1 2)"), "geometry.kind");
    assert_eq!(refused(json!({}), "POLYGON Z((0 0 1,1 0 1,1 1 1,0 0 1))"), "geometry.dimension");
    assert_eq!(refused(json!({}), "POLYGON((0 0,0 95,1 95,0 0))"), "geometry.degrees");
    assert_eq!(
        refused(json!({ "bounds": [10, 10, 20, 20] }), "POLYGON((0 0,1 0,1 1,0 0))"),
        "geometry.bounds"
    );
    let flat = transform(polygons(), json!({ "force_2d": true }), Some("EPSG:4326"));
    let text = "POLYGON Z((0 0 1,1 0 1,1 1 1,0 0 1))";
    assert!(applied(&flat, text, &mut GeometryNotes::default()).is_ok());
}

#[test]
fn a_repair_is_counted_with_its_change_of_area_and_refused_where_it_changes_too_much() {
    let bow_tie = "POLYGON((0 0,4 4,4 0,0 4,0 0))";
    let open = "POLYGON((0 0,4 0,4 4,0 4))";
    let with = |percent: f64| {
        let keys = json!({ "invalid": "repair", "repair_area_percent": percent });
        transform(column(Some(GeometryKind::MultiPolygon), 0), keys, None)
    };
    let mut notes = GeometryNotes::default();
    applied(&with(1.0), open, &mut notes).expect("an open ring is closed");
    assert_eq!((notes.repaired, notes.area_changed), (1, 0.0));
    let fault = applied(&with(1.0), bow_tie, &mut notes).expect_err("its area doubles or more");
    assert_eq!((fault.code, notes.repaired), ("geometry.repair_area", 1));
    let flag =
        transform(column(Some(GeometryKind::MultiPolygon), 0), json!({ "invalid": "flag" }), None);
    applied(&flag, bow_tie, &mut notes).expect("kept as it is");
    assert_eq!(notes.flagged, 1);
}
