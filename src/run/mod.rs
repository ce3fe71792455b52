//! One run of an import, stage by stage: prepare, load, judge, publish.
//!
//! Nothing is visible to anybody before the publishing transaction commits;
//! whatever ends a run earlier leaves the targets as they were, drops the
//! staging tables, and is noted in the ledger.

mod collect;
mod encode;
pub mod files;
mod load;
pub mod prepare;
pub mod preview;
pub mod progress;
mod recover;
mod workers;

use std::{path::PathBuf, sync::Arc, time::Instant};

pub use load::{LoadOptions, validate};
use prepare::{Bound, bind_files, find_files, prove_sql, read_tables};
pub use prepare::{Pipeline, Stop};
use progress::{Progress, Stage};
pub use workers::BoundFile;

use crate::{
    error::{Error, ErrorKind, Result},
    load::LoadTarget,
    outcome::Tally,
    postgres::{
        endpoint::Endpoint,
        judge,
        ledger::{self, FileRecord, RunRecord},
        publish::{self, Publishing},
        session::Session,
        staging::Staging,
    },
    report::{
        FileSummary, GeometrySummary, RejectionSummary, Report, RunStatus, RunSummary, Seconds,
        TableSummary,
    },
    run_id::RunId,
};

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The folder that report folders are made in.
    pub report_folder: PathBuf,
    /// Whether files that have been loaded already are loaded again.
    pub force: bool,
    /// Whether to stop before publishing, with the counts of what would happen.
    pub dry_run: bool,
    /// Threads, connections, split size.
    pub options: LoadOptions,
}

/// Runs an import to its end.
///
/// # Errors
/// All findings about the definition, or the error that stopped the run;
/// nothing is published then. Rejections over the limit are no error but a status.
pub async fn import(
    endpoint: &Endpoint,
    request: &ImportRequest,
    progress: &Arc<Progress>,
) -> Result<RunSummary, Stop> {
    let started = Instant::now();
    let run = RunId::generate();
    let found = find_files(&request.pipeline.definition).await?;
    let session = endpoint.connect().await?;
    ledger::ensure(&session.client).await?;
    let (tables, names) = read_tables(&session, &request.pipeline.definition).await?;
    let loaded = Loaded::ask(&session, request, found).await?;
    if loaded.fresh.is_empty() {
        return Ok(loaded.unchanged(request, &run, started));
    }
    prepare::announce(progress, &loaded.fresh);
    let bound = bind_files(&request.pipeline, &loaded.fresh, &tables, &names)?;
    prove_sql(&session, &bound.plan).await?;
    let mut import = Import::begin(request, run, bound, loaded, session, started).await?;
    let ended = import.carry_out(endpoint, progress).await;
    progress.enter(Stage::Ended);
    import.end(endpoint, ended).await.map_err(Stop::Error)
}

/// The files found, told apart by whether the ledger knows them.
struct Loaded {
    fresh: Vec<files::FoundFile>,
    known: Vec<FileSummary>,
    definition_sha256: String,
}

impl Loaded {
    async fn ask(
        session: &Session,
        request: &ImportRequest,
        found: Vec<files::FoundFile>,
    ) -> Result<Self> {
        let definition_sha256 = prepare::definition_sha256(&request.pipeline)?;
        let mut loaded = Self { fresh: Vec::new(), known: Vec::new(), definition_sha256 };
        let appends = prepare::appends(&request.pipeline.definition);
        let question = ledger::LoadedQuestion {
            pipeline: &request.pipeline.name,
            definition_sha256: &loaded.definition_sha256,
            any_definition: appends,
        };
        let mut known = Vec::new();
        for mut file in found {
            let by = if request.force {
                None
            } else {
                ledger::loaded_by(&session.client, &question, &file.sha256).await?
            };
            match by {
                Some(run) => known.push(summary_of(&file, 0, Some(run))),
                None => {
                    file.input.ordinal = u32::try_from(loaded.fresh.len()).unwrap_or(u32::MAX);
                    loaded.fresh.push(file);
                }
            }
        }
        loaded.known = known;
        Ok(loaded)
    }

