//! Whole files through splitter and decoder: tables of cases, and two oracles.
//!
//! `reference` reads the same rules byte by byte from the whole text, without
//! splits; the `csv` crate's writer gives well-formed files.

mod oracle;

use std::sync::Arc;

use super::*;
use crate::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    private_file,
};

/// A record as tests compare it: number, line, raw bytes, cells or the fault's code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) line: u64,
    pub(super) raw: Vec<u8>,
    pub(super) cells: std::result::Result<Vec<String>, &'static str>,
}

pub(super) fn shape(toml: &str, content: &[u8]) -> Result<(tempfile::TempDir, Arc<Shape>)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.csv");
    std::fs::write(&path, content).expect("a file");
    let file = InputFile { ordinal: 3, display: "a.csv".into(), path };
    let definition = format!("format = 'csv'\npath = 'a.csv'\n{toml}");
    let definition = toml::from_str(&definition).expect("a definition");
    Ok((folder, Arc::new(Shape::read(&definition, &file)?)))
}

/// All records, cut into splits of `split_bytes` (even below the smallest allowed).
pub(super) fn read(shape: &Arc<Shape>, split_bytes: usize) -> Result<Vec<Seen>> {
    let width = u32::try_from(shape.start.width).expect("few columns");
    let fields = (1..=width).map(FieldRef::Number).collect();
    let projection = Projection { fields, rest: false };
    let cells = projection::Cells::of(&projection, &shape.start.header);
    let mut decoder = decoder::CsvDecoder::new(Arc::clone(shape), cells);
    let splitter = splitter::CsvSplitter::open(Arc::clone(shape), split_bytes)?;
    let mut tiling = Tiling::new(Box::new(splitter));
    let (mut seen, mut batch) = (Vec::new(), RecordBatch::default());
    while let Some(split) = tiling.next_split()? {
        let (before, records, first_line) = (seen.len(), split.records, split.first_line);
        decoder.start(split);
        while decoder.fill(&mut batch) {
            seen.extend(batch.records().map(|record| {
                let text = |at| match record.cell(at) {
                    Cell::Text(text) => text.to_owned(),
                    other => panic!("{other:?} is no text"),
                };
                let cells = match record.fault() {
                    None => Ok((0..record.width()).map(text).collect()),
                    Some(fault) => Err(fault.code),
                };
                let position = record.position();
                assert_eq!(position.file, 3);
                Seen {
                    number: position.record,
                    line: position.line,
                    raw: record.raw().to_vec(),
                    cells,
                }
            }));
        }
        assert_eq!((seen.len() - before) as u64, records, "a split holds what it says");
        if records > 0 {
            assert_eq!(seen[before].line, first_line, "a split starts where it says");
        }
    }
    Ok(seen)
}

/// The records of a small file as (line, cells or code), the same for every split size.
fn records(toml: &str, content: &[u8]) -> Vec<(u64, std::result::Result<String, &'static str>)> {
    let (_folder, shape) = shape(toml, content).expect("it opens");
    let whole = read(&shape, 1 << 20).expect("it reads");
    for split_bytes in [1, 2, 3, 7, 20] {
        assert_eq!(read(&shape, split_bytes).expect("it reads"), whole, "splits of {split_bytes}");
    }
    let numbers: Vec<_> = whole.iter().map(|seen| seen.number).collect();
    assert_eq!(numbers, (1..=whole.len() as u64).collect::<Vec<_>>());
    whole.into_iter().map(|seen| (seen.line, seen.cells.map(|cells| cells.join("|")))).collect()
}

fn ok(line: u64, cells: &str) -> (u64, std::result::Result<String, &'static str>) {
    (line, Ok(cells.to_owned()))
}

#[test]
fn records_follow_the_header_with_their_lines() {
    let content = b"id,name\n1,Ana\n\n2,\"Rui\nSilva\"\r\n#3,x\r4,\"a\"\"b\"";
    let expected = [ok(2, "1|Ana"), ok(4, "2|Rui\nSilva"), ok(6, "#3|x"), ok(7, "4|a\"b")];
    assert_eq!(records("", content), expected);
    let expected = [ok(2, "1|Ana"), ok(4, "2|Rui\nSilva"), ok(7, "4|a\"b")];
    assert_eq!(records("comment = '#'", content), expected);
}

#[test]
fn a_bad_record_never_touches_its_neighbours() {
    let content = b"a,b\n1,2\n3\n4,5,6\n7,\"8\n9,10\n11,x\"y\n12,\xff\n13,\0\n14,15\n";
    let expected = [
        ok(2, "1|2"),
        (3, Err("csv.ragged")),
        (4, Err("csv.ragged")),
        (5, Err("csv.quote")),
        ok(6, "9|10"),
        (7, Err("csv.quote")),
        (8, Err("encoding.invalid")),
        (9, Err("encoding.nul")),
        ok(10, "14|15"),
    ];
    assert_eq!(records("", content), expected);
}

