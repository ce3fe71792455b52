//! Every workbook is read both ways, by the scanner and by calamine alone, and every cell,
//! and the end, compared.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use calamine::Reader;
use proptest::prelude::*;

use super::{
    super::{
        failure::guarded,
        package,
        workbook::{Counted, choose},
    },
    Book, Stop, Way,
    cells::{self, NumberKind, Referred},
    chunks::Chunks,
    opened_by_calamine,
    texts::SharedTexts,
    visit_by_calamine,
};
use crate::{
    definition::{SheetRef, SourceDefinition},
    error::Result,
    source::{InputFile, sheet::workbook::Visit},
};

/// The cells, each with its place, and then how the reading ended.
type Seen = Vec<String>;

fn opened(file: &File) -> BufReader<Counted> {
    let mut file = file.try_clone().expect("a second handle");
    file.rewind().expect("the start");
    BufReader::new(Counted::of(file, &Arc::new(AtomicU64::new(0))))
}

/// What `visit` shows, and the error it ended with.
fn seen(visit: impl FnOnce(&mut super::Visitor<'_>) -> Result<()>) -> Seen {
    let mut cells = Vec::new();
    let end = guarded(|| {
        visit(&mut |row, column, content| {
            cells.push(format!("{row} {column} {content:?}"));
            Ok(Visit::More)
        })
    });
    cells.push(end.err().map_or("the end".to_owned(), |error| error.to_string()));
    cells
}

/// A sheet as both ways show it, and whether the scanner read it to its end; `None` where
/// the package is refused before.
fn both(file: &File, sheet: u32) -> Option<(Seen, Seen, bool)> {
    let mut start = file.try_clone().expect("a second handle");
    start.rewind().expect("the start");
    let facts = guarded(|| package::inspect(BufReader::new(start))).ok()?;
    let wanted = SheetRef::Number(sheet);
    let ours = guarded(|| Book::open(opened(file), Some(&wanted), &facts));
    let theirs = guarded(|| {
        let archive = zip::ZipArchive::new(opened(file)).expect("it was proven");
        let workbook = opened_by_calamine(archive)?;
        let (name, _) = choose(workbook.sheets_metadata(), Some(&wanted))?;
        Ok((workbook, name))
    });
    let failed = |error: crate::error::Error| vec![error.to_string()];
    let (mut book, (mut workbook, name)) = match (ours, theirs) {
        (Ok(book), Ok(theirs)) => (book, theirs),
        (ours, theirs) => {
            let opens = || vec!["it opens".to_owned()];
            let ours = ours.map_or_else(failed, |_| opens());
            return Some((ours, theirs.map_or_else(failed, |_| opens()), false));
        }
    };
    assert_eq!(book.sheet(), name);
    let ours = seen(|visitor| book.visit(visitor));
    let theirs = seen(|visitor| visit_by_calamine(&mut workbook, &name, 0, visitor));
    Some((ours, theirs, matches!(book.way, Way::Scanner { .. })))
}

/// A package with that sheet, and other parts if they are given.
fn made(sheet: &str, texts: Option<&str>) -> File {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
    let relation = |id: &str, kind: &str, target: &str| {
        let schema = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        format!("<Relationship Id='{id}' Type='{schema}/{kind}' Target='{target}'/>")
    };
    let relations = |inner: String| format!("{head}<Relationships>{inner}</Relationships>");
    let styles = "<styleSheet><numFmts><numFmt numFmtId='170' formatCode='[h]:mm'/></numFmts>\
        <cellStyleXfs><xf numFmtId='14'/></cellStyleXfs><cellXfs><xf numFmtId='0'/>\
        <xf numFmtId='14' xfId='0'/><xf numFmtId='170'/></cellXfs></styleSheet>";
    let parts = [
        ("[Content_Types].xml", "<Types/>".to_owned()),
        ("_rels/.rels", relations(relation("a", "officeDocument", "xl/workbook.xml"))),
        (
            "xl/_rels/workbook.xml.rels",
            relations(relation("b", "worksheet", "worksheets/sheet1.xml")),
        ),
        (
            "xl/workbook.xml",
            format!("{head}<workbook><sheets><sheet name='S' r:id='b'/></sheets></workbook>"),
        ),
        ("xl/styles.xml", styles.to_owned()),
        ("xl/sharedStrings.xml", texts.unwrap_or(TEXTS).to_owned()),
        ("xl/worksheets/sheet1.xml", sheet.to_owned()),
    ];
    let mut writer = zip::ZipWriter::new(tempfile::tempfile().expect("a file"));
    for (name, content) in parts {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        writer.start_file(name, options).expect("a part");
        writer.write_all(content.as_bytes()).expect("its content");
    }
    writer.finish().expect("an archive")
}

const TEXTS: &str = "<?xml version=\"1.0\" encoding='utf-8'?><sst count='9' uniqueCount='9'>\
    <si><t>plain</t></si> <si><t xml:space=\"preserve\"> a &amp; b&#10;c </t></si>\
    <si><t> trimmed\u{a0} </t></si><si/><si></si><si><t/></si>\n\
    <si><r><rPr><b/></rPr><t>rich </t></r><r><t xml:space='preserve'> text</t></r>\
    <rPh sb=\"0\" eb=\"1\"><t>phonetic</t></rPh><phoneticPr fontId=\"1\"/></si>\
    <si><t>_x000D_ _x005F_x000D_ _xZZZZ_ _x41_</t><t>&lt;two&gt;</t></si>\
    <si><rPh><t>only</t></rPh></si></sst>";

fn sheet_of(rows: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<worksheet xmlns=\"a\"><dimension \
         ref=\"A1:C9\"/><sheetViews><sheetView/></sheetViews><sheetData>{rows}</sheetData>\
         <pageMargins/></worksheet>"
    )
}

