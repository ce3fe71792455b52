//! The embedded server's life: first start, crash, stop, two at once.

use std::{fs, thread};

use longshore::postgres::embedded::EmbeddedServer;
use tempfile::TempDir;

/// A server in a folder of its own, stopped at the end whatever happens.
struct Server {
    server: EmbeddedServer,
    home: TempDir,
}

impl Server {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("longshore-").tempdir().expect("a folder");
        let server = EmbeddedServer::at(home.path()).expect("a home");
        Self { server, home }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = self.server.stop();
        assert!(stopped.is_ok() || thread::panicking(), "{stopped:?}");
    }
}

async fn count(server: &EmbeddedServer) -> i64 {
    let endpoint = server.ensure_started().await.expect("it starts");
    let session = endpoint.connect().await.expect("it accepts connections");
    // A table without a schema goes beside the ledger's schema, never into it.
    let make = "create schema if not exists longshore; \
        create table if not exists kept (n int); insert into kept values (1)";
    session.client.batch_execute(make).await.expect("it writes");
    let row = session.client.query_typed_one("select count(*) from public.kept", &[]).await;
    row.expect("it counts").get(0)
}

#[tokio::test]
async fn it_keeps_data_over_stops_and_survives_what_a_crash_leaves() {
    let Server { server, home } = &Server::new();
    assert!(!server.stop().expect("there is nothing to stop"));
    assert_eq!(count(server).await, 1);
    let status = server.status().expect("its status");
    assert!(status.running && status.initialised);
    assert!(server.stop().expect("it stops"));
    // A lock file that names a living process which is no server: our own.
    let lock = home.path().join("data/postmaster.pid");
    fs::write(&lock, format!("{}\n", std::process::id())).expect("the file is written");
    assert_eq!(count(server).await, 2);
    assert_eq!(count(server).await, 3, "starting a running server changes nothing");
}

#[tokio::test]
async fn two_starts_do_not_disturb_each_other() {
    let Server { server, .. } = &Server::new();
    let start = |server: EmbeddedServer| {
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let started = runtime.expect("a runtime").block_on(server.ensure_started());
            started.map(|endpoint| endpoint.display())
        })
    };
    let both = [start(server.clone()), start(server.clone())];
    let shown = both.map(|one| one.join().expect("it ends").expect("it starts"));
    assert_eq!(shown[0], shown[1]);
}

#[test]
fn a_path_too_long_for_a_socket_is_refused_with_advice() {
    let home = std::path::PathBuf::from(format!("/tmp/{}", "long".repeat(30)));
    let error = EmbeddedServer::at(&home).and_then(|server| server.status());
    let error = error.expect_err("it is too long");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("LONGSHORE_HOME")));
}
