//! `longshore validate`: everything a run does with the data, short of the database.

use std::sync::Arc;

use super::{
    arguments::{Global, ValidateArguments},
    console::Console,
    database,
    exit::ExitStatus,
    pipeline::{self, PipelineFile},
    progress, run, tally,
};
use crate::{
    error::{Error, Result},
    outcome::Tally,
    report::{Report, RunStatus, ValidationSummary},
    run::{
        Pipeline, Stop,
        files::ensure_all_unchanged,
        prepare::{announce, bind_files, find_files, read_tables},
        progress::Progress,
        validate as validate_files,
    },
    run_id::RunId,
    schema::TableSchema,
};

type Catalog = (Vec<Option<TableSchema>>, Vec<String>);

/// Reads and checks every record; the tables come from the database or from a file.
pub(super) async fn validate(
    arguments: &ValidateArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let file = match pipeline::read(&arguments.pipeline, console) {
        Ok(file) => file,
        Err(status) => return Ok(status),
    };
    let pipeline = file.import(arguments.input.as_deref())?;
    let catalog = read_catalog(arguments, &pipeline, global, console).await?;
    let progress = Arc::new(Progress::default());
    let stop = run::stop_on_signal(Arc::clone(&progress), console);
    let validating = validate_pipeline(arguments, &pipeline, &catalog, &progress);
    let ended = progress::watch(console, &progress, validating).await;
    stop.abort();
    Ok(conclude(&file, ended, console))
}

fn conclude(
    file: &PipelineFile,
    ended: Result<ValidationSummary, Stop>,
    console: &Console,
) -> ExitStatus {
    let summary = match ended {
        Ok(summary) => summary,
        Err(stop) => return file.stopped(&stop, console),
    };
    if console.is_json() {
        console.json(&summary);
    }
    console.say(&tally::validation(&summary));
    if summary.status == RunStatus::Rejected { ExitStatus::Rejected } else { ExitStatus::Done }
}

async fn read_catalog(
    arguments: &ValidateArguments,
    pipeline: &Pipeline,
    global: &Global,
    console: &Console,
) -> Result<Catalog> {
    if let Some(path) = &arguments.catalog {
        let unusable = || Error::definition(format!("`{}` is no saved catalog", path.display()));
        let text = std::fs::read(path).map_err(|cause| unusable().caused_by(cause))?;
        return serde_json::from_slice(&text).map_err(|cause| unusable().caused_by(cause));
    }
    let session = database::endpoint(global, console).await?.connect_for_reading().await?;
    let catalog = read_tables(&session, &pipeline.definition).await?;
    if let Some(path) = &arguments.save_catalog {
        let cannot = || Error::environment(format!("`{}` cannot be written", path.display()));
        let text =
            serde_json::to_vec_pretty(&catalog).map_err(|cause| cannot().caused_by(cause))?;
        std::fs::write(path, text).map_err(|cause| cannot().caused_by(cause))?;
    }
    Ok(catalog)
}

async fn validate_pipeline(
    arguments: &ValidateArguments,
    pipeline: &Pipeline,
    (tables, names): &Catalog,
    progress: &Arc<Progress>,
) -> Result<ValidationSummary, Stop> {
    let started = std::time::Instant::now();
    let found = find_files(&pipeline.definition).await?;
    announce(progress, &found);
    let bound = bind_files(pipeline, &found, tables, names)?;
    let run = RunId::generate();
    let mut report = Report::create(&arguments.machine.report_dir(), &run)?;
    let read =
        validate_files(&bound, run::options(&arguments.machine, pipeline), &mut report, progress)
            .await?;
    ensure_all_unchanged(&found)?;
    let rejected = report.rejected_records();
    let crossed = bound
        .plan
        .rejected_limit
        .is_some_and(|limit| limit.is_crossed(rejected, read.counted.records));
    let tables = bound.plan.targets.iter().zip(&read.counted.tables).map(|(target, counted)| {
        let (filtered, rejected) = (counted.filtered, counted.rejected);
        (
            target.load.table.name.to_string(),
            Tally { read: counted.read, filtered, rejected, ..Tally::default() },
        )
    });
    let status = if crossed { RunStatus::Rejected } else { RunStatus::DryRun };
    let summary = ValidationSummary::new(
        &pipeline.name,
        status,
        tables,
        &report,
        started.elapsed().as_secs_f64(),
    );
    report.write_summary(&summary)?;
    Ok(summary)
}
