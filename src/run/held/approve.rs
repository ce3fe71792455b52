//! Publishing what was held.

use std::{sync::Arc, time::Instant};

use super::summary;
use crate::{
    error::{Error, ErrorKind, Result},
    failpoint,
    outcome::Lacking,
    postgres::{
        endpoint::Endpoint,
        lease::{Fence, Lease},
        ledger::{self, HeldRun},
        publish::{self, Ending, Intent, Published, Publishing},
        session::Session,
        staging::Staging,
        watch,
    },
    report::{RunStatus, RunSummary, Seconds, TableSummary},
    run::{
        clean_up::{STOPPED, UNHURRIED, unsettled},
        progress::{Progress, Stage},
        refresh,
        retry::Retry,
        stopping::{self, in_time},
    },
    run_id::RunId,
};

const LEFT: &str =
    "what is left on the server could not be cleared away: the next run of the pipeline does it";

/// Publishes a held run, if its change is still what it was; else it stays held.
///
/// # Errors
/// `ErrorKind::Definition` when the run is not held, `ErrorKind::Busy` when another run has its
/// targets, `ErrorKind::Environment` when staging is lost or the server refuses.
pub async fn approve(
    endpoint: &Endpoint,
    run: &RunId,
    progress: &Arc<Progress>,
) -> Result<RunSummary> {
    let started = Instant::now();
    let opening = open(endpoint, run);
    let (held, staging, session, lease) =
        stopping::unless_stopped(progress, Box::pin(opening)).await?;
    progress.enter(Stage::Publishing);
    let fence = lease.fence();
    let approval = Approval { endpoint, held: &held, staging: &staging, fence, progress };
    let published = Box::pin(lease.keeping(approval.publish(session))).await;
    progress.enter(Stage::Ended);
    let (published, session) = Box::pin(approval.end(published)).await?;
    let status = match published.ending {
        Ending::Published => RunStatus::Published,
        Ending::Counted | Ending::Held | Ending::Moved => RunStatus::Held,
    };
    let (after, changed) = (&held.plan.after, (&held.plan.loads[..], &published));
    Box::pin(refresh::statistics((endpoint, &held.record.run), after, changed, progress)).await;
    let tables = held.plan.loads.iter().zip(published.tables);
    let tables = tables
        .map(|(load, table)| TableSummary::new(&load.table.name, table.tally, table.deletions));
    let seconds = Seconds { publish: started.elapsed().as_secs_f64(), ..Seconds::default() };
    let client = match &session {
        Some(session) => Ok(&session.client),
        None => Err(Error::environment("the database did not answer any more")),
    };
    Ok(summary(client, &held, status, (tables.collect(), seconds)).await)
}

async fn open(endpoint: &Endpoint, run: &RunId) -> Result<(HeldRun, Staging, Session, Lease)> {
    let session = endpoint.connect().await?;
    let held = in_time(ledger::held_run(&session.client, run)).await?;
    let staging = Staging::new(run, held.plan.loads.len());
    let staging = staging.of_tenant(held.plan.tenant.clone());
    in_time(staging.must_be_there(&session.client, held.plan.counted.records)).await?;
    let taking = Lease::take(endpoint, run, &held.record.pipeline, &held.plan.loads);
    let lease = in_time(taking).await?;
    Ok((held, staging, session, lease))
}

struct Approval<'a> {
    endpoint: &'a Endpoint,
    held: &'a HeldRun,
    staging: &'a Staging,
    fence: &'a Fence,
    progress: &'a Arc<Progress>,
}

impl Approval<'_> {
    async fn publish(&self, mut session: Session) -> Result<Published> {
        let mut retry = Retry::new(self.progress);
        loop {
            match self.try_to_publish(&mut session, retry.is_again()).await {
                Ok(published) => return Ok(published),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    async fn try_to_publish(&self, session: &mut Session, again: bool) -> Result<Published> {
        if again {
            *session = self.endpoint.connect().await?;
        }
        let (canceller, run) = (session.canceller(), &self.held.record.run);
        let work = watch::attended(self.endpoint, run, self.attempt(session, again));
        stopping::cancelling(self.progress, &canceller, work).await
    }

    /// Before it publishes again, it looks whether a COMMIT arrived whose answer did not.
    async fn attempt(&self, session: &mut Session, again: bool) -> Result<Published> {
        let (plan, run) = (&self.held.plan, &self.held.record.run);
        if again {
            watch::end_sessions(&session.client, run.as_str()).await?;
            if let Some(published) = self.settled(session).await? {
                return Ok(published);
            }
        }
        let publishing = Publishing {
            staging: self.staging,
            loads: &plan.loads,
            counted: &plan.counted,
            // Somebody has looked at it.
            lacking: &Lacking::default(),
            run: &self.held.record,
            fence: self.fence,
            after: &plan.after,
            intent: Intent::Approve(&plan.fingerprints),
            stop: self.progress.stop(),
        };
        Box::pin(publish::publish(&mut session.client, &publishing)).await
    }

    /// What the ledger knows to be published; a run that is held waits still.
    async fn settled(&self, session: &Session) -> Result<Option<Published>> {
        let settled = publish::settled(&session.client, &self.held.record.run).await?;
        Ok(settled.filter(|published| published.ending == Ending::Published))
    }

    /// Clears away and gives the true end, with a session where there is one: what seemed to
    /// fail may be published, and what is published stays so, whatever fails now.
    async fn end(&self, published: Result<Published>) -> Result<(Published, Option<Session>)> {
        let hurried = matches!(&published, Err(error) if error.kind() == ErrorKind::Interrupted);
        let limit = failpoint::limit(if hurried { STOPPED } else { UNHURRIED });
        let cleaned = tokio::time::timeout(limit, self.clean(&published)).await;
        let cleaned = cleaned.unwrap_or_else(|_| {
            Err(Error::environment("the database took too long to clear away"))
        });
        match (published, cleaned) {
            (Err(_), Ok((Some(settled), session))) => Ok((settled, Some(session))),
            (published, Ok((_, session))) => Ok((published?, Some(session))),
            (Ok(published), Err(_)) => {
                self.progress.notice(LEFT);
                Ok((published, None))
            }
            (Err(error), Err(_)) => {
                self.progress.notice(LEFT);
                Err(unsettled(error, &self.held.record.run))
            }
        }
    }

    async fn clean(&self, published: &Result<Published>) -> Result<(Option<Published>, Session)> {
        let session = self.endpoint.connect().await?;
        let client = &session.client;
        let settled = match published {
            Ok(_) => None,
            Err(_) => {
                watch::end_sessions(client, self.held.record.run.as_str()).await?;
                self.settled(&session).await?
            }
        };
        let ending = settled.as_ref().or(published.as_ref().ok()).map(|it| it.ending);
        if ending == Some(Ending::Published) {
            self.staging.drop(client).await?;
            failpoint::hit("cleanup.dropped")?;
        }
        self.fence.release(client).await?;
        Ok((settled, session))
    }
}
