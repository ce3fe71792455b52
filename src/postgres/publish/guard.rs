//! Whether deletions may happen without somebody looking at them first.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Failure, changes::Changes, changes::Kind, failed};
use crate::{
    load::{CountLimit, LoadMode, LoadTarget},
    outcome::{Deletions, HoldReason, Lacking, Tally},
    postgres::sql::qualified,
};

/// What one target would lose, and why that should wait.
pub(super) struct Guard<'a> {
    pub(super) load: &'a LoadTarget,
    /// What the definition says, or nothing.
    pub(super) limit: Option<CountLimit>,
    /// Files whose records may be those that are absent.
    pub(super) lacking: &'a Lacking,
    /// The table of changes; it is there if anything is gone.
    pub(super) changes: String,
}

impl Guard<'_> {
    /// Judges what is classified; `None` for a target that deletes nothing whatever comes.
    pub(super) async fn judge(
        &self,
        client: &Client,
        counted: &Changes,
        tally: &Tally,
    ) -> Result<Option<Deletions>, Failure> {
        if let (LoadMode::Operations, Some(limit)) = (&self.load.mode, self.limit) {
            return self.ordered(client, counted, limit).await.map(Some);
        }
        if !self.load.mode.deletes() {
            return Ok(None);
        }
        if counted.of(Kind::Gone) + counted.of(Kind::Kept) == 0 {
            let rows = match self.load.mode {
                LoadMode::History(_) => counted.of(Kind::Present),
                _ => counted.of(Kind::Changed) + counted.of(Kind::Same),
            };
            return Ok(Some(Deletions { rows, ..Deletions::default() }));
        }
        let mut deletions = self.count(client).await.map_err(failed("count deletions"))?;
        deletions.held_for = self.reasons(&deletions, tally);
        if deletions.gone > 0 {
            deletions.lacking = self.lacking.clone();
        }
        Ok(Some(deletions))
    }

    /// Deletions that records order are no absence: they wait only where the definition has a
    /// limit, which is about the whole table then.
    async fn ordered(
        &self,
        client: &Client,
        counted: &Changes,
        limit: CountLimit,
    ) -> Result<Deletions, Failure> {
        let gone = counted.of(Kind::Removed);
        if gone == 0 {
            return Ok(Deletions::default());
        }
        let query = format!("select count(*) from {}", qualified(&self.load.table.name));
        let row = client.query_typed_one(&query, &[]).await.map_err(failed("count rows"))?;
        let rows = row.get::<_, i64>(0).cast_unsigned();
        let over = limit.is_crossed(gone, rows).then_some(HoldReason::OverLimit);
        Ok(Deletions { rows, gone, held_for: over.into_iter().collect(), ..Deletions::default() })
    }

    fn absent_limit(&self) -> CountLimit {
        self.limit.unwrap_or(CountLimit::DELETED_DEFAULT)
    }

    async fn count(&self, client: &Client) -> Result<Deletions, tokio_postgres::Error> {
        let (over, number) = match self.absent_limit() {
            #[expect(clippy::cast_precision_loss, reason = "no table has 2^53 rows")]
            CountLimit::Count(count) => ("gone::float8 > $1", count as f64),
            CountLimit::Share(share) => ("gone::float8 > $1 * had", share),
        };
        let there = rows_there(self.load);
        let query = format!(
            "select coalesce(sum(had), 0)::bigint, coalesce(sum(gone), 0)::bigint, coalesce(sum(kept), 0)::bigint,
               count(*), count(*) filter (where {over})
             from (select count(*) filter (where {there}) as had, count(*) filter (where kind = 'gone') as gone,
                 count(*) filter (where kind = 'kept') as kept from {} group by scope) scopes",
            self.changes
        );
        let row = client.query_typed_one(&query, &[(&number, Type::FLOAT8)]).await?;
        let count = |column: usize| row.try_get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Deletions {
            rows: count(0)?,
            gone: count(1)?,
            kept: count(2)?,
            scopes: count(3)?,
            scopes_over_limit: count(4)?,
            ..Deletions::default()
        })
    }

    fn reasons(&self, deletions: &Deletions, tally: &Tally) -> Vec<HoldReason> {
        if deletions.gone == 0 {
            return Vec::new();
        }
        let over = self.absent_limit().is_crossed(deletions.gone, deletions.rows);
        let rejected_without_key = self.load.key.is_empty() && tally.rejected > 0;
        let no_records = tally.read == tally.filtered;
        [
            (HoldReason::NoRecords, no_records),
            (HoldReason::FileWithoutRecords, !no_records && !self.lacking.empty.is_empty()),
            (HoldReason::FileMissing, !self.lacking.missing.is_empty()),
            (HoldReason::OverLimit, over),
            (HoldReason::OverLimitInScope, !over && deletions.scopes_over_limit > 0),
            (HoldReason::RejectedWithoutKey, rejected_without_key),
        ]
        .into_iter()
        .filter_map(|(reason, holds)| holds.then_some(reason))
        .collect()
    }
}

/// The condition on `changes` that a line stands for a row that the table had, and could lose.
pub(super) fn rows_there(load: &LoadTarget) -> &'static str {
    match load.mode {
        LoadMode::History(_) => "kind in ('gone', 'freed', 'kept', 'present')",
        _ => "kind <> 'new'",
    }
}
