//! Cells that say nothing: where a record gives a row for each of many cells, most are such.

use bumpalo::Bump;

use super::words::Words;
use crate::batch::Cell;

/// What counts as an empty cell: nothing, blanks, and the source's words for NULL.
#[derive(Debug, Clone)]
pub struct EmptyCells {
    null: Words,
}

impl EmptyCells {
    /// With the source's words for NULL.
    pub fn new(null: &[String]) -> Self {
        Self { null: Words::new(null.iter().map(String::as_str)) }
    }

    /// Whether a cell is one of them.
    pub fn contain(&self, cell: Cell<'_>, arena: &Bump) -> bool {
        let is_blank = matches!(cell, Cell::Text(text) if text.trim().is_empty());
        is_blank || self.null.contain_cell(cell, arena)
    }
}
