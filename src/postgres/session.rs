//! One connection to the server, and what its errors may say.
//!
//! The server's messages quote values (`Key (email)=(ana@...) already exists`),
//! and values may be personal: [`database_error`] passes on names and the
//! SQLSTATE, and a message only of classes that speak of the server itself.

use std::{error::Error as StdError, fmt, io, path::PathBuf, time::Duration};

use tokio_postgres::error::{DbError, SqlState};

use super::{socket, tls::Connector};
use crate::{
    error::{Error, Result, Transient},
    failpoint,
};

/// Seconds in which the server has to take or answer something that costs it no work.
///
/// The server's own limits do not see a COPY that gets no data, and nobody but us sees a link
/// that swallows everything.
const ANSWER_SECONDS: u64 = 60;

/// Settings for the start of every transaction, as one batch of `SET LOCAL`.
///
/// They are local to the transaction since a pooler hands the session to
/// somebody else afterwards; all are explicit since a role or database may
/// carry its own (a `statement_timeout` of minutes would kill a long merge; ours
/// only ends what nobody can be waiting for any more). A limit on whole transactions came with
/// PostgreSQL 17, so it is lifted only where there is one. The keepalives let the
/// server drop a client that vanished, with its locks.
pub const TRANSACTION_SETTINGS: &str = "\
    set local statement_timeout = '24h'; \
    set local lock_timeout = '10s'; \
    set local idle_in_transaction_session_timeout = '10min'; \
    set local tcp_keepalives_idle = 30; \
    set local tcp_keepalives_interval = 10; \
    set local tcp_keepalives_count = 3; \
    set local client_min_messages = 'warning'; \
    set local standard_conforming_strings = on; \
    set local datestyle = 'ISO, YMD'; \
    set local intervalstyle = 'iso_8601'; \
    set local timezone = 'UTC'; \
    set local extra_float_digits = 1; \
    select pg_catalog.set_config('transaction_timeout', '0', true) \
      where pg_catalog.current_setting('server_version_num')::int >= 170000";

/// A statement with [`TRANSACTION_SETTINGS`], to be sent as one batch: without a BEGIN, the server
/// makes one transaction of it.
pub(super) fn with_settings(statement: &str) -> String {
    format!("{TRANSACTION_SETTINGS}; {statement}")
}

/// A connection whose driver runs on the tokio runtime it was opened on.
pub struct Session {
    /// The client; dropping the session closes the connection.
    pub client: tokio_postgres::Client,
    pub(super) connector: Connector,
    /// The server's Unix socket, where it was opened by us.
    pub(super) socket: Option<PathBuf>,
    pub(super) secure: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("secure", &self.secure).finish_non_exhaustive()
    }
}

impl Session {
    /// Whether the connection is encrypted and the server's certificate was verified.
    pub fn verified(&self) -> bool {
        self.secure
    }

    /// What cancels this session's statements while its client is in use.
    pub fn canceller(&self) -> Canceller {
        let (token, connector) = (self.client.cancel_token(), self.connector.clone());
        Canceller { token, connector, socket: self.socket.clone() }
    }
}

/// Cancels the statements of one session.
pub struct Canceller {
    token: tokio_postgres::CancelToken,
    connector: Connector,
    socket: Option<PathBuf>,
}

impl Canceller {
    /// Asks the server to cancel whatever the session is doing; the answer
    /// arrives as the error of the statement (SQLSTATE 57014).
    ///
    /// # Errors
    /// `ErrorKind::Environment` if the server cannot be reached.
    pub async fn cancel(&self) -> Result<()> {
        let cancelled = match (&self.socket, &self.connector) {
            (Some(path), _) => {
                let stream = socket::connect(path).await.map_err(|cause| {
                    Error::environment("the database could not cancel a statement").caused_by(cause)
                })?;
                self.token.cancel_query_raw(stream, tokio_postgres::NoTls).await
            }
            (None, Connector::Plain) => self.token.cancel_query(tokio_postgres::NoTls).await,
            (None, Connector::Tls(tls)) => self.token.cancel_query(tls.clone()).await,
        };
        cancelled.map_err(|error| database_error(&error, "cancel a statement"))
    }
}

