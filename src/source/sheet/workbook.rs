//! An opened workbook: its sheets, and the cells of one of them in order.
//!
//! `.xlsx` and `.xlsb` are streamed; calamine keeps their shared texts in memory.
//! `.xls` and `.ods` it reads as a whole when it opens them, so for these the one
//! sheet asked for is kept as a grid and the rest let go.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use calamine::{Data, DataRef, Ods, Range, Reader, Sheet, SheetType, SheetVisible, Xls, Xlsb};

use super::{
    biff, binary,
    compound::{self, Compound},
    failure::{self, guarded, too_large, unreadable},
    package::{self, PackageKind},
    row::Content,
    xlsx::Book,
};
use crate::{
    definition::SheetRef,
    diagnostic::did_you_mean,
    error::{Error, Result},
};

/// An `.xls` is read into memory whole; Excel 2003 could not have held more.
const XLS_BYTES_MAX: u64 = 512 << 20;

/// Names listed in an error.
const NAMES_LISTED: usize = 20;

/// A file that counts the bytes read from it.
pub(super) type CountedFile = BufReader<Counted>;

/// Counts what is read, for progress.
#[derive(Debug)]
pub(super) struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    /// Adds what is read of `file` to `bytes`.
    pub(super) fn of(file: File, bytes: &Arc<AtomicU64>) -> Self {
        Self { file, bytes: Arc::clone(bytes) }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

/// A workbook with one of its sheets chosen.
pub(super) struct Workbook {
    pub(super) sheet: String,
    /// Whether serials count from 1904.
    pub(super) date_1904: bool,
    cells: CellStore,
}

enum CellStore {
    Xlsx(Box<Book>),
    Xlsb { workbook: Box<Xlsb<CountedFile>>, errors: Vec<binary::FormulaError> },
    Grid { values: Range<Data>, formulas: Range<String>, error_texts: bool },
}

/// What a visitor of cells wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    More,
    Enough,
}

/// Takes a cell: its row and column from 0, and what it holds.
pub(super) type Visitor<'v> = dyn FnMut(u32, u32, Content<'_>) -> Result<Visit> + 'v;

impl Workbook {
    /// Opens the workbook at `path`, after proving that it is safe to read; what format
    /// it has is decided by its content, so that a renamed or corrected one is read too.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it is missing, no workbook, damaged, protected or
    /// oversized, or lacks the sheet.
    pub(super) fn open(
        path: &Path,
        sheet: Option<&SheetRef>,
        read: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let mut file = File::open(path).map_err(missing)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(Error::source_file("a workbook has to be an ordinary file")
                .hint("save what comes from standard input or a pipe to a file first"));
        }
        let mut start = [0; 512];
        let length = read_start(&mut file, &mut start).map_err(unreadable)?;
        let start = &start[..length];
        guarded(|| match start {
            [b'P', b'K', 3 | 5, ..] => open_package(file, sheet, read),
            start if compound::is_compound(start) => open_compound(file, sheet, read),
            start => Err(not_a_workbook(start)),
        })
    }

    /// Proves of the sheet what opening it did not prove yet; due before anything read of it
    /// is final.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the sheet is damaged or oversized.
    pub(super) fn prove(&mut self) -> Result<()> {
        guarded(|| match &mut self.cells {
            CellStore::Xlsx(book) => book.prove(),
            _ => Ok(()),
        })
    }

    /// Shows the visitor the cells of the sheet that are not empty, row by row.
    ///
    /// # Errors
    /// The visitor's, or `ErrorKind::Source` when the sheet is damaged.
    pub(super) fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<()> {
        let Self { sheet, cells, .. } = self;
        guarded(|| match cells {
            CellStore::Xlsx(book) => book.visit(visitor),
            CellStore::Xlsb { workbook, errors } => visit_xlsb(workbook, sheet, errors, visitor),
            CellStore::Grid { values, formulas, error_texts } => {
                visit_grid(values, formulas, *error_texts, visitor)
            }
        })
    }
}

fn missing(cause: std::io::Error) -> Error {
    Error::source_file("the workbook cannot be opened").caused_by(cause)
}

fn read_start(file: &mut File, start: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < start.len() {
        match file.read(&mut start[length..])? {
            0 => break,
            more => length += more,
        }
    }
    file.rewind()?;
    Ok(length)
}

fn not_a_workbook(start: &[u8]) -> Error {
    let error = Error::source_file("the file is not a workbook");
    let text = start.trim_ascii_start();
    if start.is_empty() {
        return Error::source_file("the file is empty");
    }
    if text.starts_with(b"<") || text.starts_with(b"\xEF\xBB\xBF<") {
        return error.hint("it is HTML or XML under a workbook's name: save it as .xlsx");
    }
    error.hint("if it is text, use format = \"csv\"; if it is an old workbook, save it as .xlsx")
}

