//! Records that bring a shared row just so, to the byte: one row stands for all of them.
//!
//! Where 500,000 pupils share 2,000 courses, whatever is asked of a course need be asked 2,000
//! times. So staged rows are grouped before anything is judged, and every group is judged and
//! published as one row, with the ordinal of its first record that is not rejected. What the row
//! itself is rejected for, each of its records is rejected for; where only its record is, the
//! next one brings the row. So both are looked at whenever something was rejected, before
//! anything is made of who is.
//!
//! Rows that differ in their bytes stay apart here. Whether the database calls their keys equal
//! all the same is settled among those few as among records (see [`super::duplicates`]).

use super::{
    Judge, failed,
    keys::{equal_values_have_equal_bytes, is_text},
    not_rejected_as, records,
};
use crate::{
    error::Result,
    load::LoadTarget,
    postgres::{
        sql::{quote_identifier, quote_literal},
        staging::{ORDINAL, Staging, matched_name},
    },
    schema::Column,
};

/// The column of the first record that brought a row, rejected or not: it stays.
const FIRST: &str = "__first";

/// The column that says whether the row itself is rejected.
const LOST: &str = "__lost";

/// The column of a record that says by which record its row is brought.
const BROUGHT_BY: &str = "__brought_by";

/// What has changed since somebody was rejected.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Followed {
    /// Whether more records are rejected, for the row that they share.
    pub(super) rejected: bool,
    /// Whether rows are brought by other records now.
    pub(super) renewed: bool,
}

/// Rejects the records whose shared row is rejected, and lets others bring the rows of those that
/// are rejected for something else.
pub(super) async fn follow(judge: &Judge<'_>) -> Result<Followed> {
    let mut followed = Followed::default();
    let merged = || (0..judge.loads.len()).filter(|target| judge.loads[*target].is_merged);
    for target in merged() {
        followed.rejected |= judge.of(target).reject_with_row().await?;
    }
    for target in merged() {
        followed.renewed |= judge.of(target).renew().await?;
    }
    Ok(followed)
}

