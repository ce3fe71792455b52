//! The manifest beside an export: what was asked, when, and what was written.
//!
//! `parcels.csv.gz` has `parcels.csv.gz.manifest.json`; several files of one export share one,
//! which is their index. A file can be checked against it, and
//! one that was written with `raw` can be told from one that is safe to open.

use std::{io::Write, path::Path};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    ExportRequest,
    columns::Column,
    file_set::WrittenFile,
    part_file::{cannot_write, part_path},
    snapshot::Snapshot,
};
use crate::{
    definition::Treatment,
    error::{Error, Result},
    private_file,
};

/// What is said about an export.
#[derive(Debug, Serialize)]
pub(super) struct Manifest<'e> {
    pipeline: &'e str,
    /// The release that wrote it.
    version: &'static str,
    format: crate::definition::OutputFormat,
    encoding: &'e str,
    /// Of the query as it is written in the definition.
    query_sha256: String,
    parameters: serde_json::Map<String, serde_json::Value>,
    role: Option<&'e str>,
    /// When the rows were as they are in the file.
    snapshot_time: &'e str,
    /// Whether text was written that a spreadsheet may run.
    raw: bool,
    ordered: bool,
    columns: Vec<ManifestColumn<'e>>,
    /// The columns whose values tell the files apart.
    group_by: &'e [String],
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

#[derive(Debug, Serialize)]
struct ManifestColumn<'e> {
    name: &'e str,
    label: &'e str,
    #[serde(rename = "type")]
    type_name: &'e str,
    treatment: Treatment,
}

impl<'e> Manifest<'e> {
    pub(super) fn new(
        request: &'e ExportRequest<'_>,
        snapshot: &'e Snapshot,
        columns: &'e [Column],
        (path, files): (&Path, &'e [WrittenFile]),
    ) -> Self {
        let definition = request.definition;
        let used = definition.parameter_names();
        let given = request.parameters.iter().filter(|(name, _)| used.contains(&name.as_str()));
        let column = |column: &'e Column| ManifestColumn {
            name: &column.name,
            label: &column.label,
            type_name: &column.type_name,
            treatment: column.treatment,
        };
        Self {
            pipeline: request.pipeline,
            version: env!("CARGO_PKG_VERSION"),
            format: definition.output.format,
            encoding: definition.output.encoding.as_deref().unwrap_or("utf-8"),
            query_sha256: hex(&Sha256::digest(definition.sql.as_bytes())),
            parameters: given.map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            role: definition.role.as_deref(),
            snapshot_time: &snapshot.time,
            raw: definition.output.raw,
            ordered: definition.order,
            columns: columns.iter().map(column).collect(),
            group_by: &definition.output.group_by,
            rows: files.iter().map(|file| file.rows).sum(),
            files: files.iter().map(|written| file(path, written)).collect(),
        }
    }

    /// Writes the manifest to `path`, in place when it is whole.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let failed = |cause| cannot_write(path, cause);
        // Without rows there may be no file that made the folder.
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_file::create_folder(folder)?;
        }
        let mut text = serde_json::to_vec_pretty(self).map_err(|cause| {
            Error::unexpected("a manifest cannot be written as JSON").caused_by(cause)
        })?;
        text.push(b'\n');
        let part = part_path(path);
        let mut file = private_file::create(&part)?;
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        written.and_then(|()| std::fs::rename(&part, path)).map_err(failed)
    }
}

fn file<'e>(manifest: &Path, file: &'e WrittenFile) -> ManifestFile<'e> {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let from_there = Path::new(&file.path).strip_prefix(folder).ok().and_then(Path::to_str);
    ManifestFile {
        path: from_there.unwrap_or(&file.path),
        group: &file.group,
        rows: file.rows,
        bytes: file.bytes,
        sha256: &file.sha256,
    }
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
