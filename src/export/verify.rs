//! Reading an archive's files again: do they hold what the database has?
//!
//! The files are read by another reader than the one that wrote them, from the disk, unpacked and
//! decoded; the rows are asked for once more in the same snapshot. Both are hashed cell by cell,
//! and must have the same number and the same hash.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use encoding_rs::WINDOWS_1252;
use futures_util::pin_mut;
use sha2::{Digest, Sha256};

use super::{
    columns::Kind,
    file_set::FinishedSet,
    layout::Layout,
    manifest::hex,
    query::Query,
    row::{Row, RowReader},
    write::{self, Place},
};
use crate::{
    error::{Error, Result},
    postgres::session::database_error,
};

/// What a guard is taken from.
const GUARDED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\0'];

/// Rows, by number and hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    rows: u64,
    /// Of the rows in their order.
    sha256: String,
    /// Of the same rows in any order: rows that are equal by what orders them may change places
    /// from one transaction to the next.
    pub(super) any_order: String,
}

/// Rows as they come.
#[derive(Default)]
struct Contents {
    rows: u64,
    in_order: Sha256,
    /// The sum of the rows' hashes, in four parts that do not carry into each other.
    sum: [u64; 4],
}

impl Contents {
    fn add(&mut self, row: Sha256) {
        let hash = row.finalize();
        self.rows += 1;
        self.in_order.update(hash);
        for (sum, part) in self.sum.iter_mut().zip(hash.chunks_exact(8)) {
            let part = part.iter().fold(0, |part, byte| part << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(part);
        }
    }

    fn end(self) -> Content {
        let any_order = self.sum.iter().map(|part| format!("{part:016x}")).collect();
        Content { rows: self.rows, sha256: hex(&self.in_order.finalize()), any_order }
    }
}

/// Compares files that wait for their place with the rows in the snapshot.
///
/// # Errors
/// `ErrorKind::Environment` where they differ, or cannot be read again.
pub(super) async fn verify(
    place: &Place<'_>,
    query: &Query,
    files: &FinishedSet,
) -> Result<Content> {
    let in_files = of_files(files)?;
    let in_database = of_database(place, query, &files.layout).await?;
    if in_files == in_database {
        return Ok(in_files);
    }
    let what = match in_files.rows == in_database.rows {
        true => "the files do not hold the values that the database has".to_owned(),
        false => format!(
            "the files hold {} rows, and the database has {}",
            in_files.rows, in_database.rows
        ),
    };
    Err(Error::environment(what).hint(
        "nothing is deleted; a query that gives other rows each time cannot be archived, a disk that changes bytes has to be replaced",
    ))
}

async fn of_database(place: &Place<'_>, query: &Query, layout: &Layout) -> Result<Content> {
    let stream = write::attended(place, query.stream(place.session)).await?;
    pin_mut!(stream);
    let (mut reader, mut contents) = (RowReader::default(), Contents::default());
    while let Some(message) = write::next(place, &mut stream).await? {
        let message =
            message.map_err(|error| database_error(&error, "read the archived rows again"))?;
        let row = reader.read(&message, query.columns.len())?;
        let hash = hash_row(layout, &row, contents.rows + 1)?;
        contents.add(hash);
    }
    Ok(contents.end())
}

fn hash_row(layout: &Layout, row: &Row<'_>, number: u64) -> Result<Sha256> {
    let (null, mut hash) = (&layout.output.null, Sha256::new());
    for column in &layout.columns {
        let text = layout.values.write(column, row.get(column.at));
        let text = text.map_err(|why| super::values::unwritable(number, column, why))?;
        // Quotes tell them apart, and most readers do not look at quotes.
        let is_null = |text: &str| text == null || null.strip_prefix('\'') == Some(text);
        if text.as_deref().is_some_and(is_null) {
            let what = format!(
                "row {number}, column `{}`, holds the text that stands for NULL",
                column.name
            );
            return Err(Error::definition(what).hint(
                "nothing is deleted; give `output.null` a text that no value is, as `\\\\N`",
            ));
        }
        hash_cell(text.as_deref().unwrap_or(null), &mut hash);
    }
    Ok(hash)
}

fn hash_cell(text: &str, hash: &mut Sha256) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn of_files(files: &FinishedSet) -> Result<Content> {
    let mut contents = Contents::default();
    for file in files.files() {
        let read =
            read(file.part(), file.path(), |bytes| of_file(bytes, &files.layout, &mut contents));
        read.map_err(|cause| {
            let what = format!("`{}` cannot be read again", file.path().display());
            // What is wrong may quote a value.
            Error::environment(what).caused_by(match cause.kind() {
                csv::ErrorKind::Io(io) => io.to_string(),
                _ => "it is not the CSV that was written".to_owned(),
            })
        })?;
    }
    Ok(contents.end())
}

fn of_file(
    file: &mut dyn Read,
    layout: &Layout,
    contents: &mut Contents,
) -> Result<(), csv::Error> {
    let output = &layout.output;
    let delimiter = output.delimiter.as_deref().and_then(|text| text.bytes().next());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .has_headers(output.header)
        .from_reader(file);
    let is_1252 = output.encoding.as_deref() == Some("windows-1252");
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let mut hash = Sha256::new();
        for (cell, column) in record.iter().zip(&layout.columns) {
            let text = match is_1252 {
                true => WINDOWS_1252.decode_without_bom_handling(cell).0,
                false => String::from_utf8_lossy(cell),
            };
            let is_guarded = !output.raw && column.kind != Kind::Number;
            let bare = text
                .strip_prefix('\'')
                .filter(|bare| is_guarded && bare.trim_start_matches('\'').starts_with(GUARDED));
            hash_cell(bare.unwrap_or(&text), &mut hash);
        }
        contents.add(hash);
    }
    Ok(())
}

/// Reads the file's bytes, unpacked as its name says.
fn read(
    part: &Path,
    named: &Path,
    take: impl FnOnce(&mut dyn Read) -> Result<(), csv::Error>,
) -> Result<(), csv::Error> {
    let file = File::open(part)?;
    let ending = named.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("gz") => take(&mut flate2::read::GzDecoder::new(file)),
        Some("zst") => take(&mut zstd::Decoder::new(file)?),
        Some("zip") => {
            let mut archive = zip::ZipArchive::new(file).map_err(io::Error::from)?;
            take(&mut archive.by_index(0).map_err(io::Error::from)?)
        }
        _ => take(&mut { file }),
    }
}
