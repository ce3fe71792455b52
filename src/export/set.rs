//! The exports of one command: one state of the database, one session, all or none of a file.

use std::{path::PathBuf, sync::Arc, time::Instant};

use super::{
    ExportRequest, ExportSummary,
    ledger::Ledger,
    manifest::{self, Manifest},
    path::PathPattern,
    snapshot::{self, Snapshot},
    work_folder::WorkFolder,
    write::{Place, WrittenExport, write},
};
use crate::{
    error::{Error, Result, Transient},
    postgres::{endpoint::Endpoint, session::Session},
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
    pattern: PathPattern,
    pub(super) manifest: PathBuf,
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
    endpoint: &Endpoint,
    requests: &[ExportRequest<'_>],
    progress: &Arc<Progress>,
) -> Result<Vec<Result<ExportSummary>>> {
    progress.enter(Stage::Exporting);
    let started = Instant::now();
    let members: Vec<Result<Member<'_>>> = requests.iter().map(Member::new).collect();
    let mut ledger = Ledger::of(endpoint);
    let mut retry = Retry::new(progress);
    let (snapshot, written) = loop {
        match attempt(endpoint, &members, &mut ledger, progress, retry.is_again()).await {
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
    let mut ended = Vec::with_capacity(members.len());
    for (member, written) in members.into_iter().zip(written) {
        ended.push(match (member, written) {
            (Ok(member), Ok(Some(written))) => place(&member, &snapshot, written, started),
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(_), Ok(None)) => Err(Error::unexpected("an export was left out")),
        });
    }
    ledger.ended(&runs, &mut ended).await;
    progress.enter(Stage::Ended);
    Ok(ended)
}

impl<'r> Member<'r> {
    fn new(request: &'r ExportRequest<'r>) -> Result<Self> {
        let run = RunId::generate();
        let output = &request.definition.output;
        let pattern = PathPattern::fill(output, request.parameters)?;
        let manifest = PathBuf::from(pattern.manifest(output));
        Ok(Self { run, request, pattern, manifest })
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
    let snapshot = snapshot::open(session, &mark).await?;
    let place = Place { session, endpoint, mark: &mark, progress };
    let mut written = Vec::with_capacity(members.len());
    for member in members {
        let Ok(member) = member else {
            written.push(Ok(None));
            continue;
        };
        snapshot::enter(session, member.request.definition).await?;
        let done = one(&place, member, ledger).await;
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

async fn one(
    place: &Place<'_>,
    member: &Member<'_>,
    ledger: &mut Ledger<'_>,
) -> Result<WrittenExport> {
    let work = WorkFolder::take(&member.manifest)?;
    // Whoever has the folder knows that no other run of these files is alive.
    ledger.started(member).await;
    write(place, member.request, member.pattern.clone(), work).await
}

/// Lets the files take their places, the manifest last.
fn place(
    member: &Member<'_>,
    snapshot: &Snapshot,
    written: WrittenExport,
    started: Instant,
) -> Result<ExportSummary> {
    let earlier = manifest::files_of(&member.manifest);
    let columns = written.files.layout.columns.clone();
    let (files, work) = written.files.place()?;
    let stale = manifest::stale(&earlier, &files);
    let manifest = Manifest::new(member, snapshot, &columns, &files, &stale);
    manifest.write(&member.manifest, &work)?;
    Ok(ExportSummary {
        run: member.run.as_str().to_owned(),
        pipeline: member.request.pipeline.to_owned(),
        status: "published",
        manifest: member.manifest.display().to_string(),
        rows: files.iter().map(|file| file.rows).sum(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        snapshot_time: snapshot.time.clone(),
        stale: stale.into_iter().map(|file| file.path).collect(),
        seconds: started.elapsed().as_secs_f64(),
        warnings: Vec::new(),
    })
}
