//! Parcels, towns and points, reprojected where the table says so.

use super::Delivery;
use crate::support::{Part, is_left_out};

#[tokio::test]
async fn farms_of_a_province_from_metres_to_degrees() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    let delivery = Delivery {
        tables: "create table farm (id int primary key, code text, x double precision,
            y double precision, geom geometry(MultiPolygon, 4326))",
        pipeline: r#"
[source]
format = "shapefile"
path = "$DATA/cadastre/za_farms/farms_33S.shp"
[[target]]
table = "public.farm"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "AG_CAD_ID" }
code = { from = "SG_CODE" }
x = { from = "X" }
y = { from = "Y" }
geom = { from = "geometry", bounds = [16, -36, 34, -22], invalid = "flag" }
"#,
        tally: [2008, 0, 0, 0, 2008, 0, 0],
        codes: &[],
        facts: &[
            ("select count(*) from farm where code is null", "5"),
            // The table's own coordinates say where each farm is.
            (
                "select count(*) > 1900 from farm
                where st_dwithin(geom, st_setsrid(st_makepoint(x, y), 4326), 0.001)",
                "true",
            ),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn parcels_with_names_in_cyrillic() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    let delivery = Delivery {
        tables: "create table parcel (number text primary key, area double precision,
            extra jsonb, geom geometry(MultiPolygon, 4326))",
        pipeline: r#"
[source]
format = "geojson"
path = "$DATA/cadastre/ua_parcels_redacted/ua_rada_a.geojson"
[[target]]
table = "public.parcel"
mode = "upsert"
key = ["number"]
[target.columns]
number = { from = "Кадастровий номер" }
area = { from = "Площа" }
extra = { rest = true, sensitive = true }
geom = { from = "geometry", invalid = "flag" }
"#,
        tally: [613, 0, 0, 0, 613, 0, 0],
        codes: &[],
        facts: &[("select count(*) from parcel where extra ->> 'Цільове' is null", "10")],
    };
    delivery.check().await;
}

#[tokio::test]
async fn townships_as_areas_on_the_globe() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    let delivery = Delivery {
        tables: "create table town (code int primary key, name text, geom geography(MultiPolygon, 4326))",
        pipeline: r#"
[source]
format = "geojson"
path = "$DATA/cadastre/us_il_cook/town_shp.geojson"
[[target]]
table = "public.town"
mode = "upsert"
key = ["code"]
[target.columns]
code = { from = "township_code" }
name = { from = "township_name" }
geom = { from = "geometry", invalid = "flag" }
"#,
        tally: [38, 0, 0, 0, 38, 0, 0],
        codes: &[],
        facts: &[
            ("select name from town where code = 10", "Barrington"),
            // Cook County has 2,448 square kilometres of land, and some of the lake.
            ("select sum(st_area(geom)) / 1e6 between 2400 and 2600 from town", "true"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn districts_of_a_senate_from_an_archive() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    for file in ["senate.zip", "mixedcase.zip"] {
        let pipeline = format!(
            r#"
[source]
format = "shapefile"
path = "$DATA/cadastre/shapefile_js/{file}"
[[target]]
table = "public.district"
mode = "append"
[target.columns]
extra = {{ rest = true }}
geom = {{ from = "geometry", invalid = "flag" }}
"#
        );
        let delivery = Delivery {
            tables: "create table district (extra jsonb, geom geometry(MultiPolygon, 26986))",
            pipeline: &pipeline,
            tally: [40, 0, 0, 0, 40, 0, 0],
            codes: &[],
            // Massachusetts: 27,336 square kilometres with its waters.
            facts: &[(
                "select sum(st_area(geom)) / 1e6 between 20000 and 28000 from district",
                "true",
            )],
        };
        delivery.check().await;
    }
}

#[tokio::test]
async fn areas_of_local_government_in_their_own_datum() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    let delivery = Delivery {
        tables: "create table area (geom geometry(MultiPolygon, 4283))",
        pipeline: r#"
[source]
format = "shapefile"
path = "$DATA/cadastre/shapefile_js/LGA_2013_AUST.shp"
[[target]]
table = "public.area"
mode = "append"
[target.columns]
geom = { from = "geometry", invalid = "flag", bounds = [90, -60, 170, 0] }
"#,
        tally: [13, 0, 0, 0, 13, 0, 0],
        codes: &[],
        facts: &[("select count(distinct st_srid(geom)) from area", "1")],
    };
    delivery.check().await;
}

#[tokio::test]
async fn blocks_without_a_reference_system_of_their_own() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    let delivery = Delivery {
        tables: "create table block (geom geometry(MultiPolygon, 4326))",
        pipeline: r#"
[source]
format = "shapefile"
path = "$DATA/cadastre/pyshp/blockgroups.zip"
crs = "EPSG:4326"
[[target]]
table = "public.block"
mode = "append"
[target.columns]
geom = { from = "geometry", invalid = "flag" }
"#,
        tally: [663, 0, 0, 0, 663, 0, 0],
        codes: &[],
        // San Francisco.
        facts: &[(
            "select count(*) from block where geom && st_makeenvelope(-123.2, 37.6, -122.2, 38, 4326)",
            "663",
        )],
    };
    delivery.check().await;
}

#[tokio::test]
async fn features_on_lines() {
    if is_left_out(Part::Postgis, "it loads geometries") {
        return;
    }
    let delivery = Delivery {
        tables: "create table point (foo text primary key, place geometry(Point, 4326))",
        pipeline: r#"
[source]
format = "geojson"
path = "$DATA/cadastre/gdal/geojsonseq/test.geojsonl"
[[target]]
table = "public.point"
mode = "upsert"
key = ["foo"]
[target.columns]
foo = { from = "foo" }
place = { from = "geometry" }
"#,
        tally: [2, 0, 0, 0, 2, 0, 0],
        codes: &[],
        facts: &[("select st_astext(place) from point where foo = 'baz'", "POINT(3 4)")],
    };
    delivery.check().await;
}
