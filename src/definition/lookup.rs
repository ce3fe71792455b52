//! `lookup`: a value that a row of another table has, found by its natural key.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ColumnDefinition, FieldRef, ImportDefinition};

/// What a column of the table looked up must equal.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum MatchValue {
    /// A source field as it is.
    Field(FieldRef),
    /// A value made as a column's: `from`, `value` or another `lookup`, with steps and rules.
    Column(Box<ColumnDefinition>),
}

/// Another way to find the row.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupAlternative {
    /// The table; the column's own unless given.
    #[serde(default)]
    pub lookup: Option<String>,
    /// Its columns, and what of the record they must equal.
    #[serde(rename = "match")]
    pub matching: IndexMap<String, MatchValue>,
    /// The column that is the value; the column's own unless given.
    #[serde(default)]
    pub take: Option<String>,
}

/// One way to find the row, with nothing left to inherit.
#[derive(Debug, Clone, Copy)]
pub struct LookupWay<'d> {
    /// The table.
    pub table: &'d str,
    /// Its columns, and what they must equal.
    pub matching: &'d IndexMap<String, MatchValue>,
    /// The column taken; empty where the definition names none.
    pub take: &'d str,
    /// Which of the alternatives this is, `None` for the column's own.
    pub alternative: Option<usize>,
}

impl ColumnDefinition {
    /// The ways to find the value in other tables, in their order; none without `lookup`.
    pub fn ways(&self) -> Vec<LookupWay<'_>> {
        let Some(table) = self.lookup.as_deref() else { return Vec::new() };
        let take = self.take.as_deref().unwrap_or_default();
        let own = LookupWay { table, matching: &self.matching, take, alternative: None };
        let others = self.or.iter().enumerate().map(|(index, other)| LookupWay {
            table: other.lookup.as_deref().unwrap_or(table),
            matching: &other.matching,
            take: other.take.as_deref().unwrap_or(take),
            alternative: Some(index),
        });
        std::iter::once(own).chain(others).collect()
    }

    /// This column, and those its lookups match by, at any depth.
    pub fn and_matched(&self) -> Vec<&ColumnDefinition> {
        let ways = self.ways().into_iter();
        let matched = ways.flat_map(|way| way.matching.values()).filter_map(|value| match value {
            MatchValue::Field(_) => None,
            MatchValue::Column(column) => Some(column),
        });
        let below = matched.flat_map(|column| column.and_matched());
        std::iter::once(self).chain(below).collect()
    }
}

impl ImportDefinition {
    /// The tables that lookups look into, each once, in the order in which they are named.
    pub fn lookup_tables(&self) -> Vec<&str> {
        let columns = self.targets.iter().flat_map(|target| target.columns.values());
        let mut tables = Vec::new();
        for way in columns.flat_map(ColumnDefinition::and_matched).flat_map(ColumnDefinition::ways)
        {
            if !tables.contains(&way.table) {
                tables.push(way.table);
            }
        }
        tables
    }
}
