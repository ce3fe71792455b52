//! Files that may hold personal data: created for their owner only, never
//! through a link somebody planted.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use crate::error::{Error, Result};

/// Creates a new file with mode 0600; fails if anything stands at `path`, a link included.
///
/// # Errors
/// `ErrorKind::Environment` with the path and the system's reason.
pub fn create(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|cause| cannot_write(path).caused_by(cause))
}

/// Opens a file to write on at its end, readable and writable by its owner only; it is created
/// where it is missing.
///
/// # Errors
/// `ErrorKind::Environment` with the path and the system's reason.
pub fn append(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    opened.map_err(|cause| cannot_write(path).caused_by(cause))
}

/// Creates a folder with mode 0700, and the folders above it where they are missing.
///
/// # Errors
/// `ErrorKind::Environment` with the path and the system's reason.
pub fn create_folder(path: &Path) -> Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|cause| cannot_write(path).caused_by(cause))
}

fn cannot_write(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be created", path.display()))
        .hint("choose another place with --report-dir, or mend the folder's permissions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_and_folders_are_for_their_owner_only_and_never_replace() {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let folder = temp.path().join("a/b");
        create_folder(&folder).expect("the folder is created");
        let path = folder.join("rejections.csv");
        let file = create(&path).expect("the file is created");
        let mode = |meta: std::fs::Metadata| meta.permissions().mode() & 0o777;
        assert_eq!(mode(file.metadata().expect("metadata")), 0o600);
        assert_eq!(mode(folder.metadata().expect("metadata")), 0o700);
        assert!(create(&path).is_err());
    }
}
