//! Tuples that were encoded for staging, as their own table takes them: without the ordinal.

use bytes::{Buf, BufMut};

use super::TupleEncoder;

/// Bytes of the ordinal with its length.
const ORDINAL_BYTES: usize = 4 + 8;

/// Moves tuples from `staged` to `rows`, each without its first field, until `rows` has at least
/// so many bytes or there are no more. `None` where the bytes are no tuples: a fault of longshore.
pub fn without_ordinals(staged: &mut impl Buf, rows: &mut Vec<u8>, at_least: usize) -> Option<()> {
    while rows.len() < at_least && staged.has_remaining() {
        let bytes = staged.chunk();
        let fields = i16::from_be_bytes(*bytes.first_chunk()?);
        let mut end = TupleEncoder::FIELDS_START;
        for _ in 1..fields {
            let length = i32::from_be_bytes(*bytes.get(end..)?.first_chunk()?);
            end += 4 + usize::try_from(length).unwrap_or(0);
        }
        rows.put_i16(fields.checked_sub(1)?);
        rows.put_slice(bytes.get(2 + ORDINAL_BYTES..end)?);
        staged.advance(end);
    }
    Some(())
}
