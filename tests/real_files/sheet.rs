//! Some 400 workbooks from the test suites of other readers and from authorities.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use longshore::{
    batch::{Cell, RecordBatch},
    definition::{FieldRef, SourceDefinition},
    error::{Error, ErrorKind},
    source::{self, InputFile, Projection, Source},
};

/// A hostile file must not make the reader allocate; the largest honest one needs far less.
const PEAK_GROWTH_MAX_MIB: u64 = 1500;

fn folder() -> Option<PathBuf> {
    super::data().map(|data| data.join("spreadsheet"))
}

fn is_workbook(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["xlsx", "xlsm", "xlsb", "xls", "ods"].contains(&extension.to_ascii_lowercase().as_str())
}

fn workbooks(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if is_workbook(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn open(path: &Path, keys: &str) -> Result<Box<dyn Source>, Error> {
    let definition: SourceDefinition =
        toml::from_str(&format!("format = \"xlsx\"\npath = \"-\"\n{keys}")).expect("a source");
    let display = path.display().to_string();
    source::open(&definition, &InputFile { ordinal: 0, path: path.to_owned(), display })
}

/// What a sheet holds: cells by row (as on the sheet) and column, and faults by code.
#[derive(Debug, Default)]
struct Content {
    rows: Vec<(u64, Vec<String>)>,
    faults: BTreeMap<&'static str, usize>,
}

fn read(source: &dyn Source) -> Result<Content, Error> {
    let width = u32::try_from(source.header().fields.len()).expect("a width");
    let fields = (1..=width).map(FieldRef::Number).collect();
    let mut decoder = source.decoder(&Projection { fields, rest: false });
    let mut splitter = source.splitter(1 << 16)?;
    let (mut batch, mut content) = (RecordBatch::default(), Content::default());
    while let Some(split) = splitter.next_split()? {
        decoder.start(split);
        while decoder.fill(&mut batch) {
            for record in batch.records() {
                match record.fault() {
                    Some(fault) => *content.faults.entry(fault.code).or_default() += 1,
                    None => {
                        let cells = (0..record.width()).map(|at| text(record.cell(at)));
                        content.rows.push((record.position().line, cells.collect()));
                    }
                }
            }
        }
    }
    Ok(content)
}

fn text(cell: Cell<'_>) -> String {
    match cell {
        Cell::Text(text) | Cell::Error(text) => text.to_owned(),
        Cell::Float(number) => number.to_string(),
        Cell::Bool(truth) => truth.to_string().to_uppercase(),
        Cell::DateTime(micros) => format!("@{micros}"),
        Cell::Duration(micros) => format!("~{micros}"),
        _ => String::new(),
    }
}

/// Everything of a sheet: no header, as wide as the widest of them.
fn read_whole(path: &Path, number: usize) -> Result<Content, Error> {
    let keys = format!("header = false\nrange = \"A:KZ\"\nsheet = {number}");
    read(&*open(path, &keys)?)
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().expect("a number") / 1024
}

/// What is refused of all files, and why: protected, hostile, damaged, or beyond calamine.
const REFUSED: [(&str, &str); 17] = [
    ("BlankSheetTypes.xlsm", "damaged"),
    ("OOM_alloc3.xls", "its sectors are not in order"),
    ("encrypted_no_password.xls", "password"),
    ("issue_385.xls", "password"),
    ("maccentraleurope.biff5.xls", "damaged"),
    ("nomimetype.ods", "damaged"),
    ("oleloop.xls", "its sectors are not in order"),
    ("pass_protected.ods", "password"),
    ("pass_protected.xlsb", "password"),
    ("pass_protected.xlsx", "password"),
    ("password-protected-password123.xlsx", "password"),
    ("protected_passtika.xlsx", "password"),
    ("pwtest.xls", "password"),
    ("pwtest3.xls", "password"),
    ("testEXCEL_4.xls", "not a workbook"),
    ("testrepeatedcolatendofrow.ods", "damaged"),
    ("utf16be.bom.xlsx", "its XML ends inside `workbook`"),
];

/// The only records of the first sheets that cannot be decoded.
const FAULTS: [(&str, &str, usize); 5] = [
    ("dates-leap-year-1900-xls.xls", "sheet.date", 1),
    ("dates-leap-year-1900-xlsx.xlsx", "sheet.date", 1),
    ("ex41187-19267.xls", "encoding.nul", 2),
    ("missing-v-node-xlsx.xlsx", "sheet.formula", 1),
    ("sheet_name_parsing.xls", "encoding.nul", 1),
];

#[test]
fn every_workbook_is_read_or_refused_without_a_panic_or_a_runaway_allocation() {
    let Some(folder) = folder() else { return };
    let before = peak_mib();
    let (mut refused, mut faults, mut rows) = (Vec::new(), Vec::new(), 0);
    let workbooks = workbooks(&folder);
    for path in &workbooks {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        match read_whole(path, 1) {
            Ok(content) => {
                rows += content.rows.len();
                faults.extend(content.faults.into_iter().map(|(code, n)| (name.clone(), code, n)));
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Source, "{name}");
                refused.push((name.clone(), error.to_string()));
            }
        }
        // The kernel adds pages up per processor, and late: a peak may seem to shrink.
        let growth = peak_mib().saturating_sub(before);
        assert!(growth < PEAK_GROWTH_MAX_MIB, "{growth} MiB after {name}");
    }
    refused.sort();
    faults.sort();
    let names: Vec<_> = refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, REFUSED.map(|(name, _)| name));
    for ((name, message), (_, reason)) in refused.iter().zip(REFUSED) {
        assert!(message.contains(reason), "{name}: {message}");
    }
    let faults: Vec<_> = faults.iter().map(|(name, code, n)| (name.as_str(), *code, *n)).collect();
    assert_eq!(faults, FAULTS);
    assert_eq!((workbooks.len(), rows), (452, ROWS));
}

