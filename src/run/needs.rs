//! What a definition asks of a role.

use crate::{
    definition::{ColumnDefinition, ImportDefinition, TargetDefinition, WriteMode},
    postgres::privileges::TableNeed,
};

/// The privileges on its targets, and on the tables of its lookups, that a run of this
/// definition takes.
pub fn needs(definition: &ImportDefinition) -> Vec<TableNeed> {
    let log = definition.after.log.iter().map(|log| TableNeed {
        name: log.table.clone(),
        privileges: vec!["INSERT"],
        columns: log.columns.keys().cloned().collect(),
        drawn: Vec::new(),
    });
    let columns = definition.targets.iter().flat_map(|target| target.columns.values());
    let matched = columns.flat_map(ColumnDefinition::and_matched);
    let ways: Vec<_> = matched.flat_map(ColumnDefinition::ways).collect();
    let looked_into = ways.iter().map(|way| TableNeed {
        name: way.table.to_owned(),
        privileges: vec!["SELECT"],
        columns: way
            .matching
            .keys()
            .map(String::as_str)
            .chain([way.take])
            .map(str::to_owned)
            .collect(),
        drawn: Vec::new(),
    });
    let targets = definition.targets.iter().map(|target| {
        let of_target = ways.iter().filter(|way| way.table == target.table);
        let drawn = of_target.map(|way| way.take.to_owned()).collect();
        TableNeed { drawn, ..need(target) }
    });
    targets.chain(looked_into).chain(log).collect()
}

fn need(target: &TargetDefinition) -> TableNeed {
    TableNeed {
        name: target.table.clone(),
        privileges: privileges(target),
        columns: target.columns.keys().chain(kept_by_mode(target)).cloned().collect(),
        drawn: Vec::new(),
    }
}

/// Columns that the mode fills without being asked for each.
fn kept_by_mode(target: &TargetDefinition) -> impl Iterator<Item = &String> {
    let history = target.history.iter();
    history.flat_map(|it| [Some(&it.valid_from), Some(&it.valid_to), it.current.as_ref()]).flatten()
}

/// Every mode reads the table: staging is made in its image, and rows are compared with it.
fn privileges(target: &TargetDefinition) -> Vec<&'static str> {
    match target.mode {
        WriteMode::Append | WriteMode::Insert => vec!["SELECT", "INSERT"],
        WriteMode::Upsert if target.operation.is_some() => {
            vec!["SELECT", "INSERT", "UPDATE", "DELETE"]
        }
        WriteMode::Upsert | WriteMode::History => vec!["SELECT", "INSERT", "UPDATE"],
        WriteMode::Mirror if target.soft_delete.is_some() => vec!["SELECT", "INSERT", "UPDATE"],
        WriteMode::Mirror | WriteMode::Replace | WriteMode::Manifest => {
            vec!["SELECT", "INSERT", "UPDATE", "DELETE"]
        }
    }
}
