//! The sample data is what its README says: so many records, so many that cannot be decoded.

use std::{collections::BTreeMap, path::Path};

use longshore::{
    batch::{Cell, RecordBatch},
    definition::{FieldRef, SourceDefinition},
    source::{self, InputFile, Projection},
};

/// Records, faults by code, and how often each field holds an error or another kind than it should.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    fields: usize,
    records: usize,
    faults: BTreeMap<String, usize>,
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
