//! Workbooks made here and read back through the source's own interface.

use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};

use super::{failure, open};
use crate::{
    batch::{Cell, RecordBatch},
    definition::{FieldRef, SourceDefinition},
    source::{InputFile, Listing, Projection, Source},
};

/// A workbook in a folder of its own.
struct Made {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn make(fill: impl FnOnce(&mut Worksheet)) -> Made {
    make_workbook(|workbook| {
        let sheet = workbook.add_worksheet();
        sheet.set_name("Students").expect("a name");
        fill(sheet);
    })
}

fn make_workbook(fill: impl FnOnce(&mut Workbook)) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made.xlsx");
    let mut workbook = Workbook::new();
    fill(&mut workbook);
    workbook.save(&path).expect("saved");
    Made { _folder: folder, path }
}

fn definition(keys: &str) -> SourceDefinition {
    toml::from_str(&format!("format = \"xlsx\"\npath = \"made.xlsx\"\n{keys}")).expect("a source")
}

fn input(path: &Path) -> InputFile {
    InputFile { ordinal: 3, path: path.to_owned(), display: "made.xlsx".to_owned() }
}

fn opened(path: &Path, keys: &str) -> Box<dyn Source> {
    open(&definition(keys), &input(path)).expect("the source opens")
}

fn refused(path: &Path, keys: &str) -> crate::error::Error {
    open(&definition(keys), &input(path)).err().expect("the source is refused")
}

/// Everything: `line: cells` or `line! code field`, with the sums checked on the way.
fn read(source: &dyn Source, split_bytes: usize, projection: &Projection) -> Vec<String> {
    let mut splitter = source.splitter(split_bytes).expect("a splitter");
    let mut decoder = source.decoder(projection);
    let mut batch = RecordBatch::default();
    let (mut lines, mut records, mut bytes, mut ordinal) = (Vec::new(), 0, 0, 0);
    while let Some(split) = splitter.next_split().expect("a split") {
        assert_eq!((split.file, split.ordinal), (3, ordinal));
        assert_eq!((split.first_record, split.first_byte), (records + 1, bytes));
        ordinal += 1;
        records += split.records;
        bytes += split.payload.len() as u64;
        decoder.start(split);
        while decoder.fill(&mut batch) {
            for record in batch.records() {
                assert_eq!(record.position().record, lines.len() as u64 + 1);
                let line = record.position().line;
                lines.push(match record.fault() {
                    Some(fault) => format!("{line}! {} {}", fault.code, fault.field),
                    None => {
                        let cells = (0..record.width()).map(|at| shown(record.cell(at)));
                        format!("{line}: {}", cells.collect::<Vec<_>>().join("|"))
                    }
                });
            }
        }
    }
    assert_eq!(lines.len() as u64, records);
    lines
}

fn shown(cell: Cell<'_>) -> String {
    match cell {
        Cell::Absent => "-".to_owned(),
        Cell::Text(text) => format!("'{text}'"),
        Cell::Float(number) => number.to_string(),
        Cell::DateTime(micros) => super::serial::date_time_text(micros),
        Cell::Duration(micros) => super::serial::duration_text(micros),
        Cell::Json(text) | Cell::Error(text) => text.to_owned(),
        other => format!("{other:?}"),
    }
}

fn all(source: &dyn Source) -> Projection {
    let width = u32::try_from(source.header().fields.len()).expect("a width");
    Projection { fields: (1..=width).map(FieldRef::Number).collect(), rest: false }
}

fn read_all(path: &Path, keys: &str) -> Vec<String> {
    let source = opened(path, keys);
    read(&*source, 1 << 20, &all(&*source))
}

fn put(sheet: &mut Worksheet, row: u32, cells: &[&str]) {
    for (column, text) in (0..).zip(cells).filter(|(_, text)| !text.is_empty()) {
        sheet.write_string(row, column, *text).expect("written");
    }
}

fn typed(sheet: &mut Worksheet) {
    let date = Format::new().set_num_format("dd/mm/yyyy");
    let elapsed = Format::new().set_num_format("[h]:mm");
    let padded = Format::new().set_num_format("00000");
    put(sheet, 0, &["ID", "Name", "Born", "Score", "Active", "Note"]);
    put(sheet, 1, &["007", "Ana"]);
    sheet.write_number_with_format(1, 2, 36_527.0, &date).expect("written");
    sheet.write_number(1, 3, 9.5).expect("written");
    sheet.write_boolean(1, 4, true).expect("written");
    sheet.write_number_with_format(3, 0, 42.0, &padded).expect("written");
    put(sheet, 3, &["", "Sok\nDara"]);
    sheet.write_number_with_format(3, 2, 36_526.354_166_666_664, &date).expect("written");
    sheet.write_number_with_format(3, 3, 1.25, &elapsed).expect("written");
    sheet.write_formula(3, 5, Formula::new("=NA()").set_result("#N/A")).expect("written");
    sheet.write_blank(9, 0, &date).expect("written");
}

