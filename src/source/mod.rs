//! Where records come from: one module per format behind one small interface.
//!
//! A [`Source`] is one file (or archive member) of a run. Reading has two
//! halves, so that all cores work on one file:
//!
//! - its [`Splitter`] runs on one thread, cheaply: it does the I/O, undoes
//!   compression, and cuts the stream into [`Split`]s at true record
//!   boundaries, with the exact number of the first record and line of each;
//! - [`Decoder`]s run in the workers: each turns one split at a time into
//!   batches of records.
//!
//! Cuts are made where the format says records end, never by a guess that has
//! to be verified later, so the records, their numbers and their order are the
//! same for every split size and thread count.

pub mod bundle;
pub mod input;
mod parts;
pub mod split;

mod block;
mod csv;
mod encoding;
mod geojson;
mod json;
mod jsonl;
#[cfg(test)]
mod reading;
mod shapefile;
mod sheet;
mod two_rows;

pub use parts::parts;

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::{
    batch::RecordBatch,
    definition::{FieldRef, Format, SourceDefinition},
    error::Result,
    outcome::FileWarning,
};

/// Opens one file of a run in the definition's format.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read as that format,
/// `ErrorKind::Definition` when the definition cannot be used for it.
pub fn open(definition: &SourceDefinition, file: &InputFile) -> Result<Box<dyn Source>> {
    match definition.format {
        Format::Csv => csv::open(definition, file),
        Format::Geojson => geojson::open(definition, file),
        Format::Jsonl => jsonl::open(definition, file),
        Format::Shapefile => shapefile::open(definition, file),
        Format::Xlsx | Format::Xlsb | Format::Xls | Format::Ods => sheet::open(definition, file),
    }
}

/// One file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Its place in the run, from 0, in sorted path order.
    pub ordinal: u32,
    /// Where its bytes are.
    pub path: PathBuf,
    /// What people are shown: the path as given, for `-` "standard input".
    pub display: String,
}

/// The fields a source offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The names in source order; duplicates and empty names are kept as they stand.
    pub fields: Vec<String>,
    /// The source line or sheet row the names stand on, 0 where there is none.
    pub line: u64,
    /// What the list says.
    pub listing: Listing,
}

/// What the owner of a file is told whose header stands in it again.
const REPEATS_HEADER: &str = "it is the header once more: were files put together?";

impl Header {
    /// Whether a record that says the same in every field can only be the header again: names of
    /// two columns at least stand in the file.
    fn is_told_from_records(&self) -> bool {
        self.line > 0 && self.fields.iter().filter(|name| !name.is_empty()).nth(1).is_some()
    }
}

/// Names that features offer beside their properties.
const FEATURE_FIELDS: [&str; 4] = ["geometry", "id", "feature.geometry", "feature.id"];

/// What a list of fields says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listing {
    /// These and no others.
    #[default]
    All,
    /// Those of the first features; others may follow.
    Features,
    /// Those of the first objects; others may follow, and paths lead into them.
    Objects,
}

impl Header {
    /// How many fields a name may mean.
    pub fn count(&self, name: &str) -> usize {
        let listed = self.fields.iter().filter(|field| *field == name).count();
        let also_meant = match self.listing {
            Listing::All => false,
            Listing::Features => FEATURE_FIELDS.contains(&name),
            Listing::Objects => {
                let member = name.split(['.', '[']).next().unwrap_or(name);
                self.fields.is_empty() || self.fields.iter().any(|field| field == member)
            }
        };
        if listed == 0 { usize::from(also_meant) } else { listed }
    }
}

/// The cells decoders are to deliver, in this order; made by the plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Projection {
    /// Cell `i` of a record is field `fields[i]`.
    pub fields: Vec<FieldRef>,
    /// Whether one more cell follows: a JSON object of all fields not listed above.
    pub rest: bool,
}

/// One file, opened: its header is known, no record has been read.
///
/// Implementations are immutable; splitters and decoders carry the state.
pub trait Source: Send + Sync {
    /// The fields, for binding.
    fn header(&self) -> &Header;

    /// Starts reading from the first record, cutting splits of about `split_bytes`.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the file cannot be opened.
    fn splitter(&self, split_bytes: usize) -> Result<Box<dyn Splitter>>;

    /// A decoder for this source's splits; each worker has its own.
    ///
    /// A field that this source lacks is delivered as `Absent`: whether that
    /// is allowed was settled when the plan was bound to this source's header.
    fn decoder(&self, projection: &Projection) -> Box<dyn Decoder>;

    /// The coordinate reference system the file itself declares: `EPSG:code`, or WKT from a
    /// `.prj`; `None` where it says nothing. GeoJSON without a `crs` member is `EPSG:4326`.
    fn crs(&self) -> Option<&str> {
        None
    }

    /// What of a record's raw bytes is its content, whichever place it has in the file.
    fn content_of<'r>(&self, raw: &'r [u8]) -> &'r [u8] {
        raw
    }

    /// Opens a writer for rejected records of this file, in the folder given
    /// (it exists, mode 0700); files are made with `crate::private_file`.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when nothing can be written there.
    fn rejected_writer(&self, folder: &Path) -> Result<Box<dyn RejectedWriter>>;
}

/// Cuts one file into splits, in order.
pub trait Splitter: Send {
    /// The next split, `None` at a proper end of the file.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the file is truncated, corrupt or not in its
    /// format at all: what has been delivered must not be published then.
    fn next_split(&mut self) -> Result<Option<Split>>;

    /// Bytes of the file on disk consumed so far, for progress.
    fn bytes_read(&self) -> u64;

    /// What is odd about the file as a whole; complete once the last split is delivered.
    fn warnings(&self) -> Vec<FileWarning> {
        Vec::new()
    }
}

/// Turns splits into records.
pub trait Decoder: Send {
    /// Takes the next split; the one before has been read to its end.
    fn start(&mut self, split: Split);

    /// Empties `batch`, then fills it with the next records of the split;
    /// `false` when there was none left. What cannot be decoded is in the batch
    /// with its fault: this never fails and never skips a record.
    fn fill(&mut self, batch: &mut RecordBatch) -> bool;
}

/// An independently decodable piece of a file: the unit of work, of COPY and of checkpoints.
#[derive(Debug)]
pub struct Split {
    /// The file's ordinal in the run.
    pub file: u32,
    /// The split's number within its file, from 0.
    pub ordinal: u32,
    /// The number of its first record within the file, from 1.
    pub first_record: u64,
    /// How many records it holds.
    pub records: u64,
    /// The line (or sheet row) its first record starts on, from 1; 0 without lines.
    pub first_line: u64,
    /// Where its bytes start in the decoded stream of the file.
    pub first_byte: u64,
    /// Its content: whole records, in an encoding that only the format's own decoder reads.
    /// A record's bytes are contiguous, so that `Record::raw` can give them back.
    pub payload: Bytes,
}

/// Writes rejected records in their original layout, ready to correct and replay.
pub trait RejectedWriter: Send {
    /// Adds one record: what `Record::raw` gave for it.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the file cannot be written.
    fn write(&mut self, raw: &[u8]) -> Result<()>;

    /// The file that is written: what a pipeline reads again.
    fn path(&self) -> &Path;

    /// Ends the file properly and brings it to disk.
    ///
    /// # Errors
    /// As `write`.
    fn finish(self: Box<Self>) -> Result<()>;
}
