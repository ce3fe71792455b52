//! One server for this test process, gone when the process is, however it ends.

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use longshore::postgres::embedded::{Cluster, Durability, StopMode};

use super::template;

/// Waits until its standard input closes, which happens when the test process
/// ends in whatever way; then ends the server and removes the folder.
const WATCHDOG: &str = r#"
    cat > /dev/null
    server=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null)
    if [ -n "$server" ]; then
        kill -QUIT "$server"
        waited=0
        while [ -e "$1/data/postmaster.pid" ] && [ $waited -lt 100 ]; do
            sleep 0.05
            waited=$((waited + 1))
        done
    fi
    rm -rf "$1"
"#;

/// Free bytes of a file system in memory that make it the place for test data.
const MEMORY_BYTES_MIN: u64 = 8 * 1024 * 1024 * 1024;

/// A running server, and the watchdog that outlives it.
struct Running {
    cluster: Cluster,
    _watchdog: Child,
}

/// A server that one test has to itself, to stop and to start; its folder goes with it.
pub(crate) struct OwnCluster {
    running: Running,
    folder: PathBuf,
}

impl OwnCluster {
    /// A server in a new folder below `place`. What is committed outlives a stop, as it must.
    pub(crate) fn start(place: &Path) -> Self {
        let (running, folder) = start(place, Durability::Full);
        Self { running, folder }
    }

    /// A server where test data usually are.
    pub(crate) fn start_anywhere() -> Self {
        Self::start(&place())
    }

    /// The server itself.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.running.cluster
    }

    /// The URL of a new database of this name whose tables are below `folder`.
    pub(crate) async fn database_on(&self, name: &str, folder: &Path) -> String {
        let place = folder.join("tables");
        fs::create_dir(&place).expect("a folder");
        self.running.cluster.identity().own(&place).expect("it is the server's");
        let url = self.running.cluster.url("postgres");
        let create = format!("create tablespace {name} location '{}'", place.display());
        super::maintain(&url, &create).await;
        super::maintain(&url, &format!("create database {name} tablespace {name}")).await;
        self.running.cluster.url(name)
    }

    /// The URL of a new database of this name.
    pub(crate) async fn database(&self, name: &str) -> String {
        let create = format!("create database {name}");
        super::maintain(&self.running.cluster.url("postgres"), &create).await;
        self.running.cluster.url(name)
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        // The watchdog removes what this cannot.
        let _ = self.running.cluster.stop(StopMode::Immediate);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The socket a server listens on.
pub(crate) fn socket(cluster: &Cluster) -> PathBuf {
    cluster.run_folder().join(".s.PGSQL.5432")
}

/// The cluster of this process, started when the first test asks for it.
pub(super) fn shared() -> &'static Cluster {
    static RUNNING: OnceLock<Running> = OnceLock::new();
    &RUNNING.get_or_init(|| start(&place(), Durability::None).0).cluster
}

fn start(place: &Path, durability: Durability) -> (Running, PathBuf) {
    let template = template::prepared();
    let folder = tempfile::Builder::new().prefix("longshore-").tempdir_in(place);
    let folder = folder.expect("a temporary folder").keep();
    let watchdog = watch(&folder);
    let cluster = open(&folder, durability);
    template::copy_folder(&template, &cluster.data(), cluster.identity());
    cluster.start().expect("the test cluster starts");
    (Running { cluster, _watchdog: watchdog }, folder)
}

/// Memory where there is plenty: a database is made there in a tenth of the time.
///
/// Both paths are short, as a socket's must be.
pub(super) fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let plenty = rustix::fs::statvfs(&memory)
        .is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) > MEMORY_BYTES_MIN);
    if plenty { memory } else { env::temp_dir() }
}

/// A cluster in a folder that the server's user may pass through.
pub(super) fn open(folder: &Path, durability: Durability) -> Cluster {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("its mode is set");
    Cluster::new(folder, durability).expect("a PostgreSQL server is installed")
}

pub(super) fn watch(folder: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "watchdog"]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own: Ctrl-C in the terminal must not reach it.
    command.process_group(0).spawn().expect("the watchdog starts")
}
