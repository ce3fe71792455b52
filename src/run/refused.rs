//! What can be read of a rejected record: enough to leave its row alone.
//!
//! A rejected record is not an absent one. For targets that delete, its key and scope go to
//! the server, as far as they can be read; where they cannot, nothing is deleted that might
//! be it (see [`crate::postgres::publish`]).

use bumpalo::Bump;

use crate::{
    batch::Record,
    copy::TupleEncoder,
    outcome::{Fault, Violation},
    plan::{TargetPlan, UnpivotedColumn},
    schema::PgType,
    transform::geometry::GeometryNotes,
    value::Value,
};

/// What a line stands for, as [`crate::postgres::staging::EMPTIED`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// A row of a rejected record.
    Row = 0,
    /// A cell that is empty in a rejected record.
    Emptied = 1,
    /// A cell that is empty in a record that the database may yet reject.
    EmptiedSoFar = 2,
}

/// Writes one rejected record's line for one target: ordinal, whether its key was read, what it
/// stands for, and the staged ones of [`crate::load::LoadTarget::identifying`].
pub(super) struct RefusedEncoder<'e> {
    pub(super) target: &'e TargetPlan,
    pub(super) arena: &'e Bump,
    pub(super) encoder: &'e mut TupleEncoder,
    pub(super) stands_for: Refused,
}

impl<'e> RefusedEncoder<'e> {
    /// # Errors
    /// A message when a value that was proven to fit does not: a fault of longshore.
    pub(super) fn encode(self, record: &Record<'e>) -> Result<(), String> {
        let load = &self.target.load;
        let identifying = load.identifying();
        let staged = load.columns.iter().enumerate().filter(|(_, column)| column.is_staged());
        let mut values = Vec::with_capacity(identifying.len());
        let row_key = load.row_key();
        let mut key_fields = 0;
        for ((index, column), transform) in staged.zip(&self.target.columns) {
            if !identifying.contains(&index) {
                continue;
            }
            let (mut notes, mut violations) = (GeometryNotes::default(), Vec::new());
            let value = match record.fault() {
                Some(_) => None,
                None => transform.apply(record, self.arena, &mut notes, &mut violations),
            };
            let value = value.unwrap_or(Value::Null);
            key_fields += usize::from(row_key.contains(&index) && value != Value::Null);
            values.push((&column.column, value));
        }
        let key_read = key_fields == row_key.len();
        self.encoder.begin_row(values.len() + 3);
        self.encoder.ordinal(record.ordinal());
        let mut written = self.encoder.field(&PgType::Bool, &Value::Bool(key_read));
        let stands_for = Value::Int(self.stands_for as i64);
        written = written.and_then(|()| self.encoder.field(&PgType::Int2, &stands_for));
        for (column, value) in values {
            written = written.and_then(|()| self.encoder.field(&column.pg_type, &value));
        }
        self.encoder.end_row();
        written.map_err(|_| format!("the key of {} does not fit its types", load.table.name))
    }
}

/// A violation of a row says which of the record's columns it is.
pub(super) fn located(violation: Violation, column: Option<&UnpivotedColumn>) -> Violation {
    match column {
        Some(column) => {
            Violation { message: format!("{} ({column})", violation.message), ..violation }
        }
        None => violation,
    }
}

/// What is told of a record that cannot be decoded.
pub(super) fn fault_violation(fault: &Fault) -> Violation {
    Violation {
        code: fault.code,
        column: fault.field.clone(),
        message: fault.message.clone(),
        masked: String::new(),
    }
}