#[test]
fn cells_keep_their_types_and_rows_their_numbers() {
    let made = make(typed);
    let source = opened(&made.path, "");
    assert_eq!(source.header().fields, ["ID", "Name", "Born", "Score", "Active", "Note"]);
    assert_eq!((source.header().line, source.header().listing), (1, Listing::All));
    let expected = [
        "2: '007'|'Ana'|2000-01-02|9.5|Bool(true)|-",
        "4: 42|'Sok\nDara'|2000-01-01T08:30:00|30:00:00|-|#N/A",
    ];
    for split_bytes in [1, 60, 1 << 20] {
        assert_eq!(read(&*source, split_bytes, &all(&*source)), expected, "{split_bytes}");
    }
}

#[test]
fn a_projection_chooses_and_the_rest_becomes_json() {
    let made = make(typed);
    let source = opened(&made.path, "");
    let name = |name: &str| FieldRef::Name(name.to_owned());
    let fields = vec![name("Name"), FieldRef::Number(1), name("Missing"), FieldRef::Number(9)];
    let projection = Projection { fields, rest: true };
    let rows = read(&*source, 1 << 20, &projection);
    let rest = r#"{"Born":"2000-01-02","Score":9.5,"Active":true,"Note":null}"#;
    assert_eq!(rows[0], format!("2: 'Ana'|'007'|-|-|{rest}"));
}

#[test]
fn titles_above_the_header_and_columns_outside_the_range_are_not_read() {
    let made = make(|sheet| {
        put(sheet, 0, &["School roster 2024"]);
        put(sheet, 2, &["", "ID", "Name", "ID", "", "beside"]);
        put(sheet, 3, &["x", "1", "Ana", "2", "y", "z"]);
        put(sheet, 4, &["", "3", "Rui"]);
        put(sheet, 5, &["", "", "", "", "", "z"]);
    });
    let keys = "header = 3\nrange = \"B3:D5\"";
    let source = opened(&made.path, keys);
    assert_eq!(source.header().fields, ["ID", "Name", "ID"]);
    assert_eq!(source.header().line, 3);
    assert_eq!(read_all(&made.path, keys), ["4: '1'|'Ana'|'2'", "5: '3'|'Rui'|-"]);
    assert_eq!(read_all(&made.path, "range = \"B3:D5\""), read_all(&made.path, keys));
    // A range fixes the width, whatever the header says.
    assert_eq!(opened(&made.path, "header = 3\nrange = \"D:E\"").header().fields, ["ID", ""]);
    assert_eq!(read_all(&made.path, "header = 3\nrange = \"D:E\""), ["4: '2'|'y'"]);
    assert_eq!(read_all(&made.path, "header = false\nrange = \"C5:D\""), ["5: 'Rui'|-"]);
}

#[test]
fn cells_beyond_the_header_reject_their_row_and_are_not_dropped() {
    let made = make(|sheet| {
        put(sheet, 0, &["ID", "Name"]);
        put(sheet, 1, &["1", "Ana", "", "stray"]);
        put(sheet, 2, &["2", "Rui"]);
    });
    assert_eq!(read_all(&made.path, ""), ["2! sheet.ragged ", "3: '2'|'Rui'"]);
}

#[test]
fn faults_reject_only_when_their_cell_is_used() {
    let made = make(|sheet| {
        let date = Format::new().set_num_format("yyyy-mm-dd");
        put(sheet, 0, &["ID", "Born"]);
        put(sheet, 1, &["1"]);
        sheet.write_number_with_format(1, 1, 60.0, &date).expect("written");
        put(sheet, 2, &["2"]);
        sheet.write_number_with_format(2, 1, -5.0, &date).expect("written");
    });
    assert_eq!(read_all(&made.path, ""), ["2! sheet.date Born", "3! sheet.date Born"]);
    let source = opened(&made.path, "");
    let projection = Projection { fields: vec![FieldRef::Number(1)], rest: false };
    assert_eq!(read(&*source, 99, &projection), ["2: '1'", "3: '2'"]);
}