    fn unchanged(self, request: &ImportRequest, run: &RunId, started: Instant) -> RunSummary {
        let targets = &request.pipeline.definition.targets;
        let table = |target: &crate::definition::TargetDefinition| TableSummary {
            table: target.table.clone(),
            tally: Tally::default(),
        };
        let total = started.elapsed().as_secs_f64();
        RunSummary {
            run: run.to_string(),
            pipeline: request.pipeline.name.clone(),
            status: RunStatus::Unchanged,
            tables: targets.iter().map(table).collect(),
            files: self.known,
            rejections: RejectionSummary::default(),
            geometry: None,
            seconds: Seconds { read: total, total, ..Seconds::default() },
        }
    }
}

fn summary_of(file: &files::FoundFile, records: u64, loaded_by: Option<String>) -> FileSummary {
    let path = file.input.display.clone();
    FileSummary { path, sha256: file.sha256.clone(), bytes: file.bytes, records, loaded_by }
}

/// A run that has its plan, its staging tables and its report folder.
struct Import<'r> {
    request: &'r ImportRequest,
    bound: Bound,
    loaded: Loaded,
    session: Session,
    staging: Staging,
    loads: Vec<LoadTarget>,
    record: RunRecord,
    report: Report,
    started: Instant,
    seconds: Seconds,
}

/// How a run ended that did not fail.
struct Ended {
    status: RunStatus,
    tallies: Vec<Tally>,
    records: Vec<u64>,
    geometry: Option<GeometrySummary>,
}

impl<'r> Import<'r> {
    async fn begin(
        request: &'r ImportRequest,
        run: RunId,
        bound: Bound,
        loaded: Loaded,
        session: Session,
        started: Instant,
    ) -> Result<Self> {
        let loads: Vec<LoadTarget> =
            bound.plan.targets.iter().map(|target| target.load.clone()).collect();
        let report = Report::create(&request.report_folder, &run)?;
        let staging = Staging::new(&run, loads.len());
        let record = RunRecord {
            run,
            pipeline: request.pipeline.name.clone(),
            definition_sha256: loaded.definition_sha256.clone(),
            files: Vec::new(),
            violations: Vec::new(),
            report: Some(report.folder().display().to_string()),
        };
        ledger::record_started(&session.client, &record).await?;
        let seconds = Seconds { read: started.elapsed().as_secs_f64(), ..Seconds::default() };
        Ok(Self {
            request,
            bound,
            loaded,
            session,
            staging,
            loads,
            record,
            report,
            started,
            seconds,
        })
    }

    async fn carry_out(&mut self, endpoint: &Endpoint, progress: &Arc<Progress>) -> Result<Ended> {
        self.staging.create(&self.session.client, &self.loads).await?;
        progress.enter(Stage::Loading);
        let loading = Instant::now();
        let read = load::load(endpoint, self, progress).await?;
        for file in &self.loaded.fresh {
            file.ensure_unchanged()?;
        }
        self.seconds.stage = loading.elapsed().as_secs_f64();
        let publishing = Instant::now();
        progress.enter(Stage::Judging);
        tokio::select! {
            judged = self.judge(&read) => judged?,
            () = progress.cancelled() => return Err(interrupted()),
        }
        self.note_files(&read);
        let geometry = GeometrySummary::of(&read.notes);
        let too_many = self.bound.plan.rejected_limit.is_some_and(|limit| {
            limit.is_crossed(self.report.rejected_records(), read.counted.records)
        });
        let (status, tallies) = if too_many {
            (RunStatus::Rejected, self.count_rejected(&read))
        } else {
            progress.enter(Stage::Publishing);
            (self.published_status(), self.publish(&read).await?)
        };
        self.seconds.publish = publishing.elapsed().as_secs_f64();
        Ok(Ended { status, tallies, records: read.records, geometry })
    }

    fn published_status(&self) -> RunStatus {
        if self.request.dry_run { RunStatus::DryRun } else { RunStatus::Published }
    }

