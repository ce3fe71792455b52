//! What calamine says of a workbook without its cells and texts.
//!
//! Which part holds a sheet, and which of its styles are dates, are questions with many
//! answers in the field, so calamine answers them: it opens a package of the parts that
//! say so, with a probe in the place of every other part. The probe that it finds behind
//! the sheet's name is the sheet's part; numbers in all styles, and how it reads them,
//! are the formats.

use std::{
    borrow::Cow,
    io::{Cursor, Read, Seek, Write as _},
};

use calamine::{DataRef, Reader, Xlsx};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{
    super::{
        package::{normal_name, workbook_part},
        workbook::choose,
    },
    cells::NumberKind,
};
use crate::definition::SheetRef;

/// A package of more is left to calamine, as are more bytes of what describes it.
const PARTS_MAX: usize = 2_000;
const KEPT_BYTES_MAX: u64 = 32 << 20;

/// Styles of cells, as their names in the XML are counted; programs allow 65,490.
const STYLES_MAX: usize = 300_000;

/// What is known of a workbook without reading its cells.
#[derive(Debug)]
pub(super) struct Skeleton {
    /// The name of the sheet asked for, and its part's number in the archive.
    pub(super) sheet: String,
    pub(super) part: usize,
    /// By the number of a style; at least as many as there are.
    pub(super) kinds: Vec<NumberKind>,
    /// The part with the shared texts, if there is one.
    pub(super) texts: Option<usize>,
}

/// A part of the package that calamine opens.
enum Bone {
    /// As it is.
    Kept { name: String, content: Vec<u8> },
    /// A probe that says which part it stands for.
    Probed { name: String, part: usize },
}

/// Looks at a proven package; `None` wherever that is not plain, or the sheet is not there.
pub(super) fn skeleton<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    wanted: Option<&SheetRef>,
    date_1904: bool,
) -> Option<Skeleton> {
    if archive.len() > PARTS_MAX {
        return None;
    }
    let workbook = normal_name(&workbook_part(archive).ok()??);
    let texts_name = format!("{}sharedstrings.xml", &workbook[..=workbook.rfind('/')?]);
    let (mut bones, mut texts, mut kept_bytes, mut styles) = (Vec::new(), None, 0, 1);
    for part in 0..archive.len() {
        let mut file = archive.by_index(part).ok()?;
        let name = file.name().ok()?.into_owned();
        let normal = normal_name(&name);
        if normal.ends_with("sharedstrings.xml") {
            let is_theirs = normal == texts_name && texts.replace(part).is_none();
            is_theirs.then_some(())?;
            continue;
        }
        let is_kept = normal == workbook
            || [".rels", "styles.xml", "[content_types].xml"]
                .iter()
                .any(|end| normal.ends_with(end));
        if !is_kept {
            bones.push(Bone::Probed { name, part });
            continue;
        }
        let mut content = Vec::new();
        file.by_ref().take(KEPT_BYTES_MAX + 1).read_to_end(&mut content).ok()?;
        kept_bytes += content.len() as u64;
        if kept_bytes > KEPT_BYTES_MAX {
            return None;
        }
        if normal.ends_with("styles.xml") {
            styles += memchr::memmem::find_iter(&content, b"xf").count();
        }
        bones.push(Bone::Kept { name, content });
    }
    let mut book = open(&bones, None)?;
    (styles <= STYLES_MAX && book.has_1904_epoch() == date_1904).then_some(())?;
    let (sheet, _) = choose(book.sheets_metadata(), wanted).ok()?;
    let part = probed_part(&mut book, &sheet)?;
    let mut book = open(&bones, Some((part, styles)))?;
    let kinds = kinds(&mut book, &sheet)?;
    (kinds.len() == styles).then_some(Skeleton { sheet, part, kinds, texts })
}

type Book = Xlsx<Cursor<Vec<u8>>>;

/// Has calamine open the bones; the probe of one part may have a number in every style.
fn open(bones: &[Bone], styled: Option<(usize, usize)>) -> Option<Book> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for bone in bones {
        let (name, content) = match bone {
            Bone::Kept { name, content } => (name, Cow::Borrowed(&content[..])),
            Bone::Probed { name, part } => {
                let styles = styled.filter(|(styled, _)| styled == part);
                let probe = probe(*part, styles.map(|(_, styles)| styles));
                (name, Cow::Owned(probe.into_bytes()))
            }
        };
        writer.start_file(name, options).ok()?;
        writer.write_all(&content).ok()?;
    }
    Xlsx::new(writer.finish().ok()?).ok()
}

fn probe(part: usize, styles: Option<usize>) -> String {
    let mut sheet = "<worksheet><sheetData><row>".to_owned();
    match styles {
        None => sheet += &format!("<c><v>{part}</v></c>"),
        Some(styles) => {
            sheet.extend((0..styles).map(|style| format!("<c s=\"{style}\"><v>1</v></c>")));
        }
    }
    sheet + "</row></sheetData></worksheet>"
}

fn probed_part(book: &mut Book, sheet: &str) -> Option<usize> {
    let mut cells = book.worksheet_cells_reader(sheet).ok()?;
    let first = cells.next_cell().ok()??;
    let DataRef::Float(part) = first.get_value() else { return None };
    let is_alone = cells.next_cell().ok()?.is_none();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was written from a small whole number"
    )]
    is_alone.then_some(*part as usize)
}

fn kinds(book: &mut Book, sheet: &str) -> Option<Vec<NumberKind>> {
    let mut cells = book.worksheet_cells_reader(sheet).ok()?;
    let mut kinds = Vec::new();
    while let Some(cell) = cells.next_cell().ok()? {
        kinds.push(match cell.get_value() {
            DataRef::Float(_) => NumberKind::Plain,
            DataRef::DateTime(moment) if moment.is_duration() => NumberKind::Elapsed,
            DataRef::DateTime(_) => NumberKind::Date,
            _ => return None,
        });
    }
    Some(kinds)
}
