//! Counters that the stages of a run bump and a console reads: nothing waits for them.

use std::{
    borrow::Cow,
    path::Path,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
};

use crate::postgres::lease::CutOff;

/// The stages of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// Finding and hashing files, reading the catalog, binding the plan.
    Preparing,
    /// Reading, transforming and staging records.
    Loading,
    /// Evaluating over staging what only the database can judge.
    Judging,
    /// The publishing transaction.
    Publishing,
    /// Writing the rows of an export.
    Exporting,
    /// Published or not, nothing more happens.
    Ended,
}

const STAGES: [Stage; 6] = [
    Stage::Preparing,
    Stage::Loading,
    Stage::Judging,
    Stage::Publishing,
    Stage::Exporting,
    Stage::Ended,
];

/// How far a run is.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    files: OnceLock<Vec<FileProgress>>,
    staged_rows: AtomicU64,
    exported: ExportProgress,
    cancelled: AtomicBool,
    cancellation: tokio::sync::Notify,
    notices: Mutex<Vec<Cow<'static, str>>>,
}

/// How far one file is.
#[derive(Debug, Default)]
pub struct FileProgress {
    /// The file's name for people.
    pub display: String,
    /// Its size on disk, in bytes.
    pub bytes_total: u64,
    bytes_read: AtomicU64,
    records: AtomicU64,
    rejected: AtomicU64,
}

/// How far an export is.
#[derive(Debug, Default)]
pub struct ExportProgress {
    rows: AtomicU64,
    bytes: AtomicU64,
    expected_rows: AtomicU64,
}

impl ExportProgress {
    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    /// Bytes that reached the disk so far; also what shows that the disk takes some.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Rows that the server's planner expects; 0 where it does not say.
    pub fn expected_rows(&self) -> u64 {
        self.expected_rows.load(Relaxed)
    }

    pub(crate) fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Relaxed);
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// An export begins, again or anew: what the one before wrote no longer counts.
    pub(crate) fn begin(&self, expected_rows: u64) {
        self.rows.store(0, Relaxed);
        self.bytes.store(0, Relaxed);
        self.expected_rows.store(expected_rows, Relaxed);
    }
}

impl FileProgress {
    /// A file of which nothing has been read.
    pub fn new(display: String, bytes_total: u64) -> Self {
        Self { display, bytes_total, ..Self::default() }
    }

    /// Bytes of it consumed so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Relaxed)
    }

    /// Records decoded so far.
    pub fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// Records rejected so far.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    pub(super) fn set_bytes_read(&self, bytes: u64) {
        self.bytes_read.store(bytes, Relaxed);
    }

    pub(super) fn add(&self, records: u64, rejected: u64) {
        self.records.fetch_add(records, Relaxed);
        self.rejected.fetch_add(rejected, Relaxed);
    }
}

impl Progress {
    /// The stage the run is in.
    pub fn stage(&self) -> Stage {
        STAGES[usize::from(self.stage.load(Relaxed)).min(STAGES.len() - 1)]
    }

    /// The files, once they are known.
    pub fn files(&self) -> &[FileProgress] {
        self.files.get().map_or(&[], Vec::as_slice)
    }

    /// Rows the server has taken into staging.
    pub fn staged_rows(&self) -> u64 {
        self.staged_rows.load(Relaxed)
    }

    /// How far an export is.
    pub fn exported(&self) -> &ExportProgress {
        &self.exported
    }

    /// Asks the run to stop at the next split.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
        self.cancellation.notify_waiters();
    }

    /// Waits until the run is asked to stop.
    pub(crate) async fn cancelled(&self) {
        let notified = self.cancellation.notified();
        if !self.is_cancelled() {
            notified.await;
        }
    }

    /// Whether the run has been asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }

    /// What says so, for whoever is about to commit.
    pub(crate) fn stop(&self) -> &AtomicBool {
        &self.cancelled
    }

    /// What people are to be told, from the notice of this number on.
    pub fn notices(&self, from: usize) -> Vec<String> {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.iter().skip(from).map(|notice| notice.clone().into_owned()).collect()
    }

    /// Tells people something, once in a run.
    pub(crate) fn notice(&self, notice: impl Into<Cow<'static, str>>) {
        let notice = notice.into();
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    /// Tells of a run that was found cut off. Its report folder is left alone: there may be
    /// somebody who looks at it, and it is not known to be on this machine.
    pub(super) fn tell_cut_off(&self, cut_off: &CutOff) {
        let report = cut_off.report.as_deref().filter(|folder| Path::new(folder).is_dir());
        let incomplete = |folder| format!("; its report in {folder} is incomplete, delete it");
        self.notice(format!(
            "run {} was cut off and published nothing{}",
            cut_off.run,
            report.map(incomplete).unwrap_or_default()
        ));
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    /// The files are known once; a second call changes nothing.
    pub(super) fn set_files(&self, files: Vec<FileProgress>) {
        let _ = self.files.set(files);
    }

    pub(super) fn add_staged(&self, rows: u64) {
        self.staged_rows.fetch_add(rows, Relaxed);
    }
}