/// Rows of the first sheets of all files that hold something.
const ROWS: usize = 17_605;

fn micros(date: &str) -> String {
    let date: jiff::civil::Date = date.parse().expect("a date");
    let days = date.duration_since(jiff::civil::date(2000, 1, 1)).as_hours() / 24;
    format!("@{}", days * 86_400_000_000)
}

#[test]
fn workbooks_of_the_1904_system_give_its_dates() {
    let Some(folder) = folder() else { return };
    for name in ["calamine/date_1904.xlsx", "calamine/date_1904.xlsb", "calamine/date_1904.xls"] {
        let rows = read_whole(&folder.join(name), 1).expect("read").rows;
        let column: Vec<_> = rows.iter().map(|(_, cells)| cells[0].clone()).collect();
        assert_eq!(
            column,
            [micros("2021-01-01"), micros("2021-01-02"), "~918610000000".to_owned()],
            "{name}"
        );
    }
    for name in ["phpspreadsheet/XLSX/1904_Calendar.xlsx", "phpspreadsheet/XLS/1904_Calendar.xls"] {
        let rows = read_whole(&folder.join(name), 1).expect("read").rows;
        let dates: Vec<_> = rows.iter().flat_map(|(_, cells)| cells[..2].to_vec()).collect();
        let expected = ["2022-01-01", "2021-12-31", "2022-12-31", "2023-01-01"].map(micros);
        assert_eq!(dates, expected, "{name}");
    }
}

#[test]
fn deliveries_of_authorities_are_read_below_their_titles() {
    let Some(folder) = folder() else { return };
    let facts = |file: &str, keys: &str| {
        let source = open(&folder.join("gov").join(file), keys).expect("it opens");
        let content = read(&*source).expect("it is read");
        assert!(content.faults.is_empty(), "{file}: {:?}", content.faults);
        let first_line = content.rows.first().map_or(0, |(line, _)| *line);
        (source.header().fields.len(), first_line, content.rows.len())
    };
    assert_eq!(facts("nyc_rollingsales_bronx.xls", "header = 5"), (21, 6, 6056));
    assert_eq!(facts("wpp.xls", "header = 17\nsheet = \"MEDIUM\""), (23, 18, 265));
    assert_eq!(facts("us_ne_1033_data.xlsx", ""), (14, 2, 1036));
    assert_eq!(facts("acled.xlsx", ""), (18, 2, 2619));
    assert_eq!(facts("uk_brentwood_brownfield.xlsm", ""), (28, 2, 46));
}

/// How well what is read agrees with what Excel itself saved as CSV for 193 sheets.
#[derive(Debug, Default, PartialEq)]
struct Score {
    sheets: usize,
    unread: usize,
    texts: (usize, usize),
    numbers: (usize, usize),
}

#[test]
fn cells_agree_with_what_excel_saved() {
    let Some(folder) = folder() else { return };
    let folder = folder.join("poi_excel_oracle");
    let mut score = Score::default();
    for entry in std::fs::read_dir(folder.join("expected")).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let (workbook, sheet) =
            name.strip_suffix(".csv").and_then(|n| n.rsplit_once('.')).expect("a name");
        let number = sheet.parse::<usize>().expect("a number") + 1;
        let expected = csv_cells(&folder.join("expected").join(&name));
        score.sheets += 1;
        match read_whole(&folder.join("in").join(workbook), number) {
            Ok(content) => compare(&expected, &grid(&content), &mut score),
            Err(_) => score.unread += 1,
        }
    }
    // What is missing is no fault of reading: Excel calculated formulas anew, shows some
    // numbers otherwise than they are stored, and saved `_` for letters beyond ASCII.
    // Unread are a workbook of Excel 4 and a sheet that its workbook does not have.
    assert_eq!((score.sheets, score.unread), (193, 2));
    assert!(score.texts.1 == 7314 && score.texts.0 >= 7216, "{score:?}");
    assert!(score.numbers.1 == 17_485 && score.numbers.0 >= 17_434, "{score:?}");
}

