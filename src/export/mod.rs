//! The way back: a query's rows streamed into a file by COPY.
//!
//! COPY sends text, one row a message; a writer makes the file's format of it. Rows go to a
//! file in a hidden folder beside the output, which takes its place by a rename once everything
//! is on disk: readers see the old file or the whole new one. Memory stays at a few batches of
//! rows and one buffer, whatever the number of rows.
//!
//! The exports of one command are a [`set`](export): they read one state of the database, and
//! none of their files takes its place before the last of them is whole.

mod archive;
mod charset;
mod check;
mod columns;
mod csv;
mod deletions;
mod file_set;
mod held;
mod incremental;
mod json;
mod lag;
mod layout;
mod ledger;
mod manifest;
mod output_file;
mod part_file;
mod path;
mod plan;
mod query;
mod row;
mod set;
mod sheet;
mod snapshot;
mod values;
mod verify;
mod work_folder;
mod write;
mod writer;

pub use self::{
    archive::archive,
    check::check,
    file_set::WrittenFile,
    held::{approve, discard, held},
    plan::{ExportPlan, PlannedArchive, PlannedColumn, PlannedIncrement, PlannedParameter, plan},
    set::{Places, export},
};
use crate::{definition::ExportDefinition, run_id::RunId};

/// One export to do.
#[derive(Debug, Clone, Copy)]
pub struct ExportRequest<'r> {
    /// The pipeline's name.
    pub pipeline: &'r str,
    /// What it says.
    pub definition: &'r ExportDefinition,
    /// Names and values given with `--set`.
    pub parameters: &'r [(String, String)],
    /// Where an incremental export begins, in place of where the last one ended.
    pub since: Option<&'r str>,
    /// The run whose files are made again.
    pub again: Option<&'r RunId>,
}

impl<'r> ExportRequest<'r> {
    /// The parameters that the query or the path uses, with the value given last, by name.
    fn used_parameters(&self) -> Vec<(&'r str, &'r str)> {
        let mut names = self.definition.parameter_names();
        names.sort_unstable();
        let given = |name: &str| self.parameters.iter().rev().find(|(key, _)| key == name);
        names
            .into_iter()
            .filter_map(given)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }
}

/// What an export wrote.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ExportSummary {
    /// The run.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// `published`, since it is there; an archive may be `unchanged`, `held` or `discarded`.
    pub status: &'static str,
    /// The manifest: what was asked and what was written.
    pub manifest: String,
    /// The files, in the order of the rows.
    pub files: Vec<WrittenFile>,
    /// Rows written, without headers.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// When the rows were as they are in the files, by the server's clock.
    pub snapshot_time: String,
    /// Of an incremental export, where its rows begin; `None` at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Of an incremental export, where its rows end, and those of the next begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Of an incremental export with a key, the file that lists the rows that are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_file: Option<WrittenFile>,
    /// Files of an earlier export by the same manifest whose group has no rows any more.
    pub stale: Vec<String>,
    /// Of an archive, the rows that were deleted from their table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<u64>,
    /// Of an archive that would delete too many, how many; then none is written or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_delete: Option<u64>,
    /// Of an archive that would delete too many, the rows of the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_rows: Option<u64>,
    /// Seconds from the first question to the last file in its place.
    pub seconds: f64,
    /// What people should know although the files are there.
    pub warnings: Vec<String>,
}

impl ExportSummary {
    /// Of a run that has written nothing.
    fn empty(run: &RunId, pipeline: &str, status: &'static str, manifest: &str) -> Self {
        Self {
            run: run.as_str().to_owned(),
            pipeline: pipeline.to_owned(),
            status,
            manifest: manifest.to_owned(),
            files: Vec::new(),
            rows: 0,
            bytes: 0,
            snapshot_time: String::new(),
            since: None,
            until: None,
            deleted_file: None,
            stale: Vec::new(),
            deleted: None,
            would_delete: None,
            table_rows: None,
            seconds: 0.0,
            warnings: Vec::new(),
        }
    }
}
