//! Brings what workers made back into source order: counts and the report.
//!
//! Splits arrive as they are done; the report has to read the same whatever
//! the number of threads. What is ahead of its turn waits here: never more
//! splits than are in flight.

use std::collections::BTreeMap;

use super::{
    bound::BoundFile,
    encode::{ProcessedSplit, RejectedRecord},
    keys::KeyHashes,
    load::Read,
    spill::Spill,
};
use crate::{
    error::{Error, Result},
    plan::Plan,
    postgres::publish::{Counted, CountedTable},
    report::{RejectingFile, RejectionLine, Report},
    transform::geometry::GeometryNotes,
};

/// Counts and rejections so far.
pub(super) struct Collector {
    /// What the run counted.
    pub(super) counted: Counted,
    /// What happened to geometries.
    pub(super) notes: GeometryNotes,
    keys: Vec<KeyHashes>,
    /// Per target, rows that are compared with what it holds when all are read.
    open: Vec<Spill<3>>,
    waiting: BTreeMap<u64, Vec<RejectedRecord>>,
    /// The sequence number of the split whose turn it is.
    next: u64,
}

impl Collector {
    /// Nothing collected yet. Hashes of keys go to `keys`, and to `open` what is compared later.
    pub(super) fn new(targets: usize, keys: Vec<KeyHashes>, open: Vec<Spill<3>>) -> Self {
        Self {
            counted: Counted { records: 0, tables: vec![CountedTable::default(); targets] },
            notes: GeometryNotes::default(),
            keys,
            open,
            waiting: BTreeMap::new(),
            next: 0,
        }
    }

    /// Takes what a worker made of a split.
    ///
    /// # Errors
    /// `ErrorKind::Unexpected` when the worker found an invariant broken;
    /// `ErrorKind::Environment` when the disk takes no more.
    pub(super) fn take(&mut self, split: &mut ProcessedSplit) -> Result<()> {
        if let Some(broken) = split.broken.take() {
            return Err(Error::unexpected(broken));
        }
        self.counted.records += split.tuples.records;
        for (counted, table) in self.counted.tables.iter_mut().zip(&split.tuples.tables) {
            counted.read += table.read;
            counted.staged += table.rows;
            counted.rejected += table.rejected;
            counted.filtered += table.filtered;
            counted.same += table.same;
        }
        for (known, keys) in self.keys.iter_mut().zip(&split.keys) {
            known.add(keys)?;
        }
        for (open, rows) in self.open.iter_mut().zip(&split.open) {
            rows.iter().try_for_each(|row| open.push(*row))?;
        }
        self.notes.merge(&split.notes);
        let rejected = std::mem::take(&mut split.rejected);
        self.waiting.insert(split.sequence, rejected);
        Ok(())
    }

    /// Writes the rejections whose turn has come.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the report cannot be written.
    pub(super) fn write_ready(&mut self, writer: &mut ReportWriter<'_>) -> Result<()> {
        while let Some(rejected) = self.waiting.remove(&self.next) {
            self.next += 1;
            for record in rejected {
                writer.write(&record)?;
            }
        }
        Ok(())
    }

    /// The rows of every target that are not compared yet; none if all are.
    pub(super) fn take_open(&mut self) -> Vec<Spill<3>> {
        std::mem::take(&mut self.open)
    }

    /// Per target, whether no two staged rows have the same bytes as their key.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk does not give back what it was given.
    pub(super) fn keys_differ(&mut self) -> Result<Vec<bool>> {
        let keys = std::mem::take(&mut self.keys).into_iter();
        keys.zip(&self.counted.tables)
            .map(|(keys, table)| keys.are_distinct(table.staged))
            .collect()
    }

    /// How many splits have been written.
    pub(super) fn splits(&self) -> u64 {
        self.next
    }

    /// Whether every split that was taken has been written.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Writes rejected records with the names of files and tables.
pub(super) struct ReportWriter<'a> {
    /// The report.
    pub(super) report: &'a mut Report,
    /// The plan.
    pub(super) plan: &'a Plan,
    /// The files.
    pub(super) files: &'a [BoundFile],
}

/// Lists what is odd about files as a whole: such a line has no record.
///
/// # Errors
/// `ErrorKind::Environment` when the report cannot be written.
pub(super) fn warn_of_files(report: &mut Report, read: &Read) -> Result<()> {
    for (file, warning) in &read.warnings {
        let line = RejectionLine {
            file: &read.files[*file].input.display,
            line: 0,
            record: 0,
            table: "",
            column: "",
            code: warning.code,
            message: &warning.message,
            masked: "",
        };
        report.warn(&[line])?;
    }
    Ok(())
}

impl ReportWriter<'_> {
    /// Writes a record that is rejected: a line per violation, and the record itself.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the report cannot be written.
    pub(super) fn write(&mut self, record: &RejectedRecord) -> Result<()> {
        let (file, report) = (&self.files[record.position.file as usize], &mut *self.report);
        let rejecting = RejectingFile {
            ordinal: record.position.file,
            name: file.name.as_deref(),
            delivered: file.delivered,
            source: file.source.as_ref(),
        };
        described(self.plan, file, record, |lines| report.reject(&rejecting, lines, &record.raw))
    }

    /// Writes what there is to say of a record that is loaded.
    ///
    /// # Errors
    /// As [`ReportWriter::write`].
    pub(super) fn warn(&mut self, record: &RejectedRecord) -> Result<()> {
        let (file, report) = (&self.files[record.position.file as usize], &mut *self.report);
        described(self.plan, file, record, |lines| report.warn(lines))
    }
}

/// Gives the lines about a record, with the names of file and tables, to `write`.
fn described(
    plan: &Plan,
    file: &BoundFile,
    record: &RejectedRecord,
    write: impl FnOnce(&[RejectionLine<'_>]) -> Result<()>,
) -> Result<()> {
    let tables: Vec<String> =
        plan.targets.iter().map(|target| target.load.table.name.to_string()).collect();
    let lines: Vec<RejectionLine<'_>> = record
        .violations
        .iter()
        .map(|(target, violation)| RejectionLine {
            file: &file.input.display,
            line: record.position.line,
            record: record.position.record,
            table: target.map_or("", |target| tables[target].as_str()),
            column: &violation.column,
            code: violation.code,
            message: &violation.message,
            masked: &violation.masked,
        })
        .collect();
    write(&lines)
}
