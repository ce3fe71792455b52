//! One worker's state: turns a split into tuples and rejections.
//!
//! A record goes in whole or not at all: when one target refuses it, the
//! tuples it already has for other targets are taken back.

use bumpalo::Bump;
use bytes::Bytes;

use super::{
    bound::BoundFile,
    known::{Known, RowHash, Seed},
    refused::{Refused, RefusedEncoder, fault_violation, located},
    row::RowLayout,
    spilled::{OpenRow, open_row},
};
use crate::{
    batch::{Record, RecordBatch},
    copy::TupleEncoder,
    load::{SplitTuples, TableTuples},
    outcome::{Position, Violation},
    plan::{Plan, UnpivotedColumn},
    postgres::{checkpoint::Checkpoint, publish::CountedTable},
    source::{Decoder, Split},
    transform::geometry::GeometryNotes,
};

/// What a worker made of one split.
pub(super) struct ProcessedSplit {
    /// Its number within the run, from 0, in source order.
    pub(super) sequence: u64,
    /// For the database.
    pub(super) tuples: SplitTuples,
    /// Per target, the hashes of its rows' keys; none where there is no staged key.
    pub(super) keys: Vec<Vec<u64>>,
    /// Per target, the rows that are compared with what it holds when all are read.
    pub(super) open: Vec<Vec<OpenRow>>,
    /// For the report, in source order.
    pub(super) rejected: Vec<RejectedRecord>,
    /// What happened to geometries.
    pub(super) notes: GeometryNotes,
    /// An invariant that did not hold; the run stops.
    pub(super) broken: Option<String>,
    /// Whether an earlier run has staged it; then there are no tuples.
    pub(super) is_staged: bool,
}

impl ProcessedSplit {
    /// A split that an earlier run has staged, without a look at its records.
    pub(super) fn staged(sequence: u64, checkpoint: &Checkpoint) -> Self {
        let table = |counted: &CountedTable| TableTuples {
            tuples: Bytes::new(),
            read: counted.read,
            rows: counted.staged,
            filtered: counted.filtered,
            rejected: counted.rejected,
            refused: Bytes::new(),
            refused_rows: 0,
            same: counted.same,
        };
        let tuples = SplitTuples {
            file: checkpoint.file,
            split: checkpoint.split,
            first_record: checkpoint.first_record,
            records: checkpoint.records,
            tables: checkpoint.tables.iter().map(table).collect(),
        };
        let keys = vec![Vec::new(); tuples.tables.len()];
        let (open, rejected, notes) = (Vec::new(), Vec::new(), checkpoint.notes.clone());
        Self { sequence, tuples, keys, open, rejected, notes, broken: None, is_staged: true }
    }

    /// Its rows need not be staged again: only its rejections were wanted.
    pub(super) fn already_staged(mut self, checkpoint: &Checkpoint) -> Self {
        if Checkpoint::of(&self.tuples, &self.notes) != *checkpoint {
            self.broken = Some("a split differs from what an earlier run staged of it".to_owned());
        }
        for table in &mut self.tuples.tables {
            (table.tuples, table.refused) = (Bytes::new(), Bytes::new());
            table.refused_rows = 0;
        }
        Self { is_staged: true, ..self }
    }
}

/// Set in the number of a split that is read again for its records that were not staged.
const AGAIN: u32 = 1 << 31;

impl ProcessedSplit {
    /// Of a split that is read again nothing is counted but the rows that are staged after all.
    fn again(mut self) -> Self {
        let rows = |table: &mut TableTuples| {
            let (tuples, rows) = (std::mem::take(&mut table.tuples), table.rows);
            TableTuples { tuples, rows, same: -rows.cast_signed(), ..TableTuples::default() }
        };
        let tables = self.tuples.tables.iter_mut().map(rows).collect();
        let split = self.tuples.split | AGAIN;
        let tuples = SplitTuples { split, records: 0, tables, ..self.tuples };
        self.rejected.clear();
        Self { tuples, notes: GeometryNotes::default(), ..self }
    }
}

/// A record that is not loaded.
#[derive(Debug)]
pub(super) struct RejectedRecord {
    /// Where it stands.
    pub(super) position: Position,
    /// Everything that is wrong with it, with the target that minds.
    pub(super) violations: Vec<(Option<usize>, Violation)>,
    /// The record as its source has it.
    pub(super) raw: Vec<u8>,
}

