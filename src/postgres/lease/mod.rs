//! One run at a time per target, from its first statement to its last.
//!
//! A lease is a row per target in `longshore.lease`: who holds it, since when,
//! and a token that grows with every taking. A run keeps its rows fresh by a
//! heartbeat, and holds an advisory lock in an open transaction of a session of
//! its own, which the server lets go when the session ends, however it ends.
//! Who finds the lock free knows that the holder is gone, and takes over at
//! once; who finds a heartbeat of a minute ago takes over too. The publishing
//! transaction locks the rows and looks for its own token ([`Fence::check`]), so
//! a run that lost its lease without noticing cannot publish. A partitioned table and its
//! partitions have the same rows: who has one of them keeps others from those above and below.
//!
//! Everything is bound to transactions: it holds behind a pooler in transaction mode.

mod abandoned;
mod heartbeat;
mod liveness;
mod take;

use tokio::{sync::watch, task::JoinHandle};
use tokio_postgres::{Client, types::Type};

pub(super) use abandoned::cut_off;
pub use abandoned::{CutOff, clear_abandoned, clear_abandoned_of};
pub(super) use liveness::held;
pub use take::ensure_free_by_name;

use self::heartbeat::{Beat, Heart};
use super::{
    endpoint::Endpoint,
    session::{answered, database_error},
};
use crate::{
    error::{Error, ErrorKind, Result, Transient},
    load::LoadTarget,
    run_id::RunId,
};

/// Seconds without a heartbeat after which a lease may be taken over.
pub const LEASE_SECONDS: u64 = 60;

/// What a run proves by, while it publishes, that its targets are still its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    run: RunId,
    token: i64,
    targets: i64,
}

impl Fence {
    /// Locks the lease until the transaction ends: nobody can take the targets over meanwhile.
    /// It has to be the transaction's first statement, since heartbeats go on.
    ///
    /// # Errors
    /// `ErrorKind::Busy` when another run has taken over; else as the server's.
    pub async fn check(&self, client: &Client) -> Result<()> {
        let query = "select count(*) from
            (select from longshore.lease where run_id = $1 and token = $2 for key share) held";
        let values: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
            [(&self.run.as_str(), Type::TEXT), (&self.token, Type::INT8)];
        let held = client.query_typed_one(query, &values).await;
        let held: i64 = held.map_err(|error| database_error(&error, "check the lease"))?.get(0);
        if held == self.targets { Ok(()) } else { Err(taken_over()) }
    }

    /// Gives the targets back by a session of its own.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server cannot be reached, refuses, or does not answer.
    pub async fn release_anew(&self, endpoint: &Endpoint) -> Result<()> {
        self.release(&endpoint.connect().await?.client).await
    }

    /// Gives the targets back.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses or does not answer.
    pub async fn release(&self, client: &Client) -> Result<()> {
        let delete = "delete from longshore.lease where run_id = $1 and token = $2";
        let run = self.run.as_str();
        let values: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
            [(&run, Type::TEXT), (&self.token, Type::INT8)];
        answered("give the targets back", client.execute_typed(delete, &values)).await.map(|_| ())
    }
}

/// Kept until it is dropped; its rows stay until [`Fence::release`].
#[derive(Debug)]
pub struct Lease {
    fence: Fence,
    beat: watch::Receiver<Beat>,
    heart: JoinHandle<()>,
}

impl Lease {
    /// Takes the targets for a run.
    ///
    /// # Errors
    /// `ErrorKind::Busy`, within a second, when another run has one of the targets;
    /// `ErrorKind::Environment` when the server refuses.
    pub async fn take(
        endpoint: &Endpoint,
        run: &RunId,
        pipeline: &str,
        loads: &[LoadTarget],
    ) -> Result<Self> {
        let mut targets: Vec<_> = loads.iter().map(|load| load.table.oid).collect();
        targets.sort_unstable();
        targets.dedup();
        let Some(liveness) = liveness::hold(endpoint, run).await? else {
            return Err(take::held_elsewhere(endpoint, run, &targets).await);
        };
        let session = endpoint.connect().await?;
        let token = take::take(&session.client, run, pipeline, loads).await?;
        let targets = i64::try_from(targets.len()).unwrap_or(i64::MAX);
        let fence = Fence { run: run.clone(), token, targets };
        let (sender, beat) = watch::channel(Beat::Kept);
        let heart = Heart::new(endpoint.clone(), fence.clone(), [session, liveness]);
        Ok(Self { fence, beat, heart: tokio::spawn(heart.beat(sender)) })
    }

    /// What publishing proves its right by.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Waits for work that is worth something only while the targets are this run's.
    ///
    /// # Errors
    /// As the work, and as for a lease that is lost: `ErrorKind::Busy`, or `Transient::Disconnected`.
    pub fn keeping<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        let (lost, work) = (self.lost(), Box::pin(work));
        async move {
            tokio::select! {
                done = work => done,
                lost = lost => Err(lost),
            }
        }
    }

    /// Waits until the lease is lost, or the database has not been heard of for as long as it lasts.
    pub fn lost(&self) -> impl Future<Output = Error> + use<> {
        let mut beat = self.beat.clone();
        async move {
            let lost = beat.wait_for(|beat| *beat != Beat::Kept).await.map(|beat| *beat);
            match lost {
                Ok(Beat::TakenOver) => taken_over(),
                Ok(Beat::Silent) => silent(),
                // The heart stops only with the lease.
                Ok(Beat::Kept) | Err(_) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heart.abort();
    }
}

fn taken_over() -> Error {
    let what = "another run took the targets over; this one publishes nothing";
    Error::new(ErrorKind::Busy, what).hint(
        "this run was not heard of for a minute: its machine slept, or the network was away; \
         `longshore history` shows the other run",
    )
}

fn silent() -> Error {
    Error::environment(format!("the database has not answered for {LEASE_SECONDS} s"))
        .hint("run it again when the database can be reached; what was staged is used then")
        .passing(Some(Transient::Disconnected))
}
