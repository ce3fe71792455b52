//! Every geometry that publishers deliver: judged as PostGIS judges it, and mended where it can be.

use std::{collections::BTreeMap, path::Path};

use bumpalo::Bump;
use longshore::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    schema::GeometryColumn,
    source::Projection,
    transform::geometry::{GeometryFault, GeometryNotes, GeometryTransform},
};
use serde_json::json;

use super::{data, features};
use crate::support::{Part, TestDatabase, is_left_out};

/// EWKB's marks in the type word.
const Z: u32 = 0x8000_0000;
const M: u32 = 0x4000_0000;

/// All geometries of all files that open.
fn geometries(data: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (format, extensions) in
        [("geojson", ["geojson", "json", "geojsonl"].as_slice()), ("shapefile", &["shp"])]
    {
        for path in features::files(&data.join("cadastre"), extensions) {
            read(format, &path, &mut found);
        }
    }
    found
}

/// What is no features, or breaks off, is the sources' own matter.
fn read(format: &str, path: &Path, found: &mut Vec<Vec<u8>>) {
    let Ok(source) = features::open(format, path) else { return };
    let fields = vec![FieldRef::Name("geometry".to_owned())];
    let mut decoder = source.decoder(&Projection { fields, rest: false });
    let Ok(mut splitter) = source.splitter(1 << 20) else { return };
    let mut batch = RecordBatch::default();
    while let Ok(Some(split)) = splitter.next_split() {
        decoder.start(split);
        while decoder.fill(&mut batch) {
            for record in batch.records().filter(|record| record.fault().is_none()) {
                if let Cell::Geometry(bytes) = record.cell(0) {
                    found.push(bytes.to_vec());
                }
            }
        }
    }
}

/// A transform into a column that has the geometry's own dimensions.
fn transform(bytes: &[u8], invalid: &str) -> GeometryTransform {
    let word = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
    let column = GeometryColumn { kind: None, srid: 0, z: word & Z != 0, m: word & M != 0 };
    let definition = serde_json::from_value(json!({ "invalid": invalid })).expect("a column");
    GeometryTransform::compile(&column, false, &definition, None).expect("a transform")
}

fn verdict(bytes: &[u8], invalid: &str) -> Result<GeometryNotes, GeometryFault> {
    let mut notes = GeometryNotes::default();
    transform(bytes, invalid).apply(Cell::Geometry(bytes), &Bump::new(), &mut notes)?;
    Ok(notes)
}

#[tokio::test]
async fn every_geometry_gets_the_verdict_of_postgis() {
    if is_left_out(Part::Postgis, "PostGIS is the oracle") {
        return;
    }
    let Some(data) = data() else { return };
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let geometries = geometries(&data);
    let (mut codes, mut mended) = (BTreeMap::new(), BTreeMap::new());
    let mut readable = Vec::new();
    for bytes in &geometries {
        let verdict = verdict(bytes, "reject").map_err(|fault| fault.code);
        if let Err(code) = verdict {
            *codes.entry(code).or_insert(0) += 1;
            let outcome =
                self::verdict(bytes, "repair").map_or_else(|fault| fault.code, |_| "fine");
            *mended.entry(outcome).or_insert(0) += 1;
        }
        match verdict {
            Err("geometry.ring_open") => {
                let read = client.query_one("select st_geomfromewkb($1)", &[bytes]).await;
                assert!(read.is_err(), "the server would have read an open ring");
            }
            Err("geometry.empty" | "geometry.ring_points" | "geometry.line_points") => {}
            other => readable.push((bytes, other.is_ok())),
        }
    }
    let bytes: Vec<&[u8]> = readable.iter().map(|(bytes, _)| bytes.as_slice()).collect();
    let query = "select st_isvalid(st_geomfromewkb(bytes))
        from unnest($1::bytea[]) with ordinality as cases (bytes, place) order by place";
    let rows = client.query(query, &[&bytes]).await.expect("PostGIS reads them");
    let differing: Vec<usize> = (0..rows.len())
        .filter(|&index| rows[index].get::<_, bool>(0) != readable[index].1)
        .collect();
    assert_eq!(differing, Vec::<usize>::new());
    assert_eq!(geometries.len(), 9553);
    let expected = [
        ("geometry.empty", 2),
        ("geometry.nested_parts", 1),
        ("geometry.parts_overlap", 8),
        ("geometry.ring_open", 2),
        ("geometry.ring_self_touch", 6),
        ("geometry.self_intersection", 18),
    ];
    assert_eq!(codes, BTreeMap::from(expected));
    let expected = [
        ("fine", 29),
        ("geometry.repair_area", 3),
        ("geometry.repair_failed", 2),
        ("geometry.repair_z", 3),
    ];
    assert_eq!(mended, BTreeMap::from(expected));
}