fn open_package(file: File, sheet: Option<&SheetRef>, read: &Arc<AtomicU64>) -> Result<Workbook> {
    let facts = package::inspect(BufReader::new(&file))?;
    let second = file.try_clone().map_err(unreadable)?;
    let mut counted = BufReader::new(Counted::of(file, read));
    counted.rewind().map_err(unreadable)?;
    match facts.kind {
        PackageKind::Xlsx => {
            let book = Book::open(counted, sheet, &facts)?;
            let sheet = book.sheet().to_owned();
            Ok(Workbook {
                sheet,
                date_1904: facts.date_1904,
                cells: CellStore::Xlsx(Box::new(book)),
            })
        }
        PackageKind::Xlsb => {
            let workbook = Xlsb::new(counted).map_err(failure::of_xlsb)?;
            let (sheet, number) = choose(workbook.sheets_metadata(), sheet)?;
            let mut archive =
                zip::ZipArchive::new(BufReader::new(second)).map_err(failure::of_zip)?;
            let errors = binary::formula_errors(&mut archive, number)?;
            let date_1904 = workbook.has_1904_epoch();
            Ok(Workbook {
                sheet,
                date_1904,
                cells: CellStore::Xlsb { workbook: Box::new(workbook), errors },
            })
        }
        PackageKind::Ods => {
            let mut workbook = Ods::new(counted).map_err(failure::of_ods)?;
            let (sheet, _) = choose(workbook.sheets_metadata(), sheet)?;
            let values = workbook.worksheet_range(&sheet).map_err(failure::of_ods)?;
            let formulas = workbook.worksheet_formula(&sheet).map_err(failure::of_ods)?;
            let cells = CellStore::Grid { values, formulas, error_texts: true };
            Ok(Workbook { sheet, date_1904: false, cells })
        }
    }
}

