//! Whether the server still works for us, seen from another connection.
//!
//! A merge may take hours, so waiting for its answer has no limit of its own.
//! But an answer that was lost on the way (a stalled proxy or pooler, a
//! firewall that forgot the connection) never comes, and no keepalive tells
//! when something in between still answers for the server. So somebody else
//! looks from time to time what the run's sessions are doing.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use postgres_types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::{
    endpoint::Endpoint,
    session::{Session, database_error},
};
use crate::{
    error::{Error, ErrorKind, Result, Transient},
    failpoint,
    run_id::RunId,
};

/// The last look before a COMMIT: a cancellation that came between two statements has stopped
/// none of them.
///
/// # Errors
/// `ErrorKind::Interrupted` when the operator wants it no more.
pub(super) fn unless_stopped(stop: &AtomicBool) -> Result<()> {
    match stop.load(Relaxed) {
        true => Err(Error::new(ErrorKind::Interrupted, "it was stopped; nothing is committed")),
        false => Ok(()),
    }
}

/// How often the server is asked.
const LOOK: Duration = Duration::from_secs(5);

/// How long an answer to that may take.
const LOOK_ANSWER: Duration = Duration::from_secs(10);

/// How long the server may have nothing to do for a run that waits for it.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Waits for work that the server does for a run, as long as the server does it.
///
/// # Errors
/// As the work; `Transient::Disconnected` when the server waits for us while we wait for it.
pub async fn attended<T>(
    endpoint: &Endpoint,
    run: &RunId,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        done = work => done,
        stalled = stalled(endpoint, run, Looking::Writing) => Err(stalled),
    }
}

/// The same for a run that only reads, also from a standby.
///
/// # Errors
/// As [`attended`].
pub async fn attended_reading<T>(
    endpoint: &Endpoint,
    run: &RunId,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        done = work => done,
        stalled = stalled(endpoint, run, Looking::Reading) => Err(stalled),
    }
}

/// Which server a run speaks to, where an address has several.
#[derive(Clone, Copy)]
enum Looking {
    Writing,
    Reading,
}

/// The sessions of a run inside a transaction of theirs are those that say so themselves
/// ([`mark`]) or speak of its staging tables.
const SESSIONS: &str = "from pg_catalog.pg_stat_activity
    where datname = current_database() and usename = session_user and pid <> pg_backend_pid()
      and state <> 'idle' and (application_name = $1 or position($1 in query) > 0)";

/// Settings for a transaction of a run whose statements need not speak of the staging tables. A
/// server that can tell while it works that its client is gone is asked to look: on Linux.
pub fn mark(run: &RunId) -> String {
    format!(
        "set local application_name = '{}';
         select set_config('client_connection_check_interval', '5s', true) where version() like '%linux%'",
        run.as_str().to_lowercase()
    )
}

/// Ends what sessions of a run that is over, or of this one that are lost, still do.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn end_sessions(client: &Client, run: &str) -> Result<()> {
    let end = format!("select pg_terminate_backend(pid) {SESSIONS}");
    let ended = client.query_typed(&end, &[(&run.to_lowercase(), Type::TEXT)]).await;
    ended.map(|_| ()).map_err(|error| database_error(&error, "end lost sessions"))
}

/// What the server does for a run: whether it works, and what changes when it did.
#[derive(PartialEq, Eq)]
struct Seen {
    works: bool,
    trace: String,
}

impl Seen {
    fn of(row: &Row) -> Self {
        Self { works: row.get(0), trace: row.get(1) }
    }
}

/// Ends only when the server has had nothing to do for a while.
async fn stalled(endpoint: &Endpoint, run: &RunId, looking: Looking) -> Error {
    let (mut session, mut last, mut since) = (None, None, Instant::now());
    let (answer, idle_max) = (failpoint::limit(LOOK_ANSWER), failpoint::limit(IDLE_MAX));
    loop {
        tokio::time::sleep(failpoint::limit(LOOK)).await;
        let looked =
            tokio::time::timeout(answer, look((endpoint, looking), &mut session, run)).await;
        // A server that cannot be asked either is the lease's affair, where there is one.
        let Ok(Ok(seen)) = looked else {
            (session, last) = (None, None);
            if matches!(looking, Looking::Reading) && since.elapsed() >= 2 * idle_max {
                return lost();
            }
            continue;
        };
        if seen.works || last.as_ref() != Some(&seen) {
            since = Instant::now();
        }
        last = Some(seen);
        if since.elapsed() < idle_max {
            continue;
        }
        if let Some(session) = &session {
            // A session that cannot be ended lets go of its locks later by itself.
            drop(end_sessions(&session.client, run.as_str()).await);
        }
        return lost();
    }
}

async fn look(
    (endpoint, looking): (&Endpoint, Looking),
    session: &mut Option<Session>,
    run: &RunId,
) -> Result<Seen> {
    let session = match session {
        Some(session) => session,
        none => none.insert(match looking {
            Looking::Writing => endpoint.connect().await?,
            Looking::Reading => endpoint.connect_for_reading().await?,
        }),
    };
    // A server that does not track what its sessions do is trusted to do something.
    let query = format!(
        "select coalesce(bool_or(state = 'active' and wait_event_type is distinct from 'Client'), false)
             or not current_setting('track_activities')::bool,
           coalesce(string_agg(concat_ws(' ', pid, state, query_start, state_change), '; ' order by pid), '')
         {SESSIONS}"
    );
    let marker = run.as_str().to_lowercase();
    let values: [(&(dyn ToSql + Sync), Type); 1] = [(&marker, Type::TEXT)];
    let row = session.client.query_typed_one(&query, &values).await;
    Ok(Seen::of(&row.map_err(|error| database_error(&error, "say what it does"))?))
}

fn lost() -> Error {
    let seconds = IDLE_MAX.as_secs();
    Error::environment(format!(
        "the server has waited for this run for {seconds} s, and this run for it"
    ))
    .hint("something between here and the server swallows data: a proxy, a pooler or a firewall")
    .passing(Some(Transient::Disconnected))
}