/// What the server named when it refused: no value, no message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The five characters of the SQLSTATE.
    pub sqlstate: String,
    /// The schema and table it names.
    pub table: Option<String>,
    /// The column it names.
    pub column: Option<String>,
    /// The type it names.
    pub data_type: Option<String>,
    /// The constraint it names.
    pub constraint: Option<String>,
}

impl Refusal {
    fn of(error: &DbError) -> Self {
        let table = error.table().map(|table| match error.schema() {
            Some(schema) => format!("{schema}.{table}"),
            None => table.to_owned(),
        });
        Self {
            sqlstate: error.code().code().to_owned(),
            table,
            column: error.column().map(str::to_owned),
            data_type: error.datatype().map(str::to_owned),
            constraint: error.constraint().map(str::to_owned),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}", self.sqlstate)?;
        let names = [
            ("table", &self.table),
            ("column", &self.column),
            ("type", &self.data_type),
            ("constraint", &self.constraint),
        ];
        for (word, name) in names {
            if let Some(name) = name {
                write!(f, ", {word} {name}")?;
            }
        }
        Ok(())
    }
}

impl StdError for Refusal {}

/// An error of the database that was caught on the server, as longshore may show it: with the
/// server's message where that holds no value. What user code raised passes for nothing else,
/// whatever code it chose.
pub(super) fn refused(refusal: Refusal, message: Option<&str>, raised: bool, doing: &str) -> Error {
    let code = SqlState::from_code(&refusal.sqlstate);
    let said = match message {
        Some(message) => message,
        None if raised => "a trigger or function refused",
        None => meaning(&code),
    };
    let (hint, transient) =
        if raised { (None, None) } else { (hint(&code), transient_code(&code)) };
    let error = Error::environment(format!("the database could not {doing}: {said}"));
    let error = error.caused_by(refusal).passing(transient);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// An error of the database as longshore may show it; `doing` completes
/// "the database could not ...". The cause is a [`Refusal`] where the server spoke.
pub fn database_error(error: &tokio_postgres::Error, doing: &str) -> Error {
    if let Some(server) = error.as_db_error() {
        return server_error(server, doing);
    }
    // Only causes of the network are passed on: others may hold a parameter's value.
    let mut said = Error::environment(format!("the database could not {doing}: {error}"))
        .passing(transient(error));
    if error.is_closed() {
        said = said.hint("the server went away or ended the connection; run again when it is back");
    }
    match error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        Some(cause) => said.caused_by(cause.to_string()),
        None => said,
    }
}

fn server_error(server: &DbError, doing: &str) -> Error {
    let what = match safe_message(server) {
        Some(message) => format!("the database could not {doing}: {message}"),
        None => format!("the database could not {doing}: {}", meaning(server.code())),
    };
    let said = Error::environment(what)
        .caused_by(Refusal::of(server))
        .passing(transient_code(server.code()));
    match hint(server.code()) {
        Some(hint) => said.hint(hint),
        None => said,
    }
}

/// Waits for something that the server does at once, for [`ANSWER_SECONDS`] at most.
///
/// # Errors
/// As the work; `Transient::Disconnected` when nothing came.
pub(super) async fn answered<T>(
    doing: &str,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    let limit = failpoint::limit(Duration::from_secs(ANSWER_SECONDS));
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|error| database_error(&error, doing)),
        Err(_) => Err(unanswered(doing)),
    }
}

fn unanswered(doing: &str) -> Error {
    let what = format!(
        "the database could not {doing}: nothing moved on the connection for {ANSWER_SECONDS} s"
    );
    Error::environment(what)
        .hint("look for a stalled network or pooler, a full disk, or locks on the staging tables")
        .passing(Some(Transient::Disconnected))
}

/// Whether what went wrong may pass by itself.
fn transient(error: &tokio_postgres::Error) -> Option<Transient> {
    if let Some(code) = error.code() {
        return transient_code(code);
    }
    let network = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    match network.map(io::Error::kind) {
        // A socket that is not there: the server behind it is not running.
        Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            Some(Transient::Unreachable)
        }
        // A socket in a folder that this user may not enter.
        Some(io::ErrorKind::PermissionDenied) => None,
        Some(_) => Some(Transient::Disconnected),
        None => error.is_closed().then_some(Transient::Disconnected),
    }
}

