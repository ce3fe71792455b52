//! Makes data for every domain: any number of records, and a declared share of each fault.
//!
//! Everything is invented. The same seed gives the same bytes, so a test and a benchmark can be
//! repeated, and so can a demonstration. Each file comes with what a run of its pipelines must
//! find: so many records, so many violations of each code, and nothing else.

mod cadastre;
mod learning;
mod market;
mod plan;
mod random;
mod school;
mod sheet;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::error::{Error, Result};

/// A domain whose files can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Parcels, addresses, owners and valuations.
    Cadastre,
    /// Courses, enrolments, quiz attempts and materials.
    Learning,
    /// Assets, markets, bars, trades, orders and fills.
    Market,
    /// Staff, classes, marks and attendance.
    School,
}

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// For whom.
    pub domain: Domain,
    /// About how many records the largest file has.
    pub rows: u64,
    /// Where chance begins.
    pub seed: u64,
    /// The share of records with each kind of fault, 0.0 ..= 1.0.
    pub faults: f64,
    /// The folder; it is made where it is missing.
    pub folder: PathBuf,
}

/// A file that was made, and what its pipelines must find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeFile {
    /// Its name in the folder.
    pub file: String,
    /// For each pipeline that reads it.
    pub expected: Vec<Expected>,
}

/// What a run of a pipeline over one file finds, on tables without rows of others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// The pipeline's name below `pipelines/`.
    pub pipeline: String,
    /// Records; of a mark book or register, its cells.
    pub records: u64,
    /// Records that are rejected.
    pub rejected: u64,
    /// Records that are a copy of another one.
    pub duplicates: u64,
    /// Violations by code.
    pub violations: BTreeMap<String, u64>,
    /// Warnings by code.
    pub warnings: BTreeMap<String, u64>,
}

impl Expected {
    fn of(pipeline: &str) -> Self {
        Self { pipeline: pipeline.to_owned(), ..Self::default() }
    }

    /// One more record, rejected with a code or fine.
    fn record(&mut self, code: Option<&str>) {
        self.records += 1;
        if let Some(code) = code {
            self.rejected += 1;
            *self.violations.entry(code.to_owned()).or_default() += 1;
        }
    }

    fn warning(&mut self, code: &str) {
        *self.warnings.entry(code.to_owned()).or_default() += 1;
    }
}

/// Makes the files of a domain, in the order in which their pipelines are to be run.
///
/// # Errors
/// `ErrorKind::Environment` when a file cannot be written.
pub fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    fs::create_dir_all(&order.folder).map_err(|cause| cannot_write(&order.folder, cause))?;
    match order.domain {
        Domain::Cadastre => cadastre::generate(order),
        Domain::Learning => learning::generate(order),
        Domain::Market => market::generate(order),
        Domain::School => school::generate(order),
    }
}

/// A text file in the folder of an order.
struct TextFile {
    path: PathBuf,
    out: std::io::BufWriter<fs::File>,
}

impl TextFile {
    fn create(order: &Order, name: &str) -> Result<Self> {
        let path = order.folder.join(name);
        let file = fs::File::create(&path).map_err(|cause| cannot_write(&path, cause))?;
        Ok(Self { path, out: std::io::BufWriter::new(file) })
    }

    /// Writes a line, its end included.
    fn line(&mut self, line: &[u8]) -> Result<()> {
        let written = self.out.write_all(line).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|cause| cannot_write(&self.path, cause))
    }

    fn finish(mut self) -> Result<()> {
        self.out.flush().map_err(|cause| cannot_write(&self.path, cause))
    }
}

fn cannot_write(path: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::environment(format!("`{}` cannot be written", path.display())).caused_by(cause)
}
