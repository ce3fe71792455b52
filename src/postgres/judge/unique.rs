//! Unique constraints and indexes other than the key that rows are matched by: whole, partial,
//! on expressions, with NULLs that are equal.

use super::{Judge, Reason, not_rejected};
use crate::{
    error::Result,
    load::LoadMode,
    postgres::{
        sql::{own_rows, quote_identifier, same_key},
        staging::{DELETES, ORDINAL},
    },
    schema::UniqueKey,
};

impl Judge<'_> {
    pub(super) async fn check_unique_constraints(&self) -> Result<()> {
        let doing = "check unique constraints";
        for unique in self.load.table.unique_keys.iter().filter(|unique| !self.is_key(unique)) {
            // What a sequence gives is new to the table, and drawn once for each key.
            if unique.columns.len() == 1 && self.is_drawn(&unique.columns[0]) {
                continue;
            }
            let Some(rows) = self.with_columns(&unique.uses) else { continue };
            // Values the table holds come first: who takes them is nobody's equal afterwards.
            self.execute(&self.reject_taken_values(&rows, unique), doing).await?;
            self.execute(&self.reject_repeated_values(unique), doing).await?;
        }
        Ok(())
    }

    fn is_drawn(&self, name: &str) -> bool {
        self.load.columns.iter().any(|column| column.drawn && column.column.name == name)
    }

    /// The rows of this run that a constraint is about, of all targets on the table.
    fn subjects(&self, unique: &UniqueKey) -> String {
        let same_table =
            self.loads.iter().enumerate().filter(|(_, load)| load.table.oid == self.load.table.oid);
        let subjects = same_table.filter_map(|(target, load)| {
            let judge = Judge { target, load, ..*self };
            let rows = judge.with_columns(&unique.uses)?;
            Some(format!(
                "select {target} as __target, s.{ORDINAL}{} from {rows} s where {}",
                as_parts(&unique.parts),
                judge.subject_to(unique.predicate.as_deref())
            ))
        });
        subjects.collect::<Vec<_>>().join(" union all ")
    }

    fn is_key(&self, unique: &UniqueKey) -> bool {
        let key: Vec<&String> =
            self.load.key.iter().map(|index| &self.load.columns[*index].column.name).collect();
        unique.predicate.is_none()
            && key.len() == unique.columns.len()
            && key.iter().all(|name| unique.columns.contains(name))
    }

    /// The condition on rows that a constraint is about, and that no other rejected.
    pub(super) fn subject_to(&self, predicate: Option<&str>) -> String {
        let mut conditions = vec![
            self.is_written(),
            not_rejected(self.staging, self.target),
            self.is_no_duplicate(),
        ];
        conditions.extend(predicate.map(|predicate| format!("({predicate})")));
        conditions.join(" and ")
    }

    fn is_no_duplicate(&self) -> String {
        format!(
            "not exists (select from {} e where e.ordinal = s.{ORDINAL} and e.kind = 'duplicate' and e.target = {})",
            self.staging.excluded(),
            self.target
        )
    }

    fn reject_repeated_values(&self, unique: &UniqueKey) -> String {
        let message = format!(
            "unique constraint `{}`: other records of this run have the same values",
            unique.name
        );
        let reason = Reason { code: "constraint.unique", column: "", message: &message };
        let present = if unique.nulls_not_distinct { "true".to_owned() } else { present(unique) };
        format!(
            "insert into {} select __target, {ORDINAL}, 'rejected', {},
               case {ORDINAL} when first then last else first end from (
               select s.__target, s.{ORDINAL}, count(*) over same as copies, min(s.{ORDINAL}) over same as first,
                 max(s.{ORDINAL}) over same as last
               from ({}) s where {present}
               window same as (partition by {})) counted
             where copies > 1",
            self.staging.excluded(),
            reason.as_columns(),
            self.subjects(unique),
            names(unique).join(", ")
        )
    }

    /// Values that another row of the table holds. With `insert`, rows whose key is there
    /// already are not written, so they take nothing.
    fn reject_taken_values(&self, rows: &str, unique: &UniqueKey) -> String {
        let message = format!(
            "unique constraint `{}`: a row of the table has these values under another key",
            unique.name
        );
        let reason = Reason { code: "constraint.unique", column: "", message: &message };
        let equal = |name: &String| match unique.nulls_not_distinct {
            true => format!("array[t.{name}] = array[s.{name}]"),
            false => format!("t.{name} = s.{name}"),
        };
        let same: Vec<String> = names(unique).iter().map(equal).collect();
        self.against_table(
            &self.subject(rows, unique.predicate.as_deref(), &unique.parts),
            &reason,
            &Against {
                predicate: unique.predicate.as_deref(),
                parts: &unique.parts,
                same: &same.join(" and "),
            },
        )
    }

    /// The rows a constraint is about, with their keys and what it compares.
    pub(super) fn subject(&self, rows: &str, predicate: Option<&str>, parts: &[String]) -> String {
        let mut condition = self.subject_to(predicate);
        if self.load.mode == LoadMode::Insert {
            let (table, key) = (own_rows(&self.load.table), same_key(self.load, "t", "s"));
            condition.push_str(&format!(" and not exists (select from {table} t where {key})"));
        }
        format!(
            "select s.{ORDINAL}{}{} from {rows} s where {condition}",
            self.key_columns("s"),
            as_parts(parts)
        )
    }

    /// Rejects rows of `subject` that a row of the table with another key stands against.
    pub(super) fn against_table(
        &self,
        subject: &str,
        reason: &Reason<'_>,
        against: &Against<'_>,
    ) -> String {
        let other_row = match self.load.key.is_empty() {
            true => String::new(),
            false => format!(" and not ({})", same_key(self.load, "t", "s")),
        };
        // Where whole rows are compared, who has the values is either the same row or goes.
        let stays = match self.load.mode {
            LoadMode::Replace if self.load.key.is_empty() => " and false".to_owned(),
            _ => self.is_not_deleted(),
        };
        let key = |&index: &usize| {
            format!("t.{}::text", quote_identifier(&self.load.columns[index].column.name))
        };
        let key: Vec<String> = self.load.key.iter().map(key).collect();
        let key =
            if key.is_empty() { "null".to_owned() } else { format!("array[{}]", key.join(", ")) };
        format!(
            "insert into {} select distinct on (s.{ORDINAL}) {}, s.{ORDINAL}, 'rejected', {}, null::bigint, {key}
             from ({subject}) s join (select true as there{}{} from {} t where {}) t on {}{other_row}{stays}",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            self.key_columns("t"),
            as_parts(against.parts),
            own_rows(&self.load.table),
            against.predicate.map_or("true".to_owned(), |predicate| format!("({predicate})")),
            against.same
        )
    }

    /// That no record of the run orders row `t` to be deleted, as one more condition.
    fn is_not_deleted(&self) -> String {
        if self.load.mode != LoadMode::Operations {
            return String::new();
        }
        format!(
            " and not exists (select from {} d where d.{DELETES} and {} and not exists (
               select from {} e where e.ordinal = d.{ORDINAL} and (e.kind = 'rejected' or e.target = {})))",
            self.rows(),
            same_key(self.load, "t", "d"),
            self.staging.excluded(),
            self.target
        )
    }

    fn key_columns(&self, alias: &str) -> String {
        let column = |&index: &usize| {
            format!(", {alias}.{}", quote_identifier(&self.load.columns[index].column.name))
        };
        self.load.key.iter().map(column).collect()
    }
}

/// What is compared with the rows of the table, and when it is the same.
pub(super) struct Against<'a> {
    pub(super) predicate: Option<&'a str>,
    pub(super) parts: &'a [String],
    pub(super) same: &'a str,
}

/// The parts of a constraint as columns; bare names in them are the row's.
pub(super) fn as_parts(parts: &[String]) -> String {
    let numbered = parts.iter().enumerate();
    numbered.map(|(at, sql)| format!(", ({sql}) as {}", part(at))).collect()
}

/// The name of a part: two underscores keep it apart from columns, as with the ordinal.
pub(super) fn part(at: usize) -> String {
    format!("__part_{at}")
}

fn names(unique: &UniqueKey) -> Vec<String> {
    (0..unique.parts.len()).map(part).collect()
}

fn present(unique: &UniqueKey) -> String {
    let present = names(unique);
    present.iter().map(|name| format!("s.{name} is not null")).collect::<Vec<_>>().join(" and ")
}
