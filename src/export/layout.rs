//! What all files of an export share: the columns, and how values are written.

use super::{columns::Column, values::ValueFormat};
use crate::definition::OutputDefinition;

/// How the rows of an export become those of a file.
pub(super) struct Layout {
    pub(super) output: OutputDefinition,
    /// The columns of the file, in order.
    pub(super) columns: Vec<Column>,
    pub(super) values: ValueFormat,
}