/// What the scanner reads itself.
const PLAIN: [&str; 27] = [
    "",
    "<row r=\"1\"><c r=\"A1\"><v>1</v></c><c r=\"C1\" s=\"1\"><v>2.5</v></c></row>",
    "<row><c><v>1</v></c><c/><c><v>3</v></c></row><row/><row><c><v>4</v></c></row>",
    "<row r='3'/><row><c><v>4</v></c></row><row r='9'><c t='str' r='B9'><v>x</v></c><c><v>1</v></c></row>",
    "<row r=\"2\" spans=\"1:3\" hidden=\"1\" ht=\"15\"><c t=\"n\" s=\"2\" r=\"B2\"><v>-1.5E-3</v></c></row>",
    "<row>\r\n  <c r=\"A1\" t=\"s\"><v>0</v></c>\n <c t=\"s\"><v>1</v></c><c t=\"s\"><v>2</v></c></row>",
    "<row><c t=\"s\"><v>3</v></c><c t=\"s\"><v>4</v></c><c t=\"s\"><v>5</v></c></row>",
    "<row><c t=\"s\"><v>6</v></c><c t=\"s\"><v>7</v></c><c t=\"s\"><v>8</v></c></row>",
    "<row><c t=\"b\"><v>1</v></c><c t=\"b\"><v>0</v></c><c t=\"b\"><v/></c></row>",
    "<row><c t=\"e\"><v>#N/A</v></c><c t=\"e\"><v>#DIV/0!</v></c><c t=\"e\"><v/></c></row>",
    "<row><c t=\"d\"><v>2024-02-29</v></c><c t=\"d\"><v>no &amp; date_</v></c><c t=\"d\"><v/></c></row>",
    "<row><c t=\"str\"><v>a&amp;b &#x41;_x000D_\r\nc\rd </v></c><c t=\"str\"><v/></c></row>",
    "<row><c t=\"inlineStr\"><is><t>x</t></is></c><c t=\"inlineStr\"><is/></c></row>",
    "<row><c t=\"inlineStr\"><is></is></c><c t=\"inlineStr\"><is><t/></is></c></row>",
    "<row><c t=\"inlineStr\"><is><t xml:space=\"preserve\"> x </t></is></c></row>",
    "<row><c t=\"inlineStr\"><is><t> x_x000a_ &#13;\n</t></is></c><c t='inlineStr'><v>1</v></c></row>",
    "<row><c t=\"inlineStr\"><is><r><t>a</t></r><r><rPr><b/></rPr><t>b</t></r></is></c></row>",
    "<row><c t=\"inlineStr\"><is><t>a</t><rPh sb='0'><t>&lt;b</t></rPh><rPh/><t>c</t></is></c></row>",
    "<row><c><f>A1+1</f><v>2</v></c><c><f>A1&amp;B1</f></c><c><f/></c><c><f>1</f><v/></c></row>",
    "<row><c><f t=\"shared\" si=\"0\" ref=\"A1:B2\">A1</f><v>2</v></c><c><f t=\"shared\" si=\"0\"/></c></row>",
    "<row><c t=\"str\"><f>1</f><v></v></c><c t=\"e\"><f>1</f><v>#REF!</v></c></row>",
    "<row><c><v>1</v><f>2</f></c><c s=\"1\"/><c s=\"1\"></c><c s=\"0\"><v></v></c></row>",
    "<row r=\"1\"><c r=\"B5\"><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>",
    "<row r=\"5\"><c r=\"B5\"><v>1</v></c><c r=\"A5\"><v>2</v></c></row><row r='2'><c><v>3</v></c></row>",
    "<row><c t=\"str\"><v>éß漢字 😀 ]]> \"'</v></c><c t=\"inlineStr\"><is><t>漢 é</t></is></c></row>",
    "<row><c t=\"str\"><v>a>b</v></c><c v=\">\" ><v>2</v></c></row>",
    "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>",
];

