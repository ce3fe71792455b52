//! What a record looks like, without its values: equal, or how much alike.
//!
//! A hash says whether a record is unchanged. A *sketch* says how much two records have in
//! common: the smallest hashes of all runs of four bytes (bottom-k MinHash), whose overlap
//! estimates the share of runs that both have, for records of any format and length.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes that are hashed together: long enough to be rare, short enough to survive edits beside them.
const RUN_BYTES: usize = 4;

/// Hashes a sketch keeps: an estimate is off by 0.1 on average.
const SKETCH_LENGTH: usize = 24;

/// What a record looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint {
    sha256: [u8; 32],
    /// Ascending, without repetition.
    sketch: Vec<u32>,
}

impl Fingerprint {
    /// The fingerprint of a record's bytes.
    pub fn of(record: &[u8]) -> Self {
        let mut sketch = Vec::with_capacity(SKETCH_LENGTH + 1);
        let runs = record.windows(RUN_BYTES.min(record.len()).max(1));
        for hash in runs.map(hash) {
            if sketch.len() == SKETCH_LENGTH && sketch.last().is_some_and(|last| *last <= hash) {
                continue;
            }
            if let Err(place) = sketch.binary_search(&hash) {
                sketch.insert(place, hash);
                sketch.truncate(SKETCH_LENGTH);
            }
        }
        Self { sha256: Sha256::digest(record).into(), sketch }
    }

    /// What is the same for equal records only.
    pub fn identity(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// How much two records have in common: 0 for nothing, 1000 for (nearly) everything.
    pub fn likeness(&self, other: &Self) -> u32 {
        let (mut ours, mut theirs) =
            (self.sketch.iter().peekable(), other.sketch.iter().peekable());
        let (mut seen, mut common) = (0, 0);
        while seen < SKETCH_LENGTH {
            let order = match (ours.peek(), theirs.peek()) {
                (Some(our), Some(their)) => our.cmp(their),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            if order.is_le() {
                ours.next();
            }
            if order.is_ge() {
                theirs.next();
            }
            seen += 1;
            common += usize::from(order.is_eq());
        }
        u32::try_from(common * 1000 / seen.max(1)).unwrap_or(0)
    }
}

/// FNV-1a, with a last mix so that the smallest hashes are a fair sample.
fn hash(run: &[u8]) -> u32 {
    let hash = run
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash ^ (hash >> 13)
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        let hash = fingerprint.sha256.iter().map(|byte| format!("{byte:02x}"));
        let sketch = fingerprint.sketch.iter().map(|hash| format!("{hash:08x}"));
        hash.chain(sketch).collect()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const DAMAGED: &str = "no fingerprint";
        let word = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).map_err(|_| DAMAGED)?;
            u32::from_str_radix(digits, 16).map_err(|_| DAMAGED)
        };
        if text.len() < 64 || !text.len().is_multiple_of(8) {
            return Err(DAMAGED);
        }
        let words = text.as_bytes().chunks(8).map(word).collect::<Result<Vec<_>, _>>()?;
        let mut sha256 = [0; 32];
        for (bytes, word) in sha256.chunks_mut(4).zip(&words) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        Ok(Self { sha256, sketch: words[8..].to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(a: &str, b: &str) -> u32 {
        Fingerprint::of(a.as_bytes()).likeness(&Fingerprint::of(b.as_bytes()))
    }

    #[test]
    fn a_corrected_record_is_more_like_its_original_than_like_another() {
        let original = "8;Bo Lindqvist;30/02/2024;12,50";
        assert!(likeness(original, "8;Bo Lindqvist;29/02/2024;12,50") > 500);
        assert!(likeness(original, "\"8\";\"Bo Lindqvist\";\"29/02/2024\";\"12,50\"") > 300);
        assert!(likeness(original, "10;Chan Dara;19/06/2024;8,25") < 300);
        assert_eq!((likeness("", ""), likeness("a", "a"), likeness("a", "b")), (0, 1000, 0));
    }

    #[test]
    fn fingerprints_survive_being_written() {
        for record in ["", "a", "8;Bo Lindqvist;30/02/2024;12,50;and much more text than that"] {
            let fingerprint = Fingerprint::of(record.as_bytes());
            assert_eq!(Fingerprint::try_from(String::from(fingerprint.clone())), Ok(fingerprint));
        }
        assert!(Fingerprint::try_from("zz".repeat(40)).is_err());
        assert!(Fingerprint::try_from(String::new()).is_err());
    }
}