#[test]
fn sheets_are_found_by_name_or_number_and_proposed_when_not() {
    let made = make_workbook(|workbook| {
        for name in ["Cover", "Students", "Old"] {
            put(workbook.add_worksheet().set_name(name).expect("a name"), 0, &[name]);
        }
        workbook.worksheet_from_index(0).expect("a sheet").set_hidden(true);
        workbook.worksheet_from_index(1).expect("a sheet").set_active(true);
    });
    let first_field = |keys: &str| opened(&made.path, keys).header().fields[0].clone();
    assert_eq!(first_field(""), "Students", "the first that is shown");
    assert_eq!(first_field("sheet = 3"), "Old");
    assert_eq!(first_field("sheet = 1"), "Cover");
    assert_eq!(first_field("sheet = \"Cover\""), "Cover");
    let error = refused(&made.path, "sheet = \"Studens\"");
    assert_eq!(error.kind(), crate::error::ErrorKind::Source);
    assert!(error.to_string().contains("`Cover`, `Students`, `Old`"));
    assert_eq!(error.hint_text(), Some("did you mean `Students`?"));
    assert!(refused(&made.path, "sheet = 4").to_string().contains("no sheet 4"));
    assert!(refused(&made.path, "sheet = 0").to_string().contains("no sheet 0"));
}

#[test]
fn without_a_header_names_may_be_declared() {
    let made = make(|sheet| {
        put(sheet, 0, &["1", "Ana"]);
        put(sheet, 1, &["2", "Rui", "x"]);
    });
    let source = opened(&made.path, "header = false");
    assert_eq!((source.header().fields.len(), source.header().line), (3, 0));
    assert_eq!(read_all(&made.path, "header = false"), ["1: '1'|'Ana'|-", "2: '2'|'Rui'|'x'"]);
    let keys = "header = false\ncolumns = [\"id\", \"name\"]";
    assert_eq!(opened(&made.path, keys).header().fields, ["id", "name"]);
    assert_eq!(read_all(&made.path, keys), ["1: '1'|'Ana'", "2! sheet.ragged "]);
}

#[test]
fn empty_sheets_and_header_rows_say_so() {
    let made = make(|sheet| put(sheet, 4, &["ID"]));
    assert!(refused(&made.path, "").to_string().contains("row 1 of sheet `Students` is empty"));
    assert!(read_all(&made.path, "header = 5").is_empty());
    let empty = make(|_| {});
    assert!(read_all(&empty.path, "header = false").is_empty());
    assert!(refused(&made.path, "range = \"B\"").to_string().contains("not a range"));
    assert!(refused(&made.path, "member = \"a.xlsx\"").to_string().contains("inside an archive"));
}

#[test]
fn files_that_are_no_workbooks_are_named_for_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("students.xls");
    let hint = |content: &[u8]| {
        std::fs::write(&path, content).expect("written");
        let error = refused(&path, "");
        format!("{error}; {}", error.hint_text().unwrap_or_default())
    };
    assert!(hint(b"").contains("empty"));
    assert!(hint(b"\n<html><table>").contains("HTML"));
    assert!(hint(b"id,name\n1,Ana\n").contains("csv"));
    assert!(hint(b"PK\x03\x04 cut short").contains("damaged"));
    assert!(refused(folder.path(), "").to_string().contains("ordinary file"));
    assert!(refused(&folder.path().join("none.xlsx"), "").to_string().contains("cannot be opened"));
}

