//! Standard input as a file, so that every input can be read from its start again.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    private_file,
};

/// The path that means standard input.
pub const STANDARD_INPUT: &str = "-";

/// A private copy of standard input, removed when dropped.
#[derive(Debug)]
pub struct Spooled {
    path: PathBuf,
}

impl Spooled {
    /// Where the copy is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // Nobody is left to tell; the system empties its temporary folder.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Copies standard input into a new private file in `folder`.
///
/// # Errors
/// `ErrorKind::Environment` when the file cannot be written or standard input cannot be read.
pub fn spool_stdin(folder: &Path) -> Result<Spooled> {
    let path = folder.join(format!("longshore-standard-input-{}", uuid::Uuid::now_v7()));
    spool(&mut io::stdin().lock(), path)
}

fn spool(input: &mut impl io::Read, path: PathBuf) -> Result<Spooled> {
    let mut file = private_file::create(&path)?;
    let spooled = Spooled { path };
    io::copy(input, &mut file).map_err(|cause| {
        let what = format!("standard input could not be copied to `{}`", spooled.path.display());
        let hint = "is there enough room on that disk? TMPDIR names another";
        Error::environment(what).caused_by(cause).hint(hint)
    })?;
    Ok(spooled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spooled_file_holds_what_was_read_never_replaces_another_and_goes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("spooled");
        let spooled = spool(&mut &b"a,b\n1,2\n"[..], path.clone()).expect("it is spooled");
        assert_eq!(std::fs::read(spooled.path()).expect("it is there"), b"a,b\n1,2\n");
        assert!(spool(&mut &b""[..], path.clone()).is_err());
        assert!(path.exists(), "the other's file is left alone");
        drop(spooled);
        assert!(!path.exists());
    }
}
