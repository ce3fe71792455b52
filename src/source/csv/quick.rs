//! The fields of well-formed records without escaped quotes: nearly all records.
//!
//! Quotes and delimiters of 64 bytes at a time become two masks, and bit
//! arithmetic answers what a state machine would find out byte by byte: what is
//! inside quotes (the running parity of quote bits), which delimiters end
//! fields, whether every opening quote starts a field and every closing one
//! ends it. As soon as anything is not as it should be, or a quote is doubled,
//! this gives up, and the exact walk in [`super::fields`] decides. So a mistake
//! here could only be in what is accepted; the oracle test holds both together.

use super::{
    fields::Field,
    scan::{self, MASK_BYTES, Needle},
};

/// Adds the fields of the record that is the first `length` bytes of `bytes`;
/// `false` means that the exact walk has to decide and `fields` is to be cleared.
pub(super) fn split(
    bytes: &[u8],
    length: usize,
    (delimiter, quote): (u8, u8),
    fields: &mut Vec<Field>,
) -> bool {
    let needles = (Needle::new(delimiter), Needle::new(quote));
    // What the chunk before says about this one's first bit; the record's first byte starts a field.
    let (mut inside, mut starting, mut closing) = (0, 1, 0);
    let mut start = 0;
    for at in (0..length).step_by(MASK_BYTES) {
        let (delimiters, quotes) = scan::masks(bytes, at, length, needles);
        let quoted = running_parity(quotes) ^ inside;
        let mut ends = delimiters & !quoted;
        let closes = quotes & !quoted;
        let starts = ends << 1 | starting;
        let after_close = closes << 1 | closing;
        let stray = quotes & quoted & !starts;
        let followed = after_close & !ends & scan::first_bits(length - at);
        if stray | followed != 0 {
            return false;
        }
        inside = if quoted >> 63 == 1 { u64::MAX } else { 0 };
        (starting, closing) = (ends >> 63, closes >> 63);
        while ends != 0 {
            let end = at + ends.trailing_zeros() as usize;
            fields.push(field(bytes, start, end, quote));
            start = end + 1;
            ends &= ends - 1;
        }
    }
    if inside != 0 {
        return false;
    }
    fields.push(field(bytes, start, length, quote));
    true
}

/// Without its quotes, which the masks have shown to stand at both ends or at none.
#[inline]
fn field(bytes: &[u8], start: usize, end: usize, quote: u8) -> Field {
    let quoted = start < end && bytes[start] == quote;
    Field::new(start + usize::from(quoted), end - usize::from(quoted), false)
}

/// Each bit: whether an odd number of bits is set up to and with it.
#[inline]
fn running_parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dialect::Dialect;
    use super::*;

    /// Records of many short fields, mostly well-formed, longer than several chunks.
    fn record() -> impl Strategy<Value = Vec<u8>> {
        let field = prop_oneof![
            8 => "[a-z ]{0,9}",
            8 => "\"[a-z,\r\n]{0,9}\"",
            1 => "\"[a-z]{0,3}(\"\"){1,2}[a-z]{0,3}\"",
            1 => "[\"a,]{1,4}",
        ];
        let fields = proptest::collection::vec(field, 1..40);
        fields.prop_map(|fields| fields.join(",").into_bytes())
    }

    proptest! {
        #[test]
        fn the_quick_way_finds_what_the_exact_walk_finds(
            record in record(),
            after in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n')], 0..70),
        ) {
            let dialect =
                Dialect { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };
            let (length, bytes) = (record.len(), [record, after].concat());
            let mut exact = Vec::new();
            let expected = dialect.split(&bytes, length, |field| exact.push(field));
            let mut found = Vec::new();
            if split(&bytes, length, (b',', b'"'), &mut found) {
                prop_assert_eq!(expected, Ok(()));
                prop_assert_eq!(found, exact);
            } else {
                prop_assert!(expected.is_err() || exact.iter().any(|field| field.escaped));
            }
        }
    }
}
