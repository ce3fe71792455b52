//! A thread that turns rows into files while the next ones are on their way.
//!
//! Writing to a disk blocks, for as long as the disk likes. On a thread of its own that stops
//! neither the reading of rows nor Ctrl-C, and a disk that takes nothing any more is noticed.

use std::{sync::Arc, thread, time::Duration};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::{
    file_set::{FileSet, FinishedSet},
    row::RowReader,
};
use crate::{
    error::{Error, Result},
    failpoint,
    run::{interrupted, progress::Progress},
};

/// Batches of rows that wait for the thread.
const WAITING_BATCHES: usize = 2;
/// How long the disk may take nothing while there is something to write.
const DISK_SECONDS: u64 = 60;
/// How long the thread may take to put its files away once it is to stop.
const CLEARED: Duration = Duration::from_secs(5);

/// Rows as COPY sends them, one a message.
pub(super) type Batch = Vec<Bytes>;

/// The thread, seen from where the rows come from. Dropped, it stops and its files go.
pub(super) struct Writer {
    /// `None` of a batch says that all rows have come.
    sender: mpsc::Sender<Option<Batch>>,
    done: oneshot::Receiver<Result<FinishedSet>>,
    progress: Arc<Progress>,
}

impl Writer {
    /// Starts the thread for rows of so many columns.
    pub(super) fn start(files: FileSet, columns: usize, progress: &Arc<Progress>) -> Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
        let (finished, done) = oneshot::channel();
        let counted = Arc::clone(progress);
        let work = move || {
            // Nobody listens any more where the export was stopped.
            let _ = finished.send(write(files, columns, receiver, &counted));
        };
        let started = thread::Builder::new().name("export".to_owned()).spawn(work);
        started.map_err(|cause| Error::environment("no thread can be started").caused_by(cause))?;
        Ok(Self { sender, done, progress: Arc::clone(progress) })
    }

    /// Hands rows over; false where the thread has ended, which [`Writer::finish`] explains.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk takes nothing, `ErrorKind::Interrupted`.
    pub(super) async fn add(&self, batch: Batch) -> Result<bool> {
        self.hand_over(Some(batch)).await
    }

    async fn hand_over(&self, batch: Option<Batch>) -> Result<bool> {
        let room = match self.sender.try_reserve() {
            Ok(room) => Ok(room),
            Err(_) => self.unless_stalled(self.sender.reserve()).await?,
        };
        room.map(|room| room.send(batch)).map_or(Ok(false), |()| Ok(true))
    }

    /// Waits for the thread as long as the disk takes something.
    async fn unless_stalled<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let limit = failpoint::limit(Duration::from_secs(DISK_SECONDS));
        let mut work = std::pin::pin!(work);
        loop {
            let before = self.progress.exported().bytes();
            tokio::select! {
                done = &mut work => return Ok(done),
                () = self.progress.cancelled() => return Err(interrupted()),
                () = tokio::time::sleep(limit) => {}
            }
            if self.progress.exported().bytes() == before {
                return Err(stalled());
            }
        }
    }

    /// Waits until all files are whole and on disk.
    ///
    /// # Errors
    /// As the thread's, and as [`Writer::add`].
    pub(super) async fn finish(mut self) -> Result<FinishedSet> {
        if let Err(error) = self.hand_over(None).await {
            self.abandon().await;
            return Err(error);
        }
        let (_, closed) = oneshot::channel();
        let mut done = std::mem::replace(&mut self.done, closed);
        match self.unless_stalled(&mut done).await {
            Ok(done) => done.unwrap_or_else(|_| Err(broken())),
            Err(error) => {
                drop(tokio::time::timeout(CLEARED, done).await);
                Err(error)
            }
        }
    }

    /// Stops the thread, and waits for it to put its files away.
    pub(super) async fn abandon(self) {
        let Self { sender, done, .. } = self;
        drop(sender);
        // A thread that waits for its disk leaves its folder to the next export.
        drop(tokio::time::timeout(CLEARED, done).await);
    }
}

fn write(
    mut files: FileSet,
    columns: usize,
    mut batches: mpsc::Receiver<Option<Batch>>,
    progress: &Progress,
) -> Result<FinishedSet> {
    let mut reader = RowReader::default();
    while let Some(batch) = batches.blocking_recv() {
        let Some(batch) = batch else { return files.finish() };
        for message in &batch {
            files.row(&reader.read(message, columns)?)?;
        }
        progress.exported().add_rows(batch.len() as u64);
    }
    Err(interrupted())
}

fn stalled() -> Error {
    Error::environment(format!("the disk has taken nothing for {DISK_SECONDS} s"))
        .hint("look at the disk or the network file system that the export goes to")
}

/// The thread ended without an answer: it panicked.
fn broken() -> Error {
    Error::unexpected("the thread that writes the files ended without an answer")
}
