//! Lookups as the database needs them: which rows of which table have a column's values.
//!
//! What is matched is staged beside the record's own columns, typed like the column that it is
//! compared with, so that the database alone decides whether two keys are equal.

use serde::{Deserialize, Serialize};

use super::{LoadColumn, LoadTarget};
use crate::schema::{Column, RelationKind, TableName};

/// Where a column's values are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// The ways to find the row, in their order; at least one.
    pub ways: Vec<LookupWay>,
    /// Whether the definition asks for a value; the table may ask for one too.
    pub required: bool,
}

/// One way to find the row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupWay {
    /// The table looked into.
    pub table: TableName,
    /// What kind of relation it is.
    pub kind: RelationKind,
    /// What its rows are found by; at least one.
    pub terms: Vec<LookupTerm>,
    /// The column of the row found that is the value.
    pub take: Column,
    /// Whether a unique constraint of the table is on columns that are matched.
    pub is_unique: bool,
    /// The targets of the run that write rows which are found too, as indexes.
    #[serde(default)]
    pub targets: Vec<usize>,
}

/// A column of the table looked into, and what it must equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupTerm {
    /// The column as the catalog has it.
    pub column: Column,
    /// What it must equal.
    pub value: TermValue,
    /// Whether what is matched is personal.
    pub sensitive: bool,
}

/// What a column of the table looked into must equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermValue {
    /// A value of the record, staged under this number (see [`LoadTarget::matched`]).
    Record(usize),
    /// A constant, staged likewise: that it is there says nothing about the record.
    Constant(usize),
    /// A value that is looked up itself.
    Lookup(Box<Lookup>),
}

/// What is staged of a record to be matched.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'l> {
    /// The column of the target that the lookup is for, as an index.
    pub of: usize,
    /// The table it is compared with.
    pub table: &'l TableName,
    /// The column of that table.
    pub column: &'l Column,
    /// Whether it is personal.
    pub sensitive: bool,
}

impl Lookup {
    /// Its ways to find rows, and those of the lookups that they match by.
    pub fn all_ways(&self) -> Vec<&LookupWay> {
        let ways = self.ways.iter().flat_map(|way| {
            let below = way.terms.iter().filter_map(|term| match &term.value {
                TermValue::Lookup(lookup) => Some(lookup.all_ways()),
                _ => None,
            });
            std::iter::once(way).chain(below.flatten())
        });
        ways.collect()
    }

    /// The same, to be changed.
    pub fn all_ways_mut(&mut self, change: &mut dyn FnMut(&mut LookupWay)) {
        for way in &mut self.ways {
            change(way);
            for term in &mut way.terms {
                if let TermValue::Lookup(lookup) = &mut term.value {
                    lookup.all_ways_mut(change);
                }
            }
        }
    }

    /// The terms that have a staged value, at any depth, in the order of their numbers.
    pub fn staged_terms(&self) -> Vec<(&LookupWay, &LookupTerm)> {
        let terms = self.ways.iter().flat_map(|way| way.terms.iter().map(move |term| (way, term)));
        let staged = terms.flat_map(|(way, term)| match &term.value {
            TermValue::Record(_) | TermValue::Constant(_) => vec![(way, term)],
            TermValue::Lookup(lookup) => lookup.staged_terms(),
        });
        staged.collect()
    }
}

impl LoadTarget {
    /// Whether rows are identified before any lookup but those of the key is resolved: lookups
    /// find them by their keys, or by values that are drawn for them.
    pub fn is_identified(&self) -> bool {
        let key = || self.key.iter().map(|index| &self.columns[*index]);
        self.columns.iter().any(|column| column.drawn)
            || (self.is_looked_into && key().any(|column| column.lookup.is_some()))
    }

    /// The columns that are looked up, with their places: those that identify rows, or the others.
    pub fn lookups(&self, identifying: bool) -> Vec<(usize, &LoadColumn, &Lookup)> {
        let early = |index: usize| self.is_identified() && self.key.contains(&index);
        let columns = self.columns.iter().enumerate();
        let lookups =
            columns.filter_map(|(index, column)| Some((index, column, column.lookup.as_ref()?)));
        lookups.filter(|(index, _, _)| early(*index) == identifying).collect()
    }

    /// Whether a column is known of a staged row before others than the key are looked up.
    pub fn is_known_early(&self, column: usize) -> bool {
        let found = &self.columns[column];
        found.is_staged() || found.drawn || (found.lookup.is_some() && self.key.contains(&column))
    }

    /// What is staged to be matched, by its number.
    pub fn matched(&self) -> Vec<Matched<'_>> {
        let lookups = self.columns.iter().enumerate();
        let lookups = lookups.filter_map(|(of, column)| Some((of, column.lookup.as_ref()?)));
        let matched = lookups.flat_map(|(of, lookup)| {
            lookup.staged_terms().into_iter().map(move |(way, term)| Matched {
                of,
                table: &way.table,
                column: &term.column,
                sensitive: term.sensitive,
            })
        });
        matched.collect()
    }
}
