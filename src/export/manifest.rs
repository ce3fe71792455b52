//! The manifest beside an export: what was asked, when, and what was written.
//!
//! `parcels.csv.gz` has `parcels.csv.gz.manifest.json`; several files of one export share one,
//! which is their index. A file can be checked against it, and
//! one that was written with `raw` can be told from one that is safe to open.

use std::{collections::HashSet, io::Write, path::Path};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    columns::Column,
    file_set::WrittenFile,
    incremental::Bounds,
    part_file::{cannot_write, folder_of, sync_folder},
    set::Member,
    snapshot::Snapshot,
    work_folder::WorkFolder,
};
use crate::{
    definition::{OutputDefinition, OutputFormat, Treatment},
    error::{Error, Result},
    private_file,
    run_id::RunId,
};

/// What is said about an export.
#[derive(Debug, Serialize)]
pub(super) struct Manifest<'e> {
    run: &'e str,
    pipeline: &'e str,
    /// The release that wrote it.
    version: &'static str,
    format: OutputFormat,
    encoding: &'e str,
    /// Of the query as it is written in the definition.
    query_sha256: String,
    parameters: serde_json::Map<String, serde_json::Value>,
    role: Option<&'e str>,
    /// When the rows were as they are in the file.
    snapshot_time: &'e str,
    /// Seconds that the rows were behind the primary then, where a standby was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica_lag_seconds: Option<f64>,
    /// Which rows were asked for, where that are those that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    incremental: Option<ManifestIncrement<'e>>,
    /// Whether text was written that a spreadsheet may run.
    raw: bool,
    ordered: bool,
    columns: Vec<ManifestColumn<'e>>,
    /// The columns whose values tell the files apart.
    group_by: &'e [String],
    /// Files of an earlier export by this manifest whose group has no rows any more.
    stale: Vec<StaleFile<'e>>,
    rows: u64,
    files: Vec<ManifestFile<'e>>,
}

/// A file, by its path from the folder of the manifest.
#[derive(Debug, Serialize)]
struct ManifestFile<'e> {
    path: &'e str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    group: &'e [Option<String>],
    rows: u64,
    bytes: u64,
    sha256: &'e str,
}

/// The bounds of the rows: from `since` (or the beginning) to `until`, which itself is not in.
#[derive(Debug, Serialize)]
struct ManifestIncrement<'e> {
    column: &'e str,
    since: Option<&'e str>,
    until: &'e str,
    deleted: Option<&'e str>,
    /// What is known of deleted rows.
    deletes: &'static str,
    /// The file with the keys of those that are gone since the last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_file: Option<ManifestFile<'e>>,
    /// The run whose files were made again.
    again: Option<&'e str>,
}

/// A file that is there although its group has no rows any more.
#[derive(Debug, Serialize)]
struct StaleFile<'e> {
    path: &'e str,
    sha256: &'e str,
}

#[derive(Debug, Serialize)]
struct ManifestColumn<'e> {
    name: &'e str,
    label: &'e str,
    #[serde(rename = "type")]
    type_name: &'e str,
    treatment: Treatment,
}

/// What stands beside the rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beside<'e> {
    pub(super) stale: &'e [ListedFile],
    pub(super) bounds: Option<&'e Bounds>,
    /// The list of rows that are gone, and whether they are known.
    pub(super) deleted: Option<&'e (WrittenFile, bool)>,
}

impl<'e> Manifest<'e> {
    pub(super) fn new(
        member: &'e Member<'_>,
        snapshot: &'e Snapshot,
        columns: &'e [Column],
        files: &'e [WrittenFile],
        Beside { stale, bounds, deleted }: Beside<'e>,
    ) -> Self {
        let (request, path) = (member.request, member.manifest.as_path());
        let definition = request.definition;
        let given = request.used_parameters().into_iter();
        let column = |column: &'e Column| ManifestColumn {
            name: &column.name,
            label: &column.label,
            type_name: &column.type_name,
            treatment: column.treatment,
        };
        Self {
            run: member.run.as_str(),
            pipeline: request.pipeline,
            version: env!("CARGO_PKG_VERSION"),
            format: definition.output.format,
            encoding: encoding(&definition.output),
            query_sha256: hex(&Sha256::digest(definition.sql.as_bytes())),
            parameters: given.map(|(name, value)| (name.to_owned(), value.into())).collect(),
            role: definition.role.as_deref(),
            snapshot_time: &snapshot.time,
            replica_lag_seconds: snapshot.lag,
            incremental: increment(member, bounds, deleted),
            raw: definition.output.raw,
            ordered: definition.order,
            columns: columns.iter().map(column).collect(),
            group_by: &definition.output.group_by,
            stale: stale.iter().map(|listed| stale_file(path, listed)).collect(),
            rows: files.iter().map(|file| file.rows).sum(),
            files: files.iter().map(|written| file(path, written)).collect(),
        }
    }

    /// Writes the manifest to `path`, in place when it is whole.
    pub(super) fn write(&self, path: &Path, work: &WorkFolder) -> Result<()> {
        let failed = |cause| cannot_write(path, cause);
        let mut text = serde_json::to_vec_pretty(self).map_err(|cause| {
            Error::unexpected("a manifest cannot be written as JSON").caused_by(cause)
        })?;
        text.push(b'\n');
        private_file::create_folder(folder_of(path))?;
        let part = work.path().join("manifest");
        let mut file = private_file::create(&part)?;
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        written.and_then(|()| std::fs::rename(&part, path)).map_err(failed)?;
        sync_folder(folder_of(path))
    }
}

