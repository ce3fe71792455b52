//! The workers: from splits to encoded tuples, on all cores.
//!
//! One thread splits the files, one after the other; a rayon pool decodes,
//! transforms, validates and encodes one split per worker at a time. Both hand
//! over through bounded channels, so memory is bounded by (splits in flight)
//! × (split size), whatever the file's size: see [`ReadJob::read`].

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
    mpsc::{Receiver, SyncSender, sync_channel},
};

use tokio::sync::mpsc::Sender;

use super::{
    bound::BoundFile,
    encode::{ProcessedSplit, SplitEncoder},
    known::Known,
    progress::Progress,
    resume::Staged,
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    outcome::{FileWarning, Position},
    plan::Plan,
    source::{Split, Splitter, split::Tiling},
};

/// Splits that wait for a worker: splitting is many times faster than encoding, so more would
/// only take memory.
const WAITING_MAX: usize = 2;

/// What there is to say of a file that was read to its end.
#[derive(PartialEq, Eq)]
pub(super) struct FileRead {
    /// Its records.
    pub(super) records: u64,
    /// What is odd about it.
    pub(super) warnings: Vec<FileWarning>,
}

/// All that reading needs; shared by the splitting thread and the workers.
pub(super) struct ReadJob {
    /// The plan.
    pub(super) plan: Arc<Plan>,
    /// The files in order.
    pub(super) files: Arc<Vec<BoundFile>>,
    /// About how many bytes a split has.
    pub(super) split_bytes: usize,
    /// How many workers.
    pub(super) threads: usize,
    /// Where progress is noted.
    pub(super) progress: Arc<Progress>,
    /// What need not be staged again.
    pub(super) staged: Arc<Staged>,
    /// What the targets hold already.
    pub(super) known: Option<Arc<Known>>,
    /// How often the files have been read before: the second time for records that were not staged.
    pub(super) pass: Pass,
    /// Set when the run has failed elsewhere: what is not read yet need not be.
    pub(super) stop: Arc<AtomicBool>,
}

/// What the files are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// For everything.
    First,
    /// For records that were not staged, and are wanted after all; the number of splits before.
    Again(u64),
}

impl ReadJob {
    /// Reads all files and sends what the workers make of them; returns the records of each
    /// file. Blocks: it has a thread of its own.
    ///
    /// In flight are at most [`WAITING_MAX`] splits waiting, `threads` being encoded, and what
    /// `processed` holds.
    ///
    /// # Errors
    /// `ErrorKind::Source` from a splitter; `ErrorKind::Interrupted` when the run was
    /// cancelled or nobody takes the results any more.
    pub(super) fn read(&self, processed: &Sender<ProcessedSplit>) -> Result<Vec<FileRead>> {
        let pool = pool(self.threads)?;
        let (sender, receiver) = sync_channel(WAITING_MAX.min(self.threads));
        let receiver = Mutex::new(receiver);
        pool.in_place_scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|_| self.work(&receiver, processed));
            }
            // The sender is dropped when splitting ends, which ends the workers.
            self.split_files(&Splits { sender, processed })
        })
    }

    fn split_files(&self, splits: &Splits<'_>) -> Result<Vec<FileRead>> {
        if self.files.len() as u64 > Position::FILES_MAX {
            let message = format!("a run reads at most {} files", Position::FILES_MAX);
            return Err(Error::source_file(message).hint("load them in several runs"));
        }
        let mut sequence = match self.pass {
            Pass::First => 0,
            Pass::Again(before) => before,
        };
        let read = |file: &BoundFile| {
            let reading = || format!("while reading `{}`", file.input.display);
            self.split_file(file, &mut sequence, splits).context(reading)
        };
        self.files.iter().map(read).collect()
    }

    fn split_file(
        &self,
        file: &BoundFile,
        sequence: &mut u64,
        splits: &Splits<'_>,
    ) -> Result<FileRead> {
        let progress = &self.progress.files()[file.input.ordinal as usize];
        let mut splitter = Tiling::of_records(file.source.splitter(self.split_bytes)?);
        let mut records = 0;
        while let Some(split) = splitter.next_split()? {
            records += split.records;
            if records > Position::RECORDS_MAX {
                let message = format!("a file has at most {} records", Position::RECORDS_MAX);
                return Err(Error::source_file(message).hint("cut it into several files"));
            }
            progress.set_bytes_read(splitter.bytes_read());
            if self.is_stopped() || !self.hand_over(*sequence, split, splits)? {
                return Err(Error::new(ErrorKind::Interrupted, "the run was stopped"));
            }
            *sequence += 1;
        }
        progress.set_bytes_read(progress.bytes_total);
        Ok(FileRead { records, warnings: splitter.warnings() })
    }

    /// Gives a split to a worker, or says that it is staged: only its rejections can still be
    /// of interest then. Gives whether anybody takes it.
    fn hand_over(&self, sequence: u64, split: Split, splits: &Splits<'_>) -> Result<bool> {
        let staged = self.staged.find(split.file, split.ordinal);
        let Some(checkpoint) = staged.filter(|found| !found.has_rejections()) else {
            return Ok(splits.sender.send((sequence, split)).is_ok());
        };
        if (checkpoint.first_record, checkpoint.records) != (split.first_record, split.records) {
            return Err(Error::unexpected(
                "a split begins or ends elsewhere than an earlier run had it",
            ));
        }
        self.progress.files()[split.file as usize].add(split.records, 0);
        Ok(splits.processed.blocking_send(ProcessedSplit::staged(sequence, checkpoint)).is_ok())
    }

    fn work(&self, splits: &Mutex<Receiver<(u64, Split)>>, processed: &Sender<ProcessedSplit>) {
        let mut encoder = SplitEncoder::new(&self.plan, &self.files, self.known.as_deref());
        while let Some((sequence, split)) = next(splits) {
            let progress = &self.progress.files()[split.file as usize];
            let staged = self.staged.find(split.file, split.ordinal);
            let mut encoded = match self.pass {
                Pass::First => encoder.encode(sequence, split),
                Pass::Again(_) => encoder.encode_again(sequence, split),
            };
            if let Some(checkpoint) = staged {
                encoded = encoded.already_staged(checkpoint);
            }
            // Of what is read again no record counts.
            progress.add(encoded.tuples.records, encoded.rejected.len() as u64);
            // Nobody listens once the run has failed: the splits left are drained unread.
            if self.is_stopped() || processed.blocking_send(encoded).is_err() {
                self.stop.store(true, Relaxed);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed) || self.progress.is_cancelled()
    }
}

/// So many threads.
///
/// # Errors
/// `ErrorKind::Environment` when the system has no more.
pub(super) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|cause| Error::environment("no worker threads can be started").caused_by(cause))
}

/// Where splits go.
struct Splits<'a> {
    /// To the workers.
    sender: SyncSender<(u64, Split)>,
    /// To where the workers' results go.
    processed: &'a Sender<ProcessedSplit>,
}

/// Takes the next split; the lock is held only while waiting for it.
fn next(splits: &Mutex<Receiver<(u64, Split)>>) -> Option<(u64, Split)> {
    splits.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
