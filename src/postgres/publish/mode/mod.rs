//! What the modes of writing differ in, and nothing else: which rows are new, changed, the
//! same or gone, and what is written for each.

mod absent;
mod append;
mod history;
mod insert;
mod mirror;
mod operations;
mod replace;
mod upsert;

use super::{
    changes::Kind,
    statements::{Statements, content},
};
use crate::load::LoadMode;

/// The scope of a row where the mode has none.
const NO_SCOPE: &str = "null::text[]";

/// One way of writing staged rows to a table.
pub(super) trait Mode {
    /// The query that says of each row what is to happen to it (see [`super::changes`]);
    /// `None` where every row is new, whatever the table holds.
    fn classify(&self, sql: &Statements<'_>) -> Option<String>;

    /// What is written after classifying, in this order.
    fn writes(&self, sql: &Statements<'_>) -> Vec<Write>;

    /// Whether all there is to do with an empty table is to insert every row.
    fn fills_empty_table(&self) -> bool {
        true
    }

    /// What takes rows away, after all targets are written: those that refer to others first.
    fn removals(&self, _: &Statements<'_>) -> Vec<Write> {
        Vec::new()
    }
}

/// What a statement does to rows of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Inserts,
    Updates,
    Deletes,
}

/// One statement that writes to the target.
#[derive(Clone)]
pub(super) struct Write {
    /// The kinds of rows it writes: it must write just as many as were classified so.
    pub(super) kinds: &'static [Kind],
    pub(super) sql: String,
    /// The query of the rows that it is run for one by one, where their order matters.
    pub(super) rows: Option<String>,
}

impl Write {
    pub(super) fn new(kinds: &'static [Kind], sql: String) -> Self {
        Self { kinds, sql, rows: None }
    }

    /// What it does to rows of the target, by its first word.
    pub(super) fn effect(&self) -> Effect {
        match self.sql.split_whitespace().next() {
            Some("insert") => Effect::Inserts,
            Some("delete") => Effect::Deletes,
            _ => Effect::Updates,
        }
    }

    /// Whether it deletes rows, so that others may still refer to them.
    pub(super) fn deletes(&self) -> bool {
        self.effect() == Effect::Deletes
    }

    /// Where nothing was classified since every row is new.
    pub(super) fn everything(sql: &Statements<'_>) -> Self {
        Self::new(&[Kind::New], sql.insert_all())
    }
}

/// The mode a target is loaded in.
pub(super) fn mode(mode: &LoadMode) -> &dyn Mode {
    match mode {
        LoadMode::Append => &append::Append,
        LoadMode::Insert => &insert::Insert,
        LoadMode::Upsert => &upsert::Upsert,
        LoadMode::Operations => &operations::Operations,
        LoadMode::History(validity) => validity,
        LoadMode::Mirror { .. } => &mirror::Mirror,
        LoadMode::Replace => &replace::Replace,
    }
}
