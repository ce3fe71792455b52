//! Trying again what may pass by itself: how often, how long, and what people are told.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_postgres::Client;

use super::{progress::Progress, stopping};
use crate::{
    error::{Error, Result, Transient},
    failpoint,
    postgres::{endpoint::Endpoint, session::Session},
};

/// How long after the first failure something is tried again: a server restarts in less, and a
/// merge that met another writer has met it several times by then.
const RETRY_SECONDS: u64 = 60;

/// How long a server that is starting is waited for before a run.
const STARTING_SECONDS: u64 = 30;

/// How often a table may refuse rows that were found good: whoever judges again knows them then.
const REFUSED_MAX: u32 = 4;

/// The first wait; each one after is twice as long.
const WAIT_MIN: Duration = Duration::from_millis(100);

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The tries of one piece of work.
pub(crate) struct Retry<'p> {
    progress: &'p Progress,
    limit: Duration,
    /// When it failed first.
    failed: Option<Instant>,
    tries: u32,
    refused: u32,
}

impl<'p> Retry<'p> {
    /// Nothing has been tried yet.
    pub(crate) fn new(progress: &'p Progress) -> Self {
        let limit = failpoint::limit(Duration::from_secs(RETRY_SECONDS));
        Self { progress, limit, failed: None, tries: 0, refused: 0 }
    }

    /// Whether it has failed before.
    pub(crate) fn is_again(&self) -> bool {
        self.tries > 0
    }

    /// Waits before the next try, and says so once.
    ///
    /// # Errors
    /// The error itself, when it does not pass, when it has been tried for long enough, or when
    /// the run is to stop.
    pub(crate) async fn again(&mut self, error: Error) -> Result<()> {
        let Some(transient) = error.transient() else { return Err(error) };
        let failed = *self.failed.get_or_insert_with(Instant::now);
        if failed.elapsed() >= self.limit || self.progress.is_cancelled() {
            return Err(error);
        }
        self.refused += u32::from(transient == Transient::Refused);
        if self.refused > REFUSED_MAX {
            return Err(error);
        }
        self.progress.notice(meaning(transient));
        let wait = jittered(WAIT_MIN.saturating_mul(1 << self.tries.min(10)).min(WAIT_MAX));
        self.tries += 1;
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.progress.cancelled() => Err(error),
        }
    }
}

fn meaning(transient: Transient) -> &'static str {
    match transient {
        Transient::Conflict => "somebody else wrote the same rows: trying again",
        Transient::Refused => "a table refuses rows that were found good: judging them again",
        Transient::Locked => "somebody else holds a lock on what is needed: trying again",
        Transient::Disconnected => "the connection to the database was lost: connecting again",
        Transient::Starting => "the database is starting or stopping: waiting for it",
        Transient::Unreachable => "the database cannot be reached: trying again",
    }
}

/// Half of it to all of it, so that many who failed together do not come back together.
fn jittered(wait: Duration) -> Duration {
    // Every state has keys of its own, from the system's randomness.
    let random = u32::try_from(RandomState::new().build_hasher().finish() % 1000).unwrap_or(0);
    wait / 2 + wait / 2000 * random
}

/// The first session of a run: a server that is starting is waited for, one that is not there is not.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or cannot be reached.
pub(super) async fn connect(endpoint: &Endpoint, progress: &Progress) -> Result<Session> {
    let limit = Duration::from_secs(STARTING_SECONDS);
    let mut retry = Retry { limit, ..Retry::new(progress) };
    loop {
        match endpoint.connect().await {
            Err(error) if error.transient() == Some(Transient::Starting) => {
                retry.again(error).await?;
            }
            answer => return answer,
        }
    }
}

/// Asks the server something that costs it next to nothing, each time on a session of its own.
///
/// # Errors
/// As the question, or `ErrorKind::Interrupted`.
pub(super) async fn ask<T>(
    endpoint: &Endpoint,
    progress: &Arc<Progress>,
    question: impl AsyncFn(&Client) -> Result<T>,
) -> Result<T> {
    let mut retry = Retry::new(progress);
    loop {
        let asking = async {
            let session = endpoint.connect().await?;
            question(&session.client).await
        };
        match stopping::unless_stopped(progress, stopping::in_time(asking)).await {
            Err(error) => retry.again(error).await?,
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Error {
        Error::environment("lost").passing(Some(Transient::Disconnected))
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_told_once() {
        let progress = Progress::default();
        let mut retry = Retry::new(&progress);
        assert!(!retry.is_again());
        retry.again(lost()).await.expect("it may pass");
        retry.again(lost()).await.expect("it may still pass");
        assert!(retry.is_again());
        assert_eq!(progress.notices(0), [meaning(Transient::Disconnected)]);
        retry.again(Error::environment("full")).await.expect_err("a full disk does not pass");
    }

    #[tokio::test]
    async fn neither_time_nor_a_stop_is_overrun() {
        let progress = Progress::default();
        let mut spent = Retry { limit: Duration::ZERO, ..Retry::new(&progress) };
        spent.again(lost()).await.expect_err("its time is over");
        progress.cancel();
        Retry::new(&progress).again(lost()).await.expect_err("the run is to stop");
    }

    #[test]
    fn waits_differ_but_not_by_more_than_half() {
        let wait = Duration::from_secs(2);
        let waits: Vec<Duration> = (0..20).map(|_| jittered(wait)).collect();
        assert!(waits.iter().all(|jittered| *jittered >= wait / 2 && *jittered <= wait));
        assert!(waits.iter().any(|jittered| *jittered != waits[0]));
    }
}
