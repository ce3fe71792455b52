//! From the command to the moment at which the targets are this run's.

use std::{sync::Arc, time::Instant};

use super::{
    ImportRequest, ReplayRequest, Stop, beside,
    files::{self, FoundFile},
    import::{Held, Import},
    loaded::Loaded,
    needs,
    prepare::{self, bind_files, find_files, prove_sql, read_tables},
    progress::Progress,
    replay::Replay,
    retry,
    split_log::SplitLog,
    stopping::in_time,
};
use crate::{
    error::Result,
    failpoint,
    postgres::{
        endpoint::Endpoint,
        lease::{self, Lease},
        ledger, privileges,
        session::Session,
    },
    report::RunSummary,
    run_id::RunId,
    schema::TableSchema,
};

/// What preparing came to.
pub(super) enum Prepared<'r> {
    /// Every file was loaded before, or nothing is left to be replayed.
    Unchanged(Box<RunSummary>),
    /// An import that has its targets to itself.
    Import(Box<Import<'r>>),
}

/// A run that is about to begin.
pub(super) struct Opening<'r> {
    pub(super) endpoint: &'r Endpoint,
    pub(super) request: &'r ImportRequest,
    pub(super) replay: Option<&'r ReplayRequest>,
    pub(super) progress: &'r Arc<Progress>,
    pub(super) started: Instant,
}

impl<'r> Opening<'r> {
    /// Everything before the first record. Who has the targets is asked first: hashing large
    /// files takes its time, while the run goes on as far as it can.
    pub(super) async fn prepare(&self) -> Result<Prepared<'r>, Stop> {
        let definition = &self.request.pipeline.definition;
        let mut session = self.connect().await?;
        let targets: Vec<&str> = definition.targets.iter().map(|it| it.table.as_str()).collect();
        in_time(lease::ensure_free_by_name(&session.client, &targets)).await?;
        let mut tables = in_time(read_tables(&session, definition)).await?;
        let found = match self.replay {
            None => find_files(definition).await?,
            Some(_) => Vec::new(),
        };
        files::begin_hashing(&found);
        loop {
            let attempt = Box::pin(self.attempt(session, &tables, found.clone()));
            if let Some(prepared) = attempt.await? {
                return Ok(prepared);
            }
            // Another run loaded some of the files just before the targets were this one's.
            session = self.connect().await?;
            tables = in_time(read_tables(&session, definition)).await?;
        }
    }

    async fn connect(&self) -> Result<Session, Stop> {
        let session = retry::connect(self.endpoint, self.progress).await?;
        let needed = needs::needs(&self.request.pipeline.definition);
        in_time(privileges::ensure(&session.client, &needed)).await?;
        in_time(ledger::ensure(&session.client)).await?;
        Ok(session)
    }

    /// Takes the targets; `None` when the ledger says something else by then.
    async fn attempt(
        &self,
        mut session: Session,
        (tables, names): &(Vec<Option<TableSchema>>, Vec<String>),
        found: Vec<FoundFile>,
    ) -> Result<Option<Prepared<'r>>, Stop> {
        let request = self.request;
        let run = RunId::generate();
        let loaded = self.ask(&session, found.clone()).await?;
        if loaded.has_nothing_to_do() {
            // A run that was cut off left staging, and nothing to load.
            let targets = request.pipeline.definition.targets.len();
            let oids = tables.iter().take(targets).flatten().map(|table| table.oid);
            let (pipeline, oids) = (&request.pipeline.name, oids.collect::<Vec<_>>());
            let clearing = lease::clear_abandoned_of(&mut session.client, pipeline, &oids);
            in_time(clearing).await?.iter().for_each(|run| self.progress.tell_cut_off(run));
            SplitLog::clear(&request.report_folder, pipeline);
            let unchanged = loaded.unchanged(request, tables, &run, self.started);
            return Ok(Some(Prepared::Unchanged(Box::new(unchanged))));
        }
        prepare::announce(self.progress, &loaded.fresh);
        let mut bound = bind_files(&request.pipeline, &loaded.fresh, tables, names)?;
        if loaded.replay.is_some() {
            bound = bound.of_part()?;
        }
        in_time(prove_sql(&session, &bound.plan)).await?;
        in_time(beside::bind_all(&session, &mut bound, &request.pipeline.definition)).await?;
        failpoint::hit("ledger.asked")?;
        let loads = bound.loads();
        let taking = Lease::take(self.endpoint, &run, &request.pipeline.name, &loads);
        let lease = in_time(Box::pin(taking)).await?;
        let fence = lease.fence().clone();
        let opened = async {
            failpoint::hit("lease.taken")?;
            // Nobody else can load into the targets now. What a replay loads is known record by
            // record, and looked at when it is closed.
            if self.replay.is_none() && !loaded.agrees_with(&self.ask(&session, found).await?) {
                return Ok::<_, Stop>(None);
            }
            let held = Held { endpoint: self.endpoint, progress: self.progress, session, lease };
            let opening = Import::open(request, run, bound, loaded, held, self.started);
            Ok(Some(Prepared::Import(Box::new(Box::pin(opening).await?))))
        };
        let opened = opened.await;
        if !matches!(&opened, Ok(Some(_))) {
            // What keeps this from being done keeps nobody from taking the targets: we are gone then.
            drop(fence.release_anew(self.endpoint).await);
        }
        opened
    }

    /// What of it was loaded before.
    async fn ask(&self, session: &Session, found: Vec<FoundFile>) -> Result<Loaded, Stop> {
        Ok(match self.replay {
            None => {
                if in_time(Loaded::needs_hashes(session, self.request, &found)).await? {
                    files::hashes(&found).await?;
                }
                in_time(Loaded::ask(session, self.request, found)).await?
            }
            Some(replay) => Loaded::of_replay(Replay::prepare(session, replay).await?),
        })
    }
}
