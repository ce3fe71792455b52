//! Replay: the corrected records of a run, through the same pipeline.
//!
//! What a run rejected stands in its report's folder `rejected/`, in the layout of the
//! source, and its places stand in the ledger as open. A replay reads those files as a run
//! reads its own. A row whose record a replay loaded before is passed over (and counted as
//! filtered), whatever the write mode; every other row takes the way of any record; and what
//! is not rejected again is closed in the publishing transaction. Rows that were not
//! corrected are tried too: the pipeline may have been mended, or a row they refer to be
//! there now.

mod align;
mod rows;

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    ImportRequest, Stop,
    files::{self, FoundFile, NamedFile},
    prepare,
};
use crate::{
    definition::ImportDefinition,
    error::{Error, ErrorKind, Result},
    postgres::{
        ledger::{self, RejectedNote, ReplayRecord},
        session::Session,
    },
    report::{self, RejectedPlace, ReplaySummary},
    run_id::RunId,
    source::{InputFile, bundle::Delivered},
};
use align::{Mismatch, align};

/// Records that one run may have rejected for a replay to be offered: their fingerprints are
/// held in memory, about 200 bytes each.
const RECORDS_MAX: usize = 1_000_000;

/// What to replay, and how.
#[derive(Debug, Clone)]
pub struct ReplayRequest {
    /// The pipeline as written, and how to run it; `force` means nothing here.
    pub import: ImportRequest,
    /// The run that rejected the records.
    pub of: RunId,
    /// Its report folder.
    pub report: PathBuf,
}

impl ReplayRequest {
    /// The import that a replay is.
    pub(super) fn as_import(&self) -> ImportRequest {
        let mut import = ImportRequest { force: true, ..self.import.clone() };
        only_corrected(&mut import.pipeline.definition);
        import
    }
}

/// The definition for a file that holds some records of a delivery only.
fn only_corrected(definition: &mut ImportDefinition) {
    // Rejected records are unpacked when they are written.
    for source in
        definition.source.iter_mut().chain(definition.files.iter_mut().map(|it| &mut it.source))
    {
        source.member = None;
    }
    // Most of them may still be wrong: that is no reason to hold back the others.
    definition.limits.rejected = None;
}

/// A replay whose rows have been matched with the records they are.
pub(super) struct Replay {
    of: RunId,
    folder: PathBuf,
    /// The hash of the definition as written.
    pub(super) definition_sha256: String,
    /// The rejected records, in the order they were written.
    places: Vec<RejectedPlace>,
    open: HashSet<(u32, u64)>,
    /// The files of rejected records that are still there.
    pub(super) found: Vec<FoundFile>,
    /// Per file found and row, the index in `places` of the record it is.
    rows: Vec<Vec<usize>>,
}

impl Replay {
    /// Reads what is open, and matches the rows of the corrected files with it.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the files cannot be read or hold rows that were never
    /// rejected; `ErrorKind::Definition` when they have been loaded by another way.
    pub(super) async fn prepare(session: &Session, request: &ReplayRequest) -> Result<Self, Stop> {
        let client = &session.client;
        let open: HashSet<_> =
            ledger::open_records(client, &request.of).await?.into_iter().collect();
        let places = read_places(request)?;
        let mut replay = Self {
            of: request.of.clone(),
            folder: request.report.clone(),
            definition_sha256: prepare::definition_sha256(&request.import.pipeline)?,
            places,
            open,
            found: Vec::new(),
            rows: Vec::new(),
        };
        if !replay.open.is_empty() {
            replay.match_files(&request.as_import().pipeline.definition).await?;
        }
        if prepare::appends(&request.import.pipeline.definition) {
            replay.refuse_loaded(session, &request.import.pipeline.name).await?;
        }
        Ok(replay)
    }