fn open_compound(mut file: File, sheet: Option<&SheetRef>, read: &AtomicU64) -> Result<Workbook> {
    let length = file.metadata().map_err(unreadable)?.len();
    if length > XLS_BYTES_MAX {
        return Err(too_large(format_args!("{} MiB in the format of Excel 97", length >> 20)));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    biff::inspect(&Compound::open(&bytes)?)?;
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(failure::of_xls)?;
    let (sheet, _) = choose(workbook.sheets_metadata(), sheet)?;
    let values = workbook.worksheet_range(&sheet).map_err(failure::of_xls)?;
    let formulas = workbook.worksheet_formula(&sheet).map_err(failure::of_xls)?;
    let cells = CellStore::Grid { values, formulas, error_texts: false };
    Ok(Workbook { sheet, date_1904: workbook.has_1904_epoch(), cells })
}

/// The sheet asked for, by its name and its place among all; unless asked, the first
/// that is shown and has cells. Hidden ones are read when they are asked for.
pub(super) fn choose(sheets: &[Sheet], wanted: Option<&SheetRef>) -> Result<(String, usize)> {
    let is_table = |sheet: &&Sheet| sheet.typ == SheetType::WorkSheet;
    let number = match wanted {
        None => sheets
            .iter()
            .position(|sheet| is_table(&sheet) && sheet.visible == SheetVisible::Visible)
            .or_else(|| sheets.iter().position(|sheet| is_table(&sheet))),
        Some(SheetRef::Number(number)) => {
            number.checked_sub(1).map(|at| at as usize).filter(|&at| at < sheets.len())
        }
        Some(SheetRef::Name(name)) => sheets.iter().position(|sheet| sheet.name == *name),
    };
    let number = number.ok_or_else(|| no_such_sheet(sheets, wanted))?;
    if !is_table(&&sheets[number]) {
        return Err(failure::not_a_worksheet());
    }
    Ok((sheets[number].name.clone(), number))
}

fn no_such_sheet(sheets: &[Sheet], wanted: Option<&SheetRef>) -> Error {
    let names = || sheets.iter().map(|sheet| sheet.name.as_str());
    let mut listed: Vec<String> =
        names().take(NAMES_LISTED).map(|name| format!("`{name}`")).collect();
    if sheets.len() > NAMES_LISTED {
        listed.push(format!("and {} more", sheets.len() - NAMES_LISTED));
    }
    let listed = listed.join(", ");
    let (what, near) = match wanted {
        None => return Error::source_file("the workbook has no sheet with cells"),
        Some(SheetRef::Number(number)) => (format!("the workbook has no sheet {number}"), None),
        Some(SheetRef::Name(name)) => {
            (format!("the workbook has no sheet `{name}`"), did_you_mean(name, names()))
        }
    };
    let error = Error::source_file(format!("{what}; it has {listed}"));
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn visit_xlsb(
    workbook: &mut Xlsb<CountedFile>,
    sheet: &str,
    errors: &[binary::FormulaError],
    visitor: &mut Visitor<'_>,
) -> Result<()> {
    let mut errors = errors.iter().peekable();
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(failure::of_xlsb)?;
    loop {
        let cell = cells.next_cell().map_err(failure::of_xlsb)?;
        let place = cell.as_ref().map(calamine::Cell::get_position);
        let is_before = |&&(row, column, _): &&binary::FormulaError| {
            place.is_none_or(|place| (row, column) < place)
        };
        while let Some(&(row, column, name)) = errors.next_if(is_before) {
            if visitor(row, column, Content::Error(name))? == Visit::Enough {
                return Ok(());
            }
        }
        let (Some(cell), Some((row, column))) = (cell, place) else { return Ok(()) };
        let Some(content) = content_of_ref(cell.get_value()) else { continue };
        if visitor(row, column, content)? == Visit::Enough {
            return Ok(());
        }
    }
}

fn visit_grid(
    values: &Range<Data>,
    formulas: &Range<String>,
    error_texts: bool,
    visitor: &mut Visitor<'_>,
) -> Result<()> {
    // A formula may stand outside the grid of values: one without a result does.
    let corners = |start: fn(&Range<Data>) -> _, other: fn(&Range<String>) -> _| {
        [start(values), other(formulas)].into_iter().flatten()
    };
    let bound = |places: &[(u32, u32)], pick: fn(u32, u32) -> u32| {
        places.iter().copied().reduce(|a, b| (pick(a.0, b.0), pick(a.1, b.1)))
    };
    let starts: Vec<_> = corners(Range::start, Range::start).collect();
    let ends: Vec<_> = corners(Range::end, Range::end).collect();
    let (Some(start), Some(end)) = (bound(&starts, u32::min), bound(&ends, u32::max)) else {
        return Ok(());
    };
    for row in start.0..=end.0 {
        for column in start.1..=end.1 {
            let value = values.get_value((row, column)).unwrap_or(&Data::Empty);
            let has_formula =
                formulas.get_value((row, column)).is_some_and(|formula| !formula.is_empty());
            let content = grid_content(value, has_formula, error_texts);
            let Some(content) = content else { continue };
            if visitor(row, column, content)? == Visit::Enough {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn grid_content(value: &Data, has_formula: bool, error_texts: bool) -> Option<Content<'_>> {
    match value {
        Data::Empty => has_formula.then_some(Content::NoResult),
        // ODF stores the error of a formula as its text.
        Data::String(text)
            if error_texts
                && has_formula
                && (text.starts_with('#') || text.starts_with("Err:")) =>
        {
            Some(Content::Error(text))
        }
        Data::String(text) => Some(Content::Text(text)),
        Data::Int(number) => Some(Content::Number(*number as f64)),
        Data::Float(number) => Some(Content::Number(*number)),
        Data::Bool(truth) => Some(Content::Bool(*truth)),
        Data::DateTime(moment) if moment.is_duration() => Some(Content::Elapsed(moment.as_f64())),
        Data::DateTime(moment) => Some(Content::Date(moment.as_f64())),
        Data::DateTimeIso(text) => Some(Content::IsoDate(text)),
        Data::DurationIso(text) => Some(Content::IsoDuration(text)),
        Data::Error(error) => Some(Content::Error(error_name(error))),
    }
}

pub(super) fn content_of_ref<'c>(value: &'c DataRef<'_>) -> Option<Content<'c>> {
    match value {
        DataRef::Empty => None,
        DataRef::String(text) => Some(Content::Text(text)),
        DataRef::SharedString(text) => Some(Content::Text(text)),
        DataRef::Int(number) => Some(Content::Number(*number as f64)),
        DataRef::Float(number) => Some(Content::Number(*number)),
        DataRef::Bool(truth) => Some(Content::Bool(*truth)),
        DataRef::DateTime(moment) if moment.is_duration() => {
            Some(Content::Elapsed(moment.as_f64()))
        }
        DataRef::DateTime(moment) => Some(Content::Date(moment.as_f64())),
        DataRef::DateTimeIso(text) => Some(Content::IsoDate(text)),
        DataRef::DurationIso(text) => Some(Content::IsoDuration(text)),
        DataRef::Error(error) => Some(Content::Error(error_name(error))),
    }
}

fn error_name(error: &calamine::CellErrorType) -> &'static str {
    use calamine::CellErrorType as E;
    match error {
        E::Div0 => "#DIV/0!",
        E::NA => "#N/A",
        E::Name => "#NAME?",
        E::Null => "#NULL!",
        E::Num => "#NUM!",
        E::Ref => "#REF!",
        E::Value => "#VALUE!",
        E::GettingData => "#GETTING_DATA",
    }
}
