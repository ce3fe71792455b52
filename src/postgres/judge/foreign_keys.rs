//! Foreign keys: the row referred to is in the table, or comes with this run.

use super::{Judge, Reason, Rows, filled::loads_all, not_rejected, not_rejected_as};
use crate::{
    error::Result,
    load::LoadTarget,
    postgres::{
        sql::{qualified, quote_identifier},
        staging::ORDINAL,
    },
    schema::ForeignKey,
};

impl Judge<'_> {
    /// Returns whether there were offenders: their rejection may orphan other rows.
    pub(super) async fn check_foreign_keys(&self, loads: &[LoadTarget]) -> Result<bool> {
        let mut found = false;
        let doing = "check foreign keys";
        for key in &self.load.table.foreign_keys {
            if self.was_looked_up(key) || self.refers_to_nothing(key) {
                continue;
            }
            let Some(rows) = self.with_columns(&key.columns) else { continue };
            found |= self.rejects(&self.reject_orphans(&rows, key, loads), doing).await?;
            if key.match_full {
                found |= self.rejects(&self.reject_partly_null(&rows, key), doing).await?;
            }
        }
        Ok(found)
    }

    fn reject_orphans(&self, rows: &Rows, key: &ForeignKey, loads: &[LoadTarget]) -> String {
        let message =
            format!("foreign key `{}`: {} has no row with this key", key.name, key.references);
        let mut unknown = vec![format!(
            "not exists (select from {} p where {})",
            qualified(&key.references),
            refers_to(key, "p")
        )];
        for (target, load) in loads.iter().enumerate() {
            if load.table.name == key.references && loads_all(load, &key.referenced_columns) {
                unknown.push(format!(
                    "not exists (select from {} p where {} and {} and {})",
                    self.staging.rows(target, load),
                    refers_to(key, "p"),
                    Judge { target, load, ..*self }.is_written_as("p"),
                    not_rejected_as(self.staging, target, "p")
                ));
            }
        }
        // One by one, each is a join; denied together, they are looked up row by row.
        let condition = format!("{} and {}", all_present(key), unknown.join(" and "));
        self.reject_by_key(rows, key, &message, &condition)
    }

    fn reject_partly_null(&self, rows: &Rows, key: &ForeignKey) -> String {
        let message = format!("foreign key `{}`: either all its columns or none", key.name);
        let columns = key.columns.iter().map(|name| format!("s.{}", quote_identifier(name)));
        let count = columns.collect::<Vec<_>>().join(", ");
        let condition =
            format!("num_nulls({count}) between 1 and {}", key.columns.len().saturating_sub(1));
        self.reject_by_key(rows, key, &message, &condition)
    }

    fn reject_by_key(
        &self,
        rows: &Rows,
        key: &ForeignKey,
        message: &str,
        condition: &str,
    ) -> String {
        let column = if let [column] = &key.columns[..] { column } else { "" };
        let reason = Reason { code: "constraint.foreign_key", column, message };
        format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', {} from {rows} s where {condition} and {} and {}",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            self.is_written(),
            not_rejected(self.staging, self.target)
        )
    }
}

fn refers_to(key: &ForeignKey, alias: &str) -> String {
    let pairs = key.columns.iter().zip(&key.referenced_columns);
    let equal = pairs.map(|(ours, theirs)| {
        format!("{alias}.{} = s.{}", quote_identifier(theirs), quote_identifier(ours))
    });
    equal.collect::<Vec<_>>().join(" and ")
}

fn all_present(key: &ForeignKey) -> String {
    let present =
        key.columns.iter().map(|name| format!("s.{} is not null", quote_identifier(name)));
    present.collect::<Vec<_>>().join(" and ")
}
