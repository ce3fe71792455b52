//! A file system of a few megabytes, which a test can fill.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Its own shell takes it away when this process is gone, however that ends.
const GUARD: &str = r#"cat > /dev/null; umount -l "$1""#;

/// A mounted tmpfs; unmounted when this is dropped.
pub(crate) struct SmallDisk {
    folder: TempDir,
    guard: Child,
}

impl SmallDisk {
    /// A file system of so many bytes, owned by whoever runs this.
    ///
    /// `None` where mounting is not permitted, which is an error only where CI is set.
    pub(crate) fn mount(bytes: u64) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("longshore-disk-").tempdir();
        let folder = folder.expect("a temporary folder");
        let options = format!("size={bytes},mode=0711");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path());
        let mounted = command.output().expect("mount is there");
        if !mounted.status.success() {
            let reason = String::from_utf8_lossy(&mounted.stderr).trim().to_owned();
            assert!(env::var_os("CI").is_none(), "a full disk cannot be tested: {reason}");
            #[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
            {
                eprintln!(
                    "skipped: a full disk needs a tmpfs, which only root can mount: {reason}"
                );
            }
            return None;
        }
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(folder.path());
        let guard = guard.stdin(Stdio::piped()).spawn().expect("the guard starts");
        let open = fs::Permissions::from_mode(0o711);
        fs::set_permissions(folder.path(), open).expect("its mode");
        Some(Self { folder, guard })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it, so that about so many bytes are free.
    pub(crate) fn fill(&self, bytes_left: u64) {
        self.empty();
        let space = rustix::fs::statvfs(self.path()).expect("its space");
        let bytes = (space.f_bavail * space.f_frsize).saturating_sub(bytes_left);
        let mut file = fs::File::create(self.filler()).expect("a file");
        let zeros = vec![0; 1 << 16];
        for start in (0..bytes).step_by(zeros.len()) {
            let length = usize::try_from(bytes - start).expect("a length").min(zeros.len());
            // Others may take of it, too.
            match file.write_all(&zeros[..length]) {
                Err(full) if full.kind() == io::ErrorKind::StorageFull => return,
                written => written.expect("it is written"),
            }
        }
    }

    /// Gives the room back.
    pub(crate) fn empty(&self) {
        let _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> std::path::PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
