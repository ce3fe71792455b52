//! Where the files of an export are written until all are whole.
//!
//! It is a hidden folder beside the manifest, so a rename brings each file to its place, and
//! nobody who looks for `*.csv` meets half of one. A lock keeps a second export of the same
//! files away; what a killed one left in here goes with the next. It is one folder for all runs
//! of an export, also where each run has files of its own: the second would write the same rows.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use super::part_file::cannot_write;
use crate::{
    error::{Error, ErrorKind, Result},
    private_file,
};

/// Stands in a manifest's path for the name of the run.
pub(super) const RUN_PLACE: &str = "{run}";
/// How often the lock is tried while others take their folder away.
const TRIES: u32 = 20;

/// Gone, with all that is in it, when it is dropped.
#[derive(Debug)]
pub(super) struct WorkFolder {
    path: PathBuf,
    _lock: File,
}

impl WorkFolder {
    /// Takes the folder of the export that has this manifest, `{run}` in it unless each run has
    /// the same.
    ///
    /// # Errors
    /// `ErrorKind::Busy` while another export has it.
    pub(super) fn take(manifest: &str) -> Result<Self> {
        let path = path(manifest);
        for _ in 0..TRIES {
            private_file::create_folder(&path)?;
            match lock(&path) {
                Ok(Some(lock)) => {
                    clear(&path).map_err(|cause| cannot_write(&path, cause))?;
                    return Ok(Self { path, _lock: lock });
                }
                Ok(None) => {}
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    return Err(busy(manifest));
                }
                Err(cause) => return Err(cannot_write(&path, cause)),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(busy(manifest))
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A place in it for the file of this number.
    pub(super) fn part(&self, number: usize) -> PathBuf {
        self.path.join(format!("{number}.part"))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What cannot be removed goes with the next export of these files.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Beside the manifest, or where the folders of single runs will be.
fn path(manifest: &str) -> PathBuf {
    let shared = manifest.find(RUN_PLACE).unwrap_or(manifest.len());
    let folder = manifest[..shared].rfind('/').map_or(0, |slash| slash + 1);
    let (folder, name) = manifest.split_at(folder);
    let name = name.trim_end_matches(".manifest.json").replace('/', "-");
    Path::new(folder).join(format!(".{name}.parts"))
}

/// The lock, `None` where the folder has been taken away by who had it before.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = File::open(folder)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    let ours = file.metadata()?;
    match fs::symlink_metadata(folder) {
        Ok(there) if there.is_dir() && there.ino() == ours.ino() => Ok(Some(file)),
        Ok(there) if !there.is_dir() => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        Ok(_) => Ok(None),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

fn busy(manifest: &str) -> Error {
    let what = format!("another export is writing the files of `{manifest}`");
    Error::new(ErrorKind::Busy, what).hint("wait for it, or give one of the two another path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_export_has_it_and_what_a_killed_one_left_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = folder.path().join("out/a.csv.manifest.json").display().to_string();
        let left = folder.path().join("out/.a.csv.parts");
        fs::create_dir_all(left.join("x")).expect("a folder");
        fs::write(left.join("7.part"), "half").expect("a file");
        let work = WorkFolder::take(&manifest).expect("taken");
        assert_eq!(fs::read_dir(work.path()).expect("the folder").count(), 0);
        let second = WorkFolder::take(&manifest).expect_err("taken already");
        assert_eq!(second.kind(), ErrorKind::Busy);
        drop(work);
        assert!(!left.exists());
        drop(WorkFolder::take(&manifest).expect("free again"));
    }

    #[test]
    fn all_runs_of_an_export_have_one() {
        for (manifest, folder) in [
            ("a.csv.manifest.json", ".a.csv.parts"),
            ("out/a-{run}.csv.manifest.json", "out/.a-{run}.csv.parts"),
            ("out/{run}/x/a.csv.manifest.json", "out/.{run}-x-a.csv.parts"),
        ] {
            assert_eq!(path(manifest), Path::new(folder));
        }
    }
}