impl Judge<'_> {
    /// Groups the staged rows of a target that merges them.
    pub(super) async fn merge(&self) -> Result<()> {
        if !self.load.is_merged {
            return Ok(());
        }
        let (copied, merged) = (self.staging.copied(self.target), self.staging.merged(self.target));
        let create = format!(
            "create unlogged table {merged} with (autovacuum_enabled = false) as
               select s.*, s.{ORDINAL} as {FIRST}, false as {LOST} from {copied} s
                 join (select min(s.{ORDINAL}) as first from {copied} s group by {}) g on g.first = s.{ORDINAL}",
            images(self.load, "s").join(", ")
        );
        self.execute(&create, "merge records that share rows").await?;
        self.analyze_key_of(&merged).await
    }

    /// All records with the columns of the rows that they bring, to select from.
    pub(super) fn records(&self) -> String {
        if !self.load.is_merged {
            return self.rows();
        }
        let columns = self.load.columns.iter();
        let columns: String =
            columns.map(|it| format!(", r.{}", quote_identifier(&it.column.name))).collect();
        format!(
            "(select m.{ORDINAL}{columns}, r.{ORDINAL} as {BROUGHT_BY} from {} m join {} r on {})",
            self.staging.copied(self.target),
            self.rows(),
            brings(self.load)
        )
    }

    /// The query of the records that are not rejected and whose rows are among those of a query.
    pub(super) fn records_of(&self, rows: &str) -> String {
        if !self.load.is_merged {
            return rows.to_owned();
        }
        let records = self.records();
        let good = self.not_rejected_as("m");
        format!("select m.{ORDINAL} from {records} m where m.{BROUGHT_BY} in ({rows}) and {good}")
    }

    /// Rejects the records of rows that were rejected themselves since; whether there were any.
    async fn reject_with_row(&self) -> Result<bool> {
        let (excluded, merged) = (self.staging.excluded(), self.staging.merged(self.target));
        let of_row = format!(
            "e.target = {} and e.kind in ('rejected', 'row') and e.code <> '{}'",
            self.target,
            records::WHOLE
        );
        let doing = "reject records with the row they share";
        let mark = format!(
            "update {merged} r set {LOST} = true where not r.{LOST}
               and exists (select from {excluded} e where e.ordinal = r.{ORDINAL} and {of_row})"
        );
        let is_lost = format!(
            "exists (select from {excluded} e join {merged} r on e.ordinal = r.{ORDINAL} where not r.{LOST} and {of_row})"
        );
        if !self.asks(&is_lost, doing).await? {
            return Ok(false);
        }
        let reject = format!(
            "insert into {excluded} select {target}, m.{ORDINAL}, e.kind, e.code, e.column_name, e.message, e.other_ordinal, e.other_key
             from (select r.* from {merged} r where not r.{LOST}) r
               join {excluded} e on e.ordinal = r.{ORDINAL} and {of_row}
               join {copied} m on {brings}
             where not exists (select from {excluded} k where k.ordinal = m.{ORDINAL} and k.target = {target}
               and k.kind = e.kind and k.code = e.code and k.column_name = e.column_name and k.message = e.message)",
            target = self.target,
            copied = self.staging.copied(self.target),
            brings = brings(self.load),
        );
        let found = self.execute(&reject, doing).await? > 0;
        self.execute(&mark, doing).await?;
        Ok(found)
    }

    /// Lets rows be brought by their first record that is not rejected, where they have one; whether
    /// any was brought by another.
    async fn renew(&self) -> Result<bool> {
        let merged = self.staging.merged(self.target);
        let rejected = format!("not r.{LOST} and not ({})", self.not_rejected_as("r"));
        let doing = "look who brings shared rows";
        if !self.asks(&format!("exists (select from {merged} r where {rejected})"), doing).await? {
            return Ok(false);
        }
        let renew = format!(
            "update {merged} o set {ORDINAL} = n.first from (
               select r.{FIRST} as of, min(m.{ORDINAL}) as first from {merged} r join {copied} m on {brings}
               where {rejected} and {good} group by r.{FIRST}) n
             where n.of = o.{FIRST}",
            copied = self.staging.copied(self.target),
            brings = brings(self.load),
            good = self.not_rejected_as("m"),
        );
        if self.execute(&renew, doing).await? == 0 {
            return Ok(false);
        }
        for made in [self.staging.identified(self.target), self.staging.resolved(self.target)] {
            let is_there = format!("pg_catalog.to_regclass({}) is not null", quote_literal(&made));
            if !self.asks(&is_there, doing).await? {
                continue;
            }
            let follow = format!(
                "update {made} o set {ORDINAL} = r.{ORDINAL} from {merged} r
                 where r.{FIRST} = o.{FIRST} and r.{ORDINAL} <> o.{ORDINAL}"
            );
            self.execute(&follow, doing).await?;
        }
        self.settle_renewed().await?;
        Ok(true)
    }

    /// Which of several rows with one key counts goes by the records that bring them.
    async fn settle_renewed(&self) -> Result<()> {
        let forget = format!(
            "delete from {} where kind = 'duplicate' and target = {}",
            self.staging.excluded(),
            self.target
        );
        match self.execute(&forget, "settle duplicate keys again").await? {
            0 => Ok(()),
            _ => self.settle_duplicates().await,
        }
    }

    fn not_rejected_as(&self, row: &str) -> String {
        not_rejected_as(self.staging, self.target, row)
    }

    async fn asks(&self, condition: &str, doing: &'static str) -> Result<bool> {
        let row = self.client.query_typed_one(&format!("select {condition}"), &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(failed(doing))
    }
}

/// The query that counts the records of a target whose row another record brings: those that are
/// good, of rows that are.
pub(in crate::postgres) fn count_merged(
    staging: &Staging,
    (target, load): (usize, &LoadTarget),
) -> String {
    format!(
        "select count(*) from {} m join {} r on {} and r.{ORDINAL} <> m.{ORDINAL} where {} and {}",
        staging.copied(target),
        staging.rows(target, load),
        brings(load),
        not_rejected_as(staging, target, "m"),
        not_rejected_as(staging, target, "r"),
    )
}

/// The condition that record `m` brings row `r`. A hash finds it; it alone proves nothing.
fn brings(load: &LoadTarget) -> String {
    let (records, rows) = (images(load, "m"), images(load, "r"));
    let hash = |values: &[String]| format!("hash_record_extended(row({}), 0)", values.join(", "));
    let same = records.iter().zip(&rows);
    let same = same.map(|(record, row)| format!(" and {record} is not distinct from {row}"));
    format!("{} = {}{}", hash(&records), hash(&rows), same.collect::<String>())
}

/// Each value of row `row` that was staged, so that it equals only those that are written just so:
/// to the server 1.0 is 1.00, and to citext `a` is `A`.
fn images(load: &LoadTarget, row: &str) -> Vec<String> {
    let columns = load.columns.iter().filter(|column| column.is_staged());
    let columns = columns.map(|it| (quote_identifier(&it.column.name), &it.column));
    let matched = load.matched().into_iter().enumerate();
    let matched = matched.map(|(number, it)| (matched_name(number), it.column));
    let image = |(name, column): (String, &Column)| match &column.pg_type {
        text if is_text(text) => format!("({row}.{name} collate \"C\")"),
        exact if equal_values_have_equal_bytes(exact) => format!("{row}.{name}"),
        _ => format!("({row}.{name}::text collate \"C\")"),
    };
    columns.chain(matched).map(image).collect()
}
