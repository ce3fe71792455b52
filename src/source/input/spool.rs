//! Standard input as a file, so that every input can be read from its start again.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    private_file,
};

/// Copies standard input into a new private file in `folder` and gives its path.
///
/// The caller removes it when the run is over.
///
/// # Errors
/// `ErrorKind::Source` when standard input cannot be read,
/// `ErrorKind::Environment` when the file cannot be written.
pub fn spool_stdin(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("standard-input-{}", uuid::Uuid::now_v7()));
    spool(&mut io::stdin().lock(), &path)?;
    Ok(path)
}

fn spool(input: &mut impl io::Read, path: &Path) -> Result<()> {
    let mut file = private_file::create(path)?;
    io::copy(input, &mut file).map_err(|cause| {
        let what = format!("standard input could not be copied to `{}`", path.display());
        Error::environment(what).caused_by(cause).hint("is there enough room on that disk?")
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spooled_file_holds_what_was_read_and_never_replaces_another() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("spooled");
        spool(&mut &b"a,b\n1,2\n"[..], &path).expect("it is spooled");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"a,b\n1,2\n");
        assert!(spool(&mut &b""[..], &path).is_err());
    }
}
