//! The few characters that structure a delimited text.

use crate::{
    definition::SourceDefinition,
    error::{Error, Result},
};

/// Which bytes mean what; all of them are ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Between fields.
    pub(super) delimiter: u8,
    /// Around fields, `None` where the file does not quote.
    pub(super) quote: Option<u8>,
    /// Before a quote (or itself) inside a quoted field; `None` where quotes are doubled.
    pub(super) escape: Option<u8>,
    /// At the start of lines that are no records.
    pub(super) comment: Option<u8>,
}

impl Dialect {
    /// The dialect that the definition describes.
    ///
    /// # Errors
    /// `ErrorKind::Definition` for anything but single, different ASCII characters.
    pub(super) fn of(definition: &SourceDefinition) -> Result<Self> {
        let quote = match definition.quote.as_deref() {
            None => Some(b'"'),
            Some("") => None,
            Some(given) => Some(single("quote", given)?),
        };
        let delimiter = optional("delimiter", definition.delimiter.as_deref())?.unwrap_or(b',');
        // An escape that is the quote itself is the doubling that is meant anyway.
        let escape = optional("escape", definition.escape.as_deref())?
            .filter(|escape| Some(*escape) != quote);
        let comment = optional("comment", definition.comment.as_deref())?;
        let dialect = Self { delimiter, quote, escape, comment };
        dialect.distinct()?;
        Ok(dialect)
    }

    fn distinct(&self) -> Result<()> {
        if self.escape.is_some() && self.quote.is_none() {
            return Err(Error::definition("`escape` needs a `quote` to stand before"));
        }
        let bytes: Vec<_> = self.bytes().collect();
        let repeated = |(at, byte): (usize, &u8)| bytes[..at].contains(byte);
        if bytes.iter().enumerate().any(repeated) {
            let what = "`delimiter`, `quote`, `escape` and `comment` have to be different";
            return Err(Error::definition(what));
        }
        Ok(())
    }

    /// All bytes with a meaning.
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        std::iter::once(self.delimiter).chain(self.quote).chain(self.escape).chain(self.comment)
    }
}

fn optional(key: &str, given: Option<&str>) -> Result<Option<u8>> {
    given.map(|given| single(key, given)).transpose()
}

fn single(key: &str, given: &str) -> Result<u8> {
    match given.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err(Error::definition(format!(
            "`{key}` has to be one ASCII character, and no line break"
        ))
        .hint("a tab is written `\"\\t\"`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(toml: &str) -> Option<Dialect> {
        let written = format!("format = 'csv'\npath = 'a'\n{toml}");
        Dialect::of(&toml::from_str(&written).expect("a definition")).ok()
    }

    #[test]
    fn a_dialect_is_made_of_single_different_ascii_characters() {
        let usual = Dialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };
        assert_eq!(dialect(""), Some(usual));
        assert_eq!(dialect("escape = '\"'"), Some(usual));
        assert_eq!(dialect("quote = ''"), Some(Dialect { quote: None, ..usual }));
        assert_eq!(dialect(r#"delimiter = "\t""#), Some(Dialect { delimiter: b'\t', ..usual }));
        for wrong in [
            "delimiter = ''",
            "delimiter = ';;'",
            "delimiter = '§'",
            r#"delimiter = "\n""#,
            "delimiter = '\"'",
            "comment = ','",
            "quote = ''\nescape = '\\'",
        ] {
            assert_eq!(dialect(wrong), None, "{wrong}");
        }
    }
}
