//! Files that may hold personal data: created for their owner only, never
//! through a link somebody planted.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
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
    opened.map_err(|cause| cannot_write(path, cause))
}

/// Opens a file to write on at its end, readable and writable by its owner only; it is created
/// where it is missing.
///
/// # Errors
/// `ErrorKind::Environment` with the path and the system's reason.
pub fn append(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    opened.map_err(|cause| cannot_write(path, cause))
}

/// Creates a folder with mode 0700, and the folders above it where they are missing.
///
/// # Errors
/// `ErrorKind::Environment` with the path and the system's reason.
pub fn create_folder(path: &Path) -> Result<()> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|cause| cannot_write(path, cause))
}

/// What to do about a file that cannot be written, or a folder that cannot be made.
pub fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "mend the permissions of the folder, or choose another",
        io::ErrorKind::ReadOnlyFilesystem => "its disk can only be read: choose another place",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a folder has to be: choose another path, or move it away"
        }
        io::ErrorKind::IsADirectory => {
            "a folder stands where the file has to be: choose another path, or move it away"
        }
        io::ErrorKind::InvalidFilename => "choose a shorter path",
        _ => "look at the disk that it is on",
    }
}

fn cannot_write(path: &Path, cause: io::Error) -> Error {
    let hint = advice(&cause);
    Error::environment(format!("`{}` cannot be created", path.display()))
        .caused_by(cause)
        .hint(hint)
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
