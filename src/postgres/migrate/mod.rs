//! Migrations of the target database: versioned, reversible, each one transaction.
//!
//! Applied ones are kept in `longshore.migration` with the checksum of their
//! file. Each runs under an advisory lock of its transaction, so that two
//! processes never apply one twice and a pooler is no obstacle; only files
//! that ask for no transaction need a direct connection.

mod apply;
mod file;
mod statements;

use std::path::{Path, PathBuf};

pub use file::Migration;

use self::apply::Direction;
use super::session::{Session, database_error};
use crate::error::{Error, Result};

/// The migrations of one folder.
#[derive(Debug)]
pub struct Migrations {
    found: Vec<Migration>,
}

/// How one migration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// What orders migrations.
    pub version: i64,
    /// What it does.
    pub name: String,
    /// Whether it is in the database, and unchanged.
    pub state: MigrationState,
    /// When it was applied, as RFC 3339.
    pub applied_at: Option<String>,
}

/// Whether a migration is in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// It is, and its file is as it was.
    Applied,
    /// It is not.
    Pending,
    /// It is, but its file has been changed since.
    Changed,
    /// It is, but its file is not there.
    MissingFile,
}

/// A row of `longshore.migration`.
struct AppliedRow {
    version: i64,
    name: String,
    sha256: String,
    applied_at: String,
}

impl Migrations {
    /// Reads the migrations in `folder`.
    ///
    /// # Errors
    /// `ErrorKind::Definition` where a file is misnamed or ends its own transaction,
    /// `ErrorKind::Environment` where the folder cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        Ok(Self { found: file::read_folder(folder)? })
    }

    /// Creates an empty `up` and `down` file for a new migration called `name`.
    ///
    /// # Errors
    /// `ErrorKind::Definition` for a name without letters, `ErrorKind::Environment` if a
    /// file cannot be created.
    pub fn create(folder: &Path, name: &str) -> Result<[PathBuf; 2]> {
        file::create(folder, name)
    }

    /// All migrations, of the folder and of the database, by version.
    ///
    /// # Errors
    /// `ErrorKind::Environment` if the database cannot be read.
    pub async fn status(&self, session: &Session) -> Result<Vec<MigrationStatus>> {
        let applied = applied_rows(session).await?;
        let mut statuses: Vec<MigrationStatus> = self
            .found
            .iter()
            .map(|migration| {
                let row = applied.iter().find(|row| row.version == migration.version);
                let state = match row {
                    None => MigrationState::Pending,
                    Some(row) if row.sha256 == migration.up.sha256() => MigrationState::Applied,
                    Some(_) => MigrationState::Changed,
                };
                let applied_at = row.map(|row| row.applied_at.clone());
                MigrationStatus {
                    version: migration.version,
                    name: migration.name.clone(),
                    state,
                    applied_at,
                }
            })
            .collect();
        let has_file = |version| self.found.iter().any(|migration| migration.version == version);
        statuses.extend(applied.into_iter().filter(|row| !has_file(row.version)).map(|row| {
            MigrationStatus {
                version: row.version,
                name: row.name,
                state: MigrationState::MissingFile,
                applied_at: Some(row.applied_at),
            }
        }));
        statuses.sort_by_key(|status| status.version);
        Ok(statuses)
    }

    /// Applies what is pending, up to and including version `to`; with `dry_run`
    /// only says what that would be. Returns what was (or would be) applied, in order.
    ///
    /// # Errors
    /// `ErrorKind::Definition` if an applied file was changed since, `ErrorKind::Busy` if
    /// another process migrates, `ErrorKind::Environment` with file and line of the
    /// statement that failed; what was applied before it stays.
    pub async fn up(
        &self,
        session: &Session,
        to: Option<i64>,
        dry_run: bool,
    ) -> Result<Vec<Migration>> {
        let statuses = self.status(session).await?;
        refuse_changed(&statuses)?;
        let is_pending = |migration: &&Migration| {
            to.is_none_or(|to| migration.version <= to)
                && statuses.iter().any(|status| {
                    status.version == migration.version && status.state == MigrationState::Pending
                })
        };
        let pending: Vec<&Migration> = self.found.iter().filter(is_pending).collect();
        run_all(session, pending, Direction::Up, dry_run).await
    }

    /// Takes the last `steps` applied migrations back, the newest first; with
    /// `dry_run` only says which. Returns them in that order.
    ///
    /// # Errors
    /// As [`Migrations::up`]; also `ErrorKind::Definition` if one has no `down.sql`.
    pub async fn down(
        &self,
        session: &Session,
        steps: usize,
        dry_run: bool,
    ) -> Result<Vec<Migration>> {
        let statuses = self.status(session).await?;
        let newest = statuses.iter().rev().filter(|status| status.state != MigrationState::Pending);
        let mut chosen = Vec::new();
        for status in newest.take(steps) {
            let migration = self.found.iter().find(|one| one.version == status.version);
            match migration.filter(|one| one.down.is_some()) {
                Some(migration) => chosen.push(migration),
                None => {
                    let what = format!(
                        "migration {}_{} has no down.sql in the folder",
                        status.version, status.name
                    );
                    return Err(
                        Error::definition(what).hint("it cannot be taken back; nothing was")
                    );
                }
            }
        }
        run_all(session, chosen, Direction::Down, dry_run).await
    }
}

async fn run_all(
    session: &Session,
    migrations: Vec<&Migration>,
    direction: Direction,
    dry_run: bool,
) -> Result<Vec<Migration>> {
    let mut done = Vec::new();
    for migration in migrations {
        if dry_run || apply::run(session, migration, direction).await? {
            done.push(migration.clone());
        }
    }
    Ok(done)
}

fn refuse_changed(statuses: &[MigrationStatus]) -> Result<()> {
    match statuses.iter().find(|status| status.state == MigrationState::Changed) {
        None => Ok(()),
        Some(status) => {
            let what = format!(
                "migration {}_{} was changed after it had been applied",
                status.version, status.name
            );
            Err(Error::definition(what)
                .hint("restore the file, and put the change into a new migration"))
        }
    }
}

/// What the database has; nothing before the first migration.
async fn applied_rows(session: &Session) -> Result<Vec<AppliedRow>> {
    let doing = |error| database_error(&error, "list its migrations");
    let exists = "select to_regclass('longshore.migration') is not null";
    let exists = session.client.query_typed_one(exists, &[]).await.map_err(doing)?;
    if !exists.try_get::<_, bool>(0).map_err(doing)? {
        return Ok(Vec::new());
    }
    let query = "select version, name, sha256, \
        to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
        from longshore.migration order by version";
    let rows = session.client.query_typed(query, &[]).await.map_err(doing)?;
    let row = |row: &tokio_postgres::Row| {
        Ok(AppliedRow {
            version: row.try_get(0)?,
            name: row.try_get(1)?,
            sha256: row.try_get(2)?,
            applied_at: row.try_get(3)?,
        })
    };
    rows.iter().map(row).collect::<Result<_, tokio_postgres::Error>>().map_err(doing)
}
