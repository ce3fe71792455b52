//! One record's row for one target, as it goes to the wire.
//!
//! This runs for every cell of every file. What a target's definition says of
//! a column is looked up once, when a worker begins, and not per record.

use bumpalo::Bump;

use super::keys::KeyHash;
use crate::{
    batch::Record,
    copy::TupleEncoder,
    outcome::Violation,
    plan::TargetPlan,
    schema::{Column, PgType},
    transform::{ColumnTransform, Operation, Operations, geometry::GeometryNotes},
    value::Value,
};

/// How a target's rows are written.
pub(super) struct RowLayout<'p> {
    operations: Option<&'p Operations>,
    /// Of a delivery that holds all there is: records that are to go are not among the rows.
    departures: Option<&'p Operations>,
    fields: Vec<StagedField<'p>>,
    /// Whether any of the key is among the fields: keys differ where what is staged of them does.
    is_keyed: bool,
}

/// One field of the row.
struct StagedField<'p> {
    transform: &'p ColumnTransform,
    column: &'p Column,
    is_key: bool,
    /// Whether it is read of a record that orders its row to be deleted.
    is_read_of_deletion: bool,
}

impl<'p> RowLayout<'p> {
    /// The target's columns that are staged, then what lookups match.
    pub(super) fn new(target: &'p TargetPlan) -> Self {
        let load = &target.load;
        let columns = load.columns.iter().enumerate().filter(|(_, column)| column.is_staged());
        let columns = target.columns.iter().zip(columns).map(|(transform, (index, column))| {
            let is_key = load.key.contains(&index);
            let is_read_of_deletion = load.is_read_of_deletion(index);
            StagedField { transform, column: &column.column, is_key, is_read_of_deletion }
        });
        let matched = target.matched.iter().zip(load.matched()).map(|(transform, matched)| {
            let is_read_of_deletion = load.is_read_of_deletion(matched.of);
            StagedField { transform, column: matched.column, is_key: false, is_read_of_deletion }
        });
        let fields: Vec<_> = columns.chain(matched).collect();
        let is_keyed = fields.iter().any(|field| field.is_key);
        let (operations, departures) = (target.operations.as_ref(), target.departures.as_ref());
        Self { operations, departures, fields, is_keyed }
    }

    /// All columns are looked at even after a violation: the owner of the data gets all of them.
    /// Gives the hash of what is staged of the key, if anything is.
    ///
    /// # Errors
    /// A message when a value that was proven to fit does not: a fault of longshore.
    pub(super) fn encode<'e>(
        &'e self,
        record: &Record<'e>,
        arena: &'e Bump,
        encoder: &mut TupleEncoder,
        notes: &mut GeometryNotes,
        violations: &mut Vec<Violation>,
    ) -> Result<Option<u64>, String> {
        encoder.begin_row(1 + usize::from(self.operations.is_some()) + self.fields.len());
        encoder.ordinal(record.ordinal());
        let key_only = self.operation(record, arena, encoder, violations)?;
        violations.extend(self.departures.and_then(|words| words.of(record, arena).err()));
        let mut key = KeyHash::default();
        for field in &self.fields {
            if key_only && !field.is_read_of_deletion {
                write(encoder, field.column, &Value::Null)?;
                continue;
            }
            let start = encoder.bytes();
            let text = field.transform.verbatim(record);
            if !text.is_some_and(|text| encoder.text(&field.column.pg_type, text)) {
                field.encode(record, arena, encoder, notes, violations)?;
            }
            if field.is_key {
                key.add(encoder.encoded(start));
            }
        }
        encoder.end_row();
        Ok(self.is_keyed.then(|| key.finish()))
    }

    /// Whether no more is judged of a record than of a deletion: where it is one, or where nobody
    /// knows what its operation means.
    fn operation(
        &self,
        record: &Record<'_>,
        arena: &Bump,
        encoder: &mut TupleEncoder,
        violations: &mut Vec<Violation>,
    ) -> Result<bool, String> {
        let Some(operations) = self.operations else { return Ok(false) };
        let operation = operations.of(record, arena);
        let key_only = operation != Ok(Operation::Write);
        let written = encoder.field(&PgType::Bool, &Value::Bool(key_only));
        written.map_err(|_| "a truth does not fit its type")?;
        violations.extend(operation.err());
        Ok(key_only)
    }
}

impl StagedField<'_> {
    /// Works its value out; nothing is written once a column of the row was refused.
    fn encode<'e>(
        &'e self,
        record: &Record<'e>,
        arena: &'e Bump,
        encoder: &mut TupleEncoder,
        notes: &mut GeometryNotes,
        violations: &mut Vec<Violation>,
    ) -> Result<(), String> {
        match self.transform.apply(record, arena, notes, violations) {
            Some(value) if violations.is_empty() => write(encoder, self.column, &value),
            _ => Ok(()),
        }
    }
}

/// Adds a field to the row; that it does not fit is a fault of longshore.
#[inline]
fn write(encoder: &mut TupleEncoder, column: &Column, value: &Value<'_>) -> Result<(), String> {
    let written = encoder.field(&column.pg_type, value);
    written.map_err(|_| format!("a value of column `{}` does not fit its type", column.name))
}
