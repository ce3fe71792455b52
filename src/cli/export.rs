//! Exports, as `longshore run` does them.

use std::sync::Arc;

use super::{
    arguments::{Global, PlanArguments, RunArguments},
    console::Console,
    database,
    exit::ExitStatus,
    history::parse_run,
    pipeline::PipelineFile,
    progress, run,
    tally::{grouped, plural},
};
use crate::{
    definition::{ExportDefinition, Treatment},
    error::{Error, Result},
    export::{self, ExportPlan, ExportRequest, ExportSummary, Places},
    postgres::{endpoint::Endpoint, ledger::HeldArchive},
    run::progress::Progress,
    run_id::RunId,
};

/// Runs exports that stand together on the command line: those that read from the same place,
/// from one state of it.
pub(super) async fn exports(
    files: &[PipelineFile],
    arguments: &RunArguments,
    endpoint: &Endpoint,
    console: &Console,
) -> Result<ExitStatus> {
    if arguments.dry_run {
        return Err(Error::definition("`--dry-run` is for imports")
            .hint("`longshore plan` shows what an export would write"));
    }
    // Among imports, these are for them.
    if arguments.pipelines.len() == files.len() {
        refuse_unused(&[("--input", arguments.input.is_some()), ("--force", arguments.force)])?;
        tell_unused(&arguments.machine.given(), console);
    }
    let again = arguments.again.as_deref().map(parse_run).transpose()?;
    let mut status = ExitStatus::Done;
    let (archives, files): (Vec<_>, Vec<_>) =
        files.iter().partition(|file| file.export().is_some_and(|export| export.archive.is_some()));
    for file in archives {
        let ended = archive(file, arguments, endpoint, console).await;
        status = status.merge(ended.unwrap_or_else(|error| failed(&file.name, error, console)));
        if status == ExitStatus::Interrupted {
            return Ok(status);
        }
    }
    for (replica, files) in by_source(&files) {
        let source = replica.map(replica_endpoint).transpose()?;
        let places = Places { ledger: endpoint, source: source.as_ref().unwrap_or(endpoint) };
        let ended = together(&files, (arguments, again.as_ref()), places, console).await;
        let ended = ended.unwrap_or_else(|error| console.error(&error));
        status = status.merge(ended);
        if ended == ExitStatus::Interrupted {
            break;
        }
    }
    Ok(status)
}

/// Pipelines that read from the same place, in the order of the first of each.
fn by_source<'f>(files: &[&'f PipelineFile]) -> Vec<(Option<&'f str>, Vec<&'f PipelineFile>)> {
    let mut sources: Vec<(Option<&str>, Vec<&PipelineFile>)> = Vec::new();
    for &file in files {
        let replica = file.export().and_then(|export| export.replica.as_ref()?.env.as_deref());
        match sources.iter_mut().find(|(known, _)| *known == replica) {
            Some((_, together)) => together.push(file),
            None => sources.push((replica, vec![file])),
        }
    }
    sources
}

/// Archives are done one by one, before other exports: each is a transaction that writes.
async fn archive(
    file: &PipelineFile,
    arguments: &RunArguments,
    endpoint: &Endpoint,
    console: &Console,
) -> Result<ExitStatus> {
    let Some(definition) = file.export() else { return Ok(ExitStatus::Done) };
    let parameters = arguments.set.as_slice();
    let request =
        ExportRequest { pipeline: &file.name, definition, parameters, since: None, again: None };
    let progress = Arc::new(Progress::default());
    let stop = run::stop_on_signal(Arc::clone(&progress), console);
    let running = export::archive(endpoint, &request, &progress);
    let ended = progress::watch(console, &progress, running).await;
    stop.abort();
    let summary = ended?;
    let status = archived(&summary, console);
    if status == ExitStatus::Held {
        console.say(&decide(&summary.run, definition));
    }
    Ok(status)
}

