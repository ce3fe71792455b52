//! What is encoded of the splits of a run, kept on our own disk while it stands in no staging table.
//!
//! Rows that go straight into their table ([`super::straight`]) are in a transaction that one lost
//! connection undoes. So each split is appended to a log as well: from there it is staged where
//! that transaction comes to nothing, and from there another run goes on where this one was killed.
//! The log is the checkpoint of its splits, as a line of the checkpoints' table is that of staged ones.
//!
//! It lies in a folder beside the reports and is locked by the run that writes it. A frame whose
//! hash does not fit its bytes ends it: what a crash of the machine left of one is read again.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use twox_hash::XxHash3_64;

use crate::{
    error::{Error, Result},
    failpoint,
    load::{SplitTuples, TableTuples},
    private_file,
    run_id::RunId,
    transform::geometry::GeometryNotes,
};

/// The folder of all logs, beside the reports.
const FOLDER: &str = ".unfinished";

/// Room that is left on the disk for whoever else needs it.
const SPARE_BYTES: usize = 1 << 30;

/// A log below this goes before the system writes it to the disk. A larger one is written by us, in
/// pieces: its pages would push others out of memory (20,000,000 sales took 55 s in place of 49).
const UNFLUSHED_BYTES_MAX: usize = 512 << 20;
const FLUSH_BYTES: usize = 32 << 20;

/// A log that nobody writes any more is of no use to anybody after this time.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// No frame has more bytes; a length beyond that was never written by us.
const FRAME_BYTES_MAX: u64 = 1 << 32;

/// Room for a key at the start: SHA-256 in hex, or zeros before it is known.
const KEY_BYTES: usize = 64;

/// Numbers before those of the tables: see [`numbers_of`].
const NUMBERS: usize = 8;
/// Numbers of each table.
const TABLE_NUMBERS: usize = 5;

/// The log of a run, removed when it is dropped unless it is to be kept.
#[derive(Debug)]
pub(super) struct SplitLog {
    file: File,
    path: PathBuf,
    run: String,
    /// Whether it says what its splits depend on.
    has_key: AtomicBool,
    kept: AtomicBool,
    /// Bytes written, and of these the ones that are no longer in memory.
    written: AtomicU64,
    flushed: AtomicU64,
}

/// A split as it was encoded.
pub(super) type Logged = (SplitTuples, GeometryNotes);

impl SplitLog {
    /// An empty one of a run of a pipeline.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when there is no place for it.
    pub(super) fn create(reports: &Path, pipeline: &str, run: &RunId) -> Result<Self> {
        let folder = reports.join(FOLDER);
        let path = folder.join(run.as_str());
        let make =
            || private_file::create_folder(&folder).and_then(|()| private_file::create(&path));
        // The folder goes with the last log in it, which may be another run's.
        let file = make().or_else(|_| make())?;
        let log = Self::of(file, path, run.as_str().to_owned());
        let begun = log.file.try_lock().map_err(io::Error::from);
        begun.map_err(|cause| log.refused(cause))?;
        log.write(&[0; KEY_BYTES])?;
        log.write(pipeline.as_bytes())?;
        Ok(log)
    }

    /// Notes what its splits depend on, once that is known.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk refuses.
    pub(super) fn note_key(&self, known: impl FnOnce() -> Option<String>) -> Result<()> {
        if self.has_key.load(Relaxed) {
            return Ok(());
        }
        let Some(key) = known() else { return Ok(()) };
        let mut field = [0; KEY_BYTES];
        field.iter_mut().zip(key.bytes()).for_each(|(field, byte)| *field = byte);
        let [length, hash] = frame_of(&field);
        let frame = [&length[..], &field, &hash].concat();
        self.file.write_all_at(&frame, 0).map_err(|cause| self.refused(cause))?;
        self.has_key.store(true, Relaxed);
        Ok(())
    }

    /// Whether there are logs at all.
    pub(super) fn is_any(reports: &Path) -> bool {
        fs::read_dir(reports.join(FOLDER)).is_ok_and(|mut found| found.next().is_some())
    }

