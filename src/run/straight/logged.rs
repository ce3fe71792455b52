//! What the log of splits is for: it is staged where its rows are in no table.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::sync::Mutex;

use crate::{
    error::Result,
    postgres::{checkpoint::Checkpoint, endpoint::Endpoint},
    run::{
        import::Import,
        progress::Progress,
        resume::Staged,
        split_log::SplitLog,
        stage::{StagingArea, StagingConnection},
        stopping,
    },
};

/// Stages what is logged, but for what is `staged` already; the checkpoints.
///
/// # Errors
/// `ErrorKind::Environment` when server or disk refuses.
pub(in crate::run) async fn stage_logged(
    connections: &mut [StagingConnection],
    log: &SplitLog,
    staged: &Staged,
) -> Result<Vec<Checkpoint>> {
    let splits = Mutex::new(log.splits());
    let staging = connections.iter_mut().map(|connection| async {
        let mut checkpoints = Vec::new();
        loop {
            let Some(next) = splits.lock().await.next() else { return Ok(checkpoints) };
            let (split, notes) = next?;
            if staged.find(split.file, split.split).is_none() {
                connection.stage(&split, &notes).await?;
                checkpoints.push(Checkpoint::of(&split, &notes));
            }
        }
    });
    let checkpoints: Result<Vec<Vec<_>>> = try_join_all(staging).await;
    Ok(checkpoints?.into_iter().flatten().collect())
}

impl Import<'_> {
    /// Stages what was logged, for it did not come into the table.
    pub(in crate::run) async fn stage_logged(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<()> {
        let Some(log) = self.log.clone() else { return Ok(()) };
        let area = StagingArea::of(endpoint, self, progress);
        let mut connections = StagingConnection::open_all(&area, self.request.options).await?;
        let staging = stage_logged(&mut connections, &log, &self.staged);
        stopping::unless_stopped(progress, staging).await.map(|_| ())
    }

    /// Goes on from the log of a run that was killed while its rows went straight into the table.
    pub(in crate::run) async fn stage_recovered(
        &mut self,
        endpoint: &Endpoint,
        progress: &Arc<Progress>,
    ) -> Result<()> {
        let (reports, key) = (&self.request.report_folder, self.record.resume_key.as_deref());
        let Some(log) = SplitLog::find(reports, &self.record.pipeline, key) else { return Ok(()) };
        let log = self.log.insert(Arc::new(log)).clone();
        let area = StagingArea::of(endpoint, self, progress);
        let mut connections = StagingConnection::open_all(&area, self.request.options).await?;
        let staging = stage_logged(&mut connections, &log, &self.staged);
        let checkpoints = stopping::unless_stopped(progress, staging).await?;
        self.staged = Arc::new(self.staged.with(log.run(), checkpoints));
        // All of it is staged, with its checkpoints.
        self.log = None;
        Ok(())
    }
}
