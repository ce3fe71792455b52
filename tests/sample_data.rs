//! The sample data is what its README says: so many records, so many that cannot be decoded.

use std::{collections::BTreeMap, path::Path};

use longshore::{
    batch::{Cell, RecordBatch},
    definition::{FieldRef, SourceDefinition},
    source::{self, InputFile, Projection},
};

/// What a source finds in a file.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    fields: usize,
    records: usize,
    faults: BTreeMap<String, usize>,
    /// Cells with a spreadsheet's error.
    errors: usize,
    geometries: usize,
}

fn facts(path: &str, keys: &str) -> Facts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data").join(path);
    let definition: SourceDefinition =
        toml::from_str(&format!("path = \"-\"\n{keys}")).expect("a source");
    let file = InputFile { ordinal: 0, path, display: "the sample".to_owned() };
    let source = source::open(&definition, &file).expect("it opens");
    let names = source.header().fields.iter().enumerate();
    let fields: Vec<FieldRef> = names
        .map(|(at, name)| match name.as_str() {
            "" => FieldRef::Number(u32::try_from(at + 1).expect("few fields")),
            name => FieldRef::Name(name.to_owned()),
        })
        .collect();
    let mut facts = Facts { fields: fields.len(), ..Facts::default() };
    let mut decoder = source.decoder(&Projection { fields, rest: false });
    let mut splitter = source.splitter(64 << 10).expect("a splitter");
    let mut batch = RecordBatch::default();
    while let Some(split) = splitter.next_split().expect("a split") {
        decoder.start(split);
        while decoder.fill(&mut batch) {
            batch.records().for_each(|record| facts.add(&record));
        }
    }
    facts
}

impl Facts {
    fn add(&mut self, record: &longshore::batch::Record<'_>) {
        self.records += 1;
        if let Some(fault) = record.fault() {
            *self.faults.entry(fault.code.to_owned()).or_default() += 1;
            return;
        }
        for at in 0..record.width() {
            match record.cell(at) {
                Cell::Error(_) => self.errors += 1,
                Cell::Geometry(_) => self.geometries += 1,
                _ => {}
            }
        }
    }
}

fn faults(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect()
}

#[test]
fn sales_are_2000_lines_six_of_them_broken() {
    let facts = facts("property/sales-2024.csv.gz", "format = \"csv\"\nheader = false");
    assert_eq!((facts.fields, facts.records), (17, 2000));
    assert_eq!(
        facts.faults,
        faults(&[("csv.quote", 2), ("csv.ragged", 2), ("encoding.invalid", 2)])
    );
}

#[test]
fn students_are_300_rows_below_two_titles() {
    let keys = "format = \"xlsx\"\nsheet = \"Students\"\nheader = 3";
    let facts = facts("school/students.xlsx", keys);
    assert_eq!((facts.fields, facts.records, facts.errors), (13, 300, 3));
    assert_eq!(facts.faults, faults(&[]));
}

#[test]
fn lots_are_389_features_with_the_faults_that_are_listed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-data/cadastre/lots.geojson");
    let text = std::fs::read_to_string(path).expect("the sample");
    let lots: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let features = lots["features"].as_array().expect("features");
    let count =
        |fault: fn(&serde_json::Value) -> bool| features.iter().filter(|f| fault(f)).count();
    assert_eq!(features.len(), 389);
    assert_eq!(count(|lot| lot["geometry"].is_null()), 2);
    assert_eq!(count(|lot| lot["properties"]["planlotarea"].as_f64() < Some(0.0)), 1);
    let is_named = |lot: &serde_json::Value| {
        lot["properties"]["lotidstring"].as_str().is_some_and(|name| name.contains("//DP"))
    };
    assert_eq!(count(|lot| !lot["properties"]["lotidstring"].is_string()), 0);
    assert_eq!(features.iter().filter(|lot| !is_named(lot)).count(), 3);
    let names: std::collections::HashSet<_> =
        features.iter().map(|lot| lot["properties"]["cadid"].as_u64()).collect();
    assert_eq!(names.len(), 386, "three come twice");
    let is_open = |lot: &serde_json::Value| {
        let ring = lot["geometry"]["coordinates"][0].as_array();
        ring.is_some_and(|ring| ring.first() != ring.last())
    };
    assert_eq!(features.iter().filter(|lot| is_open(lot)).count(), 2);
}

#[test]
fn lots_and_zones_are_decoded_and_left_to_the_rules() {
    let lots = facts("cadastre/lots.geojson", "format = \"geojson\"");
    assert_eq!((lots.records, lots.geometries), (389, 387));
    assert_eq!(lots.faults, faults(&[]));
    let zones = facts("cadastre/zones.zip", "format = \"shapefile\"");
    assert_eq!((zones.fields, zones.records, zones.geometries), (11, 60, 58));
    assert_eq!(zones.faults, faults(&[("dbf.date", 1)]));
}
