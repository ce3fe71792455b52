//! `upsert`: new keys are added, rows that differ updated.

use super::{Mode, NO_SCOPE, Statements, Write};

pub(super) struct Upsert;

impl Mode for Upsert {
    fn classify(&self, sql: &Statements<'_>) -> Option<String> {
        Some(sql.classify_by_key(&sql.differs(), NO_SCOPE))
    }

    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        sql.upserts(None).into()
    }
}
