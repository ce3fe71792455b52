//! What tests share: a database of one's own on a throw-away cluster.
//!
//! ```ignore
//! let database = TestDatabase::create().await;
//! let client = database.client().await;
//! ```

pub(crate) mod cluster;
mod lacking;
mod own_server;
pub(crate) mod pooler;
pub(crate) mod proxy;
pub(crate) mod small_disk;
mod template;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use longshore::postgres::{endpoint::Endpoint, session::Session, sql::quote_identifier};
use tokio_postgres::Client;

pub(crate) use lacking::{Part, is_at_least, is_left_out, lacks};
pub(crate) use own_server::OwnServer;

/// Lets a file look as if it had been delivered long ago.
pub(crate) fn age(file: &Path) {
    let opened = File::options().write(true).open(file).expect("a file");
    opened.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).expect("its time is set");
}

/// An empty database with PostGIS, citext, unaccent and pg_trgm; dropped at the end.
pub(crate) struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// A new database of this name's own.
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let cluster = cluster::shared();
        let create = format!(
            "create database {} template {}",
            quote_identifier(&name),
            quote_identifier(template::DATABASE)
        );
        maintain(&cluster.url("postgres"), &create).await;
        Self { url: cluster.url(&name), name }
    }

    /// Where it is; no password is needed.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The socket of its server.
    pub(crate) fn socket() -> PathBuf {
        cluster::socket(cluster::shared())
    }

    /// The same as an endpoint.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&self.url).expect("the test database's URL is valid")
    }

    /// The same for another role of the cluster.
    pub(crate) fn endpoint_as(&self, role: &str) -> Endpoint {
        let (_, rest) = self.url.split_once('@').expect("the URL names a role");
        Endpoint::parse(&format!("postgres://{role}@{rest}")).expect("the URL is valid")
    }

    /// What the server logged so far, for all databases.
    pub(crate) fn server_log(&self) -> String {
        let path = cluster::shared().run_folder().join("server.log");
        String::from_utf8_lossy(&std::fs::read(path).expect("the server's log")).into_owned()
    }

    /// A new session, driven by the current runtime.
    pub(crate) async fn session(&self) -> Session {
        self.endpoint().connect().await.expect("the test database accepts connections")
    }

    /// A new connection, driven by the current runtime.
    pub(crate) async fn client(&self) -> Client {
        let Session { client, .. } = self.session().await;
        client
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let url = cluster::shared().url("postgres");
        let sql = format!("drop database if exists {} with (force)", quote_identifier(&self.name));
        // A thread of its own: the test's runtime may be the one that drops us.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(maintain(&url, &sql));
        });
        if dropping.join().is_err() && !thread::panicking() {
            panic!("the test database {} could not be dropped", self.name);
        }
    }
}

async fn maintain(url: &str, sql: &str) {
    let endpoint = Endpoint::parse(url).expect("the cluster's URL is valid");
    let session = endpoint.connect().await.expect("the test cluster accepts connections");
    session.client.batch_execute(sql).await.expect("the statement runs");
}
