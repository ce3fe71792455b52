//! The exports of one command: one state of the database, one session, all or none of a file.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use super::{
    ExportRequest, ExportSummary,
    deletions::FoundKeys,
    file_set::FinishedSet,
    incremental::{self, Bounds, KnownKeys},
    lag,
    ledger::Ledger,
    manifest::{self, Beside, Manifest},
    part_file::check_place,
    path::PathPattern,
    snapshot::{self, Snapshot},
    work_folder::{RUN_PLACE, WorkFolder},
    write::{Place, write},
};
use crate::{
    error::{Error, Result, Transient},
    postgres::{endpoint::Endpoint, ledger::LastRun, session::Session},
    run::{
        interrupted,
        progress::{Progress, Stage},
        retry::Retry,
        stopping::cancelling,
    },
    run_id::RunId,
};

/// One export of the set, with its name in the ledger.
pub(super) struct Member<'r> {
    pub(super) run: RunId,
    pub(super) request: &'r ExportRequest<'r>,
    pub(super) pattern: PathPattern,
    pub(super) manifest: PathBuf,
    /// The manifest's path with [`RUN_PLACE`] for the name of the run: one for all its runs.
    pub(super) slot: String,
}

/// Where rows come from, and where the ledger is: one database, or a standby and its primary.
#[derive(Debug, Clone, Copy)]
pub struct Places<'e> {
    /// The database with the ledger.
    pub ledger: &'e Endpoint,
    /// The one that is read from.
    pub source: &'e Endpoint,
}

/// Runs the queries and writes their rows, with a manifest beside each: all from one snapshot.
/// An export that fails keeps none of the others from being written.
///
/// What may pass (a lost connection, a conflict on a standby) is tried again, all of it from a
/// new snapshot.
///
/// # Errors
/// Of the set: `ErrorKind::Environment` when the server is not there, `ErrorKind::Interrupted`.
/// Of one: `ErrorKind::Definition` for a parameter without value, a query that the server does
/// not understand, and values that cannot be written as the definition wants them;
/// `ErrorKind::Busy` while somebody else writes the same files; `ErrorKind::Environment` when
/// the server or the disk refuses. The files that were there stay then.
pub async fn export(
    places: Places<'_>,
    requests: &[ExportRequest<'_>],
    progress: &Arc<Progress>,
) -> Result<Vec<Result<ExportSummary>>> {
    progress.enter(Stage::Exporting);
    let started = Instant::now();
    let members: Vec<Result<Member<'_>>> = requests.iter().map(Member::new).collect();
    let mut ledger = Ledger::of(places.ledger);
    let mut retry = Retry::new(progress);
    let (snapshot, mut written) = loop {
        match attempt(places.source, &members, &mut ledger, progress, retry.is_again()).await {
            Ok(done) => break done,
            Err(error) => match retry.again(error).await {
                Ok(()) => {}
                Err(error) => {
                    ledger.failed(&error).await;
                    return Err(error);
                }
            },
        }
    };
    let runs: Vec<_> =
        members.iter().map(|member| Some(member.as_ref().ok()?.run.clone())).collect();
    refuse_shared(&mut written);
    let mut ended = Vec::with_capacity(members.len());
    // Nobody else begins before the ledger knows where these ended.
    let mut kept = Vec::with_capacity(members.len());
    for (member, written) in members.into_iter().zip(written) {
        let placed = match (member, written) {
            (Ok(member), Ok(Some(written))) => place(&member, &snapshot, written, started),
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(_), Ok(None)) => Err(Error::unexpected("an export was left out")),
        };
        let (placed, of_it) = match placed {
            Ok((summary, of_it)) => (Ok(summary), Some(of_it)),
            Err(error) => (Err(error), None),
        };
        ended.push(placed);
        kept.push(of_it);
    }
    ledger.ended(&runs, &mut ended, &kept).await;
    drop(kept);
    progress.enter(Stage::Ended);
    Ok(ended)
}

impl<'r> Member<'r> {
    pub(super) fn new(request: &'r ExportRequest<'r>) -> Result<Self> {
        Self::of_run(request, RunId::generate())
    }

    pub(super) fn of_run(request: &'r ExportRequest<'r>, run: RunId) -> Result<Self> {
        let output = &request.definition.output;
        let named = request.again.unwrap_or(&run);
        let pattern = PathPattern::fill(output, request.parameters, named)?;
        let manifest = pattern.manifest(output);
        check_place(Path::new(&manifest))?;
        let slot = manifest.replace(&named.as_str().to_lowercase(), RUN_PLACE);
        Ok(Self { run, request, pattern, manifest: PathBuf::from(manifest), slot })
    }
}

