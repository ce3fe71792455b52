//! Exclusion constraints: no two rows for which all operators hold.
//!
//! Comparing every record with every other takes an index, so what is compared is put into a
//! table of its own with an index like the constraint's.

use super::{
    Judge, Reason,
    unique::{Against, part},
};
use crate::{error::Result, postgres::staging::ORDINAL, schema::Exclusion};

impl Judge<'_> {
    pub(super) async fn check_exclusions(&self) -> Result<()> {
        for exclusion in &self.load.table.exclusions {
            let Some(rows) = self.with_columns(&exclusion.uses) else { continue };
            let doing = "check exclusion constraints";
            self.execute(&self.compare(&rows, exclusion), doing).await?;
            self.execute(&self.reject_excluded_by_table(exclusion), doing).await?;
            self.execute(&self.reject_excluded_by_records(exclusion), doing).await?;
        }
        Ok(())
    }

    fn compare(&self, rows: &str, exclusion: &Exclusion) -> String {
        let compared = self.staging.compared(self.target);
        let classes = exclusion.parts.iter().enumerate();
        let classes: Vec<String> =
            classes.map(|(at, one)| format!("{} {}", part(at), one.class)).collect();
        let subject = self.subject(rows, exclusion.predicate.as_deref(), &parts(exclusion));
        format!(
            "drop table if exists {compared};
             create unlogged table {compared} with (autovacuum_enabled = false) as {subject};
             create index on {compared} using {} ({});
             analyze {compared}",
            exclusion.method,
            classes.join(", ")
        )
    }

    /// Values the table holds come first: who takes them stands against nobody afterwards.
    fn reject_excluded_by_table(&self, exclusion: &Exclusion) -> String {
        let message = format!(
            "exclusion constraint `{}`: a row of the table stands against it",
            exclusion.name
        );
        let reason = Reason { code: "constraint.exclusion", column: "", message: &message };
        let subject = format!("select * from {}", self.staging.compared(self.target));
        self.against_table(
            &subject,
            &reason,
            &Against {
                predicate: exclusion.predicate.as_deref(),
                parts: &parts(exclusion),
                same: &conflict(exclusion, "t", "s"),
            },
        )
    }

    fn reject_excluded_by_records(&self, exclusion: &Exclusion) -> String {
        let message = format!(
            "exclusion constraint `{}`: another record of this run stands against it",
            exclusion.name
        );
        let reason = Reason { code: "constraint.exclusion", column: "", message: &message };
        let compared = self.staging.compared(self.target);
        format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', {}, min(o.{ORDINAL})
             from {compared} s join {compared} o on o.{ORDINAL} <> s.{ORDINAL} and {}
             where {} and {} group by s.{ORDINAL}",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            conflict(exclusion, "o", "s"),
            super::not_rejected(self.staging, self.target),
            super::not_rejected_as(self.staging, self.target, "o"),
        )
    }
}

fn parts(exclusion: &Exclusion) -> Vec<String> {
    exclusion.parts.iter().map(|part| part.sql.clone()).collect()
}

fn conflict(exclusion: &Exclusion, left: &str, right: &str) -> String {
    let parts = exclusion.parts.iter().enumerate();
    let holds = parts.map(|(at, one)| {
        let name = part(at);
        format!("{left}.{name} operator({}) {right}.{name}", one.operator)
    });
    holds.collect::<Vec<_>>().join(" and ")
}
