//! Code lists: `map`, from the definition or from a CSV.

use hashbrown::HashMap;
use indexmap::IndexMap;

use crate::definition::CodeListFile;

/// Codes and what they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Codes {
    meanings: HashMap<Box<str>, Box<str>>,
}

impl Codes {
    /// A list written in the definition.
    pub(super) fn inline(list: &IndexMap<String, String>) -> Result<Self, String> {
        Self::gather(list.iter().map(|(code, meaning)| Ok((code.as_str().into(), meaning.clone()))))
    }

    /// A list from the bytes of a CSV: UTF-8, commas, a header with both columns.
    pub(super) fn from_csv(bytes: &[u8], file: &CodeListFile) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().map_err(|error| error.to_string())?.clone();
        let from = column(&header, &file.from)?;
        let to = column(&header, &file.to)?;
        Self::gather(reader.into_records().map(|record| {
            let record = record.map_err(|error| error.to_string())?;
            let field = |index| record.get(index).unwrap_or_default().to_owned();
            Ok((field(from), field(to)))
        }))
    }

    fn gather(
        pairs: impl Iterator<Item = Result<(String, String), String>>,
    ) -> Result<Self, String> {
        let mut meanings: HashMap<Box<str>, Box<str>> = HashMap::new();
        for pair in pairs {
            let (code, meaning) = pair?;
            if meaning.contains('\0') {
                return Err(format!("`{code}` stands for a text with the character NUL"));
            }
            let meaning: Box<str> = meaning.into();
            match meanings.get(code.as_str()) {
                Some(known) if *known != meaning => {
                    return Err(format!("`{code}` stands for two things"));
                }
                Some(_) => {}
                None => drop(meanings.insert(code.into(), meaning)),
            }
        }
        if meanings.is_empty() {
            Err("the list is empty".to_owned())
        } else {
            Ok(Self { meanings })
        }
    }

    /// What a code stands for.
    #[inline]
    pub(super) fn meaning(&self, code: &str) -> Option<&str> {
        self.meanings.get(code).map(|meaning| &**meaning)
    }

    /// Everything that codes stand for.
    pub(super) fn meanings(&self) -> impl Iterator<Item = &str> {
        self.meanings.values().map(|meaning| &**meaning)
    }
}

fn column(header: &csv::StringRecord, name: &str) -> Result<usize, String> {
    header
        .iter()
        .position(|field| field == name)
        .ok_or_else(|| format!("the code list has no column `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> CodeListFile {
        CodeListFile { csv: "codes.csv".into(), from: "code".into(), to: "label".into() }
    }

    #[test]
    fn codes_come_from_a_csv_with_its_columns_in_any_order() {
        let csv = "\u{feff}label,note,code\nmale,,M\n\"fe,male\",x,F\nmale,again,M\n";
        let codes = Codes::from_csv(csv.as_bytes(), &file()).expect("a good list");
        assert_eq!((codes.meaning("M"), codes.meaning("F")), (Some("male"), Some("fe,male")));
        assert_eq!((codes.meaning("m"), codes.meanings().count()), (None, 2));
    }

    #[test]
    fn a_mistaken_list_says_why() {
        for (csv, why) in [
            ("code,name\nM,male\n", "the code list has no column `label`"),
            ("code,label\nM,male\nM,mouse\n", "`M` stands for two things"),
            ("code,label\n", "the list is empty"),
            ("", "the code list has no column `code`"),
        ] {
            assert_eq!(Codes::from_csv(csv.as_bytes(), &file()), Err(why.to_owned()));
        }
        assert!(Codes::from_csv(b"code,label\nM,\xff\n", &file()).is_err());
        assert!(Codes::from_csv(b"code,label\nM\n", &file()).is_err());
    }
}
