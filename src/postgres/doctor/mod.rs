//! Whether a database is fit for loads: facts, what each means, and what to do.
//!
//! Nothing is changed and no secret is shown.

mod judge;

use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::types::Type;

pub use judge::{Fact, Verdict};

use self::judge::ServerDocument;
use super::{
    endpoint::Endpoint,
    privileges::{self, TableNeed},
    session::{Session, database_error},
};
use crate::error::{Error, Result};

/// Looks at the database of `endpoint`, and at what its role lacks for `targets`.
///
/// # Errors
/// `ErrorKind::Environment` if it cannot be connected to, which is itself the answer.
pub async fn examine(endpoint: &Endpoint, targets: &[TableNeed]) -> Result<Vec<Fact>> {
    let session = endpoint.connect_for_reading().await?;
    let text = text(&session, include_str!("server.sql")).await?;
    let server: ServerDocument = serde_json::from_str(&text).map_err(|cause| {
        Error::unexpected("the server's answer was not understood").caused_by(cause)
    })?;
    let mut facts = vec![
        Fact::ok("connection", format!("connected to {}", endpoint.display())),
        role(&session).await?,
        identity(endpoint, &session),
        pooler(endpoint, &session).await?,
    ];
    facts.extend(server.facts(endpoint.is_local()));
    let privileges = privileges(&session, targets).await?;
    // A table that the role may not see has no sequences to look at.
    if privileges.iter().all(|fact| fact.verdict == Verdict::Ok) {
        facts.extend(full_sequences(&session, targets).await?);
    }
    facts.extend(privileges);
    facts.extend(database_collation(&session, server.version).await?);
    facts.push(judge::clock(server.seconds, own_seconds()));
    let folder = server.data_directory.as_deref().filter(|_| endpoint.is_local());
    if let Some(space) = folder.and_then(|folder| rustix::fs::statvfs(folder).ok()) {
        facts.push(judge::disk(space.f_bavail.saturating_mul(space.f_frsize)));
    }
    Ok(facts)
}

async fn privileges(session: &Session, targets: &[TableNeed]) -> Result<Vec<Fact>> {
    let needed = privileges::needed(&session.client, targets).await?;
    let role = privileges::current_role(&session.client).await?;
    let unknown = needed.unknown_tables.iter().map(|name| {
        let said = format!("there is no table {name}, or the role may not see it");
        Fact::problem("tables", said, "make it: longshore migrate up")
    });
    let missing = needed.missing();
    let facts: Vec<Fact> = missing
        .map(|privilege| {
            let said = format!("the role {role} lacks {}", privilege.describe());
            let remedy = format!("as an administrator of the database: {}", privilege.grant(&role));
            Fact::problem("privileges", said, &remedy)
        })
        .chain(unknown)
        .collect();
    if facts.is_empty() {
        let said = match targets.is_empty() {
            true => {
                "the role may use longshore's schemas, or make them; name pipelines to look at their tables"
            }
            false => "the role has everything these pipelines need",
        };
        return Ok(vec![Fact::ok("privileges", said)]);
    }
    Ok(facts)
}

/// Columns of the targets whose sequences come to their end.
async fn full_sequences(session: &Session, targets: &[TableNeed]) -> Result<Vec<Fact>> {
    let failed = |error| database_error(&error, "be examined");
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    let names = serde_json::json!(names).to_string();
    let rows = session
        .client
        .query_typed(include_str!("sequences.sql"), &[(&names, Type::TEXT)])
        .await
        .map_err(failed)?;
    let mut facts = Vec::new();
    for row in rows {
        let name = |at| row.try_get::<_, String>(at).map_err(failed);
        let column = format!("{}.{}.{}", name(0)?, name(1)?, name(2)?);
        facts.extend(judge::sequence(&column, row.try_get(3).map_err(failed)?));
    }
    Ok(facts)
}

async fn text(session: &Session, query: &str) -> Result<String> {
    let doing = |error| database_error(&error, "be examined");
    let row = session.client.query_typed_one(query, &[]).await.map_err(doing)?;
    row.try_get(0).map_err(doing)
}

async fn role(session: &Session) -> Result<Fact> {
    let query =
        "select (pg_is_in_recovery() or current_setting('transaction_read_only')::bool)::text";
    Ok(match text(session, query).await?.as_str() {
        "false" => Fact::ok("role", "the server accepts writes"),
        _ => Fact::problem(
            "role",
            "the server only reads: it is a standby, or set read-only",
            "loads need the primary; exports may run here",
        ),
    })
}

fn identity(endpoint: &Endpoint, session: &Session) -> Fact {
    match endpoint.weakened() {
        Some(weakened) => Fact::warning("identity", weakened, "remove sslmode from the connection"),
        None if session.verified() => Fact::ok("identity", "the server's certificate was verified"),
        None => Fact::ok("identity", "the server is on this machine"),
    }
}

/// A pooler in transaction mode gives a connection another server process once
/// somebody else had its own: here a second connection keeps one busy meanwhile.
async fn pooler(endpoint: &Endpoint, first: &Session) -> Result<Fact> {
    let process = "select pg_backend_pid()::text";
    let second = endpoint.connect_for_reading().await?;
    let batch = |sql| async move {
        first.client.batch_execute(sql).await.map_err(|error| database_error(&error, "be examined"))
    };
    batch("begin").await?;
    let before = text(&second, process).await;
    batch("commit").await?;
    Ok(match before? == text(&second, process).await? {
        true => Fact::ok("pooler", "no pooler in transaction mode was noticed"),
        false => Fact::warning(
            "pooler",
            "a pooler in transaction mode stands in between; loads work through it",
            "migrations without a transaction need a direct connection",
        ),
    })
}

/// Whether the system's sorting has changed under the database (PostgreSQL 15 and later know).
async fn database_collation(session: &Session, version: u32) -> Result<Option<Fact>> {
    if version < 150_000 {
        return Ok(None);
    }
    let query = "select (datcollversion is distinct from pg_database_collation_actual_version(oid) \
        and datcollversion is not null)::text from pg_database where datname = current_database()";
    Ok(Some(match text(session, query).await?.as_str() {
        "true" => Fact::problem(
            "database_collation",
            "the system sorts texts differently than when the database was created: indexes on text may be wrong",
            "reindex database, then alter database ... refresh collation version",
        ),
        _ => Fact::ok("database_collation", "the database's collation is of its own version"),
    }))
}

fn own_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
