//! A network that cuts, stalls and loses, and COMMITs whose answer nobody hears.

use std::time::Duration;

use rustix::process::Signal;

use super::{
    rounds::{Draw, Rounds},
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::{
    TestDatabase,
    proxy::{Direction, Fault, Lost, Proxy},
};

/// The longest a run may go on when nothing answers any more, its limits shortened.
const DARKNESS_LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_connection_that_is_cut_stalled_or_lost_is_no_loss() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let proxy = Proxy::before(&TestDatabase::socket());
    let url = proxy.url(database.name());
    scene.reset().await;
    let ended = scene.start(&How::through(url.clone())).wait(RUN_LIMIT).expect("it ends");
    assert_eq!(ended.code(), Some(0), "{}", ended.described());
    let totals = [Direction::ToServer, Direction::ToClient].map(|way| (way, proxy.passed(way)));
    let mut rounds = Rounds::of("a connection cut, stalled or black-holed", 50, 4);
    while let Some((round, mut draw)) = rounds.next() {
        scene.reset().await;
        proxy.heal();
        let (direction, total) = *draw.one(&totals);
        let (after, fault) = (draw.below(total), fault(round, &mut draw));
        proxy.arm(direction, after, fault);
        let outcome = disturb(&scene, &proxy, &url, fault).await;
        rounds.ended(&format!("{fault:?} {direction:?} after {after} bytes"), outcome);
    }
    rounds.finish();
}

/// Each kind in turn.
fn fault(round: u32, draw: &mut Draw) -> Fault {
    match round % 4 {
        0 => Fault::Cut,
        1 => Fault::Stall(Duration::from_millis(100 + draw.below(900))),
        2 => Fault::BlackHole,
        _ => Fault::Darkness,
    }
}

async fn disturb(scene: &Scene, proxy: &Proxy, url: &str, fault: Fault) -> Result<(), String> {
    let run = scene.start(&How::through(url.to_owned()).hasty());
    let ended = run.wait(DARKNESS_LIMIT);
    let missed = proxy.is_armed();
    // What is left on the proxy would be sessions that the server waits for.
    proxy.heal();
    let ended = ended?;
    if missed {
        return Err("its bytes never came to the fault".to_owned());
    }
    match (fault, ended.code()) {
        (Fault::Stall(_), Some(0))
        | (Fault::Cut | Fault::BlackHole | Fault::Darkness, Some(0 | 7)) => {}
        _ => return Err(format!("it ended with {}", ended.described())),
    }
    scene.recovers().await
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_looked_up() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let proxy = Proxy::before(&TestDatabase::socket());
    let url = proxy.url(database.name());
    let mut rounds = Rounds::of("an answer to COMMIT is swallowed", 20, 2);
    while let Some((round, mut draw)) = rounds.next() {
        scene.reset().await;
        proxy.heal();
        let (point, lost) = match round % 4 {
            0 => ("publish.before_commit=pause".to_owned(), Lost::Answer),
            1 => (format!("split.before_commit=pause@{}", 1 + draw.below(15)), Lost::Answer),
            2 => ("publish.before_commit=pause".to_owned(), Lost::Request),
            _ => (format!("split.before_commit=pause@{}", 1 + draw.below(15)), Lost::Request),
        };
        let outcome = lose_commit(&scene, &proxy, &url, &point, lost).await;
        rounds.ended(&format!("{lost:?} at {point}"), outcome);
    }
    rounds.finish();
}

/// The run itself finds out what became of its COMMIT, and ends well.
async fn lose_commit(
    scene: &Scene,
    proxy: &Proxy,
    url: &str,
    armed: &str,
    lost: Lost,
) -> Result<(), String> {
    let mut how = How::armed(armed.to_owned());
    how.url = Some(url.to_owned());
    let mut run = scene.start(&how);
    run.wait_paused(RUN_LIMIT)?;
    proxy.lose_commit(lost);
    run.signal(Signal::CONT);
    let ended = run.wait(RUN_LIMIT)?;
    if proxy.is_armed() {
        return Err("no COMMIT passed".to_owned());
    }
    if ended.code() != Some(0) {
        return Err(format!("it ended with {}", ended.described()));
    }
    scene.recovers().await
}
