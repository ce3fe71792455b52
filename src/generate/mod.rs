//! Makes data for every domain: any number of records, and a declared share of each fault.
//!
//! Everything is invented. The same seed gives the same bytes, so a test and a benchmark can be
//! repeated, and so can a demonstration. Each file comes with what a run of its pipelines must
//! find: so many records, so many violations of each code, and nothing else. Files are written
//! as they are made, none is held in memory, and a workbook ends where its format does.
//!
//! What is not here, since no record has it: damage of a file as a whole (cut off archives,
//! dates of 1904, bombs), which a run refuses as a whole; moments that a change of clocks leaves
//! out or has twice, since no shipped pipeline reads local times; NaN in GeoJSON, which JSON has
//! no way to write. Parents in conflict need a shared target with more than its key, and the
//! course of the roster, the only shared one that is shipped, has none.

mod bundle;
mod cadastre;
mod expected;
mod file;
mod learning;
mod market;
mod plan;
mod property;
mod random;
mod school;
mod shape;
mod sheet;
mod text;

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use uuid::Uuid;

pub use expected::{Expected, ExpectedTable, MadeFile};
pub use plan::Shares;

use expected::Series;
use file::{OutFile, cannot_write};
use plan::{Fault, FaultPlan};
use text::{Csv, Row};

use crate::error::{Error, Result};

/// A domain whose files can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Lots, zones, parcels, addresses, owners, valuations, and a county's bundle.
    Cadastre,
    /// Courses, enrolments, quiz attempts and materials.
    Learning,
    /// Assets, markets, bars, trades, orders and fills.
    Market,
    /// Sales.
    Property,
    /// Staff, classes, marks, attendance, students, rosters as one file and as bundles.
    School,
}

impl Domain {
    /// Every one.
    pub const ALL: [Domain; 5] =
        [Domain::Cadastre, Domain::Learning, Domain::Market, Domain::Property, Domain::School];
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
    /// The share of records with each kind of fault.
    pub faults: Shares,
    /// The folder; it is made where it is missing.
    pub folder: PathBuf,
}

impl Order {
    fn plan<R>(&self, groups: &[&'static [Fault<R>]]) -> Series<R> {
        Series::new(FaultPlan::new(&self.faults, groups))
    }
}

/// Makes the files of a domain, in the order in which their pipelines are to be run.
///
/// # Errors
/// `ErrorKind::Definition` when a share is for a kind of fault that the domain has not, and
/// `ErrorKind::Environment` when a file cannot be written.
pub fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    ensure_known(order)?;
    make(order)
}

fn make(order: &Order) -> Result<Vec<MadeFile>> {
    fs::create_dir_all(&order.folder).map_err(|cause| cannot_write(&order.folder, cause))?;
    match order.domain {
        Domain::Cadastre => cadastre::generate(order),
        Domain::Learning => learning::generate(order),
        Domain::Market => market::generate(order),
        Domain::Property => property::generate(order),
        Domain::School => school::generate(order),
    }
}

/// Which kinds there are is known where the files are made: so a few records are made first, and
/// thrown away.
fn ensure_known(order: &Order) -> Result<()> {
    if order.faults.named().next().is_none() {
        return Ok(());
    }
    let trial = Trial(env::temp_dir().join(format!("longshore-generate-{}", Uuid::now_v7())));
    let made = make(&Order { rows: 1, folder: trial.0.clone(), ..order.clone() })?;
    let known: BTreeSet<&str> =
        made.iter().flat_map(|made| made.faults.keys()).map(String::as_str).collect();
    match order.faults.named().find(|kind| !known.contains(kind)) {
        None => Ok(()),
        Some(kind) => {
            let known: Vec<&str> = known.into_iter().collect();
            Err(Error::definition(format!("there is no fault `{kind}`"))
                .hint(format!("there are: {}", known.join(", "))))
        }
    }
}

/// A folder that is gone when dropped.
struct Trial(PathBuf);

impl Drop for Trial {
    fn drop(&mut self) {
        // Nobody is left to tell; the system empties its temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a file of CSV for a pipeline with one target: each record spoiled as planned.
fn csv_file(
    order: &Order,
    (name, csv): (&str, Csv),
    (pipeline, table): (&str, &str),
    faults: &[&'static [Fault<Row>]],
    places: impl Iterator<Item = u64>,
    make: impl Fn(u64) -> Row,
) -> Result<MadeFile> {
    let mut out = OutFile::create(order, name)?;
    let mut expected = Expected::of(pipeline, &[table]);
    let mut series = order.plan(faults);
    out.write(&csv.header_line())?;
    for place in places {
        let (row, fault) = series.next(place, &make);
        expected.record(fault.map(|fault| fault.found));
        out.write(&csv.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}
