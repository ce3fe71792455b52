//! `longshore history`: what runs did.

use std::fmt::Write;

use super::{
    arguments::{Global, HistoryArguments},
    console::Console,
    database,
    exit::ExitStatus,
    tally::{self, grouped},
};
use crate::{
    error::{Error, Result},
    postgres::ledger::{self, PastRun},
    run_id::RunId,
};

/// Prints the latest runs, or one run with its details.
pub(super) async fn history(
    arguments: &HistoryArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let run = arguments.run.as_deref().map(parse_run).transpose()?;
    let session = database::endpoint(global, console).await?.connect_for_reading().await?;
    if !ledger::exists(&session.client).await? {
        console.say("no run yet: this database has no ledger");
        return Ok(ExitStatus::Done);
    }
    let runs = ledger::history(&session.client, run.as_ref(), arguments.limit).await?;
    if let (Some(run), true) = (&run, runs.is_empty()) {
        return Err(Error::definition(format!("the ledger has no run {run}")));
    }
    for past in &runs {
        match (console.is_json(), &run) {
            (true, _) => console.json(past),
            (false, None) => console.data_line(&brief(past)),
            (false, Some(_)) => console.data_line(&details(past)),
        }
    }
    Ok(ExitStatus::Done)
}

pub(super) fn parse_run(text: &str) -> Result<RunId> {
    RunId::parse(text).ok_or_else(|| {
        Error::definition(format!("`{text}` is no run")).hint("`longshore history` lists the runs")
    })
}

fn brief(past: &PastRun) -> String {
    let holder = past.held_by.as_ref().map(|holder| format!("\n  at work: {holder}"));
    line(past) + &holder.unwrap_or_default()
}

fn line(past: &PastRun) -> String {
    let seconds = past.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1} s"));
    if let Some(export) = &past.export {
        let waiting = export.would_delete.as_ref().filter(|_| past.status == "held");
        let (rows, what) = match waiting {
            Some(waiting) => (waiting.rows, "rows to archive"),
            None => (export.rows.unwrap_or(0), "rows exported"),
        };
        return format!(
            "{}  {}  {:<9}  {:>8}  {:>12} {what:<24}  {}",
            past.run,
            past.started_at,
            past.status,
            seconds,
            grouped(rows.unsigned_abs()),
            past.pipeline
        );
    }
    let changed: u64 =
        past.tables.iter().map(|table| table.tally.inserted + table.tally.updated).sum();
    let rejected = past.tables.iter().map(|table| table.tally.rejected).max().unwrap_or(0);
    format!(
        "{}  {}  {:<9}  {:>8}  {:>12} written  {:>8} rejected  {}",
        past.run,
        past.started_at,
        if past.undone_by.is_some() { "undone" } else { &past.status },
        seconds,
        grouped(changed),
        grouped(rejected),
        past.pipeline
    )
}

fn export_details(export: &ledger::PastExport) -> String {
    let mut text = format!("  query sha256 {}", export.query_sha256);
    for (name, value) in export.parameters.as_object().into_iter().flatten() {
        let _ = match value.as_str() {
            Some(value) => write!(text, "\n  parameter {name} = {value}"),
            None => write!(text, "\n  parameter {name}, whose value is not kept"),
        };
    }
    if let Some(role) = &export.role {
        let _ = write!(text, "\n  for the role {role}");
    }
    if let Some(time) = &export.snapshot_time {
        let _ = write!(text, "\n  rows as they were at {time}");
    }
    if let Some(until) = &export.until {
        let since = export.since.as_deref().unwrap_or("the beginning");
        let _ = write!(text, "\n  rows changed from {since} to {until}");
    }
    if let Some(rows) = export.deletions {
        let _ = write!(text, "\n  {} deleted rows listed", grouped(rows.unsigned_abs()));
    }
    if let Some(again) = &export.again {
        let _ = write!(text, "\n  the files of run {again} again");
    }
    if let (Some(table), Some(rows)) = (&export.deleted_from, export.deleted) {
        let _ = write!(text, "\n  {} rows deleted from {table}", grouped(rows.unsigned_abs()));
    }
    if let Some(held) = &export.would_delete {
        let [rows, all] = [held.rows, held.table_rows].map(|rows| grouped(rows.unsigned_abs()));
        let _ = write!(text, "\n  it was held: {rows} of {all} rows of {} to delete", held.table);
    }
    let _ = write!(text, "\n  manifest {}", export.manifest);
    text
}

pub(super) fn details(past: &PastRun) -> String {
    let mut lines = vec![format!("{} by {}", line(past), past.started_by)];
    lines.extend(past.held_by.as_ref().map(|holder| format!("  at work: {holder}")));
    lines.extend(past.message.as_ref().map(|message| format!("  {message}")));
    lines.extend(past.export.as_ref().map(export_details));
    if !past.tables.is_empty() {
        lines.push(tally::table(
            past.tables.iter().map(|table| (table.table.as_str(), table.tally)),
        ));
    }
    let file = |file: &ledger::PastFile| {
        format!(
            "  file {} ({} records, {} bytes, sha256 {})",
            file.path, file.records, file.bytes, file.sha256
        )
    };
    lines.extend(past.files.iter().map(file));
    lines
        .extend(past.rejections.iter().map(|code| format!("  {}: {}", code.code, code.violations)));
    let warning =
        |code: &ledger::PastWarnings| format!("  warning {}: {}", code.code, code.warnings);
    lines.extend(past.warnings.iter().map(warning));
    lines.extend(past.replays.as_ref().map(|run| format!("  a replay of {run}")));
    lines.extend(past.undoes.as_ref().map(|run| format!("  the undo of {run}")));
    lines.extend(past.undone_by.as_ref().map(|run| format!("  undone by {run}")));
    lines.extend(past.undo_until.as_ref().map(|until| format!("  can be undone until {until}")));
    if past.rejected.open + past.rejected.closed > 0 {
        let (open, closed) = (grouped(past.rejected.open), grouped(past.rejected.closed));
        lines.push(format!("  rejected records: {open} open, {closed} closed by replays"));
    }
    let closing = |replay: &ledger::PastReplay| {
        format!("  {} closed by {}", grouped(replay.closed), replay.run)
    };
    lines.extend(past.rejected.replays.iter().map(closing));
    lines.extend(past.report.as_ref().map(|report| format!("  report: {report}")));
    lines.join("\n")
}
