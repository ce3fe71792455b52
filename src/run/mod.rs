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
mod encode;
pub mod files;
pub mod held;
mod import;

mod keys;
mod known;
mod load;
mod loaded;
pub mod needs;
pub mod prepare;
pub mod preview;
pub mod progress;
mod recover;
mod refresh;
mod refused;
mod replay;
mod resume;
pub(crate) mod retry;
mod stage;
pub(crate) mod stopping;
mod undo;
mod workers;

use std::{path::PathBuf, sync::Arc, time::Instant};

pub use bound::BoundFile;
use import::{Held, Import};
pub use load::{LoadOptions, validate};
use loaded::Loaded;
pub use prepare::{Pipeline, Stop};
use prepare::{bind_files, find_files, prove_sql, read_tables};
use progress::{Progress, Stage};
use replay::Replay;
pub use replay::ReplayRequest;
use stopping::in_time;
pub use undo::{UndoRequest, undo};

use crate::{
    error::{Error, ErrorKind, Result},
    failpoint,
    postgres::{
        endpoint::Endpoint,
        lease::{Lease, clear_abandoned},
        ledger, privileges,
    },
    report::RunSummary,
    run_id::RunId,
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
    import_or_replay(endpoint, request, None, progress).await
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
    import_or_replay(endpoint, &request.as_import(), Some(request), progress).await
}

async fn import_or_replay(
    endpoint: &Endpoint,
    request: &ImportRequest,
    replay: Option<&ReplayRequest>,
    progress: &Arc<Progress>,
) -> Result<RunSummary, Stop> {
    let started = Instant::now();
    // A stage's future is large: on the heap it does not add up with those it is awaited in.
    let preparing = Box::pin(prepare_import(endpoint, request, replay, progress, started));
    let mut import = match stopping::unless_stopped(progress, preparing).await? {
        Prepared::Unchanged(summary) => return Ok(*summary),
        Prepared::Import(import) => import,
    };
    let ended = Box::pin(import.carry_out(endpoint, progress)).await;
    progress.enter(Stage::Ended);
    Box::pin(import.end(endpoint, progress, ended)).await.map_err(Stop::Error)
}

/// What preparing came to.
enum Prepared<'r> {
    /// Every file was loaded before, or nothing is left to be replayed.
    Unchanged(Box<RunSummary>),
    /// An import that has its targets to itself.
    Import(Box<Import<'r>>),
}

/// Everything before the first record.
async fn prepare_import<'r>(
    endpoint: &Endpoint,
    request: &'r ImportRequest,
    replay: Option<&ReplayRequest>,
    progress: &Arc<Progress>,
    started: Instant,
) -> Result<Prepared<'r>, Stop> {
    let run = RunId::generate();
    let found = match replay {
        None => find_files(&request.pipeline.definition).await?,
        Some(_) => Vec::new(),
    };
    let mut session = retry::connect(endpoint, progress).await?;
    let needed = needs::needs(&request.pipeline.definition);
    in_time(privileges::ensure(&session.client, &needed)).await?;
    in_time(ledger::ensure(&session.client)).await?;
    let loaded = match replay {
        None => in_time(Loaded::ask(&session, request, found)).await?,
        Some(replay) => Loaded::of_replay(Replay::prepare(&session, replay).await?),
    };
    let (tables, names) = in_time(read_tables(&session, &request.pipeline.definition)).await?;
    if loaded.has_nothing_to_do() {
        // A run that was cut off right after its COMMIT left staging, and nothing to load.
        in_time(clear_abandoned(&mut session.client, &request.pipeline.name)).await?;
        return Ok(Prepared::Unchanged(Box::new(
            loaded.unchanged(request, &tables, &run, started),
        )));
    }
    prepare::announce(progress, &loaded.fresh);
    let mut bound = bind_files(&request.pipeline, &loaded.fresh, &tables, &names)?;
    if loaded.replay.is_some() {
        bound = bound.of_part()?;
    }
    in_time(prove_sql(&session, &bound.plan)).await?;
    let definition = &request.pipeline.definition;
    in_time(beside::bind_partitions(&session, &mut bound, definition)).await?;
    bound.tenant = in_time(beside::bind_tenant(&session, &bound, definition)).await?;
    bound.after = in_time(beside::bind_after(&session, &request.pipeline.definition)).await?;
    let loads = bound.loads();
    let lease = Lease::take(endpoint, &run, &request.pipeline.name, &loads).await?;
    failpoint::hit("lease.taken")?;
    let fence = lease.fence().clone();
    let held = Held { endpoint, session, lease };
    let opened = Box::pin(Import::open(request, run, bound, loaded, held, started)).await;
    if opened.is_err() {
        // What keeps this from being done keeps nobody from taking the targets: we are gone then.
        drop(fence.release_anew(endpoint).await);
    }
    Ok(Prepared::Import(Box::new(opened?)))
}

/// The error of a run that the operator stopped.
pub fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "the run was stopped; nothing is published")
}
