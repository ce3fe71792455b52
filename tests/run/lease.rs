//! One run at a time per target: who holds it, who may take over, and who may not publish any more.

use std::time::{Duration, Instant};

use longshore::{
    error::ErrorKind,
    load::LoadTarget,
    postgres::{lease::Lease, ledger},
    report::RunStatus,
    run::{self, Stop},
    run_id::RunId,
};

use super::workspace::{How, Workspace, first};

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
    ledger::ensure(&space.client).await.expect("a ledger");
    space
}

async fn loads(space: &Workspace) -> Vec<LoadTarget> {
    let pipeline = space.pipeline(PIPELINE);
    let session = space.database.session().await;
    let (tables, names) =
        run::prepare::read_tables(&session, &pipeline.definition).await.expect("the catalog");
    let found = run::prepare::find_files(&pipeline.definition).await.expect("the file");
    run::prepare::bind_files(&pipeline, &found, &tables, &names)
        .unwrap_or_else(|stop| panic!("{stop:?}"))
        .loads()
}

async fn take(space: &Workspace, run: &RunId) -> Lease {
    let loads = loads(space).await;
    Lease::take(&space.database.endpoint(), run, "nightly", &loads).await.expect("free")
}

#[tokio::test]
async fn a_second_run_leaves_within_a_second_and_names_the_first() {
    let space = workspace().await;
    let run = RunId::generate();
    let _lease = take(&space, &run).await;
    let started = Instant::now();
    let stop = space.try_run(PIPELINE, How::default()).await.expect_err("it is taken");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let Stop::Error(error) = stop else { panic!("{stop:?}") };
    assert_eq!(error.kind(), ErrorKind::Busy);
    let holder = format!("public.entry is being loaded by run {run} of pipeline nightly since ");
    assert!(error.to_string().starts_with(&holder), "{error}");
    let process = format!("process {})", std::process::id());
    assert!(error.to_string().ends_with(&process), "{error}");
    assert_eq!(space.value("select count(*) from longshore.run").await, "0");
}

