//! PgBouncer in transaction mode in front of a server: the real one.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use longshore::postgres::embedded::Cluster;
use tempfile::TempDir;

use super::cluster;

/// Where packages put it.
const PLACES: [&str; 4] = [
    "/usr/sbin/pgbouncer",
    "/usr/bin/pgbouncer",
    "/opt/homebrew/bin/pgbouncer",
    "/usr/local/bin/pgbouncer",
];

/// Its own shell ends it when this process is gone, however that ends.
const GUARDED: &str = r#""$1" "$2" & pid=$!; cat > /dev/null; kill "$pid""#;

/// The version that began to follow prepared statements.
const FOLLOWS_STATEMENTS: (u32, u32) = (1, 21);

/// A pooler; gone when this is dropped.
pub(crate) struct Pooler {
    port: u16,
    guard: Child,
    folder: TempDir,
}

impl Pooler {
    /// A pooler with so few server connections that clients have to share them.
    ///
    /// `None` where PgBouncer is not installed, which is an error only where CI is set.
    pub(crate) fn before(server: &Cluster) -> Option<Self> {
        let Some(program) = PLACES.iter().map(Path::new).find(|path| path.exists()) else {
            assert!(env::var_os("CI").is_none(), "PgBouncer is not installed: `make test` does it");
            #[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
            {
                eprintln!("skipped: PgBouncer is not installed (`make test` installs it)");
            }
            return None;
        };
        let folder = tempfile::Builder::new().prefix("longshore-pooler-").tempdir();
        let folder = folder.expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("its mode");
        let port = free_port();
        let users = write(folder.path(), "users.txt", "\"longshore\" \"\"\n");
        let settings = settings(program, port, &users, server);
        let settings = write(folder.path(), "pgbouncer.ini", &settings);
        // As root it refuses to run, as the server does.
        let mut command = server.identity().command(Path::new("/bin/sh"));
        command.args(["-c", GUARDED, "guard"]).arg(program).arg(settings);
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let guard = command.spawn().expect("PgBouncer starts");
        let pooler = Self { port, guard, folder };
        pooler.wait();
        Some(pooler)
    }

    /// In front of the tests' shared server.
    pub(crate) fn before_shared() -> Option<Self> {
        Self::before(cluster::shared())
    }

    /// A database's URL through the pooler.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://longshore@127.0.0.1:{}/{database}", self.port)
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "PgBouncer does not listen; its log: {log}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn settings(program: &Path, port: u16, users: &Path, server: &Cluster) -> String {
    // Older ones do not know the word, and never follow statements.
    let statements = match version(program) >= FOLLOWS_STATEMENTS {
        true => "max_prepared_statements = 0\n",
        false => "",
    };
    format!(
        "[databases]\n* = host={} port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
         default_pool_size = 8\nmax_client_conn = 100\nserver_round_robin = 1\n{statements}",
        server.run_folder().display(),
        users.display(),
    )
}

fn version(program: &Path) -> (u32, u32) {
    let said = Command::new(program).arg("--version").output().expect("it says its version");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = regex::Regex::new(r"PgBouncer (\d+)\.(\d+)").expect("a pattern");
    let found = number.captures(&said).unwrap_or_else(|| panic!("no version in {said}"));
    (found[1].parse().expect("a number"), found[2].parse().expect("a number"))
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its mode");
    path
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
