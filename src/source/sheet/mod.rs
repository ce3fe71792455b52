//! Workbooks: `.xlsx`, `.xlsm`, `.xlsb`, `.xls` and `.ods`, one sheet of one file.
//!
//! calamine reads the cells, but for those of a plain `.xlsx` ([`xlsx`]); this module
//! decides whether it may, and what they mean. A file is proven harmless first
//! ([`package`], [`proof`], [`compound`], [`biff`], [`open_document`], [`binary`]),
//! calamine's panics become errors ([`failure`]), and which format a file has is
//! decided by its content, never by its name.
//!
//! **What is a record.** Every row below the header that holds something, within
//! the range; rows that are empty, or hold nothing but empty texts, are none. A
//! cell beyond the width of the header is `sheet.ragged`, never dropped. Hidden
//! rows, columns and sheets are read like any other; of merged cells the first
//! holds the value, as in the file. Without a header and without names, the widest
//! of the first hundred rows says how wide records are.
//!
//! **What is a cell.** Texts, numbers, truth values and errors as they are stored,
//! not as they are shown: a number with the format `00000` has lost its zeros, and
//! `pad_left` has to give them back. A number with a date's format is a date, by
//! the workbook's own date system, rounded to milliseconds; below one day it is a
//! time. A date that never was is `sheet.date`. A formula without a stored result
//! is `sheet.formula`, where the format tells it from an empty cell (`.xlsb` does
//! not). Faults of cells that the pipeline does not use reject nothing.
//!
//! Faults of a record: `sheet.ragged`, `sheet.date`, `sheet.formula`, `sheet.number`
//! (not finite), `sheet.cell` (two cells at one place), `encoding.nul`.
//!
//! **Memory.** `.xlsx` and `.xlsb` are streamed, with their shared texts in memory:
//! 300,000 rows of 17 columns (20 MiB of file, 900,000 different texts) were read in
//! 3.7 s with a peak of 71 MiB (release build, two cores shared with others).
//! `.xls` and `.ods` are laid out by calamine as a whole, so they are held to 40
//! million cells.
//!
//! Workbooks inside archives are not read: calamine has to jump within the file.

mod area;
mod biff;
mod binary;
mod compound;
mod decoder;
mod failure;
mod open_document;
mod package;
mod proof;
mod rejected;
mod row;
mod rows;
mod serial;
mod splitter;
#[cfg(test)]
mod tests;
mod workbook;
mod xlsx;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use self::{
    area::Area,
    decoder::SheetDecoder,
    rejected::{Layout, RejectedRows},
    row::{Cells, plain_text},
    rows::visit_rows,
    splitter::{Reading, SheetSplitter},
    workbook::{Visit, Workbook},
};
use super::{
    Decoder, Header, InputFile, Projection, RejectedWriter, Source, Splitter,
    split::{SPLIT_BYTES_MAX, Tiling},
    two_rows::names_of_two_rows,
};
use crate::{
    definition::{SheetRef, SourceDefinition},
    error::{Context, Error, Result},
};

/// Rows looked at for the width of records that have neither header nor names.
const SAMPLED_ROWS: usize = 100;

/// A row that names columns: its number on the sheet, and its texts.
type NamingRow = (u32, Vec<String>);

/// One sheet of one workbook, opened.
struct SheetSource {
    input: InputFile,
    area: Area,
    header: Header,
    /// What stands in the rows that name the columns.
    header_rows: Vec<NamingRow>,
    sheet: Option<SheetRef>,
    sheet_name: String,
    file_bytes: u64,
    read: Arc<AtomicU64>,
    /// The workbook as the header was read from it, for the first splitter: opening
    /// one costs its shared texts.
    opened: Mutex<Option<Workbook>>,
}

/// Opens the sheet a definition asks for and reads its header.
///
/// # Errors
/// `ErrorKind::Definition` when the range is not one; `ErrorKind::Source` when the
/// file is missing, no workbook, damaged, protected or oversized, lacks the sheet,
/// or has nothing in the header row.
pub(super) fn open(definition: &SourceDefinition, input: &InputFile) -> Result<Box<dyn Source>> {
    Ok(Box::new(open_sheet(input, definition)?))
}

fn open_sheet(input: &InputFile, definition: &SourceDefinition) -> Result<SheetSource> {
    let area = Area::of(definition)?;
    if definition.member.is_some() {
        return Err(Error::source_file("a workbook inside an archive cannot be read")
            .hint("unpack it first"));
    }
    let read = Arc::new(AtomicU64::new(0));
    let sheet = definition.sheet.clone();
    let mut workbook = Workbook::open(&input.path, sheet.as_ref(), &read)?;
    let (header, header_rows) = read_header(&mut workbook, &area, &definition.columns)?;
    let file_bytes = std::fs::metadata(&input.path).map_err(failure::unreadable)?.len();
    let sheet_name = workbook.sheet.clone();
    let (input, opened) = (input.clone(), Mutex::new(Some(workbook)));
    Ok(SheetSource {
        input,
        area,
        header,
        header_rows,
        sheet,
        sheet_name,
        file_bytes,
        read,
        opened,
    })
}

