//! `longshore doctor`: what is well, what is not, and how to mend it.

use super::{arguments::Global, console::Console, database, exit::ExitStatus};
use crate::{
    error::Result,
    postgres::doctor::{Fact, Verdict, examine},
};

/// Prints every fact; a problem decides the exit code.
pub(super) async fn doctor(global: &Global, console: &Console) -> Result<ExitStatus> {
    let endpoint = database::endpoint(global, console).await?;
    console.say(&format!("database: {}", endpoint.display()));
    let facts = examine(&endpoint).await?;
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
