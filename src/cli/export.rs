//! Exports, as `longshore run` does them.

use super::{console::Console, exit::ExitStatus, tally::grouped};
use crate::{
    definition::ExportDefinition,
    error::Result,
    export::{self, ExportRequest},
    postgres::endpoint::Endpoint,
};

/// Runs one export and says what it wrote.
pub(super) async fn export(
    name: &str,
    definition: &ExportDefinition,
    parameters: &[(String, String)],
    endpoint: &Endpoint,
    console: &Console,
) -> Result<ExitStatus> {
    let session = endpoint.connect_for_reading().await?;
    let request = ExportRequest { pipeline: name, definition, parameters };
    let summary = export::export(&session, &request).await?;
    if console.is_json() {
        console.json(&summary);
    }
    let place = match summary.files.as_slice() {
        [file] => file.path.clone(),
        files => format!("{} files, listed in {}", grouped(files.len() as u64), summary.manifest),
    };
    console.say(&format!(
        "{name}: {} rows in {place} ({} bytes)",
        grouped(summary.rows),
        grouped(summary.bytes)
    ));
    Ok(ExitStatus::Done)
}
