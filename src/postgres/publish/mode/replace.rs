//! `replace`: afterwards the table holds exactly the records, and what was right is untouched.
//!
//! With a key this is a mirror of the whole table. Without one whole rows are compared, as
//! multisets: equal rows are numbered on both sides, and the same number of the same content
//! is the same row.

use super::{Kind, Mode, NO_SCOPE, Statements, Write, absent::ByKey};
use crate::postgres::{publish::statements::content, staging::ORDINAL};

pub(super) struct Replace;

impl Mode for Replace {
    fn classify(&self, sql: &Statements<'_>) -> Option<String> {
        Some(if sql.load.key.is_empty() {
            compare_whole_rows(sql)
        } else {
            ByKey::new(sql).classify(&sql.differs(), "true")
        })
    }

    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        match sql.load.key.is_empty() {
            // The row in place of another may have its unique values.
            true => vec![
                Write::new(&[Kind::Gone], sql.delete(Kind::Gone)),
                Write::new(&[Kind::New], sql.insert_new()),
            ],
            false => {
                let mut writes = vec![Write::new(&[Kind::Freed], sql.delete(Kind::Freed))];
                writes.extend(sql.upserts(None));
                writes
            }
        }
    }

    fn removals(&self, sql: &Statements<'_>) -> Vec<Write> {
        match sql.load.key.is_empty() {
            true => Vec::new(),
            false => vec![Write::new(&[Kind::Gone], sql.delete(Kind::Gone))],
        }
    }
}

/// Grouping takes NULLs as equal, and what the types' `=` says otherwise. The hash in front has
/// the server compare whole rows only where they are most likely equal.
fn compare_whole_rows(sql: &Statements<'_>) -> String {
    let side = |row: &str, identity: &str| {
        let columns = sql.load.columns.iter();
        let contents: Vec<String> = columns.map(|column| content(row, column)).collect();
        let named = contents.iter().enumerate().map(|(at, sql)| format!(", {sql} as c{at}"));
        let hash = format!("hash_record_extended(row({}), 0) as hash", contents.join(", "));
        format!("select {identity}, {hash}{}", named.collect::<String>())
    };
    let columns: String = (0..sql.load.columns.len()).map(|at| format!(", c{at}")).collect();
    format!(
        "select case when max(ordinal) is null then 'gone' when max(row_id) is null then 'new' else 'same' end as kind,
           max(ordinal) as ordinal, max(table_oid) as table_oid, max(row_id) as row_id, {NO_SCOPE} as scope
         from (select *, row_number() over (partition by hash{columns}, ordinal is null) as copy
           from ({} from {} s where {} union all {} from {} t) rows) numbered group by hash{columns}, copy",
        side("s", &format!("s.{ORDINAL} as ordinal, null::oid as table_oid, null::tid as row_id")),
        sql.rows(),
        sql.publishable(),
        side("t", "null::bigint, t.tableoid, t.ctid"),
        sql.table()
    )
}
