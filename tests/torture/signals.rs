//! Ctrl-C, SIGTERM and SIGHUP: wherever they come, the run ends within seconds, says so truthfully, and
//! the next one makes the rest.

use std::time::Duration;

use super::{
    plots::Plot,
    process::Ended,
    rounds::Rounds,
    scene::{How, Scene},
};
use crate::support::TestDatabase;

/// The promise.
const END_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_run_that_is_interrupted_at_any_stage_ends_within_ten_seconds() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let passed = scene.passed().await;
    let points = passed.len() as u32;
    let mut rounds = Rounds::of("Ctrl-C, SIGTERM or SIGHUP at a failpoint", 6 * points, 6);
    while let Some((round, mut draw)) = rounds.next() {
        // In the short form any points; in the full form each one, by each signal, twice.
        let point = match points.checked_mul(6) == Some(rounds.count()) {
            true => &passed[round as usize % passed.len()],
            false => draw.one(&passed),
        };
        scene.reset_for(point.name, &mut draw).await;
        let actions = ["interrupt", "terminate", "hangup"];
        let action = match points.checked_mul(6) == Some(rounds.count()) {
            true => actions[(round / points.max(1)) as usize % actions.len()],
            false => draw.one(&actions),
        };
        let armed = format!("{}={action}@{}", point.name, 1 + draw.below(point.by(scene.plot())));
        let outcome = interrupt_at(&scene, armed.clone()).await;
        rounds.ended(&format!("{:?}, {armed}", scene.plot()), outcome);
    }
    rounds.finish();
}

/// It ends as interrupted and nothing is published, or it had published before it noticed.
async fn interrupt_at(scene: &Scene, armed: String) -> Result<(), String> {
    let ended = scene.start(&How::armed(armed)).wait(END_LIMIT)?;
    check(scene, &ended).await?;
    scene.recovers().await
}

async fn check(scene: &Scene, ended: &Ended) -> Result<(), String> {
    match (ended.code(), scene.is_untouched().await) {
        (Some(130), true) | (Some(0), false) => Ok(()),
        (_, untouched) => {
            let published = if untouched { "nothing is published" } else { "it is published" };
            Err(format!("{published}, and it ended with {}", ended.described()))
        }
    }
}

#[tokio::test]
async fn a_terminal_that_goes_away_ends_a_run_unless_it_was_told_to_ignore_that() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    for (ignoring, code) in [(false, 130), (true, 0)] {
        if !ignoring && is_hangup_ignored() {
            eprintln!(
                "not tried: SIGHUP is ignored here, as under nohup, and a child inherits that"
            );
            continue;
        }
        scene.reset_to(Plot::Adding).await;
        let how = How { ignoring, ..How::armed("judge.judged=hangup".to_owned()) };
        let ended = scene.start(&how).wait(END_LIMIT).expect("it ends");
        assert_eq!(ended.code(), Some(code), "{}", ended.described());
        assert_eq!(scene.is_untouched().await, !ignoring);
        scene.recovers().await.expect("the state of an undisturbed run");
    }
}

/// As Linux tells it; elsewhere longshore itself does not know.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}
