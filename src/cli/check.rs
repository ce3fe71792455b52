//! `longshore check`: definitions, and with a database what they ask of its tables.

use super::{
    arguments::{CheckArguments, Global},
    console::Console,
    database,
    exit::ExitStatus,
    pipeline::{self, PipelineFile},
};
use crate::{
    error::{ErrorKind, Result},
    plan::{self, Plan},
    postgres::{endpoint::Endpoint, session::Session},
    run::{
        Pipeline, Stop,
        beside::bind_after,
        files::FoundFile,
        prepare::{bind_files, bind_tables, find_files, prove_sql, read_tables},
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
    let Some(endpoint) = endpoint else {
        console.say(&format!("{}: no findings in the definition", file.name));
        return Ok(ExitStatus::Done);
    };
    if let Some(definition) = file.export() {
        return super::export::check(file, definition, endpoint, console).await;
    }
    let session = endpoint.connect_for_reading().await?;
    Ok(match against_database(file, &session).await {
        Ok(unchecked) => {
            let but = unchecked.map_or(String::new(), |why| format!("; {why}"));
            console.say(&format!(
                "{}: no findings, in the definition or against the database{but}",
                file.name
            ));
            ExitStatus::Done
        }
        Err(stop) => file.stopped(&stop, console),
    })
}

/// Checks against the tables and, where there are files, against their headers; says what was
/// left unchecked.
async fn against_database(file: &PipelineFile, session: &Session) -> Result<Option<String>, Stop> {
    let pipeline = file.import(None)?;
    let (tables, names) = read_tables(session, &pipeline.definition).await?;
    bind_after(session, &pipeline.definition).await?;
    let found = if file.reads_standard_input() {
        Err("its source is standard input, which is left alone".to_owned())
    } else {
        files_if_any(&pipeline).await?
    };
    let unchecked = match found {
        Ok(found) => {
            let bound = bind_files(&pipeline, &found, &tables, &names)?;
            prove_sql(session, &bound.plan).await?;
            return Ok(said(&[], &bound.plan));
        }
        Err(unchecked) => unchecked,
    };
    let plan = bind_tables(&pipeline, &tables, &names)?;
    prove_sql(session, &plan).await?;
    Ok(said(&[unchecked], &plan))
}

/// What was left unchecked, and what an author should know of what is sound.
fn said(unchecked: &[String], plan: &Plan) -> Option<String> {
    let said = [unchecked, &plan::notes(plan)].concat();
    (!said.is_empty()).then(|| said.join("; "))
}

/// The files, or why there are none: a pipeline can be checked before its first file has come.
async fn files_if_any(pipeline: &Pipeline) -> Result<Result<Vec<FoundFile>, String>> {
    match find_files(&pipeline.definition).await {
        Ok(found) => Ok(Ok(found)),
        Err(error) if error.kind() == ErrorKind::Source => {
            Ok(Err(format!("its header was not checked: {error}")))
        }
        Err(error) => Err(error),
    }
}
