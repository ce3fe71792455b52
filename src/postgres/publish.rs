//! Publishes what is staged, in one transaction for all targets, or nothing.
//!
//! Each target is classified by one join against its key: rows that are new,
//! rows that differ, rows that are already so. Then only rows that differ are
//! updated and only new ones inserted: an unchanged row costs no row version,
//! no WAL, no trigger, and no sequence value. What the server then says it
//! wrote must equal what was classified, and every record read must have one
//! outcome; otherwise the transaction is rolled back.
//!
//! The isolation level is REPEATABLE READ: a row that somebody else changes
//! between classifying and writing shows as 40001, a key that somebody adds as
//! 23505, and the whole transaction is tried again.

use std::time::Duration;

use postgres_types::Type;
use tokio_postgres::{Client, error::SqlState};

use super::{
    classify::{Changes, Classifier},
    judge::not_rejected,
    ledger::{self, RunRecord},
    session::{TRANSACTION_SETTINGS, database_error},
    staging::{ORDINAL, Staging},
};
use crate::{
    error::{Error, ErrorKind, Result},
    failpoint,
    load::LoadTarget,
    outcome::Tally,
};

/// How often a publish that met another writer is tried.
const ATTEMPTS_MAX: u32 = 5;

/// How much longer each wait before trying again is than the one before.
const RETRY_MILLIS: u64 = 200;

/// What the run counted on its side; the server's counts must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Records read from all files.
    pub records: u64,
    /// Per target: rows sent, records rejected and records filtered before COPY.
    pub tables: Vec<CountedTable>,
}

/// What the run counted for one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountedTable {
    /// Rows sent.
    pub staged: u64,
    /// Records rejected before COPY.
    pub rejected: u64,
    /// Records left out by `when`.
    pub filtered: u64,
}

/// What is published.
pub struct Publishing<'a> {
    /// The staging tables; `excluded` is complete.
    pub staging: &'a Staging,
    /// The targets.
    pub loads: &'a [LoadTarget],
    /// What the run counted.
    pub counted: &'a Counted,
    /// What the ledger is told.
    pub run: &'a RunRecord,
    /// Whether to write and commit; otherwise rows are only classified.
    pub commit: bool,
}

/// Publishes all targets and writes the ledger, in one transaction.
///
/// # Errors
/// `ErrorKind::Busy` when another run publishes one of the targets;
/// `ErrorKind::Unexpected` when the counts do not agree;
/// `ErrorKind::Environment` when the server refuses. Nothing is published then.
pub async fn publish(client: &mut Client, publishing: &Publishing<'_>) -> Result<Vec<Tally>> {
    let mut attempt = 1;
    loop {
        let error = match publishing.attempt(client).await {
            Ok(tallies) => return Ok(tallies),
            Err(error) => error,
        };
        if attempt == ATTEMPTS_MAX || !error.passes {
            return Err(error.error);
        }
        tokio::time::sleep(Duration::from_millis(u64::from(attempt) * RETRY_MILLIS)).await;
        attempt += 1;
    }
}

/// An error, and whether trying again may help.
struct Failure {
    error: Error,
    passes: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, passes: false }
    }
}

fn failed(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Failure {
    move |error| {
        let passing = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
        ];
        let passes = error.code().is_some_and(|code| passing.contains(code));
        Failure { error: database_error(&error, doing), passes }
    }
}

