//! `longshore migrate`: the tables of the database, versioned.

use super::{
    arguments::{Global, MigrateAction, MigrateArguments},
    console::Console,
    database,
    exit::ExitStatus,
};
use crate::{
    error::{Error, Result},
    postgres::{
        migrate::{Migration, MigrationState, MigrationStatus, Migrations},
        session::Session,
    },
};

/// Applies, reverts, lists or begins migrations.
pub(super) async fn migrate(
    arguments: &MigrateArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    if let MigrateAction::New { name } = &arguments.action {
        for path in Migrations::create(&arguments.folder, name)? {
            console.data_line(&path.display().to_string());
        }
        return Ok(ExitStatus::Done);
    }
    let migrations = Migrations::read(&arguments.folder)?;
    let session = database::endpoint(global, console).await?.connect().await?;
    match &arguments.action {
        MigrateAction::Up { to } => {
            let to = to.as_deref().map(parse_version).transpose()?;
            let done = migrations.up(&session, to, arguments.dry_run).await?;
            tell(console, &done, if arguments.dry_run { "would apply" } else { "applied" });
        }
        MigrateAction::Down { steps } => {
            let done = migrations.down(&session, *steps as usize, arguments.dry_run).await?;
            tell(console, &done, if arguments.dry_run { "would revert" } else { "reverted" });
        }
        MigrateAction::Status | MigrateAction::New { .. } => {
            print_status(&migrations, &session, console).await?
        }
    }
    Ok(ExitStatus::Done)
}

fn parse_version(text: &str) -> Result<i64> {
    let digits = text.split('_').next().unwrap_or_default();
    digits.parse().map_err(|_| Error::definition(format!("`{text}` is no version of a migration")))
}

fn tell(console: &Console, done: &[Migration], what: &str) {
    for migration in done {
        console.say(&format!("{what} {}_{}", migration.version, migration.name));
    }
    if done.is_empty() {
        console.say("nothing to do");
    }
}

async fn print_status(migrations: &Migrations, session: &Session, console: &Console) -> Result<()> {
    for status in migrations.status(session).await? {
        if console.is_json() {
            console.json(&status_json(&status));
        } else {
            let at = status.applied_at.as_deref().unwrap_or("");
            let line = format!(
                "{:<12} {}_{}  {at}",
                state_word(status.state),
                status.version,
                status.name
            );
            console.data_line(line.trim_end());
        }
    }
    Ok(())
}

fn status_json(status: &MigrationStatus) -> serde_json::Value {
    serde_json::json!({
        "version": status.version,
        "name": status.name,
        "state": state_word(status.state),
        "applied_at": status.applied_at,
    })
}

fn state_word(state: MigrationState) -> &'static str {
    match state {
        MigrationState::Applied => "applied",
        MigrationState::Pending => "pending",
        MigrationState::Changed => "changed",
        MigrationState::MissingFile => "missing_file",
    }
}
