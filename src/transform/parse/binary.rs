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
    match bytes.len() {
        36 => hyphenated(bytes),
        32 => plain(bytes),
        38 if bytes[0] == b'{' && bytes[37] == b'}' => hyphenated(&bytes[1..37]),
        _ => Err(UUID),
    }
}

#[inline]
fn hyphenated(bytes: &[u8]) -> Result<[u8; 16], ParseFault> {
    /// Where each byte's two digits stand.
    const STARTS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    if [8, 13, 18, 23].iter().any(|at| bytes[*at] != b'-') {
        return Err(UUID);
    }
    pairs(bytes, |index| STARTS[index])
}

fn plain(bytes: &[u8]) -> Result<[u8; 16], ParseFault> {
    pairs(bytes, |index| index * 2)
}

#[inline]
fn pairs(bytes: &[u8], start: impl Fn(usize) -> usize) -> Result<[u8; 16], ParseFault> {
    let mut uuid = [0; 16];
    let mut wrong = 0;
    for (index, byte) in uuid.iter_mut().enumerate() {
        let high = NIBBLES[usize::from(bytes[start(index)])];
        let low = NIBBLES[usize::from(bytes[start(index) + 1])];
        wrong |= high | low;
        *byte = (high << 4) | (low & 0x0F);
    }
    if wrong > 0x0F { Err(UUID) } else { Ok(uuid) }
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
