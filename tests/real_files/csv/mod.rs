//! Delimited text as it is found: other readers' test suites, and deliveries.

#![expect(clippy::expect_used, reason = "a helper of tests fails as its test does")]

mod deliveries;
mod every_file;
mod pollock;
mod suites;

use std::path::{Path, PathBuf};

use longshore::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    error::Result,
    source::{self, InputFile, Projection, Source},
};
use serde_json::{Value, json};

/// The usual size of a split.
const WHOLE: usize = source::split::SPLIT_BYTES_DEFAULT;

/// A record's cells, or its fault's code.
type Row = std::result::Result<Vec<String>, &'static str>;

#[derive(PartialEq)]
struct Table {
    header: Vec<String>,
    rows: Vec<Row>,
    lines: Vec<u64>,
}

impl Table {
    fn faulty(&self) -> usize {
        self.rows.iter().filter(|row| row.is_err()).count()
    }
}

/// Opens a file with the given keys of `[source]`.
fn open(keys: Value, path: &Path) -> Result<Box<dyn Source>> {
    let mut definition = keys;
    definition["format"] = json!("csv");
    definition["path"] = json!("-");
    let definition = serde_json::from_value(definition).expect("a definition");
    let file = InputFile { ordinal: 0, path: path.to_owned(), display: path.display().to_string() };
    source::open(&definition, &file)
}

fn read(source: &dyn Source, split_bytes: usize) -> Result<Table> {
    let header = source.header().fields.clone();
    let width = u32::try_from(header.len()).expect("few columns");
    let projection =
        Projection { fields: (1..=width).map(FieldRef::Number).collect(), rest: false };
    let mut table = Table { header, rows: Vec::new(), lines: Vec::new() };
    let mut splitter = source.splitter(split_bytes)?;
    let mut decoder = source.decoder(&projection);
    let mut batch = RecordBatch::default();
    while let Some(split) = splitter.next_split()? {
        let due = table.rows.len() as u64 + split.records;
        decoder.start(split);
        while decoder.fill(&mut batch) {
            table.add(&batch);
        }
        assert_eq!(table.rows.len() as u64, due, "every record is accounted for");
    }
    Ok(table)
}

impl Table {
    fn add(&mut self, batch: &RecordBatch) {
        for record in batch.records() {
            let text = |at| match record.cell(at) {
                Cell::Text(text) => text.to_owned(),
                _ => panic!("a cell of a delimited text is text"),
            };
            let cells = || (0..record.width()).map(text).collect();
            self.rows.push(record.fault().map_or_else(|| Ok(cells()), |fault| Err(fault.code)));
            self.lines.push(record.position().line);
            assert_eq!(record.position().record, self.rows.len() as u64);
        }
    }
}

/// A whole file that is known to be readable.
fn table(keys: Value, path: &Path) -> Table {
    let source = open(keys, path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(source.as_ref(), WHOLE).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_file(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a readable file");
    serde_json::from_str(&text).expect("a JSON document")
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension)) {
            found.push(path);
        }
    }
    found.sort();
    found
}
