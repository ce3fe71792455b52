//! Exports, as `longshore run` does them.

use std::sync::Arc;

use super::{
    console::Console,
    exit::ExitStatus,
    pipeline::PipelineFile,
    progress, run,
    tally::{grouped, plural},
};
use crate::{
    error::Result,
    export::{self, ExportRequest, ExportSummary},
    postgres::endpoint::Endpoint,
    run::progress::Progress,
};

/// Runs exports that stand together on the command line, from one state of the database.
pub(super) async fn exports(
    files: &[PipelineFile],
    parameters: &[(String, String)],
    endpoint: &Endpoint,
    console: &Console,
) -> Result<ExitStatus> {
    let requests: Vec<ExportRequest<'_>> = files
        .iter()
        .filter_map(|file| {
            let definition = file.export()?;
            Some(ExportRequest { pipeline: &file.name, definition, parameters })
        })
        .collect();
    let progress = Arc::new(Progress::default());
    let stop = run::stop_on_signal(Arc::clone(&progress), console);
    let running = export::export(endpoint, &requests, &progress);
    let ended = progress::watch(console, &progress, running).await;
    stop.abort();
    let mut status = ExitStatus::Done;
    for ended in ended? {
        status = status.merge(match ended {
            Ok(summary) => written(&summary, console),
            Err(error) => console.error(&error),
        });
    }
    Ok(status)
}

fn written(summary: &ExportSummary, console: &Console) -> ExitStatus {
    if console.is_json() {
        console.json(summary);
    }
    console.say(&text(summary));
    summary.warnings.iter().for_each(|warning| console.warn(warning));
    ExitStatus::Done
}

fn text(summary: &ExportSummary) -> String {
    let place = match summary.files.as_slice() {
        [file] => file.path.clone(),
        files => format!("{} files, listed in {}", grouped(files.len() as u64), summary.manifest),
    };
    let mut text = format!(
        "{}: {} rows in {place} ({} bytes), {:.2} s (run {})",
        summary.pipeline,
        grouped(summary.rows),
        grouped(summary.bytes),
        summary.seconds,
        summary.run
    );
    let same = summary.files.iter().filter(|file| file.unchanged).count();
    if same > 0 {
        let files = grouped(same as u64);
        text.push_str(&format!("\n  {files} {} had these bytes already", plural(same, "file")));
    }
    if !summary.stale.is_empty() {
        let (stale, count) = (grouped(summary.stale.len() as u64), summary.stale.len());
        text.push_str(&format!(
            "\n  {stale} {} of groups without rows are left as they were: the manifest names them",
            plural(count, "file")
        ));
    }
    text
}
