//! What the ledger hears of exports.
//!
//! Exports only read, also where nothing can be written: on a standby, or by a role that may
//! read a few tables. So the ledger is written on a connection of its own, and where it cannot
//! be, the files are there all the same and people are told.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{
    ExportSummary,
    deletions::FoundKeys,
    incremental::{Bounds, KnownKeys},
    manifest::hex,
    set::{Kept, Member},
};
use crate::{
    definition::ExportDefinition,
    error::{Error, Result},
    postgres::{
        endpoint::Endpoint,
        ledger::{self, ExportEnd, ExportRecord, FileRecord, LastRun},
    },
    run_id::RunId,
};

/// The ledger of one set.
pub(super) struct Ledger<'e> {
    endpoint: &'e Endpoint,
    /// Runs it has as running.
    running: Vec<RunId>,
    /// Why it has none, told once.
    unwritten: Option<Error>,
}

impl<'e> Ledger<'e> {
    pub(super) fn of(endpoint: &'e Endpoint) -> Self {
        Self { endpoint, running: Vec::new(), unwritten: None }
    }

    /// Where the last run of an incremental export ended.
    pub(super) async fn last_run(&self, member: &Member<'_>) -> Result<LastRun> {
        let session = self.endpoint.connect().await.map_err(needed)?;
        ledger::ensure(&session.client).await.map_err(needed)?;
        let export = record(member)?;
        ledger::last_run(&session.client, &export).await
    }

    /// The bounds of a run whose files are to be made again, by the same values of parameters.
    pub(super) async fn bounds_again(&self, member: &Member<'_>, run: &RunId) -> Result<Bounds> {
        let session = self.endpoint.connect().await.map_err(needed)?;
        ledger::ensure(&session.client).await.map_err(needed)?;
        let export = record(member)?;
        let bounds = ledger::bounds_of(&session.client, &export, run).await?;
        let (since, until, listed) = bounds.ok_or_else(|| {
            Error::definition(format!(
                "the ledger has no incremental run {run} of `{}` with these parameters",
                export.pipeline
            ))
            .hint("`longshore history` lists the runs; values of parameters have to be given again")
        })?;
        let mut notes = Vec::new();
        if export.keys.is_some() && !listed {
            notes.push(format!("run {run} listed no deleted rows by this key"));
        }
        let keys = export.keys.filter(|_| listed).map(|_| KnownKeys::Listed(run.clone()));
        Ok(Bounds { since, until, notes, keys })
    }

    /// Notes that an export has begun; of one that begins again there is a note already.
    pub(super) async fn started(&mut self, member: &Member<'_>) {
        if self.unwritten.is_some() || self.running.contains(&member.run) {
            return;
        }
        match self.note_started(member).await {
            Ok(()) => self.running.push(member.run.clone()),
            Err(error) => self.unwritten = Some(error),
        }
    }

    async fn note_started(&self, member: &Member<'_>) -> Result<()> {
        let record = record(member)?;
        let session = self.endpoint.connect().await?;
        ledger::ensure(&session.client).await?;
        ledger::record_export_started(&session.client, &record).await
    }

    /// Notes what became of the exports; summaries say what could not be noted.
    pub(super) async fn ended(
        &mut self,
        runs: &[Option<RunId>],
        ended: &mut [Result<ExportSummary>],
        kept: &[Option<Kept>],
    ) {
        if self.unwritten.is_none()
            && let Err(error) = self.note_ended(runs, ended, kept).await
        {
            self.unwritten = Some(error);
        }
        let Some(why) = &self.unwritten else { return };
        let warning = format!("the ledger does not know of this export: {why}");
        ended.iter_mut().flatten().for_each(|summary| summary.warnings.push(warning.clone()));
    }

