//! What constraints are judged over: a table of staged rows, and what is added to each.

use std::fmt;

/// A table of staged rows, and the columns that a constraint needs beside those it has.
pub(super) struct Rows {
    /// The table.
    pub(super) stored: String,
    /// What is added to its rows.
    pub(super) added: Option<Added>,
}

/// Columns that are added to staged rows while these are read.
///
/// A copy of the rows with them costs as much as to stage the rows once more. And what is the same
/// for all rows the server settles when it plans: a constraint that needs nothing else is judged
/// without reading one.
pub(super) struct Added {
    /// As further columns of row `s`.
    pub(super) values: String,
    /// The join that they need.
    pub(super) join: String,
}

impl Rows {
    /// The rows as they are in the table.
    pub(super) fn stored(table: String) -> Self {
        Self { stored: table, added: None }
    }
}

impl Added {
    /// The rows of `source` with what is added.
    fn to(&self, source: &str) -> String {
        format!("(select s.*{} from {source} s{})", self.values, self.join)
    }
}

/// Rows to select from, of a source that has the columns of the table.
pub(super) fn with_added(source: &str, added: Option<&Added>) -> String {
    added.map_or_else(|| source.to_owned(), |added| added.to(source))
}

/// What stands in SQL after `from`, before an alias.
impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_added(&self.stored, self.added.as_ref()))
    }
}
