//! Finds the records that the database rejected in their files again.
//!
//! Staged rows carry a record's number, not its text. The files are read once
//! more, only the splits with such records are decoded, and their records join
//! the report with line and original text.

use std::collections::BTreeMap;

use super::{bound::BoundFile, collect::ReportWriter, encode::RejectedRecord};
use crate::{
    batch::RecordBatch,
    error::{Error, Result},
    outcome::Violation,
    postgres::judge::StagedRejection,
    source::Split,
};

type Violations = Vec<(Option<usize>, Violation)>;

/// The database's rejections by file and record.
#[derive(Default)]
pub(super) struct Rejected {
    by_file: BTreeMap<u32, BTreeMap<u64, Violations>>,
}

impl Rejected {
    /// Groups violations by the record they are about.
    pub(super) fn group(rejections: Vec<StagedRejection>) -> Self {
        let mut grouped = Self::default();
        for rejection in rejections {
            let records = grouped.by_file.entry(rejection.file).or_default();
            let violation = Violation {
                code: known_code(&rejection.code),
                column: rejection.column,
                message: rejection.message,
                masked: String::new(),
            };
            records.entry(rejection.record).or_default().push((Some(rejection.target), violation));
        }
        grouped
    }

    /// Reads the records again and writes them to the report.
    ///
    /// # Errors
    /// `ErrorKind::Source` when a file cannot be read any more; `ErrorKind::Unexpected`
    /// when a record is not found again.
    pub(super) fn write(mut self, writer: &mut ReportWriter<'_>, split_bytes: usize) -> Result<()> {
        for (file, mut records) in std::mem::take(&mut self.by_file) {
            let files = writer.files;
            let Some(bound) = files.get(file as usize) else { continue };
            write_file(bound, &mut records, writer, split_bytes)?;
            if let Some(record) = records.keys().next() {
                return Err(Error::unexpected(format!(
                    "record {record} of `{}` is not there any more",
                    bound.input.display
                )));
            }
        }
        Ok(())
    }
}

fn write_file(
    file: &BoundFile,
    records: &mut BTreeMap<u64, Violations>,
    writer: &mut ReportWriter<'_>,
    split_bytes: usize,
) -> Result<()> {
    let mut splitter = file.source.splitter(split_bytes)?;
    let mut decoder = file.source.decoder(&file.projection);
    let mut batch = RecordBatch::default();
    while let (false, Some(split)) = (records.is_empty(), splitter.next_split()?) {
        if !holds_any(&split, records) {
            continue;
        }
        decoder.start(split);
        while decoder.fill(&mut batch) {
            for record in batch.records() {
                if let Some(violations) = records.remove(&record.position().record) {
                    let raw = record.raw().to_vec();
                    writer.write(&RejectedRecord {
                        position: record.position(),
                        violations,
                        raw,
                    })?;
                }
            }
        }
    }
    Ok(())
}

fn holds_any(split: &Split, records: &BTreeMap<u64, Violations>) -> bool {
    records.range(split.first_record..split.first_record + split.records).next().is_some()
}

/// The codes that judging over staging gives.
const CODES: [&str; 10] = [
    "constraint.check",
    "constraint.foreign_key",
    "constraint.partition",
    "constraint.unique",
    "rule.check",
    "rule.duplicate_key",
    "rule.history",
    "rule.not_null",
    "rule.unique",
    "sql.error",
];

fn known_code(code: &str) -> &'static str {
    CODES.into_iter().find(|known| *known == code).unwrap_or("sql.error")
}