    async fn match_files(&mut self, definition: &ImportDefinition) -> Result<()> {
        let mut files = BTreeMap::new();
        for place in &self.places {
            files.entry((place.file, self.folder.join(&place.rejected))).or_insert(place);
        }
        files.retain(|(_, path), _| path.exists());
        let mut named = Vec::with_capacity(files.len());
        for (ordinal, ((_, path), place)) in (0..).zip(&files) {
            named.push(corrected(definition, place, ordinal, path)?);
        }
        let there: Vec<(u32, String)> =
            files.values().map(|place| (place.file, place.rejected.clone())).collect();
        let reading = tokio::task::spawn_blocking(move || {
            let found = files::find_named(named)?;
            let rows = found.iter().map(rows::fingerprints);
            let rows = rows.collect::<Result<Vec<_>>>()?;
            Ok::<_, Error>((found, rows))
        });
        let read = reading.await;
        let (mut found, rows) =
            read.map_err(|cause| Error::unexpected("reading rows failed").caused_by(cause))??;
        for (file, (found, rows)) in there.iter().zip(found.iter_mut().zip(rows)) {
            let matched = self.match_file(file, found, &rows)?;
            found.skip = self.closed_rows(&matched);
            for (row, place) in rows.into_iter().zip(&matched) {
                self.places[*place].fingerprint = row;
            }
            self.rows.push(matched);
        }
        self.found = found;
        Ok(())
    }

    /// For each row of a file, the index in `places` of the record it is. One file of the run may
    /// have several of rejected records: some were rejected later than others.
    fn match_file(
        &self,
        (file, rejected): &(u32, String),
        found: &FoundFile,
        rows: &[report::Fingerprint],
    ) -> Result<Vec<usize>> {
        let is_of_file = |place: &RejectedPlace| place.file == *file && place.rejected == *rejected;
        let of_file = self.places.iter().enumerate().filter(|(_, place)| is_of_file(place));
        let (indexes, records): (Vec<_>, Vec<_>) =
            of_file.map(|(index, place)| (index, &place.fingerprint)).unzip();
        let matched = align(&records, rows).map_err(|why| mismatched(&why, found))?;
        Ok(matched.into_iter().map(|record| indexes[record]).collect())
    }

    fn closed_rows(&self, matched: &[usize]) -> HashSet<u64> {
        let rows = (1..).zip(matched);
        rows.filter(|(_, place)| !self.is_open(**place)).map(|(row, _)| row).collect()
    }

    fn is_open(&self, place: usize) -> bool {
        let place = &self.places[place];
        self.open.contains(&(place.file, place.record))
    }

    /// Appending twice would double rows: by `run --input`, nothing was closed.
    async fn refuse_loaded(&self, session: &Session, pipeline: &str) -> Result<()> {
        for (file, sha256) in self.found.iter().zip(files::hashes(&self.found).await?) {
            let by = ledger::loaded_directly(&session.client, pipeline, &sha256).await?;
            if let Some(by) = by {
                let path = &file.input.display;
                let what = format!("`{path}` has been loaded already, by run {by} with --input");
                return Err(Error::definition(what)
                    .hint("take out the rows that it loaded, then replay the others"));
            }
        }
        Ok(())
    }

    /// Whether no row is one of an open record.
    pub(super) fn has_nothing_to_do(&self) -> bool {
        !self.rows.iter().flatten().any(|place| self.is_open(*place))
    }

    /// Writes down what the rows look like now, so that they are known next time.
    pub(super) fn remember_rows(&self) -> Result<()> {
        report::replace_places(&self.folder, &self.places)
    }

    /// What a replay that has not ended yet is for the ledger.
    pub(super) fn started(&self) -> ReplayRecord {
        ReplayRecord { of: self.of.clone(), closed: Vec::new(), rejected_again: Vec::new() }
    }

