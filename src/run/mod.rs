//! One run of an import, stage by stage: prepare, load, judge, publish.
//!
//! Nothing is visible to anybody before the publishing transaction commits;
//! whatever ends a run earlier leaves the targets as they were, drops the
//! staging tables, and is noted in the ledger.

pub mod beside;
mod bound;
mod clean_up;
mod collect;
mod compare;
pub mod delivery;
mod encode;
pub mod files;
pub mod held;
mod import;
mod judge;

mod keys;
mod known;
mod load;
mod loaded;
pub mod needs;
mod opening;
pub mod prepare;
pub mod preview;
pub mod progress;
mod publish;
mod recover;
mod refresh;
mod refused;
mod remembered;
mod replay;
mod resume;
pub(crate) mod retry;
mod row;
mod spill;
mod spilled;
mod split_log;
mod stage;
pub(crate) mod stopping;
mod straight;
mod table_hashes;
mod undo;
mod workers;

use std::{path::PathBuf, sync::Arc, time::Instant};

pub use bound::BoundFile;
pub use load::{LoadOptions, validate};
use opening::{Opening, Prepared};
pub use prepare::{Pipeline, Stop};
use progress::{Progress, Stage};
pub use replay::ReplayRequest;
pub use undo::{UndoRequest, undo};

use crate::{
    error::{Error, ErrorKind, Result},
    postgres::endpoint::Endpoint,
    report::RunSummary,
};

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The folder that report folders are made in.
    pub report_folder: PathBuf,
    /// Whether files that have been loaded already are loaded again.
    pub force: bool,
    /// Whether to stop before publishing, with the counts of what would happen.
    pub dry_run: bool,
    /// Threads, connections, split size.
    pub options: LoadOptions,
}

/// Runs an import to its end.
///
/// # Errors
/// All findings about the definition, or the error that stopped the run;
/// nothing is published then. Rejections over the limit are no error but a status.
pub async fn import(
    endpoint: &Endpoint,
    request: &ImportRequest,
    progress: &Arc<Progress>,
) -> Result<RunSummary, Stop> {
    // On the heap, since a run has far more to remember than a thread's stack likes.
    Box::pin(import_or_replay(endpoint, request, None, progress)).await
}

/// Loads the corrected records of another run.
///
/// # Errors
/// As [`import()`].
pub async fn replay(
    endpoint: &Endpoint,
    request: &ReplayRequest,
    progress: &Arc<Progress>,
) -> Result<RunSummary, Stop> {
    Box::pin(import_or_replay(endpoint, &request.as_import(), Some(request), progress)).await
}

async fn import_or_replay(
    endpoint: &Endpoint,
    request: &ImportRequest,
    replay: Option<&ReplayRequest>,
    progress: &Arc<Progress>,
) -> Result<RunSummary, Stop> {
    let opening = Opening { endpoint, request, replay, progress, started: Instant::now() };
    // A stage's future is large: on the heap it does not add up with those it is awaited in.
    let preparing = Box::pin(opening.prepare());
    let mut import = match stopping::unless_stopped(progress, preparing).await? {
        Prepared::Unchanged(summary) => return Ok(*summary),
        Prepared::Import(import) => import,
    };
    let ended = Box::pin(import.carry_out(endpoint, progress)).await;
    progress.enter(Stage::Ended);
    Box::pin(import.end(endpoint, progress, ended)).await.map_err(Stop::Error)
}

/// The error of a run that the operator stopped.
pub fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "the run was stopped; nothing is published")
}