/// Formats other than CSV leave the key aside: JSON and workbooks are UTF-8.
fn encoding(output: &OutputDefinition) -> &str {
    let given = output.encoding.as_deref().filter(|_| output.format == OutputFormat::Csv);
    given.unwrap_or("utf-8")
}

fn file<'e>(manifest: &Path, file: &'e WrittenFile) -> ManifestFile<'e> {
    ManifestFile {
        path: from_there(manifest, &file.path),
        group: &file.group,
        rows: file.rows,
        bytes: file.bytes,
        sha256: &file.sha256,
    }
}

fn increment<'e>(
    member: &'e Member<'_>,
    bounds: Option<&'e Bounds>,
    deleted: Option<&'e (WrittenFile, bool)>,
) -> Option<ManifestIncrement<'e>> {
    let incremental = member.request.definition.incremental.as_ref()?;
    let bounds = bounds?;
    let marked = incremental.deleted.is_some();
    let deletes = match deleted.map(|(_, known)| *known) {
        Some(true) if marked => {
            "deleted rows are those with a value in the column `deleted`, and those in `deleted_file`"
        }
        Some(true) => "rows that are gone since the last run are in `deleted_file`",
        Some(false) => {
            "rows that are gone since the last run are not known: it did not keep this key"
        }
        None if marked => "deleted rows are those with a value in the column `deleted`",
        None => "rows that were deleted are not known",
    };
    Some(ManifestIncrement {
        column: &incremental.column,
        since: bounds.since.as_deref(),
        until: &bounds.until,
        deleted: incremental.deleted.as_deref(),
        deletes,
        deleted_file: deleted
            .filter(|(_, known)| *known)
            .map(|(written, _)| file(&member.manifest, written)),
        again: member.request.again.map(RunId::as_str),
    })
}

fn stale_file<'e>(manifest: &Path, listed: &'e ListedFile) -> StaleFile<'e> {
    StaleFile { path: from_there(manifest, &listed.path), sha256: &listed.sha256 }
}

/// A path from the folder of the manifest.
fn from_there<'p>(manifest: &Path, path: &'p str) -> &'p str {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    Path::new(path).strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or(path)
}

/// A file that an earlier manifest lists, as this process finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedFile {
    pub(super) path: String,
    pub(super) sha256: String,
}

/// The files that the manifest in this place lists, those it calls stale among them. A manifest
/// that cannot be read lists none: it is about to be replaced.
pub(super) fn files_of(manifest: &Path) -> Vec<ListedFile> {
    let Ok(text) = std::fs::read(manifest) else { return Vec::new() };
    let said: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let listed = |file: &serde_json::Value| {
        let path = folder.join(file["path"].as_str()?).display().to_string();
        Some(ListedFile { path, sha256: file["sha256"].as_str()?.to_owned() })
    };
    let lists = [&said["files"], &said["stale"]].into_iter().filter_map(|list| list.as_array());
    lists.flatten().filter_map(listed).collect()
}

/// The run that wrote the manifest in this place, where there is one.
pub(super) fn run_of(manifest: &Path) -> Option<RunId> {
    let said: serde_json::Value = serde_json::from_slice(&std::fs::read(manifest).ok()?).ok()?;
    RunId::parse(said["run"].as_str()?)
}

/// Those of the files listed before that are still there, and that are not among the new ones.
pub(super) fn stale(earlier: &[ListedFile], written: &[WrittenFile]) -> Vec<ListedFile> {
    let written: HashSet<&str> = written.iter().map(|file| file.path.as_str()).collect();
    let is_stale = |file: &&ListedFile| {
        !written.contains(file.path.as_str()) && Path::new(&file.path).exists()
    };
    earlier.iter().filter(is_stale).cloned().collect()
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
