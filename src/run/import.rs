//! The stages of one import, from staging tables to the summary.

use std::{sync::Arc, time::Instant};

use tokio_postgres::Client;

use super::{
    ImportRequest,
    clean_up::CleanUp,
    files::{self, FoundFile},
    load,
    loaded::{Loaded, summary_of},
    prepare::Bound,
    progress::{Progress, Stage},
    refresh,
    replay::{self, Replay},
    resume::{ResumeKey, Staged},
    retry::Retry,
    split_log::SplitLog,
    stopping,
};
use crate::{
    error::Result,
    failpoint,
    load::LoadTarget,
    outcome::Tally,
    postgres::{
        endpoint::Endpoint,
        judge,
        lease::{self, Lease},
        ledger::{self, FileRecord, RunRecord},
        publish::{Ending, Published, TableChange},
        resume::{Adopted, adopt},
        session::Session,
        staging::Staging,
        tenant, undo, watch,
    },
    report::{
        self, FileSummary, GeometrySummary, RejectionSummary, ReplaySummary, Report,
        ResumedSummary, RunStatus, RunSummary, Seconds, TableSummary, WarningSummary,
    },
    run_id::RunId,
};

/// A run that has its plan, its staging tables and its report folder.
pub(super) struct Import<'r> {
    pub(super) request: &'r ImportRequest,
    pub(super) bound: Bound,
    pub(super) loaded: Loaded,
    pub(super) session: Session,
    pub(super) lease: Lease,
    pub(super) staging: Staging,
    pub(super) loads: Vec<LoadTarget>,
    pub(super) record: RunRecord,
    /// What its staged rows depend on, where another run may go on with them.
    pub(super) resume: Option<Arc<ResumeKey>>,
    /// The hashes of its files, once they are read.
    hashes: Vec<String>,
    /// What an earlier run staged that was cut off.
    pub(super) staged: Arc<Staged>,
    /// What is encoded of splits that are in no staging table.
    pub(super) log: Option<Arc<SplitLog>>,
    /// How many splits the files have.
    splits: u64,
    pub(super) report: Report,
    geometry: Option<GeometrySummary>,
    /// Whether a COMMIT may have been sent that publishes.
    pub(super) publishes: bool,
    pub(super) started: Instant,
    pub(super) seconds: Seconds,
}

/// What a run holds on the server.
pub(super) struct Held<'e> {
    pub(super) endpoint: &'e Endpoint,
    pub(super) progress: &'e Progress,
    pub(super) session: Session,
    pub(super) lease: Lease,
}

/// Notes the start, takes what can be gone on with, and clears the rest away.
async fn begin(
    client: &mut Client,
    record: &RunRecord,
    staging: &Staging,
    progress: &Progress,
) -> Result<Option<Adopted>> {
    ledger::record_started(client, record).await?;
    tenant::note(client, &record.run, staging.tenant()).await?;
    failpoint::hit("ledger.started")?;
    let adopted = adopt(client, record, staging).await?;
    let cleared = lease::clear_abandoned(client, &record.pipeline).await?;
    let from = adopted.as_ref().map(|adopted| &adopted.from);
    from.into_iter().chain(&cleared).for_each(|cut_off| progress.tell_cut_off(cut_off));
    undo::drop_expired(client).await?;
    Ok(adopted)
}

/// How a run ended that did not fail.
pub(super) struct Ended {
    pub(super) status: RunStatus,
    pub(super) tables: Vec<TableChange>,
}

impl<'r> Import<'r> {
    /// A run that has its targets to itself, with its report folder: what runs left that were
    /// cut off is cleared away, and the start is noted in the ledger.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the folder cannot be made or the server refuses.
    pub(super) async fn open(
        request: &'r ImportRequest,
        run: RunId,
        bound: Bound,
        loaded: Loaded,
        held: Held<'_>,
        started: Instant,
    ) -> Result<Self> {
        let loads = bound.loads();
        let mut report = Report::create(&request.report_folder, &run)?;
        if loaded.replay.is_some() {
            report = report.without_records();
        }
        let folder = std::path::absolute(report.folder());
        let folder = folder.unwrap_or_else(|_| report.folder().to_owned());
        let staging = Staging::new(&run, loads.len()).of_tenant(bound.tenant.clone());
        let resume = ResumeKey::of(request, &loaded, &loads).map(Arc::new);
        let record = RunRecord {
            run,
            resume_key: resume.as_ref().and_then(|key| key.known()),
            pipeline: request.pipeline.name.clone(),
            definition_sha256: loaded.definition_sha256.clone(),
            files: Vec::new(),
            violations: Vec::new(),
            warnings: Vec::new(),
            report: Some(folder.display().to_string()),
            pipeline_file: Some(request.pipeline.file().display().to_string()),
            replay: loaded.replay.as_ref().map(Replay::started),
            undoes: None,
        };
        let mut session = held.session;
        let beginning = begin(&mut session.client, &record, &staging, held.progress);
        let beginning = watch::attended(held.endpoint, &record.run, beginning);
        let adopted = held.lease.keeping(beginning).await?;
        if let Some(replay) = &loaded.replay {
            replay.remember_rows()?;
        }
        let seconds = Seconds { read: started.elapsed().as_secs_f64(), ..Seconds::default() };
        let lease = held.lease;
        Ok(Self {
            request,
            bound,
            loaded,
            session,
            lease,
            staging,
            loads,
            record,
            resume,
            hashes: Vec::new(),
            staged: Arc::new(adopted.map(Staged::by).unwrap_or_default()),
            log: None,
            splits: 0,
            report,
            geometry: None,
            publishes: false,
            started,
            seconds,
        })
    }