#[tokio::test]
async fn who_is_gone_keeps_nobody_waiting() {
    let space = workspace().await;
    drop(take(&space, &RunId::generate()).await);
    // The server notices the end of a session a little later.
    for _ in 0..50 {
        if let Ok(summary) = space.try_run(PIPELINE, How::default()).await {
            assert_eq!(first(&summary), [2, 0, 0, 0, 2, 0, 0]);
            assert_eq!(space.value("select count(*) from longshore.lease").await, "0");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the lease outlives its session");
}

#[tokio::test]
async fn who_was_not_heard_of_for_a_minute_is_taken_over_and_cannot_publish() {
    let space = workspace().await;
    let (old, new) = (RunId::generate(), RunId::generate());
    let lost = take(&space, &old).await;
    let silence = "update longshore.lease set heartbeat_at = now() - interval '61 seconds'";
    space.client.batch_execute(silence).await.expect("time passes");
    let lease = take(&space, &new).await;
    lease.fence().check(&space.client).await.expect("the new one may publish");
    let error = lost.fence().check(&space.client).await.expect_err("the old one may not");
    assert_eq!(error.kind(), ErrorKind::Busy);
    let noticed = tokio::time::timeout(Duration::from_secs(12), lost.lost()).await;
    assert_eq!(noticed.expect("at its next beat").kind(), ErrorKind::Busy);
    lost.fence().release(&space.client).await.expect("nothing of its own is left");
    assert_eq!(space.value("select run_id from longshore.lease").await, new.to_string());
}

#[tokio::test]
async fn a_run_that_publishes_cannot_be_taken_over() {
    let space = workspace().await;
    let lease = take(&space, &RunId::generate()).await;
    let publisher = space.database.client().await;
    publisher.batch_execute("begin isolation level repeatable read").await.expect("begin");
    lease.fence().check(&publisher).await.expect("it is ours");
    tokio::time::sleep(Duration::from_secs(6)).await;
    let beat = "select heartbeat_at > acquired_at + interval '4 seconds' from longshore.lease";
    assert_eq!(space.value(beat).await, "true", "the heart goes on");
    drop(lease);
    let loads = loads(&space).await;
    let (endpoint, run) = (space.database.endpoint(), RunId::generate());
    let taking = Lease::take(&endpoint, &run, "nightly", &loads);
    let error = taking.await.expect_err("the server is still publishing");
    assert_eq!(error.kind(), ErrorKind::Busy);
    publisher.batch_execute("commit").await.expect("commit");
    Lease::take(&endpoint, &run, "nightly", &loads).await.expect("now it is free");
}

/// As the program says it, which is asked while the run is there and when it is not any more.
#[tokio::test]
async fn history_names_who_is_at_work_and_says_who_was_cut_off() {
    let space = workspace().await;
    let run = RunId::generate();
    let started = "insert into longshore.run (run_id, pipeline, definition_sha256, status, version)
        values ($1, 'nightly', '', 'running', '0')";
    space.client.execute(started, &[&run.as_str()]).await.expect("a run");
    let lease = take(&space, &run).await;
    let seen =
        async || ledger::history(&space.client, Some(&run), 1).await.expect("read").remove(0);
    let past = seen().await;
    assert_eq!(past.status, "running");
    let holder = past.held_by.expect("somebody is at work");
    let process = format!("process {}, heard of ", std::process::id());
    assert!(holder.contains(&process), "{holder}");
    drop(lease);
    // The server notices the end of a session a little later.
    for _ in 0..100 {
        let past = seen().await;
        if past.status == "cut off" {
            assert_eq!(past.held_by, None);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is at work, and history does not say so");
}

/// Large files take long to hash: who has the table is asked before.
#[tokio::test]
async fn a_second_run_does_not_read_its_files_first() {
    let space = workspace().await;
    let _lease = take(&space, &RunId::generate()).await;
    std::fs::remove_file(space.folder.path().join("rows.csv")).expect("the file is away");
    let stop = space.try_run(PIPELINE, How::default()).await.expect_err("it is taken");
    let Stop::Error(error) = stop else { panic!("{stop:?}") };
    assert_eq!(error.kind(), ErrorKind::Busy);
}

/// What a delivery that is loaded already has nobody take again, its own killed runs left.
#[tokio::test]
async fn who_has_nothing_to_do_clears_what_was_cut_off() {
    let space = workspace().await;
    space.run(PIPELINE).await;
    let run = RunId::generate();
    let loads = loads(&space).await;
    let lease = Lease::take(&space.database.endpoint(), &run, "test", &loads).await.expect("free");
    let left = format!(
        "insert into longshore.run (run_id, pipeline, definition_sha256, status, version)
           values ('{run}', 'test', '', 'running', '0');
         create unlogged table longshore_staging.\"{}_0_copied\" (k int)",
        run.to_string().to_lowercase()
    );
    space.client.batch_execute(&left).await.expect("what a run has");
    drop(lease);
    // The server notices the end of a session a little later.
    for _ in 0..50 {
        if let Ok(summary) = space.try_run(PIPELINE, How::default()).await {
            assert_eq!(summary.status, RunStatus::Unchanged);
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let left = "select (select count(*) from longshore.lease)
        + (select count(*) from pg_tables where schemaname = 'longshore_staging')
        + (select count(*) from longshore.run where status = 'running')";
    assert_eq!(space.value(left).await, "0");
}

#[tokio::test]
async fn a_partitioned_table_and_its_partitions_exclude_each_other() {
    let space = workspace().await;
    let partitioned = "drop table entry;
        create table entry (id int primary key) partition by range (id);
        create table low partition of entry for values from (0) to (10) partition by range (id);
        create table lowest partition of low for values from (0) to (5);
        create table high partition of entry for values from (10) to (20)";
    space.client.batch_execute(partitioned).await.expect("partitions");
    let into = |table: &str| PIPELINE.replace("public.entry", &format!("public.{table}"));
    let loads = |table: &'static str| {
        let space = &space;
        async move {
            let pipeline =
                space.pipeline(&PIPELINE.replace("public.entry", &format!("public.{table}")));
            let session = space.database.session().await;
            let (tables, names) = run::prepare::read_tables(&session, &pipeline.definition)
                .await
                .expect("the catalog");
            let found = run::prepare::find_files(&pipeline.definition).await.expect("the file");
            run::prepare::bind_files(&pipeline, &found, &tables, &names)
                .unwrap_or_else(|stop| panic!("{stop:?}"))
                .loads()
        }
    };
    for (held, wanted) in [("entry", "lowest"), ("lowest", "entry"), ("low", "lowest")] {
        let run = RunId::generate();
        let (endpoint, targets) = (space.database.endpoint(), loads(held).await);
        let lease = Lease::take(&endpoint, &run, "nightly", &targets).await.expect("free");
        let stop = space.try_run(&into(wanted), How::default()).await.expect_err("it is taken");
        let Stop::Error(error) = stop else { panic!("{stop:?}") };
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(
            error.to_string().starts_with(&format!("public.{held} is being loaded by run {run}"))
        );
        // Who was not heard of loses the partition with the table.
        let silence = "update longshore.lease set heartbeat_at = now() - interval '61 seconds'";
        space.client.batch_execute(silence).await.expect("time passes");
        let (new, targets) = (RunId::generate(), loads(wanted).await);
        let taken = Lease::take(&endpoint, &new, "nightly", &targets).await.expect("silent");
        lease.fence().check(&space.client).await.expect_err("it lost its table");
        taken.fence().release(&space.client).await.expect("released");
    }
    // Partitions side by side have no row in common.
    let (endpoint, low, high) =
        (space.database.endpoint(), loads("low").await, loads("high").await);
    let _one = Lease::take(&endpoint, &RunId::generate(), "a", &low).await.expect("free");
    Lease::take(&endpoint, &RunId::generate(), "b", &high).await.expect("free as well");
}
