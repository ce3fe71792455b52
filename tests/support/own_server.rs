//! A server of a test's own, for what the shared one cannot be: on a network, with TLS, read-only.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use longshore::postgres::{
    embedded::{Cluster, Durability},
    endpoint::Endpoint,
};
use tempfile::TempDir;
use tokio_postgres::SimpleQueryMessage;

use super::cluster;

/// Longest wait for the server to accept connections, or to see a change.
const WAIT: Duration = Duration::from_secs(30);

/// A running server that listens on 127.0.0.1; gone when this is dropped.
pub(crate) struct OwnServer {
    cluster: Cluster,
    /// The port it listens on.
    pub(crate) port: u16,
    process: Child,
    _watchdog: Child,
    folder: TempDir,
}

impl OwnServer {
    /// Starts one with lines for `postgresql.conf`, and lines that replace `pg_hba.conf`.
    pub(crate) fn start(settings: &str, access: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("longshore-").tempdir_in(cluster::place());
        let folder = folder.expect("a temporary folder");
        let watchdog = cluster::watch(folder.path());
        let cluster = cluster::open(folder.path(), Durability::None);
        cluster.initialise().expect("the cluster is set up");
        let port = free_port();
        let socket = cluster.run_folder();
        fs::create_dir(&socket).expect("a folder for the socket");
        cluster.identity().own(&socket).expect("it is the server's");
        let common = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nfsync = off\nmax_connections = 20\n\
             shared_buffers = 16MB\nunix_socket_directories = '{}'\n",
            socket.display()
        );
        let own = cluster.data().join("postgresql.auto.conf");
        fs::write(&own, format!("{common}{settings}\n")).expect("the settings are written");
        let access = format!("local all all trust\n{access}\n");
        fs::write(cluster.data().join("pg_hba.conf"), access).expect("the rules are written");
        Self::launch(cluster, port, watchdog, folder)
    }

    fn launch(cluster: Cluster, port: u16, watchdog: Child, folder: TempDir) -> Self {
        let program = cluster.installation().program("postgres");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = cluster.identity().command(&program);
        command.arg("-D").arg(cluster.data()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("the log")).stderr(log);
        let process = command.spawn().expect("the server starts");
        let server = Self { cluster, port, process, _watchdog: watchdog, folder };
        server.wait_for("it accepts connections", || server.query("select 1").is_ok());
        server
    }

    /// A standby of this server, by a copy of its data over the socket.
    pub(crate) fn standby(&self) -> Self {
        let folder = tempfile::Builder::new().prefix("longshore-").tempdir_in(cluster::place());
        let folder = folder.expect("a temporary folder");
        let watchdog = cluster::watch(folder.path());
        let cluster = cluster::open(folder.path(), Durability::None);
        let (data, socket) = (cluster.data(), cluster.run_folder());
        for own in [&data, &socket] {
            fs::create_dir(own).expect("a folder of the server");
            cluster.identity().own(own).expect("it is the server's");
        }
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&data, private).expect("its mode is set");
        let program = cluster.installation().program("pg_basebackup");
        let mut copy = cluster.identity().command(&program);
        copy.arg("-D").arg(&data).arg("-h").arg(self.cluster.run_folder());
        copy.args([
            "-p",
            &self.port.to_string(),
            "-U",
            "longshore",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ]);
        let copied = copy.output().expect("pg_basebackup runs");
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let port = free_port();
        let own = format!("port = {port}\nunix_socket_directories = '{}'\n", socket.display());
        let settings = cluster.data().join("postgresql.auto.conf");
        let mut file = fs::File::options().append(true).open(settings).expect("the settings");
        file.write_all(own.as_bytes()).expect("they are written");
        Self::launch(cluster, port, watchdog, folder)
    }

    /// Waits until `sql` gives this value.
    pub(crate) fn wait_for_value(&self, sql: &str, value: &str) {
        self.wait_for(sql, || self.query(sql).is_ok_and(|now| now == value));
    }

    /// A folder that the server reads files from.
    pub(crate) fn data(&self) -> PathBuf {
        self.cluster.data()
    }

    /// Writes a file that only the server's user may read.
    pub(crate) fn write_private(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, text).expect("the file is written");
        self.cluster.identity().own(&path).expect("it is the server's");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, private).expect("its mode is set");
    }

    /// Adds lines to the settings and makes the server read everything again.
    pub(crate) fn reload(&self, settings: &str) {
        let path = self.data().join("postgresql.auto.conf");
        let mut file = fs::File::options().append(true).open(path).expect("the settings");
        writeln!(file, "{settings}").expect("they are written");
        let before = self.value("select pg_conf_load_time()::text");
        self.value("select pg_reload_conf()::text");
        let now = || self.value("select pg_conf_load_time()::text");
        self.wait_for("it reads its settings", || now() != before);
    }

    /// What `sql` gives the superuser, as text.
    pub(crate) fn value(&self, sql: &str) -> String {
        self.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn query(&self, sql: &str) -> Result<String, String> {
        let folder = self.cluster.run_folder();
        let url =
            format!("host={} port={} user=longshore dbname=postgres", folder.display(), self.port);
        let sql = sql.to_owned();
        // A thread of its own: a test's runtime may be waiting for us.
        let asking = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(ask(&url, &sql))
        });
        asking.join().expect("it is asked")
    }

    fn wait_for(&self, what: &str, holds: impl Fn() -> bool) {
        let limit = Instant::now() + WAIT;
        while !holds() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < limit, "{what}: it does not; its log: {log}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let process = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::QUIT);
        let _ = self.process.wait();
    }
}

/// The last value that `sql` gives; nothing for a statement that gives none.
async fn ask(url: &str, sql: &str) -> Result<String, String> {
    let endpoint = Endpoint::parse(url).expect("the parameters are valid");
    // It may be a standby.
    let session = endpoint.connect_for_reading().await.map_err(|error| error.to_string())?;
    let messages = session.client.simple_query(sql).await.map_err(|error| format!("{error:?}"))?;
    let value = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    Ok(messages.iter().rev().find_map(value).unwrap_or_default())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