/// Bytes the arena may hold before it is emptied between records.
const ARENA_BYTES_MAX: usize = 1 << 20;

/// A worker's buffers, reused from split to split.
pub(super) struct SplitEncoder<'a> {
    plan: &'a Plan,
    files: &'a [BoundFile],
    decoder: Option<(u32, Box<dyn Decoder>)>,
    batch: RecordBatch,
    arena: Bump,
    encoders: Vec<TupleEncoder>,
    /// Per target, how its rows are written.
    layouts: Vec<RowLayout<'a>>,
    /// Per target, what was read of rejected records: which rows of the target they may be.
    refused: Vec<TupleEncoder>,
    /// Per target, the hashes of the keys encoded.
    keys: Vec<Vec<u64>>,
    /// Per target, whether it takes its records from the file at hand.
    takes: Vec<bool>,
    /// Per target, how many of the rows that the record at hand gives are for it.
    offered: Vec<u64>,
    known: Option<&'a Known>,
    reads_again: bool,
    /// Per target, the hashes of the record at hand.
    hashes: Vec<Option<RowHash>>,
    /// Per target, the rows that are compared later.
    open: Vec<Vec<OpenRow>>,
}

impl<'a> SplitEncoder<'a> {
    /// A worker without anything read yet.
    pub(super) fn new(plan: &'a Plan, files: &'a [BoundFile], known: Option<&'a Known>) -> Self {
        Self {
            plan,
            files,
            known,
            reads_again: false,
            hashes: vec![None; plan.targets.len()],
            open: vec![Vec::new(); plan.targets.len()],
            decoder: None,
            batch: RecordBatch::default(),
            arena: Bump::new(),
            encoders: plan.targets.iter().map(|_| TupleEncoder::default()).collect(),
            layouts: plan.targets.iter().map(RowLayout::new).collect(),
            refused: plan.targets.iter().map(|_| TupleEncoder::default()).collect(),
            keys: vec![Vec::new(); plan.targets.len()],
            takes: vec![false; plan.targets.len()],
            offered: vec![0; plan.targets.len()],
        }
    }

    /// Reads a split again for the records that were not staged, and are wanted after all.
    pub(super) fn encode_again(&mut self, sequence: u64, split: Split) -> ProcessedSplit {
        self.reads_again = true;
        self.encode(sequence, split).again()
    }

    /// Decodes, transforms, checks and encodes every record of the split.
    pub(super) fn encode(&mut self, sequence: u64, split: Split) -> ProcessedSplit {
        let (file, number, first_record, records) =
            (split.file, split.ordinal, split.first_record, split.records);
        let mut outcome = SplitOutcome::new(self.plan.targets.len());
        let mut batch = std::mem::take(&mut self.batch);
        let mut decoder = self.take_decoder(file);
        self.look_at(file);
        let skip = &self.files[file as usize].skip;
        decoder.start(split);
        while decoder.fill(&mut batch) {
            for record in batch.records() {
                if self.is_passed_by(&record) {
                    outcome.records += 1;
                } else if skip.contains(&record.position().record) {
                    outcome.pass_over(&self.takes, &self.files[file as usize]);
                } else {
                    self.encode_record(&record, &mut outcome);
                }
            }
        }
        self.batch = batch;
        self.decoder = Some((file, decoder));
        if outcome.records != records {
            let message =
                format!("a split of {records} records gave {} when decoded", outcome.records);
            outcome.broken.get_or_insert(message);
        }
        let encoders = self.encoders.iter_mut().zip(&mut self.refused);
        let tables = std::mem::take(&mut outcome.tables).into_iter().zip(encoders).map(
            |(table, (encoder, refused))| {
                let (rows, refused_rows) = (encoder.rows(), refused.rows());
                let (tuples, refused) = (encoder.take(), refused.take());
                TableTuples { tuples, rows, refused, refused_rows, ..table }
            },
        );
        let bound = &self.files[file as usize];
        let tables = tables.zip(&self.takes).enumerate().map(|(index, (table, takes))| {
            let read = if *takes { records * bound.rows_per_record(index) } else { 0 };
            TableTuples { read, ..table }
        });
        let tuples =
            SplitTuples { file, split: number, first_record, records, tables: tables.collect() };
        let keys = self.keys.iter_mut().map(std::mem::take).collect();
        let open = self.open.iter_mut().map(std::mem::take).collect();
        let SplitOutcome { rejected, notes, broken, .. } = outcome;
        ProcessedSplit { sequence, tuples, keys, open, rejected, notes, broken, is_staged: false }
    }

