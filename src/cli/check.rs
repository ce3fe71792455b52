//! `longshore check`: definitions, and with a database what they ask of its tables.

use super::{
    arguments::{CheckArguments, Global},
    console::Console,
    database,
    exit::ExitStatus,
    pipeline::{self, PipelineFile},
};
use crate::{
    error::Result,
    postgres::{endpoint::Endpoint, session::Session},
    run::{
        Stop,
        prepare::{bind_files, find_files, prove_sql, read_tables},
    },
};

/// Checks every definition; all are looked at before the command ends.
pub(super) async fn check(
    arguments: &CheckArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let endpoint = if arguments.offline { None } else { database::named(global, console)? };
    let mut status = ExitStatus::Done;
    for path in &arguments.pipelines {
        let ended = match pipeline::read(path, console) {
            Ok(file) => check_one(&file, endpoint.as_ref(), console).await?,
            Err(status) => status,
        };
        status = status.merge(ended);
    }
    Ok(status)
}

async fn check_one(
    file: &PipelineFile,
    endpoint: Option<&Endpoint>,
    console: &Console,
) -> Result<ExitStatus> {
    let Some(endpoint) = endpoint.filter(|_| file.export().is_none()) else {
        console.say(&format!("{}: no findings in the definition", file.name));
        return Ok(ExitStatus::Done);
    };
    let session = endpoint.connect_for_reading().await?;
    Ok(match against_database(file, &session).await {
        Ok(()) => {
            console.say(&format!(
                "{}: no findings, in the definition or against the database",
                file.name
            ));
            ExitStatus::Done
        }
        Err(stop) => file.stopped(&stop, console),
    })
}

async fn against_database(file: &PipelineFile, session: &Session) -> Result<(), Stop> {
    let pipeline = file.import(None)?;
    let found = find_files(&pipeline.definition).await?;
    let (tables, names) = read_tables(session, &pipeline.definition).await?;
    let bound = bind_files(&pipeline, &found, &tables, &names)?;
    prove_sql(session, &bound.plan).await
}
