//! For tests: a whole source read into owned records.

use std::fmt::Debug;

use super::{Decoder, Projection, Source};
use crate::{
    batch::RecordBatch,
    definition::{FieldRef, SourceDefinition},
    error::Result,
};

/// A record that outlives its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) record: u64,
    pub(super) line: u64,
    pub(super) raw: Vec<u8>,
    /// The fault's code, or the cells in `Debug`.
    pub(super) cells: std::result::Result<Vec<String>, &'static str>,
}

/// A definition of a source, from a few lines of TOML.
pub(super) fn definition(toml: &str) -> SourceDefinition {
    toml::from_str(toml).expect("a source definition")
}

pub(super) fn projection(names: &[&str], rest: bool) -> Projection {
    let fields = names.iter().map(|name| FieldRef::Name((*name).to_owned())).collect();
    Projection { fields, rest }
}

/// All records, cut into splits of about `split_bytes`; their numbering is checked.
pub(super) fn read_all(
    source: &dyn Source,
    projection: &Projection,
    split_bytes: usize,
) -> Result<Vec<Owned>> {
    let mut splitter = source.splitter(split_bytes)?;
    let mut decoder = source.decoder(projection);
    let mut records = Vec::new();
    let mut ordinal = 0;
    while let Some(split) = splitter.next_split()? {
        assert_eq!(split.ordinal, ordinal);
        assert_eq!(split.first_record, records.len() as u64 + 1);
        ordinal += 1;
        let expected = records.len() as u64 + split.records;
        decoder.start(split);
        drain(decoder.as_mut(), &mut records);
        assert_eq!(records.len() as u64, expected);
    }
    Ok(records)
}

fn drain(decoder: &mut dyn Decoder, records: &mut Vec<Owned>) {
    let mut batch = RecordBatch::default();
    while decoder.fill(&mut batch) {
        for record in batch.records() {
            let show = |cell: &dyn Debug| format!("{cell:?}");
            let cells = match record.fault() {
                Some(fault) => Err(fault.code),
                None => Ok((0..record.width()).map(|at| show(&record.cell(at))).collect()),
            };
            let position = record.position();
            assert_eq!(position.record, records.len() as u64 + 1);
            let raw = record.raw().to_vec();
            records.push(Owned { record: position.record, line: position.line, raw, cells });
        }
    }
}