#[test]
fn headers_are_found_where_they_are_said_to_be() {
    let header = |toml: &str, content: &str| {
        let (_folder, shape) = shape(toml, content.as_bytes()).ok()?;
        let header = &shape.start.header;
        let records = read(&shape, 1).expect("it reads");
        Some((header.fields.join("|"), header.line, records.first().map_or(0, |seen| seen.line)))
    };
    let found = |names: &str, line, first| Some((names.to_owned(), line, first));
    assert_eq!(header("", "\u{feff}a,\"b\nc\"\r\n1,2"), found("a|b\nc", 1, 3));
    assert_eq!(header("", "\n a ,,a\n1,2,3"), found(" a ||a", 2, 3));
    assert_eq!(header("header = 3", "Report \"x\n\na,b\n1,2"), found("a|b", 3, 4));
    assert_eq!(header("header = 2\ncomment = '#'", "x\n#y\na,b\n1,2"), found("a|b", 3, 4));
    assert_eq!(header("header = false", "\"x\n1,2\n"), found("|", 0, 1));
    assert_eq!(header("header = false\ncolumns = ['p','q']", "1,2\n"), found("p|q", 0, 1));
    for (toml, content) in [
        ("", ""),
        ("", "\n\n"),
        ("header = 9", "a\nb"),
        ("", "a,\"b\n1,2"),
        ("", "a,\0b\n"),
        ("", "a,b\u{feff}"),
        ("header = false", ""),
        ("columns = ['a']", "a\n"),
        ("encoding = 'x'", "a\n"),
    ] {
        let unusable = header(toml, content);
        let accepted_bom_inside = content.contains("b\u{feff}");
        assert_eq!(unusable.is_none(), !accepted_bom_inside, "{toml} {content:?}");
    }
}

#[test]
fn empty_lines_are_values_only_in_files_of_one_column() {
    assert_eq!(records("", b"a\n1\n\n\"\"\n2\n"), [ok(2, "1"), ok(3, ""), ok(4, ""), ok(5, "2")]);
    assert_eq!(records("", b"a,b\n1,\n\n,\n"), [ok(2, "1|"), ok(4, "|")]);
    assert_eq!(records("", b"a,b\n"), []);
    assert_eq!(records("", b"a,b\n\n\n\n"), []);
}

#[test]
fn encodings_are_declared_and_a_mark_has_to_agree() {
    let read =
        |encoding: &str, content: &[u8]| records(&format!("encoding = '{encoding}'"), content);
    assert_eq!(read("windows-1252", b"a,b\nS\xe3o,\"\x80\"\"\"\n"), [ok(2, "São|€\"")]);
    assert_eq!(read("cp850", b"a,b\nS\xc6o,1\n"), [ok(2, "São|1")]);
    assert_eq!(read("shift_jis", b"a,b\n\x93\xfa\x96{,\x83\x5c\n"), [ok(2, "日本|ソ")]);
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let expected = [ok(2, "São|x\ny"), ok(4, "𝄞|2")];
    assert_eq!(read("utf-16le", &utf16("a,b\r\nSão,\"x\ny\"\n𝄞,2")), expected);
    assert_eq!(read("utf-16", &utf16("\u{feff}a,b\r\nSão,\"x\ny\"\n𝄞,2")), expected);
    let big: Vec<_> = "\u{feff}a,b\n1,2".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read("utf-16", &big), [ok(2, "1|2")]);
    assert_eq!(records("encoding = 'utf-8'", "\u{feff}a,b\n1,2".as_bytes()), [ok(2, "1|2")]);
    for (toml, content) in [
        ("", utf16("\u{feff}a")),
        ("encoding = 'utf-8'", big.clone()),
        ("encoding = 'utf-16le'", big),
        ("encoding = 'windows-1252'", "\u{feff}a".into()),
    ] {
        assert!(shape(toml, &content).is_err(), "{toml}");
    }
}

#[test]
fn bytes_that_are_no_text_are_found_in_their_record_whatever_the_encoding() {
    let cut = records("encoding = 'shift_jis'", b"a,b\n1,\x93\n2,\xff\n3,4\n");
    let expected = [(2, Err("encoding.invalid")), (3, Err("encoding.invalid")), ok(4, "3|4")];
    assert_eq!(cut, expected);
    // With a bar between fields Shift_JIS is transcoded: 0x7C may be a second half.
    let content = b"a|b\n\x83\x7c|1\n\xff|2\n3|4\n";
    let cut = records("encoding = 'shift_jis'\ndelimiter = '|'", content);
    assert_eq!(cut, [ok(2, "ポ|1"), (3, Err("encoding.invalid")), ok(4, "3|4")]);
    let mut unpaired: Vec<_> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    unpaired.extend([b'3', 0, b',', 0, 0, 0xd8, b'\n', 0, b'5', 0, b',', 0, b'6', 0]);
    let cut = records("encoding = 'utf-16le'", &unpaired);
    assert_eq!(cut, [ok(2, "1|2"), (3, Err("encoding.invalid")), ok(4, "5|6")]);
}

