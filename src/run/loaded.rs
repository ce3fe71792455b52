//! Which of the files found have been loaded already: the ledger's answer.
//!
//! A pipeline that deletes what is absent reads all its files or none: a file that is not read
//! again is not absent. What counts for it is the last published run alone, since after A and
//! B, A is new again.

use std::time::Instant;

use super::{ImportRequest, files::FoundFile, prepare, replay::Replay, split_log::SplitLog};
use crate::{
    definition::TargetDefinition,
    error::Result,
    outcome::Tally,
    postgres::{ledger, session::Session},
    report::{
        BundleSummary, FileSummary, NotRead, RejectionSummary, RunStatus, RunSummary, Seconds,
        TableSummary,
    },
    run_id::RunId,
    schema::TableSchema,
};

/// The files found, told apart by whether the ledger knows them.
pub(super) struct Loaded {
    /// What the bundle holds, where it is one.
    pub(super) bundle: Option<BundleSummary>,
    pub(super) fresh: Vec<FoundFile>,
    pub(super) known: Vec<FileSummary>,
    pub(super) definition_sha256: String,
    /// Files of the last published run that are not there, where there are fewer than it had.
    pub(super) missing: Vec<String>,
    /// Whose corrected records are loaded, where that is what the run is for.
    pub(super) replay: Option<Replay>,
}

impl Loaded {
    /// Whether nothing can be said of files before they are hashed. A large file is new in any case
    /// where the pipeline has loaded none of its size, and no run of it was cut off.
    pub(super) async fn needs_hashes(
        session: &Session,
        request: &ImportRequest,
        found: &[FoundFile],
    ) -> Result<bool> {
        let unhashed = found.iter().filter(|file| file.sha256().is_none());
        let sizes: Vec<u64> = unhashed.map(|file| file.bytes).collect();
        if request.force || sizes.is_empty() {
            return Ok(false);
        }
        Ok(prepare::deletes(&request.pipeline.definition, found)
            || SplitLog::is_any(&request.report_folder)
            || ledger::may_know(&session.client, &request.pipeline.name, &sizes).await?)
    }

    /// Of files without a hash it says that they are new.
    pub(super) async fn ask(
        session: &Session,
        request: &ImportRequest,
        found: Vec<FoundFile>,
    ) -> Result<Self> {
        let definition_sha256 = prepare::definition_sha256(&request.pipeline)?;
        let bundle = bundle_summary(&found);
        let (fresh, known) = (Vec::new(), Vec::new());
        let missing = Vec::new();
        let mut loaded = Self { bundle, fresh, known, definition_sha256, missing, replay: None };
        let appends = prepare::appends(&request.pipeline.definition);
        let question = ledger::LoadedQuestion {
            pipeline: &request.pipeline.name,
            definition_sha256: &loaded.definition_sha256,
            any_definition: appends,
        };
        let client = &session.client;
        let deletes = prepare::deletes(&request.pipeline.definition, &found);
        let same_as_last = match (request.force, deletes) {
            (false, true) => ledger::last_load_of(client, &question, &sorted(&found)).await?,
            _ => None,
        };
        if deletes {
            let last = ledger::last_files_of(client, &request.pipeline.name).await?;
            loaded.missing = missing_of(last, &found);
        }
        let mut known = Vec::new();
        for mut file in found {
            let by = match deletes {
                _ if request.force => None,
                true => same_as_last.clone(),
                false => match file.sha256() {
                    Some(sha256) => ledger::loaded_by(client, &question, &sha256).await?,
                    None => None,
                },
            };
            match (by, file.sha256()) {
                (Some(run), Some(sha256)) => {
                    known.push(summary_of(&file, (sha256, 0), Some(run)));
                }
                _ => {
                    file.input.ordinal = u32::try_from(loaded.fresh.len()).unwrap_or(u32::MAX);
                    loaded.fresh.push(file);
                }
            }
        }
        loaded.known = known;
        Ok(loaded)
    }

    /// Whether the same runs loaded the same files.
    pub(super) fn agrees_with(&self, now: &Self) -> bool {
        let by = |loaded: &Self| {
            loaded.known.iter().map(|file| file.loaded_by.clone()).collect::<Vec<_>>()
        };
        by(self) == by(now)
    }

    /// Of a replay, every file is read: the ledger knows its records one by one.
    pub(super) fn of_replay(replay: Replay) -> Self {
        let (fresh, definition_sha256) = (replay.found.clone(), replay.definition_sha256.clone());
        let (bundle, known, missing) = (None, Vec::new(), Vec::new());
        Self { bundle, fresh, known, definition_sha256, missing, replay: Some(replay) }
    }

    /// Whether every file was loaded before, or no row is left to be replayed.
    pub(super) fn has_nothing_to_do(&self) -> bool {
        self.replay.as_ref().map_or(self.fresh.is_empty(), Replay::has_nothing_to_do)
    }

    pub(super) fn unchanged(
        self,
        request: &ImportRequest,
        tables: &[Option<TableSchema>],
        run: &RunId,
        started: Instant,
    ) -> RunSummary {
        let targets = request.pipeline.definition.targets.iter().zip(tables);
        // Named as a run that loads them names them, also where the definition leaves the schema out.
        let table = |(target, table): (&TargetDefinition, &Option<TableSchema>)| {
            let name = table.as_ref().map(|table| table.name.to_string());
            TableSummary::new(name.as_ref().unwrap_or(&target.table), Tally::default(), None)
        };
        let total = started.elapsed().as_secs_f64();
        RunSummary {
            run: run.to_string(),
            pipeline: request.pipeline.name.clone(),
            status: RunStatus::Unchanged,
            tables: targets.map(table).collect(),
            files: self.known,
            bundle: self.bundle,
            rejections: RejectionSummary::default(),
            warnings: None,
            geometry: None,
            replay: self.replay.map(|replay| replay.summary(&replay.started())),
            undo: None,
            resumed: None,
            unreported: None,
            seconds: Seconds { read: total, total, ..Seconds::default() },
        }
    }
}

/// Files that are not there any more, where fewer are. Names alone say little: a delivery may have
/// its day in them.
fn missing_of(last: Vec<String>, found: &[FoundFile]) -> Vec<String> {
    if found.len() >= last.len() {
        return Vec::new();
    }
    let is_there = |path: &String| found.iter().any(|file| file.input.display == *path);
    last.into_iter().filter(|path| !is_there(path)).collect()
}

/// The hashes of all files, sorted.
fn sorted(found: &[FoundFile]) -> Vec<String> {
    let mut hashes: Vec<String> = found.iter().filter_map(FoundFile::sha256).collect();
    hashes.sort_unstable();
    hashes
}

/// What a bundle holds, as the summary has it.
fn bundle_summary(found: &[FoundFile]) -> Option<BundleSummary> {
    let bundle = found.first()?.delivery.bundle.as_ref()?;
    let not_read = bundle.not_read.iter().map(|(file, why)| NotRead { file: file.clone(), why });
    Some(BundleSummary {
        path: found.first()?.delivery.display.clone(),
        version: bundle.version.clone(),
        absent: bundle.absent.clone(),
        not_read: not_read.collect(),
    })
}

/// A file as the summary has it.
pub(super) fn summary_of(
    file: &FoundFile,
    (sha256, records): (String, u64),
    loaded_by: Option<String>,
) -> FileSummary {
    let path = file.input.display.clone();
    let in_bundle = file.delivery.bundle.is_some();
    let delivered = in_bundle.then(|| file.delivered.word());
    FileSummary { path, sha256, bytes: file.bytes, records, delivered, loaded_by }
}
