//! `longshore approve` and `longshore discard`: what becomes of a held run.

use std::sync::Arc;

use super::{
    arguments::{ApproveArguments, Global, HeldArguments},
    console::Console,
    database,
    ended::ended,
    exit::ExitStatus,
    history::parse_run,
    progress,
    run::stop_on_signal,
};
use crate::{
    error::{Error, Result},
    export,
    report::RunStatus,
    run::{held, progress::Progress},
};

/// Publishes a held run.
pub(super) async fn approve(
    arguments: &ApproveArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let run = parse_run(&arguments.run)?;
    let endpoint = database::endpoint(global, console).await?;
    if let Some(held) = export::held(&endpoint, &run).await? {
        return super::export::approve(&endpoint, &held, &arguments.set, console).await;
    }
    if let Some((name, _)) = arguments.set.first() {
        return Err(Error::definition(format!("no archive asks for `--set {name}=...`"))
            .hint("an import is published as it was held"));
    }
    let progress = Arc::new(Progress::default());
    let stop = stop_on_signal(Arc::clone(&progress), console);
    let approving = held::approve(&endpoint, &run, &progress);
    let approved = progress::watch(console, &progress, approving).await;
    stop.abort();
    let summary = approved?;
    let status = ended(&summary, console);
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
    if let Some(held) = export::held(&endpoint, &run).await? {
        return super::export::discard(&endpoint, &held, console).await;
    }
    Ok(ended(&held::discard(&endpoint, &run).await?, console))
}
