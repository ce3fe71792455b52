//! Zipped workbooks, looked at before calamine may: what they are, whether every
//! part unpacks to what its checksum says, and whether any claims too much.
//!
//! calamine stops reading a sheet at its last row, so a part cut short behind it
//! or a wrong checksum would go unnoticed; and it believes counts. Unpacking
//! everything once makes facts of sizes that were claims ([`proof`](super::proof)).
//! Since that costs as much as all else about a large sheet, the one that is read is
//! proven while it is read, and no run publishes before it is.

use std::io::{Read, Seek};

use quick_xml::{Reader, events::Event};
use zip::ZipArchive;

use super::{
    failure::{damaged, of_zip, password, too_large},
    proof::{PartFacts, Proving},
};
use crate::error::Result;

/// Parts in a package; a workbook with a thousand sheets has a few thousand.
const PARTS_MAX: usize = 20_000;

/// Parts that calamine holds in memory as a whole.
const HELD_PART_BYTES_MAX: u64 = 512 << 20;

/// The styles, each of which becomes a structure many times its text.
const STYLES_BYTES_MAX: u64 = 16 << 20;

/// Elements of the shared strings, each of which may become a string of its own.
const SHARED_STRING_TAGS_MAX: u64 = 60_000_000;

/// From this size on, packed, a sheet of an `.xlsx` is proven while it is read.
const LATER_BYTES_MIN: u64 = 1 << 20;

/// Which zipped format a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackageKind {
    Xlsx,
    Xlsb,
    Ods,
}

/// A package whose parts are proven.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) kind: PackageKind,
    /// Whether `workbook.xml` asks for the 1904 date system (`.xlsx` only).
    pub(super) date_1904: bool,
    /// Sheets that were left out, for who reads one proves it meanwhile (`.xlsx` only).
    pub(super) unproven: Vec<usize>,
}

/// Looks at every part of a package.
///
/// # Errors
/// `ErrorKind::Source` when it is no workbook, damaged, encrypted or oversized.
pub(super) fn inspect<R: Read + Seek>(file: R) -> Result<Package> {
    let mut archive = ZipArchive::new(file).map_err(of_zip)?;
    if archive.len() > PARTS_MAX {
        return Err(too_large(format_args!("{} parts", archive.len())));
    }
    let kind = kind_of(&archive)?;
    let mut unproven = Vec::new();
    for index in 0..archive.len() {
        if kind == PackageKind::Xlsx && is_large_sheet(&mut archive, index)? {
            unproven.push(index);
        } else {
            inspect_part(&mut archive, index, kind)?;
        }
    }
    if kind == PackageKind::Ods {
        super::open_document::inspect(&mut archive)?;
    }
    let date_1904 = kind == PackageKind::Xlsx && reads_date_1904(&mut archive)?;
    Ok(Package { kind, date_1904, unproven })
}

fn kind_of<R: Read + Seek>(archive: &ZipArchive<R>) -> Result<PackageKind> {
    let mut kind = None;
    for name in archive.file_names() {
        match normal_name(&name.map_err(of_zip)?).as_str() {
            "content.xml" => kind = Some(PackageKind::Ods),
            name if name.ends_with("workbook.bin") => kind = Some(PackageKind::Xlsb),
            "[content_types].xml" => kind = kind.or(Some(PackageKind::Xlsx)),
            _ => {}
        }
    }
    kind.ok_or_else(|| {
        crate::error::Error::source_file("the file is an archive, not a workbook")
            .hint("a workbook inside an archive has to be unpacked first")
    })
}

/// Part names are compared without case, and some writers use backslashes.
pub(super) fn normal_name(name: &str) -> String {
    name.replace('\\', "/").to_ascii_lowercase()
}

/// Pictures and attached files are never read, so they need not be proven.
fn is_never_read(name: &str) -> bool {
    ["/media/", "/embeddings/", "pictures/", "thumbnails/", "object "]
        .iter()
        .any(|folder| name.contains(folder))
}

/// Proves a sheet of an `.xlsx` that was left out.
///
/// # Errors
/// `ErrorKind::Source` when it is damaged, encrypted or oversized.
pub(super) fn prove<R: Read + Seek>(archive: &mut ZipArchive<R>, index: usize) -> Result<()> {
    inspect_part(archive, index, PackageKind::Xlsx)
}

