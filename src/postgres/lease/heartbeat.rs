//! The heartbeat of a run: its leases stay fresh, and it learns when they are lost.

use std::time::{Duration, Instant};

use postgres_types::{ToSql, Type};
use tokio::sync::watch;

use super::{Fence, LEASE_SECONDS, liveness};
use crate::{
    error::{Error, Result},
    failpoint,
    postgres::{endpoint::Endpoint, session::Session},
};

/// How often; a lease outlives many that are missed.
const BEAT: Duration = Duration::from_secs(5);

/// How long the database may take to answer a beat.
const BEAT_ANSWER: Duration = Duration::from_secs(15);

/// What a run knows of its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// It is kept.
    Kept,
    /// Another run has it.
    TakenOver,
    /// The database has not been heard of for as long as the lease lasts.
    Silent,
}

/// The task's own sessions: one for short updates, one for the lock that says we live.
pub(super) struct Heart {
    endpoint: Endpoint,
    fence: Fence,
    update: Option<Session>,
    liveness: Option<Session>,
}

impl Heart {
    /// A heart that beats on two sessions: for updates, and for the lock.
    pub(super) fn new(endpoint: Endpoint, fence: Fence, [update, liveness]: [Session; 2]) -> Self {
        Self { endpoint, fence, update: Some(update), liveness: Some(liveness) }
    }

    /// Beats until the lease is lost or nobody listens any more.
    pub(super) async fn beat(mut self, beat: watch::Sender<Beat>) {
        let mut heard = Instant::now();
        let (answer, lease) = (failpoint::limit(BEAT_ANSWER), Duration::from_secs(LEASE_SECONDS));
        loop {
            tokio::time::sleep(failpoint::limit(BEAT)).await;
            let kept = tokio::time::timeout(answer, self.refresh()).await;
            match kept {
                Ok(Ok(true)) => {
                    heard = Instant::now();
                    beat.send_replace(Beat::Kept);
                }
                Ok(Ok(false)) => {
                    beat.send_replace(Beat::TakenOver);
                    return;
                }
                // Whether the session is any good is not known: the next beat takes another.
                Ok(Err(_)) | Err(_) => self.update = None,
            }
            if heard.elapsed() >= failpoint::limit(lease) {
                beat.send_replace(Beat::Silent);
            }
            // Others take the lock for the surer sign; a beat alone keeps the lease for a minute.
            let alive = tokio::time::timeout(answer, self.stay_alive()).await;
            if !matches!(alive, Ok(Ok(()))) {
                self.liveness = None;
            }
        }
    }

    /// Whether every row is still this run's.
    async fn refresh(&mut self) -> Result<bool> {
        let session = session(&mut self.update, &self.endpoint).await?;
        let update = "update longshore.lease set heartbeat_at = clock_timestamp()
            where run_id = $1 and token = $2";
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.fence.run.as_str(), Type::TEXT), (&self.fence.token, Type::INT8)];
        let rows = session.client.execute_typed(update, &values).await;
        let rows = rows.map_err(|_| Error::environment("no beat"))?;
        Ok(i64::try_from(rows) == Ok(self.fence.targets))
    }

    /// A statement now and then also keeps a firewall from forgetting the connection.
    async fn stay_alive(&mut self) -> Result<()> {
        match &self.liveness {
            Some(session) => {
                let answer = session.client.batch_execute("select 1").await;
                answer.map_err(|_| Error::environment("no beat"))
            }
            None => {
                self.liveness = liveness::hold(&self.endpoint, &self.fence.run).await?;
                Ok(())
            }
        }
    }
}

async fn session<'s>(
    session: &'s mut Option<Session>,
    endpoint: &Endpoint,
) -> Result<&'s mut Session> {
    match session {
        Some(session) => Ok(session),
        none => Ok(none.insert(endpoint.connect().await?)),
    }
}
