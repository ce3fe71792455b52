//! Undo: a run that takes another one back.

use std::{sync::Arc, time::Instant};

use super::{
    progress::{Progress, Stage},
    stopping,
};
use crate::{
    error::{Error, Result, Transient},
    load::{DuplicateRule, LoadMode, LoadTarget},
    postgres::{
        catalog,
        endpoint::Endpoint,
        lease::{self, Lease},
        ledger::{self, RunRecord},
        session::Session,
        sql::qualified,
        undo::{self, Kept, KeptRun, Undoing, Undone},
    },
    report::{
        LeftRows, RejectionSummary, RunStatus, RunSummary, Seconds, TableSummary, UndoSummary,
    },
    run_id::RunId,
};

/// How often an undo that met another writer is tried.
const ATTEMPTS_MAX: u32 = 3;

/// What to undo, and how.
#[derive(Debug, Clone)]
pub struct UndoRequest {
    /// The run that is taken back.
    pub of: RunId,
    /// Whether rows that somebody touched since are left as they are now; otherwise they keep
    /// the run from being undone at all.
    pub force: bool,
    /// Whether to stop before writing, with the counts of what would happen.
    pub dry_run: bool,
}

/// Takes a run back.
///
/// A run whose rows were touched since has the status `Held`, and nothing is undone.
///
/// # Errors
/// `ErrorKind::Definition` when that run cannot be undone, `ErrorKind::Busy` when another run
/// has its targets, `ErrorKind::Environment` when the server refuses.
pub async fn undo(
    endpoint: &Endpoint,
    request: &UndoRequest,
    progress: &Arc<Progress>,
) -> Result<RunSummary> {
    let started = Instant::now();
    let preparing = Undo::prepare(endpoint, request);
    let mut undo = stopping::unless_stopped(progress, preparing).await?;
    progress.enter(Stage::Publishing);
    let canceller = undo.session.canceller();
    let undone = stopping::cancelling(progress, &canceller, undo.carry_out()).await;
    progress.enter(Stage::Ended);
    undo.end(endpoint, undone, started).await
}

/// An undo that has its targets to itself.
struct Undo<'r> {
    request: &'r UndoRequest,
    of: KeptRun,
    kept: Kept,
    session: Session,
    lease: Lease,
    record: RunRecord,
}

impl<'r> Undo<'r> {
    async fn prepare(endpoint: &Endpoint, request: &'r UndoRequest) -> Result<Self> {
        let mut session = endpoint.connect().await?;
        ledger::ensure(&session.client).await?;
        let unknown = || Error::definition(format!("the ledger has no run {}", request.of));
        let of = undo::kept_run(&session.client, &request.of).await?.ok_or_else(unknown)?;
        let kept = ensure_undoable(&of)?.clone();
        let record = RunRecord {
            run: RunId::generate(),
            pipeline: of.pipeline.clone(),
            definition_sha256: of.definition_sha256.clone(),
            files: Vec::new(),
            violations: Vec::new(),
            report: None,
            pipeline_file: None,
            replay: None,
            undoes: Some(of.run.clone()),
        };
        let loads = loads(&session, &kept).await?;
        let lease = Lease::take(endpoint, &record.run, &record.pipeline, &loads).await?;
        let begun = async {
            lease::clear_abandoned(&mut session.client, &record.pipeline).await?;
            ledger::record_started(&session.client, &record).await
        };
        if let Err(error) = begun.await {
            // What keeps this from being done keeps nobody from taking the targets: we are gone then.
            drop(lease.fence().release(&endpoint.connect().await?.client).await);
            return Err(error);
        }
        Ok(Self { request, of, kept, session, lease, record })
    }

    async fn carry_out(&mut self) -> Result<Vec<Undone>> {
        let lost = self.lease.lost();
        let undoing = Undoing {
            run: &self.record.run,
            of: &self.of,
            kept: &self.kept,
            fence: self.lease.fence(),
            force: self.request.force,
            commit: !self.request.dry_run,
        };
        let client = &mut self.session.client;
        let trying = async {
            let mut attempt = 1;
            loop {
                match undo::undo(client, &undoing).await {
                    Err(error)
                        if error.transient() == Some(Transient::Conflict)
                            && attempt < ATTEMPTS_MAX =>
                    {
                        attempt += 1;
                    }
                    ended => return ended,
                }
            }
        };
        tokio::select! {
            ended = trying => ended,
            lost = lost => Err(lost),
        }
    }

