//! `[target.history]`: which columns of the table say when a version of a row is valid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// How the versions of a row are kept (slowly changing dimension, type 2).
///
/// Each version is valid from a moment on (that moment included) to another (excluded).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct HistoryDefinition {
    /// The column with the moment a version is valid from; a column of the target, or else
    /// every version of a run is valid from the run's own day or time.
    #[validate(length(min = 1, message = "the column has no name"))]
    pub valid_from: String,
    /// The column with the moment it is valid to.
    #[validate(length(min = 1, message = "the column has no name"))]
    pub valid_to: String,
    /// A boolean column that is true for the version valid now.
    #[serde(default)]
    #[validate(length(min = 1, message = "the column has no name"))]
    pub current: Option<String>,
    /// What `valid_to` holds while no end is known: `infinity` or a day; NULL unless given.
    #[serde(default)]
    pub open_end: Option<String>,
    /// What becomes of rows that the files do not have: they stay as they are, or their current
    /// version ends with the run.
    #[serde(default, skip_serializing_if = "AbsentRule::is_keep")]
    pub absent: AbsentRule,
}

/// What becomes of rows of a history that the files do not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbsentRule {
    /// They stay as they are: the files are a delivery of changes.
    #[default]
    Keep,
    /// Their current version ends: the files are all there is.
    Close,
}

impl AbsentRule {
    fn is_keep(&self) -> bool {
        *self == AbsentRule::Keep
    }
}
