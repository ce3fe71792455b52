//! What a definition asks of a role.

use crate::{
    definition::{ImportDefinition, TargetDefinition, WriteMode},
    postgres::privileges::TableNeed,
};

/// The privileges on its targets that a run of this definition takes.
pub fn needs(definition: &ImportDefinition) -> Vec<TableNeed> {
    definition.targets.iter().map(need).collect()
}

fn need(target: &TargetDefinition) -> TableNeed {
    TableNeed {
        name: target.table.clone(),
        privileges: privileges(target),
        columns: target.columns.keys().chain(kept_by_mode(target)).cloned().collect(),
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
