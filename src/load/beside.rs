//! What a run needs beside tables and columns: partitions, a tenant, a log and a notice.

use serde::{Deserialize, Serialize};

use super::CountLimit;
use crate::schema::TableName;

/// How a table is partitioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangePartitions {
    /// The column, as an index into the target's `columns`.
    pub column: usize,
    /// How long a period each partition holds that is made; `None` where none are.
    pub every: Option<Every>,
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// A day.
    Day,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// Whose rows a run is for, where row-level security keeps tenants apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The setting that the tables' policies read.
    pub setting: String,
    /// What it says.
    pub value: String,
}

/// What else happens when a run is published.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AfterLoad {
    /// The channel that is notified.
    pub notify: Option<String>,
    /// From how many rows written on a table is analysed.
    pub analyze: Option<CountLimit>,
    /// The row that is written to a log.
    pub log: Option<LogRow>,
}

/// A row of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// The table.
    pub table: TableName,
    /// Its columns and what they say.
    pub columns: Vec<(String, LogValue)>,
}

/// What a column of a log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogValue {
    /// Always this.
    Constant(String),
    /// The counts of all tables, as JSON.
    Tally,
    /// The run.
    Run,
    /// The pipeline.
    Pipeline,
}

impl LogValue {
    /// What a text of the definition means.
    pub fn of(text: String) -> Self {
        match text.as_str() {
            ":tally" => LogValue::Tally,
            ":run" => LogValue::Run,
            ":pipeline" => LogValue::Pipeline,
            _ => LogValue::Constant(text),
        }
    }
}
