//! Cuts a sheet into splits: calamine reads in its own thread, a split ahead.
//!
//! A reader of cells borrows the workbook it reads from, so both live on the
//! stack of one thread; it also keeps parsing while the splits before are
//! decoded. It never gets further ahead than the channel is long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use super::{
    area::{Area, ROWS_MAX},
    rows::visit_rows,
    workbook::{Visit, Workbook},
};
use crate::{
    error::{Context, Error, Result},
    outcome::FileWarning,
    source::{Split, Splitter},
};

/// Splits waiting to be taken.
const SPLITS_AHEAD: usize = 1;

/// Delivers the splits of one sheet.
pub(super) struct SheetSplitter {
    splits: Receiver<Result<Split>>,
    last_row: Arc<AtomicU32>,
    read: Arc<AtomicU64>,
    file_bytes: u64,
    ended: bool,
}

/// What is read, and in which pieces.
pub(super) struct Reading {
    pub(super) file: u32,
    pub(super) area: Area,
    pub(super) split_bytes: usize,
    pub(super) file_bytes: u64,
    /// Bytes read from the file so far.
    pub(super) read: Arc<AtomicU64>,
    /// What people are shown of the file.
    pub(super) display: String,
}

impl SheetSplitter {
    /// Starts reading the workbook that `open` opens.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when no thread can be started.
    pub(super) fn start(
        open: impl FnOnce() -> Result<Workbook> + Send + 'static,
        reading: Reading,
    ) -> Result<Self> {
        let (sender, splits) = sync_channel(SPLITS_AHEAD);
        let last_row = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&last_row);
        let (read, file_bytes) = (Arc::clone(&reading.read), reading.file_bytes);
        let read_all = move || {
            let mut cutter = Cutter {
                sender,
                reading,
                next: Piece::default(),
                last_row: seen,
                ordinal: 0,
                records: 0,
                bytes: 0,
                abandoned: false,
            };
            let done = open().and_then(|workbook| cutter.run(workbook));
            let done = done.context(|| format!("while reading {}", cutter.reading.display));
            if let Err(error) = done {
                // Nobody listens any more where this fails: the run has stopped.
                drop(cutter.sender.send(Err(error)));
            }
        };
        let thread = thread::Builder::new().name("sheet-reader".to_owned());
        thread.spawn(read_all).map_err(|cause| {
            Error::environment("no thread could be started to read the workbook").caused_by(cause)
        })?;
        Ok(Self { splits, last_row, read, file_bytes, ended: false })
    }
}

impl Splitter for SheetSplitter {
    fn next_split(&mut self) -> Result<Option<Split>> {
        let next = self.splits.recv();
        self.ended = !matches!(next, Ok(Ok(_)));
        // A closed channel is the proper end: failures are sent before it closes.
        next.ok().transpose()
    }

    fn bytes_read(&self) -> u64 {
        if self.ended {
            self.file_bytes
        } else {
            self.read.load(Ordering::Relaxed).min(self.file_bytes)
        }
    }

    /// Programs cut a sheet off where their format ends, without a word.
    fn warnings(&self) -> Vec<FileWarning> {
        let last = self.last_row.load(Ordering::Relaxed);
        let warning = || FileWarning {
            code: "sheet.row_limit",
            message: format!(
                "its last row is {last}, the last that some formats have: rows may have been cut off"
            ),
        };
        ROW_LIMITS.contains(&last).then(warning).into_iter().collect()
    }
}

/// The rows a sheet can have: of `.xls`, and of the formats after it.
const ROW_LIMITS: [u32; 2] = [65_536, ROWS_MAX];

/// The split being filled.
#[derive(Default)]
struct Piece {
    payload: Vec<u8>,
    records: u64,
    first_row: u32,
}

struct Cutter {
    sender: SyncSender<Result<Split>>,
    reading: Reading,
    next: Piece,
    /// The last row with a record.
    last_row: Arc<AtomicU32>,
    ordinal: u32,
    records: u64,
    bytes: u64,
    /// Whether nobody takes splits any more.
    abandoned: bool,
}

impl Cutter {
    fn run(&mut self, mut workbook: Workbook) -> Result<()> {
        let area = self.reading.area;
        let rows = area.first_row..=area.last_row;
        visit_rows(&mut workbook, &area, rows, &mut |row, bytes| self.add(row, bytes))?;
        match self.send() {
            Visit::More if !self.abandoned => workbook.prove(),
            _ => Ok(()),
        }
    }

    fn add(&mut self, row: u32, bytes: &[u8]) -> Result<Visit> {
        self.last_row.store(row, Ordering::Relaxed);
        if self.next.records == 0 {
            self.next.first_row = row;
        }
        self.next.payload.extend_from_slice(bytes);
        self.next.records += 1;
        if self.next.payload.len() < self.reading.split_bytes {
            return Ok(Visit::More);
        }
        Ok(self.send())
    }

    /// Sends the piece, if there is one; nobody may be listening any more.
    fn send(&mut self) -> Visit {
        let piece = std::mem::take(&mut self.next);
        if piece.records == 0 {
            return Visit::More;
        }
        let payload_bytes = piece.payload.len() as u64;
        let split = Split {
            file: self.reading.file,
            ordinal: self.ordinal,
            first_record: self.records + 1,
            records: piece.records,
            first_line: u64::from(piece.first_row),
            first_byte: self.bytes,
            payload: piece.payload.into(),
        };
        self.ordinal += 1;
        self.records += piece.records;
        self.bytes += payload_bytes;
        self.abandoned = self.sender.send(Ok(split)).is_err();
        if self.abandoned { Visit::Enough } else { Visit::More }
    }
}