fn is_large_sheet<R: Read + Seek>(archive: &mut ZipArchive<R>, index: usize) -> Result<bool> {
    let part = archive.by_index(index).map_err(of_zip)?;
    let name = normal_name(&part.name().map_err(of_zip)?);
    let is_sheet = name.contains("worksheets/") && name.ends_with(".xml");
    Ok(is_sheet && !part.encrypted() && part.compressed_size() >= LATER_BYTES_MIN)
}

fn inspect_part<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
    kind: PackageKind,
) -> Result<()> {
    let part = archive.by_index(index).map_err(of_zip)?;
    let name = normal_name(&part.name().map_err(of_zip)?);
    if part.encrypted() {
        return Err(password());
    }
    if is_never_read(&name) {
        return Ok(());
    }
    let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
    let mut proving = Proving::of(part, is_xml);
    proving.drain()?;
    let facts = proving.facts();
    drop(proving);
    check_held_part(&name, &facts)?;
    match kind {
        PackageKind::Xlsx if name.ends_with("sharedstrings.xml") => {
            check_claimed_strings(archive, index, facts.tags)
        }
        PackageKind::Xlsb if name.ends_with(".bin") => {
            let part = archive.by_index(index).map_err(of_zip)?;
            super::binary::inspect(&name, part)
        }
        _ => Ok(()),
    }
}

fn check_held_part(name: &str, facts: &PartFacts) -> Result<()> {
    let is_sheet = name.contains("worksheets/") || name == "content.xml";
    if name.ends_with("styles.xml") && facts.bytes > STYLES_BYTES_MAX {
        return Err(too_large(format_args!("{} MiB of cell styles", facts.bytes >> 20)));
    }
    if !is_sheet && facts.bytes > HELD_PART_BYTES_MAX {
        return Err(too_large("a part that has to be held in memory is over 512 MiB"));
    }
    if name.ends_with("sharedstrings.xml") && facts.tags > SHARED_STRING_TAGS_MAX {
        return Err(too_large("it has too many different texts"));
    }
    Ok(())
}

/// calamine reserves what `uniqueCount` says before it has seen a single string.
fn check_claimed_strings<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
    tags: u64,
) -> Result<()> {
    const HARMLESS: u64 = 1_000_000;
    let part = archive.by_index(index).map_err(of_zip)?;
    let claim = first_element_attribute(part, "sst", "uniqueCount")?;
    let claimed = claim.and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    if claimed > tags.max(HARMLESS) {
        return Err(too_large("it claims more texts than it holds"));
    }
    Ok(())
}

fn first_element_attribute(part: impl Read, element: &str, key: &str) -> Result<Option<String>> {
    let mut reader = Reader::from_reader(std::io::BufReader::new(part));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|_| not_well_formed())? {
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == element => {
                let attribute = tag.try_get_attribute(key).map_err(|_| not_well_formed())?;
                return Ok(attribute.map(|attribute| attribute.value.into_owned()));
            }
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
}

fn not_well_formed() -> crate::error::Error {
    damaged("its XML is not well-formed")
}

