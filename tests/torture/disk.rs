//! Disks that are full: the server's, and the one that reports go to.

use std::{fs, process::Command, time::Duration};

use longshore::postgres::{embedded::StopMode, endpoint::Endpoint};

use super::{
    rounds::Rounds,
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::{TestDatabase, cluster::OwnCluster, small_disk::SmallDisk};

/// Room for a database and what a run adds.
const DATA_BYTES: u64 = 64 << 20;

/// A run adds less than this to a database.
const RUN_BYTES: u64 = 2 << 20;

/// Room for reports.
const REPORT_BYTES: u64 = 1 << 20;

/// A run's report has less than this.
const WHOLE_REPORT_BYTES: u64 = 48 << 10;

#[tokio::test]
async fn a_server_whose_disk_is_full_is_no_loss() {
    let Some(disk) = SmallDisk::mount(DATA_BYTES) else { return };
    let server = OwnCluster::start_anywhere();
    let scene = Scene::create(&server.database_on("small", disk.path()).await).await;
    let mut rounds = Rounds::of("the server's disk is full", 20, 2);
    while let Some((_, mut draw)) = rounds.next() {
        disk.empty();
        scene.reset(&mut draw).await;
        let left = draw.below(RUN_BYTES);
        disk.fill(left);
        let outcome = run_on_full(&scene, &How::default(), || disk.empty()).await;
        rounds.ended(&format!("{left} bytes are free"), outcome);
    }
    rounds.finish();
}

#[tokio::test]
async fn a_disk_for_reports_that_is_full_is_no_loss() {
    let Some(disk) = SmallDisk::mount(REPORT_BYTES) else { return };
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let reports = disk.path().join("reports");
    let mut rounds = Rounds::of("the disk for reports is full", 20, 2);
    while let Some((_, mut draw)) = rounds.next() {
        scene.reset(&mut draw).await;
        let _ = fs::remove_dir_all(&reports);
        let left = draw.below(WHOLE_REPORT_BYTES);
        disk.fill(left);
        let how = How { reports: Some(reports.clone()), ..How::default() };
        let outcome = run_on_full(&scene, &how, || disk.empty()).await;
        rounds.ended(&format!("{left} bytes are free"), outcome);
    }
    rounds.finish();
}

/// Room for the write-ahead log of a server: a few segments of 16 MiB.
const LOG_BYTES: u64 = 160 << 20;

/// A run writes less than this to the log.
const RUN_LOG_BYTES: u64 = 3 << 20;

/// A server that cannot write ahead stops at once, and cannot start before there is room.
#[tokio::test]
async fn a_write_ahead_log_without_room_is_no_loss() {
    let Some(disk) = SmallDisk::mount(LOG_BYTES) else { return };
    let server = OwnCluster::start_anywhere();
    let scene = Scene::create(&server.database("ahead").await).await;
    // No checkpoint of its own accord makes new segments of old ones.
    let settings =
        "alter system set min_wal_size = '32MB'; alter system set checkpoint_timeout = '1h'";
    for sql in settings.split("; ") {
        scene.client().await.batch_execute(sql).await.expect("a setting");
    }
    move_log(&server, &disk);
    let mut rounds = Rounds::of("the disk of the write-ahead log is full", 20, 2);
    while let Some((_, mut draw)) = rounds.next() {
        scene.reset(&mut draw).await;
        let left = draw.below(RUN_LOG_BYTES);
        use_up_log(&scene, left).await;
        disk.fill(0);
        let ended = scene.start(&How::default().hasty()).wait(RUN_LIMIT);
        disk.empty();
        be_back(&server, &scene).await;
        let outcome = match ended.map(|ended| (ended.code(), ended)) {
            Ok((Some(0 | 7), _)) => scene.recovers().await,
            Ok((_, ended)) => Err(format!("it ended with {}", ended.described())),
            Err(wrong) => Err(wrong),
        };
        rounds.ended(&format!("{left} bytes of the log are left"), outcome);
    }
    let said = server.cluster().run_folder().join("server.log");
    let said = fs::read(said).expect("the server's log");
    assert!(String::from_utf8_lossy(&said).contains("PANIC"), "the log was full at least once");
    rounds.finish();
}

/// Waits until the server is there: it may be about to stop, stopped, or recovering.
async fn be_back(server: &OwnCluster, scene: &Scene) {
    let endpoint = Endpoint::parse(&scene.url).expect("the URL is valid");
    for _ in 0..300 {
        let started = server.cluster().is_running() || server.cluster().start().is_ok();
        if started && endpoint.connect().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server does not come back where there is room again");
}

/// Puts the log of a server on a disk of its own.
fn move_log(server: &OwnCluster, disk: &SmallDisk) {
    server.cluster().stop(StopMode::Fast).expect("it stops");
    let (from, to) = (server.cluster().data().join("pg_wal"), disk.path().join("log"));
    let copied = Command::new("cp").arg("-a").args([&from, &to]).status().expect("cp runs");
    assert!(copied.success(), "the log is copied");
    fs::remove_dir_all(&from).expect("the log was there");
    std::os::unix::fs::symlink(&to, &from).expect("a link");
    server.cluster().start().expect("it starts");
}

/// Fills the segments of the log that are there, but for some bytes of the last.
async fn use_up_log(scene: &Scene, left: u64) {
    let client = scene.client().await;
    client.batch_execute("checkpoint").await.expect("a checkpoint");
    let more = "select exists (select from pg_ls_waldir()
        where name > pg_walfile_name(pg_current_wal_insert_lsn()) and name ~ '^[0-9A-F]{24}$')";
    while client.query_one(more, &[]).await.expect("segments").get(0) {
        let next = "select pg_logical_emit_message(false, 'test', 'x'); select pg_switch_wal()";
        client.batch_execute(next).await.expect("the next segment");
    }
    let at = "select ((pg_current_wal_insert_lsn() - '0/0') % (16 << 20))::bigint";
    let at: i64 = client.query_one(at, &[]).await.expect("a place").get(0);
    let bytes = ((16 << 20) - at).cast_unsigned().saturating_sub(left);
    let fill = format!("select pg_logical_emit_message(false, 'test', repeat('x', {bytes}))");
    client.batch_execute(&fill).await.expect("it fits");
}

/// The run fails and says why, or there was just room enough.
async fn run_on_full(scene: &Scene, how: &How, make_room: impl Fn()) -> Result<(), String> {
    let ended = scene.start(how).wait(RUN_LIMIT);
    make_room();
    let ended = ended?;
    let says_published =
        ended.errors.contains("published, ") || ended.errors.contains("is published, but");
    if says_published == scene.is_untouched().await {
        return Err(format!("it does not say what is published: {}", ended.described()));
    }
    match ended.code() {
        Some(0) => {}
        Some(7) if says_full(&ended.errors) => {}
        _ => return Err(format!("it ended with {}", ended.described())),
    }
    scene.recovers().await
}

fn says_full(errors: &str) -> bool {
    let errors = errors.to_lowercase();
    errors.contains("disk") || errors.contains("no space left")
}
