//! The way back: a query's rows streamed into a file by COPY.
//!
//! COPY sends text, one row a message; a writer makes the file's format of it. Rows go to a
//! file in a hidden folder beside the output, which takes its place by a rename once everything
//! is on disk: readers see the old file or the whole new one. Memory stays at a few batches of
//! rows and one buffer, whatever the number of rows.
//!
//! The exports of one command are a [`set`](export): they read one state of the database, and
//! none of their files takes its place before the last of them is whole.

mod charset;
mod columns;
mod csv;
mod file_set;
mod json;
mod layout;
mod ledger;
mod manifest;
mod output_file;
mod part_file;
mod path;
mod query;
mod row;
mod set;
mod sheet;
mod snapshot;
mod values;
mod work_folder;
mod write;
mod writer;

pub use self::{file_set::WrittenFile, set::export};
use crate::definition::ExportDefinition;

/// One export to do.
#[derive(Debug, Clone, Copy)]
pub struct ExportRequest<'r> {
    /// The pipeline's name.
    pub pipeline: &'r str,
    /// What it says.
    pub definition: &'r ExportDefinition,
    /// Names and values given with `--set`.
    pub parameters: &'r [(String, String)],
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
    /// `published`, since it is there.
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
    /// Files of an earlier export by the same manifest whose group has no rows any more.
    pub stale: Vec<String>,
    /// Seconds from the first question to the last file in its place.
    pub seconds: f64,
    /// What people should know although the files are there.
    pub warnings: Vec<String>,
}