/// Whether the workbook counts days from 1904: the `workbookPr` that is a child of
/// the root says so; Excel's extensions further down have an element of the same name.
fn reads_date_1904<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<bool> {
    let Some(name) = workbook_part(archive)? else { return Ok(false) };
    let part = archive.by_name(&name).map_err(of_zip)?;
    let mut reader = Reader::from_reader(std::io::BufReader::new(part));
    let mut buffer = Vec::new();
    let mut depth = 0_u32;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|_| not_well_formed())?;
        match &event {
            Event::Start(tag) | Event::Empty(tag)
                if depth == 1 && tag.local_name().as_ref() == "workbookPr" =>
            {
                let flag = tag.try_get_attribute("date1904").map_err(|_| not_well_formed())?;
                return Ok(flag.is_some_and(|flag| matches!(flag.value.trim(), "1" | "true")));
            }
            Event::Eof => return Ok(false),
            _ => {}
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// The part that the package's relationships call its main document.
pub(super) fn workbook_part<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<Option<String>> {
    let mut target = "xl/workbook.xml".to_owned();
    if let Some(name) = find_part(archive, "_rels/.rels")? {
        let part = archive.by_name(&name).map_err(of_zip)?;
        let is_main = |key: &dyn Fn(&str) -> Option<String>| {
            key("Type").is_some_and(|kind| kind.ends_with("/officeDocument"))
        };
        if let Some(found) = relationship(part, is_main)? {
            target = normal_name(found.trim_start_matches('/'));
        }
    }
    find_part(archive, &target)
}

/// The part with that normal name, as the archive spells it.
pub(super) fn find_part<R: Read + Seek>(
    archive: &ZipArchive<R>,
    wanted: &str,
) -> Result<Option<String>> {
    for name in archive.file_names() {
        let name = name.map_err(of_zip)?;
        if normal_name(&name) == wanted {
            return Ok(Some(name.to_string()));
        }
    }
    Ok(None)
}

/// The target of the first relationship that `is_meant`, which asks for its attributes.
pub(super) fn relationship(
    part: impl Read,
    is_meant: impl Fn(&dyn Fn(&str) -> Option<String>) -> bool,
) -> Result<Option<String>> {
    let mut reader = Reader::from_reader(std::io::BufReader::new(part));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|_| not_well_formed())? {
            Event::Start(tag) | Event::Empty(tag)
                if tag.local_name().as_ref() == "Relationship" =>
            {
                let attribute = |key: &str| {
                    let found = tag.try_get_attribute(key).ok().flatten();
                    found.map(|attribute| attribute.value.into_owned())
                };
                if is_meant(&attribute) {
                    return Ok(attribute("Target"));
                }
            }
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::CompressionMethod;

    use super::*;

    fn package(parts: &[(&str, &[u8])]) -> Cursor<Vec<u8>> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            let small = content.len() < 1024;
            let method =
                if small { CompressionMethod::Stored } else { CompressionMethod::Deflated };
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            writer.start_file(*name, options).expect("a part");
            writer.write_all(content).expect("its content");
        }
        writer.finish().expect("an archive")
    }

    fn with_workbook(workbook: &str) -> Cursor<Vec<u8>> {
        package(&[("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", workbook.as_bytes())])
    }

    #[test]
    fn the_date_system_stands_in_the_workbook_and_not_in_its_extensions() {
        let says = |workbook: &str| inspect(with_workbook(workbook)).expect("sound").date_1904;
        let extension = "<extLst><ext><x15:workbookPr date1904='1'/></ext></extLst>";
        assert!(says("<workbook><workbookPr date1904='1'/></workbook>"));
        assert!(says("<x:workbook><x:workbookPr date1904='true'></x:workbookPr></x:workbook>"));
        assert!(!says("<workbook><workbookPr date1904='0'/></workbook>"));
        assert!(!says(&format!("<workbook>{extension}</workbook>")));
        let after = "<ext><x15:workbookPr chartTrackingRefBase='1'/></ext>";
        assert!(says(&format!("<workbook><workbookPr date1904='1'/>{after}</workbook>")));
    }

    #[test]
    fn a_part_that_unpacks_too_far_is_refused() {
        let bomb = vec![b'<'; (super::super::proof::RATIO_FLOOR_BYTES + (1 << 20)) as usize];
        let file = package(&[("[Content_Types].xml", b"<Types/>"), ("xl/a.xml", &bomb)]);
        let error = inspect(file).expect_err("a bomb");
        assert!(error.to_string().contains("unpacks to far more"));
    }

    #[test]
    fn a_text_too_long_to_hold_is_refused() {
        let text = vec![b'x'; (super::super::proof::UNTAGGED_BYTES_MAX + 2) as usize];
        let file = package(&[("[Content_Types].xml", b"<Types/>"), ("xl/a.xml", &text)]);
        assert!(inspect(file).expect_err("too long").to_string().contains("single text"));
    }

    #[test]
    fn a_count_of_texts_that_is_not_true_is_refused() {
        let strings = b"<sst uniqueCount='9999999999'><si><t>a</t></si></sst>";
        let file =
            package(&[("[Content_Types].xml", b"<Types/>"), ("xl/sharedStrings.xml", strings)]);
        assert!(inspect(file).expect_err("a lie").to_string().contains("claims more texts"));
    }

    #[test]
    fn a_changed_byte_is_found_by_the_checksum() {
        let mut bytes = with_workbook("<workbook>aaaaaaaaaa</workbook>").into_inner();
        let at = memchr::memmem::find(&bytes, b"aaaa").expect("it is stored as it is");
        bytes[at] = b'b';
        assert!(inspect(Cursor::new(bytes)).is_err());
    }

    #[test]
    fn declarations_of_entities_and_other_archives_are_refused() {
        assert!(inspect(with_workbook("<!DOCTYPE x [<!ENTITY a 'b'>]><workbook/>")).is_err());
        let error = inspect(package(&[("students.csv", b"a,b")])).expect_err("no workbook");
        assert!(error.to_string().contains("not a workbook"));
    }
}
