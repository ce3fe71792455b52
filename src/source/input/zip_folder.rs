//! A zip archive as a folder of members that are streamed, never unpacked.
//!
//! Only the directory is left to the `zip` crate. A member's bytes are read
//! by position and undone here, so that they can be streamed by an owned
//! reader, and so that every byte passes the checks: the archive's claims
//! about size and checksum are held against what comes out.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::{Crc, bufread::DeflateDecoder};
use zip::{CompressionMethod, ZipArchive};

use super::stream::{InputStream, OpenedFile, read_failed};
use crate::error::{Error, Result};

/// Members an archive may have.
const MEMBERS_MAX: usize = 65_536;
/// How much larger than packed a member may be; text rarely passes 30:1.
const RATIO_MAX: u64 = 200;
/// Below this size the ratio says nothing.
const RATIO_FLOOR_BYTES: u64 = 16 * 1024 * 1024;
/// Size of one member, unpacked.
const MEMBER_BYTES_MAX: u64 = 1 << 40;

/// A zip archive's directory.
#[derive(Debug)]
pub struct ZipFolder {
    path: PathBuf,
    members: Vec<ZipMember>,
}

/// One file of a zip archive.
#[derive(Debug, Clone)]
pub struct ZipMember {
    /// Its name in the archive, with folders; never used as a path on disk.
    pub name: String,
    /// Its size, unpacked, as the archive claims.
    pub bytes: u64,
    /// Its size in the archive.
    pub packed_bytes: u64,
    index: usize,
}

impl ZipFolder {
    /// Reads the directory of the archive at `path`.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the archive is missing, truncated, damaged or
    /// holds more members than any honest delivery.
    pub fn open(path: &Path) -> Result<Self> {
        let mut archive = open_archive(path)?;
        if archive.len() > MEMBERS_MAX {
            let what = format!("`{}` holds more than {MEMBERS_MAX} members", path.display());
            return Err(Error::source_file(what));
        }
        if archive.has_duplicate_names() {
            let what = format!("`{}` holds two members of the same name", path.display());
            return Err(Error::source_file(what).hint("have it packed again"));
        }
        let mut members = Vec::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|cause| damaged(path, cause))?;
            let name = entry.name().map_err(|cause| damaged(path, cause))?.into_owned();
            // Finder adds a shadow of every file; nobody means those.
            if entry.is_file() && !name.starts_with("__MACOSX/") {
                let (bytes, packed_bytes) = (entry.size(), entry.compressed_size());
                members.push(ZipMember { name, bytes, packed_bytes, index });
            }
        }
        Ok(Self { path: path.to_owned(), members })
    }

    /// Its files in the archive's order, folders and links left out.
    pub fn members(&self) -> &[ZipMember] {
        &self.members
    }

    /// The member of that name or the only one that matches the glob; without
    /// one, the only member there is.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming the members when none or several match.
    pub fn choose(&self, member: Option<&str>) -> Result<&ZipMember> {
        let Some(wanted) = member else {
            return self.only(&self.members.iter().collect::<Vec<_>>(), "without `member`");
        };
        if let Some(exact) = self.members.iter().find(|member| member.name == wanted) {
            return Ok(exact);
        }
        let pattern = glob::Pattern::new(wanted).map_err(|cause| {
            Error::definition(format!("`{wanted}` is not a proper glob")).caused_by(cause)
        })?;
        let matching = self.members.iter().filter(|member| pattern.matches(&member.name));
        self.only(&matching.collect::<Vec<_>>(), &format!("for `{wanted}`"))
    }

    fn only<'m>(&self, members: &[&'m ZipMember], sought: &str) -> Result<&'m ZipMember> {
        if let [only] = members {
            return Ok(only);
        }
        let what = format!(
            "`{}` holds {} files to choose from {sought}, not exactly one",
            self.path.display(),
            members.len()
        );
        let shown: Vec<_> =
            self.members.iter().take(10).map(|member| format!("`{}`", member.name)).collect();
        Err(Error::source_file(what).hint(format!("its members: {}", shown.join(", "))))
    }

    /// The bytes of the member named exactly `name`.
    ///
    /// # Errors
    /// `ErrorKind::Source` when there is no such member, when it is encrypted,
    /// packed by another method than deflate, or too large for its packed size.
    pub fn open_member(&self, name: &str) -> Result<InputStream> {
        let member = self.members.iter().find(|member| member.name == name).ok_or_else(|| {
            Error::source_file(format!("`{}` has no member `{name}`", self.path.display()))
        })?;
        let claim = self.claim(member)?;
        let file = OpenedFile::open(&self.path)?;
        let packed = file.part(claim.start, claim.packed_bytes)?;
        let unpacked: Box<dyn Read + Send> = match claim.method {
            CompressionMethod::Stored => Box::new(packed),
            _ => Box::new(DeflateDecoder::new(BufReader::with_capacity(128 * 1024, packed))),
        };
        let left = claim.bytes;
        let checked = CheckedMember { unpacked, left, crc: Crc::new(), crc_claimed: claim.crc };
        Ok(InputStream::new(Box::new(checked), file))
    }

    fn claim(&self, member: &ZipMember) -> Result<Claim> {
        let mut archive = open_archive(&self.path)?;
        let entry =
            archive.by_index_raw(member.index).map_err(|cause| damaged(&self.path, cause))?;
        let refuse = |why: &str| {
            let what = format!("member `{}` of `{}` {why}", member.name, self.path.display());
            Error::source_file(what)
        };
        if entry.encrypted() {
            return Err(refuse("is encrypted").hint("have it packed without a password"));
        }
        let method = entry.compression();
        if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(refuse("is packed by a method that is not supported")
                .hint("have it packed with deflate, the usual method"));
        }
        let (bytes, packed_bytes) = (entry.size(), entry.compressed_size());
        let suspicious = bytes > RATIO_FLOOR_BYTES && bytes / RATIO_MAX > packed_bytes;
        if suspicious || bytes > MEMBER_BYTES_MAX {
            return Err(refuse("claims a size no honest delivery has")
                .hint(format!("more than {RATIO_MAX} times its packed size is refused")));
        }
        let start = entry.data_start().ok_or_else(|| refuse("has no content"))?;
        Ok(Claim { start, packed_bytes, bytes, method, crc: entry.crc32() })
    }
}

fn open_archive(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    let file = File::open(path).map_err(|cause| read_failed(path, cause))?;
    ZipArchive::new(BufReader::new(file)).map_err(|cause| damaged(path, cause))
}

fn damaged(path: &Path, cause: zip::result::ZipError) -> Error {
    Error::source_file(format!("`{}` is incomplete or damaged", path.display()))
        .caused_by(cause)
        .hint("fetch the archive again")
}

/// What the directory says about a member.
struct Claim {
    start: u64,
    packed_bytes: u64,
    bytes: u64,
    method: CompressionMethod,
    crc: u32,
}

/// A member's content, held to its claims: never more bytes than claimed, and
/// neither fewer nor others at its end.
struct CheckedMember {
    unpacked: Box<dyn Read + Send>,
    left: u64,
    crc: Crc,
    crc_claimed: u32,
}

impl Read for CheckedMember {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.unpacked.read(buffer)?;
        let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        self.left = match self.left.checked_sub(count as u64) {
            Some(left) => left,
            None => return invalid("the member is larger than its archive says"),
        };
        self.crc.update(&buffer[..count]);
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        if self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.crc.sum() != self.crc_claimed {
            return invalid("the member's checksum does not match");
        }
        Ok(0)
    }
}
