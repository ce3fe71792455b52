//! `[target.partitions]`: partitions of a range-partitioned table, made where rows need one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `{ every = "month" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionsDefinition {
    /// How long a period each partition holds, in UTC for `timestamptz`.
    pub every: Period,
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// A month.
    Month,
    /// A year.
    Year,
}
