//! CHECK constraints of the table and of its columns' domains, what indexes are on, and what
//! partitions take.

use super::{Failing, Judge, OF_DEFINITION, Reason, not_rejected};
use crate::{
    error::Result,
    load::{LoadColumn, LoadMode},
    postgres::{
        caught::Attempt,
        partitions,
        sql::{own_rows, quote_identifier, same_key},
        staging::ORDINAL,
    },
    schema::{CheckConstraint, Generated},
};

impl Judge<'_> {
    /// CHECK constraints of the table and of its columns' domains.
    pub(super) async fn check_constraints(&self) -> Result<()> {
        for check in &self.load.table.checks {
            if let Some(rows) = self.with_columns(&check.uses) {
                self.reject_by_check(&rows, check, "", &format!("({})", check.sql)).await?;
            }
        }
        for column in &self.load.columns {
            let name = &column.column.name;
            for check in &column.column.domain_checks {
                let condition = on_value(&check.sql, &format!("s.{}", quote_identifier(name)));
                let condition = format!("({condition})");
                self.reject_by_check(&self.rows(), check, name, &condition).await?;
            }
        }
        Ok(())
    }

    /// Of a history, the CHECK constraints about when versions end; whether any row breaks one.
    pub(super) async fn check_ends(&self) -> Result<bool> {
        if !self.needs_ends() {
            return Ok(false);
        }
        self.fill().await?;
        let before = self.count_rejections().await?;
        for check in self.load.table.checks.iter().filter(|check| self.needs_end(&check.uses)) {
            if let Some(rows) = self.with_columns(&check.uses) {
                self.reject_by_check(&rows, check, "", &format!("({})", check.sql)).await?;
            }
        }
        Ok(self.count_rejections().await? > before)
    }

    async fn count_rejections(&self) -> Result<i64> {
        let count = format!("select count(*) from {}", self.staging.excluded());
        let row = self.client.query_typed_one(&count, &[]).await;
        Ok(row.map_err(super::failed("count rejections"))?.get(0))
    }

    async fn reject_by_check(
        &self,
        rows: &str,
        check: &CheckConstraint,
        column: &str,
        condition: &str,
    ) -> Result<()> {
        let message = format!("the constraint `{}` of the table does not hold", check.name);
        let reason = Reason { code: "constraint.check", column, message: &message };
        let what = format!("the constraint `{}` of the table", check.name);
        let (code, doing) = ("constraint.check", "evaluate constraints");
        let failing = Failing { code, column, what: &what, doing, ..OF_DEFINITION };
        self.reject_unless(rows, condition, &reason, &failing).await
    }

    /// Rows for which what an index is on cannot be evaluated: nobody else has to be asked. Those
    /// of unique and exclusion constraints are looked at with what they stand against.
    pub(super) async fn check_indexes(&self) -> Result<()> {
        for index in &self.load.table.indexes {
            let Some(rows) = self.with_columns(&index.uses) else { continue };
            let what = format!("the index `{}` of the table", index.name);
            let (code, doing) = ("constraint.index", "evaluate indexes");
            let failing = Failing { rows: &rows, code, what: &what, doing, ..OF_DEFINITION };
            let parts = evaluated(&index.parts, index.predicate.as_deref());
            let evaluate = format!(
                "select count({parts}) from (select * from {rows} s where {} and {} offset 0) s",
                self.is_written(),
                not_rejected(self.staging, self.target)
            );
            self.run_or_find_offenders(&evaluate, &parts, &failing).await?;
        }
        Ok(())
    }

    /// Rows that are there under another number than the record brings: one that is generated
    /// always as identity can be given to a new row, but no update changes it.
    pub(super) async fn check_identities(&self) -> Result<()> {
        let updates = !matches!(self.load.mode, LoadMode::Append | LoadMode::Insert);
        if !updates || self.load.key.is_empty() {
            return Ok(());
        }
        let columns = self.load.columns.iter().enumerate();
        let fixed = columns.filter(|(at, column)| !self.load.key.contains(at) && is_fixed(column));
        for (_, column) in fixed {
            let name = &column.column.name;
            let message = "the row that is there has another number, and the column is GENERATED ALWAYS: no update changes it";
            let reason = Reason { code: "constraint.identity", column: name, message };
            let name = quote_identifier(name);
            let insert = format!(
                "insert into {} select {}, s.{ORDINAL}, 'rejected', {} from {} s join {} t on {}
                 where t.{name} <> s.{name} and {} and {}",
                self.staging.excluded(),
                self.target,
                reason.as_columns(),
                self.rows(),
                own_rows(&self.load.table),
                same_key(self.load, "t", "s"),
                self.is_written(),
                not_rejected(self.staging, self.target)
            );
            self.execute(&insert, "compare identity columns").await?;
        }
        Ok(())
    }

    /// Rows that no partition of the table takes; a default partition takes all.
    pub(super) async fn check_partitions(&self) -> Result<()> {
        let condition = partitions::condition(self.client, self.load.table.oid).await;
        let mut condition = condition.map_err(super::failed("check partitions"))?;
        // What is missing will be made, for rows that have a day at all.
        if let Some(range) = self.load.range.filter(|range| range.every.is_some()) {
            let name = quote_identifier(&self.load.columns[range.column].column.name);
            let taken = condition.map_or_else(String::new, |condition| format!("{condition} or "));
            condition = Some(format!("({taken}(s.{name} is not null and isfinite(s.{name})))"));
        }
        match condition {
            Some(condition) if self.understands(&condition).await? => {
                let message = "no partition of the table takes it";
                let reason = Reason { code: "constraint.partition", column: "", message };
                let (code, what) = ("constraint.partition", "the table's partition key");
                let failing = Failing { code, what, doing: "check partitions", ..OF_DEFINITION };
                self.reject_unless(&self.rows(), &condition, &reason, &failing).await
            }
            _ => Ok(()),
        }
    }

    /// Whether an expression needs no columns but the loaded ones: the server parses it, no more.
    async fn understands(&self, sql: &str) -> Result<bool> {
        let explain = format!("explain (costs off) select ({sql}) from {} s", self.rows());
        Ok(matches!(self.attempt(&explain).await?, Attempt::Done(_)))
    }
}

