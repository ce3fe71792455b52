//! Publishing what was held.

use std::{sync::Arc, time::Instant};

use super::summary;
use crate::{
    error::Result,
    postgres::{
        endpoint::Endpoint,
        lease::{Fence, Lease},
        ledger::{self, HeldRun},
        publish::{self, Ending, Intent, Published, Publishing, TableChange},
        session::Session,
        staging::Staging,
    },
    report::{RunStatus, RunSummary, Seconds, TableSummary},
    run::{
        progress::{Progress, Stage},
        refresh,
        retry::Retry,
        stopping,
    },
    run_id::RunId,
};

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
    let session = endpoint.connect().await?;
    let held = ledger::held_run(&session.client, run).await?;
    let staging = Staging::new(run, held.plan.loads.len());
    let staging = staging.of_tenant(held.plan.tenant.clone());
    staging.must_be_there(&session.client, held.plan.counted.records).await?;
    let lease = Lease::take(endpoint, run, &held.record.pipeline, &held.plan.loads).await?;
    progress.enter(Stage::Publishing);
    let fence = lease.fence();
    let approval = Approval { endpoint, held: &held, staging: &staging, fence, progress };
    let published = Box::pin(lease.keeping(approval.publish(session))).await;
    progress.enter(Stage::Ended);
    let session = endpoint.connect().await?;
    let released = fence.release(&session.client).await;
    let published = published?;
    released?;
    let status = match published.ending {
        Ending::Published => RunStatus::Published,
        Ending::Counted | Ending::Held | Ending::Moved => RunStatus::Held,
    };
    if status == RunStatus::Published {
        staging.drop(&session.client).await?;
        let tallies: Vec<_> = published.tables.iter().map(|table| table.tally).collect();
        let changed = (&held.plan.loads[..], &tallies[..]);
        refresh::statistics(endpoint, &held.plan.after, changed, progress).await;
    }
    let tables = held.plan.loads.iter().zip(published.tables);
    let tables = tables
        .map(|(load, table)| TableSummary::new(&load.table.name, table.tally, table.deletions));
    let seconds = Seconds { publish: started.elapsed().as_secs_f64(), ..Seconds::default() };
    summary(&session.client, &held, status, (tables.collect(), seconds)).await
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
            let canceller = session.canceller();
            let work = self.attempt(&mut session, retry.is_again());
            match stopping::cancelling(self.progress, &canceller, work).await {
                Ok(published) => return Ok(published),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// Before it publishes again, it looks whether a COMMIT arrived whose answer did not.
    async fn attempt(&self, session: &mut Session, again: bool) -> Result<Published> {
        let plan = &self.held.plan;
        if again {
            *session = self.endpoint.connect().await?;
            let run = &self.held.record.run;
            if let Some(tallies) = ledger::published(&session.client, run).await? {
                let change = |tally| TableChange { tally, ..TableChange::default() };
                let tables = tallies.into_iter().map(change).collect();
                return Ok(Published { ending: Ending::Published, tables });
            }
        }
        let publishing = Publishing {
            staging: self.staging,
            loads: &plan.loads,
            counted: &plan.counted,
            run: &self.held.record,
            fence: self.fence,
            after: &plan.after,
            intent: Intent::Approve(&plan.fingerprints),
        };
        publish::publish(&mut session.client, &publishing).await
    }
}