/// The names of the fields: from the header row, else as declared, else none.
fn read_header(
    workbook: &mut Workbook,
    area: &Area,
    declared: &[String],
) -> Result<(Header, Vec<NamingRow>)> {
    let rows = header_rows(workbook, area)?;
    let (fields, line) = match area.header_row {
        Some(row) => {
            let names = match &rows[..] {
                [(_, upper), (_, lower)] => names_of_two_rows(upper, lower),
                rows => rows.iter().flat_map(|(_, names)| names.clone()).collect(),
            };
            (names, u64::from(row))
        }
        None if !declared.is_empty() => (declared.to_vec(), 0),
        None => (vec![String::new(); sampled_width(workbook, area)?], 0),
    };
    let mut fields = fields;
    if let Some(width) = area.width() {
        fields.resize(fields.len().max(width as usize), String::new());
    }
    Ok((Header { fields, line, ..Header::default() }, rows))
}

/// The rows that name the columns, the upper one first, each with its texts.
fn header_rows(workbook: &mut Workbook, area: &Area) -> Result<Vec<NamingRow>> {
    let rows = area.upper_row.into_iter().chain(area.header_row);
    rows.map(|row| Ok((row, header_names(workbook, area, row)?))).collect()
}

fn header_names(workbook: &mut Workbook, area: &Area, row: u32) -> Result<Vec<String>> {
    let mut names = Vec::new();
    visit_rows(workbook, area, row..=row, &mut |_, bytes| {
        for placed in Cells::of(bytes) {
            let place = usize::from(placed.column);
            names.resize(names.len().max(place + 1), String::new());
            names[place] = plain_text(placed.cell);
        }
        Ok(Visit::Enough)
    })?;
    let last = names.iter().rposition(|name| !name.is_empty());
    names.truncate(last.map_or(0, |last| last + 1));
    if names.is_empty() {
        let sheet = &workbook.sheet;
        return Err(Error::source_file(format!(
            "row {row} of sheet `{sheet}` is empty, it has no names"
        ))
        .hint("say with `header` which row names the columns, or `false` if none does"));
    }
    Ok(names)
}

fn sampled_width(workbook: &mut Workbook, area: &Area) -> Result<usize> {
    let (mut width, mut seen) = (0, 0);
    visit_rows(workbook, area, area.first_row..=area.last_row, &mut |_, bytes| {
        let last = Cells::of(bytes).map(|placed| usize::from(placed.column) + 1).max();
        width = width.max(last.unwrap_or(0));
        seen += 1;
        Ok(if seen < SAMPLED_ROWS { Visit::More } else { Visit::Enough })
    })?;
    Ok(width)
}

impl Source for SheetSource {
    fn header(&self) -> &Header {
        &self.header
    }

    fn splitter(&self, split_bytes: usize) -> Result<Box<dyn Splitter>> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (path, sheet) = (self.input.path.clone(), self.sheet.clone());
        let (read, display) = (Arc::clone(&self.read), self.input.display.clone());
        let reading = Reading {
            file: self.input.ordinal,
            area: self.area,
            split_bytes: split_bytes.min(SPLIT_BYTES_MAX),
            file_bytes: self.file_bytes,
            read: Arc::clone(&self.read),
            display: self.input.display.clone(),
        };
        // What opening read is no progress of reading.
        self.read.store(0, Ordering::Relaxed);
        let open = move || match opened {
            Some(workbook) => Ok(workbook),
            None => Workbook::open(&path, sheet.as_ref(), &read)
                .context(|| format!("while opening {display}")),
        };
        Ok(Box::new(Tiling::new(Box::new(SheetSplitter::start(open, reading)?))))
    }

    fn decoder(&self, projection: &Projection) -> Box<dyn Decoder> {
        Box::new(SheetDecoder::new(&self.header, projection))
    }

    /// Without the row's number.
    fn content_of<'r>(&self, raw: &'r [u8]) -> &'r [u8] {
        raw.get(row::HEAD_BYTES..).unwrap_or(raw)
    }

    fn rejected_writer(&self, folder: &Path) -> Result<Box<dyn RejectedWriter>> {
        let layout = Layout {
            sheet_name: &self.sheet_name,
            sheet: self.sheet.as_ref(),
            area: self.area,
            header: &self.header_rows,
        };
        Ok(Box::new(RejectedRows::create(&self.input, folder, &layout)?))
    }
}
