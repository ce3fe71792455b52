//! Our verdict on a geometry is the one of `ST_IsValid`.

use std::collections::{BTreeMap, BTreeSet};

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

/// Geometries of each family; a tenth of the large ones. 30,000 of each have been tried.
const CASES: usize = 1200;

const VERDICTS: &str = "select st_isvalid(g), st_isvalidreason(g), st_astext(g)
    from unnest($1::bytea[]) with ordinality as cases (bytes, place),
        lateral (select st_geomfromwkb(bytes)) as geometry (g) order by place";

#[tokio::test]
async fn our_verdict_is_that_of_st_isvalid() {
    if is_left_out(Part::Postgis, "PostGIS is the oracle") {
        return;
    }
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let judge = transform(column(None, 0), json!({}), None);
    let mut tally = BTreeMap::new();
    for family in 0..FAMILIES {
        let mut random = Random::new(family + 1);
        let count = if family == 8 { CASES / 10 } else { CASES };
        let cases: Vec<Vec<u8>> = (0..count).map(|_| wkb(&case(&mut random, family))).collect();
        let rows = client.query(VERDICTS, &[&cases]).await.expect("PostGIS reads them all");
        let mut valid = 0;
        for (bytes, row) in cases.iter().zip(rows) {
            let (expected, reason, text): (bool, String, String) =
                (row.get(0), row.get(1), row.get(2));
            let found = verdict(&judge, bytes);
            assert_eq!(found == "valid", expected, "family {family}: {found}; {reason}: {text}");
            let reason = reason.split('[').next().unwrap_or_default().to_owned();
            *tally.entry((found, reason)).or_insert(0) += 1;
            valid += usize::from(expected);
        }
        assert!(valid > 0 && valid < count, "family {family} is one-sided: {valid}");
    }
    let codes: BTreeSet<&str> = tally.keys().map(|(code, _)| *code).collect();
    let all = [
        "geometry.hole_outside",
        "geometry.interior_disconnected",
        "geometry.nested_holes",
        "geometry.nested_parts",
        "geometry.parts_overlap",
        "geometry.ring_points",
        "geometry.ring_self_touch",
        "geometry.self_intersection",
        "geometry.zero_area",
        "valid",
    ];
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), all, "{tally:#?}");
}

fn verdict(judge: &GeometryTransform, bytes: &[u8]) -> &'static str {
    let applied = applied(judge, Cell::Geometry(bytes), &mut GeometryNotes::default());
    applied.map_or_else(|fault| fault.code, |_| "valid")
}

/// Kinds without area, collections, and what only structure is wrong with.
#[tokio::test]
async fn other_kinds_are_judged_as_postgis_does_but_for_empty_ones() {
    if is_left_out(Part::Postgis, "PostGIS is the oracle") {
        return;
    }
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let judge = transform(column(None, 0), json!({}), None);
    let texts = [
        "POINT(1 2)",
        "MULTIPOINT(1 2,1 2)",
        "LINESTRING(0 0,1 1,0 0,1 1)",
        "LINESTRING(1 1,1 1)",
        "LINESTRING(1 1,1 1,1 1,2 2)",
        "MULTILINESTRING((0 0,1 1),(3 3,3 3))",
        "MULTILINESTRING((0 0,2 2),(0 2,2 0))",
        "GEOMETRYCOLLECTION(POLYGON((0 0,4 4,4 0,0 4,0 0)),POINT(1 1))",
        "GEOMETRYCOLLECTION(POLYGON((0 0,4 0,4 4,0 0)),POLYGON((0 0,4 0,4 4,0 0)))",
        "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(LINESTRING(1 1,1 1)))",
        "POLYGON((0 0,1 0,0 0,0 0))",
        "POLYGON((0 0,0 0,0 0,0 0))",
    ];
    for text in texts {
        let row = client.query_one("select st_isvalid($1::text::geometry)", &[&text]).await;
        let theirs: bool = row.expect("PostGIS judges").get(0);
        assert_eq!(of_text(&judge, text).is_ok(), theirs, "{text}");
    }
    for empty in ["POINT EMPTY", "POLYGON EMPTY", "MULTIPOLYGON(((0 0,4 0,4 4,0 0)),EMPTY)"] {
        let fault = of_text(&judge, empty).expect_err("an empty geometry is a failed export");
        assert_eq!(fault.code, "geometry.empty", "{empty}");
    }
}
