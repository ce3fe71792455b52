//! Publishes what is staged, in one transaction for all targets, or nothing.
//!
//! Each target is classified by one join with its rows: new, changed, the same,
//! gone. Then only rows that differ are updated, only new ones inserted, and only
//! those that are gone deleted: an unchanged row costs no row version,
//! no WAL, no trigger, and no sequence value. What the server then says it
//! wrote must equal what was classified, and every record read must have one
//! outcome; otherwise the transaction is rolled back.
//!
//! Where too much would be deleted the run is held: what was classified stays in
//! staging for somebody to look at, and nothing is written to a target.
//!
//! The isolation level is REPEATABLE READ: a row that somebody else changes
//! between classifying and writing shows as 40001, a key that somebody adds as
//! 23505, and the whole transaction is tried again, after what is staged was judged again.

mod after;
mod attempt;
mod changes;
mod counted;
mod filling;
mod fingerprint;
mod foreign_keys;
mod guard;
pub mod held;
mod indexes;
mod locks;
mod mode;
mod order;
mod references;
pub(in crate::postgres) mod rehearse;
mod settled;
mod statements;
mod still_taken;
pub mod straight;
mod target;
mod triggers;

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, error::SqlState};

pub use counted::{Counted, CountedTable};
pub use settled::settled;
pub(in crate::postgres) use statements::{Statements, content, deleted_value, present_value};
pub(in crate::postgres) use target::foresee;

use super::{
    caught::{Attempt, attempt, attempt_each},
    lease::Fence,
    ledger::RunRecord,
    partitions,
    session::{TRANSACTION_SETTINGS, database_error},
    staging::Staging,
};
use crate::{
    error::{Error, Result, Transient},
    load::{AfterLoad, CountLimit, LoadTarget},
    outcome::{Deletions, Lacking, Tally},
};

/// What is published.
pub struct Publishing<'a> {
    /// The staging tables; `excluded` is complete.
    pub staging: &'a Staging,
    /// The targets.
    pub loads: &'a [LoadTarget],
    /// What the run counted.
    pub counted: &'a Counted,
    /// The files that hold nothing of what they should: deletions wait then.
    pub lacking: &'a Lacking,
    /// What the ledger is told.
    pub run: &'a RunRecord,
    /// What proves that the targets are this run's.
    pub fence: &'a Fence,
    /// What goes along with it.
    pub after: &'a AfterLoad,
    /// How far to go.
    pub intent: Intent<'a>,
    /// Whether the operator does not want it any more.
    pub stop: &'a AtomicBool,
}

/// How far publishing goes.
#[derive(Debug, Clone, Copy)]
pub enum Intent<'a> {
    /// To the counts of what would happen, judged by this limit; nothing is written.
    Count(Option<CountLimit>),
    /// To the end, unless more would be deleted than this.
    Publish(Option<CountLimit>),
    /// To the end, if the change is still the one with these fingerprints, a target each.
    Approve(&'a [String]),
}

/// What publishing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// How it ended.
    pub ending: Ending,
    /// What was, or would be, done to each target.
    pub tables: Vec<TableChange>,
}

/// How publishing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As [`Intent::Count`] asks.
    Counted,
    /// All targets are written and committed.
    Published,
    /// Deletions wait for approval; staging and the ledger say which.
    Held,
    /// The change is not the approved one any more; nothing happened.
    Moved,
}

/// What is done to one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableChange {
    /// What became of the records.
    pub tally: Tally,
    /// What became of rows without a record, where the mode deletes.
    pub deletions: Option<Deletions>,
    /// Partitions that were, or would be, made for them.
    #[serde(default)]
    pub partitions: Vec<String>,
    /// Whether its statistics were refreshed along with it.
    #[serde(skip)]
    pub analyzed: bool,
}

/// Publishes all targets and writes the ledger, in one transaction.
///
/// # Errors
/// `ErrorKind::Busy` when another run publishes one of the targets;
/// `ErrorKind::Unexpected` when the counts do not agree;
/// `ErrorKind::Environment` when the server refuses. Nothing is published then, unless the
/// connection was lost over the COMMIT: the ledger knows.
pub async fn publish(client: &mut Client, publishing: &Publishing<'_>) -> Result<Published> {
    let partitions = publishing.make_partitions(client).await?;
    let published = Box::pin(publishing.attempt(client)).await;
    let mut published = published.map_err(|failure| match failure.error.transient() {
        None if failure.passes => failure.error.passing(Some(Transient::Conflict)),
        _ => failure.error,
    })?;
    for (table, partitions) in published.tables.iter_mut().zip(partitions) {
        table.partitions = partitions;
    }
    Ok(published)
}

impl Publishing<'_> {
    /// Makes the partitions that are missing, or says which those are.
    async fn make_partitions(&self, client: &mut Client) -> Result<Vec<Vec<String>>> {
        if !matches!(self.intent, Intent::Count(_)) {
            return partitions::make(client, self.staging, self.loads).await;
        }
        let failed = |error| database_error(&error, "ask which partitions are missing");
        let transaction = client.transaction().await.map_err(failed)?;
        transaction.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed)?;
        let mut names = Vec::with_capacity(self.loads.len());
        for target in self.loads.iter().enumerate() {
            let missing = partitions::missing(transaction.client(), self.staging, target).await?;
            names.push(missing.iter().map(|partition| partition.name.to_string()).collect());
        }
        transaction.rollback().await.map_err(failed)?;
        Ok(names)
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
    settle_attempt(attempt(client, statement).await?, doing)
}

/// The same for a statement that is run for each row of a query.
async fn guarded_each(
    client: &Client,
    (rows, statement): (&str, &str),
    doing: &'static str,
) -> Result<u64, Failure> {
    settle_attempt(attempt_each(client, rows, statement).await?, doing)
}

fn settle_attempt(attempted: Attempt, doing: &'static str) -> Result<u64, Failure> {
    match attempted {
        Attempt::Done(rows) => Ok(rows),
        Attempt::Refused(refused) => {
            if refused.is_of_server() {
                return Err(refused.into_error(doing).into());
            }
            let hint = "nothing is published; judging the rows before did not show it: look at \
                        triggers and at who else writes to the table";
            let error = refused.into_error(doing).hint(hint);
            Err(error.passing(Some(Transient::Refused)).into())
        }
    }
}
