//! The encoding of a table's texts: by its `.cpg`, else by the language byte of its header.
//!
//! Without either (or with "whatever the writer's machine used", 0x57) nothing
//! is assumed: a text that is not UTF-8 is a fault, and its message asks for
//! the encoding.

use crate::{
    error::{Error, Result},
    source::encoding::TextEncoding,
};

/// Language driver ids of dBASE and FoxPro, and the code pages they stand for.
const LANGUAGE_DRIVERS: [(u8, u32); 60] = [
    (0x01, 437),
    (0x02, 850),
    (0x03, 1252),
    (0x04, 10000),
    (0x08, 865),
    (0x09, 437),
    (0x0A, 850),
    (0x0B, 437),
    (0x0D, 437),
    (0x0E, 850),
    (0x0F, 437),
    (0x10, 850),
    (0x11, 437),
    (0x12, 850),
    (0x13, 932),
    (0x14, 850),
    (0x15, 437),
    (0x16, 850),
    (0x17, 865),
    (0x18, 437),
    (0x19, 437),
    (0x1A, 850),
    (0x1B, 437),
    (0x1C, 863),
    (0x1D, 850),
    (0x1F, 852),
    (0x22, 852),
    (0x23, 852),
    (0x24, 860),
    (0x25, 850),
    (0x26, 866),
    (0x37, 850),
    (0x40, 852),
    (0x4D, 936),
    (0x4E, 949),
    (0x4F, 950),
    (0x50, 874),
    (0x58, 1252),
    (0x59, 1252),
    (0x64, 852),
    (0x65, 866),
    (0x66, 865),
    (0x67, 861),
    (0x6A, 737),
    (0x6B, 857),
    (0x6C, 863),
    (0x78, 950),
    (0x79, 949),
    (0x7A, 936),
    (0x7B, 932),
    (0x7C, 874),
    (0x86, 737),
    (0x87, 852),
    (0x88, 857),
    (0x96, 10007),
    (0xC8, 1250),
    (0xC9, 1251),
    (0xCA, 1254),
    (0xCB, 1253),
    (0xCC, 1257),
];

/// Characters of an unknown name that are shown.
const SHOWN_CHARS_MAX: usize = 40;

/// The encoding that the content of a `.cpg` names.
///
/// # Errors
/// `ErrorKind::Source` for a name nobody knows.
pub(super) fn of_cpg(content: &[u8]) -> Result<Option<TextEncoding>> {
    let text = String::from_utf8_lossy(content);
    let name = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}'));
    if name.is_empty() {
        return Ok(None);
    }
    let lower = name.to_ascii_lowercase();
    if let Some(driver) = lower.strip_prefix("ldid/") {
        let driver = driver.trim().parse().ok();
        return Ok(driver.and_then(of_language_driver));
    }
    match named(&lower) {
        Some(encoding) => Ok(Some(encoding)),
        None => {
            let shown: String =
                name.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
            Err(Error::source_file(format!(
                "the `.cpg` names the encoding `{shown}`, which is unknown"
            ))
            .hint("write `encoding` in [source] of the pipeline"))
        }
    }
}

fn named(lower: &str) -> Option<TextEncoding> {
    let bare = ["ansi", "oem", "windows", "cp", "ibm", "ms"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix))
        .unwrap_or(lower)
        .trim_start_matches([' ', '-', '_']);
    if let Ok(number) = bare.parse() {
        return of_code_page(number);
    }
    let digits: String = lower.chars().filter(char::is_ascii_digit).collect();
    // `8859_1`, `ISO 88591`, `ISO-8859-15`
    if let Some(part) = digits.strip_prefix("8859").filter(|part| !part.is_empty()) {
        return TextEncoding::named(&format!("iso-8859-{part}")).ok();
    }
    TextEncoding::named(lower).ok()
}

/// The encoding of a dBASE language driver id, `None` where it says nothing.
pub(super) fn of_language_driver(driver: u8) -> Option<TextEncoding> {
    let (_, page) = LANGUAGE_DRIVERS.iter().find(|(id, _)| *id == driver)?;
    of_code_page(*page)
}

fn of_code_page(page: u32) -> Option<TextEncoding> {
    let label = match page {
        874 => "windows-874".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 | 51949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        1250..=1258 => format!("windows-{page}"),
        10000 => "macintosh".to_owned(),
        10007 => "x-mac-cyrillic".to_owned(),
        20866 => "koi8-r".to_owned(),
        21866 => "koi8-u".to_owned(),
        51932 => "euc-jp".to_owned(),
        54936 => "gb18030".to_owned(),
        65001 => "utf-8".to_owned(),
        28591..=28605 => format!("iso-8859-{}", page - 28590),
        88591..=88599 => format!("iso-8859-{}", page - 88590),
        _ => format!("cp{page}"),
    };
    TextEncoding::named(&label).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_use_are_known() {
        for (cpg, name) in [
            ("UTF-8", "UTF-8"),
            ("\u{feff}utf8\r\n", "UTF-8"),
            ("1252", "windows-1252"),
            ("ANSI 1252", "windows-1252"),
            ("CP1251", "windows-1251"),
            ("ISO-8859-1", "windows-1252"),
            ("ISO 88592", "ISO-8859-2"),
            ("8859_2", "ISO-8859-2"),
            ("ISO-8859-15", "ISO-8859-15"),
            ("936", "GBK"),
            ("OEM 850", "cp850"),
            ("Shift_JIS", "Shift_JIS"),
            ("BIG5", "Big5"),
            ("65001", "UTF-8"),
            ("LDID/77", "GBK"),
            ("EUC-KR", "EUC-KR"),
        ] {
            let encoding = of_cpg(cpg.as_bytes()).expect(cpg).expect(cpg);
            assert_eq!(encoding.name(), name, "{cpg}");
        }
        assert!(of_cpg(b" \n").expect("nothing is named").is_none());
        assert!(of_cpg(b"KLINGON").is_err());
    }

    #[test]
    fn every_language_driver_has_its_encoding() {
        for (driver, page) in LANGUAGE_DRIVERS {
            assert!(of_language_driver(driver).is_some(), "{page}");
        }
        assert!(of_language_driver(0x57).is_none() && of_language_driver(0).is_none());
    }
}
