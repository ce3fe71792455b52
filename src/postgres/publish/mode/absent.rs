//! Which rows of a target its files do not have, by key: for `mirror`, and `replace` with one.
//!
//! A rejected record is not an absent one. Where its key was read, that row is `kept`; where
//! only its scope was, every row of the scope; where neither was, every row there is.

use super::Statements;
use crate::postgres::{sql::quote_identifier, staging::ORDINAL};

/// The pieces of a query that looks at staged rows `s` and the target's rows `t` together.
pub(super) struct ByKey<'q, 's> {
    sql: &'q Statements<'s>,
    key: Vec<String>,
    scope: Vec<String>,
}

impl<'q, 's> ByKey<'q, 's> {
    pub(super) fn new(sql: &'q Statements<'s>) -> Self {
        let names = |indexes: &[usize]| {
            let name = |index: &usize| quote_identifier(&sql.load.columns[*index].column.name);
            indexes.iter().map(name).collect()
        };
        Self { sql, key: names(&sql.load.key), scope: names(sql.load.mode.scope()) }
    }

    /// Classifies by one full join; rows of the target alone count where `present` holds.
    pub(super) fn classify(&self, changed: &str, present: &str) -> String {
        let sql = self.sql;
        format!(
            "select case when s.{ORDINAL} is null then case when {kept} then 'kept' else 'gone' end
                 when t.tableoid is null then 'new' when {changed} then 'changed' else 'same' end as kind,
               s.{ORDINAL} as ordinal, t.tableoid as table_oid, t.ctid as row_id, {scope} as scope
             from (select s.* from {rows} s where {publishable}) s
             full join {table} t on {same_key} {joins}
             where s.{ORDINAL} is not null or ({present}{in_scope})",
            kept = self.is_kept(),
            scope = self.scope_as_text(),
            rows = sql.rows(),
            publishable = sql.publishable(),
            table = sql.table(),
            same_key = sql.same_key(),
            joins = self.joins(),
            in_scope = if self.scope.is_empty() { "" } else { " and in_scope.__found" },
        )
    }

    /// Each finds a row of the target at most once, and scales where a subquery may not.
    fn joins(&self) -> String {
        let kept = self.sql.staging.kept(self.sql.target);
        let keys = self.key.join(", ");
        let mut joins = format!(
            "left join (select distinct true as __found, {keys} from {kept} where __key_read) known on {}",
            equal("known", &self.key)
        );
        if !self.scope.is_empty() {
            let scope = self.scope.join(", ");
            joins.push_str(&format!(
                " left join (select true as __found, {scope} from {} union select true, {scope} from {kept}) in_scope on {}
                 left join (select distinct true as __found, {scope} from {kept} where not __key_read) blocked on {}",
                self.sql.rows(),
                equal("in_scope", &self.scope),
                equal("blocked", &self.scope)
            ));
        }
        joins
    }

    /// Whether a rejected record is, or may be, row `t`.
    fn is_kept(&self) -> String {
        let kept = self.sql.staging.kept(self.sql.target);
        let unreadable: Vec<String> =
            self.scope.iter().map(|column| format!("{column} is null")).collect();
        let (within, anywhere) = match unreadable.is_empty() {
            true => ("", String::new()),
            false => (" or blocked.__found", format!(" and ({})", unreadable.join(" or "))),
        };
        format!(
            "known.__found{within} or (select exists (select from {kept} where not __key_read{anywhere}))"
        )
    }

    /// The scope of a row as the target has it; of a new one as the files have it.
    fn scope_as_text(&self) -> String {
        if self.scope.is_empty() {
            return "null::text[]".to_owned();
        }
        let of = |row: &str| {
            let texts = self.scope.iter().map(|column| format!("{row}.{column}::text"));
            format!("array[{}]", texts.collect::<Vec<_>>().join(", "))
        };
        format!("case when t.tableoid is null then {} else {} end", of("s"), of("t"))
    }
}

fn equal(with: &str, columns: &[String]) -> String {
    let pairs = columns.iter().map(|column| format!("{with}.{column} = t.{column}"));
    pairs.collect::<Vec<_>>().join(" and ")
}
