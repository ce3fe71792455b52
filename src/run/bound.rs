//! A file that a run reads: open, and bound to the plan.

use std::collections::HashSet;

use crate::source::{InputFile, Projection, Source, bundle::Delivered};

/// A file that is open and bound.
pub struct BoundFile {
    /// Which file it is.
    pub input: InputFile,
    /// Which of the plan's sources it is one of.
    pub of: usize,
    /// What its rejected records are filed under, in a bundle.
    pub name: Option<String>,
    /// What its delivery says of it.
    pub delivered: Delivered,
    /// Its source.
    pub source: Box<dyn Source>,
    /// Where it has the plan's fields.
    pub projection: Projection,
    /// Records that are passed over, by number.
    pub skip: HashSet<u64>,
}
