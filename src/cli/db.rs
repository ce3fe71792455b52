//! `longshore db`: the embedded server.

use std::process::Command;

use super::{
    arguments::{DbAction, DbArguments},
    console::Console,
    exit::ExitStatus,
};
use crate::{
    error::{Error, Result},
    postgres::embedded::{EmbeddedServer, Installation},
};

/// Starts, stops, describes or opens the embedded server.
pub(super) async fn db(arguments: &DbArguments, console: &Console) -> Result<ExitStatus> {
    let server = EmbeddedServer::of_user()?;
    match &arguments.action {
        DbAction::Start => {
            server.ensure_started().await?;
            console.say("the embedded server runs; `longshore db psql` opens it");
        }
        DbAction::Stop => {
            let stopped = server.stop()?;
            console.say(if stopped { "stopped; the data stay" } else { "it was not running" });
        }
        DbAction::Status => print_status(&server, console)?,
        DbAction::Url => console.data_line(&server.url()?),
        DbAction::Psql { arguments } => return psql(&server, arguments).await,
    }
    Ok(ExitStatus::Done)
}

fn print_status(server: &EmbeddedServer, console: &Console) -> Result<()> {
    let status = server.status()?;
    let state = match (status.running, status.initialised) {
        (true, _) => "running",
        (false, true) => "stopped",
        (false, false) => "not set up yet",
    };
    console.data_line(&format!(
        "{state}, PostgreSQL {}, data in {}",
        status.major,
        status.home.display()
    ));
    Ok(())
}

/// psql takes the terminal over; its exit code is not ours to interpret.
async fn psql(server: &EmbeddedServer, arguments: &[String]) -> Result<ExitStatus> {
    server.ensure_started().await?;
    let program = Installation::find(None)?.program("psql");
    let ended = Command::new(&program).arg(server.url()?).args(arguments).status();
    let ended = ended.map_err(|cause| {
        Error::environment(format!("`{}` cannot be started", program.display())).caused_by(cause)
    })?;
    Ok(if ended.success() { ExitStatus::Done } else { ExitStatus::Environment })
}
