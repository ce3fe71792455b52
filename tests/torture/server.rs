//! A server that stops as in a crash, while a run stages and while it publishes.

use longshore::postgres::embedded::StopMode;
use rustix::process::Signal;

use super::{
    rounds::Rounds,
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::cluster::OwnCluster;

/// Where a run is stopped while it stages, and the most arrivals there.
const STAGING: [(&str, u64); 5] = [
    ("split.begun", 15),
    ("split.copying", 15),
    ("split.before_commit", 15),
    ("split.committed", 15),
    ("load.read", 1),
];

/// The same while it judges and publishes.
const PUBLISHING: [(&str, u64); 5] = [
    ("judge.target", 2),
    ("publish.begun", 1),
    ("publish.written", 2),
    ("publish.before_commit", 1),
    ("publish.committed", 1),
];

#[tokio::test]
async fn a_server_that_crashes_while_a_run_stages_and_publishes_is_no_loss() {
    let server = OwnCluster::start_anywhere();
    let scene = Scene::create(&server.database("torture").await).await;
    let mut wrong = Vec::new();
    for (name, points) in [
        ("the server stops at once, in staging", STAGING),
        ("the server stops at once, in publishing", PUBLISHING),
    ] {
        let mut rounds = Rounds::of(name, 30, 1);
        while let Some((_, mut draw)) = rounds.next() {
            scene.reset().await;
            let (point, arrivals) = draw.one(&points);
            let armed = format!("{point}=pause@{}", 1 + draw.below(*arrivals));
            // Half of the time it is back before the run has noticed.
            let at_once = draw.below(2) == 0;
            let outcome = crash_at(&scene, &server, armed.clone(), at_once).await;
            rounds.ended(&format!("{armed}, back at once: {at_once}"), outcome);
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
