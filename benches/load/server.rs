//! The server of a benchmark: its own, durable, gone at the end.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use longshore::postgres::embedded::{Cluster, Durability, StopMode};

use super::{Failed, child};

const DATABASE: &str = "bench";

/// Between two looks whether the backends have ended, and how many looks are enough.
const BACKEND_PAUSE: Duration = Duration::from_millis(5);
const BACKEND_LOOKS: u32 = 1000;

/// A running server with one empty database.
pub(super) struct Server {
    cluster: Cluster,
    folder: PathBuf,
}

impl Server {
    /// Sets a cluster up in `folder` and starts it, with what is forced to the disk forced to it.
    pub(super) fn start(folder: &Path) -> Result<Self, Failed> {
        fs::create_dir_all(folder)?;
        // As root, the server's own user has to come to its folders below.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
        let cluster = Cluster::new(folder, Durability::Full)?;
        cluster.stop(StopMode::Fast)?;
        if !cluster.is_initialised() {
            cluster.initialise()?;
        }
        cluster.start()?;
        let server = Self { cluster, folder: folder.to_owned() };
        server.sql("postgres", &format!("drop database if exists {DATABASE}"))?;
        server.sql("postgres", &format!("create database {DATABASE}"))?;
        Ok(server)
    }

    /// Where to connect.
    pub(super) fn url(&self) -> String {
        self.cluster.url(DATABASE)
    }

    /// psql on the database, without anybody's settings.
    pub(super) fn psql(&self) -> Command {
        self.psql_on(DATABASE)
    }

    fn psql_on(&self, database: &str) -> Command {
        let mut psql = Command::new(self.cluster.installation().program("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        psql.args(["--set", "ON_ERROR_STOP=1", "--dbname"]).arg(self.cluster.url(database));
        psql
    }

    /// Runs SQL and gives its answer as text.
    pub(super) fn ask(&self, sql: &str) -> Result<String, Failed> {
        self.sql(DATABASE, sql)
    }

    fn sql(&self, database: &str, sql: &str) -> Result<String, Failed> {
        let mut psql = self.psql_on(database);
        psql.args(["--command", sql]);
        Ok(child::run(psql)?.1.trim().to_owned())
    }

    /// Processor time of all backends so far, once the last of them has ended: a client does
    /// not wait for that.
    pub(super) fn backend_seconds(&self) -> Result<f64, Failed> {
        let lock = fs::read_to_string(self.cluster.data().join("postmaster.pid"))?;
        let process = lock.lines().next().ok_or("the server is gone")?.trim().parse()?;
        for _ in 0..BACKEND_LOOKS {
            if !child::has_child_named(process, &format!(" {DATABASE} ")) {
                break;
            }
            thread::sleep(BACKEND_PAUSE);
        }
        Ok(child::children_seconds(process))
    }

    /// Stops it and removes its folder.
    pub(super) fn remove(self) -> Result<(), Failed> {
        self.cluster.stop(StopMode::Fast)?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After an error; what remains of it serves to look at the log.
        let _ = self.cluster.stop(StopMode::Fast);
    }
}