    /// What becomes of the records, by what the replay's own report rejects.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the report cannot be read.
    pub(super) fn outcome(&self, rejected: &[RejectedPlace]) -> Result<ReplayRecord> {
        let mut record = self.started();
        let mut again = HashSet::new();
        for row in rejected {
            let at = usize::try_from(row.record).ok().and_then(|number| number.checked_sub(1));
            let rows = self.rows.get(row.file as usize);
            let place = rows.zip(at).and_then(|(rows, at)| rows.get(at));
            let place = *place.ok_or_else(|| Error::unexpected("a row that was never read"))?;
            again.insert(place);
            let codes = row.codes.clone();
            record.rejected_again.push(RejectedNote { codes, ..note_of(&self.places[place]) });
        }
        let read = self.rows.iter().flatten();
        let closed = read.filter(|place| self.is_open(**place) && !again.contains(*place));
        record.closed =
            closed.map(|place| (self.places[*place].file, self.places[*place].record)).collect();
        Ok(record)
    }

    /// What people and scripts are told.
    pub(super) fn summary(&self, outcome: &ReplayRecord) -> ReplaySummary {
        let (rejected, open) = (self.places.len() as u64, self.open.len() as u64);
        let closed = outcome.closed.len() as u64;
        ReplaySummary { of: self.of.to_string(), rejected, closed, open: open - closed }
    }
}

/// A file of corrected records, as one of the definition's sources.
fn corrected(
    definition: &ImportDefinition,
    place: &RejectedPlace,
    ordinal: u32,
    path: &Path,
) -> Result<NamedFile> {
    let names = || definition.files.iter().map(|file| file.name.as_str());
    let of = match place.name.as_str() {
        "" => Some(0),
        name => names().position(|known| known == name),
    };
    let source = of.and_then(|of| Some((of, *definition.sources().get(of)?)));
    let (of, source) = source.ok_or_else(|| {
        let what = format!("the pipeline has no `[[file]]` named `{}` any more", place.name);
        Error::definition(what).hint("its rejected records are read as that file was")
    })?;
    let input = InputFile { ordinal, path: path.to_owned(), display: path.display().to_string() };
    let delivered = Delivered::of(&place.delivered).unwrap_or_default();
    Ok(NamedFile { input, of, source: Arc::new(source.clone()), delivered })
}

/// A rejected record as the ledger keeps it.
pub(super) fn note_of(place: &RejectedPlace) -> RejectedNote {
    RejectedNote {
        file: place.file,
        record: place.record,
        line: place.line,
        codes: place.codes.clone(),
    }
}

fn read_places(request: &ReplayRequest) -> Result<Vec<RejectedPlace>> {
    let places = report::read_places(&request.report)?.take(RECORDS_MAX + 1);
    let places = places.collect::<Result<Vec<_>>>()?;
    if places.len() > RECORDS_MAX {
        let what = format!("run {} rejected more than {RECORDS_MAX} records", request.of);
        return Err(Error::definition(what)
            .hint("so many are mended at the source: have the file delivered again"));
    }
    if places.is_empty() {
        let what = format!("`{}` holds no rejected records", request.report.display());
        return Err(Error::source_file(what)
            .hint("name the report folder of that run with --report, if it was moved"));
    }
    Ok(places)
}

fn mismatched(why: &Mismatch, found: &FoundFile) -> Error {
    let path = &found.input.display;
    match why {
        Mismatch::Added(1) => {
            Error::new(ErrorKind::Source, format!("`{path}` holds a row that was never rejected"))
                .hint("load new records with `run --input`; a replay takes corrected ones")
        }
        Mismatch::Added(rows) => Error::new(
            ErrorKind::Source,
            format!("`{path}` holds {rows} rows more than were rejected"),
        )
        .hint("load new records with `run --input`; a replay takes corrected ones"),
        Mismatch::Unclear => Error::new(
            ErrorKind::Source,
            format!("`{path}`: it cannot be told which of its rows were taken out"),
        )
        .hint("put them back as they were: what is still wrong is rejected again and stays open"),
    }
}