    fn of(file: File, path: PathBuf, run: String) -> Self {
        let (kept, has_key) = (AtomicBool::new(false), AtomicBool::new(false));
        let (written, flushed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { file, path, run, has_key, kept, written, flushed }
    }

    /// The log of a run that was cut off and read the same in the same way. Whatever else the
    /// pipeline's own runs left there, or anybody long ago, is removed.
    pub(super) fn find(reports: &Path, pipeline: &str, resume_key: Option<&str>) -> Option<Self> {
        let found = fs::read_dir(reports.join(FOLDER)).ok()?.flatten();
        let mut found: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
        found.sort();
        let mut latest = None;
        for path in found.into_iter().rev() {
            // A log that cannot be read is nobody's to go on from; its owner may remove it.
            let Some((log, of, key)) = Self::open(path) else { continue };
            let is_ours = of == pipeline.as_bytes();
            let is_same = resume_key.is_some_and(|wanted| key == wanted.as_bytes());
            match is_ours && is_same && latest.is_none() {
                true => latest = Some(log),
                // Dropping it removes it.
                false if is_ours || log.is_forgotten() => drop(log),
                false => log.keep(),
            }
        }
        latest
    }

    /// Removes what runs of a pipeline left that were killed.
    pub(super) fn clear(reports: &Path, pipeline: &str) {
        drop(Self::find(reports, pipeline, None));
    }

    /// One of ours that no process writes, with its pipeline and key; an empty one has neither.
    fn open(path: PathBuf) -> Option<(Self, Vec<u8>, Vec<u8>)> {
        let file = File::options().read(true).write(true).open(&path).ok()?;
        // Where others may write to the folder, theirs is no log: it would bring rows of its own.
        if file.metadata().ok()?.uid() != rustix::process::geteuid().as_raw() {
            return None;
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
        }
        let run = path.file_name()?.to_str()?.to_owned();
        let log = Self::of(file, path, run);
        let mut reader = log.reader();
        let mut text = || reader.frame().ok().flatten().unwrap_or_default();
        let (mut key, pipeline) = (text(), text());
        key.retain(|byte| *byte != 0);
        Some((log, pipeline, key))
    }

    /// The run that wrote it.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// It stays on the disk for the next run.
    pub(super) fn keep(&self) {
        self.kept.store(true, Relaxed);
    }

    fn is_forgotten(&self) -> bool {
        let written = self.file.metadata().and_then(|meta| meta.modified());
        let age = written.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        age.is_some_and(|age| age > FORGOTTEN_AFTER)
    }

    /// Adds a split. Only one caller appends at a time.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk takes no more, or hardly.
    pub(super) fn append(&self, split: &SplitTuples, notes: &GeometryNotes) -> Result<()> {
        let space = rustix::fs::fstatvfs(&self.file).map_err(|cause| self.refused(cause.into()))?;
        if space.f_bavail.saturating_mul(space.f_frsize) < failpoint::most(SPARE_BYTES) as u64 {
            return Err(self.refused(io::ErrorKind::StorageFull.into()));
        }
        let numbers = numbers_of(split, notes).into_iter().flat_map(u64::to_le_bytes);
        self.write(&numbers.collect::<Vec<u8>>())?;
        split.tables.iter().try_for_each(|table| self.write(&table.tuples))?;
        self.flush().map_err(|cause| self.refused(cause))
    }

    fn flush(&self) -> io::Result<()> {
        let (written, flushed) = (self.written.load(Relaxed), self.flushed.load(Relaxed));
        if written < failpoint::most(UNFLUSHED_BYTES_MAX) as u64
            || written - flushed < failpoint::most(FLUSH_BYTES) as u64
        {
            return Ok(());
        }
        self.file.sync_data()?;
        #[cfg(target_os = "linux")]
        {
            let length = std::num::NonZero::new(written - flushed);
            rustix::fs::fadvise(&self.file, flushed, length, rustix::fs::Advice::DontNeed)?;
        }
        self.flushed.store(written, Relaxed);
        Ok(())
    }

    /// A frame: how many bytes, the bytes, and their hash.
    fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut file = &self.file;
        let [length, hash] = frame_of(bytes);
        let written = file
            .write_all(&length)
            .and_then(|()| file.write_all(bytes))
            .and_then(|()| file.write_all(&hash));
        self.written.fetch_add(bytes.len() as u64, Relaxed);
        written.map_err(|cause| self.refused(cause))
    }

    /// Reads it from the start.
    fn reader(&self) -> Frames<'_> {
        let mut file = &self.file;
        // Where it cannot be rewound it ends at once.
        let _ = file.seek(SeekFrom::Start(0));
        Frames { reader: BufReader::with_capacity(1 << 20, file) }
    }

    /// Its splits, up to the first that is not whole, in the order in which they were added.
    ///
    /// # Errors
    /// Each `ErrorKind::Environment` when the disk does not give it back.
    pub(super) fn splits(&self) -> Splits<'_> {
        let mut frames = self.reader();
        // Key and pipeline.
        let header = frames.frame().and_then(|_| frames.frame());
        Splits { log: self, frames, is_over: header.is_err() }
    }

    fn refused(&self, cause: io::Error) -> Error {
        let what = format!("encoded rows cannot be kept in `{}`", self.path.display());
        let hint = private_file::advice(&cause);
        Error::environment(what).caused_by(cause).hint(hint)
    }
}

