//! Connections that are lost under way: tried again, told once, and nothing is lost or doubled.

use std::{sync::Arc, time::Duration};

use longshore::{
    report::RunSummary,
    run::{self, ImportRequest, LoadOptions, progress::Progress},
};
use tokio_postgres::Client;

use super::workspace::{Workspace, first};

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/rows.csv"

[[target]]
table = "public.entry"
mode = "append"
[target.columns]
id = { from = "id" }
text = { from = "text" }
"#;

const ROWS: u64 = 20_000;

const LOST: &str = "the connection to the database was lost: connecting again";

async fn workspace() -> Workspace {
    let space = Workspace::with("create table entry (id int, text text)").await;
    let rows = (1..=ROWS).map(|id| format!("{id},the text of {id}\n"));
    space.write("rows.csv", format!("id,text\n{}", rows.collect::<String>()));
    space
}

async fn run_beside<T>(
    space: &Workspace,
    meanwhile: impl Future<Output = T>,
) -> (RunSummary, T, Arc<Progress>) {
    let request = ImportRequest {
        pipeline: space.pipeline(PIPELINE),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions { threads: 2, connections: 2, split_bytes: 4 << 10 },
    };
    let progress = Arc::new(Progress::default());
    let endpoint = space.database.endpoint();
    let (ended, met) = tokio::join!(run::import(&endpoint, &request, &progress), meanwhile);
    (ended.unwrap_or_else(|stop| panic!("{stop:?}")), met, progress)
}

/// Ends sessions of the run once one of them does what `which` says.
async fn terminate(client: &Client, which: &str) {
    let terminate = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and {which}"
    );
    for _ in 0..2000 {
        if !client.query(&terminate, &[]).await.expect("a query").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no session does that: {which}");
}

async fn assert_complete(space: &Workspace, summary: &RunSummary) {
    assert_eq!(first(summary), [ROWS, 0, 0, 0, ROWS, 0, 0]);
    let once = "select count(*) || ' ' || count(distinct id) from entry";
    assert_eq!(space.value(once).await, format!("{ROWS} {ROWS}"));
    let tables = "select count(*) from pg_tables where schemaname = 'longshore_staging'";
    assert_eq!(space.value(tables).await, "0");
    assert_eq!(space.value("select count(*) from longshore.lease").await, "0");
}

#[tokio::test]
async fn a_copy_that_loses_its_connection_goes_on_where_it_was() {
    let space = workspace().await;
    let killer = space.database.client().await;
    let killing = terminate(&killer, "state = 'active' and query like 'copy %'");
    let (summary, (), progress) = run_beside(&space, killing).await;
    assert_complete(&space, &summary).await;
    assert_eq!(progress.notices(0), [LOST], "told once");
}

#[tokio::test]
async fn a_publish_that_loses_its_connection_is_done_again() {
    let space = workspace().await;
    // The sleep is longer than it takes to find and end the session.
    let slow = "create function slowly() returns trigger language plpgsql as
          $$ begin perform pg_sleep(0.5); return null; end $$;
        create trigger slow after insert on entry execute function slowly()";
    space.client.batch_execute(slow).await.expect("a trigger");
    let killer = space.database.client().await;
    let killing = terminate(&killer, "wait_event = 'PgSleep'");
    let (summary, (), progress) = run_beside(&space, killing).await;
    assert_complete(&space, &summary).await;
    assert_eq!(progress.notices(0), [LOST]);
    assert_eq!(space.value("select count(*) from longshore.run").await, "1");
}

#[tokio::test]
async fn a_lost_lock_and_a_lost_heart_do_not_stop_a_run() {
    let space = workspace().await;
    let killer = space.database.client().await;
    let killing = terminate(
        &killer,
        // Who is just taking the lease has asked so too: staging is there once it is taken.
        "state = 'idle in transaction' and query like '%pg_try_advisory_xact_lock%'
           and exists (select from pg_tables where schemaname = 'longshore_staging')",
    );
    let (summary, (), _) = run_beside(&space, killing).await;
    assert_complete(&space, &summary).await;
}

#[tokio::test]
async fn a_lock_on_the_target_is_waited_for() {
    let space = workspace().await;
    let other = space.database.client().await;
    other.batch_execute("begin; lock table entry in share mode").await.expect("a lock");
    let holding = async {
        // Longer than one wait for a lock.
        tokio::time::sleep(Duration::from_secs(12)).await;
        other.batch_execute("rollback").await
    };
    let (summary, held, progress) = run_beside(&space, holding).await;
    held.expect("the lock is given back");
    assert_complete(&space, &summary).await;
    let told = "somebody else holds a lock on what is needed: trying again";
    assert_eq!(progress.notices(0), [told]);
}