#[test]
fn rejected_rows_are_read_back_by_the_same_pipeline() {
    let made = make(|sheet| {
        typed(sheet);
        let date = Format::new().set_num_format("yyyy-mm-dd");
        sheet.write_number_with_format(4, 2, 60.0, &date).expect("written");
        sheet.write_formula(5, 1, Formula::new("=\"\"").set_result("")).expect("written");
        put(sheet, 5, &["9"]);
    });
    for keys in ["", "sheet = 1", "header = 1\nrange = \"A1:F\""] {
        let source = opened(&made.path, keys);
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = source.rejected_writer(folder.path()).expect("a writer");
        let mut splitter = source.splitter(50).expect("a splitter");
        let mut decoder = source.decoder(&all(&*source));
        let mut batch = RecordBatch::default();
        while let Some(split) = splitter.next_split().expect("a split") {
            decoder.start(split);
            while decoder.fill(&mut batch) {
                batch.records().for_each(|record| writer.write(record.raw()).expect("written"));
            }
        }
        writer.finish().expect("finished");
        let rejected = folder.path().join("made.xlsx");
        let names = |line: String| line.split_once([':', '!']).expect("a line").1.to_owned();
        let original: Vec<_> = read_all(&made.path, keys).into_iter().map(names).collect();
        let again: Vec<_> = read_all(&rejected, keys).into_iter().map(names).collect();
        assert_eq!(again, original, "{keys}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
        let other = source.rejected_writer(folder.path()).expect("a second file of that name");
        other.finish().expect("finished");
        assert_eq!(mode(&folder.path().join("made.3.xlsx")), 0o600);
        assert_eq!(mode(&rejected), 0o600);
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

#[test]
fn a_splitter_may_be_started_again_and_left() {
    let made = make(|sheet| {
        put(sheet, 0, &["ID"]);
        (1..500).for_each(|row| put(sheet, row, &["x"]));
    });
    let source = opened(&made.path, "");
    let mut left = source.splitter(10).expect("a splitter");
    assert!(left.next_split().expect("a split").is_some());
    drop(left);
    assert_eq!(read(&*source, 100, &all(&*source)).len(), 499);
    let mut splitter = source.splitter(1 << 20).expect("a splitter");
    while splitter.next_split().expect("a split").is_some() {}
    assert!(splitter.next_split().expect("the end").is_none(), "the end stays the end");
    assert_eq!(splitter.bytes_read(), std::fs::metadata(&made.path).expect("metadata").len());
}

#[test]
fn dates_of_the_1904_system_are_its_own() {
    let made = make(|sheet| {
        let date = Format::new().set_num_format("yyyy-mm-dd");
        put(sheet, 0, &["Born"]);
        sheet.write_number_with_format(1, 0, 39_448.0, &date).expect("written");
    });
    let changed = with_part(&made.path, "xl/workbook.xml", |xml| {
        xml.replace("<workbookPr ", "<workbookPr date1904=\"1\" ")
    });
    assert_eq!(read_all(&made.path, ""), ["2: 2008-01-01"]);
    std::fs::write(&made.path, changed).expect("written");
    assert_eq!(read_all(&made.path, ""), ["2: 2012-01-02"]);
}

#[test]
fn formulas_without_a_stored_result_are_faults() {
    let made = make(|sheet| {
        put(sheet, 0, &["ID", "Sum"]);
        put(sheet, 1, &["1"]);
        sheet.write_formula(1, 1, Formula::new("=1+1").set_result("2")).expect("written");
    });
    assert_eq!(read_all(&made.path, ""), ["2: '1'|2"]);
    for without in ["", "<v></v>", "<v/>"] {
        let changed = with_part(&made.path, "xl/worksheets/sheet1.xml", |xml| {
            assert!(xml.contains("<v>2</v>"));
            xml.replace("<v>2</v>", without)
        });
        let path = made.path.with_file_name("changed.xlsx");
        std::fs::write(&path, changed).expect("written");
        assert_eq!(read_all(&path, ""), ["2! sheet.formula Sum"], "{without}");
    }
}

#[test]
fn rows_out_of_order_and_broken_sheets_stop_the_reading() {
    let made = make(|sheet| {
        put(sheet, 0, &["ID"]);
        put(sheet, 1, &["1"]);
        put(sheet, 2, &["2"]);
    });
    let path = made.path.with_file_name("changed.xlsx");
    let broken = |change: fn(String) -> String| {
        let changed = with_part(&made.path, "xl/worksheets/sheet1.xml", change);
        std::fs::write(&path, changed).expect("written");
        let mut splitter = opened(&path, "").splitter(1 << 20).expect("a splitter");
        splitter.next_split().expect_err("a failure").to_string()
    };
    let swapped = broken(|xml| xml.replace("\"A3\"", "\"A1\"").replace("r=\"3\"", "r=\"1\""));
    assert!(swapped.contains("not in order"), "{swapped}");
    assert!(broken(|xml| xml.replace("r=\"A3\"", "r=\"A9999999\"")).contains("beyond the end"));
    assert!(broken(|xml| xml.replace("</sheetData>", "")).contains("damaged"));
    assert!(broken(|xml| xml.replace("<v>2</v>", "<v>77</v>")).contains("damaged"));
}

#[test]
fn two_cells_at_one_place_are_a_fault() {
    let made = make(|sheet| {
        put(sheet, 0, &["ID", "Name"]);
        put(sheet, 1, &["1", "Ana"]);
    });
    let changed =
        with_part(&made.path, "xl/worksheets/sheet1.xml", |xml| xml.replace("\"B2\"", "\"A2\""));
    std::fs::write(&made.path, changed).expect("written");
    assert_eq!(read_all(&made.path, ""), ["2! sheet.cell ID"]);
}

/// The package with one of its parts changed.
fn with_part(path: &Path, part: &str, change: impl FnOnce(String) -> String) -> Vec<u8> {
    use std::io::{Cursor, Read, Write};
    let mut archive =
        zip::ZipArchive::new(std::fs::File::open(path).expect("a file")).expect("a zip");
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut change = Some(change);
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("a part");
        let name = file.name().expect("a name").into_owned();
        let mut content = String::new();
        file.read_to_string(&mut content).expect("text");
        if name == part {
            content = change.take().expect("one part of that name")(content);
        }
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name, options).expect("a part");
        writer.write_all(content.as_bytes()).expect("its content");
    }
    assert!(change.is_none(), "there is such a part");
    writer.finish().expect("an archive").into_inner()
}

#[test]
fn protected_and_failing_workbooks_are_source_errors() {
    assert_eq!(failure::password().kind(), crate::error::ErrorKind::Source);
    assert!(failure::password().hint_text().is_some());
}
