//! Rows that would break a constraint together, in the table as the run will leave it.
//!
//! What a row of the table holds may be free afterwards: the run deletes it, updates it, ends it.
//! So each row to be written is compared with the rows that are there, and where one stands
//! against it, with what becomes of that. If it gives way, the row to be written *takes* what it
//! held (see [`super::takes`]); if it stays, the record is rejected. Two rows to be written are
//! compared last: who was rejected takes nothing.

use super::{
    Failing, Judge, Outlook, Reason, Rows, checks::evaluated, exclusive::Exclusive, failed,
    not_rejected, not_rejected_as,
};
use crate::{
    error::Result,
    load::LoadMode,
    postgres::{
        references::references,
        sql::{own_rows, quote_identifier, quote_literal},
        staging::ORDINAL,
    },
};

impl Judge<'_> {
    /// Rejects what breaks such a constraint; whether it found any.
    pub(super) async fn check_exclusive(&self) -> Result<bool> {
        let mut found = 0;
        let (referring, within) = (self.referring_to_gone().await?, self.within().await?);
        for constraint in &Exclusive::all(self.load) {
            let Some(rows) = self.with_columns(constraint.uses) else { continue };
            let doing = "check unique and exclusion constraints";
            found += u64::from(self.compare_or_reject(&rows, constraint, doing).await?);
            if constraint.temporal {
                found += self.execute(&self.reject_empty(constraint), doing).await?;
            }
            self.execute(&self.find_clashes(constraint, &referring, &within), doing).await?;
            found += self.execute(&self.reject_clashing(constraint), doing).await?;
            self.execute(&self.note_takes(constraint), doing).await?;
            found += self.execute(&self.reject_repeated_values(constraint), doing).await?;
        }
        Ok(found > 0)
    }

    /// Notes who takes what, once more: inside the transaction that writes it.
    pub(in crate::postgres) async fn find_takes(&self) -> Result<()> {
        let doing = "look for values that change hands";
        self.execute(&self.create_takes(), doing).await?;
        let (referring, within) = (self.referring_to_gone().await?, self.within().await?);
        for constraint in &Exclusive::all(self.load) {
            let Some(rows) = self.with_columns(constraint.uses) else { continue };
            self.execute(&self.compare(&rows, constraint), doing).await?;
            self.execute(&self.find_clashes(constraint, &referring, &within), doing).await?;
            self.execute(&self.note_takes(constraint), doing).await?;
        }
        Ok(())
    }

    /// Makes the table of what is compared; whether it cannot be evaluated for some records,
    /// which are rejected.
    async fn compare_or_reject(
        &self,
        rows: &Rows,
        constraint: &Exclusive<'_>,
        doing: &'static str,
    ) -> Result<bool> {
        let what = format!("{} `{}`", constraint.what, constraint.name);
        let among = not_rejected(self.staging, self.target);
        let code = constraint.code;
        let failing = Failing {
            rows: &rows.stored,
            added: rows.added.as_ref(),
            among: &among,
            code,
            column: "",
            what: &what,
            doing,
        };
        let parts = evaluated(&constraint.parts, constraint.predicate);
        self.run_or_find_offenders(&self.compare(rows, constraint), &parts, &failing).await
    }

    /// The rows to be written, with the rows they take the place of and what is compared.
    fn compare(&self, rows: &Rows, constraint: &Exclusive<'_>) -> String {
        let compared = self.staging.compared(self.target);
        let (place, join) = match self.outlook {
            Outlook::Noted => (
                "__table, __row".to_owned(),
                format!(
                    " join (select ordinal as __of, table_oid as __table, row_id as __row from {}
                       where kind in ('new', 'changed', 'shifted', 'version')) c on c.__of = s.{ORDINAL}",
                    self.staging.changes(self.target)
                ),
            ),
            _ => ("null::oid as __table, null::tid as __row".to_owned(), String::new()),
        };
        format!(
            "drop table if exists {compared};
             create unlogged table {compared} with (autovacuum_enabled = false) as
               select s.{ORDINAL}, {place}{parts} from (
                 select * from {rows} s where {written} and {not_rejected} and {counts} offset 0) s{join} where {predicate};
             {index} analyze {compared}",
            parts = constraint.as_columns(),
            written = self.is_written(),
            not_rejected = not_rejected(self.staging, self.target),
            counts = self.is_no_duplicate(),
            predicate = constraint.condition(),
            index = constraint.index(&compared),
        )
    }

    fn is_no_duplicate(&self) -> String {
        format!(
            "not exists (select from {} e where e.ordinal = s.{ORDINAL} and e.kind = 'duplicate' and e.target = {})",
            self.staging.excluded(),
            self.target
        )
    }

    fn reject_empty(&self, constraint: &Exclusive<'_>) -> String {
        let message = format!("{} `{}`: the period is empty", constraint.what, constraint.name);
        let reason = Reason { code: constraint.code, column: "", message: &message };
        format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', {} from {} s where isempty(s.{})",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            self.staging.compared(self.target),
            constraint.period()
        )
    }

    /// The rows of the table that stand against rows to be written, and whether they still do
    /// in the table as it will be.
    fn find_clashes(&self, constraint: &Exclusive<'_>, referring: &str, within: &str) -> String {
        let ranges = self.load.range.map(|range| &self.load.columns[range.column].column.name);
        let in_range = ranges.is_some_and(|name| constraint.compares_equal(name));
        let clashes = self.staging.clashes(self.target);
        let (becomes, joins) = match self.outlook {
            Outlook::Noted => self.what_becomes(constraint, referring),
            _ => (
                "null::text as kind, null::bigint as holder, true as still".to_owned(),
                String::new(),
            ),
        };
        format!(
            "drop table if exists {clashes};
             create unlogged table {clashes} with (autovacuum_enabled = false) as
               select s.{ORDINAL} as ordinal, t.__table as table_oid, t.__row as row_id, t.__key as key, {becomes}
               from {compared} s
                 join (select tableoid as __table, ctid as __row, {key} as __key{parts} from {table} t where {predicate} and {within}) t
                   on {conflict} and (s.__row is null or s.__row <> t.__row or s.__table <> t.__table){joins}",
            compared = self.staging.compared(self.target),
            key = self.key_as_text(),
            parts = constraint.as_columns(),
            table = own_rows(&self.load.table),
            predicate = constraint.condition(),
            within = if in_range { within } else { "true" },
            conflict = constraint.conflict("t", "s"),
        )
    }

    /// What is noted of a row of the table `t` that stands against row `s`, and the joins for it.
    fn what_becomes(&self, constraint: &Exclusive<'_>, referring: &str) -> (String, String) {
        let mut joins = format!(
            " left join {} c on c.table_oid = t.__table and c.row_id = t.__row
                and c.kind in ('changed', 'shifted', 'gone', 'freed', 'removed', 'closed')
              left join {} h on c.kind in ('changed', 'shifted') and h.{ORDINAL} = c.ordinal and {}",
            self.staging.changes(self.target),
            self.staging.compared(self.target),
            constraint.conflict("h", "s")
        );
        let marked = match self.marked_rows() {
            Some(rows) => {
                joins.push_str(&format!(
                    " left join (select __table, __row{} from {rows} t where {}) a
                        on a.__table = t.__table and a.__row = t.__row and {}",
                    constraint.as_columns(),
                    constraint.condition(),
                    constraint.conflict("a", "s")
                ));
                "a.__row is not null"
            }
            None => referring,
        };
        let becomes = format!(
            "c.kind, c.ordinal as holder, case when c.kind in ('changed', 'shifted') then h.{ORDINAL} is not null
               when c.kind in ('gone', 'freed', 'closed') then {marked}
               when c.kind = 'removed' then false else true end as still"
        );
        (becomes, joins)
    }

    /// The condition that others refer to row `t` that is to be deleted: it can go only after
    /// they are written, and frees nothing for this run.
    async fn referring_to_gone(&self) -> Result<String> {
        if !self.load.mode.deletes() || self.outlook != Outlook::Noted {
            return Ok("false".to_owned());
        }
        let found = references(self.client, self.load.table.oid).await;
        let found = found.map_err(failed("look for rows that refer to deleted ones"))?;
        let referred = found.iter().map(|reference| {
            format!(
                "exists (select from {} g join {} r on {} where g.tableoid = t.__table and g.ctid = t.__row)",
                own_rows(&self.load.table),
                reference.table_sql(),
                reference.refers("r", "g")
            )
        });
        Ok(match found.is_empty() {
            true => "false".to_owned(),
            false => referred.collect::<Vec<_>>().join(" or "),
        })
    }

    fn key_as_text(&self) -> String {
        let key = |&index: &usize| {
            format!("{}::text", quote_identifier(&self.load.columns[index].column.name))
        };
        let key: Vec<String> = self.load.key.iter().map(key).collect();
        match key.is_empty() {
            true => "null::text[]".to_owned(),
            false => format!("array[{}]", key.join(", ")),
        }
    }

    fn reject_clashing(&self, constraint: &Exclusive<'_>) -> String {
        let stands = match constraint.code {
            "constraint.unique" if self.load.key.is_empty() => {
                "a row of the table has these values"
            }
            "constraint.unique" => "a row of the table has these values under another key",
            _ => "a row of the table stands against it",
        };
        let message = format!("{} `{}`: {stands}", constraint.what, constraint.name);
        let reason = Reason { code: constraint.code, column: "", message: &message };
        format!(
            "insert into {} select distinct on (ordinal) {}, ordinal, 'rejected', {}, null::bigint, key from {}
             where still order by ordinal",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            self.staging.clashes(self.target)
        )
    }

    pub(super) fn create_takes(&self) -> String {
        let takes = self.staging.takes(self.target);
        format!(
            "drop table if exists {takes};
             create unlogged table {takes} (ordinal bigint, holder bigint, table_oid oid, row_id tid, kind text,
               checked_late bool, code text, name text, what text)"
        )
    }

    /// What ends needs no order, since ends are written first.
    fn note_takes(&self, constraint: &Exclusive<'_>) -> String {
        format!(
            "insert into {} select ordinal, holder, table_oid, row_id, kind, {}, {}, {}, {} from {}
             where not still and kind <> 'closed'",
            self.staging.takes(self.target),
            constraint.deferrable,
            quote_literal(constraint.code),
            quote_literal(constraint.name),
            quote_literal(constraint.what),
            self.staging.clashes(self.target)
        )
    }

    fn reject_repeated_values(&self, constraint: &Exclusive<'_>) -> String {
        let (excluded, target) = (self.staging.excluded(), self.target);
        let compared = self.staging.compared(self.target);
        let stands = match constraint.code {
            "constraint.unique" => "other records of this run have the same values",
            _ => "another record of this run stands against it",
        };
        let message = format!("{} `{}`: {stands}", constraint.what, constraint.name);
        let reason = Reason { code: constraint.code, column: "", message: &message }.as_columns();
        let not_rejected = not_rejected(self.staging, self.target);
        if let Some((columns, present)) = constraint.grouping() {
            if self.siblings().count() > 1 {
                return self.reject_repeated_by_siblings(constraint, (&columns, &present), &reason);
            }
            return format!(
                "insert into {excluded} select {target}, {ORDINAL}, 'rejected', {reason},
                   case {ORDINAL} when first then last else first end from (
                   select s.{ORDINAL}, count(*) over same as copies, min(s.{ORDINAL}) over same as first,
                     max(s.{ORDINAL}) over same as last
                   from {compared} s where {present} and {not_rejected} window same as (partition by {columns})) counted
                 where copies > 1"
            );
        }
        format!(
            "insert into {excluded} select {target}, s.{ORDINAL}, 'rejected', {reason}, min(o.{ORDINAL})
             from {compared} s join {compared} o on o.{ORDINAL} <> s.{ORDINAL} and {}
             where {not_rejected} and {} group by s.{ORDINAL}",
            constraint.conflict("o", "s"),
            not_rejected_as(self.staging, self.target, "o"),
        )
    }

    /// The targets on this table, this one among them.
    fn siblings(&self) -> impl Iterator<Item = Judge<'_>> {
        let same = self.loads.iter().enumerate();
        let same = same.filter(|(_, load)| load.table.oid == self.load.table.oid);
        same.map(|(target, load)| Judge { target, load, ..*self })
    }

    /// The same where several targets write the table: their rows are compared together.
    fn reject_repeated_by_siblings(
        &self,
        constraint: &Exclusive<'_>,
        (columns, present): (&str, &str),
        reason: &str,
    ) -> String {
        let rows = self.siblings().filter_map(|judge| {
            let rows = judge.with_columns(constraint.uses)?;
            Some(format!(
                "select {} as __target, s.{ORDINAL}{} from (
                   select * from {rows} s where {} and {} and {} offset 0) s where {}",
                judge.target,
                constraint.as_columns(),
                judge.is_written(),
                not_rejected(self.staging, judge.target),
                judge.is_no_duplicate(),
                constraint.condition()
            ))
        });
        format!(
            "insert into {} select __target, {ORDINAL}, 'rejected', {reason},
               case {ORDINAL} when first then last else first end from (
               select s.__target, s.{ORDINAL}, count(*) over same as copies, min(s.{ORDINAL}) over same as first,
                 max(s.{ORDINAL}) over same as last
               from ({}) s where {present} window same as (partition by {columns})) counted
             where copies > 1",
            self.staging.excluded(),
            rows.collect::<Vec<_>>().join(" union all ")
        )
    }

    /// Rows of the table that the mode marks or ends rather than deletes, as they will be.
    fn marked_rows(&self) -> Option<String> {
        let kinds = match &self.load.mode {
            LoadMode::History(_) => "'closed', 'gone', 'freed'",
            LoadMode::Mirror { soft: Some(_), .. } => "'gone', 'freed'",
            _ => return None,
        };
        let marks = self.marks();
        let columns: String = self
            .load
            .table
            .columns
            .iter()
            .map(|column| {
                let name = quote_identifier(&column.name);
                match marks.iter().find(|(marked, _)| *marked == column.name) {
                    Some((_, value)) => format!(", {value} as {name}"),
                    None if self.is_generated_of_marks(column) => String::new(),
                    None => format!(", t.{name}"),
                }
            })
            .collect();
        let generated =
            self.load.table.columns.iter().filter(|one| self.is_generated_of_marks(one));
        let generated: String =
            generated.map(|column| self.generated_column(&column.name)).collect();
        Some(format!(
            "(select *{generated} from (select t.tableoid as __table, t.ctid as __row{columns}
               from {} t join {} c on c.table_oid = t.tableoid and c.row_id = t.ctid and c.kind in ({kinds})) t)",
            own_rows(&self.load.table),
            self.staging.changes(self.target),
        ))
    }
}