/// What became of each member; `None` for one that could not even begin.
type Attempted = Vec<Result<Option<WrittenExport>>>;

/// Errors that may pass are those of the whole attempt.
async fn attempt(
    endpoint: &Endpoint,
    members: &[Result<Member<'_>>],
    ledger: &mut Ledger<'_>,
    progress: &Arc<Progress>,
    is_again: bool,
) -> Result<(Snapshot, Attempted)> {
    let connected = tokio::select! {
        connected = endpoint.connect_for_reading() => connected,
        () = progress.cancelled() => Err(interrupted()),
    };
    let session = connected.map_err(|error| match error.transient() {
        // A server that has never answered is not there; one that starts will be.
        Some(Transient::Unreachable) if !is_again => error.passing(None),
        _ => error,
    })?;
    let canceller = session.canceller();
    cancelling(progress, &canceller, in_turn(&session, endpoint, members, ledger, progress)).await
}

async fn in_turn(
    session: &Session,
    endpoint: &Endpoint,
    members: &[Result<Member<'_>>],
    ledger: &mut Ledger<'_>,
    progress: &Arc<Progress>,
) -> Result<(Snapshot, Attempted)> {
    let mark = RunId::generate();
    let folders = work_folders(members);
    let bounds = all_bounds(session, members, &folders, ledger).await?;
    let snapshot = snapshot::open(session, &mark).await?;
    let place = Place { session, endpoint, mark: &mark, progress };
    let mut written = Vec::with_capacity(members.len());
    for ((member, folder), bounds) in members.iter().zip(folders).zip(bounds) {
        let (Ok(member), Some(folder)) = (member, folder) else {
            written.push(Ok(None));
            continue;
        };
        snapshot::enter(session, member.request.definition).await?;
        let bounds = bounds.and_then(|bounds| checked(&snapshot, member, bounds));
        let done = match folder.and_then(|folder| Ok((folder, bounds?))) {
            Ok((folder, bounds)) => one(&place, member, (folder, bounds), ledger).await,
            Err(error) => Err(error),
        };
        if done.is_err() && progress.is_cancelled() {
            return Err(interrupted());
        }
        if let Err(error) = &done
            && error.transient().is_none()
        {
            snapshot::leave(session).await?;
        }
        written.push(match done {
            Err(error) if error.transient().is_some() => return Err(error),
            done => done.map(Some),
        });
    }
    snapshot::close(session).await?;
    Ok((snapshot, written))
}

/// The folders of all members; an error of one is its own.
fn work_folders(members: &[Result<Member<'_>>]) -> Vec<Option<Result<WorkFolder>>> {
    let mut taken = HashSet::new();
    let folder = |member: &Result<Member<'_>>| {
        let member = member.as_ref().ok()?;
        Some(match taken.insert(whole(Path::new(&member.slot))) {
            true => WorkFolder::take(&member.slot),
            false => Err(written_by_another(&member.manifest)),
        })
    };
    members.iter().map(folder).collect()
}

/// Of the members that would write the same file, the first does.
fn refuse_shared(written: &mut Attempted) {
    let mut taken = HashSet::new();
    for member in written {
        let Ok(Some(export)) = member else { continue };
        let shared = export.files.paths().find(|path| taken.contains(&whole(path)));
        let shared = shared.map(written_by_another);
        match shared {
            Some(error) => *member = Err(error),
            None => taken.extend(export.files.paths().map(whole)),
        }
    }
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn written_by_another(path: &Path) -> Error {
    let what = format!("another export of this command writes `{}`", path.display());
    Error::definition(what).hint("give each of them files of its own")
}

async fn one(
    place: &Place<'_>,
    member: &Member<'_>,
    (work, bounds): (WorkFolder, Option<Bounds>),
    ledger: &mut Ledger<'_>,
) -> Result<WrittenExport> {
    // Whoever has the folder knows that no other run of these files is alive.
    ledger.started(member).await;
    let files = write(place, (member, bounds.as_ref()), work).await?;
    Ok(WrittenExport { files, bounds })
}

/// What became of a member in one attempt.
pub(super) struct WrittenExport {
    files: FinishedSet,
    bounds: Option<Bounds>,
}

fn checked(
    snapshot: &Snapshot,
    member: &Member<'_>,
    bounds: Option<Bounds>,
) -> Result<Option<Bounds>> {
    lag::check(snapshot.lag, member.request.definition.replica.as_ref())?;
    Ok(bounds)
}

/// The bounds of incremental exports, before the snapshot is taken; an error of one is its own.
/// The end of the last run is asked for by who has the folder: no other run is under way.
async fn all_bounds(
    session: &Session,
    members: &[Result<Member<'_>>],
    folders: &[Option<Result<WorkFolder>>],
    ledger: &Ledger<'_>,
) -> Result<Vec<Result<Option<Bounds>>>> {
    let mut all = Vec::with_capacity(members.len());
    for (member, folder) in members.iter().zip(folders) {
        let bounds = match (member, folder) {
            (Ok(member), Some(Ok(_))) => bounds_of(session, member, ledger).await,
            _ => Ok(None),
        };
        match bounds {
            Err(error) if error.transient().is_some() => return Err(error),
            bounds => all.push(bounds),
        }
    }
    Ok(all)
}

async fn bounds_of(
    session: &Session,
    member: &Member<'_>,
    ledger: &Ledger<'_>,
) -> Result<Option<Bounds>> {
    let request = member.request;
    let Some(asked) = &request.definition.incremental else {
        let given = request.again.map(|_| "--again").or(request.since.map(|_| "--since"));
        return match given {
            Some(option) => Err(Error::definition(format!(
                "`{option}` is for incremental exports; `{}` is none",
                request.pipeline
            ))
            .hint("without it, its file is made of the rows as they are now")),
            None => Ok(None),
        };
    };
    if let Some(run) = request.again {
        return ledger.bounds_again(member, run).await.map(Some);
    }
    let (until, held_back) = incremental::horizon(session).await?;
    let mut notes: Vec<String> = held_back.into_iter().collect();
    let (mut last, mut keys) = (None, KnownKeys::None);
    match ledger.last_run(member).await? {
        LastRun::Ended(end) => {
            last = Some(end.until);
            keys = end.keys_of.map_or(KnownKeys::Unknown, KnownKeys::Last);
        }
        LastRun::OfAnother if request.since.is_none() => {
            notes.push(format!(
                "rows are written from the beginning: earlier runs of `{}` had another query or other files",
                request.pipeline
            ));
        }
        LastRun::OfAnother | LastRun::None => {}
    }
    let keys = Some(keys).filter(|_| !asked.key.is_empty());
    if keys == Some(KnownKeys::Unknown) {
        notes.push("rows that were deleted before this run are not listed: the last run did not keep this key".to_owned());
    }
    let since = match request.since {
        Some(text) => {
            let since = incremental::point(session, text).await?;
            incremental::check_since(session, &since, [last.as_deref(), Some(&until)]).await?;
            Some(since)
        }
        None => last,
    };
    Ok(Some(Bounds { since, until, notes, keys }))
}

/// What is needed of a placed export until the ledger knows of it.
pub(super) struct Kept {
    pub(super) keys: Option<FoundKeys>,
    /// Keeps others from the same files.
    _work: WorkFolder,
}

/// Lets the files take their places, the manifest last; the folder is still this export's.
fn place(
    member: &Member<'_>,
    snapshot: &Snapshot,
    written: WrittenExport,
    started: Instant,
) -> Result<(ExportSummary, Kept)> {
    written.files.prepare()?;
    check_place(&member.manifest)?;
    let earlier = manifest::files_of(&member.manifest);
    let columns = written.files.layout.columns.clone();
    let placed = written.files.place()?;
    let files = placed.written;
    let stale = manifest::stale(&earlier, &files);
    let beside =
        Beside { stale: &stale, bounds: written.bounds.as_ref(), deleted: placed.deleted.as_ref() };
    let manifest = Manifest::new(member, snapshot, &columns, &files, beside);
    manifest.write(&member.manifest, &placed.work)?;
    let (since, until, warnings) = match written.bounds {
        Some(bounds) => (bounds.since, Some(bounds.until), bounds.notes),
        None => (None, None, Vec::new()),
    };
    let manifest = member.manifest.display().to_string();
    let summary = ExportSummary {
        rows: files.iter().map(|file| file.rows).sum(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        snapshot_time: snapshot.time.clone(),
        since,
        until,
        deleted_file: placed.deleted.filter(|(_, known)| *known).map(|(file, _)| file),
        stale: stale.into_iter().map(|file| file.path).collect(),
        seconds: started.elapsed().as_secs_f64(),
        warnings,
        ..ExportSummary::empty(&member.run, member.request.pipeline, "published", &manifest)
    };
    Ok((summary, Kept { keys: placed.keys, _work: placed.work }))
}
