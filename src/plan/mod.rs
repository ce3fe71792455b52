//! The plan: a definition resolved against headers and catalog.
//!
//! A `Plan` is immutable and shared by all workers. It has no names left to
//! look up and no defaults left to fill in: fields are cell numbers, columns
//! are compiled transforms, limits are numbers.

mod bind;
mod columns;
mod explain;
mod fields;
mod history;
mod keys;

pub use bind::{BindInput, bind};
pub use explain::explain;
pub use fields::{FieldPlan, file_projection};

use crate::{
    load::LoadTarget,
    transform::{ColumnTransform, Operations, RowFilter},
};

/// Everything a run needs to know.
#[derive(Debug)]
pub struct Plan {
    /// The pipeline's name: its path below `pipelines/`, without ending.
    pub pipeline: String,
    /// The source fields that are used, in the order of a record's cells.
    pub fields: Vec<FieldPlan>,
    /// Whether one more cell carries all other fields as JSON.
    pub rest: bool,
    /// The targets in definition order.
    pub targets: Vec<TargetPlan>,
    /// When to publish nothing.
    pub rejected_limit: Option<RejectedLimit>,
}

/// One target: what the workers do, and what the database is told.
#[derive(Debug)]
pub struct TargetPlan {
    /// The database's part.
    pub load: LoadTarget,
    /// Which records are for this target; `None` for all.
    pub filter: Option<RowFilter>,
    /// What says of each record whether its row is written or deleted; `None` where all write.
    pub operations: Option<Operations>,
    /// The staged columns, in the order of COPY.
    pub columns: Vec<ColumnTransform>,
}

/// The rejections above which nothing is published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RejectedLimit {
    /// So many records.
    Records(u64),
    /// A share of the records read, 0.0 ..= 1.0.
    Share(f64),
}

impl RejectedLimit {
    /// Whether `rejected` of `read` records are too many.
    pub fn is_crossed(self, rejected: u64, read: u64) -> bool {
        match self {
            RejectedLimit::Records(limit) => rejected > limit,
            #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
            RejectedLimit::Share(limit) => rejected as f64 > limit * read as f64,
        }
    }
}

impl std::fmt::Display for RejectedLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RejectedLimit::Records(limit) => write!(f, "{limit} records"),
            RejectedLimit::Share(limit) => write!(f, "{} % of the records", limit * 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RejectedLimit;

    #[test]
    fn a_limit_is_crossed_above_it_and_not_at_it() {
        assert!(!RejectedLimit::Share(0.02).is_crossed(2, 100));
        assert!(RejectedLimit::Share(0.02).is_crossed(3, 100));
        assert!(!RejectedLimit::Records(0).is_crossed(0, 0));
        assert!(RejectedLimit::Records(0).is_crossed(1, 9));
    }
}
