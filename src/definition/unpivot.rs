//! `[target.unpivot]`: one record gives a row for each of several source columns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// Which source columns become rows, and what a row calls their name and their cell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct UnpivotDefinition {
    /// A regular expression over the names in the header: each column whose name it matches is
    /// a row. What its named groups match are fields as well: `(?<subject>.+) (?<term>S\d)`.
    #[validate(length(min = 1, message = "the pattern is empty"))]
    pub columns: String,
    /// What the row's field with the name of its column is called.
    #[validate(length(min = 1, message = "the field has no name"))]
    pub name: String,
    /// What the row's field with the cell is called.
    #[validate(length(min = 1, message = "the field has no name"))]
    pub value: String,
    /// Whether cells that are empty give a row as well; they are counted as filtered unless so.
    #[serde(default)]
    pub keep_empty: bool,
}
