//! Findings about a definition, for its author: what, where in the file, and a hint.
//!
//! A [`Finding`] names a place by its path in the TOML (`target[0].columns.dob`),
//! so that whoever finds something, the schema walk, the checks or the binding
//! against header and catalog, needs no byte offsets; `definition::document`
//! turns paths into lines when findings are shown. All findings are gathered
//! before anything is said.

/// One step into a TOML document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathStep {
    /// A key of a table.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// A place in a TOML document; the empty path is the document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// The steps from the document's root.
    pub steps: Vec<PathStep>,
}

impl Place {
    /// The document itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The value of `key` in the table here.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(PathStep::Key(key.into()))
    }

    /// The element `index` of the array here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(PathStep::Index(index))
    }

    /// Whether `other` is this place or lies within it.
    pub fn holds(&self, other: &Place) -> bool {
        other.steps.starts_with(&self.steps)
    }

    /// The place this one lies in, `None` for the document.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.steps.split_last()?;
        Some(Self { steps: above.to_vec() })
    }

    fn step(&self, step: PathStep) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                PathStep::Key(key) if at == 0 => f.write_str(key)?,
                PathStep::Key(key) => write!(f, ".{key}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One thing wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable code: `definition.unknown_key`, `bind.no_such_column`.
    pub code: &'static str,
    /// What is wrong, a short sentence without full stop.
    pub message: String,
    /// Where; a place that the file does not have shows its nearest ancestor.
    pub place: Place,
    /// Whether the key is meant rather than its value.
    pub at_key: bool,
    /// What to do, where something is known to help.
    pub hint: Option<String>,
    /// The exact bytes of the text, where they are known better than by the place: syntax
    /// errors have no place, and a part of a value may be meant.
    pub bytes: Option<std::ops::Range<usize>>,
}

impl Finding {
    /// A finding about the value at `place`.
    pub fn new(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place, at_key: false, hint: None, bytes: None }
    }

    /// The finding is about the key itself.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    /// The finding is about these bytes of the text.
    #[must_use]
    pub fn at_bytes(mut self, bytes: std::ops::Range<usize>) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The candidate nearest to `word`, if it is near enough to be meant.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let distance =
        |candidate: &str| strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
    let nearest = candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min()?;
    (nearest.0 <= word.chars().count().max(3) / 3).then_some(nearest.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_proposed_only_when_it_is_near() {
        let words = ["delimiter", "encoding", "header"];
        assert_eq!(did_you_mean("delimeter", words), Some("delimiter"));
        assert_eq!(did_you_mean("Encoding", words), Some("encoding"));
        assert_eq!(did_you_mean("colour", words), None);
    }

    #[test]
    fn a_place_reads_as_a_path() {
        let place = Place::root().key("target").index(0).key("columns").key("dob");
        assert_eq!(place.to_string(), "target[0].columns.dob");
    }
}