    async fn note_ended(
        &self,
        runs: &[Option<RunId>],
        ended: &[Result<ExportSummary>],
        kept: &[Option<Kept>],
    ) -> Result<()> {
        if self.running.is_empty() {
            return Ok(());
        }
        let mut session = self.endpoint.connect().await?;
        for ((run, ended), kept) in runs.iter().zip(ended).zip(kept) {
            let Some(run) = run.as_ref().filter(|run| self.running.contains(run)) else { continue };
            match ended {
                Ok(summary) => {
                    let keys = kept.as_ref().and_then(|kept| kept.keys.as_ref());
                    note_exported(&mut session.client, run, summary, keys).await?;
                }
                Err(error) => {
                    let message = error.to_string();
                    ledger::record_export_failed(&session.client, run, &message).await?;
                }
            }
        }
        Ok(())
    }

    /// Notes that the whole set failed. The error is told by itself; a ledger that cannot hear
    /// of it has these runs as running until the next one of the same files.
    pub(super) async fn failed(&self, error: &Error) {
        if self.running.is_empty() {
            return;
        }
        let Ok(session) = self.endpoint.connect().await else { return };
        for run in &self.running {
            drop(ledger::record_export_failed(&session.client, run, &error.to_string()).await);
        }
    }
}

async fn note_exported(
    client: &mut tokio_postgres::Client,
    run: &RunId,
    summary: &ExportSummary,
    keys: Option<&FoundKeys>,
) -> Result<()> {
    let end = end(summary);
    let Some(FoundKeys { file, last, keys }) = keys else {
        return ledger::record_exported(client, run, &end).await;
    };
    let found = ledger::FoundKeys { file, last: last.as_deref(), keys };
    ledger::record_exported_with_keys(client, run, &end, found).await
}

/// Elsewhere an export does without the ledger.
fn needed(error: Error) -> Error {
    error.context("while looking up where an incremental export ended last time")
}

pub(super) fn record(member: &Member<'_>) -> Result<ExportRecord> {
    let request = member.request;
    let definition = request.definition;
    let mut said = definition.clone();
    said.description.clear();
    let said = serde_json::to_vec(&said).map_err(|cause| {
        Error::unexpected("the definition cannot be written as JSON").caused_by(cause)
    })?;
    let in_path = |name: &str| definition.output.path.contains(&format!("{{{name}}}"));
    let given = request.used_parameters();
    let mut hash = Sha256::new();
    for (name, value) in &given {
        hash.update(format!("{}:{name}={}:{value};", name.len(), value.len()));
    }
    Ok(ExportRecord {
        run: member.run.clone(),
        pipeline: request.pipeline.to_owned(),
        definition_sha256: hex(&Sha256::digest(said)),
        query_sha256: hex(&Sha256::digest(definition.sql.as_bytes())),
        parameters: given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), in_path(name).then(|| (*value).to_owned())))
            .collect(),
        parameters_sha256: hex(&hash.finalize()),
        role: definition.role.clone(),
        again: request.again.cloned(),
        keys: keys(definition),
        manifest: absolute(&member.manifest),
        slot: absolute(Path::new(&member.slot)),
    })
}

/// What the text of keys depends on.
pub(super) fn keys(definition: &ExportDefinition) -> Option<String> {
    let incremental = definition.incremental.as_ref().filter(|it| !it.key.is_empty())?;
    let zone = definition.output.zone.as_deref().unwrap_or("UTC");
    Some(serde_json::json!({ "columns": incremental.key, "zone": zone }).to_string())
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

pub(super) fn end(summary: &ExportSummary) -> ExportEnd {
    let file = |file: &super::WrittenFile| FileRecord {
        path: file.path.clone(),
        sha256: file.sha256.clone(),
        bytes: file.bytes,
        records: file.rows,
    };
    ExportEnd {
        snapshot_time: summary.snapshot_time.clone(),
        rows: summary.rows,
        bytes: summary.bytes,
        since: summary.since.clone(),
        until: summary.until.clone(),
        deletions: summary.deleted_file.as_ref().map(|file| file.rows),
        files: summary.files.iter().map(file).collect(),
    }
}
