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

mod changes;
mod counted;
mod mode;
pub(in crate::postgres) mod rehearse;
mod statements;
mod target;

use std::time::Duration;

use postgres_types::Type;
use tokio_postgres::{Client, error::SqlState};

use changes::Kind;
pub use counted::{Counted, CountedTable};
use statements::Statements;
use target::TargetPublisher;

use super::{
    guard::{Attempt, attempt},
    lease::Fence,
    ledger::{self, RunRecord},
    session::{TRANSACTION_SETTINGS, database_error},
    staging::Staging,
};
use crate::{
    error::{Error, ErrorKind, Result},
    load::LoadTarget,
    outcome::Tally,
};

/// How often a publish that met another writer is tried.
const ATTEMPTS_MAX: u32 = 5;

/// How much longer each wait before trying again is than the one before.
const RETRY_MILLIS: u64 = 200;

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
    /// What proves that the targets are this run's.
    pub fence: &'a Fence,
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
        let passes = error.code().is_some_and(|code| may_pass(code.code()));
        Failure { error: database_error(&error, doing), passes }
    }
}

/// Whether what failed may go well the next time: another writer was met.
fn may_pass(sqlstate: &str) -> bool {
    let passing = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
    ];
    passing.iter().any(|code| code.code() == sqlstate)
}

/// Runs a statement whose failure may be about a row's values; how many rows it wrote.
async fn guarded(client: &Client, statement: &str, doing: &'static str) -> Result<u64, Failure> {
    match attempt(client, statement).await? {
        Attempt::Done(rows) => Ok(rows),
        Attempt::Refused(refused) => {
            let passes = may_pass(refused.code());
            let is_about_rows =
                refused.code().starts_with("23") || refused.code().starts_with("P0");
            let error = refused.into_error(doing);
            let hint = "nothing is published; judging the rows before did not show it: look at \
                        triggers and at who else writes to the table";
            Err(Failure { error: if is_about_rows { error.hint(hint) } else { error }, passes })
        }
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
        self.fence.check(client).await?;
        lock_targets(client, self.loads).await?;
        let read = self.recount(client).await?;
        let any_excluded = self.any_excluded(client).await?;
        let mut tallies = Vec::with_capacity(self.loads.len());
        for target in 0..self.loads.len() {
            tallies.push(self.publish_target(client, target, read, any_excluded).await?);
        }
        if self.commit {
            // What is checked at the end is checked here, where it does not reach the server's log.
            guarded(client, "set constraints all immediate", "check deferred constraints").await?;
            ledger::record_published(client, self.run, self.loads, &tallies).await?;
            transaction.commit().await.map_err(failed("commit"))?;
        } else {
            transaction.rollback().await.map_err(failed("end the dry run"))?;
        }
        Ok(tallies)
    }

    async fn publish_target(
        &self,
        client: &Client,
        target: usize,
        read: u64,
        any_excluded: bool,
    ) -> Result<Tally, Failure> {
        let (staging, load) = (self.staging, &self.loads[target]);
        let sql = Statements { staging, target, load, any_excluded };
        let publisher = TargetPublisher { client, sql };
        let classified = publisher.classify().await?;
        if self.commit {
            publisher.write(&classified).await?;
        }
        let (rejected, duplicate) =
            if any_excluded { self.excluded(client, target).await? } else { (0, 0) };
        let (counted, changes) = (self.counted.tables[target], classified.changes);
        let tally = Tally {
            read,
            filtered: counted.filtered,
            rejected: counted.rejected + rejected,
            duplicate,
            inserted: changes.of(Kind::New),
            updated: changes.of(Kind::Changed),
            unchanged: changes.of(Kind::Same),
            deleted: changes.of(Kind::Gone),
        };
        must_close(load, &tally)?;
        Ok(tally)
    }
}

fn must_close(load: &LoadTarget, tally: &Tally) -> Result<(), Failure> {
    if tally.closes() {
        return Ok(());
    }
    let message = format!("the tally of {} does not close: {tally:?}", load.table.name);
    Err(Error::unexpected(message).into())
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
