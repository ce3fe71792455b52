//! How a run leaves the database, however it ended.
//!
//! Staging is dropped, the end is noted, and the targets are given back. Where
//! the connection is what failed, staging stays: the next run of the pipeline
//! goes on from there. Whatever this cannot do, the next run does.

use std::time::Duration;

use super::{
    held,
    import::{Ended, Import},
    progress::Progress,
};
use crate::{
    error::{Error, ErrorKind, Result, Transient},
    failpoint,
    postgres::{endpoint::Endpoint, ledger, publish, session::Session, watch},
    report::RunStatus,
    run_id::RunId,
};

/// An operator who asked for the end does not wait longer than this.
pub(super) const STOPPED: Duration = Duration::from_secs(4);

/// How long it may take otherwise: dropping waits for locks of sessions that are just ending.
pub(super) const UNHURRIED: Duration = Duration::from_secs(30);

/// The clean-up of one run.
pub(super) struct CleanUp<'a, 'r> {
    /// Where to connect to: the run's own sessions may be gone.
    pub(super) endpoint: &'a Endpoint,
    /// The run.
    pub(super) import: &'a Import<'r>,
    /// Where people are told what is left.
    pub(super) progress: &'a Progress,
}

const LEFT: &str = "what was staged could not be dropped: the next run of the pipeline does it";
const KEPT: &str = "what was staged is kept: run it again to go on from there";

impl CleanUp<'_, '_> {
    /// Cleans up and gives the true end: a run that seemed to fail may have been published.
    ///
    /// # Errors
    /// What ended the run.
    pub(super) async fn after(self, ended: Result<Ended>) -> Result<Ended> {
        let hurried = matches!(&ended, Err(error) if error.kind() == ErrorKind::Interrupted);
        let limit = if hurried { STOPPED } else { UNHURRIED };
        let cleaned = tokio::time::timeout(failpoint::limit(limit), self.clean(&ended)).await;
        let cleaned =
            cleaned.unwrap_or_else(|_| Err(Error::environment("cleaning up took too long")));
        match (ended, cleaned) {
            (Err(_), Ok(Some(published))) => Ok(published),
            (ended, Ok(_)) => ended,
            // What is published is published; the next run cleans up.
            (ended, Err(_)) => {
                match self.can_be_resumed(&ended) {
                    true => self.keep(),
                    false => self.progress.notice(LEFT),
                }
                match (ended, self.import.publishes) {
                    (Err(error), true) => Err(unsettled(error, &self.import.record.run)),
                    (ended, _) => ended,
                }
            }
        }
    }

    /// The end that the ledger knows of, where it is another than we think.
    async fn clean(&self, ended: &Result<Ended>) -> Result<Option<Ended>> {
        let import = self.import;
        let mut session = self.endpoint.connect().await?;
        let settled = match ended {
            Ok(_) => None,
            Err(_) => publish::settled(&session.client, &import.record.run).await?,
        };
        let settled = settled.map(Ended::of);
        let status = settled.as_ref().or(ended.as_ref().ok()).map(|ended| ended.status);
        if status.is_none() && self.can_be_resumed(ended) {
            self.keep();
        } else {
            if ended.is_err() {
                watch::end_sessions(&session.client, import.record.run.as_str()).await?;
            }
            if status != Some(RunStatus::Held) {
                import.staging.drop(&session.client).await?;
                failpoint::hit("cleanup.dropped")?;
            }
            // Corrected records are no newer state of the source.
            let is_delivery = import.loaded.replay.is_none();
            if is_delivery && matches!(status, Some(RunStatus::Held | RunStatus::Published)) {
                held::supersede(&mut session.client, &import.record).await?;
            }
            self.note(&session, ended).await?;
        }
        import.lease.fence().release(&session.client).await?;
        Ok(settled)
    }

    async fn note(&self, session: &Session, ended: &Result<Ended>) -> Result<()> {
        let (client, record) = (&session.client, &self.import.record);
        match ended {
            Err(error) => {
                ledger::record_ended(client, record, "failed", Some(&error.to_string())).await
            }
            Ok(ended) => match ended.status {
                RunStatus::Rejected => ledger::record_ended(client, record, "rejected", None).await,
                RunStatus::DryRun => ledger::forget(client, &record.run).await,
                RunStatus::Failed
                | RunStatus::Published
                | RunStatus::Unchanged
                | RunStatus::Held
                | RunStatus::Discarded => Ok(()),
            },
        }
    }

    fn keep(&self) {
        self.progress.notice(KEPT);
        let Some(log) = &self.import.log else { return };
        // Without its key nobody could go on from it.
        if log.note_key(|| self.import.resume.as_ref()?.known()).is_ok() {
            log.keep();
        }
    }

    /// Only where the connection is what failed: everything else fails again.
    fn can_be_resumed(&self, ended: &Result<Ended>) -> bool {
        let lost = [Transient::Disconnected, Transient::Starting, Transient::Unreachable];
        let is_lost =
            matches!(ended, Err(error) if error.transient().is_some_and(|why| lost.contains(&why)));
        is_lost && self.import.resume.as_ref().is_some_and(|key| key.known().is_some())
    }
}

/// The error of a run that may have been published: nobody could be asked.
pub(super) fn unsettled(error: Error, run: &RunId) -> Error {
    let what = format!("whether run {run} is published is not known: the database did not say");
    let hint = format!(
        "`longshore history {run}` shows it; what is published already is not published again"
    );
    let said = Error::new(error.kind(), what).hint(hint).passing(error.transient());
    match error.kind() {
        // That one claims to know.
        ErrorKind::Interrupted => said,
        _ => said.caused_by(error),
    }
}
