//! `longshore show`: what a run did, or what a held one would do, by scope.

use std::fmt::Write;

use super::{
    arguments::{Global, ShowArguments},
    console::Console,
    database,
    exit::ExitStatus,
    history::{details, parse_run},
    tally::{self, grouped},
};
use crate::{
    error::{Error, Result},
    postgres::ledger,
    run::held::{self, ShownRun, ShownScope, ShownTable},
};

/// Prints one run.
pub(super) async fn show(
    arguments: &ShowArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    let run = parse_run(&arguments.run)?;
    let session = database::endpoint(global, console).await?.connect_for_reading().await?;
    let unknown = || {
        Error::definition(format!("the ledger has no run {run}"))
            .hint("`longshore history` lists the runs")
    };
    if !ledger::exists(&session.client).await? {
        return Err(unknown());
    }
    let shown = held::show(&session.client, &run, arguments.limit).await?.ok_or_else(unknown)?;
    match console.is_json() {
        true => console.json(&shown),
        false => console.data_line(&text(&shown)),
    }
    Ok(ExitStatus::Done)
}

fn text(shown: &ShownRun) -> String {
    let mut text = details(&shown.past);
    for table in shown.held.iter().flatten() {
        text.push('\n');
        if let Some(deletions) = &table.summary.deletions {
            text.push_str(&tally::deletions(&table.summary.table, deletions));
        }
        table.scopes.iter().for_each(|scope| push_scope(&mut text, table, scope));
        text.truncate(text.trim_end().len());
    }
    for table in shown.published.iter().flatten().filter(|table| !table.scopes.is_empty()) {
        let _ = writeln!(text, "\n  changed in {}:", table.summary.table);
        table.scopes.iter().for_each(|scope| push_scope(&mut text, table, scope));
        text.truncate(text.trim_end().len());
    }
    text
}

fn push_scope(text: &mut String, table: &ShownTable, change: &ShownScope) {
    let pairs = table
        .scope
        .iter()
        .zip(&change.scope)
        .map(|(column, value)| format!("{column} = {}", value.as_deref().unwrap_or("NULL")));
    let scope = match table.scope.is_empty() {
        true => "the whole table".to_owned(),
        false => pairs.collect::<Vec<_>>().join(", "),
    };
    let counts = [change.rows, change.deleted, change.inserted, change.updated, change.kept];
    let [rows, deleted, inserted, updated, kept] =
        counts.map(|count| grouped(count.unsigned_abs()));
    let _ = writeln!(
        text,
        "    {scope}: of {rows} rows {deleted} deleted, {updated} updated, {kept} kept; {inserted} inserted"
    );
}
