//! `longshore plan`: what a run would do.

use super::{
    arguments::{Global, PlanArguments},
    console::Console,
    database,
    exit::ExitStatus,
    pipeline, run,
};
use crate::{
    error::{Error, Result},
    plan::explain,
    postgres::session::Session,
    run::{
        ImportRequest, Stop,
        prepare::{Bound, bind_files, find_files, prove_sql, read_tables},
    },
    source::input::STANDARD_INPUT,
};

/// Prints the plan; with `--counts` also runs it without publishing.
pub(super) async fn plan(
    arguments: &PlanArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let file = match pipeline::read(&arguments.pipeline, console) {
        Ok(file) => file,
        Err(status) => return Ok(status),
    };
    if let Some(definition) = file.export() {
        return super::export::plan(&file, definition, arguments, global, console).await;
    }
    let pipeline = file.import(arguments.input.as_deref())?.with_parameters(&arguments.set);
    if arguments.counts && pipeline.definition.path() == STANDARD_INPUT {
        return Err(Error::definition("--counts reads the source twice, standard input ends once")
            .hint("name a file with --input, or use `run --dry-run`"));
    }
    let endpoint = database::endpoint(global, console).await?;
    let session = endpoint.connect_for_reading().await?;
    let options = run::options(&arguments.machine, &pipeline);
    match bound(&pipeline, &session).await {
        Ok((bound, sizes)) => {
            let files: Vec<_> =
                bound.files.iter().map(|file| file.input.display.as_str()).zip(sizes).collect();
            console.data_line(&explain(&bound.plan, &files, options.split_bytes));
        }
        Err(stop) => return Ok(file.stopped(&stop, console)),
    }
    if !arguments.counts {
        return Ok(ExitStatus::Done);
    }
    let report_folder = arguments.machine.report_dir();
    let request = ImportRequest { pipeline, report_folder, force: true, dry_run: true, options };
    Ok(run::import(&file, &endpoint, &request, console).await)
}

async fn bound(
    pipeline: &crate::run::Pipeline,
    session: &Session,
) -> Result<(Bound, Vec<u64>), Stop> {
    let found = find_files(&pipeline.definition).await?;
    let (tables, names) = read_tables(session, &pipeline.definition).await?;
    let bound = bind_files(pipeline, &found, &tables, &names)?;
    prove_sql(session, &bound.plan).await?;
    Ok((bound, found.iter().map(|file| file.bytes).collect()))
}
