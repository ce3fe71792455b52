//! The manifest beside an export: what was asked, when, and what was written.
//!
//! `parcels.csv.gz` has `parcels.csv.gz.manifest.json`. The file can be checked against it, and
//! one that was written with `raw` can be told from one that is safe to open.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    ExportRequest,
    columns::Column,
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

/// What was written, as the summary of the export has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contents<'e> {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) sha256: &'e str,
}

impl<'e> Manifest<'e> {
    pub(super) fn new(
        request: &'e ExportRequest<'_>,
        snapshot: &'e Snapshot,
        columns: &'e [Column],
        contents: Contents<'e>,
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
            rows: contents.rows,
            bytes: contents.bytes,
            sha256: contents.sha256,
        }
    }

    /// Writes the manifest to `path`, in place when it is whole.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let failed = |cause| cannot_write(path, cause);
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

/// Where the manifest of a file is.
pub(super) fn manifest_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".manifest.json");
    PathBuf::from(name)
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
