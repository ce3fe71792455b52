//! CHECK constraints of the table and of its columns' domains, what indexes are on, and what
//! partitions take.

use super::{Failing, Judge, OF_DEFINITION, Reason, Rows, can_be_evaluated, not_rejected};
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

/// The code of records that break one.
const CHECK: &str = "constraint.check";

/// A CHECK constraint, and what it is judged over.
struct Check<'a> {
    check: &'a CheckConstraint,
    /// The column whose domain has it.
    column: &'a str,
    condition: String,
    rows: Rows,
}

fn message_of(check: &CheckConstraint) -> String {
    format!("the constraint `{}` of the table does not hold", check.name)
}

impl Judge<'_> {
    /// CHECK constraints of the table and of its columns' domains. To read the rows costs more than
    /// most conditions do, so all are judged at once, as far as they are judged over one table.
    pub(super) async fn check_constraints(&self) -> Result<()> {
        let mut checks = self.checks();
        while let Some(rows) = checks.first().map(|check| check.rows.stored.clone()) {
            let (here, elsewhere) = checks.into_iter().partition(|one| one.rows.stored == rows);
            checks = elsewhere;
            self.reject_by_checks(&here).await?;
        }
        Ok(())
    }

    /// Those that can be judged before anything is written.
    fn checks(&self) -> Vec<Check<'_>> {
        let of_table = self.load.table.checks.iter().filter_map(|check| {
            let (rows, condition) = (self.with_columns(&check.uses)?, format!("({})", check.sql));
            Some(Check { check, column: "", condition, rows })
        });
        let of_domains = self.load.columns.iter().flat_map(|column| {
            let name = &column.column.name;
            column.column.domain_checks.iter().map(move |check| {
                let condition = on_value(&check.sql, &format!("s.{}", quote_identifier(name)));
                let condition = format!("({condition})");
                Check { check, column: name, condition, rows: self.own_rows() }
            })
        });
        of_table.chain(of_domains).collect()
    }

    /// Judges by checks over one table: in one pass, or one by one where that fails.
    async fn reject_by_checks(&self, checks: &[Check<'_>]) -> Result<()> {
        let uses = checks.iter().flat_map(|one| one.check.uses.clone()).collect::<Vec<_>>();
        if let (Some(rows), 2..) = (self.with_columns(&uses), checks.len())
            && let Attempt::Done(_) = self.attempt(&self.reject_by_any(&rows, checks)).await?
        {
            return Ok(());
        }
        for one in checks {
            self.reject_by_check(&one.rows, one.check, one.column, &one.condition).await?;
        }
        Ok(())
    }

    /// What is wrong is asked only of rows that break any. Names of the table's columns stand bare
    /// in conditions, so those added here must not be among them.
    fn reject_by_any(&self, rows: &Rows, checks: &[Check<'_>]) -> String {
        let broken = checks.iter().map(|one| {
            let message = message_of(one.check);
            let reason = Reason { code: CHECK, column: one.column, message: &message };
            format!("select {} where not {}", reason.as_columns(), one.condition)
        });
        let any = checks.iter().map(|one| format!("not {}", one.condition));
        format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', b.* from {rows} s
               cross join lateral ({}) b (__code, __column, __message) where ({}) and {} and {}",
            self.staging.excluded(),
            self.target,
            broken.collect::<Vec<_>>().join(" union all "),
            any.collect::<Vec<_>>().join(" or "),
            self.is_written(),
            can_be_evaluated(self.staging)
        )
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
        rows: &Rows,
        check: &CheckConstraint,
        column: &str,
        condition: &str,
    ) -> Result<()> {
        let message = message_of(check);
        let reason = Reason { code: CHECK, column, message: &message };
        let what = format!("the constraint `{}` of the table", check.name);
        let (code, doing) = (CHECK, "evaluate constraints");
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
            let (stored, added) = (&rows.stored, rows.added.as_ref());
            let failing =
                Failing { rows: stored, added, code, what: &what, doing, ..OF_DEFINITION };
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
                self.reject_unless(&self.own_rows(), &condition, &reason, &failing).await
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
