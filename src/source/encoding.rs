//! Character encodings by name, and decoding that never guesses.
//!
//! Names are the WHATWG labels that `encoding_rs` knows (`windows-1252`,
//! `shift_jis`, `utf-16le`, `iso-8859-2`) and the DOS code pages it does not
//! (`cp437`, `cp850`, `cp852`). A byte sequence that an encoding does not have
//! is an error at its offset, never a replacement character.

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use oem_cp::{code_table::DECODING_TABLE_CP_MAP, code_table_type::TableType};

use crate::error::{Error, Result};

/// One character encoding.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TextEncoding {
    /// One that browsers know.
    Web(&'static Encoding),
    /// A DOS code page, by its number.
    CodePage(u16, &'static TableType),
}

impl TextEncoding {
    /// UTF-8.
    pub(crate) const UTF_8: TextEncoding = TextEncoding::Web(UTF_8);

    /// The encoding of that name, in any case.
    ///
    /// # Errors
    /// `ErrorKind::Definition` for a name nobody knows.
    pub(crate) fn named(label: &str) -> Result<Self> {
        // The label exists in the standard, for pages that must not be decoded at all.
        let known = Encoding::for_label(label.as_bytes())
            .filter(|encoding| *encoding != encoding_rs::REPLACEMENT);
        known.map(TextEncoding::Web).or_else(|| Self::code_page(label)).ok_or_else(|| {
            Error::definition(format!("no encoding is called `{label}`"))
                .hint("for example `utf-8`, `windows-1252`, `iso-8859-15`, `shift_jis`, `cp850`")
        })
    }

    fn code_page(label: &str) -> Option<Self> {
        let lower = label.trim().to_ascii_lowercase();
        let digits = lower.strip_prefix("cp").or_else(|| lower.strip_prefix("ibm"))?;
        let number = digits.parse().ok()?;
        Some(TextEncoding::CodePage(number, DECODING_TABLE_CP_MAP.get(&number)?))
    }

    /// Its name, for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            TextEncoding::Web(encoding) => encoding.name().to_owned(),
            TextEncoding::CodePage(number, _) => format!("cp{number}"),
        }
    }

    /// Whether it is UTF-8.
    pub(crate) fn is_utf8(&self) -> bool {
        matches!(self, TextEncoding::Web(encoding) if *encoding == UTF_8)
    }

    /// Whether every character is one byte, and the first 128 are ASCII's.
    pub(crate) fn is_single_byte(&self) -> bool {
        match self {
            TextEncoding::Web(encoding) => encoding.is_single_byte(),
            TextEncoding::CodePage(..) => true,
        }
    }

    /// Appends the text of `bytes` to `text`, in UTF-8.
    ///
    /// # Errors
    /// The offset of the first byte that is no text in this encoding; `text`
    /// may hold what came before it.
    pub(crate) fn decode_into(&self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), usize> {
        match self {
            TextEncoding::Web(encoding) if *encoding == UTF_8 => {
                std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())?;
                text.extend_from_slice(bytes);
                Ok(())
            }
            TextEncoding::Web(encoding) => decode_web(encoding, bytes, text),
            TextEncoding::CodePage(_, table) => decode_code_page(table, bytes, text),
        }
    }

    /// Appends `text` in this encoding to `bytes`; a character it lacks becomes a numeric
    /// reference (`&#65533;`), as browsers write it.
    ///
    /// Only for encodings that are read transcoded, to write them back.
    pub(crate) fn encode_into(&self, text: &str, bytes: &mut Vec<u8>) {
        match self {
            TextEncoding::Web(encoding) if *encoding == UTF_16LE => {
                bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            }
            TextEncoding::Web(encoding) if *encoding == UTF_16BE => {
                bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            }
            TextEncoding::Web(encoding) => bytes.extend_from_slice(&encoding.encode(text).0),
            // Code pages are single bytes, which are never transcoded.
            TextEncoding::CodePage(..) => bytes.extend_from_slice(text.as_bytes()),
        }
    }
}

fn decode_web(encoding: &'static Encoding, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), usize> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let start = text.len();
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    text.resize(start + room.unwrap_or(bytes.len().saturating_mul(3)), 0);
    let (result, read, written) =
        decoder.decode_to_utf8_without_replacement(bytes, &mut text[start..], true);
    text.truncate(start + written);
    match result {
        DecoderResult::InputEmpty => Ok(()),
        DecoderResult::Malformed(length, after) => {
            Err(read.saturating_sub(usize::from(length) + usize::from(after)))
        }
        // The buffer has room for the longest text there can be.
        DecoderResult::OutputFull => Err(read),
    }
}

fn decode_code_page(table: &TableType, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), usize> {
    let mut utf8 = [0; 4];
    for (offset, byte) in bytes.iter().enumerate() {
        if byte.is_ascii() {
            text.push(*byte);
            continue;
        }
        let index = usize::from(byte - 128);
        let character = match table {
            TableType::Complete(table) => Some(table[index]),
            TableType::Incomplete(table) => table[index],
        };
        let character = character.ok_or(offset)?;
        text.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(label: &str, bytes: &[u8]) -> Result<String, usize> {
        let mut text = Vec::new();
        TextEncoding::named(label).expect("a known encoding").decode_into(bytes, &mut text)?;
        Ok(String::from_utf8(text).expect("UTF-8"))
    }

    #[test]
    fn text_is_decoded_by_name() {
        let cases: [(&str, &[u8], &str); 8] = [
            ("UTF-8", "São".as_bytes(), "São"),
            ("windows-1252", b"S\xe3o \x80", "São €"),
            ("latin1", b"S\xe3o", "São"),
            ("cp850", b"S\xc6o", "São"),
            ("IBM437", b"\x9b", "¢"),
            ("shift_jis", b"\x93\xfa\x96{", "日本"),
            ("gb18030", b"\x81\x30\x84\x36", "¥"),
            ("utf-16le", b"a\0\xe3\0", "aã"),
        ];
        for (label, bytes, text) in cases {
            assert_eq!(decoded(label, bytes).as_deref(), Ok(text), "{label}");
        }
        assert!(TextEncoding::named("utf-9").is_err());
        assert!(TextEncoding::named("hz-gb-2312").is_err());
    }

    #[test]
    fn what_is_no_text_is_an_error_at_its_offset() {
        let cases: [(&str, &[u8], usize); 5] = [
            ("utf-8", b"ab\xff", 2),
            ("shift_jis", b"ab\x93\xfa\xff", 4),
            ("euc-kr", b"abc\xc8", 3),
            ("utf-16le", b"a\0\x00\xd8b\0", 2),
            ("cp874", b"a\xdb", 1),
        ];
        for (label, bytes, offset) in cases {
            if TextEncoding::named(label).is_ok() {
                assert_eq!(decoded(label, bytes), Err(offset), "{label}");
            }
        }
    }

    #[test]
    fn transcoded_encodings_are_written_back_as_they_came() {
        for (label, bytes) in [("utf-16be", &b"\0a\0\xe3"[..]), ("shift_jis", b"\x93\xfa")] {
            let text = decoded(label, bytes).expect("proper text");
            let mut back = Vec::new();
            TextEncoding::named(label).expect("known").encode_into(&text, &mut back);
            assert_eq!(back, bytes, "{label}");
        }
    }
}
