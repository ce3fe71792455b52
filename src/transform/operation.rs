//! The operation field of a change delivery: whether a record's row is written or deleted.

use bumpalo::Bump;

use super::{render, words::Words};
use crate::{
    batch::Record,
    definition::OperationDefinition,
    outcome::{Violation, mask},
};

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Its row is inserted or updated.
    Write,
    /// Its row is deleted; only the key counts.
    Delete,
}

/// The words of a field, and what they mean.
#[derive(Debug)]
pub struct Operations {
    /// Where the projection has the field.
    cell: usize,
    field: String,
    writes: Words,
    deletes: Words,
}

impl Operations {
    /// The field of the definition, which the projection has at `cell`.
    pub fn new(definition: &OperationDefinition, cell: usize) -> Self {
        let writes = definition.insert.iter().chain(&definition.update);
        Self {
            cell,
            field: definition.from.to_string(),
            writes: Words::new(writes.map(String::as_str)),
            deletes: Words::new(definition.delete.iter().map(String::as_str)),
        }
    }

    /// What the record is for.
    ///
    /// # Errors
    /// The violation where the field has another word.
    pub fn of(&self, record: &Record<'_>, arena: &Bump) -> Result<Operation, Violation> {
        let word = render::text(record.cell(self.cell), arena);
        if self.writes.contains(word) {
            return Ok(Operation::Write);
        }
        if self.deletes.contains(word) {
            return Ok(Operation::Delete);
        }
        Err(Violation {
            code: "rule.operation",
            column: self.field.clone(),
            message: "none of the words for insert, update or delete".to_owned(),
            masked: mask(word, false),
        })
    }
}
