//! `[after]`: what else happens when a run is published.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::{Limit, Scalar};

/// What happens with a publish or right after it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct AfterDefinition {
    /// A channel that is notified (`NOTIFY`) of the run and its tables when they are committed.
    #[validate(length(min = 1, max = 63, message = "a channel's name has 1 to 63 bytes"))]
    pub notify: Option<String>,
    /// When a table's statistics are refreshed: rows written, as a count or a share of its rows;
    /// `"10%"` unless given, `false` for never.
    pub analyze: Option<AnalyzeRule>,
    /// A row that is written to a log with the publish.
    #[validate(nested)]
    pub log: Option<LogDefinition>,
}

/// `"10%"`, a count, or `false`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum AnalyzeRule {
    /// `false`: never; `true` is as if nothing were said.
    Whether(bool),
    /// From so many rows on.
    From(Limit),
}

/// `{ table = "school.activity_log", columns = { action = "import", details = ":tally" } }`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct LogDefinition {
    /// The table, with its schema.
    #[validate(length(min = 1, message = "the table has no name"))]
    pub table: String,
    /// The columns and what they say: a constant, or `":tally"` (the counts as JSON), `":run"`
    /// or `":pipeline"`.
    #[validate(length(min = 1, message = "the row has no columns"))]
    #[schemars(extend("minProperties" = 1))]
    pub columns: IndexMap<String, Scalar>,
}
