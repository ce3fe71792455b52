//! Running one migration, under the lock and with its row.

use tokio_postgres::{error::ErrorPosition, types::Type};

use super::{
    file::{Migration, MigrationSql},
    statements::{Statement, statements},
};
use crate::{
    error::{Error, ErrorKind, Result},
    postgres::{
        session::{Session, TRANSACTION_SETTINGS, database_error},
        sql::create_schema,
    },
};

/// The advisory lock of all migrations of a database: `longshor` in ASCII.
const LOCK: i64 = 0x6c6f_6e67_7368_6f72;

/// Seconds to wait for another process that migrates.
const LOCK_SECONDS: u32 = 60;

/// The table that says what is applied.
const CREATE_TABLE: &str = "\
    create table if not exists longshore.migration (\
        version bigint primary key, \
        name text not null, \
        sha256 text not null, \
        applied_at timestamptz not null default clock_timestamp())";

/// Which way a migration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// Runs one migration; `false` if another process was faster.
pub(super) async fn run(
    session: &Session,
    migration: &Migration,
    direction: Direction,
) -> Result<bool> {
    let sql = match (direction, &migration.down) {
        (Direction::Down, Some(down)) => down,
        (Direction::Down, None) => return Err(Error::definition("the migration has no down.sql")),
        (Direction::Up, _) => &migration.up,
    };
    let ran = match sql.transactional() {
        true => in_transaction(session, migration, sql, direction).await,
        false => without_transaction(session, migration, sql, direction).await,
    };
    // A file may have changed settings of the session, as dumps do.
    let settled = match &ran {
        Ok(_) => batch(session, "reset all").await,
        // The error that matters is the first; the connection may be gone by now.
        Err(_) => batch(session, "rollback; reset all").await.or(Ok(())),
    };
    let ran = ran?;
    settled.map(|()| ran)
}

async fn in_transaction(
    session: &Session,
    migration: &Migration,
    sql: &MigrationSql,
    direction: Direction,
) -> Result<bool> {
    let begin = format!(
        "begin; {TRANSACTION_SETTINGS}; set local lock_timeout = '{LOCK_SECONDS}s'; \
         select pg_advisory_xact_lock({LOCK}); set local lock_timeout = '10s'"
    );
    locked(session, &begin).await?;
    if !prepare(session, migration, direction).await? {
        batch(session, "rollback").await?;
        return Ok(false);
    }
    // The row comes first: a migration may move the search path or drop the role.
    record(session, migration, direction).await?;
    run_statements(session, sql).await?;
    batch(session, "commit").await.map(|()| true)
}

/// The lock is the session's then, which a pooler in transaction mode does not
/// keep; statements such as `create index concurrently` leave no other way.
async fn without_transaction(
    session: &Session,
    migration: &Migration,
    sql: &MigrationSql,
    direction: Direction,
) -> Result<bool> {
    let lock = format!(
        "set lock_timeout = '{LOCK_SECONDS}s'; select pg_advisory_lock({LOCK}); reset lock_timeout"
    );
    locked(session, &lock).await?;
    let ran = match prepare(session, migration, direction).await {
        Ok(true) => match run_statements(session, sql).await {
            Ok(()) => record(session, migration, direction).await.map(|()| true),
            Err(error) => Err(error.hint("it ran without a transaction: what came before stays")),
        },
        other => other,
    };
    let unlocked = batch(session, &format!("select pg_advisory_unlock({LOCK})")).await;
    let ran = ran?;
    unlocked.map(|()| ran)
}

async fn locked(session: &Session, sql: &str) -> Result<()> {
    session.client.batch_execute(sql).await.map_err(|error| {
        match error.code().map(tokio_postgres::error::SqlState::code) {
            Some("55P03") => {
                Error::new(ErrorKind::Busy, "another process is migrating this database")
                    .hint("run again when it has finished")
            }
            _ => database_error(&error, "start a migration"),
        }
    })
}

/// Makes the table if it is missing, and says whether there still is something to do.
async fn prepare(session: &Session, migration: &Migration, direction: Direction) -> Result<bool> {
    let doing = |error| database_error(&error, "look up its migrations");
    let exists = "select to_regclass('longshore.migration') is not null";
    let exists = session.client.query_typed_one(exists, &[]).await.map_err(doing)?;
    // Not `if not exists` alone: it asks for the privilege even where nothing is made.
    if !exists.try_get::<_, bool>(0).map_err(doing)? {
        batch(session, &format!("{}; {CREATE_TABLE}", create_schema("longshore"))).await?;
    }
    let query = "select 1 from longshore.migration where version = $1";
    let found = session.client.query_typed(query, &[(&migration.version, Type::INT8)]).await;
    let applied = !found.map_err(doing)?.is_empty();
    Ok(applied == (direction == Direction::Down))
}

async fn record(session: &Session, migration: &Migration, direction: Direction) -> Result<()> {
    let client = &session.client;
    let version = (&migration.version as _, Type::INT8);
    let recorded = match direction {
        Direction::Down => {
            let delete = "delete from longshore.migration where version = $1";
            client.execute_typed(delete, &[version]).await
        }
        Direction::Up => {
            let insert =
                "insert into longshore.migration (version, name, sha256) values ($1, $2, $3)";
            let sha256 = migration.up.sha256();
            let row = [version, (&migration.name as _, Type::TEXT), (&sha256 as _, Type::TEXT)];
            client.execute_typed(insert, &row).await
        }
    };
    recorded.map(drop).map_err(|error| database_error(&error, "record a migration"))
}

async fn run_statements(session: &Session, sql: &MigrationSql) -> Result<()> {
    for statement in statements(&sql.text) {
        let ran = session.client.batch_execute(statement.text).await;
        ran.map_err(|error| {
            let line = line_of(&error, &statement);
            database_error(&error, "apply a migration")
                .context(format!("{}, line {line}", sql.file))
        })?;
    }
    Ok(())
}

/// The line the server points at, else the statement's first.
fn line_of(error: &tokio_postgres::Error, statement: &Statement<'_>) -> usize {
    let within = match error.as_db_error().and_then(tokio_postgres::error::DbError::position) {
        Some(ErrorPosition::Original(position)) => {
            let before = usize::try_from(*position).unwrap_or(1).saturating_sub(1);
            statement.text.chars().take(before).filter(|c| *c == '\n').count()
        }
        _ => 0,
    };
    statement.line + within
}

async fn batch(session: &Session, sql: &str) -> Result<()> {
    session.client.batch_execute(sql).await.map_err(|error| database_error(&error, "migrate"))
}
