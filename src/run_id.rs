//! The name of a run: 26 characters that sort by time.

use std::fmt;

/// A run's identifier: a time-ordered UUID in Crockford's base 32, as ULIDs are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(String);

/// Crockford's alphabet: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of 128 bits in base 32.
const LENGTH: usize = 26;

impl RunId {
    /// A new identifier, later than every one made before on this machine.
    pub fn generate() -> Self {
        Self::from_bits(uuid::Uuid::now_v7().as_u128())
    }

    fn from_bits(bits: u128) -> Self {
        let digit = |place: usize| ALPHABET[(bits >> (5 * place)) as usize & 31] as char;
        Self((0..LENGTH).rev().map(digit).collect())
    }

    /// An identifier as somebody typed it; lower case is accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let known = upper.len() == LENGTH && upper.bytes().all(|byte| ALPHABET.contains(&byte));
        known.then_some(Self(upper))
    }

    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_26_characters_and_sort_by_time() {
        let (first, second) = (RunId::generate(), RunId::generate());
        assert_eq!(first.as_str().len(), 26);
        assert!(first < second);
        assert_eq!(RunId::parse(&first.as_str().to_lowercase()), Some(first));
        assert_eq!(RunId::parse("01J-not-a-run"), None);
    }

    #[test]
    fn the_extremes_fill_all_characters() {
        assert_eq!(RunId::from_bits(0).as_str(), "00000000000000000000000000");
        assert_eq!(RunId::from_bits(u128::MAX).as_str(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }
}
