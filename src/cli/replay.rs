//! `longshore replay`: the corrected records of a run, through the same pipeline.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    arguments::{Global, ReplayArguments},
    console::Console,
    database,
    ended::ended,
    exit::ExitStatus,
    history::parse_run,
    pipeline::{self, PipelineFile},
    progress, run,
};
use crate::{
    error::{Error, Result},
    load::Tenant,
    postgres::{
        endpoint::Endpoint,
        ledger::{self, RejectingRun},
        tenant,
    },
    run::{ImportRequest, ReplayRequest, progress::Progress},
};

/// Replays what is open of a run, and prints what came of it.
pub(super) async fn replay(
    arguments: &ReplayArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let endpoint = database::endpoint(global, console).await?;
    let rejecting = rejecting_run(arguments, &endpoint, console).await?;
    let path = pipeline_file(arguments, &rejecting)?;
    let file = match pipeline::read(&path, console) {
        Ok(file) => file,
        Err(status) => return Ok(status),
    };
    let tenant = tenant_of(&endpoint, &rejecting).await?;
    let pipeline = match &tenant {
        Some(tenant) => file.import(None)?.for_tenant(&tenant.value),
        None => file.import(None)?,
    };
    if pipeline.name != rejecting.pipeline {
        let (of, is) = (&rejecting.pipeline, &pipeline.name);
        let what = format!("run {} was one of pipeline `{of}`, not of `{is}`", rejecting.run);
        return Err(Error::definition(what));
    }
    let request = ReplayRequest {
        import: ImportRequest {
            options: run::options(&arguments.machine, &pipeline),
            pipeline,
            report_folder: arguments.machine.report_dir(),
            force: true,
            dry_run: arguments.dry_run,
        },
        of: rejecting.run.clone(),
        report: report_folder(arguments, &rejecting)?,
    };
    Ok(carry_out(&file, &endpoint, &request, console).await)
}

/// Whose records they are: the ledger knows.
async fn tenant_of(endpoint: &Endpoint, rejecting: &RejectingRun) -> Result<Option<Tenant>> {
    let session = endpoint.connect().await?;
    tenant::of_run(&session.client, &rejecting.run).await
}

async fn carry_out(
    file: &PipelineFile,
    endpoint: &Endpoint,
    request: &ReplayRequest,
    console: &Console,
) -> ExitStatus {
    let progress = Arc::new(Progress::default());
    let stop = run::stop_on_signal(Arc::clone(&progress), console);
    let running = crate::run::replay(endpoint, request, &progress);
    let replayed = progress::watch(console, &progress, running).await;
    stop.abort();
    match replayed {
        Ok(summary) => ended(&summary, console),
        Err(stop) => file.stopped(&stop, console),
    }
}

/// The run whose records are replayed: of a replay, the run that it was for.
async fn rejecting_run(
    arguments: &ReplayArguments,
    endpoint: &Endpoint,
    console: &Console,
) -> Result<RejectingRun> {
    let asked = parse_run(&arguments.run)?;
    let session = endpoint.connect().await?;
    ledger::ensure(&session.client).await?;
    let unknown = || Error::definition(format!("the ledger has no run {asked}"));
    let found = ledger::rejecting_run(&session.client, &asked).await?.ok_or_else(unknown)?;
    let run = &found.run;
    if *run != asked {
        console.say(&format!("run {asked} was a replay of {run}: going on with that"));
    }
    if found.status != "published" {
        let what = format!("run {run} published nothing (it is `{}`)", found.status);
        return Err(Error::definition(what)
            .hint("correct the source itself and run the pipeline: all its records are wanted"));
    }
    if found.rejected == 0 {
        return Err(Error::definition(format!("run {run} rejected no records")));
    }
    Ok(found)
}

fn pipeline_file(arguments: &ReplayArguments, rejecting: &RejectingRun) -> Result<PathBuf> {
    if let Some(path) = &arguments.pipeline {
        return Ok(path.clone());
    }
    let known = rejecting.pipeline_file.as_ref().map(PathBuf::from).filter(|path| path.exists());
    known.ok_or_else(|| {
        let what = format!("the pipeline `{}` is not where it was", rejecting.pipeline);
        Error::definition(what).hint("name its file with --pipeline")
    })
}

fn report_folder(arguments: &ReplayArguments, rejecting: &RejectingRun) -> Result<PathBuf> {
    let known = rejecting.report.as_deref().map(Path::new);
    let folder = arguments.report.as_deref().or(known);
    let folder = folder.filter(|folder| folder.is_dir()).ok_or_else(|| {
        let what = format!("the report folder of run {} is not there", rejecting.run);
        Error::source_file(what).hint("name it with --report, if it was moved")
    })?;
    // As short as people write it.
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| folder.strip_prefix(here).ok());
    Ok(below.unwrap_or(folder).to_owned())
}
