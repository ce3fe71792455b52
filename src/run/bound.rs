//! A file that a run reads: open, and bound to the plan.

use std::collections::HashSet;

use crate::{
    batch::Record,
    plan::UnpivotedColumn,
    source::{InputFile, Projection, Source, bundle::Delivered},
};

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
    /// Per target, the columns each record of which is a row; empty where a record is one row.
    pub unpivoted: Vec<Vec<UnpivotedColumn>>,
}

impl BoundFile {
    /// The rows that a record gives a target, each with the column it is where there are several.
    pub(super) fn rows<'r>(
        &'r self,
        target: usize,
        record: &Record<'r>,
    ) -> impl Iterator<Item = (Record<'r>, Option<&'r UnpivotedColumn>)> {
        let record = *record;
        let columns = self.unpivoted.get(target).map_or(&[][..], Vec::as_slice);
        let whole = columns.is_empty().then_some((record, None));
        let row =
            move |column: &'r UnpivotedColumn| (record.overlaid(&column.overlay), Some(column));
        whole.into_iter().chain(columns.iter().map(row))
    }

    /// Whether a record may give the target several rows.
    pub(super) fn is_unpivoted(&self, target: usize) -> bool {
        self.unpivoted.get(target).is_some_and(|columns| !columns.is_empty())
    }

    /// The column that is a record's row of that number, from 1.
    pub(super) fn column(&self, target: usize, row: u32) -> Option<&UnpivotedColumn> {
        self.unpivoted.get(target)?.get(usize::try_from(row).ok()?.checked_sub(1)?)
    }

    /// How many rows each record gives a target.
    pub fn rows_per_record(&self, target: usize) -> u64 {
        self.unpivoted.get(target).map_or(1, |columns| columns.len().max(1) as u64)
    }
}
