//! How a run ended, told: its summary, what is wrong with its report, and the exit code.

use super::{console::Console, exit::ExitStatus, tally};
use crate::{error::Error, report::RunSummary};

/// Prints the summary. What is published stays so when its report cannot be written; the exit
/// code says that something has to be looked at all the same.
pub(super) fn ended(summary: &RunSummary, console: &Console) -> ExitStatus {
    if console.is_json() {
        console.json(summary);
    }
    console.say(&tally::summary(summary));
    let Some(why) = &summary.unreported else { return ExitStatus::from(summary.status) };
    let (run, word) = (&summary.run, summary.status.words());
    let error =
        Error::environment(format!("run {run} {word}, but its report is not complete: {why}"))
            .hint(format!(
                "nothing has to be run again: `longshore history {run}` shows what it did"
            ));
    console.complain(&error)
}
