//! All of it through PgBouncer in transaction mode, where every transaction may be on another
//! server connection.

use std::{fs, time::Duration};

use longshore::postgres::endpoint::Endpoint;
use rustix::process::Signal;

use super::{
    plots::Plot,
    rounds::Rounds,
    scene::{How, RUN_LIMIT, Scene},
};
use crate::support::{TestDatabase, pooler::Pooler};

/// The promise for Ctrl-C.
const END_LIMIT: Duration = Duration::from_secs(10);

struct Pooled {
    scene: Scene,
    pooler: Pooler,
    url: String,
    _database: TestDatabase,
}

async fn pooled() -> Option<Pooled> {
    let pooler = Pooler::before_shared()?;
    let database = TestDatabase::create().await;
    let scene = Scene::create(database.url()).await;
    scene.reset_to(Plot::Adding).await;
    let url = pooler.url(database.name());
    Some(Pooled { scene, pooler, url, _database: database })
}

impl Pooled {
    fn through(&self) -> How {
        How::through(self.url.clone())
    }

    /// The pooler keeps its connections, so it is ended before the server is looked at.
    async fn ends_undisturbed(self) {
        drop(self.pooler);
        self.scene.recovers().await.expect("the state of an undisturbed run");
    }
}

#[tokio::test]
async fn a_run_and_an_export_go_through_a_transaction_pooler() {
    let Some(pooled) = pooled().await else { return };
    let (scene, how) = (&pooled.scene, pooled.through());
    let first = scene.start(&how).wait(RUN_LIMIT).expect("it ends");
    assert_eq!(first.code(), Some(0), "{}", first.described());
    let second = scene.start(&how).wait(RUN_LIMIT).expect("it ends");
    assert!(second.described().contains("unchanged"), "{}", second.described());
    let export = format!(
        "kind = \"export\"\nsql = \"select id, fee from member order by id\"\n[output]\nformat = \"csv\"\npath = \"{}\"\n",
        scene.path("members.csv").display()
    );
    fs::write(scene.path("export.toml"), export).expect("a pipeline");
    let export = How { pipeline: Some("export.toml"), ..pooled.through() };
    let exported = scene.start(&export).wait(RUN_LIMIT).expect("it ends");
    assert_eq!(exported.code(), Some(0), "{}", exported.described());
    let lines = fs::read_to_string(scene.path("members.csv")).expect("the export").lines().count();
    let query = "select count(*) from member";
    let members: i64 = scene.client().await.query_one(query, &[]).await.expect("members").get(0);
    assert_eq!(i64::try_from(lines), Ok(members + 1));
    pooled.ends_undisturbed().await;
}

/// Another client's statements stay behind on the pooler's connections, under the names that
/// our driver uses as well.
#[tokio::test]
async fn names_that_other_clients_left_on_a_pooler_are_not_in_the_way() {
    let Some(pooled) = pooled().await else { return };
    let endpoint = Endpoint::parse(&pooled.url).expect("a URL");
    let mut others = Vec::new();
    for _ in 0..8 {
        let session = endpoint.connect().await.expect("the pooler takes clients");
        // Each in a transaction of its own at the same time, so each on another connection.
        session.client.batch_execute("begin").await.expect("a transaction");
        for number in 0..4 {
            let prepare = format!("prepare s{number} as select {number}");
            session.client.batch_execute(&prepare).await.expect("a statement");
        }
        others.push(session);
    }
    for session in &others {
        session.client.batch_execute("commit").await.expect("the end");
    }
    drop(others);
    let ended = pooled.scene.start(&pooled.through()).wait(RUN_LIMIT).expect("it ends");
    assert_eq!(ended.code(), Some(0), "{}", ended.described());
    pooled.ends_undisturbed().await;
}

#[tokio::test]
async fn a_run_that_was_cut_off_behind_a_pooler_is_made_good_by_the_next() {
    let Some(pooled) = pooled().await else { return };
    let mut rounds = Rounds::of("kill -9 behind a pooler", 20, 1);
    while let Some((_, mut draw)) = rounds.next() {
        let points = [
            "split.copying=kill@6",
            "load.read=kill",
            "publish.written=kill",
            "publish.committed=kill",
        ];
        let armed = *draw.one(&points);
        pooled.scene.reset_for(armed, &mut draw).await;
        let outcome = cut_off(&pooled, armed).await;
        rounds.ended(armed, outcome);
    }
    rounds.finish();
}

async fn cut_off(pooled: &Pooled, armed: &str) -> Result<(), String> {
    let scene = &pooled.scene;
    let mut how = How::armed(armed.to_owned());
    how.url = Some(pooled.url.clone());
    let killed = scene.start(&how).wait(RUN_LIMIT)?;
    if !killed.was_killed() {
        return Err(format!("it was not killed: {}", killed.described()));
    }
    scene.again_by(&pooled.through(), 0)?;
    scene.is_as_undisturbed_but_for_sessions().await
}

#[tokio::test]
async fn a_second_start_behind_a_pooler_is_told_of_the_first() {
    let Some(pooled) = pooled().await else { return };
    let scene = &pooled.scene;
    let mut how = How::armed("publish.begun=pause".to_owned());
    how.url = Some(pooled.url.clone());
    let mut first = scene.start_as("first", &how);
    first.wait_paused(RUN_LIMIT).expect("it pauses");
    let second = scene.start_as("second", &pooled.through()).wait(RUN_LIMIT).expect("it ends");
    assert_eq!(second.code(), Some(6), "{}", second.described());
    assert!(second.errors.contains(&format!("process {}", first.id())), "{}", second.described());
    first.signal(Signal::CONT);
    let first = first.wait(RUN_LIMIT).expect("it ends");
    assert_eq!(first.code(), Some(0), "{}", first.described());
    pooled.ends_undisturbed().await;
}

/// The statement waits for somebody's lock, on a connection that only the pooler knows.
#[tokio::test]
async fn a_statement_behind_a_pooler_is_cancelled_on_ctrl_c() {
    let Some(pooled) = pooled().await else { return };
    let scene = &pooled.scene;
    let other = scene.client().await;
    let mut how = How::armed("report.finished=pause".to_owned());
    how.url = Some(pooled.url.clone());
    let mut run = scene.start(&how);
    run.wait_paused(RUN_LIMIT).expect("it pauses");
    other.batch_execute("begin; lock table member in share mode").await.expect("a lock");
    run.signal(Signal::CONT);
    std::thread::sleep(Duration::from_secs(1));
    run.signal(Signal::INT);
    let ended = run.wait(END_LIMIT).expect("it ends in time");
    assert_eq!(ended.code(), Some(130), "{}", ended.described());
    other.batch_execute("rollback").await.expect("the lock is given back");
    drop(other);
    assert!(scene.is_untouched().await, "nothing is published");
    pooled.ends_undisturbed().await;
}
