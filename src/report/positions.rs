//! `positions.csv`: where each rejected record stood, and by what it is known again.
//!
//! The files in `rejected/` are edited by hand: rows are corrected, left as they are, taken
//! out, sorted. `replay` has to know which of the run's records a row is, without a column
//! of its own in files whose layout must not change. So every record has a line here, in the
//! order written, with a fingerprint of its content. Fingerprints can be tried against
//! guesses, so the file is as private as the records themselves.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Fingerprint;
use crate::{
    error::{Error, Result},
    private_file,
};

/// The file's name in the report folder.
const NAME: &str = "positions.csv";

/// One rejected record: where it stood, what was wrong, and by what it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedPlace {
    /// The file's ordinal in the run.
    pub file: u32,
    /// The file of rejected records it was written to, below the report folder; empty where
    /// records are not kept.
    pub rejected: String,
    /// The line (or sheet row) it started on; 0 without lines.
    pub line: u64,
    /// Its number in its file, from 1.
    pub record: u64,
    /// Its codes, sorted, with a space between.
    pub codes: String,
    /// What it looked like.
    pub fingerprint: Fingerprint,
    /// In a bundle: the pipeline's name for the file; else empty.
    #[serde(default)]
    pub name: String,
    /// In a bundle: how the file was delivered, `bulk` or `delta`; else empty.
    #[serde(default)]
    pub delivered: String,
}

/// Writes `positions.csv`, record by record.
pub(super) struct PositionsFile {
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
}

impl PositionsFile {
    /// The file of a report's folder, new or to go on with.
    pub(super) fn append(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        if path.symlink_metadata().is_err() {
            return Self::create_at(path);
        }
        let file = BufWriter::new(private_file::append(&path)?);
        let writer = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        Ok(Self { path, writer })
    }

    fn create_at(path: PathBuf) -> Result<Self> {
        let file = BufWriter::new(private_file::create(&path)?);
        Ok(Self { path, writer: csv::Writer::from_writer(file) })
    }

    pub(super) fn write(&mut self, place: &RejectedPlace) -> Result<()> {
        self.writer.serialize(place).map_err(|cause| cannot_write(&self.path).caused_by(cause))
    }

    pub(super) fn finish(self) -> Result<()> {
        let path = self.path;
        let inner = self.writer.into_inner().map_err(|_| cannot_write(&path))?;
        let file = inner.into_inner().map_err(|_| cannot_write(&path))?;
        file.sync_all().map_err(|cause| cannot_write(&path).caused_by(cause))
    }
}

/// The rejected records of a report, in the order they were written; none where nothing was
/// rejected.
///
/// # Errors
/// `ErrorKind::Environment` when the file is there and cannot be read.
pub fn read_places(folder: &Path) -> Result<impl Iterator<Item = Result<RejectedPlace>>> {
    let path = folder.join(NAME);
    let file = match File::open(&path) {
        Ok(file) => Some(file),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
        Err(cause) => return Err(cannot_read(&path).caused_by(cause)),
    };
    let rows = file.map(|file| csv::Reader::from_reader(file).into_deserialize());
    Ok(rows.into_iter().flatten().map(move |row| row.map_err(|_| cannot_read(&path))))
}

/// Puts other places in the stead of those a report has; the file is never seen half written.
///
/// # Errors
/// `ErrorKind::Environment` when nothing can be written there.
pub fn replace_places(folder: &Path, places: &[RejectedPlace]) -> Result<()> {
    let (path, new) = (folder.join(NAME), folder.join(".positions.new"));
    if new.symlink_metadata().is_ok() {
        std::fs::remove_file(&new).map_err(|cause| cannot_write(&new).caused_by(cause))?;
    }
    let mut file = PositionsFile::create_at(new.clone())?;
    places.iter().try_for_each(|place| file.write(place))?;
    file.finish()?;
    std::fs::rename(&new, &path).map_err(|cause| cannot_write(&path).caused_by(cause))
}

fn cannot_write(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be written", path.display())).hint("is the disk full?")
}

/// Without the reader's own message: it may quote what stands there.
fn cannot_read(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be read", path.display()))
        .hint("it is written by longshore and not meant to be edited")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_were_written_and_can_be_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(read_places(folder.path()).expect("none").count(), 0);
        let place = |record: u64| RejectedPlace {
            file: 1,
            rejected: "rejected/2/a, b.csv".to_owned(),
            line: record + 1,
            record,
            codes: "rule.required type.date".to_owned(),
            fingerprint: Fingerprint::of(format!("{record};Ana;x").as_bytes()),
            name: "users".to_owned(),
            delivered: "delta".to_owned(),
        };
        let mut file = PositionsFile::append(folder.path()).expect("created");
        [1, 7].iter().try_for_each(|record| file.write(&place(*record))).expect("written");
        file.finish().expect("finished");
        let read = || {
            let places = read_places(folder.path()).expect("opened");
            places.collect::<Result<Vec<_>>>().expect("read")
        };
        assert_eq!(read(), [place(1), place(7)]);
        replace_places(folder.path(), &[place(9)]).expect("replaced");
        assert_eq!(read(), [place(9)]);
    }
}
