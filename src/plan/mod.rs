//! The plan: a definition resolved against headers and catalog.
//!
//! A `Plan` is immutable and shared by all workers. It has no names left to
//! look up and no defaults left to fill in: fields are cell numbers, columns
//! are compiled transforms, limits are numbers.

mod bind;
mod columns;
mod deletion;
mod explain;
mod fields;
mod history;
mod keys;
mod lookups;
mod order;
mod set_rules;
mod unpivot;

pub use bind::{BindInput, FileHeader, bind, count_limit};
pub use explain::explain;
pub use fields::FieldPlan;
pub use lookups::notes;
pub use unpivot::{FileLayout, UnpivotPlan, UnpivotedColumn, file_layout};

use bumpalo::Bump;

use crate::{
    batch::Record,
    diagnostic::Place,
    load::{CountLimit, LoadTarget},
    source::bundle::Delivered,
    transform::{ColumnTransform, Operation, Operations, RowFilter},
};

/// Everything a run needs to know.
#[derive(Debug)]
pub struct Plan {
    /// The pipeline's name: its path below `pipelines/`, without ending.
    pub pipeline: String,
    /// What is read: of the one source, or of each file of a bundle.
    pub sources: Vec<SourcePlan>,
    /// The targets: those that others refer to come first, else as the definition has them.
    pub targets: Vec<TargetPlan>,
    /// When to publish nothing.
    pub rejected_limit: Option<CountLimit>,
    /// The deletions above which a run is held, where the definition says it.
    pub deleted_limit: Option<CountLimit>,
}

/// What is read of the records of one source.
#[derive(Debug, Default)]
pub struct SourcePlan {
    /// Its name in a bundle; empty where it is the only one.
    pub name: String,
    /// What the delivery says of it.
    pub delivered: Delivered,
    /// The source fields that are used, in the order of a record's cells.
    pub fields: Vec<FieldPlan>,
    /// How many cells follow for columns that are rows, in the file that has the most of them.
    pub unpivoted_cells: usize,
    /// Whether one more cell carries all other fields as JSON.
    pub rest: bool,
}

/// One target: what the workers do, and what the database is told.
#[derive(Debug)]
pub struct TargetPlan {
    /// Which of the plan's sources it takes its records from.
    pub source: usize,
    /// The database's part.
    pub load: LoadTarget,
    /// Which records are for this target; `None` for all.
    pub filter: Option<RowFilter>,
    /// What says of each record whether its row is written or deleted; `None` where all write.
    pub operations: Option<Operations>,
    /// How a record becomes several rows; `None` where it is one.
    pub unpivot: Option<UnpivotPlan>,
    /// Of a delivery that holds all there is: what says of a record that its row is to go. It
    /// is left out then, so that its row is one that the delivery lacks.
    pub departures: Option<Operations>,
    /// The staged columns, in the order of COPY.
    pub columns: Vec<ColumnTransform>,
    /// What is staged after them to be matched by lookups: [`LoadTarget::matched`].
    pub matched: Vec<ColumnTransform>,
    /// Where the definition has it.
    pub place: Place,
}

impl TargetPlan {
    /// Whether a record of its source, or one of the rows that it gives, is for this target.
    pub fn passes(&self, row: &Record<'_>, arena: &Bump) -> bool {
        !self.is_empty(row, arena) && self.is_meant(row, arena)
    }

    /// Whether a row is left out only since its cell is empty.
    pub fn is_emptied(&self, row: &Record<'_>, arena: &Bump) -> bool {
        self.is_empty(row, arena) && self.is_meant(row, arena)
    }

    /// Whether empty cells of a record give no row.
    pub fn skips_empty(&self) -> bool {
        self.unpivot.as_ref().is_some_and(|unpivot| unpivot.empty.is_some())
    }

    fn is_empty(&self, row: &Record<'_>, arena: &Bump) -> bool {
        let empty = self.unpivot.as_ref().and_then(|unpivot| unpivot.empty.as_ref());
        empty.is_some_and(|empty| empty.contain(row.moved_cell(), arena))
    }

    fn is_meant(&self, row: &Record<'_>, arena: &Bump) -> bool {
        let departs = |departures: &Operations| departures.of(row, arena) == Ok(Operation::Delete);
        self.filter.as_ref().is_none_or(|filter| filter.passes(row, arena))
            && !self.departures.as_ref().is_some_and(departs)
    }
}