/// What it leaves to calamine.
const ODD: [&str; 43] = [
    "<row><c v=\"<\" ><v>2</v></c></row>",
    "<row><c><v>1</v></c><!-- a comment --></row>",
    "<row><c><v>1</v></c></row><!-- </row> --><row><c><v>2</v></c></row>",
    "<row><c t=\"str\"><v><![CDATA[</row>]]></v></c></row>",
    "<row><c t=\"inlineStr\"><is><t><![CDATA[a</row>]]></t></is></c></row>",
    "<row><?pi </row>?><c><v>1</v></c></row>",
    "<row><c t=\"str\"><v>&unknown;</v></c></row>",
    "<row><c t=\"str\"><v>&#0;</v></c></row>",
    "<row><c t=\"str\"><v>&#xD800;&amp</v></c></row>",
    "<row><c t=\"str\"><v>_xD83D__xDE00_</v></c></row>",
    "<row><c t=\"str\"><v>_xD83D_</v></c></row>",
    "<row><c><v> 1 </v></c></row>",
    "<row><c><v>+1</v></c></row>",
    "<row><c><v>1.</v></c><c><v>.5</v></c></row>",
    "<row><c><v>1e999</v></c></row>",
    "<row><c><v>inf</v></c><c><v>NaN</v></c></row>",
    "<row><c><v>text</v></c></row>",
    "<row><c t=\"n\"><v>text</v></c></row>",
    "<row><c t=\"s\"><v>99</v></c></row>",
    "<row><c t=\"s\"><v>x</v></c></row>",
    "<row><c t=\"b\"><v>TRUE</v></c><c t=\"b\"><v>2</v></c></row>",
    "<row><c t=\"e\"><v>#SPILL!</v></c></row>",
    "<row><c t=\"z\"><v>1</v></c></row>",
    "<row><c r=\"a1\"><v>1</v></c></row>",
    "<row><c r=\"A\"><v>1</v></c></row>",
    "<row><c r=\"A0\"><v>1</v></c></row>",
    "<row><c r=\"XFE1\"><v>1</v></c></row>",
    "<row><c r=\"A1048577\"><v>1</v></c></row>",
    "<row r=\"0\"><c><v>1</v></c></row>",
    "<row r=\"A5\"><c><v>1</v></c></row>",
    "<row r=\"1\" r=\"2\"><c><v>1</v></c></row>",
    "<row><c r=\"A1\" r=\"B1\"><v>1</v></c></row>",
    "<row><c><v>1</v><v>2</v></c></row>",
    "<row><c t=\"inlineStr\"><is><t>a</t></is><v>2</v></c></row>",
    "<row><c><f t=\"shared\">1</f></c></row>",
    "<row><c><f t=\"shared\" si=\"1\" ref=\"x\">1</f></c></row>",
    "<row><c><extLst/><v>1</v></c></row>",
    "<row><c><v>1</v></c></row>text<row><c><v>2</v></c></row>",
    "<x:row><x:c><x:v>1</x:v></x:c></x:row>",
    "<row><c s=\"x\"><v>1</v></c><c s=\"999999\"><v>1</v></c></row>",
    "<row><c><v>1</v></c>",
    "<row><c><v>1</v></x></row>",
    "<row><c t=\"inlineStr\"><is><r><t>a</t></is></c></row>",
];

