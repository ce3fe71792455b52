//! Reading files of features, and what the list of the files says about them.

#![expect(clippy::expect_used, reason = "a helper of tests fails as its test does")]

use std::{
    collections::{BTreeMap, HashMap},
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

use longshore::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    error::Result,
    source::{self, InputFile, Projection, Source},
};
use serde_json::json;

/// A record: its line, and its cells or its fault's code.
type Row = (u64, std::result::Result<Vec<String>, &'static str>);

/// All that a file holds.
#[derive(Debug, PartialEq)]
pub(super) struct Features {
    pub(super) rows: Vec<Row>,
    pub(super) crs: Option<String>,
    pub(super) fields: Vec<String>,
}

impl Features {
    /// How often each fault occurs.
    pub(super) fn faults(&self) -> BTreeMap<&'static str, usize> {
        let mut faults = BTreeMap::new();
        for code in self.rows.iter().filter_map(|(_, row)| row.as_ref().err()) {
            *faults.entry(*code).or_default() += 1;
        }
        faults
    }

    /// The kinds of geometry, by the type word of their EWKB.
    pub(super) fn kinds(&self) -> BTreeMap<u32, usize> {
        let mut kinds = BTreeMap::new();
        for row in self.rows.iter().filter_map(|(_, row)| row.as_ref().ok()) {
            for cell in row {
                let Some(ewkb) = cell.strip_prefix("EWKB ") else { continue };
                let word = ewkb.split(' ').next().and_then(|word| word.parse().ok());
                *kinds.entry(word.expect("a type word")).or_default() += 1;
            }
        }
        kinds
    }
}

/// Opens a file in `format`.
pub(super) fn open(format: &str, path: &Path) -> Result<Box<dyn Source>> {
    let definition = json!({"format": format, "path": "-"});
    let definition = serde_json::from_value(definition).expect("a definition");
    let file = InputFile { ordinal: 0, path: path.to_owned(), display: path.display().to_string() };
    source::open(&definition, &file)
}

/// Reads a whole file, every field and the rest.
pub(super) fn read(source: &dyn Source, split_bytes: usize) -> Result<Features> {
    let fields = source.header().fields.clone();
    let wanted = fields.iter().map(|name| FieldRef::Name(name.clone())).collect();
    let mut decoder = source.decoder(&Projection { fields: wanted, rest: true });
    let mut splitter = source.splitter(split_bytes)?;
    let mut batch = RecordBatch::default();
    let mut rows: Vec<Row> = Vec::new();
    while let Some(split) = splitter.next_split()? {
        let due = rows.len() as u64 + split.records;
        decoder.start(split);
        while decoder.fill(&mut batch) {
            for record in batch.records() {
                let cells = || (0..record.width()).map(|at| shown(record.cell(at))).collect();
                let row = record.fault().map_or_else(|| Ok(cells()), |fault| Err(fault.code));
                rows.push((record.position().line, row));
                assert_eq!(record.position().record, rows.len() as u64);
            }
        }
        assert_eq!(rows.len() as u64, due, "every record is accounted for");
    }
    Ok(Features { rows, crs: source.crs().map(str::to_owned), fields })
}

/// A cell as text; of a geometry only its type word and a checksum.
fn shown(cell: Cell<'_>) -> String {
    let Cell::Geometry(ewkb) = cell else { return format!("{cell:?}") };
    let word = u32::from_le_bytes(ewkb[1..5].try_into().expect("a type word"));
    let mut hasher = std::hash::DefaultHasher::new();
    ewkb.hash(&mut hasher);
    format!("EWKB {word} {:x}", hasher.finish())
}

/// Reads a file in two split sizes, which must agree to the last cell.
pub(super) fn read_in_both_sizes(format: &str, path: &Path) -> Result<Features> {
    let source = open(format, path)?;
    let whole = read(source.as_ref(), 4 * 1024 * 1024);
    let split = read(source.as_ref(), 1024);
    match (&whole, split) {
        (Ok(whole), Ok(split)) => assert!(*whole == split, "{}", path.display()),
        (Err(_), Err(_)) => {}
        _ => panic!("{} can be read in one split size only", path.display()),
    }
    whole
}

/// What the list says about each file: the driver's name, the layer's facts, or why none.
pub(super) fn facts(data: &Path) -> HashMap<PathBuf, String> {
    let list = std::fs::read_to_string(data.join("MANIFEST.tsv")).expect("the list of the files");
    let columns = list.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    columns
        .filter_map(|columns| Some((data.join(columns[0]), (*columns.get(7)?).to_owned())))
        .collect()
}

/// The number of features in facts such as `[GeoJSON] lots n=269 Polygon EPSG:4326`.
pub(super) fn count(facts: &str, driver: &str) -> Option<usize> {
    let layer = facts.strip_prefix(driver)?;
    let number = layer.split(" n=").nth(1)?.split(' ').next()?;
    number.parse().ok()
}

/// The files below `folder` with one of the extensions, sorted.
pub(super) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path
            .extension()
            .is_some_and(|end| extensions.iter().any(|known| end.eq_ignore_ascii_case(known)))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}
