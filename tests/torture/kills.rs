//! `kill -9`: at moments nobody chose, and at every failpoint.

use std::time::Duration;

use rustix::process::Signal;

use super::{
    plots::{PLOTS, Plot},
    rounds::{Draw, Rounds},
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::TestDatabase;

#[tokio::test]
async fn a_run_passes_every_failpoint() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let passed = scene.passed().await;
    let missed = |plot: Plot| {
        passed.iter().filter(move |point| (point.by(plot) > 0) != plot.comes_by(point.name))
    };
    let missing: Vec<_> = PLOTS.into_iter().flat_map(missed).map(|point| point.name).collect();
    assert!(missing.is_empty(), "a run does not pass, or should not: {missing:?}");
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_moment_is_made_good_by_the_next() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let mut rounds = Rounds::of("kill -9 at a random moment", 100, 3);
    let mut undisturbed = Duration::ZERO;
    for plot in PLOTS {
        scene.reset_to(plot).await;
        undisturbed = undisturbed.max(scene.again(0).expect("an undisturbed run").took);
    }
    while let Some((_, mut draw)) = rounds.next() {
        scene.reset(&mut draw).await;
        let moment = Duration::from_micros(draw.below(undisturbed.as_micros() as u64));
        let outcome = kill_after(&scene, moment).await;
        rounds.ended(
            &format!("{:?}, killed after {moment:?} of {undisturbed:?}", scene.plot()),
            outcome,
        );
    }
    rounds.finish();
}

async fn kill_after(scene: &Scene, moment: Duration) -> Result<(), String> {
    let run = scene.start(&How::default());
    std::thread::sleep(moment);
    run.signal(Signal::KILL);
    run.wait(RUN_LIMIT)?;
    scene.recovers().await
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_failpoint_is_made_good_by_the_next() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let passed = scene.passed().await;
    let mut wrong = Vec::new();
    for point in &passed {
        let mut rounds = Rounds::of(point.name, 20, 1);
        while let Some((round, mut draw)) = rounds.next() {
            scene.reset_for(point.name, &mut draw).await;
            let passes = point.by(scene.plot());
            let armed = format!("{}=kill@{}", point.name, arrival(round, passes, &mut draw));
            // Half of the time, the run that goes on is killed as well.
            let next = draw.one(&passed);
            let arrival = 1 + draw.below(next.by(scene.plot()).max(1));
            let next = (round % 2 == 1).then(|| format!("{}=kill@{arrival}", next.name));
            let outcome = kill_at(&scene, armed.clone(), next.clone()).await;
            rounds.ended(&format!("{:?}, {armed}, then {next:?}", scene.plot()), outcome);
        }
        wrong.extend(rounds.score().err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first arrival and the last one are always tried.
fn arrival(round: u32, passes: u64, draw: &mut Draw) -> u64 {
    match round {
        0 => 1,
        1 => passes,
        _ => 1 + draw.below(passes),
    }
}

/// A run that goes on where another was cut off may not come to where it is to be killed.
async fn kill_at(scene: &Scene, armed: String, next: Option<String>) -> Result<(), String> {
    let ended = scene.start(&How::armed(armed)).wait(RUN_LIMIT)?;
    if !ended.was_killed() {
        return Err(format!("it was not killed: {}", ended.described()));
    }
    if let Some(next) = next {
        let ended = scene.start(&How::armed(next)).wait(RUN_LIMIT)?;
        if !ended.was_killed() && !matches!(ended.code(), Some(0 | 6)) {
            return Err(format!("the second was not killed: {}", ended.described()));
        }
    }
    scene.recovers().await
}
