//! `upsert` with `operation`: as upsert, and records may order that their row is deleted.

use super::{Kind, Mode, Statements, Write};
use crate::postgres::staging::{DELETES, ORDINAL};

pub(super) struct Operations;

impl Mode for Operations {
    fn classify(&self, sql: &Statements<'_>) -> Option<String> {
        Some(format!(
            "select case when s.{DELETES} then case when t.tableoid is null then 'same' else 'removed' end
                 when t.tableoid is null then 'new' when {changed} then 'changed' else 'same' end as kind,
               s.{ORDINAL} as ordinal, t.tableoid as table_oid, t.ctid as row_id
             from {rows} s left join {table} t on {same_key} where {publishable}",
            changed = sql.differs(),
            rows = sql.rows(),
            table = sql.table(),
            same_key = sql.same_key(),
            publishable = sql.publishable(),
        ))
    }

    /// A deletion is no row to insert.
    fn fills_empty_table(&self) -> bool {
        false
    }

    /// Deletions first: another row of the delivery may take the values they free.
    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        let delete = format!(
            "delete from {} t using {} c where {}",
            sql.table(),
            sql.changes(),
            Kind::Removed.notes_row()
        );
        vec![
            Write::new(&[Kind::Removed], delete),
            Write::new(&[Kind::Changed], sql.update(None)),
            Write::new(&[Kind::New], sql.insert_new()),
        ]
    }
}
