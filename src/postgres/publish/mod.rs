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
mod statements;
mod target;

use postgres_types::Type;
use tokio_postgres::{Client, error::SqlState};

use changes::Kind;
pub use counted::{Counted, CountedTable};
use statements::Statements;
use target::TargetPublisher;

use super::{
    lease::Fence,
    ledger::{self, RunRecord},
    session::{TRANSACTION_SETTINGS, database_error},
    staging::Staging,
};
use crate::{
    error::{Error, ErrorKind, Result, Transient},
    failpoint,
    load::LoadTarget,
    outcome::Tally,
};

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
/// `ErrorKind::Environment` when the server refuses. Nothing is published then, unless the
/// connection was lost over the COMMIT: the ledger knows.
pub async fn publish(client: &mut Client, publishing: &Publishing<'_>) -> Result<Vec<Tally>> {
    publishing.attempt(client).await.map_err(|failure| match failure.error.transient() {
        None if failure.passes => failure.error.passing(Some(Transient::Conflict)),
        _ => failure.error,
    })
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
        self.fence.check(client).await?;
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
        failpoint::hit("publish.classified")?;
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
