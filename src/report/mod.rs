//! The report of a run: a private folder with the summary, one line per
//! violation, and the rejected records in their original layout, with a note of where each stood.
//!
//! `rejections.csv` may be mailed: it has positions, codes and messages, and of
//! a value its shape at most; so does `warnings.csv`, of records that are loaded all the same. `rejected/` has the records themselves, for
//! their owner only (files 0600 in folders 0700).

mod fingerprint;
mod positions;
mod rejections;
mod summary;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub use fingerprint::Fingerprint;
use positions::PositionsFile;
pub use positions::{RejectedPlace, read_places, replace_places};
pub use rejections::RejectionLine;
use rejections::RejectionsFile;
pub use summary::{
    BundleSummary, FileSummary, GeometrySummary, LeftRows, NotRead, RejectionSummary,
    ReplaySummary, ResumedSummary, RunStatus, RunSummary, Seconds, TableSummary, UndoSummary,
    ValidatedTable, ValidationSummary, WarningSummary,
};

use crate::{
    error::{Error, Result},
    failpoint, private_file,
    run_id::RunId,
    source::{RejectedWriter, Source, bundle::Delivered},
};

/// A file of the run that has rejected records.
#[derive(Clone, Copy)]
pub struct RejectingFile<'a> {
    /// Its ordinal in the run.
    pub ordinal: u32,
    /// In a bundle: the name the pipeline has for it.
    pub name: Option<&'a str>,
    /// What its delivery says of it.
    pub delivered: Delivered,
    /// Its source.
    pub source: &'a dyn Source,
}

/// The report folder of one run, written as rejections come.
pub struct Report {
    folder: PathBuf,
    rejections: Option<RejectionsFile>,
    warnings: Option<RejectionsFile>,
    warned_by_code: BTreeMap<String, u64>,
    positions: Option<PositionsFile>,
    writers: BTreeMap<u32, Box<dyn RejectedWriter>>,
    keeps_records: bool,
    by_code: BTreeMap<String, u64>,
    /// Rejected records by file.
    records: BTreeMap<u32, u64>,
    /// How often it was finished and went on.
    resumed: u32,
}

impl Report {
    /// A report in `folder/RUN`; files appear with the first rejection.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the folder cannot be made.
    pub fn create(folder: &Path, run: &RunId) -> Result<Self> {
        let folder = folder.join(run.as_str());
        private_file::create_folder(&folder)?;
        Ok(Self {
            folder,
            rejections: None,
            warnings: None,
            warned_by_code: BTreeMap::new(),
            positions: None,
            writers: BTreeMap::new(),
            keeps_records: true,
            by_code: BTreeMap::new(),
            records: BTreeMap::new(),
            resumed: 0,
        })
    }

