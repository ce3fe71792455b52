//! Deletions that records order: a row that others refer to stays, and its record is rejected.

use super::{Judge, Reason, failed, merged, not_rejected_as};
use crate::{
    error::Result,
    load::{LoadMode, LoadTarget, deletes_first},
    postgres::{
        references::{Reference, references},
        sql::{qualified, quote_identifier, same_key},
        staging::{DELETES, ORDINAL},
    },
};

impl Judge<'_> {
    /// Returns whether there were offenders: a row that stays may refer to others in its turn.
    pub(super) async fn check_ordered_deletions(&self, loads: &[LoadTarget]) -> Result<bool> {
        if self.load.mode != LoadMode::Operations {
            return Ok(false);
        }
        let failed = || failed("look for rows that refer to deleted ones");
        let mut found = false;
        let to_table = references(self.client, self.load.table.oid).await.map_err(failed())?;
        for reference in to_table {
            let insert = self.reject_referred(&reference, loads);
            let rejected = self.client.execute_typed(&insert, &[]).await.map_err(failed())?;
            if rejected > 0 {
                merged::follow(self).await?;
                found = true;
            }
        }
        Ok(found)
    }

    fn reject_referred(&self, reference: &Reference, loads: &[LoadTarget]) -> String {
        let message =
            format!("foreign key `{}`: rows of {} refer to it", reference.name, reference.table);
        let reason = Reason { code: "constraint.foreign_key", column: "", message: &message };
        let (mut stays, mut comes) = (String::new(), String::new());
        for (target, load) in loads.iter().enumerate() {
            if load.table.name == reference.table && !load.key.is_empty() {
                let other = Judge { target, load, ..*self };
                stays.push_str(&other.is_not_moved_away(reference, deletes_first(loads)));
                comes.push_str(&other.refers_newly(reference));
            }
        }
        format!(
            "insert into {excluded} select {target}, s.{ORDINAL}, 'rejected', {reason} from {rows} s join {table} t on {same_key}
             where s.{DELETES} and {published} and (exists (select from {referring} r where {refers}{stays}){comes})",
            excluded = self.staging.excluded(),
            target = self.target,
            reason = reason.as_columns(),
            rows = self.rows(),
            table = qualified(&self.load.table.name),
            same_key = same_key(self.load, "t", "s"),
            published = self.is_published_as("s"),
            referring = reference.table_sql(),
            refers = reference.refers("r", "t"),
        )
    }

    /// That no record of this target deletes row `r` of its table or lets it refer to another.
    fn is_not_moved_away(&self, reference: &Reference, deletes_first: bool) -> String {
        let mut moves = Vec::new();
        if self.load.mode == LoadMode::Operations {
            moves.push(format!("d.{DELETES}"));
        }
        let loaded = |name: &String| self.load.columns.iter().any(|c| c.column.name == *name);
        let updates = matches!(
            self.load.mode,
            LoadMode::Upsert | LoadMode::Operations | LoadMode::Mirror { .. } | LoadMode::Replace
        );
        if updates && !deletes_first && reference.columns.iter().all(loaded) {
            let differs = reference.columns.iter().map(|name| {
                let name = quote_identifier(name);
                format!("d.{name} is distinct from r.{name}")
            });
            let differs = differs.collect::<Vec<_>>().join(" or ");
            moves.push(format!("({} and ({differs}))", self.is_written_as("d")));
        }
        if moves.is_empty() {
            return String::new();
        }
        format!(
            " and not exists (select from {} d where {} and {} and ({}))",
            self.rows(),
            same_key(self.load, "r", "d"),
            self.is_published_as("d"),
            moves.join(" or ")
        )
    }

    /// Or that a record of this target is written that refers to row `t`.
    fn refers_newly(&self, reference: &Reference) -> String {
        let loaded = |name: &String| self.load.columns.iter().any(|c| c.column.name == *name);
        if !reference.columns.iter().all(loaded) {
            return String::new();
        }
        format!(
            " or exists (select from {} p where {} and {} and {})",
            self.rows(),
            reference.refers("p", "t"),
            self.is_written_as("p"),
            self.is_published_as("p")
        )
    }

    /// The condition that a staged row of this target is neither rejected nor a duplicate.
    pub(super) fn is_published_as(&self, row: &str) -> String {
        format!(
            "{} and not exists (select from {} e where e.ordinal = {row}.{ORDINAL} and e.kind = 'duplicate' and e.target = {})",
            not_rejected_as(self.staging, self.target, row),
            self.staging.excluded(),
            self.target
        )
    }
}
