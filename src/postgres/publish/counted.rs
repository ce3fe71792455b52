//! Counts on both sides: what the run counted, and what the server says it holds.

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::{Failure, Publishing, failed, statements::Statements};
use crate::{
    error::Error,
    load::LoadTarget,
    outcome::Tally,
    postgres::{
        judge::{MERGED, count_merged, not_rejected},
        staging::{EMPTIED, ORDINAL},
    },
};

/// What the run counted on its side; the server's counts must agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Records read from all files.
    pub records: u64,
    /// Per target: rows sent, records rejected and records filtered before COPY.
    pub tables: Vec<CountedTable>,
}

/// What the run counted for one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedTable {
    /// Records read of the source that the target takes from.
    pub read: u64,
    /// Rows sent.
    pub staged: u64,
    /// Records rejected before COPY.
    pub rejected: u64,
    /// Records left out by `when`.
    pub filtered: u64,
    /// Records whose rows the target held already, so that they were not sent. Of a single split,
    /// negative where they were sent after all.
    #[serde(default)]
    pub same: i64,
}

impl CountedTable {
    /// What became of it all so far: one outcome for each record read, or row that it gives.
    pub fn outcomes(&self) -> u64 {
        (self.staged + self.rejected + self.filtered).saturating_add_signed(self.same)
    }
}

impl Publishing<'_> {
    /// Counts the staged rows and the checkpoints again and compares them with the run's own counts.
    pub(super) async fn recount(&self, client: &Client) -> Result<(), Failure> {
        let query =
            format!("select coalesce(sum(records), 0)::bigint from {}", self.staging.splits());
        let read = count(client, &query).await?;
        must_agree("records read", self.counted.records, read)?;
        for (target, table) in self.counted.tables.iter().enumerate() {
            let staged = format!("select count(*) from {}", self.staging.copied(target));
            must_agree("rows staged", table.staged, count(client, &staged).await?)?;
            for (column, expected) in [
                ("read", table.read),
                ("staged", table.staged),
                ("rejected", table.rejected),
                ("filtered", table.filtered),
                ("same", table.same.cast_unsigned()),
            ] {
                let sum = format!(
                    "select coalesce(sum({column}[{}]), 0)::bigint from {}",
                    target + 1,
                    self.staging.splits()
                );
                must_agree("checkpoints", expected, count(client, &sum).await?)?;
            }
        }
        Ok(())
    }

    /// A rejected record keeps its row: each must have left what is known of it.
    pub(super) async fn recount_kept(
        &self,
        client: &Client,
        sql: &Statements<'_>,
        tally: &Tally,
    ) -> Result<(), Failure> {
        if !sql.load.mode.deletes() {
            return Ok(());
        }
        let kept = self.staging.kept(sql.target);
        let kept = format!("select count(*) from {kept} where {EMPTIED} = 0");
        must_agree("rejected records", tally.rejected, count(client, &kept).await?)
    }

    /// In most runs the database has nothing to object, and no row need be looked up.
    pub(super) async fn any_excluded(&self, client: &Client) -> Result<bool, Failure> {
        let query = format!("select exists (select from {})", self.staging.excluded());
        let row = client.query_typed_one(&query, &[]).await.map_err(failed("read rejections"))?;
        Ok(row.get(0))
    }

    /// Staged rows of a target that are rejected, those that lost to another record, and those that
    /// another record brings just so where records share rows.
    pub(super) async fn excluded(
        &self,
        client: &Client,
        (target, load): (usize, &LoadTarget),
    ) -> Result<[u64; 3], Failure> {
        let (rows, excluded) = (self.staging.copied(target), self.staging.excluded());
        let rejected = format!(
            "select count(*) from {rows} s where not ({})",
            not_rejected(self.staging, target)
        );
        let left_out = |code: &str| {
            format!(
                "select count(*) from {rows} s where {} and exists (select from {excluded} e
                   where e.ordinal = s.{ORDINAL} and e.kind = 'duplicate' and e.code = '{code}' and e.target = {target})",
                not_rejected(self.staging, target)
            )
        };
        let mut merged = count(client, &left_out(MERGED)).await?;
        if load.is_merged {
            merged += count(client, &count_merged(self.staging, (target, load))).await?;
        }
        Ok([count(client, &rejected).await?, count(client, &left_out("")).await?, merged])
    }
}

async fn count(client: &Client, query: &str) -> Result<u64, Failure> {
    let row = client.query_typed_one(query, &[]).await.map_err(failed("count"))?;
    Ok(row.get::<_, i64>(0).cast_unsigned())
}

fn must_agree(what: &str, ours: u64, servers: u64) -> Result<(), Failure> {
    if ours == servers {
        return Ok(());
    }
    let message =
        format!("{what}: this run counted {ours}, the server {servers}; nothing is published");
    Err(Error::unexpected(message)
        .hint("a restart of the server empties staging: run it again")
        .into())
}
