//! The embedded server: an installed PostgreSQL on a folder of our own.
//!
//! For demonstrations, development and single-machine use, without anybody
//! setting up a database first. It uses the programs a package installed and
//! brings none itself, so that PostGIS and security updates come with the system.

mod cluster;
mod identity;
mod installation;
mod settings;

use std::{
    env,
    fs::{self, DirBuilder, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use tokio_postgres::types::Type;

use super::{
    endpoint::Endpoint,
    session::{Session, database_error},
    sql::quote_identifier,
};
use crate::error::{Error, Result};

pub use cluster::{Cluster, Durability, ROLE, StopMode};
pub use identity::Identity;
pub use installation::{Installation, install_command};

/// The database that the embedded server offers.
const DATABASE: &str = "longshore";

/// Extensions created where they are available.
const EXTENSIONS: [&str; 4] = ["postgis", "citext", "unaccent", "pg_trgm"];

/// What is in the home.
const OURS: [&str; 4] = ["data", "data.new", "run", "lock"];

/// Seconds to wait for another start or stop of the same server.
const LOCK_SECONDS: u64 = 120;

/// Between two looks at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The server in `$LONGSHORE_HOME`, or in this user's usual place for data.
#[derive(Debug, Clone)]
pub struct EmbeddedServer {
    home: PathBuf,
}

/// What is known of the embedded server without starting it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedStatus {
    /// The folder of its data.
    pub home: PathBuf,
    /// Whether it was ever started.
    pub initialised: bool,
    /// Whether it accepts connections.
    pub running: bool,
    /// The major version of PostgreSQL.
    pub major: u32,
    /// Where to connect.
    pub url: String,
}

impl EmbeddedServer {
    /// The server of this user.
    ///
    /// # Errors
    /// `ErrorKind::Environment` where no folder for its data is known.
    pub fn of_user() -> Result<Self> {
        let folder =
            |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let usual = || {
            if rustix::process::geteuid().is_root() {
                return Some(PathBuf::from("/var/lib/longshore"));
            }
            let data =
                folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
            data.map(|data| data.join("longshore"))
        };
        let home = folder("LONGSHORE_HOME").or_else(usual).ok_or_else(|| {
            Error::environment("there is no folder for the embedded server's data")
                .hint("set LONGSHORE_HOME, or name another database with --database")
        })?;
        Self::at(&home)
    }

    /// The server whose data are under `home`.
    ///
    /// # Errors
    /// `ErrorKind::Environment` where the current folder is not known.
    pub fn at(home: &Path) -> Result<Self> {
        let absolute = std::path::absolute(home);
        let home = absolute.map_err(|cause| cannot_use(home).caused_by(cause))?;
        Ok(Self { home })
    }

    /// Where to connect once it runs.
    ///
    /// # Errors
    /// `ErrorKind::Environment` as [`Cluster::new`].
    pub fn url(&self) -> Result<String> {
        Ok(self.cluster()?.url(DATABASE))
    }

    /// The path of one of PostgreSQL's programs, such as `psql`.
    ///
    /// # Errors
    /// As [`EmbeddedServer::url`].
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        Ok(self.cluster()?.installation().program(name))
    }

    /// What is known of it.
    ///
    /// # Errors
    /// As [`EmbeddedServer::url`].
    pub fn status(&self) -> Result<EmbeddedStatus> {
        let cluster = self.cluster()?;
        Ok(EmbeddedStatus {
            home: self.home.clone(),
            initialised: cluster.is_initialised(),
            running: cluster.is_running(),
            major: cluster.installation().major,
            url: cluster.url(DATABASE),
        })
    }

    /// Starts it unless it runs, with its database and extensions in place.
    ///
    /// The first start sets the cluster up and takes a second or two; this
    /// call blocks its thread meanwhile.
    ///
    /// # Errors
    /// `ErrorKind::Environment` where no server is installed or it does not start.
    pub async fn ensure_started(&self) -> Result<Endpoint> {
        self.create_home()?;
        let _lock = self.lock()?;
        let cluster = self.cluster()?;
        if !cluster.is_initialised() {
            cluster.initialise()?;
        }
        if !cluster.is_running() {
            cluster.start()?;
        }
        let endpoint = Endpoint::parse(&cluster.url(DATABASE))?;
        ensure_database(&endpoint.with_database("postgres")).await?;
        ensure_extensions(&endpoint.connect().await?).await?;
        Ok(endpoint)
    }

    /// Stops it; `false` if it was not running.
    ///
    /// # Errors
    /// `ErrorKind::Environment` if it does not stop.
    pub fn stop(&self) -> Result<bool> {
        if !self.home.exists() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        self.cluster()?.stop(StopMode::Fast)
    }

    fn cluster(&self) -> Result<Cluster> {
        Cluster::new(&self.home, Durability::Full)
    }

    /// The home stays ours: what the server's user can write is in folders of its own below.
    fn create_home(&self) -> Result<()> {
        let wrong = |cause| cannot_use(&self.home).caused_by(cause);
        if let Some(parent) = self.home.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        if !self.home.is_dir() {
            DirBuilder::new().mode(0o700).create(&self.home).map_err(wrong)?;
        }
        // As root the server's user must pass through; it finds only its own folders.
        if rustix::process::geteuid().is_root() && self.home_is_only_ours().map_err(wrong)? {
            fs::set_permissions(&self.home, fs::Permissions::from_mode(0o711)).map_err(wrong)?;
        }
        Ok(())
    }

    /// Whether the folder holds nothing else: another's permissions are not changed.
    fn home_is_only_ours(&self) -> std::io::Result<bool> {
        for entry in fs::read_dir(&self.home)? {
            if !OURS.iter().any(|name| entry.as_ref().is_ok_and(|entry| entry.file_name() == *name))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Held while the server is started or stopped; the system releases it if we die.
    fn lock(&self) -> Result<File> {
        let path = self.home.join("lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|cause| cannot_use(&path).caused_by(cause))?;
        let limit = Instant::now() + Duration::from_secs(LOCK_SECONDS);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) if Instant::now() < limit => {
                    thread::sleep(LOCK_PAUSE);
                }
                Err(fs::TryLockError::WouldBlock) => {
                    let what = "another longshore is starting or stopping the embedded server";
                    return Err(Error::environment(what).hint("run again in a moment"));
                }
                Err(fs::TryLockError::Error(cause)) => {
                    return Err(cannot_use(&path).caused_by(cause));
                }
            }
        }
    }
}

