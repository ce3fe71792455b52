//! `longshore undo`: takes a run back.

use std::sync::Arc;

use super::{
    arguments::{Global, UndoArguments},
    console::Console,
    database,
    ended::ended,
    exit::ExitStatus,
    history::parse_run,
    progress, run,
};
use crate::{
    error::Result,
    report::RunStatus,
    run::{UndoRequest, progress::Progress},
};

/// Undoes a run, and prints what became of its rows.
pub(super) async fn undo(
    arguments: &UndoArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let request = UndoRequest {
        of: parse_run(&arguments.run)?,
        force: arguments.force,
        dry_run: arguments.dry_run,
    };
    let endpoint = database::endpoint(global, console).await?;
    let progress = Arc::new(Progress::default());
    let stop = run::stop_on_signal(Arc::clone(&progress), console);
    let running = crate::run::undo(&endpoint, &request, &progress);
    let undone = progress::watch(console, &progress, running).await;
    stop.abort();
    let summary = undone?;
    let status = ended(&summary, console);
    if summary.status == RunStatus::Held {
        console.say("hint: --force gives back the others, and leaves these rows as they are now");
    }
    Ok(status)
}
