//! Opening inputs: which files a pipeline means, and the decoded bytes of one.
//!
//! [`fn@resolve`] turns the path as written into a sorted list of files;
//! [`open`] gives the bytes of one with its compression undone. What a file
//! is, its first bytes decide; a name that promises a compression which the
//! content lacks (`students.csv.gz` holding plain text) is refused, since it
//! is far more often a broken download than a wrong name.
//!
//! Nothing is ever unpacked to disk, and a stream that ends early, fails its
//! checksum or changes while it is read is an error, never a short success.

mod compression;
mod resolve;
mod spool;
mod stream;
mod zip_folder;

pub use resolve::resolve;
pub use spool::spool_stdin;
pub use stream::InputStream;
pub(crate) use stream::read_failed;
pub use zip_folder::{ZipFolder, ZipMember};

use std::path::Path;

use crate::error::{Error, Result};
use compression::Compression;

/// Opens a file for reading from its start: plain, gzip (all members),
/// Zstandard (all frames), bzip2, or one member of a zip archive.
///
/// `member` is the member's exact name or a glob that matches exactly one;
/// without it the archive has to hold exactly one file.
///
/// # Errors
/// `ErrorKind::Source` when the file is missing or unreadable, when its name
/// and content disagree about compression, or when the member is missing,
/// ambiguous, encrypted or suspiciously large.
pub fn open(path: &Path, member: Option<&str>) -> Result<InputStream> {
    let opened = stream::OpenedFile::open(path)?;
    let compression = Compression::of(&opened)?;
    if compression == Compression::Zip {
        let folder = ZipFolder::open(path)?;
        let chosen = folder.choose(member)?;
        return folder.open_member(&chosen.name);
    }
    if let Some(member) = member {
        let what = format!("`{}` is no zip archive, so it has no member", path.display());
        return Err(Error::source_file(what).hint(format!("leave out `member = \"{member}\"`")));
    }
    compression.decode(opened)
}

#[cfg(test)]
mod tests;