async fn ensure_database(maintenance: &Endpoint) -> Result<()> {
    let doing = "create the embedded database";
    let session = maintenance.connect().await?;
    let query = "select 1 from pg_catalog.pg_database where datname = $1";
    let found = session.client.query_typed(query, &[(&DATABASE, Type::TEXT)]).await;
    if !found.map_err(|error| database_error(&error, doing))?.is_empty() {
        return Ok(());
    }
    let name = quote_identifier(DATABASE);
    let create = format!("create database {name}");
    session.client.batch_execute(&create).await.map_err(|error| database_error(&error, doing))?;
    // The role is called like the ledger's schema, so `"$user", public` would put into it
    // whatever is created without a schema.
    let set = format!("alter database {name} set search_path = public");
    session.client.batch_execute(&set).await.map_err(|error| database_error(&error, doing))
}

/// Creates those extensions that the system has; what is missing, `doctor` tells.
async fn ensure_extensions(session: &Session) -> Result<()> {
    let doing = "create its extensions";
    let query = "select e.name::text from pg_catalog.pg_available_extensions e \
        where e.installed_version is null and e.name = any ($1)";
    let wanted: Vec<&str> = EXTENSIONS.to_vec();
    let rows = session.client.query_typed(query, &[(&wanted, Type::TEXT_ARRAY)]).await;
    for row in rows.map_err(|error| database_error(&error, doing))? {
        let name: &str = row.try_get(0).map_err(|error| database_error(&error, doing))?;
        let create = format!("create extension if not exists {}", quote_identifier(name));
        let created = session.client.batch_execute(&create).await;
        created.map_err(|error| database_error(&error, doing))?;
    }
    Ok(())
}

fn cannot_use(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be used for the embedded server", path.display()))
        .hint("set LONGSHORE_HOME to a folder that this user can write to")
}
