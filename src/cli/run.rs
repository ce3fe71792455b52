//! `longshore run`: imports and exports, one after the other.

use std::{io::IsTerminal, sync::Arc};

use super::{
    arguments::{Global, MachineArguments, RunArguments},
    console::Console,
    database,
    ended::ended,
    exit::ExitStatus,
    export,
    pipeline::{self, PipelineFile},
    progress, signals,
};
use crate::{
    diagnostic::did_you_mean,
    error::{Error, Result},
    postgres::endpoint::Endpoint,
    report::RunStatus,
    run::{self, ImportRequest, LoadOptions, Pipeline, progress::Progress},
    source::split::split_bytes_for,
};

/// Runs every pipeline, also after one that failed; the first failure decides the exit code.
pub(super) async fn run(
    arguments: &RunArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    if arguments.input.is_some() && arguments.pipelines.len() > 1 {
        return Err(Error::definition("--input goes with a single pipeline"));
    }
    let mut status = ExitStatus::Done;
    let files: Vec<_> =
        arguments.pipelines.iter().map(|path| pipeline::read(path, console)).collect();
    if files.iter().all(Result::is_ok) {
        let asked: Vec<String> =
            files.iter().flatten().flat_map(PipelineFile::parameters).collect();
        all_are_asked_for(&arguments.set, &asked)?;
    }
    let mut files = files.into_iter().peekable();
    while let Some(file) = files.next() {
        let ended = match file {
            Err(status) => Ok(status),
            Ok(file) if file.export().is_some() => {
                // Those that stand together share one state of the database.
                let is_export = |next: &Result<PipelineFile, _>| {
                    next.as_ref().is_ok_and(|file| file.export().is_some())
                };
                let mut together = vec![file];
                together.extend(std::iter::from_fn(|| files.next_if(is_export)).flatten());
                exports(&together, arguments, global, console).await
            }
            Ok(file) => run_one(&file, arguments, global, console).await,
        };
        let ended = ended.unwrap_or_else(|error| console.error(&error));
        status = status.merge(ended);
        if ended == ExitStatus::Interrupted {
            break;
        }
    }
    Ok(status)
}

/// A value that nobody asks for is a slip: what it was for would run with another, or none.
fn all_are_asked_for(given: &[(String, String)], asked: &[String]) -> Result<()> {
    let Some((name, _)) = given.iter().find(|(name, _)| !asked.contains(name)) else {
        return Ok(());
    };
    let unknown = Error::definition(format!("no pipeline here asks for `--set {name}=...`"));
    Err(match did_you_mean(name, asked.iter().map(String::as_str)) {
        Some(near) => unknown.hint(format!("did you mean `{near}`?")),
        None if asked.is_empty() => unknown.hint("they ask for no values at all"),
        None => unknown.hint(format!("they ask for `{}`", asked.join("`, `"))),
    })
}

async fn exports(
    files: &[PipelineFile],
    arguments: &RunArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let endpoint = database::endpoint(global, console).await?;
    export::exports(files, arguments, &endpoint, console).await
}

async fn run_one(
    file: &PipelineFile,
    arguments: &RunArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let endpoint = database::endpoint(global, console).await?;
    if arguments.again.is_some() || arguments.since.is_some() {
        let what = format!("`--again` and `--since` are for exports; `{}` is an import", file.name);
        return Err(Error::definition(what));
    }
    let pipeline = file.import(arguments.input.as_deref())?.with_parameters(&arguments.set);
    let request = ImportRequest {
        options: options(&arguments.machine, &pipeline),
        pipeline,
        report_folder: arguments.machine.report_dir(),
        force: arguments.force,
        dry_run: arguments.dry_run,
    };
    Ok(import(file, &endpoint, &request, console).await)
}

/// Runs one import and prints its summary.
pub(super) async fn import(
    file: &PipelineFile,
    endpoint: &Endpoint,
    request: &ImportRequest,
    console: &Console,
) -> ExitStatus {
    let progress = Arc::new(Progress::default());
    let stop = stop_on_signal(Arc::clone(&progress), console);
    let running = run::import(endpoint, request, &progress);
    let imported = progress::watch(console, &progress, running).await;
    stop.abort();
    match imported {
        Ok(summary) => {
            let status = ended(&summary, console);
            if summary.status == RunStatus::Rejected {
                console.say("hint: correct the records in the report's folder `rejected`, or raise `limits.rejected`");
            }
            if summary.status == RunStatus::Held {
                let run = &summary.run;
                console.say(&format!("hint: `longshore show {run}`, then `longshore approve {run}` or `longshore discard {run}`"));
            }
            status
        }
        Err(stop) => file.stopped(&stop, console),
    }
}

/// The options given, with the machine's defaults for the rest.
pub(super) fn options(machine: &MachineArguments, pipeline: &Pipeline) -> LoadOptions {
    let threads = machine.threads.map_or(LoadOptions::default().threads, usize::from);
    let split_bytes = || split_bytes_for(threads, pipeline.definition.targets.len());
    LoadOptions {
        threads,
        connections: usize::from(machine.connections()),
        split_bytes: machine.split_size.unwrap_or_else(split_bytes),
    }
}

/// The first Ctrl-C, SIGTERM or SIGHUP ends the run cleanly.
pub(super) fn stop_on_signal(
    running: Arc<Progress>,
    console: &Console,
) -> tokio::task::JoinHandle<()> {
    let console = *console;
    tokio::spawn(async move {
        signals::first().await;
        // Bars tell it themselves: a line among them would be drawn over.
        if !std::io::stderr().is_terminal() {
            console.say(progress::STOPPING);
        }
        running.cancel();
        signals::asked().await;
        console.say("stopped at once: staging tables of this run may be left behind");
        #[expect(clippy::exit, reason = "somebody who asks twice does not want to wait")]
        std::process::exit(ExitStatus::Interrupted as i32);
    })
}
