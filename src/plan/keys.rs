//! Keys: what identifies a row must be unique in the table too.

use super::fields::listed;
use crate::{
    definition::{Duplicates, Keep, TargetDefinition, WriteMode},
    diagnostic::{Finding, Place},
    load::{DuplicateRule, LoadColumn},
    schema::{TableSchema, UniqueKey},
};

/// The key as indexes into `columns`; a key the table does not hold unique is a finding.
pub(super) fn bind_key(
    target: &TargetDefinition,
    table: &TableSchema,
    columns: &[LoadColumn],
    place: &Place,
    findings: &mut Vec<Finding>,
) -> Vec<usize> {
    if target.mode == WriteMode::Append {
        return Vec::new();
    }
    if !is_unique(&target.key, table) {
        findings.push(not_unique(&target.key, table, place));
    }
    let index = |name: &String| columns.iter().position(|column| column.column.name == *name);
    target.key.iter().filter_map(index).collect()
}

fn is_unique(key: &[String], table: &TableSchema) -> bool {
    constraints_on(key, table).next().is_some()
}

/// Whether NULL may be part of the key, since the table has two NULLs for the same.
pub(super) fn nulls_are_equal(key: &[String], table: &TableSchema) -> bool {
    constraints_on(key, table).any(|unique| unique.nulls_not_distinct)
}

/// The unique constraints on exactly these columns, in any order.
fn constraints_on<'t>(
    key: &'t [String],
    table: &'t TableSchema,
) -> impl Iterator<Item = &'t UniqueKey> {
    table.unique_keys.iter().filter(|unique| {
        let whole = unique.predicate.is_none() && !unique.columns.is_empty();
        whole
            && unique.columns.len() == key.len()
            && unique.columns.iter().all(|column| key.contains(column))
    })
}

fn not_unique(key: &[String], table: &TableSchema, place: &Place) -> Finding {
    let message = format!("{} has no unique constraint on exactly {}", table.name, listed(key));
    let candidates: Vec<String> = table
        .unique_keys
        .iter()
        .filter(|unique| !unique.columns.is_empty())
        .map(|unique| unique.columns.join(", "))
        .collect();
    let hint = match candidates.is_empty() {
        true => "add a primary key or a unique constraint to the table".to_owned(),
        false => format!("unique are: {}", listed(&candidates)),
    };
    Finding::new("bind.key_not_unique", place.key("key"), message).hint(hint)
}

/// Which of several records with one key is loaded.
pub(super) fn bind_duplicates(target: &TargetDefinition, columns: &[LoadColumn]) -> DuplicateRule {
    match &target.duplicates {
        None => DuplicateRule::Identical,
        Some(Duplicates::Keep(rule)) => match rule.keep {
            Keep::First => DuplicateRule::First,
            Keep::Last => DuplicateRule::Last,
            Keep::Reject => DuplicateRule::Reject,
        },
        // That the column exists was checked with the definition.
        Some(Duplicates::Max(rule)) => {
            let column = columns.iter().position(|column| column.column.name == rule.max);
            column.map_or(DuplicateRule::Identical, DuplicateRule::Max)
        }
    }
}
