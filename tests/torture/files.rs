//! Files that change under a run: nothing of them is published.

use std::fs;

use rustix::process::Signal;

use super::{
    rounds::{Draw, Rounds},
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::TestDatabase;

/// Where a run is when its file changes, and the most arrivals there.
const POINTS: [(&str, u64); 6] = [
    ("files.hashed", 2),
    ("lease.taken", 1),
    ("staging.created", 1),
    ("split.committed", 15),
    ("straight.sent", 15),
    ("load.read", 1),
];

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_never_published() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let mut rounds = Rounds::of("a file changes while it is read", 20, 3);
    while let Some((round, mut draw)) = rounds.next() {
        let (point, arrivals) = draw.one(&POINTS);
        scene.reset_for(point, &mut draw).await;
        let armed = format!("{point}=pause@{}", 1 + draw.below(*arrivals));
        let outcome = change_at(&scene, armed.clone(), round, &mut draw).await;
        rounds.ended(&format!("{armed}, change {}", round % 3), outcome);
    }
    rounds.finish();
}

async fn change_at(
    scene: &Scene,
    armed: String,
    round: u32,
    draw: &mut Draw,
) -> Result<(), String> {
    let mut run = scene.start(&How::armed(armed));
    run.wait_paused(RUN_LIMIT)?;
    change(scene, round, draw);
    run.signal(Signal::CONT);
    let ended = run.wait(RUN_LIMIT)?;
    if ended.code() != Some(5) || !scene.is_untouched().await {
        return Err(format!("it ended with {}", ended.described()));
    }
    scene.write_files();
    scene.recovers().await
}

/// It grows, it is cut short, or it is replaced by another of the same size.
fn change(scene: &Scene, round: u32, draw: &mut Draw) {
    let path = scene.path(&format!("in/{}.csv", draw.below(2)));
    let text = fs::read_to_string(&path).expect("the file");
    match round % 3 {
        0 => fs::write(&path, format!("{text}777777,,N,1,2020-01-01,E\n")).expect("it grows"),
        1 => fs::write(&path, &text[..text.len() / 2]).expect("it is cut short"),
        _ => {
            let other = scene.path("other.csv");
            fs::write(&other, text.replace(".50,", ".75,")).expect("another file");
            fs::rename(&other, &path).expect("it is replaced");
        }
    }
}
