//! The table's own constraints, judged over staging before anything is written.
//!
//! A constraint that fails while publishing would stop every good row, and the
//! server's message would quote the bad one. So CHECKs, domain checks, foreign
//! keys and unique constraints are evaluated as queries here, and offenders
//! become rejections that name the constraint. Only constraints whose columns
//! are all loaded can be judged; the others depend on values this run does not
//! bring.

use tokio_postgres::types::{ToSql, Type};

use super::{Judge, Reason, not_rejected, not_rejected_as};
use crate::{
    error::Result,
    load::{LoadMode, LoadTarget},
    postgres::{
        sql::{qualified, quote_identifier},
        staging::{DELETES, ORDINAL},
    },
    schema::{CheckConstraint, ForeignKey, UniqueKey},
};

impl Judge<'_> {
    /// CHECK constraints of the table and of its columns' domains.
    pub(super) async fn check_constraints(&self) -> Result<()> {
        for check in &self.load.table.checks {
            if self.understands(&check.sql).await {
                self.reject_by_check(check, "", &format!("({})", check.sql)).await?;
            }
        }
        for column in &self.load.columns {
            let name = &column.column.name;
            for check in &column.column.domain_checks {
                let condition = on_value(&check.sql, &format!("s.{}", quote_identifier(name)));
                self.reject_by_check(check, name, &format!("({condition})")).await?;
            }
        }
        Ok(())
    }

    /// Rows that no partition of the table takes; a default partition takes all.
    pub(super) async fn check_partitions(&self) -> Result<()> {
        let query = "select case when bool_and(c.def is not null) then '(' || string_agg('(' || c.def || ')', ' or ') || ')' end
            from pg_catalog.pg_partition_tree($1::oid::regclass) t,
              pg_catalog.pg_get_partition_constraintdef(t.relid) as c (def)
            where t.isleaf and t.level > 0";
        let failed = super::failed("check partitions");
        let oid = (&self.load.table.oid as &(dyn ToSql + Sync), Type::OID);
        let row = self.client.query_typed_one(query, &[oid]).await.map_err(&failed)?;
        let condition: Option<String> = row.try_get(0).map_err(failed)?;
        match condition {
            Some(condition) if self.understands(&condition).await => {
                let message = "no partition of the table takes it";
                let reason = Reason { code: "constraint.partition", column: "", message };
                self.reject_unless(&condition, &reason).await
            }
            _ => Ok(()),
        }
    }

    async fn reject_by_check(
        &self,
        check: &CheckConstraint,
        column: &str,
        condition: &str,
    ) -> Result<()> {
        let message = format!("the constraint `{}` of the table does not hold", check.name);
        self.reject_unless(
            condition,
            &Reason { code: "constraint.check", column, message: &message },
        )
        .await
    }

    /// Whether an expression needs no columns but the loaded ones: the server parses it, no more.
    async fn understands(&self, sql: &str) -> bool {
        let explain = format!("explain (costs off) select ({sql}) from {} s", self.rows());
        self.client.batch_execute(&explain).await.is_ok()
    }

    /// Foreign keys: the row referred to is in the table, or comes with this run.
    /// Returns whether there were offenders: their rejection may orphan other rows.
    pub(super) async fn check_foreign_keys(&self, loads: &[LoadTarget]) -> Result<bool> {
        let mut found = false;
        for key in self.load.table.foreign_keys.iter().filter(|key| self.loads_all(&key.columns)) {
            let insert = self.reject_orphans(key, loads);
            found |= self
                .client
                .execute_typed(&insert, &[])
                .await
                .map_err(super::failed("check foreign keys"))?
                > 0;
        }
        Ok(found)
    }

    fn reject_orphans(&self, key: &ForeignKey, loads: &[LoadTarget]) -> String {
        let message =
            format!("foreign key `{}`: {} has no row with this key", key.name, key.references);
        let column = if let [column] = &key.columns[..] { column } else { "" };
        let reason = Reason { code: "constraint.foreign_key", column, message: &message };
        let matches = |alias: &str| {
            let pairs = key.columns.iter().zip(&key.referenced_columns);
            let equal = pairs.map(|(ours, theirs)| {
                format!("{alias}.{} = s.{}", quote_identifier(theirs), quote_identifier(ours))
            });
            equal.collect::<Vec<_>>().join(" and ")
        };
        let mut known = vec![format!(
            "exists (select from {} p where {})",
            qualified(&key.references),
            matches("p")
        )];
        for (target, load) in loads.iter().enumerate() {
            let brings_key = key.referenced_columns.iter().all(|name| loads_column(load, name));
            if load.table.name == key.references && brings_key {
                known.push(format!(
                    "exists (select from {} p where {} and {} and {})",
                    self.staging.rows(target, load),
                    matches("p"),
                    Judge { target, load, ..*self }.is_written_as("p"),
                    not_rejected_as(self.staging, "p")
                ));
            }
        }
        format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', {} from {} s where {} and {} and {} and not ({})",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            self.rows(),
            self.all_present(&key.columns),
            self.is_written(),
            not_rejected(self.staging),
            known.join(" or ")
        )
    }

    /// Unique constraints other than the key that rows are matched by.
    pub(super) async fn check_unique_constraints(&self) -> Result<()> {
        for unique in &self.load.table.unique_keys {
            if unique.columns.is_empty() || !self.loads_all(&unique.columns) || self.is_key(unique)
            {
                continue;
            }
            if let Some(predicate) = &unique.predicate
                && !self.understands(predicate).await
            {
                continue;
            }
            // Values the table holds come first: who takes them is nobody's equal afterwards.
            self.execute(&self.reject_taken_values(unique), "check unique constraints").await?;
            self.execute(&self.reject_repeated_values(unique), "check unique constraints").await?;
        }
        Ok(())
    }

    fn is_key(&self, unique: &UniqueKey) -> bool {
        let key: Vec<&String> =
            self.load.key.iter().map(|index| &self.load.columns[*index].column.name).collect();
        unique.predicate.is_none()
            && key.len() == unique.columns.len()
            && key.iter().all(|name| unique.columns.contains(name))
    }

    fn unique_reason<'m>(&self, unique: &UniqueKey, message: &'m mut String) -> Reason<'m> {
        *message = format!("unique constraint `{}`: {message}", unique.name);
        Reason { code: "constraint.unique", column: "", message }
    }

    /// Which rows of staging a unique constraint is about.
    fn subject_to(&self, unique: &UniqueKey) -> String {
        let mut conditions =
            vec![self.is_written(), not_rejected(self.staging), self.is_no_duplicate()];
        if !unique.nulls_not_distinct {
            conditions.push(self.all_present(&unique.columns));
        }
        conditions.extend(unique.predicate.as_ref().map(|predicate| format!("({predicate})")));
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
        let mut message = "other records of this run have the same values".to_owned();
        let reason = self.unique_reason(unique, &mut message).as_columns();
        let columns: Vec<String> =
            unique.columns.iter().map(|name| format!("s.{}", quote_identifier(name))).collect();
        format!(
            "insert into {} select {}, {ORDINAL}, 'rejected', {reason} from (
               select s.{ORDINAL}, count(*) over (partition by {}) as copies from {} s where {}) counted
             where copies > 1",
            self.staging.excluded(),
            self.target,
            columns.join(", "),
            self.rows(),
            self.subject_to(unique)
        )
    }

    /// Values that another row of the table holds. With `insert`, rows whose key is there
    /// already are not written, so they take nothing.
    fn reject_taken_values(&self, unique: &UniqueKey) -> String {
        let mut message = "a row of the table has these values under another key".to_owned();
        let reason = self.unique_reason(unique, &mut message).as_columns();
        let operator = if unique.nulls_not_distinct { "is not distinct from" } else { "=" };
        let equal = |name: &String| format!("t.{0} {operator} s.{0}", quote_identifier(name));
        let same_values: Vec<String> = unique.columns.iter().map(equal).collect();
        let (table, same_key) = (qualified(&self.load.table.name), self.same_key());
        let other_row =
            if self.load.key.is_empty() { String::new() } else { format!(" and not ({same_key})") };
        let stays = self.is_not_deleted();
        let is_written = match self.load.mode {
            LoadMode::Insert => format!("not exists (select from {table} t where {same_key})"),
            // Whoever has the values is either the same row or goes.
            LoadMode::Replace if self.load.key.is_empty() => "false".to_owned(),
            _ => "true".to_owned(),
        };
        format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', {reason} from {} s where {} and {is_written}
             and exists (select from {table} t where {}{other_row}{stays})",
            self.staging.excluded(),
            self.target,
            self.rows(),
            self.subject_to(unique),
            same_values.join(" and ")
        )
    }

    pub(super) fn same_key(&self) -> String {
        self.same_key_of("t", "s")
    }

    pub(super) fn same_key_of(&self, one: &str, other: &str) -> String {
        let equal = |index: &usize| {
            let name = quote_identifier(&self.load.columns[*index].column.name);
            format!("{one}.{name} = {other}.{name}")
        };
        self.load.key.iter().map(equal).collect::<Vec<_>>().join(" and ")
    }

    /// That no record of the run orders row `t` to be deleted, as one more condition.
    fn is_not_deleted(&self) -> String {
        if self.load.mode != LoadMode::Operations {
            return String::new();
        }
        format!(
            " and not exists (select from {} d where d.{DELETES} and {} and {})",
            self.rows(),
            self.same_key_of("t", "d"),
            self.is_published_as("d")
        )
    }

    fn loads_all(&self, columns: &[String]) -> bool {
        columns.iter().all(|name| loads_column(self.load, name))
    }

    fn all_present(&self, columns: &[String]) -> String {
        let present =
            columns.iter().map(|name| format!("s.{} is not null", quote_identifier(name)));
        present.collect::<Vec<_>>().join(" and ")
    }
}

fn loads_column(load: &LoadTarget, name: &str) -> bool {
    load.columns.iter().any(|column| column.column.name == *name)
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
