//! Which compression a file has, by its first bytes, and undoing it.

use std::io::{BufReader, Read};

use super::stream::{InputStream, OpenedFile, read_failed};
use crate::error::{Error, Result};

/// Bytes read at once from a compressed file.
const COMPRESSED_BUFFER_BYTES: usize = 128 * 1024;

/// Enough of a file to know its compression.
const MAGIC_BYTES: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstandard,
    Bzip2,
    Zip,
}

/// The names that promise a compression.
const EXTENSIONS: [(&str, Compression, &str); 5] = [
    ("gz", Compression::Gzip, "gzip"),
    ("zst", Compression::Zstandard, "Zstandard"),
    ("zstd", Compression::Zstandard, "Zstandard"),
    ("bz2", Compression::Bzip2, "bzip2"),
    ("zip", Compression::Zip, "zip"),
];

impl Compression {
    /// What the content is; an error when the name promises something else.
    pub(super) fn of(file: &OpenedFile) -> Result<Self> {
        let found = Self::by_magic(&file.first_bytes(MAGIC_BYTES)?);
        let extension = file.path().extension().and_then(|extension| extension.to_str());
        let promised = EXTENSIONS
            .iter()
            .find(|(name, ..)| extension.is_some_and(|given| given.eq_ignore_ascii_case(name)));
        match promised {
            Some((_, promised, word)) if found != *promised => {
                let what = format!("`{}` is not a {word} file", file.path().display());
                let hint = "its name says so, its first bytes do not: fetch it again, or rename it";
                Err(Error::source_file(what).hint(hint))
            }
            _ => Ok(found),
        }
    }

    fn by_magic(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // A frame, or a skippable one before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Compression::Zstandard
            }
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59] => {
                Compression::Bzip2
            }
            // A local entry, or the end record of an archive without any.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Compression::Zip,
            _ => Compression::None,
        }
    }

    /// The decoded stream of anything but a zip archive.
    pub(super) fn decode(self, file: OpenedFile) -> Result<InputStream> {
        let plain = file.reader()?;
        let buffered = |reader| BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, reader);
        let reader: Box<dyn Read + Send> = match self {
            Compression::None | Compression::Zip => Box::new(plain),
            // `GzDecoder` would stop after the first member and call it a success.
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(plain))),
            Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(plain))),
            Compression::Zstandard => {
                let decoder = zstd::stream::read::Decoder::with_buffer(buffered(plain));
                Box::new(decoder.map_err(|cause| read_failed(file.path(), cause))?)
            }
        };
        Ok(InputStream::new(reader, file))
    }
}
