//! The files of one export: a single one, one for each group of rows, numbered ones, or both.
//!
//! Rows come ordered by their group, so one file is open at a time and thousands of groups
//! take one pass. No file takes its place before the last row has come and everything is on disk:
//! a query that fails midway leaves all files as they were.

use std::{
    collections::{BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{
    columns::{ResultColumn, place_of},
    deletions::{self, Deletions, FoundKeys},
    layout::Layout,
    output_file::OutputFile,
    part_file::{FinishedFile, NAME_BYTES_MAX, check_place, sync_files, sync_folder},
    path::{PathPattern, safe_name},
    row::Row,
    work_folder::WorkFolder,
};
use crate::{
    error::{Error, Result},
    run::progress::Progress,
};

/// Bytes of a value in a name: fewer where the names of files would be too long otherwise.
const VALUE_BYTES: [usize; 4] = [NAME_BYTES_MAX, 100, 50, 20];

/// A file that an export wrote.
#[derive(Debug, Clone, Serialize)]
pub struct WrittenFile {
    /// Where it is.
    pub path: String,
    /// The values of `group_by` that its rows have; NULL is `null`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<Option<String>>,
    /// Its rows, without the header.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Whether these bytes were there already: then the file was left alone.
    pub unchanged: bool,
}

/// The files being written.
pub(super) struct FileSet {
    layout: Layout,
    pattern: PathPattern,
    work: WorkFolder,
    progress: Arc<Progress>,
    /// Places of the grouping columns in the query's result.
    groups: Vec<usize>,
    rows_per_file: Option<u64>,
    open: Option<OpenFile>,
    finished: Vec<FinishedFile>,
    written: Vec<WrittenFile>,
    /// Groups that have begun.
    seen: HashSet<Vec<Option<String>>>,
    /// Paths in lower case: file systems elsewhere may not tell `Ana` from `ana`.
    taken: HashSet<String>,
}

struct OpenFile {
    file: OutputFile,
    path: PathBuf,
    group: Vec<Option<String>>,
    /// The number of the file in its group, from 1.
    part: u64,
}

/// Whole files, on disk, that have not taken their places.
pub(super) struct FinishedSet {
    files: Vec<FinishedFile>,
    pub(super) written: Vec<WrittenFile>,
    pub(super) layout: Layout,
    /// The list of rows that are gone.
    pub(super) deletions: Option<Deletions>,
    /// Holds the files, and goes after them.
    work: WorkFolder,
}

/// Files in their places.
pub(super) struct PlacedSet {
    pub(super) written: Vec<WrittenFile>,
    /// The list of rows that are gone, and whether they are known.
    pub(super) deleted: Option<(WrittenFile, bool)>,
    pub(super) keys: Option<FoundKeys>,
    /// Still this export's, for the manifest.
    pub(super) work: WorkFolder,
}

impl FileSet {
    pub(super) fn new(
        layout: Layout,
        pattern: PathPattern,
        result: &[ResultColumn],
        work: WorkFolder,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        let groups = layout.output.group_by.iter().map(|name| place_of(name, result));
        let groups = groups.collect::<Result<_>>()?;
        let rows_per_file = layout.output.rows_per_file;
        let mut files = Self {
            layout,
            pattern,
            work,
            progress: Arc::clone(progress),
            groups,
            rows_per_file,
            open: None,
            finished: Vec::new(),
            written: Vec::new(),
            seen: HashSet::new(),
            taken: HashSet::new(),
        };
        // A group must not have the name of the file that lists them, or of that with deleted rows.
        let manifest = files.pattern.manifest(&files.layout.output);
        let list = deletions::path(Path::new(&manifest)).display().to_string();
        files.taken.extend([manifest.to_lowercase(), list.to_lowercase()]);
        // Without groups there is a file also where there are no rows.
        if files.groups.is_empty() {
            files.begin(Vec::new(), 1)?;
        }
        Ok(files)
    }

    /// Adds a row to the file it belongs to.
    pub(super) fn row(&mut self, row: &Row<'_>) -> Result<()> {
        let group = self.open.as_ref().map(|open| (&open.group, open.part, open.file.rows()));
        let is_same = |group: &[Option<String>]| {
            self.groups.iter().zip(group).all(|(at, value)| row.get(*at) == value.as_deref())
        };
        match group {
            Some((group, part, rows)) if is_same(group) => {
                if self.rows_per_file.is_some_and(|most| rows >= most) {
                    let group = group.clone();
                    self.begin(group, part + 1)?;
                }
            }
            _ => {
                let cells = self.groups.iter().map(|at| row.get(*at).map(str::to_owned));
                self.begin(cells.collect(), 1)?;
            }
        }
        match &mut self.open {
            Some(open) => open.file.row(&self.layout, row),
            None => Err(Error::unexpected("a row has no file")),
        }
    }

    /// Ends the file that is open and begins the next.
    fn begin(&mut self, group: Vec<Option<String>>, part: u64) -> Result<()> {
        self.end()?;
        if part == 1 && !self.seen.insert(group.clone()) {
            let names = self.layout.output.group_by.join("`, `");
            return Err(Error::definition(format!(
                "the rows of a group of `{names}` do not stand together"
            ))
            .hint("order the query by the columns of `group_by` first; by their text (`g::text collate \"C\"`) where values are equal that are written differently, as of citext"));
        }
        let path = self.path_of(&group, part)?;
        check_place(&path)?;
        let place = (&self.work, self.finished.len());
        let file = OutputFile::create(&path, &self.layout, place, &self.progress)?;
        self.open = Some(OpenFile { file, path, group, part });
        Ok(())
    }

    /// A path of its own: names that were changed, or are taken, carry a hash of the values.
    fn path_of(&mut self, group: &[Option<String>], part: u64) -> Result<PathBuf> {
        for told_apart in [false, true] {
            let mut fitting = VALUE_BYTES.iter().map(|most| {
                let name = |value: &Option<String>| safe_name(value.as_deref(), told_apart, *most);
                self.pattern.path(&group.iter().map(name).collect::<Vec<_>>(), part)
            });
            let is_short = |path: &String| path.split('/').all(|name| name.len() <= NAME_BYTES_MAX);
            let Some(path) = fitting.find(is_short) else {
                return Err(Error::definition("the name of a file would be longer than a name can be")
                    .hint(format!("names have {NAME_BYTES_MAX} bytes at most: put fewer columns or words into the path")));
            };
            if self.taken.insert(path.to_lowercase()) {
                return Ok(PathBuf::from(path));
            }
        }
        Err(Error::definition("two groups would have the same file")
            .hint("put every column of `group_by` into the path, between other characters"))
    }

    fn end(&mut self) -> Result<()> {
        let Some(OpenFile { file, path, group, .. }) = self.open.take() else { return Ok(()) };
        let rows = file.rows();
        let (written, finished) = file.finish()?;
        self.finished.push(finished);
        self.written.push(WrittenFile {
            path: path.display().to_string(),
            group,
            rows,
            bytes: written.bytes,
            sha256: written.sha256,
            unchanged: false,
        });
        Ok(())
    }

    /// Ends the last file and brings all to disk.
    pub(super) fn finish(mut self) -> Result<FinishedSet> {
        self.end()?;
        sync_files(self.finished.iter().map(FinishedFile::part))?;
        let (files, written, layout) = (self.finished, self.written, self.layout);
        Ok(FinishedSet { files, written, layout, deletions: None, work: self.work })
    }
}

impl FinishedSet {
    /// The whole files by where they stand and where they will be.
    pub(super) fn files(&self) -> &[FinishedFile] {
        &self.files
    }

    /// The folder of files that are not in their places yet.
    pub(super) fn work(&self) -> &WorkFolder {
        &self.work
    }

    /// Where files will be, the list of rows that are gone among them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.all().map(FinishedFile::path)
    }

    fn all(&self) -> impl Iterator<Item = &FinishedFile> {
        self.files.iter().chain(self.deletions.iter().map(|deletions| &deletions.file))
    }

    /// Checks that every file may take its place: half a set would be none.
    pub(super) fn prepare(&self) -> Result<()> {
        self.all().try_for_each(FinishedFile::prepare)
    }

    /// Lets the files take their places, which are [prepared](Self::prepare).
    pub(super) fn place(self) -> Result<PlacedSet> {
        let folders: BTreeSet<PathBuf> =
            self.all().flat_map(|file| file.folders()).map(Path::to_owned).collect();
        let mut placed =
            PlacedSet { written: self.written, deleted: None, keys: None, work: self.work };
        for (file, written) in self.files.into_iter().zip(&mut placed.written) {
            written.unchanged = !file.place()?;
        }
        if let Some(Deletions { file, written, known, found }) = self.deletions {
            let unchanged = !file.place()?;
            placed.deleted = Some((WrittenFile { unchanged, ..written }, known));
            placed.keys = found;
        }
        // Also where nothing changed: what an export that was cut off left may be in memory only.
        let unchanged = placed.written.iter().chain(placed.deleted.iter().map(|(list, _)| list));
        let unchanged: Vec<_> =
            unchanged.filter(|file| file.unchanged).map(|file| Path::new(&file.path)).collect();
        sync_files(unchanged.into_iter())?;
        folders.iter().try_for_each(|folder| sync_folder(folder))?;
        Ok(placed)
    }
}
