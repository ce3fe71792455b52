//! `manifest.csv` of a OneRoster delivery: which files it holds, and whether each is whole.

use std::io::Read;

use super::Delivered;
use crate::{
    error::{Error, Result},
    source::input::InputStream,
};

/// Its name in the delivery.
pub(super) const NAME: &str = "manifest.csv";
/// No manifest is longer: the standard has some twenty properties.
const BYTES_MAX: u64 = 1 << 20;
/// The versions whose files are read.
const VERSIONS: [&str; 2] = ["1.1", "1.2"];

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The OneRoster version: `1.1` or `1.2`.
    pub version: String,
    files: Vec<(String, Delivered)>,
}

impl Manifest {
    /// What it says of a file; one it does not mention is absent.
    pub(super) fn delivered(&self, name: &str) -> Delivered {
        self.says(name).unwrap_or(Delivered::Absent)
    }

    /// What it says of a file, if it mentions it.
    pub(super) fn says(&self, name: &str) -> Option<Delivered> {
        let of = |(known, _): &&(String, Delivered)| known == name;
        self.files.iter().find(of).map(|(_, delivered)| *delivered)
    }

    /// The files it promises.
    pub(super) fn present(&self) -> impl Iterator<Item = (&str, Delivered)> {
        let present = self.files.iter().filter(|(_, delivered)| *delivered != Delivered::Absent);
        present.map(|(name, delivered)| (name.as_str(), *delivered))
    }
}

/// Reads a manifest; `display` names the delivery.
///
/// # Errors
/// `ErrorKind::Source` when it cannot be read, names another version, or says something of a
/// file that is none of the standard's three words.
pub(super) fn read(stream: InputStream, display: &str) -> Result<Manifest> {
    let refuse = |what: &str| Error::source_file(format!("`{display}`: {NAME} {what}"));
    let mut text = Vec::new();
    let read = stream.take(BYTES_MAX + 1).read_to_end(&mut text);
    read.map_err(|cause| refuse("cannot be read").caused_by(cause))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(refuse("is far longer than any manifest"));
    }
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    parse(text).map_err(|what| refuse(&what).hint(HINT))
}

const HINT: &str =
    "its lines are `propertyName,value`, such as `oneroster.version,1.1` and `file.users,bulk`";

fn parse(text: &[u8]) -> std::result::Result<Manifest, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text);
    let (mut version, mut files) = (None, Vec::<(String, Delivered)>::new());
    for (index, row) in reader.records().enumerate() {
        let row = row.map_err(|_| "is no CSV in UTF-8".to_owned())?;
        let (property, value) = (row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default());
        if property == "oneroster.version" {
            version = Some(value.to_owned());
        }
        let Some(name) = property.strip_prefix("file.") else { continue };
        let delivered = Delivered::of(&value.to_ascii_lowercase());
        let delivered = delivered.ok_or_else(|| {
            format!("says of `{property}` neither bulk nor delta nor absent (line {})", index + 1)
        })?;
        if files.iter().any(|(known, _)| known == name) {
            return Err(format!("says twice what `{property}` is (line {})", index + 1));
        }
        files.push((name.to_owned(), delivered));
    }
    let version = version.ok_or("has no `oneroster.version`")?;
    // `1.2.1` is a correction of 1.2.
    let known = VERSIONS.iter().find(|known| {
        version == **known || version.strip_prefix(**known).is_some_and(|it| it.starts_with('.'))
    });
    let known = known.ok_or_else(|| {
        let shown: String = version.chars().take(20).collect();
        format!("names version `{}`; 1.1 and 1.2 are read", shown.escape_default())
    })?;
    Ok(Manifest { version: (*known).to_owned(), files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_each_file_is() {
        let text = "propertyName,value\r\nmanifest.version,1.0\r\noneroster.version,1.1\r\n\
                    file.users,bulk\r\nfile.orgs,Delta\r\nfile.results,absent\r\n";
        let manifest = parse(text.as_bytes()).expect("a manifest");
        assert_eq!(manifest.version, "1.1");
        let said = ["users", "orgs", "results", "roles"].map(|name| manifest.delivered(name));
        use Delivered::{Absent, Bulk, Delta};
        assert_eq!(said, [Bulk, Delta, Absent, Absent]);
        assert_eq!((manifest.says("roles"), manifest.present().count()), (None, 2));
    }

    #[test]
    fn what_a_manifest_may_not_say_is_refused() {
        for (text, why) in [
            ("file.users,bulk\n", "no `oneroster.version`"),
            ("oneroster.version,1.0\n", "names version `1.0`"),
            ("oneroster.version,1.20\n", "names version `1.20`"),
            (
                "oneroster.version,1.1\nfile.users,whole\n",
                "neither bulk nor delta nor absent (line 2)",
            ),
            ("oneroster.version,1.2\nfile.users,bulk\nfile.users,delta\n", "twice"),
            ("\u{0}\n", "no `oneroster.version`"),
        ] {
            let said = parse(text.as_bytes()).expect_err(why);
            assert!(said.contains(why), "{said}");
        }
        assert_eq!(parse(b"oneroster.version,1.2.1\n").expect("1.2").version, "1.2");
    }
}