#[test]
fn plain_sheets_are_read_alike_and_by_the_scanner() {
    for rows in PLAIN {
        let (ours, theirs, scanned) = both(&made(&sheet_of(rows), None), 1).expect("proven");
        assert_eq!(ours, theirs, "{rows}");
        assert!(scanned, "{rows}");
        assert_eq!(ours.last().map(String::as_str), Some("the end"), "{rows}");
    }
}

#[test]
fn odd_sheets_are_read_alike_from_the_cell_on_at_which_they_are() {
    let before = "<row><c t=\"s\"><v>1</v></c><c/></row>";
    for rows in ODD {
        for rows in [rows.to_owned(), format!("{before}{rows}{before}")] {
            let (ours, theirs, scanned) = both(&made(&sheet_of(&rows), None), 1).expect("proven");
            assert_eq!(ours, theirs, "{rows}");
            assert!(!scanned, "{rows}");
        }
    }
}

#[test]
fn what_surrounds_the_rows_is_taken_alike() {
    let row = "<row><c t=\"s\"><v>0</v></c><c s=\"1\"><v>9</v></c></row>";
    let scanned = [
        format!("<worksheet><sheetData>{row}</sheetData></worksheet>"),
        format!("<worksheet><sheetData xmlns='b' >{row}</sheetData>"),
        format!("<worksheet><dimension ref='B2'/><sheetData>{row}</sheetData> <!-- x --> & <"),
        "<worksheet><sheetData/></worksheet>".to_owned(),
        "<worksheet><sheetData></sheetData></worksheet>".to_owned(),
    ];
    let left = [
        format!("\u{feff}<worksheet><sheetData>{row}</sheetData></worksheet>"),
        format!("<worksheet><!-- <sheetData> --><sheetData>{row}</sheetData></worksheet>"),
        format!("<x:worksheet><x:sheetData>{row}</x:sheetData></x:worksheet>"),
        format!(
            "<?xml version='1.0' encoding='iso-8859-1'?><worksheet><sheetData>{row}</sheetData>"
        ),
        format!("<worksheet><dimension/><sheetData>{row}</sheetData></worksheet>"),
        format!("<worksheet><dimension ref='A'/><sheetData>{row}</sheetData></worksheet>"),
        format!("<worksheet></worksheet></x><sheetData>{row}</sheetData>"),
        format!("<worksheet a='<sheetData>'><sheetData>{row}</sheetData></worksheet>"),
        format!("<worksheet><sheetData>{row}</sheetData >"),
        format!("<worksheet><sheetData>{row}</worksheet>"),
        format!("<worksheet><sheetData>{row}"),
        "<chartsheet/>".to_owned(),
        String::new(),
    ];
    for (sheets, expected) in [(&scanned[..], true), (&left[..], false)] {
        for sheet in sheets {
            let (ours, theirs, scanned) = both(&made(sheet, None), 1).expect("proven");
            assert_eq!(ours, theirs, "{sheet}");
            assert_eq!(scanned, expected, "{sheet}");
        }
    }
}

#[test]
fn odd_shared_texts_are_left_to_calamine() {
    let rows = "<row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c></row>";
    for texts in [
        "<sst><si><t>a</t></si><!-- </si> --><si><t>b</t></si></sst>",
        "<sst><si><t><![CDATA[a</si>]]></t></si><si><t>b</t></si></sst>",
        "<x:sst xmlns:x='a'><x:si><x:t>a</x:t></x:si><x:si><x:t>b</x:t></x:si></x:sst>",
        "<sst><si><t>&other;</t></si><si><t>b</t></si></sst>",
        "<sst><si><t>_xD83D__xDE00_</t></si><si><t>b</t></si></sst>",
        "<sst><si><t>a<b/>c</t></si><si><t>b</t></si></sst>",
        "<sst><si>a<t>c</t></si><si><t>b</t></si></sst>",
        "<sst><other/><si><t>a</t></si><si><t>b</t></si></sst>",
        "<sst><si><t>a</t></si>",
        "",
    ] {
        let Some((ours, theirs, scanned)) = both(&made(&sheet_of(rows), Some(texts)), 1) else {
            panic!("{texts} is proven");
        };
        assert_eq!(ours, theirs, "{texts}");
        assert!(!scanned, "{texts}");
    }
}