    /// Whether a record has been compared, and is not to be staged.
    fn is_passed_by(&self, record: &Record<'_>) -> bool {
        matches!(self.known, Some(Known::Compared(wanted)) if !wanted.has(record.position()))
    }

    /// Which targets take their records from this file.
    fn look_at(&mut self, file: u32) {
        let of = self.files[file as usize].of;
        self.takes.clear();
        self.takes.extend(self.plan.targets.iter().map(|target| target.source == of));
        self.offered.fill(0);
        self.hashes.fill(None);
    }

    fn take_decoder(&mut self, file: u32) -> Box<dyn Decoder> {
        match self.decoder.take() {
            Some((of, decoder)) if of == file => decoder,
            _ => {
                let bound = &self.files[file as usize];
                bound.source.decoder(&bound.projection)
            }
        }
    }

    fn encode_record(&mut self, record: &Record<'_>, outcome: &mut SplitOutcome) {
        outcome.records += 1;
        let mut violations = Vec::new();
        if let Some(fault) = record.fault() {
            let file = &self.files[record.position().file as usize];
            let targets = self.offered.iter_mut().zip(&self.takes).enumerate();
            for (index, (offered, takes)) in targets {
                *offered = if *takes { file.rows_per_record(index) } else { 0 };
            }
            violations.push((None, fault_violation(fault)));
        } else {
            self.encode_targets(record, outcome, &mut violations);
        }
        if !violations.is_empty() {
            self.reject(record, violations, outcome);
        } else {
            self.note_emptied(record, Refused::EmptiedSoFar, &mut outcome.broken);
            if let Some(known) = self.known {
                self.compare(known, record, outcome);
            }
        }
        if self.arena.allocated_bytes() > ARENA_BYTES_MAX {
            self.arena.reset();
        }
    }

    fn encode_targets(
        &mut self,
        record: &Record<'_>,
        outcome: &mut SplitOutcome,
        violations: &mut Vec<(Option<usize>, Violation)>,
    ) {
        let file = &self.files[record.position().file as usize];
        for index in 0..self.plan.targets.len() {
            self.offered[index] = 0;
            if !self.takes[index] {
                continue;
            }
            self.hashes[index] = None;
            self.encoders[index].mark();
            if !file.is_unpivoted(index) {
                self.encode_row(index, (record, None), outcome, violations);
                continue;
            }
            for (row, column) in file.rows(index, record) {
                self.encode_row(index, (&row, column), outcome, violations);
            }
        }
    }

