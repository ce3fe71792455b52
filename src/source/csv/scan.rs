//! Finding structural bytes, eight at a time in ordinary registers.
//!
//! Fields are short, about ten bytes. A search by `memchr` per field pays for
//! its start each time, several times what the field itself costs. So bytes
//! are compared a word at a time, and 64 of them become one mask whose bits are
//! walked: one badly predicted branch per 64 bytes rather than one per field.

/// Bytes that one mask covers.
pub(super) const MASK_BYTES: usize = 64;

const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const ONES: u64 = 0x0101_0101_0101_0101;
/// Brings the lowest bit of each byte together in the highest byte: bit `8k`
/// times bit `56 - 7k` is bit `56 + k`, and no other two meet there.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// A byte to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needle(u64);

impl Needle {
    pub(super) fn new(byte: u8) -> Self {
        Self(u64::from(byte) * ONES)
    }

    /// The highest bit of every byte that equals the needle; exact, without
    /// carries from one byte into the next.
    #[inline]
    fn matches(self, word: u64) -> u64 {
        let difference = word ^ self.0;
        !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS)
    }

    /// Whether the needle occurs in `bytes`, and whether an odd number of times.
    #[inline]
    pub(super) fn parity(self, bytes: &[u8]) -> (bool, bool) {
        let (words, tail) = bytes.as_chunks::<8>();
        let (mut any, mut odd) = (0, 0);
        for word in words {
            let found = self.matches(u64::from_le_bytes(*word));
            any |= found;
            odd ^= found;
        }
        let found = self.matches(self.word_of(tail));
        (any | found != 0, (odd ^ found).count_ones() % 2 == 1)
    }

    /// Up to seven bytes as a word that has no needle beyond them.
    #[inline]
    fn word_of(self, tail: &[u8]) -> u64 {
        let padding = !self.0;
        tail.iter().rev().fold(padding, |word, byte| word << 8 | u64::from(*byte))
    }
}

/// One bit for every byte from `at` to `end`, 64 at most, that is the needle.
///
/// Bytes after `end` are looked at where `bytes` has them, which spares copying.
#[inline]
pub(super) fn mask(bytes: &[u8], at: usize, end: usize, needle: Needle) -> u64 {
    with_chunk(bytes, at, |chunk| mask_chunk(chunk, needle)) & first_bits(end - at)
}

/// The masks of two needles.
#[inline]
pub(super) fn masks(
    bytes: &[u8],
    at: usize,
    end: usize,
    (one, other): (Needle, Needle),
) -> (u64, u64) {
    let found = |chunk: &_| (mask_chunk(chunk, one), mask_chunk(chunk, other));
    let (one, other) = with_chunk(bytes, at, found);
    let kept = first_bits(end - at);
    (one & kept, other & kept)
}

/// The lowest `count` bits set, all of them from 64 on.
#[inline]
pub(super) fn first_bits(count: usize) -> u64 {
    if count < MASK_BYTES { (1 << count) - 1 } else { u64::MAX }
}

#[inline]
fn with_chunk<T>(bytes: &[u8], at: usize, look: impl Fn(&[u8; MASK_BYTES]) -> T) -> T {
    if let Some(chunk) = bytes[at..].first_chunk() {
        return look(chunk);
    }
    let mut chunk = [0; MASK_BYTES];
    chunk[..bytes.len() - at].copy_from_slice(&bytes[at..]);
    look(&chunk)
}

#[inline]
fn mask_chunk(chunk: &[u8; MASK_BYTES], needle: Needle) -> u64 {
    let (words, _) = chunk.as_chunks::<8>();
    let mut mask = 0;
    for (index, word) in words.iter().enumerate() {
        let found = needle.matches(u64::from_le_bytes(*word));
        mask |= ((found >> 7).wrapping_mul(GATHER) >> 56) << (8 * index);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_and_parities_are_those_of_a_plain_search(
            bytes in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), any::<u8>()], 0..200),
            at in 0usize..200,
            length in 0usize..200,
        ) {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            let needles = (Needle::new(b','), Needle::new(b'"'));
            let (commas, quotes) = masks(&bytes, at, end, needles);
            prop_assert_eq!(commas, mask(&bytes, at, end, needles.0));
            for bit in 0..MASK_BYTES {
                let byte = (at + bit < end).then(|| bytes[at + bit]);
                prop_assert_eq!(commas >> bit & 1 == 1, byte == Some(b','), "bit {}", bit);
                prop_assert_eq!(quotes >> bit & 1 == 1, byte == Some(b'"'), "bit {}", bit);
            }
            let count = bytes[at..end].iter().filter(|byte| **byte == b'"').count();
            prop_assert_eq!(needles.1.parity(&bytes[at..end]), (count > 0, count % 2 == 1));
        }
    }

    #[test]
    fn every_byte_is_found_and_no_other_is_taken_for_it() {
        for byte in 0..=255u8 {
            let needle = Needle::new(byte);
            for other in 0..=255u8 {
                for length in [1, 8, 9] {
                    let expected = (byte == other, byte == other && length % 2 == 1);
                    assert_eq!(needle.parity(&vec![other; length]), expected);
                }
            }
        }
    }
}
