//! A COPY connection of a run that outlives the connection to the server.
//!
//! A split whose COMMIT was not answered may be there or not: its checkpoint,
//! looked up on a new connection, says which.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    LoadOptions,
    import::Import,
    progress::Progress,
    resume::ResumeKey,
    retry::{self, Retry},
    stopping,
};
use crate::{
    error::Result,
    load::{LoadTarget, SplitTuples},
    postgres::{
        copy_in::Stager,
        endpoint::Endpoint,
        ledger,
        staging::{self, Staging},
    },
    transform::geometry::GeometryNotes,
};

/// What the COPY connections of a run have in common.
pub(super) struct StagingArea {
    /// Where to connect to.
    pub(super) endpoint: Endpoint,
    /// The tables.
    pub(super) staging: Staging,
    /// The targets.
    pub(super) loads: Vec<LoadTarget>,
    /// Where retries are told.
    pub(super) progress: Arc<Progress>,
    /// What staged rows depend on, where the ledger does not know that yet.
    resume: Option<Arc<ResumeKey>>,
    /// How many splits the server has confirmed.
    pub(super) confirmed: AtomicU64,
}

/// One of the COPY connections.
pub(super) struct StagingConnection {
    area: Arc<StagingArea>,
    stager: Option<Stager>,
}

impl StagingArea {
    /// That of an import.
    pub(super) fn of(
        endpoint: &Endpoint,
        import: &Import<'_>,
        progress: &Arc<Progress>,
    ) -> Arc<Self> {
        Arc::new(Self {
            endpoint: endpoint.clone(),
            staging: import.staging.clone(),
            loads: import.loads.clone(),
            progress: Arc::clone(progress),
            resume: import.resume.clone().filter(|_| import.record.resume_key.is_none()),
            confirmed: AtomicU64::new(import.staged.count()),
        })
    }
}

impl StagingArea {
    /// Lets the ledger know what another run can go on from, before anything is staged.
    async fn note_resume_key(&self) -> Result<()> {
        let Some(resume) = &self.resume else { return Ok(()) };
        let key = stopping::unless_stopped(&self.progress, resume.wait()).await?;
        let noting =
            async |client: &_| ledger::note_resume_key(client, &self.staging.run, &key).await;
        retry::ask(&self.endpoint, &self.progress, noting).await
    }
}

impl StagingConnection {
    /// Opens all connections of a run.
    ///
    /// # Errors
    /// As [`StagingConnection::open`], or `ErrorKind::Interrupted`; `ErrorKind::Source` when a file
    /// changed that is hashed meanwhile.
    pub(super) async fn open_all(
        area: &Arc<StagingArea>,
        options: LoadOptions,
    ) -> Result<Vec<Self>> {
        area.note_resume_key().await?;
        let mut connections = Vec::with_capacity(options.connections);
        for _ in 0..options.connections.max(1) {
            let opening = Self::open(Arc::clone(area));
            connections.push(stopping::unless_stopped(&area.progress, opening).await?);
        }
        Ok(connections)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses.
    pub(super) async fn open(area: Arc<StagingArea>) -> Result<Self> {
        let mut connection = Self { area, stager: None };
        let progress = Arc::clone(&connection.area.progress);
        let mut retry = Retry::new(&progress);
        while let Err(error) = connection.connect().await {
            retry.again(error).await?;
        }
        Ok(connection)
    }

    /// Stages a split, on another connection if this one is lost.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses, or cannot be reached for a while.
    pub(super) async fn stage(&mut self, split: &SplitTuples, notes: &GeometryNotes) -> Result<()> {
        let progress = Arc::clone(&self.area.progress);
        let mut retry = Retry::new(&progress);
        while let Err(error) = self.attempt(split, notes, retry.is_again()).await {
            self.stager = None;
            retry.again(error).await?;
        }
        self.area.confirmed.fetch_add(1, Relaxed);
        Ok(())
    }

    async fn attempt(
        &mut self,
        split: &SplitTuples,
        notes: &GeometryNotes,
        again: bool,
    ) -> Result<()> {
        let confirmed = self.area.confirmed.load(Relaxed);
        let stager = self.connect().await?;
        if again {
            let checkpoints = stager.checkpoints(split).await?;
            if checkpoints.all < confirmed {
                return Err(staging::emptied());
            }
            if checkpoints.has_split {
                return Ok(());
            }
        }
        stager.stage(split, notes).await
    }

    async fn connect(&mut self) -> Result<&Stager> {
        let area = &self.area;
        match &mut self.stager {
            Some(stager) => Ok(stager),
            none => {
                let session = area.endpoint.connect().await?;
                Ok(none.insert(Stager::new(session, &area.staging, &area.loads)))
            }
        }
    }
}
