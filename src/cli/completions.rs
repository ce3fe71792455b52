//! `longshore completions`: for bash, zsh, fish and others.

use clap::CommandFactory;

use super::{
    arguments::{Arguments, CompletionsArguments},
    console::Console,
    exit::ExitStatus,
};
use crate::error::{Error, Result};

/// Prints the completions of one shell.
pub(super) fn completions(
    arguments: &CompletionsArguments,
    console: &Console,
) -> Result<ExitStatus> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "longshore", &mut script);
    let script = String::from_utf8(script)
        .map_err(|cause| Error::unexpected("the completions are not text").caused_by(cause))?;
    console.data(&script);
    Ok(ExitStatus::Done)
}