    /// The same report without the records themselves: those of a replay stand in the folder
    /// that they were corrected in, and a second place to correct them would be one too many.
    #[must_use]
    pub fn without_records(self) -> Self {
        Self { keeps_records: false, ..self }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Rejected records so far.
    pub fn rejected_records(&self) -> u64 {
        self.records.values().sum()
    }

    /// Rejected records of one file so far.
    pub fn rejected_of(&self, file: u32) -> u64 {
        self.records.get(&file).copied().unwrap_or(0)
    }

    /// Violations by code.
    pub fn by_code(&self) -> &BTreeMap<String, u64> {
        &self.by_code
    }

    /// Adds a rejected record: its violations, and the record as its source has it.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when nothing can be written.
    pub fn reject(
        &mut self,
        file: &RejectingFile<'_>,
        lines: &[RejectionLine<'_>],
        raw: &[u8],
    ) -> Result<()> {
        *self.records.entry(file.ordinal).or_default() += 1;
        let rejections = match &mut self.rejections {
            Some(rejections) => rejections,
            none => none.insert(RejectionsFile::append(&self.folder.join("rejections.csv"))?),
        };
        for line in lines {
            *self.by_code.entry(line.code.to_owned()).or_default() += 1;
            rejections.write(line)?;
            failpoint::hit("report.rejection")?;
        }
        if self.keeps_records {
            self.writer(file)?.write(raw)?;
        }
        self.note_place(file, lines, raw)
    }

    /// Warnings by code.
    pub fn warned_by_code(&self) -> &BTreeMap<String, u64> {
        &self.warned_by_code
    }

    /// Adds what there is to say of a record that is loaded all the same, or of a file.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when nothing can be written.
    pub fn warn(&mut self, lines: &[RejectionLine<'_>]) -> Result<()> {
        let warnings = match &mut self.warnings {
            Some(warnings) => warnings,
            none => none.insert(RejectionsFile::create(&self.folder.join("warnings.csv"))?),
        };
        for line in lines {
            *self.warned_by_code.entry(line.code.to_owned()).or_default() += 1;
            warnings.write(line)?;
        }
        Ok(())
    }

    fn note_place(
        &mut self,
        file: &RejectingFile<'_>,
        lines: &[RejectionLine<'_>],
        raw: &[u8],
    ) -> Result<()> {
        let codes: BTreeSet<&str> = lines.iter().map(|line| line.code).collect();
        let (line, record) = lines.first().map_or((0, 0), |first| (first.line, first.record));
        let path = self.writers.get(&file.ordinal).map_or(Path::new(""), |writer| writer.path());
        let place = RejectedPlace {
            file: file.ordinal,
            name: file.name.unwrap_or_default().to_owned(),
            delivered: file.name.map_or("", |_| file.delivered.word()).to_owned(),
            rejected: path.strip_prefix(&self.folder).unwrap_or(path).display().to_string(),
            line,
            record,
            codes: Vec::from_iter(codes).join(" "),
            fingerprint: Fingerprint::of(file.source.content_of(raw)),
        };
        let positions = match &mut self.positions {
            Some(positions) => positions,
            none => none.insert(PositionsFile::append(&self.folder)?),
        };
        positions.write(&place)
    }

    /// Goes on with a report that was finished: lines are added, and further records come into
    /// files beside those that are complete.
    pub fn resume(&mut self) {
        self.resumed += 1;
    }

    /// Each file of the run has a folder of its own, so that equal names do not meet.
    fn writer(&mut self, file: &RejectingFile<'_>) -> Result<&mut Box<dyn RejectedWriter>> {
        use std::collections::btree_map::Entry;
        match self.writers.entry(file.ordinal) {
            Entry::Occupied(writer) => Ok(writer.into_mut()),
            Entry::Vacant(place) => {
                let mut all = self.folder.join("rejected");
                if self.resumed > 0 {
                    all.push(format!("later-{}", self.resumed));
                }
                let folder = match (file.name, file.ordinal) {
                    (Some(name), _) => all.join(name),
                    (None, 0) => all,
                    (None, ordinal) => all.join((ordinal + 1).to_string()),
                };
                private_file::create_folder(&folder)?;
                Ok(place.insert(file.source.rejected_writer(&folder)?))
            }
        }
    }

    /// Ends all files of rejections and brings them to disk.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk refuses.
    pub fn finish_rejections(&mut self) -> Result<()> {
        if let Some(rejections) = self.rejections.take() {
            rejections.finish()?;
        }
        if let Some(warnings) = self.warnings.take() {
            warnings.finish()?;
        }
        if let Some(positions) = self.positions.take() {
            positions.finish()?;
        }
        for (_, writer) in std::mem::take(&mut self.writers) {
            writer.finish()?;
        }
        Ok(())
    }

    /// Writes `summary.json`: it is there whole or not at all.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when nothing can be written.
    pub fn write_summary(&self, summary: &impl serde::Serialize) -> Result<()> {
        write_summary(&self.folder, summary)
    }
}

/// Writes `summary.json` in the folder of a report, in place of the one that may be there.
///
/// # Errors
/// `ErrorKind::Environment` when nothing can be written.
pub fn write_summary(folder: &Path, summary: &impl serde::Serialize) -> Result<()> {
    let path = folder.join("summary.json");
    let unfinished = folder.join("summary.json.new");
    let text = serde_json::to_vec_pretty(summary).map_err(|cause| {
        Error::unexpected("the summary cannot be written as JSON").caused_by(cause)
    })?;
    let mut file = private_file::create(&unfinished)?;
    let written = std::io::Write::write_all(&mut file, &text);
    failpoint::hit("summary.writing")?;
    let written = written.and_then(|()| file.sync_all());
    written.and_then(|()| std::fs::rename(&unfinished, &path)).map_err(|cause| {
        Error::environment(format!("`{}` cannot be written", path.display())).caused_by(cause)
    })
}
