//! The rows of a table as they will be when the run is published.
//!
//! Those are the records that are written, and the rows that no record replaces and that
//! neither absence nor an order deletes.

use super::super::{Judge, failed, not_rejected};
use crate::{
    error::Result,
    load::{LoadMode, Mark},
    postgres::{
        sql::{own_rows, quote_identifier, quote_literal, same_key},
        staging::{KEY_READ, ORDINAL},
    },
};

/// What rules look at of a row, as columns; bare names in it are the row's.
fn as_parts(parts: &[String]) -> String {
    let numbered = parts.iter().enumerate();
    numbered.map(|(at, sql)| format!(", ({sql}) as {}", part(at))).collect()
}

/// The name of such a column: two underscores keep it apart from others, as with the ordinal.
pub(super) fn part(at: usize) -> String {
    format!("__part_{at}")
}

impl Judge<'_> {
    /// The rows `t` of the table that stay as they are, as a query: no ordinal, the key as
    /// texts in `__key`, then the parts; bare names in parts are the row's.
    pub(super) fn staying(&self, parts: &[String], condition: &str) -> String {
        let key = |&index: &usize| {
            format!("t.{}::text", quote_identifier(&self.load.columns[index].column.name))
        };
        let key: Vec<String> = self.load.key.iter().map(key).collect();
        let key = match key.is_empty() {
            true => "null::text[]".to_owned(),
            false => format!("array[{}]", key.join(", ")),
        };
        format!(
            "select null::bigint as {ORDINAL}, {key} as __key{} from {} t where {} and {condition}",
            as_parts(parts),
            own_rows(&self.load.table),
            self.stays()
        )
    }

    /// The records that are written, in the columns of [`Judge::staying`].
    pub(super) fn written(&self, parts: &[String]) -> String {
        self.written_among(parts, "true")
    }

    /// Those of them, as rows `s`, that fulfil a condition.
    pub(super) fn written_among(&self, parts: &[String], among: &str) -> String {
        let mut condition = self.is_judged();
        if self.load.mode == LoadMode::Insert {
            // Who is there already is left alone.
            let (table, key) = (own_rows(&self.load.table), same_key(self.load, "t", "s"));
            condition.push_str(&format!(" and not exists (select from {table} t where {key})"));
        }
        format!(
            "select s.{ORDINAL}, null::text[] as __key{} from {} s where {condition} and {among}",
            as_parts(parts),
            self.rows()
        )
    }

    /// The condition on rows `s` that rules are about: those that are written.
    pub(super) fn is_judged(&self) -> String {
        format!("{} and {}", self.is_written(), self.is_published_as("s"))
    }

    /// The records of the target, those that were rejected, too, but no further copies of one;
    /// in the columns of [`Judge::staying`].
    pub(super) fn delivered(&self, parts: &[String]) -> String {
        format!(
            "select s.{ORDINAL}, null::text[] as __key{} from {} s where {} and not exists (
               select from {} e where e.ordinal = s.{ORDINAL} and e.kind = 'duplicate' and e.target = {})",
            as_parts(parts),
            self.rows(),
            self.is_written(),
            self.staging.excluded(),
            self.target
        )
    }

    /// Whether a record that was rejected leaves a row of the table as it is that it would have
    /// replaced or deleted.
    pub(super) async fn has_row_back(&self) -> Result<bool> {
        if self.load.mode == LoadMode::Append {
            return Ok(false);
        }
        if self.load.key.is_empty() {
            return Ok(true);
        }
        let query = format!("select exists (select {})", self.left_behind());
        let row = self.client.query_typed_one(&query, &[]).await;
        Ok(row.map_err(failed("look for rows of rejected records"))?.get(0))
    }

    /// The rows `t` of the table with the keys of rejected records, as the end of a query.
    pub(super) fn left_behind(&self) -> String {
        format!(
            "from {} s join {} t on {} where not ({})",
            self.rows(),
            own_rows(&self.load.table),
            same_key(self.load, "t", "s"),
            not_rejected(self.staging, self.target)
        )
    }

    /// The condition on row `t` of the table that it is as it was when the run is published.
    pub(super) fn stays(&self) -> String {
        if self.load.key.is_empty() {
            // Whole rows are compared: who is the same is staged, the others go.
            return (self.load.mode == LoadMode::Append).to_string();
        }
        let mut conditions = Vec::new();
        // `insert` leaves rows alone that are there; others a record replaces, or deletes.
        if self.load.mode != LoadMode::Insert {
            conditions.push(format!(
                "not exists (select from {} d where {} and {})",
                self.rows(),
                same_key(self.load, "t", "d"),
                self.is_published_as("d")
            ));
        }
        if self.load.mode.deletes() {
            conditions.push(self.is_not_absent());
        }
        if let LoadMode::Mirror { soft: Some(soft), .. } = &self.load.mode {
            let column = quote_identifier(&soft.column.name);
            conditions.push(match &soft.deleted {
                Mark::Moment => format!("t.{column} is null"),
                Mark::Value(value) => {
                    format!("t.{column} is distinct from {}", quote_literal(value))
                }
            });
        }
        if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") }
    }

    /// That row `t` is outside of what the files speak for, or kept since a rejected record is
    /// or may be it. `kept` has one line for each rejected record of the target.
    fn is_not_absent(&self) -> String {
        let (kept, rows) = (self.staging.kept(self.target), self.rows());
        let known = format!(
            "exists (select from {kept} k where k.{KEY_READ} and {})",
            same_key(self.load, "t", "k")
        );
        let scope: Vec<String> = self
            .load
            .mode
            .scope()
            .iter()
            .map(|index| quote_identifier(&self.load.columns[*index].column.name))
            .collect();
        if scope.is_empty() {
            return format!(
                "({known} or (select exists (select from {kept} where not {KEY_READ})))"
            );
        }
        let same = |with: &str| {
            let pairs = scope.iter().map(|column| format!("{with}.{column} = t.{column}"));
            pairs.collect::<Vec<_>>().join(" and ")
        };
        let unreadable: Vec<String> =
            scope.iter().map(|column| format!("k.{column} is null")).collect();
        format!(
            "({known} or exists (select from {kept} k where not k.{KEY_READ} and ({} or {}))
              or not exists (select from {rows} x where {}))",
            same("k"),
            unreadable.join(" or "),
            same("x")
        )
    }
}