    /// Notes the end and gives the targets back.
    async fn end(
        self,
        endpoint: &Endpoint,
        undone: Result<Vec<Undone>>,
        started: Instant,
    ) -> Result<RunSummary> {
        let status = undone.as_ref().map_or(RunStatus::Failed, |undone| self.status(undone));
        let message = undone.as_ref().err().map(ToString::to_string);
        let cleaned = self.clean_up(endpoint, status, message.as_deref()).await;
        let undone = undone?;
        cleaned?;
        Ok(self.summary(status, &undone, started))
    }

    fn status(&self, undone: &[Undone]) -> RunStatus {
        if self.request.dry_run {
            RunStatus::DryRun
        } else if self.request.force || undone.iter().all(Undone::is_whole) {
            RunStatus::Published
        } else {
            RunStatus::Held
        }
    }

    async fn clean_up(
        &self,
        endpoint: &Endpoint,
        status: RunStatus,
        message: Option<&str>,
    ) -> Result<()> {
        let Session { client, .. } = &endpoint.connect().await?;
        match status {
            RunStatus::Published => {}
            RunStatus::Failed => {
                ledger::record_ended(client, &self.record, "failed", message).await?;
            }
            // Nothing happened, and nothing waits for anybody: it can be asked again.
            _ => ledger::forget(client, &self.record.run).await?,
        }
        self.lease.fence().release(client).await
    }

    fn summary(&self, status: RunStatus, undone: &[Undone], started: Instant) -> RunSummary {
        let table = |undone: &Undone| TableSummary::new(&undone.table, undone.tally, None);
        let left = |undone: &Undone| LeftRows {
            table: undone.table.clone(),
            replaced: undone.replaced_since,
            inserted: undone.inserted_since,
        };
        let total = started.elapsed().as_secs_f64();
        RunSummary {
            run: self.record.run.to_string(),
            pipeline: self.record.pipeline.clone(),
            status,
            tables: undone.iter().map(table).collect(),
            files: Vec::new(),
            rejections: RejectionSummary::default(),
            geometry: None,
            replay: None,
            undo: Some(UndoSummary {
                of: self.of.run.to_string(),
                left: undone.iter().filter(|undone| !undone.is_whole()).map(left).collect(),
            }),
            seconds: Seconds { publish: total, total, ..Seconds::default() },
        }
    }
}

/// Whether a run can be undone.
fn ensure_undoable(of: &KeptRun) -> Result<&Kept> {
    let run = &of.run;
    let refused = |what: String, hint: &str| Err(Error::definition(what).hint(hint));
    if let Some(undone) = &of.undoes {
        return refused(
            format!("run {run} is the undo of {undone}; an undo is not undone"),
            "load the files again: they count as not loaded",
        );
    }
    if let Some(by) = &of.undone_by {
        return refused(format!("run {run} was undone by {by}"), "there is nothing left to undo");
    }
    if of.status != "published" {
        let what = format!("run {run} published nothing (it is `{}`)", of.status);
        return refused(what, "there is nothing to undo");
    }
    if let Some(replay) = &of.replayed_by {
        return refused(
            format!("records that run {run} rejected were loaded by replay {replay}"),
            "undo the replay first, so that they are not loaded twice later",
        );
    }
    match &of.kept {
        None => refused(
            format!("run {run} cannot be undone: what it replaced is not kept, or no longer"),
            "`limits.undo` in the pipeline says how long it is kept",
        ),
        Some(kept) if !kept.readable => refused(
            format!("run {run} cannot be undone: it was made in another database or too long ago"),
            "rows no longer tell who wrote them after a dump is restored, or after 2^31 transactions",
        ),
        Some(kept) => Ok(kept),
    }
}

/// The targets, as far as a lease needs to know them.
async fn loads(session: &Session, kept: &Kept) -> Result<Vec<LoadTarget>> {
    let mut loads = Vec::with_capacity(kept.targets.len());
    for target in &kept.targets {
        let table = catalog::read_table(&session.client, &qualified(&target.table)).await?;
        let table = table.filter(|table| table.oid == target.table_oid).ok_or_else(|| {
            let what = format!("{} is not the table it was; nothing is undone", target.table);
            Error::environment(what)
                .hint("what the run replaced stays in schema longshore_undo until its time is over")
        })?;
        loads.push(LoadTarget {
            table,
            mode: LoadMode::Append,
            columns: Vec::new(),
            key: Vec::new(),
            duplicates: DuplicateRule::Identical,
            checks: Vec::new(),
            undo_hours: None,
        });
    }
    Ok(loads)
}
