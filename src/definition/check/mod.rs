//! Checks of meaning that need neither data nor database.
//!
//! The schema has seen every key and every type by now; what is left is how
//! keys go together, and texts that follow a grammar of their own: patterns,
//! date formats, zones, encodings, names.

use super::{Document, ExportDefinition, ImportDefinition};
use crate::diagnostic::{Finding, Place};

/// What is wrong with an import; `unsound` places were mended and prove nothing.
pub(super) fn import(
    _definition: &ImportDefinition,
    _document: &Document,
    _unsound: &[Place],
) -> Vec<Finding> {
    Vec::new()
}

/// What is wrong with an export.
pub(super) fn export(
    _definition: &ExportDefinition,
    _document: &Document,
    _unsound: &[Place],
) -> Vec<Finding> {
    Vec::new()
}
