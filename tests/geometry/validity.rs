//! Our verdict on a geometry is the one of `ST_IsValid`.

use std::collections::BTreeMap;

use longshore::{
    batch::Cell, definition::ColumnDefinition, transform::geometry::GeometryTransform,
};

use super::{
    apply, compiled,
    generate::{FAMILIES, Random, case, wkb},
    plain_column,
};
use crate::support::TestDatabase;

/// Geometries of each family.
const CASES: usize = 1200;

const VERDICTS: &str = "select st_isvalid(g), st_isvalidreason(g), st_astext(g)
    from unnest($1::bytea[]) with ordinality as cases (bytes, place),
        lateral (select st_geomfromwkb(bytes)) as geometry (g) order by place";

#[tokio::test]
async fn our_verdict_is_that_of_st_isvalid() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let transform = compiled(plain_column(None), &ColumnDefinition::default());
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
            let found = verdict(&transform, bytes);
            assert_eq!(found == "valid", expected, "family {family}: {found}; {reason}: {text}");
            let reason = reason.split('[').next().unwrap_or_default().to_owned();
            *tally.entry((found, reason)).or_insert(0) += 1;
            valid += usize::from(expected);
        }
        assert!(valid > 0 && valid < count, "family {family} is one-sided: {valid}");
    }
    let codes: std::collections::BTreeSet<&str> = tally.keys().map(|(code, _)| *code).collect();
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

fn verdict(transform: &GeometryTransform, bytes: &[u8]) -> &'static str {
    apply(transform, Cell::Geometry(bytes)).map_or_else(|fault| fault.code, |_| "valid")
}
