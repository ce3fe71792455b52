//! What a run of a pipeline must find in a file, counted while the file is made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::{Fault, FaultPlan, Found};

/// A file that was made, and what its pipelines must find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeFile {
    /// Its name in the folder.
    pub file: String,
    /// How many records were made with each kind of fault; also kinds that none has.
    pub faults: BTreeMap<String, u64>,
    /// For each pipeline that reads it.
    pub expected: Vec<Expected>,
}

/// What a run of a pipeline over one file finds, on tables without rows of others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// The pipeline's name below `pipelines/`.
    pub pipeline: String,
    /// Records that are rejected; of a mark book or register, its rows.
    pub rejected: u64,
    /// Records whose outline is made valid.
    pub repaired: u64,
    /// Violations by code.
    pub violations: BTreeMap<String, u64>,
    /// Warnings by code.
    pub warnings: BTreeMap<String, u64>,
    /// For each target in the pipeline's order.
    pub tables: Vec<ExpectedTable>,
}

/// What becomes of the records for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExpectedTable {
    /// The table.
    pub table: String,
    /// Records; of a mark book or register, its cells.
    pub records: u64,
    /// Those that are not for this target.
    pub filtered: u64,
    /// Those that are rejected.
    pub rejected: u64,
    /// Those that are a copy of another one.
    pub duplicates: u64,
}

impl Expected {
    pub(super) fn of(pipeline: &str, tables: &[&str]) -> Self {
        let table =
            |table: &&str| ExpectedTable { table: (*table).to_owned(), ..ExpectedTable::default() };
        Self {
            pipeline: pipeline.to_owned(),
            tables: tables.iter().map(table).collect(),
            ..Self::default()
        }
    }

    /// One more record, for all targets alike.
    pub(super) fn record(&mut self, found: Option<Found>) {
        self.tally(found, 1);
        for table in &mut self.tables {
            table.record(found);
        }
    }

    /// One more record, for one target.
    pub(super) fn record_of(&mut self, table: usize, found: Option<Found>) {
        self.tally(found, 1);
        self.tables[table].record(found);
    }

    /// One more record of which each cell is a row: so many cells, some of them empty.
    ///
    /// Where a key of the record is not found, each row that there is names it; of a record that
    /// cannot be taken apart nobody knows which cells are empty.
    pub(super) fn unpivoted(&mut self, found: Option<Found>, cells: usize, empty: usize) {
        let (cells, empty) = (cells as u64, empty as u64);
        let times = match found {
            Some(Found::Rejected("lookup.none")) => cells - empty,
            _ => 1,
        };
        self.tally(found, times);
        let empty = if found.is_some_and(Found::is_of_the_whole) { 0 } else { empty };
        let table = &mut self.tables[0];
        table.records += cells;
        table.filtered += empty;
        table.rejected += if found.is_some() { cells - empty } else { 0 };
    }

    /// What is found in one more record, by code; nothing is said of tables.
    pub(super) fn tally(&mut self, found: Option<Found>, times: u64) {
        let mut violation = |code: &str, times: u64| {
            self.rejected += 1;
            *self.violations.entry(code.to_owned()).or_default() += times;
        };
        match found {
            Some(Found::Rejected(code)) => violation(code, times),
            Some(Found::RejectedTimes(code, each)) => violation(code, times * each),
            Some(Found::Conflict) => {
                violation("rule.duplicate_key", times);
                violation("rule.duplicate_key", times);
            }
            Some(Found::Repaired) => self.repaired += 1,
            Some(Found::Warned(code)) => {
                *self.warnings.entry(code.to_owned()).or_default() += times;
            }
            Some(Found::FileWarned(code)) => drop(self.warnings.insert(code.to_owned(), 1)),
            Some(Found::Duplicate) | None => {}
        }
    }
}

impl ExpectedTable {
    fn record(&mut self, found: Option<Found>) {
        self.records += 1;
        match found {
            Some(Found::Rejected(_) | Found::RejectedTimes(..)) => self.rejected += 1,
            Some(Found::Conflict) => self.rejected += 2,
            Some(Found::Duplicate) => self.duplicates += 1,
            _ => {}
        }
    }
}

/// Records of one file in their order: which are to be faulty, and what was made of them.
pub(super) struct Series<R: 'static> {
    plan: FaultPlan<R>,
    /// How many records there were.
    at: u64,
    /// The place of the last one.
    previous: Option<u64>,
    made: BTreeMap<String, u64>,
}

impl<R> Series<R> {
    pub(super) fn new(plan: FaultPlan<R>) -> Self {
        let made = plan.names().map(|name| (name.to_owned(), 0)).collect();
        Self { plan, at: 0, previous: None, made }
    }

    /// Whether the record at a place from 0 is to be faulty.
    pub(super) fn is_faulty(&self, place: u64) -> bool {
        self.plan.at(place).is_some()
    }

    /// The fault that the next record is to have.
    pub(super) fn fault(&self) -> Option<&'static Fault<R>> {
        self.plan.at(self.at)
    }

    /// The next record, by what makes a sound one of its place: spoiled as planned.
    pub(super) fn next(
        &mut self,
        place: u64,
        make: impl Fn(u64) -> R,
    ) -> (R, Option<&'static Fault<R>>) {
        let fault = self.fault();
        (self.next_with(place, fault, make), fault)
    }

    /// The next record with this fault or none, whatever was planned.
    pub(super) fn next_with(
        &mut self,
        place: u64,
        fault: Option<&'static Fault<R>>,
        make: impl Fn(u64) -> R,
    ) -> R {
        let repeated = fault.filter(|fault| fault.found.repeats()).and(self.previous);
        let mut record = make(repeated.unwrap_or(place));
        if let Some(fault) = fault {
            (fault.edit)(&mut record, place);
            *self.made.entry(fault.name.to_owned()).or_default() += 1;
        }
        self.at += 1;
        self.previous = Some(place);
        record
    }

    /// How many records were made with each kind of fault.
    pub(super) fn into_made(self) -> BTreeMap<String, u64> {
        self.made
    }

    pub(super) fn made(self, file: &str, expected: Vec<Expected>) -> MadeFile {
        MadeFile { file: file.to_owned(), faults: self.made, expected }
    }
}
