//! Records of one run that are alike where they may not be: `unique` columns and keys.
//!
//! Only the database can say what is alike: collations, citext and numeric
//! scale decide, so this is SQL over staging, which is typed like the target.

use std::hash::{BuildHasher, RandomState};

use super::{Judge, Reason, failed, not_rejected};
use crate::{
    error::Result,
    load::{DuplicateRule, LoadColumn},
    postgres::{
        publish::content,
        sql::{quote_identifier, same_key},
        staging::ORDINAL,
    },
    schema::PgType,
};

/// The code of duplicates that agree with the record that counts, where records share rows: their
/// row is written, and they are counted with those that change nothing.
pub(in crate::postgres) const MERGED: &str = "merged";

/// What marks, for a moment, records that differ in a row they share.
const DIFFERS: &str = "differs";

impl Judge<'_> {
    pub(super) async fn check_unique_columns(&self) -> Result<()> {
        for column in self.load.columns.iter().filter(|column| column.unique) {
            let name = &column.column.name;
            let quoted = quote_identifier(name);
            let reason = Reason {
                code: "rule.unique",
                column: name,
                message: "other records have the same value",
            };
            let insert = format!(
                "insert into {} select {}, {ORDINAL}, 'rejected', {} from (
                   select s.{ORDINAL}, count(*) over (partition by s.{quoted}) as copies from {} s
                   where s.{quoted} is not null and {} and {}) counted where copies > 1",
                self.staging.excluded(),
                self.target,
                reason.as_columns(),
                self.rows(),
                self.is_written(),
                not_rejected(self.staging, self.target)
            );
            self.execute(&insert, "check unique values").await?;
        }
        Ok(())
    }

    pub(super) async fn settle_duplicates(&self) -> Result<()> {
        if self.load.key.is_empty() {
            return Ok(());
        }
        if self.load.is_shared && self.load.duplicates == DuplicateRule::Identical {
            return self.settle_shared().await;
        }
        let insert = match self.load.duplicates {
            DuplicateRule::First => self.keep_one(&format!("s.{ORDINAL}")),
            DuplicateRule::Last => self.keep_one(&format!("s.{ORDINAL} desc")),
            DuplicateRule::Max(column) => {
                let name = quote_identifier(&self.load.columns[column].column.name);
                self.keep_one(&format!("s.{name} desc nulls last, s.{ORDINAL} desc"))
            }
            DuplicateRule::Reject => self.reject_repeated("true", &self.repeated()),
            DuplicateRule::Identical => {
                self.reject_repeated("differing is not null", &self.repeated())
            }
        };
        self.execute(&insert, "settle duplicate keys").await?;
        Ok(())
    }

    /// Where rows are shared nearly every record repeats a key, and few differ: so all are grouped
    /// by a hash of what they bring, and only those that differ are looked at one by one. For
    /// 500,000 records of 60 rows that takes a fourth of the time.
    async fn settle_shared(&self) -> Result<()> {
        let (excluded, target) = (self.staging.excluded(), self.target);
        let not_rejected = not_rejected(self.staging, target);
        let key: Vec<String> = self.key_names();
        let mark = format!(
            "with repeated as materialized (
               select {key}, min({ORDINAL}) as __first, min({hash}) <> max({hash}) as __differ
               from {rows} s where {not_rejected} group by {key} having count(*) > 1)
             insert into {excluded} select {target}, s.{ORDINAL}, case when r.__differ then '{DIFFERS}' else 'duplicate' end,
               '{MERGED}', '', '' from {rows} s join repeated r on {same_key}
             where (r.__differ or s.{ORDINAL} <> r.__first) and {not_rejected}",
            key = key.join(", "),
            hash = self.hash(),
            rows = self.rows(),
            same_key = same_key(self.load, "r", "s"),
        );
        self.execute(&mark, "merge records that share rows").await?;
        let marked = format!("{excluded} where kind = '{DIFFERS}' and target = {target}");
        let differing = self.records_of(&format!("select ordinal as {ORDINAL} from {marked}"));
        let reject = self.reject_repeated("differing is not null", &differing);
        self.execute(&reject, "reject records that differ in shared rows").await?;
        let forget = format!("delete from {marked}");
        self.execute(&forget, "reject records that differ in shared rows").await?;
        Ok(())
    }

    /// A record that was rejected since keeps no other from being loaded: where the one that was
    /// to be loaded is gone, the records with its key are looked at again.
    /// Whether any were.
    pub(super) async fn settle_again(&self) -> Result<bool> {
        self.follow_merged().await?;
        if self.load.key.is_empty() || !self.lost_any().await? {
            return Ok(false);
        }
        let forget = format!(
            "delete from {} where kind = 'duplicate' and target = {}",
            self.staging.excluded(),
            self.target
        );
        self.execute(&forget, "settle duplicate keys again").await?;
        self.settle_duplicates().await?;
        Ok(true)
    }

    /// Whether a record that others lost to is rejected itself: a key of losers then has no winner.
    /// Keys are compared as sets: where 100,000 records share 100 rows, to look for the winner of
    /// each took minutes.
    async fn lost_any(&self) -> Result<bool> {
        let (rows, excluded, key) = (self.rows(), self.staging.excluded(), self.key());
        let keys = |having: &str| {
            format!(
                "select {key} from {rows} s where {} and {having} (select from {excluded} e
                   where e.ordinal = s.{ORDINAL} and e.kind = 'duplicate' and e.target = {})",
                not_rejected(self.staging, self.target),
                self.target
            )
        };
        let (losers, winners) = (keys("exists"), keys("not exists"));
        let query = format!(
            "select exists (select from {excluded} where kind in ('rejected', 'row'))
               and exists ({losers} except {winners})"
        );
        let row = self.client.query_typed_one(&query, &[]).await;
        Ok(row.map_err(failed("settle duplicate keys again"))?.get(0))
    }

    fn key_names(&self) -> Vec<String> {
        let name = |&index: &usize| quote_identifier(&self.load.columns[index].column.name);
        self.load.key.iter().map(name).collect()
    }

    fn key(&self) -> String {
        let names = self.key_names();
        names.iter().map(|name| format!("s.{name}")).collect::<Vec<_>>().join(", ")
    }

    fn keep_one(&self, order: &str) -> String {
        let (key, rows) = (self.key(), self.rows());
        let code = match self.load.is_shared {
            true => format!(
                "case when {hash} = first_value({hash}) over same then '{MERGED}' else '' end",
                hash = self.hash()
            ),
            false => "''".to_owned(),
        };
        format!(
            "insert into {} select {}, {ORDINAL}, 'duplicate', code, '', '' from (
               select s.{ORDINAL}, row_number() over same as place, {code} as code from {rows} s
               where {} window same as (partition by {key} order by {order})) placed where place > 1",
            self.staging.excluded(),
            self.target,
            not_rejected(self.staging, self.target)
        )
    }

    /// All that is loaded of row `s`, as one value that can be compared.
    fn shape(&self) -> String {
        let names = self.compared().map(|column| quote_identifier(&column.column.name));
        let columns: Vec<String> = names.map(|name| format!("s.{name}")).collect();
        format!("md5(row({})::text)", columns.join(", "))
    }

    /// A hash of the same, by what the values are rather than how they are written. Its seed is
    /// another each time, so that nobody can make rows that agree in it.
    fn hash(&self) -> String {
        let value = |column: &LoadColumn| match column.column.pg_type {
            PgType::Unsupported(_) => format!("s.{}::text", quote_identifier(&column.column.name)),
            _ => content("s", column),
        };
        let columns: Vec<String> = self.compared().map(value).collect();
        if columns.is_empty() {
            return "0".to_owned();
        }
        let seed = RandomState::new().hash_one("rows").cast_signed();
        format!("hash_record_extended(row({}), {seed})", columns.join(", "))
    }

    /// The columns in which records with one key may differ. Of records that share a row, the
    /// database says that their keys are equal, however they are written.
    fn compared(&self) -> impl Iterator<Item = &LoadColumn> {
        let columns = self.load.columns.iter().enumerate();
        let compared =
            columns.filter(|(at, _)| !self.load.is_shared || !self.load.key.contains(at));
        compared.map(|(_, column)| column)
    }

    /// The query of the records whose key others have too.
    fn repeated(&self) -> String {
        format!(
            "select {ORDINAL} from (select s.{ORDINAL}, count(*) over (partition by {}) as copies
               from {} s where {}) counted where copies > 1",
            self.key(),
            self.rows(),
            not_rejected(self.staging, self.target)
        )
    }

    /// Of the records that share a key: rejects all where `condition` holds, else keeps the first.
    /// A record's shape is computed only for those, since it costs a text of the whole row. Each
    /// that is rejected names one that it stands against: the first that differs, if any does.
    fn reject_repeated(&self, condition: &str, repeated: &str) -> String {
        let (key, rows) = (self.key(), self.records());
        let (copy, code, message) = match self.load.is_shared {
            true => {
                (MERGED, "rule.shared_row", "records of this run share this row and differ in it")
            }
            false => ("", "rule.duplicate_key", "records of this run have the same key"),
        };
        format!(
            "with repeated as materialized ({repeated}),
             shaped as (
               select s.{ORDINAL}, {shape} as shape, dense_rank() over (order by {key}) as same
               from {rows} s join repeated r on r.{ORDINAL} = s.{ORDINAL}),
             placed as (
               select *, row_number() over in_order as place, count(*) over alike as copies,
                 first_value({ORDINAL}) over in_order as first, first_value(shape) over in_order as first_shape,
                 nth_value({ORDINAL}, 2) over all_of as next
               from shaped window alike as (partition by same), in_order as (partition by same order by {ORDINAL}),
                 all_of as (partition by same order by {ORDINAL} rows between unbounded preceding and unbounded following)),
             compared as (
               select *, min({ORDINAL}) filter (where shape <> first_shape) over (partition by same) as differing from placed),
             judged as (select *, {condition} as refused from compared)
             insert into {excluded} select {target}, {ORDINAL}, case when refused then 'rejected' else 'duplicate' end,
               case when refused then '{code}' else '{copy}' end, '',
               case when refused then copies || ' {message}' else '' end,
               case when not refused then null when shape <> first_shape or place > 1 and differing is null then first
                 else coalesce(differing, next) end
             from judged where refused or place > 1",
            shape = self.shape(),
            excluded = self.staging.excluded(),
            target = self.target,
        )
    }
}