/// Whether a loaded column can be given to new rows only.
fn is_fixed(column: &LoadColumn) -> bool {
    column.column.generated == Generated::IdentityAlways && !column.drawn
}

/// What an index evaluates of a row, as one value.
pub(super) fn evaluated<S: AsRef<str>>(parts: &[S], predicate: Option<&str>) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("({})", part.as_ref())).collect();
    let parts = format!("row({})", parts.join(", "));
    match predicate {
        Some(predicate) => format!("(case when ({predicate}) then {parts} end)"),
        None => parts,
    }
}

/// A domain's check with `VALUE` replaced; the word inside quotes is left alone.
fn on_value(sql: &str, value: &str) -> String {
    let replaced = |outside: &str| {
        let word = regex::Regex::new(r"\bVALUE\b");
        word.map_or_else(
            |_| outside.to_owned(),
            |word| word.replace_all(outside, regex::NoExpand(value)).into_owned(),
        )
    };
    let parts = sql.split('\'').enumerate();
    let parts: Vec<String> = parts
        .map(|(at, part)| if at % 2 == 0 { replaced(part) } else { part.to_owned() })
        .collect();
    parts.join("'")
}

#[cfg(test)]
mod tests {
    use super::on_value;

    #[test]
    fn a_domains_check_is_put_on_the_column() {
        assert_eq!(on_value("VALUE > 0 AND VALUE <> 'VALUE'", "s.a"), "s.a > 0 AND s.a <> 'VALUE'");
        assert_eq!(on_value("VALUES_1", "s.a"), "VALUES_1");
    }
}
