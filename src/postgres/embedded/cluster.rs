//! One data folder and the server process on it.
//!
//! The server listens on no network, only on a socket in a folder that nobody
//! but its user can enter, so that the folder's permissions are the password.
//! The layout under the cluster's own folder, which stays ours:
//! `data/` (the server's), `run/` (the server's: socket and log).

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::Command,
};

use super::{identity::Identity, installation::Installation, settings};
use crate::error::{Error, Result};

/// The number in the socket's name; no port is opened.
const PORT: u16 = 5432;

/// The role that owns everything in the cluster.
pub const ROLE: &str = "longshore";

/// Bytes a socket's path may have on every system.
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// Seconds a start may take: a crash may have left much to recover.
const START_SECONDS: &str = "300";

/// Seconds a stop may take.
const STOP_SECONDS: &str = "60";

/// Lines of the server's log that an error shows.
const LOG_LINES_SHOWN: usize = 4;

/// Whether what is committed must outlive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As PostgreSQL has it.
    Full,
    /// Nothing is forced to the disk: for tests.
    None,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Sessions are ended, data are written.
    Fast,
    /// As a crash.
    Immediate,
}

/// A data folder with the programs and the user that serve it.
#[derive(Debug, Clone)]
pub struct Cluster {
    folder: PathBuf,
    installation: Installation,
    identity: Identity,
    durability: Durability,
}