/// What can be done with a held archive; values that no path shows are not kept.
fn decide(run: &str, definition: &ExportDefinition) -> String {
    let in_path = |name: &&str| definition.output.path.contains(&format!("{{{name}}}"));
    let names = definition.parameter_names().into_iter().filter(|name| !in_path(name));
    let set: String = names.map(|name| format!(" --set {name}=VALUE")).collect();
    format!(
        "hint: `longshore approve {run}{set}` deletes just these rows, `longshore discard {run}` drops it; or raise `archive.limit`"
    )
}

fn archived(summary: &ExportSummary, console: &Console) -> ExitStatus {
    if console.is_json() {
        console.json(summary);
    }
    let (name, rows) = (&summary.pipeline, grouped(summary.rows));
    match summary.status {
        "held" => {
            let rows = grouped(summary.would_delete.unwrap_or(0));
            let all = grouped(summary.table_rows.unwrap_or(0));
            console.say(&format!(
                "{name}: held, {rows} of {all} rows would be deleted (run {})\n  nothing is written or deleted",
                summary.run
            ));
            ExitStatus::Held
        }
        "unchanged" => {
            console.say(&format!("{name}: unchanged, there are no rows to archive"));
            ExitStatus::Done
        }
        _ => {
            console.say(&text(summary));
            console.say(&format!("  {rows} rows are deleted from their table"));
            ExitStatus::Done
        }
    }
}

/// Archives what was held.
pub(super) async fn approve(
    endpoint: &Endpoint,
    held: &HeldArchive,
    given: &[(String, String)],
    console: &Console,
) -> Result<ExitStatus> {
    let progress = Arc::new(Progress::default());
    let stop = run::stop_on_signal(Arc::clone(&progress), console);
    let approving = export::approve(endpoint, held, given, &progress);
    let approved = progress::watch(console, &progress, approving).await;
    stop.abort();
    let status = archived(&approved?, console);
    if status == ExitStatus::Held {
        console.say("the rows are not those that were shown when the run was held");
        console.say("hint: run the pipeline again; the new run takes the place of this one");
    }
    Ok(status)
}

/// Drops a held archive.
pub(super) async fn discard(
    endpoint: &Endpoint,
    held: &HeldArchive,
    console: &Console,
) -> Result<ExitStatus> {
    let summary = export::discard(endpoint, held).await?;
    if console.is_json() {
        console.json(&summary);
    }
    console.say(&format!("{}: discarded, nothing was written or deleted", summary.pipeline));
    Ok(ExitStatus::Done)
}

fn replica_endpoint(variable: &str) -> Result<Endpoint> {
    let url = std::env::var(variable).map_err(|_| {
        Error::definition(format!("the variable {variable} does not hold the replica's URL"))
            .hint("set it, or take `replica.env` out to read from the database itself")
    })?;
    Endpoint::parse(&url)
}

async fn together(
    files: &[&PipelineFile],
    (arguments, again): (&RunArguments, Option<&RunId>),
    places: Places<'_>,
    console: &Console,
) -> Result<ExitStatus> {
    let requests: Vec<ExportRequest<'_>> = files
        .iter()
        .filter_map(|file| {
            let definition = file.export()?;
            let (parameters, since) = (arguments.set.as_slice(), arguments.since.as_deref());
            Some(ExportRequest { pipeline: &file.name, definition, parameters, since, again })
        })
        .collect();
    let progress = Arc::new(Progress::default());
    let stop = run::stop_on_signal(Arc::clone(&progress), console);
    let running = export::export(places, &requests, &progress);
    let ended = progress::watch(console, &progress, running).await;
    stop.abort();
    let mut status = ExitStatus::Done;
    for (request, ended) in requests.iter().zip(ended?) {
        status = status.merge(match ended {
            Ok(summary) => written(&summary, console),
            Err(error) => failed(request.pipeline, error, console),
        });
    }
    Ok(status)
}