#[test]
fn faults_say_where_and_never_what() {
    let (_folder, shape) = shape("", b"id,name\n1,se\"cret\n").expect("it opens");
    let projection = Projection { fields: vec![FieldRef::Name("id".into())], rest: false };
    let source = CsvSource { shape };
    let mut decoder = source.decoder(&projection);
    let mut splitter = source.splitter(0).expect("it opens");
    decoder.start(splitter.next_split().expect("it reads").expect("a split"));
    let mut batch = RecordBatch::default();
    assert!(decoder.fill(&mut batch));
    let fault = batch.records().next().and_then(|record| record.fault().cloned()).expect("a fault");
    assert_eq!((fault.code, fault.field.as_str()), ("csv.quote", "name"));
    let expected = "a quote stands inside a field that is not quoted \
                    (field 2, byte 5 of the record, 12 of the file)";
    assert_eq!(fault.message, expected);
}

#[test]
fn projections_choose_reorder_and_gather_the_rest() {
    let content = b"id,name,,name,note\n1,Ana,x,y,\"a\"\"b\"\n";
    let (_folder, shape) = shape("", content).expect("it opens");
    let source = CsvSource { shape };
    let fields =
        vec![FieldRef::Name("name".into()), FieldRef::Number(1), FieldRef::Name("none".into())];
    let mut decoder = source.decoder(&Projection { fields, rest: true });
    let mut splitter = source.splitter(0).expect("it opens");
    decoder.start(splitter.next_split().expect("it reads").expect("a split"));
    let mut batch = RecordBatch::default();
    assert!(decoder.fill(&mut batch));
    let record = batch.records().next().expect("a record");
    let cells: Vec<_> = (0..record.width()).map(|at| record.cell(at)).collect();
    let rest = Cell::Json(r#"{"3":"x","name (4)":"y","note":"a\"b"}"#);
    assert_eq!(cells, [Cell::Text("Ana"), Cell::Text("1"), Cell::Absent, rest]);
    assert!(!decoder.fill(&mut batch));
}

#[test]
fn rejected_records_are_a_file_of_the_same_kind() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let text = "Report\r\na;b\r\n1;\"x\ny\"\r\n2\r\n3;4";
    let cases = [
        ("header = 2\ndelimiter = ';'", text.as_bytes().to_vec()),
        ("header = 2\ndelimiter = ';'", format!("\u{feff}{text}").into()),
        ("header = 2\ndelimiter = ';'\nencoding = 'utf-16'", utf16(&format!("\u{feff}{text}"))),
    ];
    for (toml, content) in cases {
        let (folder, shape) = shape(toml, &content).expect("it opens");
        let seen = read(&shape, 1).expect("it reads");
        let rejected = folder.path().join("rejected");
        private_file::create_folder(&rejected).expect("a folder");
        let source = CsvSource { shape };
        for name in ["a.csv", "a.3.csv"] {
            let mut writer = source.rejected_writer(&rejected).expect("a writer");
            for record in &seen {
                writer.write(&record.raw).expect("it is written");
            }
            writer.finish().expect("it is brought to disk");
            let again = std::fs::read(rejected.join(name)).expect("it is there");
            let (_folder, shape) = self::shape(toml, &again).expect("it opens again");
            assert_eq!(read(&shape, 1).expect("it reads"), seen);
            assert_eq!(again[..content.len() - 4], content[..content.len() - 4]);
        }
    }
}

#[test]
fn a_stray_quote_before_megabytes_costs_one_record_for_every_split_size() {
    let mut content = b"a,b\n1,\"stray\n".to_vec();
    for number in 0..200_000 {
        content.extend_from_slice(format!("{number},x{number}\n").as_bytes());
    }
    let (_folder, shape) = shape("", &content).expect("it opens");
    let whole = read(&shape, SPLIT_BYTES_MAX).expect("it reads");
    assert_eq!(whole.len(), 200_001);
    assert_eq!(whole.iter().filter(|seen| seen.cells.is_err()).count(), 1);
    for split_bytes in [1024, 64 * 1024, 1_000_000] {
        assert_eq!(read(&shape, split_bytes).expect("it reads"), whole);
    }
}

#[test]
fn a_line_without_end_is_an_error_not_endless_memory() {
    let mut content = b"a,b\n1,2\n".to_vec();
    let longest = content.len() + SPLIT_BYTES_MAX;
    content.resize(longest, b'x');
    for (line_end, records) in [("", Some(2)), ("\r\n3,4", Some(3)), ("x", None), ("x\n3,4", None)]
    {
        content.truncate(longest);
        content.extend_from_slice(line_end.as_bytes());
        let (_folder, shape) = shape("", &content).expect("it opens");
        for split_bytes in [1024, SPLIT_BYTES_MAX] {
            let seen = read(&shape, split_bytes).map(|seen| seen.len());
            let seen = seen.map_err(|error| error.kind());
            assert_eq!(seen, records.ok_or(crate::error::ErrorKind::Source), "{line_end:?}");
        }
    }
}