    fn encode_row(
        &mut self,
        index: usize,
        (row, column): (&Record<'_>, Option<&UnpivotedColumn>),
        outcome: &mut SplitOutcome,
        violations: &mut Vec<(Option<usize>, Violation)>,
    ) {
        let target = &self.plan.targets[index];
        if !target.passes(row, &self.arena) {
            outcome.tables[index].filtered += 1;
            return;
        }
        self.offered[index] += 1;
        let mut found = Vec::new();
        let encoder = &mut self.encoders[index];
        let fields = encoder.bytes() + TupleEncoder::FIELDS_START;
        let notes = &mut outcome.notes;
        match self.layouts[index].encode(row, &self.arena, encoder, notes, &mut found) {
            Ok(Some(key)) => {
                self.keys[index].push(key);
                let encoder = &self.encoders[index];
                let hash = |seed: Seed| seed.row(encoder.encoded(fields));
                let seed = self.known.filter(|_| found.is_empty()).and_then(Known::seed);
                let row = seed.map(hash);
                self.hashes[index] = row.map(|row| RowHash { key, row });
            }
            Ok(None) => {}
            Err(broken) => {
                outcome.broken.get_or_insert(broken);
            }
        }
        let found = found.into_iter().map(|violation| (Some(index), located(violation, column)));
        violations.extend(found);
    }

    /// Takes the rows of a record back that its targets hold already.
    fn compare(&mut self, known: &Known, record: &Record<'_>, outcome: &mut SplitOutcome) {
        let is_sent = match known {
            Known::Remembered(_, rows) if self.reads_again => rows.is_wanted(&self.hashes),
            Known::Remembered(_, rows) => !rows.is_same(&self.hashes),
            Known::Later(_) => !self.put_off(record.ordinal()),
            Known::Compared(_) => true,
        };
        if is_sent {
            return;
        }
        for (index, table) in outcome.tables.iter_mut().enumerate() {
            if !self.takes[index] {
                continue;
            }
            self.encoders[index].rollback();
            self.keys[index].truncate(self.encoders[index].rows() as usize);
            table.same += i64::from(self.hashes[index].is_some());
        }
    }

    /// Notes the rows of a record for being compared later; gives whether it has any.
    fn put_off(&mut self, ordinal: i64) -> bool {
        let rows = self.hashes.iter().zip(&mut self.open);
        let rows = rows.filter_map(|(hash, open)| Some((open, (*hash)?)));
        rows.map(|(open, hash)| open.push(open_row(hash, ordinal))).count() > 0
    }

    fn reject(
        &mut self,
        record: &Record<'_>,
        violations: Vec<(Option<usize>, Violation)>,
        outcome: &mut SplitOutcome,
    ) {
        let faulty = record.fault().is_some();
        let broken = &mut outcome.broken;
        for (index, table) in outcome.tables.iter_mut().enumerate() {
            if self.takes[index] && !faulty {
                self.encoders[index].rollback();
                self.keys[index].truncate(self.encoders[index].rows() as usize);
            }
            table.rejected += self.offered[index];
            if self.plan.targets[index].load.mode.deletes() && self.offered[index] > 0 {
                self.refuse(index, record, Refused::Row, broken);
            }
        }
        if !faulty {
            self.note_emptied(record, Refused::Emptied, broken);
        }
        let raw = record.raw().to_vec();
        outcome.rejected.push(RejectedRecord { position: record.position(), violations, raw });
    }
}

impl SplitEncoder<'_> {
    /// Notes which rows of a target a rejected record may be, or its empty cells.
    fn refuse(
        &mut self,
        index: usize,
        record: &Record<'_>,
        stands_for: Refused,
        broken: &mut Option<String>,
    ) {
        let target = &self.plan.targets[index];
        let file = &self.files[record.position().file as usize];
        for (row, _) in file.rows(index, record) {
            let is_one = match stands_for {
                Refused::Row => row.fault().is_some() || target.passes(&row, &self.arena),
                Refused::Emptied | Refused::EmptiedSoFar => target.is_emptied(&row, &self.arena),
            };
            if !is_one {
                continue;
            }
            let encoder = &mut self.refused[index];
            let refused = RefusedEncoder { target, arena: &self.arena, encoder, stands_for };
            if let Err(message) = refused.encode(&row) {
                broken.get_or_insert(message);
            }
        }
    }

    /// Notes which rows of targets the empty cells of a record are: they are cleared with the
    /// record, and if it is rejected they stay with it.
    fn note_emptied(
        &mut self,
        record: &Record<'_>,
        stands_for: Refused,
        broken: &mut Option<String>,
    ) {
        for (index, target) in self.plan.targets.iter().enumerate() {
            if self.takes[index] && target.load.mode.deletes() && target.skips_empty() {
                self.refuse(index, record, stands_for, broken);
            }
        }
    }
}

/// What has been counted of a split so far.
struct SplitOutcome {
    records: u64,
    tables: Vec<TableTuples>,
    rejected: Vec<RejectedRecord>,
    notes: GeometryNotes,
    broken: Option<String>,
}

impl SplitOutcome {
    fn new(targets: usize) -> Self {
        Self {
            records: 0,
            tables: (0..targets).map(|_| TableTuples::default()).collect(),
            rejected: Vec::new(),
            notes: GeometryNotes::default(),
            broken: None,
        }
    }

    /// Counts a record that no target is to have.
    fn pass_over(&mut self, takes: &[bool], file: &BoundFile) {
        self.records += 1;
        let tables = self.tables.iter_mut().zip(takes).enumerate();
        let taking = tables.filter(|(_, (_, takes))| **takes);
        taking.for_each(|(index, (table, _))| table.filtered += file.rows_per_record(index));
    }
}
