//! How a file's bytes become UTF-8: as they stand, per record, or ahead of everything.
//!
//! Cutting needs bytes in which delimiter, quote, escape, comment and line ends
//! mean themselves wherever they stand. That is so for UTF-8 and EUC-JP (other
//! characters have no byte below 0x80), for single-byte encodings, and for the
//! Asian double-byte ones as long as the dialect keeps to bytes that never
//! are second halves: those start at 0x40 (GBK, Big5, Shift_JIS) or 0x41
//! (EUC-KR), and GB18030 adds the digits 0x30 to 0x39. Comma, semicolon, tab
//! and both quotes are safe; `|` and `\` are not. Such files are cut as they
//! stand and decoded in the workers, so a rejected record keeps its very bytes,
//! and bytes that are no text cannot reach beyond their record: decoders
//! give an ASCII byte after half a character back.
//!
//! UTF-16, ISO-2022-JP and the unsafe combinations are transcoded while they
//! are read. A place that is no text becomes the byte 0xFF, which UTF-8 never
//! has, so that exactly its record is found faulty later.

use std::{
    io::{self, Read},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use encoding_rs::{Decoder, DecoderResult, EUC_JP, ISO_2022_JP, UTF_16BE, UTF_16LE};

use super::dialect::Dialect;
use crate::{
    error::{Error, Result},
    source::{block::BlockReader, encoding::TextEncoding, input},
};

/// Bytes transcoded at once.
const TRANSCODED_BYTES: usize = 64 * 1024;
/// What stands for a place that is no text, in a transcoded stream.
const NO_TEXT: u8 = 0xff;

const UTF_8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// How one file is read as text.
#[derive(Debug, Clone)]
pub(super) struct TextInput {
    path: PathBuf,
    member: Option<String>,
    /// The encoding of the file.
    pub(super) encoding: TextEncoding,
    /// Whether the stream is transcoded to UTF-8 before it is cut.
    pub(super) transcoded: bool,
    /// Bytes of a byte order mark at the start of the stream; a transcoded stream has none.
    pub(super) mark: usize,
    /// Whether the file itself starts with a byte order mark.
    pub(super) marked: bool,
}

impl TextInput {
    /// Settles the encoding by what is declared and by the file's first bytes.
    ///
    /// # Errors
    /// `ErrorKind::Definition` for an unknown name, `ErrorKind::Source` when the
    /// byte order mark contradicts it or the file cannot be read.
    pub(super) fn settle(
        path: PathBuf,
        member: Option<String>,
        declared: Option<&str>,
        dialect: &Dialect,
    ) -> Result<Self> {
        let mut first = Vec::new();
        let stream = input::open(&path, member.as_deref())?;
        let read = stream.take(UTF_8_MARK.len() as u64).read_to_end(&mut first);
        read.map_err(|cause| input::read_failed(&path, cause))?;

        let named = declared.map(TextEncoding::named).transpose()?;
        let found = marked_encoding(&first);
        let encoding = agree(declared, named, found).map_err(|found| {
            let what = format!("`{}` starts with the byte order mark of {found}", path.display());
            Error::source_file(what).hint(format!("write `encoding = \"{found}\"`"))
        })?;
        let transcoded = !is_cut_safely(encoding, dialect);
        let mark = if found.is_some() && !transcoded { UTF_8_MARK.len() } else { 0 };
        Ok(Self { path, member, encoding, transcoded, mark, marked: found.is_some() })
    }

    /// The stream that is cut into records, and the count of bytes read from disk.
    pub(super) fn open(&self, block_bytes: usize) -> Result<(BlockReader, Arc<AtomicU64>)> {
        let stream = input::open(&self.path, self.member.as_deref())?;
        let counter = stream.counter();
        let blocks = match self.encoding {
            TextEncoding::Web(encoding) if self.transcoded => {
                let decoder = encoding.new_decoder_with_bom_removal();
                let transcoding = Transcoding::new(stream, decoder);
                BlockReader::of(Box::new(transcoding), self.path.clone(), block_bytes)
            }
            _ => BlockReader::new(stream, block_bytes),
        };
        Ok((blocks, counter))
    }

    /// Whether records can be borrowed as they stand once they are valid UTF-8.
    pub(super) fn is_utf8(&self) -> bool {
        self.transcoded || self.encoding.is_utf8()
    }
}

/// Progress, as splitters report it.
pub(super) fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// The encoding whose byte order mark the file starts with.
fn marked_encoding(first: &[u8]) -> Option<&'static str> {
    match first {
        [0xef, 0xbb, 0xbf, ..] => Some("utf-8"),
        [0xff, 0xfe, ..] => Some("utf-16le"),
        [0xfe, 0xff, ..] => Some("utf-16be"),
        _ => None,
    }
}

/// The encoding both agree on; the mark's name where they do not.
fn agree(
    declared: Option<&str>,
    named: Option<TextEncoding>,
    marked: Option<&'static str>,
) -> std::result::Result<TextEncoding, &'static str> {
    let encoding = named.unwrap_or(TextEncoding::UTF_8);
    let Some(marked) = marked else { return Ok(encoding) };
    // Plain `utf-16` leaves the byte order to the mark.
    let open = declared.is_some_and(|label| label.trim().eq_ignore_ascii_case("utf-16"));
    match marked {
        "utf-16be" if open => Ok(TextEncoding::Web(UTF_16BE)),
        _ if encoding.name().eq_ignore_ascii_case(marked) => Ok(encoding),
        _ => Err(marked),
    }
}

fn is_cut_safely(encoding: TextEncoding, dialect: &Dialect) -> bool {
    match encoding {
        _ if encoding.is_utf8() || encoding.is_single_byte() => true,
        TextEncoding::Web(web) if [UTF_16LE, UTF_16BE, ISO_2022_JP].contains(&web) => false,
        TextEncoding::Web(web) if web == EUC_JP => true,
        _ => dialect.bytes().all(|byte| byte < b'0' || (b':'..=b'?').contains(&byte)),
    }
}

/// A stream in any encoding, read as UTF-8.
struct Transcoding {
    stream: input::InputStream,
    decoder: Decoder,
    encoded: Vec<u8>,
    /// What of `encoded` is not decoded yet.
    waiting: std::ops::Range<usize>,
    text: Vec<u8>,
    /// What of `text` is not handed out yet.
    ready: std::ops::Range<usize>,
    ended: bool,
    finished: bool,
}

impl Transcoding {
    fn new(stream: input::InputStream, decoder: Decoder) -> Self {
        Self {
            stream,
            decoder,
            encoded: vec![0; TRANSCODED_BYTES],
            waiting: 0..0,
            text: vec![0; TRANSCODED_BYTES],
            ready: 0..0,
            ended: false,
            finished: false,
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() && !self.ended {
            let count = self.stream.read(&mut self.encoded)?;
            self.waiting = 0..count;
            self.ended = count == 0;
        }
        // One byte is kept for the sign of a place that is no text.
        let room = self.text.len() - 1;
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.encoded[self.waiting.clone()],
            &mut self.text[..room],
            self.ended,
        );
        self.waiting.start += read;
        self.ready = 0..written;
        match result {
            DecoderResult::InputEmpty => self.finished = self.ended,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.text[written] = NO_TEXT;
                self.ready.end += 1;
            }
        }
        Ok(())
    }
}

impl Read for Transcoding {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.finished {
            self.decode()?;
        }
        let count = self.ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.text[self.ready.start..][..count]);
        self.ready.start += count;
        Ok(count)
    }
}
