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
struct Content {
    rows: u64,
    sha256: String,
}

/// Compares files that wait for their place with the rows in the snapshot.
///
/// # Errors
/// `ErrorKind::Environment` where they differ, or cannot be read again.
pub(super) async fn verify(place: &Place<'_>, query: &Query, files: &FinishedSet) -> Result<()> {
    let in_files = of_files(files)?;
    let in_database = of_database(place, query, &files.layout).await?;
    if in_files == in_database {
        return Ok(());
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
    let (mut reader, mut hash, mut rows) = (RowReader::default(), Sha256::new(), 0);
    while let Some(message) = write::next(place, &mut stream).await? {
        let message =
            message.map_err(|error| database_error(&error, "read the archived rows again"))?;
        rows += 1;
        let row = reader.read(&message, query.columns.len())?;
        hash_row(layout, &row, rows, &mut hash)?;
    }
    Ok(Content { rows, sha256: hex(&hash.finalize()) })
}

fn hash_row(layout: &Layout, row: &Row<'_>, number: u64, hash: &mut Sha256) -> Result<()> {
    let null = &layout.output.null;
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
        hash_cell(text.as_deref().unwrap_or(null), hash);
    }
    Ok(())
}

fn hash_cell(text: &str, hash: &mut Sha256) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn of_files(files: &FinishedSet) -> Result<Content> {
    let (mut hash, mut rows) = (Sha256::new(), 0);
    for file in files.files() {
        let failed = |cause: csv::Error| {
            let what = format!("`{}` cannot be read again", file.path().display());
            // What is wrong may quote a value.
            Error::environment(what).caused_by(match cause.kind() {
                csv::ErrorKind::Io(io) => io.to_string(),
                _ => "it is not the CSV that was written".to_owned(),
            })
        };
        let opened = open(file.part(), file.path()).map_err(|cause| failed(cause.into()))?;
        rows += of_file(opened, &files.layout, &mut hash).map_err(failed)?;
    }
    Ok(Content { rows, sha256: hex(&hash.finalize()) })
}

fn of_file(file: Box<dyn Read>, layout: &Layout, hash: &mut Sha256) -> Result<u64, csv::Error> {
    let output = &layout.output;
    let delimiter = output.delimiter.as_deref().and_then(|text| text.bytes().next());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .has_headers(output.header)
        .from_reader(file);
    let is_1252 = output.encoding.as_deref() == Some("windows-1252");
    let (mut record, mut rows) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record)? {
        for (cell, column) in record.iter().zip(&layout.columns) {
            let text = match is_1252 {
                true => WINDOWS_1252.decode_without_bom_handling(cell).0,
                false => String::from_utf8_lossy(cell),
            };
            let is_guarded = !output.raw && column.kind != Kind::Number;
            let bare = text
                .strip_prefix('\'')
                .filter(|bare| is_guarded && bare.trim_start_matches('\'').starts_with(GUARDED));
            hash_cell(bare.unwrap_or(&text), hash);
        }
        rows += 1;
    }
    Ok(rows)
}

/// The file's bytes, unpacked as its name says.
fn open(part: &Path, named: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(part)?;
    let ending = named.extension().unwrap_or_default().to_ascii_lowercase();
    Ok(match ending.to_str() {
        Some("gz") => Box::new(flate2::read::GzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        Some("zip") => {
            let mut archive = zip::ZipArchive::new(file)?;
            let mut text = Vec::new();
            archive.by_index(0)?.read_to_end(&mut text)?;
            Box::new(io::Cursor::new(text))
        }
        _ => Box::new(file),
    })
}
