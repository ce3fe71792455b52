//! Disks that are full: the server's, and the one that reports go to.

use std::fs;

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