/// Which of several it was that failed.
fn failed(pipeline: &str, error: Error, console: &Console) -> ExitStatus {
    let error = error.context(format!("in the export `{pipeline}`"));
    console.error_of(Some(pipeline), &error)
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
    if let Some(list) = &summary.deleted_file {
        let (rows, count) = (grouped(list.rows), usize::try_from(list.rows).unwrap_or(usize::MAX));
        text.push_str(&format!(
            "\n  {rows} deleted {} listed in {}",
            plural(count, "row"),
            list.path
        ));
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

/// Checks an export against the database it reads from.
pub(super) async fn check(
    file: &PipelineFile,
    definition: &ExportDefinition,
    endpoint: &Endpoint,
    console: &Console,
) -> Result<ExitStatus> {
    let session = match replica_of(definition) {
        Some(variable) => replica_endpoint(variable)?.connect_for_reading().await?,
        None => endpoint.connect_for_reading().await?,
    };
    let findings = export::check(&session, definition).await?;
    if !findings.is_empty() {
        return Ok(console.findings(&file.document, &findings));
    }
    console.say(&format!("{}: no findings, in the definition or against the database", file.name));
    Ok(ExitStatus::Done)
}

/// The variable with the URL of the standby that it reads from.
fn replica_of(definition: &ExportDefinition) -> Option<&str> {
    definition.replica.as_ref()?.env.as_deref()
}

/// What is given and would be left aside is a slip.
fn refuse_unused(given: &[(&str, bool)]) -> Result<()> {
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Error::definition(format!("`{option}` is for imports"))
            .hint("an export has no use for it: leave it out")),
        None => Ok(()),
    }
}

/// How imports use the machine does nothing to an export.
fn tell_unused(given: &[(&str, bool)], console: &Console) {
    for (option, _) in given.iter().filter(|(_, is_given)| *is_given) {
        console.warn(&format!("`{option}` is for imports: it does nothing here"));
    }
}

/// Prints what an export would do.
pub(super) async fn plan(
    file: &PipelineFile,
    definition: &ExportDefinition,
    arguments: &PlanArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    refuse_unused(&[("--input", arguments.input.is_some()), ("--counts", arguments.counts)])?;
    tell_unused(&arguments.machine.given(), console);
    let endpoint = match replica_of(definition) {
        Some(variable) => replica_endpoint(variable)?,
        None => database::endpoint(global, console).await?,
    };
    let session = endpoint.connect_for_reading().await?;
    let parameters = arguments.set.as_slice();
    let request =
        ExportRequest { pipeline: &file.name, definition, parameters, since: None, again: None };
    let planned = export::plan(&session, &request).await?;
    match console.is_json() {
        true => console.json(&planned),
        false => console.data_line(&planned_text(&planned)),
    }
    Ok(ExitStatus::Done)
}

fn planned_text(plan: &ExportPlan) -> String {
    let mut lines = vec![format!("pipeline {}\n\nquery", plan.pipeline)];
    lines.extend(plan.sql.lines().map(|line| format!("  {line}")));
    for parameter in &plan.parameters {
        let of = parameter.type_name.as_deref().unwrap_or("a part of the path");
        lines.push(format!("  :{} is {of}", parameter.name));
    }
    lines.push(format!("  about {} rows, as the server estimates", grouped(plan.estimated_rows)));
    if let Some(increment) = &plan.incremental {
        let since = increment.since.as_deref().unwrap_or("the beginning");
        let (column, until) = (&increment.column, &increment.until);
        lines.push(format!("  only those whose {column} is from {since} to before {until}"));
    }
    if let Some(archive) = &plan.archive {
        let (table, limit) = (&archive.table, &archive.limit);
        lines.push(format!(
            "  they are DELETED from {table} once they are in the files; more than {limit} wait for approval"
        ));
    }
    lines.push(format!(
        "\nfiles, as {}\n  {}\n  {}\n\ncolumns",
        plan.format.word(),
        plan.path,
        plan.manifest
    ));
    for column in &plan.columns {
        let treatment = match column.treatment {
            Treatment::Show => "",
            Treatment::Omit => ", sensitive: left out",
            Treatment::Mask => ", sensitive: masked",
            Treatment::Hash => ", sensitive: hashed",
        };
        lines.push(format!("  {}: {}{treatment}", column.name, column.type_name));
    }
    lines.join("\n")
}