fn transient_code(code: &SqlState) -> Option<Transient> {
    match code.code() {
        "40001" | "40P01" => Some(Transient::Conflict),
        "55P03" => Some(Transient::Locked),
        "57P01" | "57P02" => Some(Transient::Disconnected),
        "57P03" => Some(Transient::Starting),
        code if code.starts_with("08") => Some(Transient::Disconnected),
        _ => None,
    }
}

/// Classes of SQLSTATE whose messages speak of the server, the session or names in SQL.
///
/// Left out on purpose: 21 to 24, 2F, 38, 39, P0 and XX, whose messages come
/// from functions and quote what they were given.
const SAFE_CLASSES: [&str; 15] =
    ["08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "F0"];

/// The server's message where its class cannot hold data.
pub fn safe_message(error: &DbError) -> Option<&str> {
    is_safe(error.code().code()).then(|| error.message())
}

fn is_safe(sqlstate: &str) -> bool {
    sqlstate.get(..2).is_some_and(|class| SAFE_CLASSES.contains(&class))
}

/// What a code means, for those whose message is withheld.
fn meaning(code: &SqlState) -> &'static str {
    match code.code() {
        "23502" => "a value is missing (NOT NULL)",
        "23503" => "a row refers to one that does not exist (foreign key)",
        "23505" => "two rows have the same key (unique)",
        "23514" => "a CHECK constraint is not met",
        "23P01" => "two rows exclude each other",
        "22001" => "a text is too long for its column",
        "22003" => "a number is out of its column's range",
        "22007" | "22008" => "a date or time is not valid",
        "22P02" | "22P03" => "a value is not valid for its type",
        "40001" | "40P01" => "another transaction wrote the same rows",
        "42501" => "a privilege is missing",
        "54000" => "a row is too large for its table or an index",
        "55P03" => "another transaction holds a lock",
        "P0001" => "a trigger or function refused",
        code if code.starts_with("23") => "a constraint is not met",
        code if code.starts_with("22") => "a value is not valid",
        _ => "it refused; its own message may quote data and is not shown",
    }
}

fn hint(code: &SqlState) -> Option<&'static str> {
    Some(match code.code() {
        "28P01" | "28000" => {
            "check user and password: the URL, PGPASSWORD or ~/.pgpass, and pg_hba.conf on the server"
        }
        "3D000" => "create the database, or name another in --database",
        "42501" => {
            "grant the role this privilege; `longshore doctor PIPELINE` lists those it lacks"
        }
        "2200H" => "alter the sequence, and the column's type, to give it more numbers",
        "53100" => "the server's disk is full: free space, then run again",
        "53300" => "the server has no free connections; lower --connections or use a pooler",
        "55P03" => "another transaction holds a lock; run again when it has finished",
        "25P04" => "transaction_timeout cut it off: alter role ... set transaction_timeout = 0",
        "57P05" => "idle_session_timeout cut it off: alter role ... set idle_session_timeout = 0",
        "26000" | "42P05" => "a pooler stands in between; longshore needs no prepared statements",
        "57P01" | "57P02" | "57P03" => "the server is stopping or starting; run again",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_quote_data_are_withheld() {
        for class in ["21", "22", "23", "2F", "38", "39", "P0", "XX"] {
            assert!(!SAFE_CLASSES.contains(&class), "{class}");
        }
        assert_eq!(meaning(&SqlState::UNIQUE_VIOLATION), "two rows have the same key (unique)");
        assert!(meaning(&SqlState::INTERNAL_ERROR).contains("not shown"));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let of = |code: &str| transient_code(&SqlState::from_code(code));
        assert_eq!([of("40001"), of("40P01")], [Some(Transient::Conflict); 2]);
        assert_eq!([of("08006"), of("57P01"), of("57P02")], [Some(Transient::Disconnected); 3]);
        assert_eq!(
            [of("57P03"), of("55P03")],
            [Some(Transient::Starting), Some(Transient::Locked)]
        );
        assert_eq!([of("57014"), of("53100"), of("23505"), of("42501")], [None; 4]);
    }

    #[test]
    fn a_refusal_names_what_it_is_about() {
        let refusal = Refusal {
            sqlstate: "23514".to_owned(),
            table: Some("school.student".to_owned()),
            column: None,
            data_type: None,
            constraint: Some("age_is_positive".to_owned()),
        };
        let said = refusal.to_string();
        assert_eq!(said, "SQLSTATE 23514, table school.student, constraint age_is_positive");
    }
}
