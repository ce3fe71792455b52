//! Loading rows straight into their table, where the database has nothing to judge: see
//! [`crate::postgres::publish::straight`].
//!
//! A large file for an empty table is the case: half the time of such a load would go into
//! copying staged rows over. Each split is sent and logged at once ([`super::split_log`]).
//! Whenever something comes in between, what is logged is staged and the run goes on as ever,
//! from there. So nothing depends on this but how long a load takes.

mod logged;
mod publish;

use std::sync::Arc;

pub(super) use logged::stage_logged;
use tokio::sync::mpsc;

use super::{
    import::Import,
    progress::Progress,
    resume::ResumeKey,
    retry,
    split_log::{Logged, SplitLog},
    stage::StagingArea,
    stopping,
};
use crate::{
    error::{Error, ErrorKind, Result},
    failpoint,
    postgres::{
        publish::straight::{Straight, TableRows, is_plain},
        watch,
    },
};

/// Less is loaded so fast that it is not worth another way.
const FILE_BYTES_MIN: usize = 16 << 20;

const STAGED: &str = "rows did not come straight into their table and are staged instead";

/// Rows on their way into a table, and the log that says which.
pub(super) struct StraightLoad {
    straight: Straight,
    pub(super) log: Arc<SplitLog>,
    /// What the splits depend on, which the log says as soon as it is known.
    resume: Option<Arc<ResumeKey>>,
}

/// What was in the way, and the split that came neither into the table nor into the log.
pub(super) struct GaveUp {
    pub(super) error: Error,
    pub(super) unlogged: Option<Arc<Logged>>,
}

/// Begins such a load; `None` where rows are to be staged.
///
/// # Errors
/// `ErrorKind::Interrupted`; `ErrorKind::Environment` when the database cannot be reached.
pub(super) async fn open(import: &Import<'_>, area: &StagingArea) -> Result<Option<StraightLoad>> {
    let [load] = &import.loads[..] else { return Ok(None) };
    let (request, loaded) = (import.request, &import.loaded);
    let bytes: u64 = loaded.fresh.iter().map(|file| file.bytes).sum();
    let is_staged = import.staged.by.is_some() || loaded.replay.is_some();
    // A policy would have to be told whose rows they are.
    let has_tenant = import.bound.tenant.is_some();
    if request.dry_run
        || is_staged
        || has_tenant
        || bytes < failpoint::most(FILE_BYTES_MIN) as u64
        || !is_plain(load)
    {
        return Ok(None);
    }
    let opening = async {
        let session = area.endpoint.connect().await?;
        let run = &import.record.run;
        let Some(straight) = Straight::open(session, run, load).await? else {
            return Ok::<_, Error>(None);
        };
        let log = SplitLog::create(&request.report_folder, &import.record.pipeline, run)?;
        let resume = import.resume.clone();
        Ok(Some(StraightLoad { straight, log: Arc::new(log), resume }))
    };
    // Nothing of it takes long: the table is empty.
    let opening = stopping::unless_stopped(&area.progress, stopping::in_time(opening));
    match opening.await {
        Err(error) => {
            give_up(error, &area.progress)?;
            end_sessions(area).await.map(|()| None)
        }
        opened => opened,
    }
}

impl StraightLoad {
    /// Logs the splits that `next` gives, and sends them, each while the next one is logged.
    ///
    /// # Errors
    /// Those of `next`; what else is in the way makes it give up.
    pub(super) async fn take_all(
        &mut self,
        mut next: impl AsyncFnMut() -> Result<Option<Logged>>,
    ) -> Result<Result<(), GaveUp>> {
        let (ready, mut logged) = mpsc::channel(1);
        let (log, resume) = (&self.log, &self.resume);
        let logging = async move {
            while let Some(split) = next().await? {
                let log = (Arc::clone(log), resume.clone());
                let rows = match log_split(log, split).await {
                    Ok(rows) => rows,
                    Err(gave_up) => return Ok(Err(gave_up)),
                };
                // Whoever sends may have given up: what is logged is not lost.
                if ready.send(rows).await.is_err() {
                    break;
                }
            }
            Ok(Ok(()))
        };
        let straight = &mut self.straight;
        let sending = async move {
            while let Some(rows) = logged.recv().await {
                straight.send(rows).await?;
            }
            Ok(())
        };
        let (logged, sent): (Result<Result<_, _>>, Result<()>) = tokio::join!(logging, sending);
        Ok(logged?.and(sent.map_err(|error| GaveUp { error, unlogged: None })))
    }

    /// Every split is sent: the open transaction, for publishing; `None` where its rows are to be
    /// staged, since `keys_differ` was not proven of them or something came in between.
    pub(super) async fn finish(
        mut self,
        keys_differ: bool,
        area: &StagingArea,
    ) -> Result<Option<Straight>> {
        failpoint::hit("straight.read")?;
        if keys_differ {
            match self.straight.close().await {
                Ok(()) => return Ok(Some(self.straight)),
                Err(error) => give_up(error, &area.progress)?,
            }
        }
        give_back(self.straight, area).await?;
        Ok(None)
    }

    /// Takes everything back that is not logged only.
    ///
    /// # Errors
    /// As [`give_up`].
    pub(super) async fn abandon(self, error: Error, area: &StagingArea) -> Result<()> {
        give_up(error, &area.progress)?;
        give_back(self.straight, area).await
    }
}

/// Gives the table back, which is locked.
async fn give_back(straight: Straight, area: &StagingArea) -> Result<()> {
    straight.abandon().await;
    end_sessions(area).await
}

/// Also where a session is out of our reach, and the server knows nothing of that.
async fn end_sessions(area: &StagingArea) -> Result<()> {
    let ending = async |client: &_| watch::end_sessions(client, area.staging.run.as_str()).await;
    retry::ask(&area.endpoint, &area.progress, ending).await
}

/// Logs a split, and gives its rows as their table takes them.
async fn log_split(
    (log, resume): (Arc<SplitLog>, Option<Arc<ResumeKey>>),
    split: Logged,
) -> Result<TableRows, GaveUp> {
    let split = Arc::new(split);
    let taken = Arc::clone(&split);
    let logging = tokio::task::spawn_blocking(move || {
        log.note_key(|| resume?.known())?;
        log.append(&taken.0, &taken.1)?;
        TableRows::of(&taken.0)
    });
    let failed = |cause| Err(Error::unexpected("a worker failed").caused_by(cause));
    let logged = logging.await.unwrap_or_else(failed);
    logged.map_err(|error| GaveUp { error, unlogged: Some(split) })
}

/// Tells why rows are staged after all. What is wrong with the server or the disk the run may
/// meet again; what is wrong with ourselves ends it.
///
/// # Errors
/// `ErrorKind::Unexpected` and `ErrorKind::Interrupted` as they are.
fn give_up(error: Error, progress: &Progress) -> Result<()> {
    if matches!(error.kind(), ErrorKind::Unexpected | ErrorKind::Interrupted) {
        return Err(error);
    }
    progress.notice(format!("{STAGED}: {error}"));
    Ok(())
}
