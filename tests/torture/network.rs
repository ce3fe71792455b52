//! A network that cuts, stalls and loses, and COMMITs whose answer nobody hears.

use std::time::Duration;

use rustix::process::Signal;

use super::{
    plots::{PLOTS, Plot},
    rounds::{Draw, Rounds},
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::{
    TestDatabase,
    proxy::{Direction, Fault, Lost, Measure, Proxy},
};

/// The longest a run may go on when nothing answers any more, its limits shortened.
const DARKNESS_LIMIT: Duration = Duration::from_secs(30);

/// A database behind a proxy, and what undisturbed runs send through it.
struct Wire {
    _database: TestDatabase,
    scene: Scene,
    proxy: Proxy,
    url: String,
    /// By pipeline, measure and direction.
    totals: Vec<(Plot, Measure, Direction, u64)>,
}

const WAYS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

impl Wire {
    async fn create() -> Self {
        let database = TestDatabase::create().await;
        let scene = Scene::create(database.url()).await;
        let proxy = Proxy::before(&TestDatabase::socket());
        let url = proxy.url(database.name());
        let mut totals = Vec::new();
        for plot in PLOTS {
            scene.reset_to(plot).await;
            proxy.heal();
            let ended = scene.start(&How::through(url.clone())).wait(RUN_LIMIT).expect("it ends");
            assert_eq!(ended.code(), Some(0), "{}", ended.described());
            for measure in [Measure::Bytes, Measure::Bursts] {
                totals.extend(WAYS.map(|way| (plot, measure, way, proxy.passed(way, measure))));
            }
        }
        Self { _database: database, scene, proxy, url, totals }
    }

    /// How much an undisturbed run of this round's pipeline sends.
    fn total(&self, of: Measure, to: Direction) -> u64 {
        let asked = (self.scene.plot(), of, to);
        let found =
            self.totals.iter().find(|(plot, measure, way, _)| (*plot, *measure, *way) == asked);
        found.expect("it was measured").3
    }

    /// Disturbs a run. One that sends less than another did is disturbed a little earlier.
    async fn disturb(
        &self,
        (mut after, measure): (u64, Measure),
        direction: Direction,
        fault: Fault,
    ) -> Result<(), String> {
        loop {
            self.scene.reset_to(self.scene.plot()).await;
            self.proxy.heal();
            self.proxy.arm_after(direction, (after, measure), fault);
            match self.try_to_disturb(fault).await {
                Ok(false) => after -= (after / 20).max(1),
                Ok(true) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the fault came to pass.
    async fn try_to_disturb(&self, fault: Fault) -> Result<bool, String> {
        let run = self.scene.start(&How::through(self.url.clone()).hasty());
        let ended = run.wait(DARKNESS_LIMIT);
        let missed = self.proxy.is_armed();
        // What is left on the proxy would be sessions that the server waits for.
        self.proxy.heal();
        let ended = ended?;
        match (fault, ended.code()) {
            (_, Some(0)) if missed => return Ok(false),
            (_, Some(0)) => {}
            (Fault::Cut | Fault::BlackHole | Fault::Darkness, Some(7)) if !missed => {}
            _ => return Err(format!("it ended with {}", ended.described())),
        }
        self.scene.recovers().await.map(|()| true)
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_stalled_or_lost_is_no_loss() {
    let wire = Wire::create().await;
    let mut rounds = Rounds::of("a connection cut, stalled or black-holed", 50, 4);
    while let Some((round, mut draw)) = rounds.next() {
        wire.scene.reset(&mut draw).await;
        let (measure, direction) =
            (*draw.one(&[Measure::Bytes, Measure::Bursts]), *draw.one(&WAYS));
        let after = 1 + draw.below(wire.total(measure, direction));
        let fault = fault(round, &mut draw);
        let outcome = wire.disturb((after, measure), direction, fault).await;
        let plot = wire.scene.plot();
        rounds.ended(
            &format!("{plot:?}, {fault:?} {direction:?} after {after} {measure:?}"),
            outcome,
        );
    }
    rounds.finish();
}

/// The server knows nothing of it and keeps the table locked: rows are staged, and published all
/// the same, by this very run.
#[tokio::test]
async fn a_copy_straight_into_a_table_that_is_lost_keeps_nobody_out() {
    let wire = Wire::create().await;
    // Before, in and behind the COPY: the whole of a run is taken for it.
    let (way, all) = (Direction::ToServer, (Plot::Filling, Measure::Bytes, Direction::ToServer));
    let total = wire.totals.iter().find(|(plot, measure, to, _)| (*plot, *measure, *to) == all);
    let total = total.expect("it was measured").3;
    for tenths in [4, 6, 7, 8] {
        wire.scene.reset_to(Plot::Filling).await;
        wire.proxy.heal();
        wire.proxy.arm(way, total * tenths / 10, Fault::BlackHole);
        let run = wire.scene.start(&How::through(wire.url.clone()).hasty());
        let ended = run.wait(DARKNESS_LIMIT).expect("it ends");
        assert!(!wire.proxy.is_armed(), "the COPY was lost");
        assert_eq!(ended.code(), Some(0), "{}", ended.described());
        wire.proxy.heal();
        wire.scene.recovers().await.expect("all is as without");
    }
}

/// How many places of a run are disturbed, evenly from its first burst to its last.
const PLACES: u64 = 40;

/// Most bytes of a run are data; by bursts, each statement is as likely to be met as any other.
#[tokio::test]
async fn a_connection_that_is_lost_at_any_place_of_a_run_is_no_loss() {
    let wire = Wire::create().await;
    let ways = [Fault::Cut, Fault::BlackHole, Fault::Darkness]
        .into_iter()
        .flat_map(|fault| WAYS.map(|way| (fault, way)))
        .collect::<Vec<_>>();
    let full = u32::try_from(PLACES * ways.len() as u64).expect("a count");
    let mut rounds = Rounds::of("a connection lost at every place of a run", full, 3);
    let step = u64::from(full / rounds.count());
    while let Some((round, mut draw)) = rounds.next() {
        wire.scene.reset(&mut draw).await;
        // The short form has few of the same places, from beginning to end.
        let round = u64::from(round) * step;
        let (place, way) = (round / ways.len() as u64, round % ways.len() as u64);
        let (fault, direction) = ways[usize::try_from(way).expect("an index")];
        let total = wire.total(Measure::Bursts, direction);
        // A place is a piece of the run, and where in it is drawn.
        let after = 1 + (place * total + draw.below(total)) / PLACES;
        let outcome = wire.disturb((after, Measure::Bursts), direction, fault).await;
        let plot = wire.scene.plot();
        rounds.ended(&format!("{plot:?}, {fault:?} {direction:?} at {after} of {total}"), outcome);
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

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_looked_up() {
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    let proxy = Proxy::before(&TestDatabase::socket());
    let url = proxy.url(database.name());
    let mut rounds = Rounds::of("an answer to COMMIT is swallowed", 20, 2);
    while let Some((round, mut draw)) = rounds.next() {
        proxy.heal();
        let (point, lost) = match round % 4 {
            0 => ("publish.before_commit=pause".to_owned(), Lost::Answer),
            1 => (format!("split.before_commit=pause@{}", 1 + draw.below(15)), Lost::Answer),
            2 => ("publish.before_commit=pause".to_owned(), Lost::Request),
            _ => (format!("split.before_commit=pause@{}", 1 + draw.below(15)), Lost::Request),
        };
        scene.reset_for(&point, &mut draw).await;
        let outcome = lose_commit(&scene, &proxy, &url, &point, lost).await;
        rounds.ended(&format!("{:?}, {lost:?} at {point}", scene.plot()), outcome);
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
