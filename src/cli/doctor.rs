//! `longshore doctor`: what is well, what is not, and how to mend it.

use super::{
    arguments::{DoctorArguments, Global},
    console::Console,
    database,
    exit::ExitStatus,
    pipeline,
};
use crate::{
    error::{Error, Result},
    postgres::{
        doctor::{Fact, Verdict, examine},
        endpoint::Endpoint,
        privileges::{self, TableNeed},
    },
    run::needs::needs,
};

/// Prints every fact; a problem decides the exit code.
pub(super) async fn doctor(
    arguments: &DoctorArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let targets = match targets(arguments, console) {
        Ok(targets) => targets,
        Err(status) => return Ok(status),
    };
    let endpoint = database::endpoint(global, console).await?;
    if let Some(role) = &arguments.grants {
        console.data(&grants(&endpoint, role, &targets).await?);
        return Ok(ExitStatus::Done);
    }
    console.say(&format!("database: {}", endpoint.display()));
    let facts = examine(&endpoint, &targets).await?;
    for fact in &facts {
        if console.is_json() {
            console.json(fact);
        } else {
            console.data_line(&line(fact));
        }
    }
    let sick = facts.iter().any(|fact| fact.verdict == Verdict::Problem);
    Ok(if sick { ExitStatus::Environment } else { ExitStatus::Done })
}

/// What the imports among the pipelines need.
fn targets(arguments: &DoctorArguments, console: &Console) -> Result<Vec<TableNeed>, ExitStatus> {
    let mut targets = Vec::new();
    for path in &arguments.pipelines {
        let file = pipeline::read(path, console)?;
        match file.import(None) {
            Ok(import) => targets.extend(needs(&import.definition)),
            Err(_) => console.say(&format!(
                "{}: an export reads what its query names; grant SELECT on that",
                file.name
            )),
        }
    }
    Ok(targets)
}

async fn grants(endpoint: &Endpoint, role: &str, targets: &[TableNeed]) -> Result<String> {
    let session = endpoint.connect_for_reading().await?;
    let needed = privileges::needed(&session.client, targets).await?;
    if let Some(table) = needed.unknown_tables.first() {
        return Err(Error::environment(format!("there is no table {table}"))
            .hint("make the tables first: longshore migrate up"));
    }
    Ok(privileges::script(&needed, role, endpoint.database()))
}

fn line(fact: &Fact) -> String {
    let word = match fact.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Problem => "problem",
    };
    let remedy =
        fact.remedy.as_ref().map(|remedy| format!("\n         hint: {remedy}")).unwrap_or_default();
    format!("{word:<8} {}: {}{remedy}", fact.name, fact.explanation)
}
