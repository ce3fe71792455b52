//! Stopping what the operator does not want to wait for.
//!
//! Dropping a future ends our half only: the server would go on with the
//! statement and keep its locks, and the clean-up would wait for them. So the
//! statement is cancelled on the server, and its own error ends the future.

use std::{pin::pin, sync::Arc, time::Duration};

use super::{interrupted, progress::Progress};
use crate::{
    error::{Error, Result, Transient},
    failpoint,
    postgres::session::Canceller,
};

/// A cancellation that arrives between two statements stops neither: it is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// How long the database may take to say what it knows of a table or of earlier runs.
const QUESTION_SECONDS: u64 = 60;

/// How long one request to cancel may take.
const CANCEL: Duration = Duration::from_secs(2);

/// How long a statement may take to end once it is cancelled; a server that does not answer at
/// all is left alone then.
const STATEMENT_ENDS: Duration = Duration::from_secs(5);

/// Waits for work before anything was begun; what it still does in the background is abandoned.
///
/// # Errors
/// As the work, or `ErrorKind::Interrupted`.
pub(super) async fn unless_stopped<T, E: From<Error>>(
    progress: &Arc<Progress>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::select! {
        done = work => done,
        () = progress.cancelled() => Err(interrupted().into()),
    }
}

/// Waits for answers of the catalog or the ledger, which cost the server next to nothing.
///
/// # Errors
/// As the work, or `ErrorKind::Environment` when it takes longer than [`QUESTION_SECONDS`].
pub(super) async fn in_time<T, E: From<Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let limit = failpoint::limit(Duration::from_secs(QUESTION_SECONDS));
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let what = format!("the database did not answer a question within {QUESTION_SECONDS} s");
        let hint = "look for a stalled network or pooler, or locks on the catalog";
        Err(Error::environment(what).hint(hint).passing(Some(Transient::Disconnected)).into())
    })
}

/// Waits for work on the server and cancels its statements when the run is to stop.
///
/// A COMMIT that was already under way is seen through: then the work has succeeded.
///
/// # Errors
/// As the work, or `ErrorKind::Interrupted`.
pub(crate) async fn cancelling<T>(
    progress: &Arc<Progress>,
    canceller: &Canceller,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = progress.cancelled() => {}
    }
    let cancelling = async {
        loop {
            // Whether it reached the server shows by the statement's end.
            drop(tokio::time::timeout(CANCEL, canceller.cancel()).await);
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        done = &mut work => done.map_err(|_| interrupted()),
        () = cancelling => Err(interrupted()),
        () = tokio::time::sleep(STATEMENT_ENDS) => Err(interrupted()),
    }
}
