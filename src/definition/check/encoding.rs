//! Names of character encodings.

use encoding_rs::{Encoding, REPLACEMENT};
use oem_cp::code_table::DECODING_TABLE_CP_MAP;

use super::{Checker, hinted};
use crate::diagnostic::{Place, did_you_mean};

/// Names to propose from: the ones files have.
const USUAL: [&str; 20] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1256",
    "windows-1257",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "macintosh",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "big5",
    "cp850",
];

/// Names people use that no standard knows.
const NICKNAMES: [(&str, &str); 6] = [
    ("ansi", "windows-1252"),
    ("western", "windows-1252"),
    ("mac-roman", "macintosh"),
    ("utf-8-sig", "utf-8"),
    ("utf-8-bom", "utf-8"),
    ("utf8-bom", "utf-8"),
];

impl Checker<'_> {
    pub(super) fn encoding(&mut self, label: &str, place: &Place) {
        if is_known(label) {
            return;
        }
        let lower = label.trim().to_ascii_lowercase();
        let nickname = NICKNAMES.iter().find(|(nickname, _)| *nickname == lower);
        let meant = nickname.map(|(_, name)| *name).or_else(|| did_you_mean(&lower, USUAL));
        let hint = match meant {
            Some(name) => format!("did you mean `{name}`?"),
            None => "names are those of the WHATWG (`windows-1252`, `shift_jis`), or `cp437`, \
                     `cp850` and other DOS code pages"
                .to_owned(),
        };
        let message = format!("`{label}` is not an encoding");
        self.report("definition.encoding", place, message).hint = hinted(hint);
    }
}

fn is_known(label: &str) -> bool {
    let web = Encoding::for_label(label.as_bytes());
    let lower = label.trim().to_ascii_lowercase();
    let digits = lower.strip_prefix("cp").or_else(|| lower.strip_prefix("ibm"));
    let code_page = digits.and_then(|digits| digits.parse().ok());
    web.is_some_and(|encoding| encoding != REPLACEMENT)
        || code_page.is_some_and(|number| DECODING_TABLE_CP_MAP.contains_key(&number))
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn labels_of_the_web_and_dos_code_pages_are_known() {
        for label in ["utf-8", "UTF8", "latin1", "windows-1252", "utf-16le", "cp437", "ibm850"] {
            assert!(is_known(label), "{label}");
        }
        for label in ["", "ansi", "utf-32", "cp", "cp99999", "iso-2022-kr", "windows1252x"] {
            assert!(!is_known(label), "{label}");
        }
    }
}