/// Rows enough for a sheet that is proven while it is read.
fn large_rows() -> String {
    (1..=20_000).map(|row| format!("<row r=\"{row}\"><c><v>{row}</v></c></row>\n")).collect()
}

/// Reads a sheet through the source's own interface: how many records came, and the end.
fn read_through(file: &mut File, keys: &str) -> (u64, std::result::Result<(), String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made.xlsx");
    file.rewind().expect("the start");
    std::io::copy(file, &mut File::create(&path).expect("a file")).expect("written");
    let definition: SourceDefinition = toml::from_str(&format!(
        "format = \"xlsx\"\npath = \"made.xlsx\"\nheader = false\ncolumns = [\"n\"]\n{keys}"
    ))
    .expect("a source");
    let input = InputFile { ordinal: 0, path, display: "made.xlsx".to_owned() };
    let source = match super::super::open(&definition, &input) {
        Ok(source) => source,
        Err(error) => return (0, Err(error.to_string())),
    };
    let mut splitter = source.splitter(1 << 16).expect("a splitter");
    let mut records = 0;
    loop {
        match splitter.next_split() {
            Ok(Some(split)) => records += split.records,
            Ok(None) => return (records, Ok(())),
            Err(error) => return (records, Err(error.to_string())),
        }
    }
}

#[test]
fn a_large_sheet_is_proven_before_its_last_split() {
    let plain = sheet_of(&large_rows());
    assert_eq!(read_through(&mut made(&plain, None), ""), (20_000, Ok(())));
    assert_eq!(read_through(&mut made(&plain, None), "range = \"A1:A9\""), (9, Ok(())));
    // A changed byte behind the last row, where no reader of cells comes.
    let damaged = || {
        let mut file = made(&plain, None);
        let mut bytes = Vec::new();
        file.rewind().expect("the start");
        file.read_to_end(&mut bytes).expect("its bytes");
        let at = memchr::memmem::find(&bytes, b"pageMargins").expect("it is stored as it is");
        file.seek(std::io::SeekFrom::Start(at as u64)).expect("the place");
        file.write_all(b"P").expect("written");
        file
    };
    for keys in ["", "range = \"A1:A9\""] {
        let (_, end) = read_through(&mut damaged(), keys);
        assert!(end.expect_err("it is damaged").contains("cannot be read"), "{keys}");
    }
    // What is proven while it is read is held to the same limits.
    let long = plain.replace("<pageMargins", &format!("<a b=\"{}\"/><b", "x".repeat(17 << 20)));
    for keys in ["", "range = \"A1:A9\""] {
        let (_, end) = read_through(&mut made(&long, None), keys);
        assert!(end.expect_err("too long").contains("single text"), "{keys}");
    }
    let odd = sheet_of(&format!("{}<!-- odd -->", large_rows()));
    assert_eq!(read_through(&mut made(&odd, None), ""), (20_000, Ok(())));
    let odd = odd.replace("<pageMargins", "<!DOCTYPE x><pageMargins");
    assert_eq!(read_through(&mut made(&odd, None), "").0, 20_000, "behind the first block");
    let declared = format!("<!DOCTYPE x>{plain}");
    let (_, end) = read_through(&mut made(&declared, None), "");
    assert!(end.expect_err("declared").contains("document type"));
}

/// Gives a few bytes at a time.
struct Trickle<'b>(&'b [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(buffer.len());
        self.0.read(&mut buffer[..length])
    }
}

fn referred() -> Referred {
    let texts = SharedTexts::read(TEXTS.as_bytes()).expect("they are plain");
    Referred { texts, kinds: vec![NumberKind::Plain, NumberKind::Date, NumberKind::Elapsed] }
}

fn scanned(sheet: &str, block: usize, buffer: usize) -> (Seen, bool) {
    let mut cells = Vec::new();
    let chunks = Chunks::with_capacity(Trickle(sheet.as_bytes(), block), buffer);
    let end = cells::visit(chunks, &referred(), &mut |row, column, content| {
        cells.push(format!("{row} {column} {content:?}"));
        Ok(Visit::More)
    });
    (cells, !matches!(end, Err(Stop::Unusual)))
}

