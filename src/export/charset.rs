//! The bytes of text: UTF-8, or windows-1252 for the programs that know nothing else.

use encoding_rs::{EncoderResult, WINDOWS_1252};

use crate::definition::{OutputDefinition, Unencodable};

/// How text becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8 { mark: bool },
    Windows1252(Unencodable),
}

impl Charset {
    /// The one the definition asks for; its check knows the names.
    pub(super) fn of(output: &OutputDefinition) -> Self {
        match output.encoding.as_deref() {
            Some("windows-1252") => Charset::Windows1252(output.unencodable),
            Some("utf-8-bom") => Charset::Utf8 { mark: true },
            _ => Charset::Utf8 { mark: false },
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Charset::Utf8 { .. } => "utf-8",
            Charset::Windows1252(_) => "windows-1252",
        }
    }

    /// What a file starts with.
    pub(super) fn start(self) -> &'static [u8] {
        if self == (Charset::Utf8 { mark: true }) { "\u{feff}".as_bytes() } else { b"" }
    }

    /// Appends text; false where it has a character that the encoding does not have.
    pub(super) fn append(self, text: &str, bytes: &mut Vec<u8>) -> bool {
        let Charset::Windows1252(policy) = self else {
            bytes.extend_from_slice(text.as_bytes());
            return true;
        };
        if text.is_ascii() {
            bytes.extend_from_slice(text.as_bytes());
            return true;
        }
        let mut encoder = WINDOWS_1252.new_encoder();
        let start = bytes.len();
        // Every character is one byte; a replaced one too.
        bytes.resize(start + text.len(), 0);
        let (mut rest, mut end) = (text, start);
        loop {
            let (result, read, written) =
                encoder.encode_from_utf8_without_replacement(rest, &mut bytes[end..], true);
            rest = &rest[read..];
            end += written;
            match result {
                EncoderResult::Unmappable(_) if policy == Unencodable::Replace => {
                    bytes[end] = b'?';
                    end += 1;
                }
                EncoderResult::InputEmpty => break,
                EncoderResult::Unmappable(_) | EncoderResult::OutputFull => return false,
            }
        }
        bytes.truncate(end);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_replaced_or_refused() {
        let written = |policy, text: &str| {
            let mut bytes = b"x".to_vec();
            Charset::Windows1252(policy).append(text, &mut bytes).then_some(bytes)
        };
        assert_eq!(written(Unencodable::Error, "São €").as_deref(), Some(&b"xS\xe3o \x80"[..]));
        assert_eq!(written(Unencodable::Error, "日本"), None);
        assert_eq!(written(Unencodable::Replace, "日本 é 日").as_deref(), Some(&b"x?? \xe9 ?"[..]));
    }
}
