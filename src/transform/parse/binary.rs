//! Values written in hexadecimal: `uuid` and `bytea`.

use bumpalo::Bump;

use super::ParseFault;

const UUID: ParseFault = ParseFault::new("type.uuid", "not a UUID");

/// The value of each hexadecimal digit; 0xFF for every other byte.
const NIBBLES: [u8; 256] = nibbles();

const fn nibbles() -> [u8; 256] {
    let mut table = [0xFF; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
}

/// A UUID with hyphens, perhaps in braces, or as 32 digits.
#[inline]
pub(super) fn uuid(text: &str) -> Result<[u8; 16], ParseFault> {
    let bytes = text.as_bytes();
    if let Ok(bytes) = bytes.try_into() {
        return hyphenated(bytes);
    }
    match bytes {
        [b'{', inner @ .., b'}'] => hyphenated(inner.try_into().map_err(|_| UUID)?),
        _ => plain(bytes.try_into().map_err(|_| UUID)?),
    }
}

#[inline]
fn hyphenated(bytes: &[u8; 36]) -> Result<[u8; 16], ParseFault> {
    /// Where each byte's two digits stand.
    const STARTS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    if [bytes[8], bytes[13], bytes[18], bytes[23]] != *b"----" {
        return Err(UUID);
    }
    proven(STARTS.map(|start| pair(bytes[start], bytes[start + 1])))
}

fn plain(bytes: &[u8; 32]) -> Result<[u8; 16], ParseFault> {
    proven(std::array::from_fn(|index| pair(bytes[index * 2], bytes[index * 2 + 1])))
}

/// Two digits' values, a byte each; 0xFF for what is no digit.
#[inline]
fn pair(high: u8, low: u8) -> [u8; 2] {
    [NIBBLES[usize::from(high)], NIBBLES[usize::from(low)]]
}

#[inline]
fn proven(pairs: [[u8; 2]; 16]) -> Result<[u8; 16], ParseFault> {
    let all = pairs.iter().fold(0, |all, [high, low]| all | high | low);
    if all > 0x0F {
        return Err(UUID);
    }
    Ok(pairs.map(|[high, low]| high << 4 | low))
}

/// Bytes in PostgreSQL's hexadecimal form, `\x48690a`.
pub(super) fn bytea<'a>(text: &str, arena: &'a Bump) -> Result<&'a [u8], ParseFault> {
    const FAULT: ParseFault =
        ParseFault::new("type.bytea", "not bytes in hexadecimal digits after `\\x`");
    let digits = text.as_bytes().strip_prefix(b"\\x").ok_or(FAULT)?;
    if digits.len() % 2 != 0 {
        return Err(FAULT);
    }
    let mut wrong = 0;
    let bytes = arena.alloc_slice_fill_iter(digits.chunks_exact(2).map(|pair| {
        let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
        wrong |= high | low;
        (high << 4) | (low & 0x0F)
    }));
    if wrong > 0x0F { Err(FAULT) } else { Ok(bytes) }
}