fn csv_cells(path: &Path) -> Vec<Vec<String>> {
    let bytes = std::fs::read(path).expect("a file");
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    // The reader leaves empty lines out: each row goes to its own line instead.
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in reader.records() {
        rows.push(record.expect("a record").iter().map(str::to_owned).collect());
    }
    used_range(rows)
}

/// The rows at their places on the sheet.
fn grid(content: &Content) -> Vec<Vec<String>> {
    let rows = content.rows.iter().map(|(_, cells)| cells.clone()).collect();
    used_range(rows)
}

/// Without the empty rows, and the empty columns on the left: Excel saves the used range.
fn used_range(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let holds = |cell: &String| !cell.trim().is_empty();
    rows.retain(|row| row.iter().any(holds));
    let left = rows.iter().filter_map(|row| row.iter().position(holds)).min().unwrap_or(0);
    rows.into_iter().map(|row| row[left..].to_vec()).collect()
}

fn compare(expected: &[Vec<String>], found: &[Vec<String>], score: &mut Score) {
    for (row, cells) in expected.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let other = found.get(row).and_then(|row| row.get(column)).map_or("", String::as_str);
            if let Some((number, tolerance)) = shown_number(cell) {
                let near = other.parse::<f64>().is_ok_and(|o| (o - number).abs() <= tolerance);
                score.numbers.0 += usize::from(near || other.trim() == cell.trim());
                score.numbers.1 += 1;
            } else if is_plain_text(cell) {
                let lines = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                score.texts.0 += usize::from(lines(cell) == lines(other));
                score.texts.1 += 1;
            }
        }
    }
}

/// Words in ASCII, and no date: Excel for Mac saved other letters as `_`.
fn is_plain_text(cell: &str) -> bool {
    let lower = cell.to_ascii_lowercase();
    let months =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    cell.is_ascii()
        && cell.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !cell.starts_with(|c: char| c.is_ascii_digit() || c == '#')
        && !months.iter().any(|month| lower.contains(month))
        && !lower.contains("day")
        && !["am", "pm"].iter().any(|half| lower.ends_with(half))
}

/// A number as Excel shows it, with half a unit of its last digit.
fn shown_number(cell: &str) -> Option<(f64, f64)> {
    let bare: String = cell.chars().filter(|c| !" ,$()%".contains(*c)).collect();
    let decimals = bare.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if bare.is_empty() || bare.bytes().any(|byte| !(byte.is_ascii_digit() || b".-".contains(&byte)))
    {
        return None;
    }
    let percent = if cell.ends_with('%') { 100.0 } else { 1.0 };
    let number: f64 = bare.parse().ok()?;
    let tolerance = 0.51 * 10_f64.powi(-i32::try_from(decimals).ok()?) / percent + 1e-9;
    let number = if cell.starts_with('(') { -number } else { number };
    Some((number / percent, tolerance))
}

/// Run alone, in release: `cargo test --release --test main measure -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, for the documentation of the sheet source"]
fn measure_the_memory_of_a_large_sheet() {
    const ROWS: u32 = 300_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.xlsx");
    write_large(&path, ROWS);
    // Forgets the peak of the writer.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let (before, started) = (peak_mib(), std::time::Instant::now());
    let source = open(&path, "").expect("it opens");
    let opened = started.elapsed();
    let fields = (1..=17).map(FieldRef::Number).collect();
    let mut decoder = source.decoder(&Projection { fields, rest: false });
    let mut splitter = source.splitter(4 << 20).expect("a splitter");
    let (mut batch, mut records) = (RecordBatch::default(), 0);
    while let Some(split) = splitter.next_split().expect("a split") {
        decoder.start(split);
        while decoder.fill(&mut batch) {
            records += batch.records().filter(|record| record.fault().is_none()).count();
        }
    }
    assert_eq!(records, ROWS as usize);
    let bytes = std::fs::metadata(&path).expect("metadata").len();
    eprintln!(
        "{} MiB of file, opened in {opened:?}, read in {:?}, peak {} MiB, {} MiB of it before",
        bytes >> 20,
        started.elapsed(),
        peak_mib(),
        before
    );
}

/// Seventeen columns: ids and names that differ in each row, codes, numbers, dates.
fn write_large(path: &Path, rows: u32) {
    let date = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet_with_low_memory().expect("a sheet");
    for column in 0..17 {
        sheet.write_string(0, column, format!("Column {column}")).expect("written");
    }
    for row in 1..=rows {
        for column in 0..17_u16 {
            let value = f64::from(row % 9973) + f64::from(column);
            match column {
                0..=2 => sheet.write_string(row, column, format!("{column}-{row:08}")),
                3..=8 => sheet.write_string(row, column, format!("code {}", (row + 7) % 97)),
                9..=11 => sheet.write_number_with_format(row, column, 40_000.0 + value, &date),
                _ => sheet.write_number(row, column, value / 4.0),
            }
            .expect("written");
        }
    }
    workbook.save(path).expect("saved");
}
