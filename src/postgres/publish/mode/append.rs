//! `append`: every record is a new row.

use super::{Mode, Statements, Write};

pub(super) struct Append;

impl Mode for Append {
    fn classify(&self, _: &Statements<'_>) -> Option<String> {
        None
    }

    fn writes(&self, sql: &Statements<'_>) -> Vec<Write> {
        vec![Write::everything(sql)]
    }
}
