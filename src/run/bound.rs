//! A file that a run reads: open, and bound to the plan.

use std::collections::HashSet;

use crate::source::{InputFile, Projection, Source};

/// A file that is open and bound.
pub struct BoundFile {
    /// Which file it is.
    pub input: InputFile,
    /// Its source.
    pub source: Box<dyn Source>,
    /// Where it has the plan's fields.
    pub projection: Projection,
    /// Records that are passed over, by number.
    pub skip: HashSet<u64>,
}