impl Publishing<'_> {
    async fn attempt(&self, client: &mut Client) -> Result<Vec<Tally>, Failure> {
        let opening = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
        let transaction =
            opening.start().await.map_err(failed("open the publishing transaction"))?;
        let client = transaction.client();
        set_limits(client).await?;
        lock_targets(client, self.loads).await?;
        let read = self.recount(client).await?;
        let any_excluded = self.any_excluded(client).await?;
        failpoint::hit("publish.begun")?;
        let mut tallies = Vec::with_capacity(self.loads.len());
        for target in 0..self.loads.len() {
            tallies.push(self.publish_target(client, target, read, any_excluded).await?);
            failpoint::hit("publish.written")?;
        }
        if self.commit {
            ledger::record_published(client, self.run, self.loads, &tallies).await?;
            failpoint::hit("publish.before_commit")?;
            transaction.commit().await.map_err(failed("commit"))?;
            failpoint::hit("publish.committed")?;
        } else {
            transaction.rollback().await.map_err(failed("end the dry run"))?;
        }
        Ok(tallies)
    }

    /// Counts the staged rows and the checkpoints again and compares them with the run's own counts.
    async fn recount(&self, client: &Client) -> Result<u64, Failure> {
        let query =
            format!("select coalesce(sum(records), 0)::bigint from {}", self.staging.splits());
        let read = count(client, &query).await?;
        must_agree("records read", self.counted.records, read)?;
        for (target, table) in self.counted.tables.iter().enumerate() {
            let staged = format!("select count(*) from {}", self.staging.copied(target));
            must_agree("rows staged", table.staged, count(client, &staged).await?)?;
            for (column, expected) in [
                ("staged", table.staged),
                ("rejected", table.rejected),
                ("filtered", table.filtered),
            ] {
                let sum = format!(
                    "select coalesce(sum({column}[{}]), 0)::bigint from {}",
                    target + 1,
                    self.staging.splits()
                );
                must_agree("checkpoints", expected, count(client, &sum).await?)?;
            }
        }
        Ok(read)
    }

    async fn publish_target(
        &self,
        client: &Client,
        target: usize,
        read: u64,
        any_excluded: bool,
    ) -> Result<Tally, Failure> {
        let (staging, load) = (self.staging, &self.loads[target]);
        let classifier = Classifier { client, staging, target, load, any_excluded };
        let (rejected, duplicate) =
            if any_excluded { self.excluded(client, target).await? } else { (0, 0) };
        let changes = classifier.classify().await.map_err(failed("classify rows"))?;
        if self.commit {
            let written = classifier.apply(&changes).await.map_err(failed("publish"))?;
            must_agree_writing(&self.loads[target], &changes, &written)?;
        }
        let counted = self.counted.tables[target];
        let tally = Tally {
            read,
            filtered: counted.filtered,
            rejected: counted.rejected + rejected,
            duplicate,
            inserted: changes.inserted,
            updated: changes.updated,
            unchanged: changes.unchanged,
            deleted: 0,
        };
        if !tally.closes() {
            return Err(Error::unexpected(format!(
                "the tally of {} does not close: {tally:?}",
                self.loads[target].table.name
            ))
            .into());
        }
        Ok(tally)
    }

    /// In most runs the database has nothing to object, and no row need be looked up.
    async fn any_excluded(&self, client: &Client) -> Result<bool, Failure> {
        let query = format!("select exists (select from {})", self.staging.excluded());
        let row = client.query_typed_one(&query, &[]).await.map_err(failed("read rejections"))?;
        Ok(row.get(0))
    }

    /// Staged rows of a target that are rejected, and those that lost to another record.
    async fn excluded(&self, client: &Client, target: usize) -> Result<(u64, u64), Failure> {
        let (rows, excluded) = (self.staging.copied(target), self.staging.excluded());
        let rejected =
            format!("select count(*) from {rows} s where not ({})", not_rejected(self.staging));
        let duplicate = format!(
            "select count(*) from {rows} s where {} and exists (select from {excluded} e
               where e.ordinal = s.{ORDINAL} and e.kind = 'duplicate' and e.target = {target})",
            not_rejected(self.staging)
        );
        Ok((count(client, &rejected).await?, count(client, &duplicate).await?))
    }
}

async fn set_limits(client: &Client) -> Result<(), Failure> {
    client.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed("set limits"))
}

/// Advisory locks last until the transaction ends, so they are safe behind a pooler.
async fn lock_targets(client: &Client, loads: &[LoadTarget]) -> Result<(), Failure> {
    let mut tables: Vec<_> = loads.iter().map(|load| (load.table.oid, &load.table.name)).collect();
    tables.sort_by_key(|(oid, _)| *oid);
    for (oid, name) in tables {
        let query = "select pg_try_advisory_xact_lock(hashtext('longshore'), $1::oid::bigint::int)";
        let row = client
            .query_typed_one(query, &[(&oid, Type::OID)])
            .await
            .map_err(failed("lock the targets"))?;
        if !row.get::<_, bool>(0) {
            let busy = Error::new(ErrorKind::Busy, format!("another run is publishing {name}"));
            return Err(busy
                .hint("try again when it has ended; `longshore history` shows it")
                .into());
        }
    }
    Ok(())
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

/// A trigger or a row-level policy can swallow writes without an error.
fn must_agree_writing(
    load: &LoadTarget,
    planned: &Changes,
    written: &Changes,
) -> Result<(), Failure> {
    if planned.inserted == written.inserted && planned.updated == written.updated {
        return Ok(());
    }
    let message = format!(
        "{}: {} rows were to be inserted and {} updated, the server wrote {} and {}",
        load.table.name, planned.inserted, planned.updated, written.inserted, written.updated
    );
    Err(Error::environment(message)
        .hint("a trigger or a row-level policy keeps rows from being written")
        .into())
}
