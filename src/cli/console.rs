//! What is printed: data on standard output, everything for people on standard error.

use std::{error::Error as _, io::IsTerminal};

use serde::Serialize;

use super::{exit::ExitStatus, redact::without_passwords, streams};
use crate::{
    definition::{self, Document},
    diagnostic::Finding,
    error::Error,
};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document per run, on standard output.
    Json,
}

/// A panic says where, not what: its message may quote the data it met.
pub(super) fn hide_panic_payloads() {
    std::panic::set_hook(Box::new(|panic| {
        if crate::panics::are_caught() {
            return;
        }
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        streams::words(&format!("error: a fault of longshore itself{place}; please report it\n"));
    }));
}

/// What is wrong with the arguments, which it quotes.
pub(super) fn usage(usage: &clap::Error) {
    let text = usage.render();
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = if colour { text.ansi().to_string() } else { text.to_string() };
    streams::words(&without_passwords(&text));
}

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Console {
    /// How results are printed.
    pub(super) output: Output,
    /// Whether people want errors only.
    pub(super) quiet: bool,
    /// Whether standard error takes colours.
    pub(super) colour: bool,
}

impl Console {
    /// Colours only on a terminal, and never where `NO_COLOR` is set.
    pub(super) fn new(output: Output, quiet: bool) -> Self {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { output, quiet, colour }
    }

    /// Whether results go out as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Data, as it is.
    pub(super) fn data(&self, text: &str) {
        streams::output(text);
    }

    /// A line of data.
    pub(super) fn data_line(&self, text: &str) {
        streams::output(&format!("{text}\n"));
    }

    /// One JSON document on one line.
    pub(super) fn json(&self, document: &impl Serialize) {
        match serde_json::to_string(document) {
            Ok(text) => streams::output(&format!("{text}\n")),
            Err(error) => {
                streams::words(&format!("error: a document cannot be written as JSON: {error}\n"))
            }
        }
    }

    /// A line for people.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            streams::words(&format!("{text}\n"));
        }
    }

    /// A line that is printed even with `--quiet`.
    pub(super) fn warn(&self, text: &str) {
        streams::words(&format!("warning: {text}\n"));
    }

    /// An error with where it happened, its causes and its hint.
    pub(super) fn error(&self, error: &Error) -> ExitStatus {
        self.error_of(None, error)
    }

    /// The error that stopped one of several pipelines.
    pub(super) fn error_of(&self, pipeline: Option<&str>, error: &Error) -> ExitStatus {
        let said = error.to_string();
        let said = without_passwords(&said);
        if self.is_json() {
            let mut document =
                serde_json::json!({ "status": "failed", "error": said, "hint": error.hint_text() });
            if let Some(pipeline) = pipeline {
                document["pipeline"] = pipeline.into();
            }
            self.json(&document);
        }
        self.complain(error)
    }

    /// An error beside a result that was told already.
    #[expect(clippy::unused_self, reason = "whoever prints has a console")]
    pub(super) fn complain(&self, error: &Error) -> ExitStatus {
        let said = error.to_string();
        streams::words(&format!("error: {}\n", without_passwords(&said)));
        for context in error.contexts() {
            streams::words(&format!("  {context}\n"));
        }
        let mut cause = error.source();
        while let Some(current) = cause {
            streams::words(&format!("  because: {current}\n"));
            cause = current.source();
        }
        if let Some(hint) = error.hint_text() {
            streams::words(&format!("hint: {hint}\n"));
        }
        ExitStatus::from(error)
    }

    /// All findings about a definition.
    pub(super) fn findings(&self, document: &Document, findings: &[Finding]) -> ExitStatus {
        if self.is_json() {
            self.json(&serde_json::json!({ "status": "failed", "findings": findings_json(document, findings) }));
        }
        streams::words(&definition::render(document, findings, self.colour));
        ExitStatus::Definition
    }
}

fn findings_json(document: &Document, findings: &[Finding]) -> Vec<serde_json::Value> {
    findings.iter().map(|finding| definition::to_json(document, finding)).collect()
}