impl Cluster {
    /// The cluster in `folder` (absolute), which need not exist yet.
    ///
    /// # Errors
    /// `ErrorKind::Environment` where no fitting server is installed, the
    /// path is too long for a socket, or the server's user cannot come there.
    pub fn new(folder: &Path, durability: Durability) -> Result<Self> {
        let data = folder.join("data");
        let cluster = Self {
            installation: Installation::find(data_major(&data))?,
            identity: Identity::for_data(&data)?,
            folder: folder.to_owned(),
            durability,
        };
        let length = cluster.socket().as_os_str().len();
        if length > SOCKET_PATH_BYTES_MAX {
            let what = format!(
                "the path of the server's socket would have {length} bytes, more than {SOCKET_PATH_BYTES_MAX}"
            );
            return Err(Error::environment(what).hint("set LONGSHORE_HOME to a shorter path"));
        }
        cluster.identity.ensure_reaches(&data)?;
        Ok(cluster)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder of the socket and the log.
    pub fn run_folder(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// The server's programs.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The user the server runs as.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The URL of a database of this cluster; there is no password in it.
    pub fn url(&self, database: &str) -> String {
        let folder = self.run_folder().to_string_lossy().into_owned();
        let encoded: String = folder.bytes().map(percent_encoded).collect();
        format!("postgres://{ROLE}@{encoded}:{PORT}/{database}")
    }

    /// Whether data have been set up.
    pub fn is_initialised(&self) -> bool {
        self.data().join("PG_VERSION").exists()
    }

    /// Whether a server accepts connections on the socket.
    pub fn is_running(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok()
    }

    fn socket(&self) -> PathBuf {
        self.run_folder().join(format!(".s.PGSQL.{PORT}"))
    }

    /// Sets up an empty cluster; what an interrupted attempt left is thrown away.
    ///
    /// # Errors
    /// `ErrorKind::Environment` with what `initdb` said.
    pub fn initialise(&self) -> Result<()> {
        let fresh = self.folder.join("data.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(|cause| cannot("clear", &fresh, cause))?;
        }
        self.private_folder(&fresh)?;
        let mut last = Ok(());
        // Not every system has the second; `C` compares the same and folds ASCII only.
        for locale in settings::locales(self.installation.major) {
            last = self.run_initdb(&fresh, locale);
            if last.is_ok() {
                break;
            }
        }
        last?;
        fs::rename(&fresh, self.data()).map_err(|cause| cannot("move", &fresh, cause))
    }

    fn run_initdb(&self, folder: &Path, locale: &[&str]) -> Result<()> {
        let mut command = self.command("initdb");
        command.arg("--pgdata").arg(folder).args(["--username", ROLE, "--encoding", "UTF8"]);
        command.args(["--auth-local=trust", "--auth-host=reject"]).args(locale);
        match self.durability {
            Durability::Full => command.arg("--data-checksums"),
            // Small segments: the folder is copied for every test process.
            Durability::None => command.args(["--no-sync", "--wal-segsize=1"]),
        };
        run(command, "set up a cluster")
    }

    /// Starts the server and waits until it accepts connections.
    ///
    /// # Errors
    /// `ErrorKind::Environment` with the end of the server's log.
    pub fn start(&self) -> Result<()> {
        self.private_folder(&self.run_folder())?;
        self.remove_stale(&self.data().join("postmaster.pid"))?;
        self.remove_stale(&self.socket().with_extension("5432.lock"))?;
        let log = self.run_folder().join("server.log");
        let mut command = self.command("pg_ctl");
        command.args(["start", "--silent", "--wait", "--timeout", START_SECONDS]);
        command.arg("--pgdata").arg(self.data()).arg("--log").arg(&log);
        let options =
            settings::options(&self.run_folder(), self.durability, self.takes_fast_compression());
        command.arg("--options").arg(options);
        run(command, "start").map_err(|error| match log_end(&log) {
            Some(lines) => error.context(format!("the server's log ends: {lines}")),
            None => error,
        })
    }

    /// Whether the server was built with it: asked so, it says what it would be set to, or fails.
    fn takes_fast_compression(&self) -> bool {
        let (name, value) = settings::FAST_COMPRESSION;
        let mut command = self.command("postgres");
        command.args(["-C", name, "-c", &format!("{name}={value}"), "-D"]).arg(self.data());
        command.output().is_ok_and(|output| output.status.success())
    }

    /// Stops the server; `false` if it was not running.
    ///
    /// # Errors
    /// `ErrorKind::Environment` if it does not stop.
    pub fn stop(&self, mode: StopMode) -> Result<bool> {
        if !self.is_running() {
            return Ok(false);
        }
        let mode = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        let mut command = self.command("pg_ctl");
        command.args(["stop", "--silent", "--wait", "--timeout", STOP_SECONDS, "--mode", mode]);
        command.arg("--pgdata").arg(self.data());
        run(command, "stop").map(|()| true)
    }

    /// Removes a lock file whose process is gone but whose number another has got.
    ///
    /// PostgreSQL would take that other process for the server. It happens
    /// mostly in containers, where numbers start anew; a process is told apart by
    /// its command line, where the system shows it.
    fn remove_stale(&self, lock: &Path) -> Result<()> {
        let Ok(text) = fs::read_to_string(lock) else { return Ok(()) };
        let process = text.lines().next().unwrap_or_default().trim().to_owned();
        let numeric = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
        if self.is_running() || !numeric || !Path::new("/proc/self/cmdline").exists() {
            return Ok(());
        }
        let command_line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let is_server = String::from_utf8_lossy(&command_line).contains("postgres");
        match is_server {
            true => Ok(()),
            false => fs::remove_file(lock).map_err(|cause| cannot("remove", lock, cause)),
        }
    }

    fn private_folder(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).map_err(|cause| cannot("create", folder, cause))?;
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder, private).map_err(|cause| cannot("close", folder, cause))?;
        self.identity.own(folder)
    }

    fn command(&self, program: &str) -> Command {
        self.identity.command(&self.installation.program(program))
    }
}

/// The major version a data folder was made by.
fn data_major(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Runs one of the server's programs to its end.
fn run(mut command: Command, doing: &str) -> Result<()> {
    let failed = || Error::environment(format!("the embedded server could not {doing}"));
    let output = command.output().map_err(|cause| failed().caused_by(cause))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(if said.is_empty() { failed() } else { failed().caused_by(said) })
}

fn log_end(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let lines: Vec<&str> = text.lines().rev().take(LOG_LINES_SHOWN).collect();
    (!lines.is_empty()).then(|| lines.into_iter().rev().collect::<Vec<_>>().join(" | "))
}

fn percent_encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    }
}

fn cannot(doing: &str, path: &Path, cause: std::io::Error) -> Error {
    Error::environment(format!("`{}`: could not {doing} it", path.display())).caused_by(cause)
}
