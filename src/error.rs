//! What stops a run: an [`Error`] says what went wrong, where, and what to do.
//!
//! Three other kinds of message exist, each for its own reader, and none is
//! ever used for another: a [`crate::diagnostic::Finding`] for the author of a
//! definition, a [`crate::outcome::Violation`] for the owner of the data, an
//! assertion for the programmer. An error never quotes a value from the data:
//! values may be personal, and errors reach logs.

use std::{error::Error as StdError, fmt};

/// The result of anything that can stop a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to act, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A fault of longshore itself: an invariant did not hold.
    Unexpected,
    /// The command line or the definition cannot be used as it stands.
    Definition,
    /// A source is missing, incomplete, unreadable, or changed while it was read.
    Source,
    /// Another run holds the target.
    Busy,
    /// The database, the disk or the environment refused.
    Environment,
    /// The operator stopped the run.
    Interrupted,
}

/// What may pass by itself, so that trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transient {
    /// Another transaction wrote the same rows, or waited for this one while this one waited for it.
    Conflict,
    /// A table refused a row that judging had found to be good: somebody else wrote meanwhile, or
    /// only writing it shows. Judging again finds it.
    Refused,
    /// Another transaction holds a lock for longer than this one may wait.
    Locked,
    /// The connection was lost, or nothing moves on it any more; whether the server did what it
    /// was asked is not known.
    Disconnected,
    /// The server takes no connections yet, or any more.
    Starting,
    /// Nobody answers where the server should be.
    Unreachable,
}

/// Why a run stopped: what, in which context, because of what, and a hint.
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    what: String,
    context: Vec<String>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    transient: Option<Transient>,
}

impl Error {
    /// An error of `kind` that says `what` happened, as a sentence without a full stop.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        let (context, hint, source, transient) = (Vec::new(), None, None, None);
        let inner = Inner { kind, what: what.into(), context, hint, source, transient };
        Self { inner: Box::new(inner) }
    }

    /// A fault of longshore itself.
    pub fn unexpected(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unexpected, what)
    }

    /// A command line or definition that cannot be used.
    pub fn definition(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Definition, what)
    }

    /// A source that is missing, incomplete, unreadable or changing.
    pub fn source_file(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Source, what)
    }

    /// A database, disk or environment that refused.
    pub fn environment(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Environment, what)
    }

    /// Adds the underlying cause; it is shown below the message, never pasted into it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(cause.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    /// Says that it may pass by itself.
    #[must_use]
    pub fn passing(mut self, transient: Option<Transient>) -> Self {
        self.inner.transient = transient;
        self
    }

    /// Adds what to do about it, unless something nearer to the cause is known.
    #[must_use]
    pub fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Adds where it happened (`"while reading lots.geojson"`); the outermost comes last.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.inner.context.push(context.into());
        self
    }

    /// Who has to act.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Why trying again can help; `None` where it cannot.
    pub fn transient(&self) -> Option<Transient> {
        self.inner.transient
    }

    /// What the operator can do, where something is known to help.
    pub fn hint_text(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// What happened and because of what, in one line.
    pub fn with_causes(&self) -> String {
        let mut said = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(current) = cause {
            said.push_str(&format!(": {current}"));
            cause = current.source();
        }
        said
    }

    /// The places it went through, innermost first.
    pub fn contexts(&self) -> &[String] {
        &self.inner.context
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.what)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// Adds context to the error of a result.
pub trait Context<T> {
    /// Says what was being done when it failed.
    fn context(self, context: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context(self, context: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.context(context()))
    }
}
