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
    load::Matched,
    outcome::{self, Violation},
    postgres::judge::{Other, StagedRejection},
    source::Split,
};

type Violations = Vec<(Option<usize>, Violation)>;

/// The database's rejections by file and record.
#[derive(Default)]
pub(super) struct Rejected {
    by_file: BTreeMap<u32, BTreeMap<u64, Vec<StagedRejection>>>,
}

impl Rejected {
    /// Groups violations by the record they are about.
    pub(super) fn group(rejections: Vec<StagedRejection>) -> Self {
        let mut grouped = Self::default();
        for rejection in rejections {
            let records = grouped.by_file.entry(rejection.file).or_default();
            records.entry(rejection.record).or_default().push(rejection);
        }
        grouped
    }

    /// Reads the records again and writes them to the report; as warnings where they are loaded
    /// all the same.
    ///
    /// # Errors
    /// `ErrorKind::Source` when a file cannot be read any more; `ErrorKind::Unexpected`
    /// when a record is not found again.
    pub(super) fn write(
        mut self,
        writer: &mut ReportWriter<'_>,
        split_bytes: usize,
        warns: bool,
    ) -> Result<()> {
        for (file, rejections) in std::mem::take(&mut self.by_file) {
            let mut records = described(rejections, writer);
            let files = writer.files;
            let Some(bound) = files.get(file as usize) else { continue };
            write_file(bound, &mut records, split_bytes, |record| match warns {
                true => writer.warn(record),
                false => writer.write(record),
            })?;
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

fn described(
    rejections: BTreeMap<u64, Vec<StagedRejection>>,
    writer: &ReportWriter<'_>,
) -> BTreeMap<u64, Violations> {
    let described = |rejection: StagedRejection| {
        let code = known_code(&rejection.code);
        let looked_up = looked_up(&rejection, writer);
        let message = match &rejection.other {
            Some(other) if looked_up.is_none() => {
                format!("{}: {}", rejection.message, named(other, &rejection, writer))
            }
            _ => rejection.message,
        };
        let file = &writer.files[rejection.file as usize];
        let message = match file.column(rejection.target, rejection.row) {
            Some(column) => format!("{message} ({column})"),
            None => message,
        };
        let masked = looked_up.unwrap_or_default();
        let violation = Violation { code, column: rejection.column, message, masked };
        (Some(rejection.target), violation)
    };
    let records = rejections.into_iter();
    records.map(|(record, all)| (record, all.into_iter().map(described).collect())).collect()
}

/// The shape of what a lookup was matched by; `None` where none rejected the record.
fn looked_up(rejection: &StagedRejection, writer: &ReportWriter<'_>) -> Option<String> {
    let load = &writer.plan.targets[rejection.target].load;
    let of = load.columns.iter().position(|column| column.column.name == rejection.column)?;
    load.columns[of].lookup.as_ref()?;
    let Some(Other::Row(values)) = &rejection.other else { return None };
    let matched = load.matched().into_iter().filter(|matched| matched.of == of);
    let shape = |(value, matched): (&Option<String>, Matched<'_>)| match value {
        Some(value) => outcome::mask(value, matched.sensitive),
        None => String::new(),
    };
    let shapes: Vec<String> = values.iter().zip(matched).map(shape).collect();
    Some(shapes.join(", "))
}

/// The other party: a record by its number, a row of the table by the shape of its key, for
/// which the file has no number and the report shows no values.
fn named(other: &Other, rejection: &StagedRejection, writer: &ReportWriter<'_>) -> String {
    match other {
        Other::Record(file, record) if *file == rejection.file => format!("record {record}"),
        Other::Record(file, record) => {
            let path = writer.files.get(*file as usize).map_or("", |file| &file.input.display);
            format!("record {record} of `{path}`")
        }
        Other::Row(key) => {
            let load = &writer.plan.targets[rejection.target].load;
            let shape = |(value, &index): (&Option<String>, &usize)| match value {
                Some(value) => outcome::mask(value, load.columns[index].sensitive),
                None => "NULL".to_owned(),
            };
            let shapes: Vec<String> = key.iter().zip(&load.key).map(shape).collect();
            format!("the row with the key `{}`", shapes.join(", "))
        }
    }
}

fn write_file(
    file: &BoundFile,
    records: &mut BTreeMap<u64, Violations>,
    split_bytes: usize,
    mut write: impl FnMut(&RejectedRecord) -> Result<()>,
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
                    write(&RejectedRecord { position: record.position(), violations, raw })?;
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
const CODES: [&str; 25] = [
    "constraint.check",
    "constraint.exclusion",
    "constraint.foreign_key",
    "constraint.generated",
    "constraint.identity",
    "constraint.index",
    "constraint.partition",
    "constraint.policy",
    "constraint.refused",
    "constraint.unique",
    "lookup.none",
    "lookup.several",
    "rule.area",
    "rule.check",
    "rule.duplicate_key",
    "rule.gap",
    "rule.history",
    "rule.inside",
    "rule.not_null",
    "rule.overlap",
    "rule.required",
    "rule.shared_row",
    "rule.total",
    "rule.unique",
    "sql.error",
];

fn known_code(code: &str) -> &'static str {
    CODES.into_iter().find(|known| *known == code).unwrap_or("sql.error")
}
