//! `upsert` with `operation`: as upsert, and records may order that their row is deleted.

use super::{Kind, Mode, Statements, Write, upsert::Upsert};
use crate::postgres::staging::{DELETES, ORDINAL};

pub(super) struct Operations;

impl Mode for Operations {
    fn classify(&self, sql: &Statements<'_>) -> Option<String> {
        Some(format!(
            "select case when s.{DELETES} then case when t.tableoid is null then 'same' else 'removed' end
                 when t.tableoid is null then 'new' when {changed} then 'changed' else 'same' end as kind,
               s.{ORDINAL} as ordinal, t.tableoid as table_oid, t.ctid as row_id, null::text[] as scope
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

    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        Upsert.writes(sql)
    }

    fn removals(&self, sql: &Statements<'_>) -> Vec<Write> {
        vec![Write::new(&[Kind::Removed], sql.delete(Kind::Removed))]
    }
}
