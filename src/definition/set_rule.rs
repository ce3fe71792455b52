//! Rules on the rows of a table together: overlaps, gaps, areas, sums, points in their places.
//!
//! Lengths are metres and areas square metres where the column has longitude and latitude,
//! else units of the column's reference system.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// What happens to a record that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is not loaded.
    #[default]
    Reject,
    /// It is loaded, counted as a warning and listed in `warnings.csv`.
    Warn,
}

/// No two rows overlap.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct OverlapDefinition {
    /// The geometry column.
    pub column: String,
    /// Only rows that share these columns' values are compared; all unless given.
    #[serde(default)]
    pub within: Vec<String>,
    /// The area of an overlap that is tolerated; 0 unless given.
    #[serde(default)]
    #[validate(range(min = 0.0, message = "an area is not negative"))]
    pub tolerance: f64,
    /// Whether the later record is rejected or warned of; rejected unless given.
    #[serde(default)]
    pub policy: Policy,
}

/// No area is enclosed by rows and part of none.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct GapDefinition {
    /// The geometry column.
    pub column: String,
    /// Only rows that share these columns' values are looked at together; all unless given.
    #[serde(default)]
    pub within: Vec<String>,
    /// The area of a gap that is tolerated; 0 unless given.
    #[serde(default)]
    #[validate(range(min = 0.0, message = "an area is not negative"))]
    pub tolerance: f64,
    /// The area above which a gap is meant to be one: a road, a river. No limit unless given.
    #[serde(default)]
    #[validate(range(min = 0.0, message = "an area is not negative"))]
    pub largest: Option<f64>,
    /// Whether the last record beside it is rejected or warned of; rejected unless given.
    #[serde(default)]
    pub policy: Policy,
}

/// The area that a record declares is about that of its outline.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct AreaDefinition {
    /// The geometry column.
    pub column: String,
    /// The column with the declared area.
    pub declared: String,
    /// How far apart they may be, in percent of the declared area; 0 unless given.
    #[serde(default)]
    #[validate(range(min = 0.0, message = "a share is not negative"))]
    pub percent: f64,
    /// How far apart they may be in any case; 0 unless given.
    #[serde(default)]
    #[validate(range(min = 0.0, message = "an area is not negative"))]
    pub tolerance: f64,
    /// Whether the record is rejected or warned of; rejected unless given.
    #[serde(default)]
    pub policy: Policy,
}

/// What rows with something in common sum to.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TotalDefinition {
    /// What is summed: SQL over the target's columns, of a numeric type.
    #[validate(length(min = 1, message = "there is nothing to sum"))]
    pub sql: String,
    /// The columns that rows share whose sum is taken.
    #[validate(length(min = 1, message = "name the columns that rows share"))]
    pub by: Vec<String>,
    /// What the sum is to be.
    pub equals: f64,
    /// How far from it the sum may be; 0 unless given.
    #[serde(default)]
    #[validate(range(min = 0.0, message = "a tolerance is not negative"))]
    pub tolerance: f64,
    /// Whether the records are rejected or warned of; rejected unless given.
    #[serde(default)]
    pub policy: Policy,
}

/// Every row lies inside the row of another table that it refers to.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct InsideDefinition {
    /// The geometry column.
    pub column: String,
    /// The other table, with its schema: `cadastre.parcel`.
    #[validate(length(min = 1, message = "the table has no name"))]
    pub table: String,
    /// The other table's geometry column.
    pub area: String,
    /// Which of its rows: the other table's columns, each with the one here that it equals.
    #[serde(rename = "match")]
    #[schemars(extend("minProperties" = 1))]
    #[validate(length(min = 1, message = "say which row of the other table"))]
    pub matching: IndexMap<String, String>,
    /// How far outside it may lie; 0 unless given.
    #[serde(default)]
    #[validate(range(min = 0.0, message = "a distance is not negative"))]
    pub tolerance: f64,
    /// Whether the record is rejected or warned of; rejected unless given.
    #[serde(default)]
    pub policy: Policy,
}
