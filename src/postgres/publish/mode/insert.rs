//! `insert`: new keys are added, rows that are there stay as they are.

use super::{Kind, Mode, NO_SCOPE, Statements, Write};

pub(super) struct Insert;

impl Mode for Insert {
    fn classify(&self, sql: &Statements<'_>) -> Option<String> {
        Some(sql.classify_by_key("false", NO_SCOPE))
    }

    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        vec![Write::new(&[Kind::New], sql.insert_new())]
    }
}
