//! Rows that are gone since the last run of an incremental export, listed by their keys.
//!
//! A row that is gone carries no time. So every run keeps the keys of all rows that its query
//! finds (whenever they were written) in the ledger, and the next one compares them with those it
//! finds itself, in its snapshot: those that are missing were deleted, or are rows of the query no
//! more. They stand in a file of their own beside the rows, always CSV.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use futures_util::pin_mut;

use super::{
    ExportRequest,
    columns::{self, ResultColumn, place_of},
    file_set::WrittenFile,
    incremental::KnownKeys,
    layout::Layout,
    ledger,
    output_file::OutputFile,
    part_file::{FinishedFile, cannot_write, check_place, sync_files},
    query::{Query, type_sql},
    row::RowReader,
    values::ValueFormat,
    work_folder::WorkFolder,
    write::{self, Place},
};
use crate::{
    definition::{ExportDefinition, OutputFormat},
    error::{Error, Result},
    postgres::{
        session::database_error,
        sql::{quote_identifier, quote_literal},
    },
    private_file,
};

/// The number of the file among the parts in the work folder, which has fewer.
const PART: usize = usize::MAX;

/// The list, and the keys of the rows that are there.
pub(super) struct Deletions {
    pub(super) file: FinishedFile,
    pub(super) written: WrittenFile,
    /// Whether rows that are gone are known; else the list is empty.
    pub(super) known: bool,
    /// `None` where a list was made again.
    pub(super) found: Option<FoundKeys>,
}

/// The keys of the rows that there are.
pub(super) struct FoundKeys {
    /// Each an array in COPY's text format, in a line of its own.
    pub(super) file: PathBuf,
    /// The run under which those of the last run are kept.
    pub(super) last: Option<String>,
    /// What their text depends on.
    pub(super) keys: String,
}

/// Where the list stands, beside this manifest.
pub(super) fn path(manifest: &Path) -> PathBuf {
    let name = manifest.display().to_string();
    PathBuf::from(format!("{}.deleted.csv", name.trim_end_matches(".manifest.json")))
}

/// Lists the rows that are gone.
///
/// # Errors
/// `ErrorKind::Definition` where the key does not tell rows apart; else as an export's.
pub(super) async fn list(
    place: &Place<'_>,
    request: &ExportRequest<'_>,
    known: &KnownKeys,
    (manifest, work): (&Path, &WorkFolder),
) -> Result<Deletions> {
    let definition = request.definition;
    let key = definition.incremental.as_ref().map(|it| it.key.as_slice()).unwrap_or_default();
    let query = Query::bind(place.session, &definition.sql, request.parameters).await?;
    let columns = key.iter().map(|name| Ok(query.columns[place_of(name, &query.columns)?].clone()));
    let columns: Vec<ResultColumn> = columns.collect::<Result<_>>()?;
    let last = match known {
        KnownKeys::Last(last) => Some(last.clone()),
        KnownKeys::None | KnownKeys::Unknown | KnownKeys::Listed(_) => None,
    };
    let found = match (known, ledger::keys(definition)) {
        (KnownKeys::Listed(_), _) | (_, None) => None,
        (_, Some(keys)) => {
            Some(FoundKeys { file: write_keys(place, &query, key, work).await?, last, keys })
        }
    };
    let gone = gone(known, &format!("select {} from ({}\n) q", array(key), query.sql()));
    let listed = Query::of(select(&columns, &gone), columns);
    let layout = layout(definition, &listed)?;
    let (file, written) = write_list(place, &listed, &layout, (&path(manifest), work)).await?;
    Ok(Deletions { file, written, known: *known != KnownKeys::Unknown, found })
}

/// A key as the server's output functions write its values: a cast to text may write another.
fn array(key: &[String]) -> String {
    let text = key.iter().map(|name| format!("format('%s', q.{})", quote_identifier(name)));
    format!("array[{}]", text.collect::<Vec<_>>().join(", "))
}

