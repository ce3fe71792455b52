//! The command line: arguments in, words and exit codes out. The only place that prints.
//!
//! One file per command, each with its arguments (their doc comments are the
//! help), a call into the layers below, and the wording of what came back.

mod arguments;
mod check;
mod completions;
mod console;
mod database;
mod db;
mod demo;
mod doctor;
mod ended;
mod exit;
mod export;
mod generate;
mod held;
mod history;
mod migrate;
mod pipeline;
mod plan;
mod preview;
mod progress;
mod redact;
mod replay;
mod run;
mod schema;
mod show;
mod signals;
mod streams;
mod tally;
mod undo;
mod validate;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind as Usage};

use arguments::{Arguments, Command};
use console::Console;
use exit::ExitStatus;

use crate::error::Error;

/// Runs the command line and says how it ended.
pub fn main() -> ExitCode {
    console::hide_panic_payloads();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => return usage_error(&usage),
    };
    let console = Console::new(arguments.global.output, arguments.global.quiet);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let status = match runtime {
        Ok(runtime) => {
            let status = runtime.block_on(dispatch(arguments, &console));
            // What was abandoned (standard input that never ends) must not keep the process.
            runtime.shutdown_background();
            status
        }
        Err(cause) => {
            console.error(&Error::environment("no runtime can be started").caused_by(cause))
        }
    };
    end(status, &console).into()
}

/// Whoever reads the output of a command has to know that it is not all there.
fn end(status: ExitStatus, console: &Console) -> ExitStatus {
    let Some(lost) = streams::lost() else { return status };
    let error = Error::environment(format!("standard output could not be written: {lost}"))
        .hint("what the command did is done all the same: `longshore history` tells of runs");
    status.merge(console.complain(&error))
}

/// Help and version are no errors; everything else clap says is one of usage.
fn usage_error(usage: &clap::Error) -> ExitCode {
    if let Usage::DisplayHelp | Usage::DisplayVersion = usage.kind() {
        // Where standard output is closed there is nobody to tell.
        let _ = usage.print();
        return ExitStatus::Done.into();
    }
    console::usage(usage);
    ExitStatus::Definition.into()
}

async fn dispatch(arguments: Arguments, console: &Console) -> ExitStatus {
    let global = &arguments.global;
    let done = match arguments.command {
        Command::Demo(command) => demo::demo(&command, global, console).await,
        Command::Run(command) => run::run(&command, global, console).await,
        Command::Check(command) => check::check(&command, global, console).await,
        Command::Validate(command) => validate::validate(&command, global, console).await,
        Command::Preview(command) => preview::preview(&command, global, console).await,
        Command::Plan(command) => plan::plan(&command, global, console).await,
        Command::Replay(command) => replay::replay(&command, global, console).await,
        Command::Undo(command) => undo::undo(&command, global, console).await,
        Command::History(command) => history::history(&command, global, console).await,
        Command::Show(command) => show::show(&command, global, console).await,
        Command::Approve(command) => held::approve(&command, global, console).await,
        Command::Discard(command) => held::discard(&command, global, console).await,
        Command::Migrate(command) => migrate::migrate(&command, global, console).await,
        Command::Doctor(command) => doctor::doctor(&command, global, console).await,
        Command::Db(command) => db::db(&command, console).await,
        Command::Generate(command) => generate::generate(&command, console),
        Command::Schema => schema::schema(console),
        Command::Completions(command) => completions::completions(&command, console),
    };
    done.unwrap_or_else(|error| console.error(&error))
}