    /// Lets the database judge what is staged and adds its rejections to the report.
    async fn judge(&mut self, read: &load::Read) -> Result<()> {
        judge::judge(&self.session.client, &self.staging, &self.loads).await?;
        let rejections = judge::staged_rejections(&self.session.client, &self.staging).await?;
        let rejected = recover::Rejected::group(rejections);
        let mut writer = collect::ReportWriter {
            report: &mut self.report,
            plan: &self.bound.plan,
            files: &read.files,
        };
        rejected.write(&mut writer, self.request.options.split_bytes)?;
        self.report.finish_rejections()
    }

    fn note_files(&mut self, read: &load::Read) {
        let file = |(file, records): (&files::FoundFile, &u64)| FileRecord {
            path: file.input.display.clone(),
            sha256: file.sha256.clone(),
            bytes: file.bytes,
            records: *records,
        };
        self.record.files = self.loaded.fresh.iter().zip(&read.records).map(file).collect();
        self.record.violations = self
            .report
            .by_code()
            .iter()
            .map(|(code, violations)| (code.clone(), *violations))
            .collect();
    }

    /// What a run over its limit tells: what was read and rejected; nothing else happened.
    fn count_rejected(&self, read: &load::Read) -> Vec<Tally> {
        let tally = |table: &publish::CountedTable| Tally {
            read: read.counted.records,
            filtered: table.filtered,
            rejected: self.report.rejected_records(),
            ..Tally::default()
        };
        read.counted.tables.iter().map(tally).collect()
    }

    async fn publish(&mut self, read: &load::Read) -> Result<Vec<Tally>> {
        let publishing = Publishing {
            staging: &self.staging,
            loads: &self.loads,
            counted: &read.counted,
            run: &self.record,
            commit: !self.request.dry_run,
        };
        publish::publish(&mut self.session.client, &publishing).await
    }

    /// Cleans up, notes the end in the ledger, and writes the summary.
    async fn end(mut self, endpoint: &Endpoint, ended: Result<Ended>) -> Result<RunSummary> {
        let status = match &ended {
            Ok(ended) => ended.status,
            Err(_) => RunStatus::Failed,
        };
        let message = ended.as_ref().err().map(ToString::to_string);
        // The session of a failed run may hold an open transaction, or be gone.
        let cleaned = self.clean_up(endpoint, status, message.as_deref()).await;
        self.report.finish_rejections()?;
        let ended = ended?;
        cleaned?;
        self.seconds.total = self.started.elapsed().as_secs_f64();
        let summary = self.summary(ended);
        self.report.write_summary(&summary)?;
        Ok(summary)
    }

    async fn clean_up(
        &self,
        endpoint: &Endpoint,
        status: RunStatus,
        message: Option<&str>,
    ) -> Result<()> {
        let session = endpoint.connect().await?;
        self.staging.drop(&session.client).await?;
        match status {
            RunStatus::Rejected => {
                ledger::record_ended(&session.client, &self.record, "rejected", message).await
            }
            RunStatus::Failed => {
                ledger::record_ended(&session.client, &self.record, "failed", message).await
            }
            RunStatus::DryRun => ledger::forget(&session.client, &self.record.run).await,
            RunStatus::Published | RunStatus::Unchanged | RunStatus::Held => Ok(()),
        }
    }

    fn summary(&self, ended: Ended) -> RunSummary {
        let tables = self
            .loads
            .iter()
            .zip(ended.tallies)
            .map(|(load, tally)| TableSummary { table: load.table.name.to_string(), tally });
        let fresh = self.loaded.fresh.iter().zip(&ended.records);
        let mut files: Vec<FileSummary> =
            fresh.map(|(file, records)| summary_of(file, *records, None)).collect();
        files.extend(self.loaded.known.iter().cloned());
        files.sort_by(|a, b| a.path.cmp(&b.path));
        RunSummary {
            run: self.record.run.to_string(),
            pipeline: self.record.pipeline.clone(),
            status: ended.status,
            tables: tables.collect(),
            files,
            rejections: RejectionSummary::of(&self.report),
            geometry: ended.geometry,
            seconds: self.seconds,
        }
    }
}

/// The error of a run that the operator stopped.
pub fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "the run was stopped; nothing is published")
}
