//! `mirror`: as `upsert`, and rows whose key the files do not have are deleted or marked so.

use super::{Kind, Mode, NO_SCOPE, Statements, Write, absent::ByKey};
use crate::{
    load::{LoadMode, Mark, SoftDelete},
    postgres::{
        publish::statements::{deleted_value, present_value, typed},
        sql::quote_identifier,
    },
};

pub(super) struct Mirror;

impl Mode for Mirror {
    fn classify(&self, sql: &Statements<'_>) -> Option<String> {
        let (changed, present) = match soft(sql) {
            // A row that comes back has at least its mark changed.
            Some(soft) => {
                let present = is_present(soft);
                (format!("{} or not ({present})", sql.differs()), present)
            }
            None => (sql.differs(), "true".to_owned()),
        };
        if !sql.load.mode.deletes() {
            return Some(sql.classify_by_key(&changed, NO_SCOPE));
        }
        Some(ByKey::new(sql).classify(&changed, &present))
    }

    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        let comes_back = soft(sql).map(|soft| {
            format!("{} = {}", quote_identifier(&soft.column.name), present_value(soft))
        });
        let mut writes = vec![Write::new(&[Kind::Freed], remove(sql, Kind::Freed))];
        writes.extend(sql.upserts(comes_back));
        writes
    }

    fn removals(&self, sql: &Statements<'_>) -> Vec<Write> {
        vec![Write::new(&[Kind::Gone], remove(sql, Kind::Gone))]
    }
}

fn remove(sql: &Statements<'_>, kind: Kind) -> String {
    match soft(sql) {
        Some(soft) => mark(sql, soft, kind),
        None => sql.delete(kind),
    }
}

fn soft<'s>(sql: &Statements<'s>) -> Option<&'s SoftDelete> {
    match &sql.load.mode {
        LoadMode::Mirror { soft, .. } => soft.as_deref(),
        _ => None,
    }
}

/// The condition that row `t` is not marked as deleted.
fn is_present(soft: &SoftDelete) -> String {
    let name = quote_identifier(&soft.column.name);
    match &soft.deleted {
        Mark::Moment => format!("t.{name} is null"),
        Mark::Value(value) => format!("t.{name} is distinct from {}", typed(soft, value)),
    }
}

fn mark(sql: &Statements<'_>, soft: &SoftDelete, kind: Kind) -> String {
    format!(
        "update {} t set {} = {} from {} c where {}",
        sql.table(),
        quote_identifier(&soft.column.name),
        deleted_value(soft),
        sql.changes(),
        kind.notes_row()
    )
}