/// Writes the keys of all rows to a file, in their order: two that are equal are beside each other.
async fn write_keys(
    place: &Place<'_>,
    query: &Query,
    key: &[String],
    work: &WorkFolder,
) -> Result<PathBuf> {
    let names = key.iter().map(|name| format!("q.{}", quote_identifier(name)));
    let names = names.collect::<Vec<_>>().join(", ");
    let sql = format!(
        "select k, n from (select {} as k, num_nulls({names}) > 0 as n from ({}\n) q) f order by k collate \"C\"",
        array(key),
        query.sql()
    );
    let path = work.path().join("keys");
    let failed = |cause| cannot_write(&path, cause);
    let mut file = BufWriter::new(private_file::create(&path)?);
    let query = Query::of(sql, Vec::new());
    let stream = write::attended(place, query.stream(place.session)).await?;
    pin_mut!(stream);
    let mut last = Vec::new();
    while let Some(message) = write::next(place, &mut stream).await? {
        let message =
            message.map_err(|error| database_error(&error, "read the keys of the rows"))?;
        let Some(line) = message.strip_suffix(b"\tf\n") else {
            return Err(Error::definition("a row of the query has no value in `incremental.key`")
                .hint("choose columns that always have one"));
        };
        if line == last {
            return Err(Error::definition("two rows of the query are equal in `incremental.key`")
                .hint("name all columns that tell its rows apart"));
        }
        last.clear();
        last.extend_from_slice(line);
        file.write_all(line).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    Ok(path)
}

/// The query for the keys that are gone, in a column `key`.
fn gone(known: &KnownKeys, there: &str) -> String {
    match known {
        KnownKeys::Last(run) => format!(
            "select key from longshore.export_key where keys_of = {} except {there}",
            quote_literal(run)
        ),
        KnownKeys::Listed(run) => format!(
            "select key from longshore.export_deletion where run_id = {}",
            quote_literal(run.as_str())
        ),
        KnownKeys::None | KnownKeys::Unknown => {
            "select key from longshore.export_deletion where false".to_owned()
        }
    }
}

fn select(columns: &[ResultColumn], gone: &str) -> String {
    let values = columns.iter().enumerate().map(|(at, column)| {
        let of = type_sql(&column.data_type);
        format!("g.key[{}]::{of} as {}", at + 1, quote_identifier(&column.name))
    });
    let values = values.collect::<Vec<_>>().join(", ");
    format!("select {values} from ({gone}) g order by g.key collate \"C\"")
}

/// As the rows are written, but for the columns: those of the key are all there are.
fn layout(definition: &ExportDefinition, listed: &Query) -> Result<Layout> {
    let mut definition = definition.clone();
    let is_key = |name: &String| listed.columns.iter().any(|column| column.name == *name);
    definition.sensitive.retain(|name, _| is_key(name));
    definition.output.labels.retain(|name, _| is_key(name));
    definition.output.columns.clear();
    definition.output.format = OutputFormat::Csv;
    let columns = columns::bind(&definition, &listed.columns)?;
    let values = ValueFormat::new(&definition, &columns)?;
    Ok(Layout { output: definition.output, columns, values })
}

async fn write_list(
    place: &Place<'_>,
    listed: &Query,
    layout: &Layout,
    (path, work): (&Path, &WorkFolder),
) -> Result<(FinishedFile, WrittenFile)> {
    check_place(path)?;
    let mut file = OutputFile::create(path, layout, (work, PART), place.progress)?;
    let stream = write::attended(place, listed.stream(place.session)).await?;
    pin_mut!(stream);
    let mut reader = RowReader::default();
    while let Some(message) = write::next(place, &mut stream).await? {
        let message = message.map_err(|error| database_error(&error, "list the deleted rows"))?;
        file.row(layout, &reader.read(&message, listed.columns.len())?)?;
    }
    let rows = file.rows();
    let (written, finished) = file.finish()?;
    sync_files([finished.part()].into_iter())?;
    let written = WrittenFile {
        path: path.display().to_string(),
        group: Vec::new(),
        rows,
        bytes: written.bytes,
        sha256: written.sha256,
        unchanged: false,
    };
    Ok((finished, written))
}