    /// All of it, for as long as the targets are this run's.
    pub(super) async fn carry_out(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<Ended> {
        let lost = self.lease.lost();
        tokio::select! {
            ended = self.carry_out_stages(endpoint, progress) => ended,
            lost = lost => Err(lost),
        }
    }

    async fn carry_out_stages(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<Ended> {
        if self.staged.by.is_none() {
            Box::pin(self.create_staging(endpoint, progress)).await?;
            failpoint::hit("staging.created")?;
        }
        progress.enter(Stage::Loading);
        let loading = Instant::now();
        let mut read = Box::pin(load::load(endpoint, self, progress)).await?;
        failpoint::hit("load.read")?;
        self.splits = read.splits;
        let hashing = files::hashes(&self.loaded.fresh);
        self.hashes = stopping::unless_stopped(progress, hashing).await?;
        files::ensure_unchanged(&self.loaded.fresh).await?;
        self.seconds.stage = loading.elapsed().as_secs_f64();
        let publishing = Instant::now();
        self.geometry = GeometrySummary::of(&read.notes);
        if let Some(straight) = read.straight.take() {
            let publish = self.publish_straight(endpoint, progress, (straight, &mut read));
            if let Some(published) = Box::pin(publish).await? {
                self.seconds.publish = publishing.elapsed().as_secs_f64();
                return self.ended(endpoint, progress, (published, &read)).await;
            }
        }
        progress.enter(Stage::Judging);
        Box::pin(self.judge(endpoint, progress, &read)).await?;
        self.note_files(&read);
        let published = match self.rejects_too_many(&read) {
            true => None,
            false => {
                Box::pin(self.note_rejected(endpoint, progress)).await?;
                progress.enter(Stage::Publishing);
                Box::pin(self.publish(endpoint, progress, &read)).await?
            }
        };
        let ended = Box::pin(self.ended(endpoint, progress, (published, &read))).await?;
        self.seconds.publish = publishing.elapsed().as_secs_f64();
        Ok(ended)
    }

    /// What a run that did not fail came to; one without a publish is over its limit.
    async fn ended(
        &self,
        endpoint: &Endpoint,
        progress: &Progress,
        (published, read): (Option<Published>, &load::Read),
    ) -> Result<Ended> {
        let Some(published) = published else {
            let tables = Box::pin(self.count_rejected(read)).await?;
            return Ok(Ended { status: RunStatus::Rejected, tables });
        };
        let (after, changed) = (&self.bound.after, (&self.loads[..], &published));
        let of = (endpoint, &self.record.run);
        Box::pin(refresh::statistics(of, after, changed, progress)).await;
        Ok(Ended::of(published))
    }

    async fn create_staging(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<()> {
        let mut retry = Retry::new(progress);
        loop {
            let again = retry.is_again();
            if again {
                self.session = endpoint.connect().await?;
            }
            let (client, run) = (&self.session.client, &self.record.run);
            let creating = async {
                if again {
                    // Whether the tables were made by then is not known.
                    watch::end_sessions(client, run.as_str()).await?;
                    self.staging.drop(client).await?;
                }
                self.staging.create(client, &self.loads).await
            };
            let creating = watch::attended(endpoint, run, creating);
            match stopping::cancelling(progress, &self.session.canceller(), creating).await {
                Ok(()) => return Ok(()),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// Whether more records are rejected than the pipeline puts up with.
    pub(super) fn rejects_too_many(&self, read: &load::Read) -> bool {
        let rejected = self.report.rejected_records();
        let limit = self.bound.plan.rejected_limit;
        limit.is_some_and(|limit| limit.is_crossed(rejected, read.counted.records))
    }

    pub(super) fn note_files(&mut self, read: &load::Read) {
        let file = |((file, sha256), records): ((&FoundFile, &String), &u64)| FileRecord {
            path: file.input.display.clone(),
            sha256: sha256.clone(),
            bytes: file.bytes,
            records: *records,
        };
        let files = self.loaded.fresh.iter().zip(&self.hashes).zip(&read.records);
        self.record.files = files.map(file).collect();
        self.record.violations = self
            .report
            .by_code()
            .iter()
            .map(|(code, violations)| (code.clone(), *violations))
            .collect();
        let warned = self.report.warned_by_code().iter();
        self.record.warnings = warned.map(|(code, count)| (code.clone(), *count)).collect();
    }

    /// Lets the ledger know the records that are rejected; of a replay, what it closes.
    pub(super) async fn note_rejected(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<()> {
        if let Some(replay) = &self.loaded.replay {
            let places = report::read_places(self.report.folder())?;
            let rejected = places.collect::<Result<Vec<_>>>()?;
            self.record.replay = Some(replay.outcome(&rejected)?);
            return Ok(());
        }
        if self.request.dry_run || self.report.rejected_records() == 0 {
            return Ok(());
        }
        let mut retry = Retry::new(progress);
        loop {
            match self.try_to_note_rejected(endpoint, progress, retry.is_again()).await {
                Ok(()) => return Ok(()),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    async fn try_to_note_rejected(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
        again: bool,
    ) -> Result<()> {
        if again {
            self.session = endpoint.connect().await?;
        }
        let (client, run) = (&self.session.client, &self.record.run);
        let places = report::read_places(self.report.folder())?;
        let notes = places.map(|place| place.map(|place| replay::note_of(&place)));
        let noting = async {
            if again {
                watch::end_sessions(client, run.as_str()).await?;
            }
            ledger::note_rejected(client, run, notes).await
        };
        let noting = watch::attended(endpoint, run, noting);
        stopping::cancelling(progress, &self.session.canceller(), noting).await
    }

    /// What a run over its limit tells: what was read and rejected; nothing else happened.
    async fn count_rejected(&self, read: &load::Read) -> Result<Vec<TableChange>> {
        let records = |source: usize| {
            let files = self.bound.files.iter().filter(|file| file.of == source);
            files.map(|file| self.report.rejected_of(file.input.ordinal)).sum()
        };
        let mut changes = Vec::with_capacity(self.loads.len());
        let targets = self.bound.plan.targets.iter().zip(&read.counted.tables).enumerate();
        for (index, (target, table)) in targets {
            let (client, staging) = (&self.session.client, &self.staging);
            let rejected = match target.load.is_unpivoted {
                true => table.rejected + judge::rejected_rows(client, staging, index).await?,
                false => records(target.source),
            };
            let (read, filtered) = (table.read, table.filtered);
            let tally = Tally { read, filtered, rejected, ..Tally::default() };
            changes.push(TableChange { tally, ..TableChange::default() });
        }
        Ok(changes)
    }

    /// Cleans up, notes the end in the ledger, and writes the summary.
    pub(super) async fn end(
        mut self,
        endpoint: &Endpoint,
        progress: &Progress,
        ended: Result<Ended>,
    ) -> Result<RunSummary> {
        // The session of a failed run may hold an open transaction, or be gone.
        let cleaning = CleanUp { endpoint, import: &self, progress };
        let ended = cleaning.after(ended).await;
        let finished = self.report.finish_rejections();
        let ended = ended?;
        self.seconds.total = self.started.elapsed().as_secs_f64();
        let mut summary = self.summary(ended);
        let written = finished.and_then(|()| self.report.write_summary(&summary));
        summary.unreported = written.err().map(|error| error.with_causes());
        Ok(summary)
    }

    fn resumed(&self) -> Option<ResumedSummary> {
        let run = self.staged.by.clone()?;
        Some(ResumedSummary { run, splits: self.staged.count(), of: self.splits })
    }

    fn replay_summary(&self) -> Option<ReplaySummary> {
        Some(self.loaded.replay.as_ref()?.summary(self.record.replay.as_ref()?))
    }

    fn summary(&self, ended: Ended) -> RunSummary {
        let tables = self.loads.iter().zip(ended.tables).map(|(load, change)| {
            let table = TableSummary::new(&load.table.name, change.tally, change.deletions);
            table.with_partitions(change.partitions)
        });
        let read = self.record.files.iter().map(|file| (file.sha256.clone(), file.records));
        let fresh = self.loaded.fresh.iter().zip(read);
        let mut files: Vec<FileSummary> =
            fresh.map(|(file, read)| summary_of(file, read, None)).collect();
        files.extend(self.loaded.known.iter().cloned());
        files.sort_by(|a, b| a.path.cmp(&b.path));
        RunSummary {
            run: self.record.run.to_string(),
            pipeline: self.record.pipeline.clone(),
            status: ended.status,
            tables: tables.collect(),
            files,
            bundle: self.loaded.bundle.clone(),
            rejections: RejectionSummary::of(&self.report),
            warnings: WarningSummary::of(self.report.warned_by_code().clone()),
            replay: self.replay_summary(),
            undo: None,
            geometry: self.geometry.clone(),
            resumed: self.resumed(),
            unreported: None,
            seconds: self.seconds,
        }
    }
}

impl Ended {
    /// How publishing ended.
    pub(super) fn of(published: Published) -> Self {
        Self { status: status_of(published.ending), tables: published.tables }
    }
}

fn status_of(ending: Ending) -> RunStatus {
    match ending {
        Ending::Counted => RunStatus::DryRun,
        Ending::Published => RunStatus::Published,
        Ending::Held | Ending::Moved => RunStatus::Held,
    }
}
