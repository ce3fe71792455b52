//! Finding structural bytes, 64 at a time.
//!
//! Fields are short, about ten bytes. A search by `memchr` per field pays for
//! its start each time, several times what the field itself costs. So 64 bytes
//! become one mask whose bits are walked: one badly predicted branch per 64
//! bytes rather than one per field.

use wide::u8x16;

/// Bytes that one mask covers.
pub(super) const MASK_BYTES: usize = 64;

/// A byte to look for, sixteen times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needle(u8x16);

impl Needle {
    #[inline]
    pub(super) fn new(byte: u8) -> Self {
        Self(u8x16::splat(byte))
    }

    /// Whether the needle occurs in the first `length` bytes, and whether an odd number of times.
    #[inline]
    pub(super) fn parity(self, bytes: &[u8], length: usize) -> (bool, bool) {
        let (mut any, mut odd) = (0, 0);
        for at in (0..length).step_by(MASK_BYTES) {
            let found = mask(bytes, at, length, self);
            any |= found;
            odd ^= found;
        }
        (any != 0, odd.count_ones() % 2 == 1)
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
    let (lanes, _) = chunk.as_chunks::<16>();
    let mut mask = 0;
    for (index, lane) in lanes.iter().enumerate() {
        let found = u8x16::new(*lane).simd_eq(needle.0).to_bitmask();
        mask |= u64::from(found) << (16 * index);
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
            prop_assert_eq!(needles.1.parity(&bytes[at..], end - at), (count > 0, count % 2 == 1));
        }
    }

    #[test]
    fn every_byte_is_found_and_no_other_is_taken_for_it() {
        for byte in 0..=255u8 {
            let needle = Needle::new(byte);
            for other in 0..=255u8 {
                for length in [1, 64, 65] {
                    let expected = (byte == other, byte == other && length % 2 == 1);
                    assert_eq!(needle.parity(&vec![other; length], length), expected);
                }
            }
        }
    }
}
