//! GeoJSON of surveys and of other readers' tests, against the counts that GDAL found.

use std::{collections::BTreeMap, path::Path};

use longshore::error::ErrorKind;

use super::{
    data,
    features::{self, count, facts, files, read_in_both_sizes},
};

/// EWKB's mark for a third number.
const Z: u32 = 0x8000_0000;

/// Files that GDAL has no count for, or reads more leniently: features, and the
/// one fault among them, with the reason.
const ODD: [(&str, usize, Option<&str>); 4] = [
    // GDAL did not take the name.
    ("fiona/!test.geojson", 1, None),
    // Listed under another driver.
    ("gdal/geojsonseq/test.geojsonl", 2, None),
    // Esri's own geometry in an array called `features`.
    ("gdal/esrijson/GetLatLon.json", 1, Some("geometry.type")),
    // Is no JSON: a value is missing on its sixth line.
    ("gdal/geojson/stac_item.json", 1, Some("json.syntax")),
];

#[test]
fn every_collection_has_the_features_that_gdal_counts() {
    let Some(data) = data() else { return };
    let (folder, facts) = (data.join("cadastre"), facts(&data));
    let (mut counted, mut other) = (0, 0);
    for path in files(&folder, &["geojson", "json", "geojsonl"]) {
        let name = path.strip_prefix(&folder).expect("it lies there").display().to_string();
        let listed = facts.get(&path).and_then(|facts| count(facts, "[GeoJSON]"));
        let odd = ODD.iter().find(|(odd, ..)| *odd == name);
        match read_in_both_sizes("geojson", &path) {
            Ok(found) => {
                let (expected, fault) = match odd {
                    Some((_, count, fault)) => (Some(*count), *fault),
                    None => (listed, None),
                };
                assert_eq!(Some(found.rows.len()), expected, "{name}");
                let faults = fault.map(|code| (code, 1)).into_iter().collect::<BTreeMap<_, _>>();
                assert_eq!(found.faults(), faults, "{name}");
                counted += 1;
            }
            // Esri JSON, and JSON that holds no features: said at once, not record by record.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Source, "{name}");
                assert!(error.to_string().ends_with("is JSON, but not GeoJSON"), "{name}");
                assert!(error.hint_text().is_some() && listed.is_none(), "{name}");
                other += 1;
            }
        }
    }
    assert_eq!((counted, other), (27, 22));
}

#[test]
fn geometries_have_the_kinds_that_gdal_names() {
    let Some(data) = data() else { return };
    for (name, kinds) in [
        ("us_ny_military_lots/lots.geojson", vec![(3, 269)]),
        ("es_catastro_45155/zonificacion.geojson", vec![(3, 137), (6, 65)]),
        ("es_catastro_45155/direcciones.geojson", vec![(1, 2943)]),
        ("ua_parcels_redacted/ua_rada_a.geojson", vec![(6, 613)]),
        ("ar_umepay/barrios.geojson", vec![(6 | Z, 15)]),
        ("gdal/geojson/geometrycollection.geojson", vec![(7, 1)]),
        ("gdal/geojson/nullvalues.geojson", vec![]),
    ] {
        let found = read_in_both_sizes("geojson", &data.join("cadastre").join(name)).expect(name);
        assert_eq!(found.kinds(), kinds.into_iter().collect(), "{name}");
    }
}

#[test]
fn the_reference_system_is_the_one_that_the_file_names() {
    let Some(data) = data() else { return };
    for (name, crs) in [
        ("us_ny_military_lots/lots.geojson", "EPSG:4326"),
        ("gdal/geojson/feature_with_type_Topology_property.json", "EPSG:27700"),
    ] {
        let source = features::open("geojson", &data.join("cadastre").join(name)).expect(name);
        assert_eq!(source.crs(), Some(crs), "{name}");
    }
}

/// serde_json reads the same file into a tree: the cells must be its values.
#[test]
fn cells_are_the_values_that_serde_json_reads() {
    let Some(data) = data() else { return };
    for name in [
        "us_ny_military_lots/lots.geojson",
        "ua_parcels_redacted/ua_rada_a.geojson",
        "es_catastro_45155/direcciones.geojson",
        "flatgeobuf/states.geojson",
        "gdal/geojson/sparse_fields.geojson",
    ] {
        let path = data.join("cadastre").join(name);
        let found = read_in_both_sizes("geojson", &path).expect(name);
        let tree = tree(&path);
        let all = tree["features"].as_array().expect("features");
        for ((_, row), feature) in found.rows.iter().zip(all) {
            let row = row.as_ref().expect("no fault");
            for (cell, field) in row.iter().zip(&found.fields) {
                let value = feature["properties"].get(field);
                let same = match value {
                    _ if field == "geometry" || field == "id" => true,
                    None | Some(serde_json::Value::Null) => cell == "Absent",
                    Some(serde_json::Value::String(text)) => *cell == format!("Text({text:?})"),
                    Some(serde_json::Value::Bool(truth)) => *cell == format!("Bool({truth})"),
                    Some(serde_json::Value::Number(number)) => {
                        let digits = cell.strip_prefix("Number(\"");
                        let digits = digits.and_then(|digits| digits.strip_suffix("\")"));
                        let read = digits.map(serde_json::from_str::<serde_json::Number>);
                        read.is_some_and(|read| read.is_ok_and(|read| read == *number))
                    }
                    Some(_) => cell.starts_with("Json("),
                };
                assert!(same, "{name}: a value differs");
            }
        }
    }
}

fn tree(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("a readable file");
    serde_json::from_str(&text).expect("JSON")
}