#[test]
fn where_the_stream_is_cut_makes_no_difference() {
    let sheet = sheet_of(&PLAIN.concat());
    let whole = scanned(&sheet, usize::MAX, 1 << 20);
    assert!(whole.1 && whole.0.len() > 50);
    for block in (1..300).chain([997, sheet.len() - 1, sheet.len()]) {
        for buffer in [1, 2, 7, block, block + 1, 4096] {
            assert_eq!(scanned(&sheet, block, buffer), whole, "{block} {buffer}");
        }
    }
    for cut in 0..sheet.len() - "</sheetData><pageMargins/></worksheet>".len() {
        let Some(cut) = sheet.get(..cut) else { continue };
        let (cells, is_whole) = scanned(cut, 64, 64);
        assert!(!is_whole && whole.0.starts_with(&cells));
    }
}

/// Every `.xlsx` and `.xlsm` below a folder.
fn workbooks(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            workbooks(&path, found);
        } else if extension == "xlsx" || extension == "xlsm" {
            found.push(path);
        }
    }
}

#[test]
fn real_workbooks_are_read_alike() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !folder.is_dir() {
        // The files of others are not part of the repository.
        return;
    }
    let mut paths = Vec::new();
    workbooks(folder, &mut paths);
    let (mut compared, mut scanned_sheets, mut cells) = (0, 0, 0);
    for path in &paths {
        let file = File::open(path).expect("the file opens");
        for sheet in 1.. {
            let Some((ours, theirs, scanned)) = both(&file, sheet) else { break };
            let differ = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
            assert_eq!(differ, None, "{} {sheet}", path.display());
            assert_eq!(ours.len(), theirs.len(), "{} {sheet}", path.display());
            if ours.len() == 1 && ours[0] != "the end" {
                break;
            }
            compared += 1;
            cells += ours.len() - 1;
            scanned_sheets += usize::from(scanned);
        }
    }
    assert!(paths.len() > 200 && compared > 300, "{} {compared}", paths.len());
    assert!(cells > 100_000, "{cells}");
    // The scanner has to be the rule, else nothing was compared.
    assert!(scanned_sheets * 10 > compared * 9, "{scanned_sheets} of {compared}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Plain rows in any order, with some bytes of them changed.
    #[test]
    fn changed_sheets_are_read_alike(
        rows in prop::collection::vec(0..PLAIN.len(), 1..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, "[<>/&;\"'= rcvtsif0-9A-Z!-]{1,2}"), 0..4),
    ) {
        let mut sheet = sheet_of(&rows.iter().map(|row| PLAIN[*row]).collect::<String>());
        for (place, kind, with) in &changes {
            let at = place.index(sheet.len());
            let Some(at) = (at..sheet.len()).find(|at| sheet.is_char_boundary(*at)) else { continue };
            let next = sheet[at..].chars().next().map_or(0, char::len_utf8);
            match kind {
                0 => sheet.insert_str(at, with),
                1 => sheet.replace_range(at..at + next, ""),
                _ => sheet.replace_range(at..at + next, with),
            }
        }
        if let Some((ours, theirs, _)) = both(&made(&sheet, None), 1) {
            prop_assert_eq!(ours, theirs, "{}", sheet);
        }
    }

    /// The same with the shared texts.
    #[test]
    fn changed_texts_are_read_alike(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, "[<>/&;\"'= rtsiPh0-9_x!-]{1,2}"), 0..4),
    ) {
        let cells: String = (0..9).map(|text| format!("<c t=\"s\"><v>{text}</v></c>")).collect();
        let mut texts = TEXTS.to_owned();
        for (place, kind, with) in &changes {
            let at = place.index(texts.len());
            let Some(at) = (at..texts.len()).find(|at| texts.is_char_boundary(*at)) else { continue };
            let next = texts[at..].chars().next().map_or(0, char::len_utf8);
            match kind {
                0 => texts.insert_str(at, with),
                1 => texts.replace_range(at..at + next, ""),
                _ => texts.replace_range(at..at + next, with),
            }
        }
        let sheet = sheet_of(&format!("<row>{cells}</row>"));
        if let Some((ours, theirs, _)) = both(&made(&sheet, Some(&texts)), 1) {
            prop_assert_eq!(ours, theirs, "{}", texts);
        }
    }
}
