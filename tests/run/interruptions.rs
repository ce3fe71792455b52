//! Runs that meet another one, that are stopped, and that follow one that was cut off.

use std::{sync::Arc, time::Duration};

use longshore::{
    error::ErrorKind,
    run::{
        self, ImportRequest, LoadOptions, Stop,
        progress::{Progress, Stage},
    },
};

use super::workspace::{How, Workspace};

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/rows.csv"

[[target]]
table = "public.entry"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
"#;

async fn workspace() -> Workspace {
    let space = Workspace::with("create table entry (id int primary key)").await;
    space.write("rows.csv", "id\n1\n2\n");
    space
}

fn kind(stop: Stop) -> ErrorKind {
    match stop {
        Stop::Error(error) => error.kind(),
        Stop::Findings(findings) => panic!("{findings:#?}"),
    }
}

#[tokio::test]
async fn what_a_run_left_that_was_cut_off_is_cleared_away() {
    let space = workspace().await;
    space.run(PIPELINE).await;
    let left = "insert into longshore.run (run_id, pipeline, definition_sha256, status, version)
            values ('01CUT0FF', 'test', '', 'running', '0');
        create table longshore_staging.\"01cut0ff_0_copied\" (id int)";
    space.client.batch_execute(left).await.expect("leftovers");
    space.run_how(PIPELINE, How { force: true, ..How::default() }).await;
    let tables = "select count(*) from pg_tables where schemaname = 'longshore_staging'";
    assert_eq!(space.value(tables).await, "0");
    let status = "select status from longshore.run where run_id = '01CUT0FF'";
    assert_eq!(space.value(status).await, "failed");
}

fn request(space: &Workspace) -> ImportRequest {
    ImportRequest {
        pipeline: space.pipeline(PIPELINE),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions::default(),
    }
}

/// A statement that waits for somebody's lock is cancelled, not waited for.
#[tokio::test]
async fn a_run_that_is_stopped_while_it_publishes_ends_soon() {
    let space = workspace().await;
    let other = space.database.client().await;
    other.batch_execute("begin; lock table entry in share mode").await.expect("a lock");
    let progress = Arc::new(Progress::default());
    let (endpoint, request) = (space.database.endpoint(), request(&space));
    let running = run::import(&endpoint, &request, &progress);
    let stopping = async {
        while progress.stage() != Stage::Publishing {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        progress.cancel();
    };
    let limited =
        tokio::time::timeout(Duration::from_secs(8), async { tokio::join!(running, stopping).0 });
    let stop = limited.await.expect("within seconds").expect_err("it was stopped");
    assert_eq!(kind(stop), ErrorKind::Interrupted);
    other.batch_execute("rollback").await.expect("the lock is given back");
    assert_eq!(space.value("select count(*) from entry").await, "0");
    assert_eq!(space.value("select status from longshore.run").await, "failed");
    let tables = "select count(*) from pg_tables where schemaname = 'longshore_staging'";
    assert_eq!(space.value(tables).await, "0");
}
