//! Undo: a run that takes another one back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    clean_up::unsettled,
    progress::{Progress, Stage},
    retry::{self, Retry},
    stopping::{self, in_time},
};
use crate::{
    error::{Error, Result},
    load::{DuplicateRule, LoadMode, LoadTarget, Tenant, Unresolved},
    postgres::{
        catalog,
        endpoint::Endpoint,
        lease::{self, Lease},
        ledger::{self, RunRecord},
        publish,
        session::Session,
        sql::qualified,
        tenant,
        undo::{self, Kept, KeptRun, Undoing, Undone},
        watch,
    },
    report::{
        LeftRows, RejectionSummary, RunStatus, RunSummary, Seconds, TableSummary, UndoSummary,
    },
    run_id::RunId,
};

/// How long noting the end may take: an operator who asked for it does not wait longer.
const CLEAN_UP: Duration = Duration::from_secs(4);

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
    let preparing = Box::pin(Undo::prepare(endpoint, request, progress));
    let mut undo = stopping::unless_stopped(progress, preparing).await?;
    progress.enter(Stage::Publishing);
    let undone = Box::pin(undo.carry_out(endpoint, progress)).await;
    progress.enter(Stage::Ended);
    undo.end(endpoint, progress, undone, started).await
}

/// An undo that has its targets to itself.
struct Undo<'r> {
    request: &'r UndoRequest,
    of: KeptRun,
    kept: Kept,
    tenant: Option<Tenant>,
    session: Session,
    lease: Lease,
    record: RunRecord,
}

impl<'r> Undo<'r> {
    async fn prepare(
        endpoint: &Endpoint,
        request: &'r UndoRequest,
        progress: &Progress,
    ) -> Result<Self> {
        let mut session = retry::connect(endpoint, progress).await?;
        in_time(ledger::ensure(&session.client)).await?;
        let unknown = || Error::definition(format!("the ledger has no run {}", request.of));
        let of = in_time(undo::kept_run(&session.client, &request.of)).await?;
        let of = of.ok_or_else(unknown)?;
        let kept = ensure_undoable(&of)?.clone();
        let record = RunRecord {
            run: RunId::generate(),
            pipeline: of.pipeline.clone(),
            definition_sha256: of.definition_sha256.clone(),
            files: Vec::new(),
            violations: Vec::new(),
            warnings: Vec::new(),
            report: None,
            pipeline_file: None,
            replay: None,
            undoes: Some(of.run.clone()),
            resume_key: None,
        };
        let tenant = in_time(tenant::of_run(&session.client, &of.run)).await?;
        let loads = in_time(loads(&session, &kept)).await?;
        let taking = Lease::take(endpoint, &record.run, &record.pipeline, &loads);
        let lease = in_time(taking).await?;
        let begun = async {
            let cleared = lease::clear_abandoned(&mut session.client, &record.pipeline).await?;
            cleared.iter().for_each(|cut_off| progress.tell_cut_off(cut_off));
            ledger::record_started(&session.client, &record).await?;
            tenant::note(&session.client, &record.run, tenant.as_ref()).await
        };
        let begun = watch::attended(endpoint, &record.run, begun);
        if let Err(error) = lease.keeping(begun).await {
            // What keeps this from being done keeps nobody from taking the targets: we are gone then.
            drop(lease.fence().release_anew(endpoint).await);
            return Err(error);
        }
        Ok(Self { request, of, kept, tenant, session, lease, record })
    }

    /// All of it, for as long as the targets are this run's.
    async fn carry_out(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<Vec<Undone>> {
        let lost = self.lease.lost();
        let trying = async {
            let mut retry = Retry::new(progress);
            loop {
                match self.attempt(endpoint, progress, retry.is_again()).await {
                    Err(error) => retry.again(error).await?,
                    undone => return undone,
                }
            }
        };
        tokio::select! {
            undone = trying => undone,
            lost = lost => Err(lost),
        }
    }

    /// Before it tries again, it looks whether a COMMIT arrived whose answer did not.
    async fn attempt(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        again: bool,
    ) -> Result<Vec<Undone>> {
        if again {
            self.session = endpoint.connect().await?;
            let settling = async {
                let run = self.record.run.as_str();
                watch::end_sessions(&self.session.client, run).await?;
                self.settled().await
            };
            if let Some(undone) = in_time(settling).await? {
                return Ok(undone);
            }
        }
        let undoing = Undoing {
            run: &self.record.run,
            of: &self.of,
            kept: &self.kept,
            tenant: self.tenant.as_ref(),
            fence: self.lease.fence(),
            force: self.request.force,
            commit: !self.request.dry_run,
            stop: progress.stop(),
        };
        let canceller = self.session.canceller();
        let work = undo::undo(&mut self.session.client, &undoing);
        let work = watch::attended(endpoint, &self.record.run, work);
        stopping::cancelling(progress, &canceller, work).await
    }

    /// What was undone, if it was committed.
    async fn settled(&self) -> Result<Option<Vec<Undone>>> {
        let settled = publish::settled(&self.session.client, &self.record.run).await?;
        let targets = self.kept.targets.iter();
        Ok(settled.map(|published| {
            let tables = targets.zip(published.tables);
            tables.map(|(target, table)| Undone::of(target, table.tally)).collect()
        }))
    }

    /// Notes the end and gives the targets back.
    async fn end(
        mut self,
        endpoint: &Endpoint,
        progress: &Progress,
        undone: Result<Vec<Undone>>,
        started: Instant,
    ) -> Result<RunSummary> {
        let cleaned = tokio::time::timeout(CLEAN_UP, self.clean_up(endpoint, &undone)).await;
        let undone = match (undone, cleaned) {
            (Err(_), Ok(Ok(Some(settled)))) => settled,
            (undone, Ok(Ok(_))) => undone?,
            (undone, _) => {
                progress
                    .notice("the targets could not be given back: the next run takes them over");
                undone.map_err(|error| unsettled(error, &self.record.run))?
            }
        };
        Ok(self.summary(self.status(&undone), &undone, started))
    }

    /// Gives what was undone where the ledger knows better than we do.
    async fn clean_up(
        &mut self,
        endpoint: &Endpoint,
        undone: &Result<Vec<Undone>>,
    ) -> Result<Option<Vec<Undone>>> {
        self.session = endpoint.connect().await?;
        let settled = match undone {
            Ok(_) => None,
            Err(_) => self.settled().await?,
        };
        let client = &self.session.client;
        match undone {
            Err(_) if settled.is_some() => {}
            Err(error) => {
                ledger::record_ended(client, &self.record, "failed", Some(&error.to_string()))
                    .await?;
            }
            Ok(undone) if self.status(undone) == RunStatus::Published => {}
            // Nothing happened, and nothing waits for anybody: it can be asked again.
            Ok(_) => ledger::forget(client, &self.record.run).await?,
        }
        self.lease.fence().release(client).await?;
        Ok(settled)
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
            bundle: None,
            rejections: RejectionSummary::default(),
            warnings: None,
            geometry: None,
            replay: None,
            resumed: None,
            unreported: None,
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
            is_shared: false,
            is_merged: false,
            checks: Vec::new(),
            set_rules: Vec::new(),
            undo_hours: None,
            unresolved: Unresolved::Record,
            is_looked_into: false,
            is_unpivoted: false,
            range: None,
        });
    }
    Ok(loads)
}
