//! Keys: what identifies a row must be unique in the table too.

use super::fields::listed;
use crate::{
    definition::{Duplicates, Keep, TargetDefinition, WriteMode},
    diagnostic::{Finding, Place},
    load::{DuplicateRule, LoadColumn, LoadMode},
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
    let keyless = target.mode == WriteMode::Replace && target.key.is_empty();
    if target.mode == WriteMode::Append || keyless {
        return Vec::new();
    }
    let names = row_key(target);
    if !is_unique(&names, table) && !has_one_current_version(target, table) {
        findings.push(not_unique(&names, table, place));
    }
    let index = |name: &String| columns.iter().position(|column| column.column.name == *name);
    names.iter().filter_map(index).collect()
}

/// The columns that tell rows of the table apart: the key, and of a history's versions also
/// from when they are valid.
pub(super) fn row_key(target: &TargetDefinition) -> Vec<String> {
    let valid_from = target.history.as_ref().map(|history| history.valid_from.clone());
    target.key.iter().cloned().chain(valid_from).collect()
}

fn is_unique(key: &[String], table: &TableSchema) -> bool {
    whole_on(key, table).next().is_some()
}

/// Whether NULL may be part of the key, since the table has two NULLs for the same.
pub(super) fn nulls_are_equal(key: &[String], table: &TableSchema) -> bool {
    whole_on(key, table).any(|unique| unique.nulls_not_distinct)
}

/// The unique constraints on exactly these columns that hold for every row.
fn whole_on<'t>(key: &'t [String], table: &'t TableSchema) -> impl Iterator<Item = &'t UniqueKey> {
    table.unique_keys.iter().filter(|unique| unique.predicate.is_none() && is_on(unique, key))
}

/// Whether a partial index holds the key unique, among the current versions presumably.
fn has_one_current_version(target: &TargetDefinition, table: &TableSchema) -> bool {
    let mut partial = table.unique_keys.iter().filter(|unique| unique.predicate.is_some());
    target.mode == WriteMode::History && partial.any(|unique| is_on(unique, &target.key))
}

fn is_on(unique: &UniqueKey, key: &[String]) -> bool {
    !unique.columns.is_empty()
        && unique.columns.len() == key.len()
        && unique.columns.iter().all(|column| key.contains(column))
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
pub(super) fn bind_duplicates(
    target: &TargetDefinition,
    mode: Option<&LoadMode>,
    columns: &[LoadColumn],
) -> DuplicateRule {
    match &target.duplicates {
        // What happened to a row last is what counts of its operations.
        None if mode == Some(&LoadMode::Operations) => DuplicateRule::Last,
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
