//! `longshore approve` and `longshore discard`: what becomes of a held run.

use super::{
    arguments::{Global, HeldArguments},
    console::Console,
    database,
    exit::ExitStatus,
    history::parse_run,
    tally,
};
use crate::{
    error::Result,
    report::{RunStatus, RunSummary},
    run::held,
};

/// Publishes a held run.
pub(super) async fn approve(
    arguments: &HeldArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let run = parse_run(&arguments.run)?;
    let endpoint = database::endpoint(global, console).await?;
    let summary = held::approve(&endpoint, &run).await?;
    let status = print(&summary, console);
    if summary.status == RunStatus::Held {
        console.say("the target is not what it was when the run was held: nothing is published");
        console.say("hint: run the pipeline again; the new run takes the place of this one");
    }
    Ok(status)
}

/// Drops a held run.
pub(super) async fn discard(
    arguments: &HeldArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let run = parse_run(&arguments.run)?;
    let endpoint = database::endpoint(global, console).await?;
    Ok(print(&held::discard(&endpoint, &run).await?, console))
}

fn print(summary: &RunSummary, console: &Console) -> ExitStatus {
    if console.is_json() {
        console.json(summary);
    }
    console.say(&tally::summary(summary));
    ExitStatus::from(summary.status)
}
