//! Modes: names of the definition become indexes, and marks of soft deletion fit their column.

use super::history::{bind_validity, moment_of_run};
use crate::{
    definition::{Scalar, SoftDeleteDefinition, TargetDefinition, WriteMode},
    diagnostic::{Finding, Place},
    load::{Absent, LoadColumn, LoadMode, Mark, SoftDelete, Validity},
    schema::{Column, Generated, PgType, TableSchema},
    source::bundle::Delivered,
};

/// Binds the mode of one target.
pub(super) struct ModeBinder<'a> {
    pub(super) target: &'a TargetDefinition,
    pub(super) table: &'a TableSchema,
    /// What the delivery says of the target's file.
    pub(super) delivered: Delivered,
    pub(super) place: &'a Place,
    /// The day of the run.
    pub(super) today: jiff::civil::Date,
}

impl ModeBinder<'_> {
    /// The mode with what it needs to know of columns; `None` when something stands against it.
    pub(super) fn bind(
        &self,
        columns: &[LoadColumn],
        findings: &mut Vec<Finding>,
    ) -> Option<LoadMode> {
        let mode = self.whole(columns, findings)?;
        // What is not delivered is not empty: nothing is known of its rows.
        Some(match self.delivered {
            Delivered::Absent => mode.of_part(!self.target.key.is_empty()),
            Delivered::Bulk | Delivered::Delta => mode,
        })
    }

    fn whole(&self, columns: &[LoadColumn], findings: &mut Vec<Finding>) -> Option<LoadMode> {
        let Self { target, table, place, .. } = self;
        let index = |name: &String| columns.iter().position(|c| c.column.name == *name);
        let scope: Vec<usize> = target.scope.iter().filter_map(index).collect();
        Some(match target.mode {
            WriteMode::Append => LoadMode::Append,
            WriteMode::Insert => LoadMode::Insert,
            WriteMode::Upsert if target.operation.is_some() => LoadMode::Operations,
            WriteMode::Manifest if self.delivered == Delivered::Delta => LoadMode::Operations,
            WriteMode::Upsert => LoadMode::Upsert,
            WriteMode::History => {
                let validity = bind_validity(target, table, columns, place, findings)?;
                let moment = moment_of_run(&columns[validity.valid_from].column, self.today);
                let absent = target.deletes().then_some(Absent { scope, moment });
                LoadMode::History(Validity { absent, ..validity })
            }
            WriteMode::Replace => LoadMode::Replace,
            WriteMode::Mirror | WriteMode::Manifest => {
                let soft = target.soft_delete.as_ref();
                let place = place.key("soft_delete");
                let soft = soft.and_then(|soft| bind_soft(soft, table, &place, findings));
                LoadMode::Mirror { scope, soft: soft.map(Box::new), whole: true }
            }
        })
    }
}

fn bind_soft(
    soft: &SoftDeleteDefinition,
    table: &TableSchema,
    place: &Place,
    findings: &mut Vec<Finding>,
) -> Option<SoftDelete> {
    let report = |at: &str, message: String, hint: &str| {
        Some(Finding::new("bind.soft_delete", place.key(at), message).hint(hint))
    };
    let name = &soft.column;
    let Some(column) = table.column(name).filter(|column| column.generated == Generated::No) else {
        let message = format!("{} has no column `{name}` that can be written", table.name);
        findings.extend(report("column", message, "add one, such as `deleted_at timestamptz`"));
        return None;
    };
    let present = soft.present.clone().or(match &soft.value {
        Scalar::Bool(value) => Some(Scalar::Bool(!value)),
        _ => None,
    });
    let mut found = Vec::new();
    for (key, value) in [("value", Some(&soft.value)), ("present", present.as_ref())] {
        if value.is_some_and(|value| !fits(column, value, key == "value")) {
            let message = format!("the {key} does not fit `{name}`, which is {}", column.type_sql);
            found.extend(report(key, message, "a date or time takes `value = \"now\"`"));
        }
    }
    if present.as_ref() == Some(&soft.value) {
        let message = "deleted rows and the others would look the same".to_owned();
        found.extend(report("present", message, "say what a row has that is not deleted"));
    }
    if present.is_none() && column.not_null {
        let message =
            format!("`{name}` accepts no NULL, so rows that are not deleted need a value");
        found.extend(report("column", message, "say it with `present`"));
    }
    let moment = is_moment(column);
    let sound = found.is_empty();
    findings.append(&mut found);
    sound.then(|| SoftDelete {
        column: column.clone(),
        deleted: if moment { Mark::Moment } else { Mark::Value(soft.value.to_string()) },
        present: present.map(|present| present.to_string()),
    })
}

fn is_moment(column: &Column) -> bool {
    matches!(column.pg_type, PgType::Date | PgType::Timestamp(_) | PgType::TimestampTz(_))
}

fn fits(column: &Column, value: &Scalar, is_deleted: bool) -> bool {
    match (&column.pg_type, value) {
        (PgType::Bool, Scalar::Bool(_))
        | (PgType::Int2 | PgType::Int4 | PgType::Int8, Scalar::Int(_))
        | (PgType::Text | PgType::VarChar(_) | PgType::Char(_) | PgType::Citext, Scalar::Text(_)) => {
            true
        }
        (PgType::Enum(labels), Scalar::Text(label)) => labels.contains(label),
        (_, Scalar::Text(word)) => is_moment(column) && is_deleted && word == "now",
        _ => false,
    }
}