impl Drop for SplitLog {
    fn drop(&mut self) {
        if !self.kept.load(Relaxed) {
            // Both only where they are still there; a folder with other logs stays.
            let _ = fs::remove_file(&self.path);
            let _ = self.path.parent().map(fs::remove_dir);
        }
    }
}

/// What stands before a frame's bytes, and after them.
fn frame_of(bytes: &[u8]) -> [[u8; 8]; 2] {
    [(bytes.len() as u64).to_le_bytes(), XxHash3_64::oneshot(bytes).to_le_bytes()]
}

/// The frames of a log.
struct Frames<'l> {
    reader: BufReader<&'l File>,
}

impl Frames<'_> {
    /// The next; `None` at the end, or where none is whole.
    fn frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(length) = self.number()?.filter(|length| *length <= FRAME_BYTES_MAX) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes)?;
        let hash = self.number()?;
        let is_whole = bytes.len() as u64 == length && hash == Some(XxHash3_64::oneshot(&bytes));
        Ok(is_whole.then_some(bytes))
    }

    /// The next split; `None` where none is whole.
    fn split(&mut self) -> io::Result<Option<Logged>> {
        let numbers = self.frame()?;
        let Some((mut split, notes)) = numbers.and_then(|bytes| split_of(&bytes)) else {
            return Ok(None);
        };
        for table in &mut split.tables {
            let Some(tuples) = self.frame()? else { return Ok(None) };
            table.tuples = Bytes::from(tuples);
        }
        Ok(Some((split, notes)))
    }

    fn number(&mut self) -> io::Result<Option<u64>> {
        let mut bytes = [0; 8];
        match self.reader.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(u64::from_le_bytes(bytes))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The splits of a log.
pub(super) struct Splits<'l> {
    log: &'l SplitLog,
    frames: Frames<'l>,
    is_over: bool,
}

impl Iterator for Splits<'_> {
    type Item = Result<Logged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = match self.frames.split() {
            Err(cause) => Some(Err(self.log.refused(cause))),
            Ok(split) => split.map(Ok),
        };
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

fn numbers_of(split: &SplitTuples, notes: &GeometryNotes) -> Vec<u64> {
    let GeometryNotes { repaired, flagged, area_changed, area_change_percent_max } = notes;
    let mut numbers = vec![
        split.file.into(),
        split.split.into(),
        split.first_record,
        split.records,
        *repaired,
        *flagged,
        area_changed.to_bits(),
        area_change_percent_max.to_bits(),
    ];
    for table in &split.tables {
        debug_assert!(table.refused_rows == 0, "only targets that delete have such");
        let TableTuples { read, rows, filtered, rejected, same, .. } = table;
        numbers.extend([*read, *rows, *filtered, *rejected, same.cast_unsigned()]);
    }
    numbers
}

/// The reverse, without tuples; `None` for bytes that are no such numbers.
fn split_of(bytes: &[u8]) -> Option<Logged> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
    let (of_split, of_tables) = numbers.split_first_chunk::<NUMBERS>()?;
    let [file, split, first_record, records, repaired, flagged, changed, percent] = *of_split;
    let (tables, more) = of_tables.as_chunks::<TABLE_NUMBERS>();
    if !rest.is_empty() || !more.is_empty() {
        return None;
    }
    let table = |[read, rows, filtered, rejected, same]: &[u64; TABLE_NUMBERS]| TableTuples {
        read: *read,
        rows: *rows,
        filtered: *filtered,
        rejected: *rejected,
        same: same.cast_signed(),
        ..TableTuples::default()
    };
    let tables = tables.iter().map(table).collect();
    let (file, split) = (u32::try_from(file).ok()?, u32::try_from(split).ok()?);
    let split = SplitTuples { file, split, first_record, records, tables };
    let (area_changed, area_change_percent_max) =
        (f64::from_bits(changed), f64::from_bits(percent));
    Some((split, GeometryNotes { repaired, flagged, area_changed, area_change_percent_max }))
}

#[cfg(test)]
mod tests;
