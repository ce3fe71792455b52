//! Kinds, dimensions and reference systems end as the column has them, and the server agrees.

use bytes::Bytes;
use futures_util::SinkExt as _;
use longshore::{
    definition::ColumnDefinition,
    schema::{GeometryColumn, GeometryKind, PgType},
    transform::geometry::{GeometryNotes, GeometryTransform},
};
use serde_json::{Value as Json, json};
use tokio_postgres::Client;

use super::{applied, column, of_text, transform};
use crate::support::{Part, TestDatabase, is_left_out};

const NONE: &str = "{}";
const FLAT: &str = r#"{ "force_2d": true }"#;
const FLAG: &str = r#"{ "invalid": "flag" }"#;
const SWAPPED: &str = r#"{ "axis": "yx" }"#;
const GDA: Option<&str> = Some("EPSG:4283");
const SQUARE: &str = "POLYGON((0 0,1 0,1 1,0 0))";

/// A column's type, keys of its definition, the data's system, a text, and what is in the table.
type Case = (&'static str, &'static str, Option<&'static str>, &'static str, &'static str);

const CASES: [Case; 27] = [
    ("geometry", NONE, None, "POINT(1 2)", "POINT(1 2)"),
    ("geometry(Point)", NONE, None, "POINT(1 2)", "POINT(1 2)"),
    ("geometry(Point,4283)", NONE, GDA, "POINT(1 2)", "SRID=4283;POINT(1 2)"),
    ("geometry(Point,4283)", NONE, GDA, "SRID=4283;POINT(1 2)", "SRID=4283;POINT(1 2)"),
    ("geometry(Point,4283)", SWAPPED, GDA, "POINT(-33 151)", "SRID=4283;POINT(151 -33)"),
    ("geometry(MultiPoint,4283)", NONE, GDA, "POINT(1 2)", "SRID=4283;MULTIPOINT(1 2)"),
    ("geometry(LineString)", NONE, None, "MULTILINESTRING((0 0,1 1))", "LINESTRING(0 0,1 1)"),
    ("geometry(MultiLineString)", NONE, None, "LINESTRING(0 0,1 1)", "MULTILINESTRING((0 0,1 1))"),
    ("geometry(Polygon)", NONE, None, SQUARE, SQUARE),
    ("geometry(Polygon)", NONE, None, "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))", SQUARE),
    (
        "geometry(MultiPolygon,4283)",
        NONE,
        GDA,
        SQUARE,
        "SRID=4283;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
    ),
    ("geometry(GeometryCollection)", NONE, None, "POINT(1 2)", "GEOMETRYCOLLECTION(POINT(1 2))"),
    ("geometry(PointZ)", NONE, None, "POINT Z (1 2 3)", "POINT(1 2 3)"),
    ("geometry(PointM)", NONE, None, "POINT M (1 2 3)", "POINTM(1 2 3)"),
    (
        "geometry(MultiPolygonZM)",
        NONE,
        None,
        "POLYGON((0 0 1 2,1 0 1 2,1 1 1 2,0 0 1 2))",
        "MULTIPOLYGON(((0 0 1 2,1 0 1 2,1 1 1 2,0 0 1 2)))",
    ),
    (
        "geometry(PolygonZ)",
        NONE,
        None,
        "POLYGON((0 0 1,1 0 1,1 1 1,0 0 9))",
        "POLYGON((0 0 1,1 0 1,1 1 1,0 0 9))",
    ),
    ("geometry(Point)", FLAT, None, "POINT ZM (1 2 3 4)", "POINT(1 2)"),
    ("geometry(Point)", FLAT, None, "POINT(1 2)", "POINT(1 2)"),
    (
        "geometry(Polygon)",
        NONE,
        None,
        "POLYGON((0 0,1 0,1 1,0 -0.0))",
        "POLYGON((0 0,1 0,1 1,0 0))",
    ),
    ("geography", NONE, Some("EPSG:4326"), "POINT(1 2)", "SRID=4326;POINT(1 2)"),
    (
        "geography(MultiPolygon)",
        NONE,
        Some("OGC:CRS84"),
        SQUARE,
        "SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
    ),
    ("geometry(Point)", NONE, None, r#"{"type":"Point","coordinates":[1,2]}"#, "POINT(1 2)"),
    ("geometry(Point)", NONE, None, "0101000000000000000000F03F0000000000000040", "POINT(1 2)"),
    ("geometry(Point)", FLAG, None, "POINT EMPTY", "POINT EMPTY"),
    ("geometry(PointZ)", FLAG, None, "POINT EMPTY", "POINT EMPTY"),
    ("geometry(MultiPolygon)", FLAG, None, "POLYGON EMPTY", "MULTIPOLYGON(EMPTY)"),
    (
        "geometry(Polygon)",
        FLAG,
        None,
        "POLYGON((0 0,1 1,1 0,0 1,0 0))",
        "POLYGON((0 0,1 1,1 0,0 1,0 0))",
    ),
];

#[tokio::test]
async fn typed_columns_take_what_comes_out_by_binary_copy() {
    if is_left_out(Part::Postgis, "PostGIS is the oracle") {
        return;
    }
    let database = TestDatabase::create().await;
    let client = database.client().await;
    for (sql_type, keys, crs, text, expected) in CASES {
        client.batch_execute("drop table if exists parcel").await.expect("it may be there");
        let create = format!("create table parcel (geom {sql_type})");
        client.batch_execute(&create).await.expect("the type exists");
        let transform = for_table(&client, keys, crs).await;
        let (bytes, _) = of_text(&transform, text).expect(text);
        copy(&client, &bytes).await;
        let row = client.query_one("select st_asewkt(geom::geometry) from parcel", &[]).await;
        let stored: String = row.expect("a row").get(0);
        assert_eq!(stored, expected, "{text} in {sql_type}");
    }
}

/// The transform for a table's only column, as the catalog has it.
async fn for_table(client: &Client, keys: &str, crs: Option<&str>) -> GeometryTransform {
    let table = longshore::postgres::catalog::read_table(client, "public.parcel").await;
    let table = table.expect("the catalog is read").expect("the table is there");
    let definition: ColumnDefinition = serde_json::from_str(keys).expect("keys of a column");
    let (column, geography) = match &table.columns[0].pg_type {
        PgType::Geometry(column) => (column, false),
        PgType::Geography(column) => (column, true),
        other => panic!("{other:?} is no geometry"),
    };
    GeometryTransform::compile(column, geography, &definition, crs).expect("a transform")
}

async fn copy(client: &Client, value: &[u8]) {
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01".to_vec();
    bytes.extend(i32::try_from(value.len()).expect("a small value").to_be_bytes());
    bytes.extend(value);
    bytes.extend((-1_i16).to_be_bytes());
    let sink = client.copy_in("copy parcel from stdin (format binary)").await;
    let mut sink = Box::pin(sink.expect("the copy starts"));
    sink.send(Bytes::from(bytes)).await.expect("it is sent");
    assert_eq!(sink.as_mut().finish().await.expect("the server takes it"), 1);
}

#[test]
fn what_does_not_fit_the_column_is_refused_by_its_code() {
    let polygons = column(Some(GeometryKind::MultiPolygon), 4326);
    let solid = GeometryColumn { z: true, ..polygons };
    let with_z = "POLYGON Z((0 0 1,1 0 1,1 1 1,0 0 1))";
    let square = "POLYGON((0 0,1 0,1 1,0 0))";
    let cases = [
        (polygons, json!({}), "POINT(1 2)", "geometry.kind"),
        (polygons, json!({}), "GEOMETRYCOLLECTION(POLYGON((0 0,1 0,1 1,0 0)))", "geometry.kind"),
        (
            column(Some(GeometryKind::Point), 4326),
            json!({}),
            "MULTIPOINT(1 2,3 4)",
            "geometry.kind",
        ),
        (polygons, json!({}), "CURVEPOLYGON((0 0,1 0,1 1,0 0))", "geometry.kind"),
        (polygons, json!({}), with_z, "geometry.dimension"),
        (solid, json!({}), square, "geometry.dimension"),
        (solid, json!({ "force_2d": true }), square, "geometry.dimension"),
        (polygons, json!({}), "SRID=4283;POLYGON((0 0,1 0,1 1,0 0))", "geometry.srid"),
        (polygons, json!({}), "POLYGON((0 0,1e999 0,1 1,0 0))", "geometry.not_finite"),
        (polygons, json!({}), "POLYGON((0 0,1e300 0,1 1,0 0))", "geometry.not_finite"),
        (polygons, json!({}), "POLYGON((0 0,1 1,0 0))", "geometry.ring_points"),
        (polygons, json!({}), "POLYGON((0 0,1 0,1 1,0 1))", "geometry.ring_open"),
        (
            polygons,
            json!({ "invalid": "flag" }),
            "POLYGON((0 0,1 0,1 1,0 1))",
            "geometry.ring_open",
        ),
        (polygons, json!({}), "POLYGON((0 0,0 95,1 95,0 0))", "geometry.degrees"),
        (polygons, json!({ "bounds": [10, 10, 20, 20] }), square, "geometry.bounds"),
        (polygons, json!({}), "a parcel", "geometry.malformed"),
    ];
    for (column, keys, text, code) in cases {
        let transform = transform(column, keys, Some("EPSG:4326"));
        let fault = of_text(&transform, text).expect_err(text);
        assert_eq!(fault.code, code, "{text}");
        assert!(!fault.message.contains("1e"), "{}", fault.message);
    }
}

#[test]
fn null_stays_null_and_two_fields_make_a_point() {
    let transform =
        transform(column(Some(GeometryKind::Point), 4326), json!({}), Some("EPSG:4326"));
    let (arena, mut notes) = (bumpalo::Bump::new(), GeometryNotes::default());
    for cell in [longshore::batch::Cell::Absent, longshore::batch::Cell::Json("null")] {
        let value = transform.apply(cell, &arena, &mut notes);
        assert_eq!(value, Ok(longshore::value::Value::Null));
    }
    let (expected, _) = of_text(&transform, "POINT(151.2 -33.9)").expect("a point");
    let point = transform.apply_point(151.2, -33.9, &arena, &mut notes).expect("a point");
    assert_eq!(point, longshore::value::Value::Geometry(&expected));
    let refused = |x, y| transform.apply_point(x, y, &arena, &mut GeometryNotes::default());
    assert_eq!(refused(-33.9, 151.2).expect_err("swapped").code, "geometry.degrees");
    assert_eq!(refused(f64::NAN, 1.0).expect_err("no number").code, "geometry.not_finite");
}

#[test]
fn options_that_cannot_be_used_are_findings() {
    let finding = |keys: Json, srid: i32, crs: Option<&str>| {
        let definition: ColumnDefinition = serde_json::from_value(keys).expect("keys");
        let compiled = GeometryTransform::compile(&column(None, srid), false, &definition, crs);
        compiled.expect_err("a finding").option
    };
    assert_eq!(finding(json!({}), 4326, None), "crs");
    assert_eq!(finding(json!({}), 4326, Some("the usual one")), "crs");
    assert_eq!(finding(json!({}), 4326, Some("EPSG:4267")), "crs");
    assert_eq!(finding(json!({ "bounds": [3, 0, 1, 1] }), 0, None), "bounds");
    assert_eq!(finding(json!({ "repair_area_percent": -1 }), 0, None), "repair_area_percent");
}

#[test]
fn a_flagged_geometry_is_counted() {
    let keys = json!({ "invalid": "flag" });
    let flag = transform(column(Some(GeometryKind::MultiPolygon), 0), keys, None);
    let (_, notes) = of_text(&flag, "POLYGON((0 0,4 4,4 0,0 4,0 0))").expect("kept as it is");
    assert_eq!((notes.flagged, notes.repaired), (1, 0));
    let mut notes = GeometryNotes::default();
    let valid = longshore::batch::Cell::Text("POLYGON((0 0,4 0,4 4,0 0))");
    applied(&flag, valid, &mut notes).expect("valid");
    assert_eq!(notes, GeometryNotes::default());
}
