//! A server that stops as in a crash, while a run stages and while it publishes.

use longshore::postgres::embedded::StopMode;
use rustix::process::Signal;

use super::{
    rounds::Rounds,
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::cluster::OwnCluster;

/// Where a run is stopped while it stages.
const STAGING: [&str; 9] = [
    "staging.created",
    "split.begun",
    "split.copying",
    "split.before_commit",
    "split.committed",
    "load.read",
    "straight.opened",
    "straight.sent",
    "straight.read",
];

/// The same while it judges and publishes.
const PUBLISHING: [&str; 7] = [
    "judge.target",
    "publish.begun",
    "publish.classified",
    "publish.statement",
    "publish.written",
    "publish.before_commit",
    "publish.committed",
];

#[tokio::test]
async fn a_server_that_crashes_while_a_run_stages_and_publishes_is_no_loss() {
    let server = OwnCluster::start_anywhere();
    let scene = Scene::create(&server.database("torture").await).await;
    let passed = scene.passed().await;
    let mut wrong = Vec::new();
    for (name, points) in [
        ("the server stops at once, in staging", STAGING.as_slice()),
        ("the server stops at once, in publishing", PUBLISHING.as_slice()),
    ] {
        let mut rounds = Rounds::of(name, 30, 1);
        while let Some((_, mut draw)) = rounds.next() {
            let point = *draw.one(points);
            scene.reset_for(point, &mut draw).await;
            let passes = passed.iter().find(|passed| passed.name == point).expect("a failpoint");
            let armed = format!("{point}=pause@{}", 1 + draw.below(passes.by(scene.plot())));
            // Half of the time it is back before the run has noticed.
            let at_once = draw.below(2) == 0;
            let outcome = crash_at(&scene, &server, armed.clone(), at_once).await;
            rounds.ended(&format!("{:?}, {armed}, back at once: {at_once}", scene.plot()), outcome);
        }
        wrong.extend(rounds.score().err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The run may end well or badly, but soon; and the next one makes it good.
async fn crash_at(
    scene: &Scene,
    server: &OwnCluster,
    armed: String,
    at_once: bool,
) -> Result<(), String> {
    let mut run = scene.start(&How::armed(armed));
    run.wait_paused(RUN_LIMIT)?;
    let stopped = server.cluster().stop(StopMode::Immediate);
    stopped.map_err(|error| format!("the server did not stop: {error}"))?;
    let start = || server.cluster().start().map_err(|error| format!("no start: {error}"));
    if at_once {
        start()?;
        run.signal(Signal::CONT);
    } else {
        run.signal(Signal::CONT);
        std::thread::sleep(std::time::Duration::from_millis(300));
        start()?;
    }
    run.wait(RUN_LIMIT)?;
    scene.recovers().await
}
