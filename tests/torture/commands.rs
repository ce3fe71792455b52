//! What comes after a run, interrupted as well: approve, undo, replay. Asked again, each does
//! what is missing, or says that it is done.

use std::fs;

use longshore::failpoint::POINTS;
use rustix::process::Signal;

use super::{
    plots::{GUARDED, Plot},
    process::Ended,
    rounds::Rounds,
    scene::{How, RUN_LIMIT, Scene, passes},
    state,
};
use crate::support::{
    TestDatabase,
    pooler::Pooler,
    proxy::{Direction, Fault, Lost, Measure, Proxy},
};

/// One of the commands that go on from a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Approve,
    Undo,
    Replay,
}

const COMMANDS: [Command; 3] = [Command::Approve, Command::Undo, Command::Replay];

/// What a command says that has nothing left to do.
const DONE: [&str; 3] = ["it is published", "was undone by", "unchanged, nothing to replay"];

/// A pipeline that does next to nothing: whoever runs clears away what others left.
const SWEEP: &str = r#"
[source]
format = "csv"
path = "$DIR/sweep.csv"
[[target]]
table = "public.sweep"
mode = "append"
[target.columns]
id = { from = "id" }
"#;

struct Stage {
    scene: Scene,
    _database: TestDatabase,
}

impl Stage {
    async fn create() -> Self {
        let database = TestDatabase::create().await;
        let scene = Scene::create(database.url()).await;
        let table = "create table sweep (id int)";
        scene.client().await.batch_execute(table).await.expect("a table");
        let folder = scene.path("").display().to_string();
        for (name, text) in [
            (GUARDED, Plot::Replacing.guarded(&folder)),
            ("sweep.toml", SWEEP.replace("$DIR", &folder)),
        ] {
            fs::write(scene.path(name), text).expect("a pipeline");
        }
        fs::write(scene.path("sweep.csv"), "id\n1\n").expect("a file");
        Self { scene, _database: database }
    }

    /// Comes to where the command can be given; its arguments.
    async fn set(&self, command: Command) -> Vec<String> {
        let scene = &self.scene;
        let (plot, how, code) = match command {
            Command::Approve => {
                (Plot::Replacing, How { pipeline: Some(GUARDED), ..How::default() }, 3)
            }
            Command::Undo => (Plot::Replacing, How::default(), 0),
            Command::Replay => (Plot::Adding, How::default(), 0),
        };
        scene.reset_to(plot).await;
        let ended = scene.start(&how).wait(RUN_LIMIT).expect("it ends");
        assert_eq!(ended.code(), Some(code), "{}", ended.described());
        let run = state::last_run(&scene.client().await).await;
        let words = match command {
            Command::Approve => vec!["approve".to_owned(), run],
            Command::Undo => vec!["undo".to_owned(), run],
            Command::Replay => {
                self.correct(&run);
                let reports = scene.path("reports").display().to_string();
                vec!["replay".to_owned(), run, "--report-dir".to_owned(), reports]
            }
        };
        assert!(words.iter().all(|word| !word.is_empty()));
        words
    }

    /// Some of the rejected records; the others are wrong still.
    fn correct(&self, run: &str) {
        for file in ["rejected/0.csv", "rejected/2/1.csv"] {
            let path = self.scene.path("reports").join(run).join(file);
            let text = fs::read_to_string(&path).expect("rejected records");
            let corrected = text.replace(",-1,", ",1,").replace("20-13-45", "2020-12-05");
            assert_ne!(text, corrected);
            fs::write(&path, corrected).expect("they are corrected");
        }
    }

    fn start(&self, words: &[String], mut how: How) -> super::process::Process {
        how.command = words.to_vec();
        self.scene.start(&how)
    }

    /// Gives the command until it is done.
    fn again(&self, words: &[String]) -> Result<Ended, String> {
        self.again_by(words, &self.scene.url)
    }

    /// The same by another way to the database.
    fn again_by(&self, words: &[String], url: &str) -> Result<Ended, String> {
        for _ in 0..100 {
            let ended = self.start(words, How::through(url.to_owned())).wait(RUN_LIMIT)?;
            let is_done = DONE.iter().any(|done| ended.errors.contains(done));
            match ended.code() {
                Some(0) => return Ok(ended),
                Some(2) if is_done => return Ok(ended),
                // The server may take a moment to notice that the one before is gone.
                Some(6) => std::thread::sleep(std::time::Duration::from_millis(50)),
                _ => return Err(format!("given again, it ended with {}", ended.described())),
            }
        }
        Err("its targets stay taken".to_owned())
    }

    /// All that is there once it is done, and cleared away behind.
    async fn picture(&self) -> Result<Vec<String>, String> {
        let how = How { pipeline: Some("sweep.toml"), ..How::default() };
        let ended = self.scene.start(&how).wait(RUN_LIMIT)?;
        if ended.code() != Some(0) {
            return Err(format!("a run after it: {}", ended.described()));
        }
        state::picture(&self.scene.client().await).await
    }

    async fn undisturbed(&self, command: Command) -> Vec<String> {
        let words = self.set(command).await;
        let ended = self.start(&words, How::default()).wait(RUN_LIMIT).expect("it ends");
        assert_eq!(ended.code(), Some(0), "{}", ended.described());
        if command == Command::Undo {
            assert!(self.scene.is_untouched().await, "undone");
        }
        self.picture().await.expect("an undisturbed picture")
    }

    async fn is(&self, undisturbed: &[String]) -> Result<(), String> {
        let now = self.picture().await?;
        let pairs = undisturbed.iter().zip(&now);
        let differ: Vec<_> = pairs.filter(|(one, other)| one != other).collect();
        match differ.is_empty() && undisturbed.len() == now.len() {
            true => Ok(()),
            false => {
                let (some, all) = (&differ[..differ.len().min(3)], [undisturbed.len(), now.len()]);
                Err(format!("{some:?} differ, and {} in all of {all:?}", differ.len()))
            }
        }
    }

    async fn passed(&self, command: Command) -> Vec<(&'static str, u64)> {
        let words = self.set(command).await;
        let trace = self.scene.path(&format!("{command:?}.trace"));
        let variables = vec![("LONGSHORE_FAILPOINT_TRACE", trace.display().to_string())];
        let ended = self.start(&words, How { variables, ..How::default() }).wait(RUN_LIMIT);
        assert_eq!(ended.expect("it ends").code(), Some(0));
        let passed = passes(&trace);
        let known = POINTS.iter().filter_map(|(name, _)| {
            passed.iter().find(|(passed, _)| passed == name).map(|(_, passes)| (*name, *passes))
        });
        known.collect()
    }

    async fn kill_at(
        &self,
        words: &[String],
        armed: String,
        undisturbed: &[String],
    ) -> Result<(), String> {
        let killed = self.start(words, How::armed(armed)).wait(RUN_LIMIT)?;
        if !killed.was_killed() {
            return Err(format!("it was not killed: {}", killed.described()));
        }
        self.again(words)?;
        self.is(undisturbed).await
    }
}

#[tokio::test]
async fn a_command_that_is_killed_is_made_good_by_the_next() {
    let stage = Stage::create().await;
    let mut wrong = Vec::new();
    for (name, command) in
        ["approve is killed", "undo is killed", "replay is killed"].into_iter().zip(COMMANDS)
    {
        let undisturbed = stage.undisturbed(command).await;
        let passed = stage.passed(command).await;
        assert!(passed.iter().any(|(name, _)| *name == "publish.before_commit"), "{passed:?}");
        let mut rounds = Rounds::of(name, 40, 2);
        while let Some((round, mut draw)) = rounds.next() {
            let words = stage.set(command).await;
            // In the full form each point in turn.
            let (point, passes) = match rounds.count() as usize > passed.len() {
                true => &passed[round as usize % passed.len()],
                false => draw.one(&passed),
            };
            let armed = format!("{point}=kill@{}", 1 + draw.below(*passes));
            let outcome = stage.kill_at(&words, armed.clone(), &undisturbed).await;
            rounds.ended(&armed, outcome);
        }
        wrong.extend(rounds.score().err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_command_whose_commit_is_lost_looks_it_up() {
    let stage = Stage::create().await;
    let proxy = Proxy::before(&TestDatabase::socket());
    let url = proxy.url(stage._database.name());
    let mut rounds = Rounds::of("the COMMIT of approve, undo or replay is lost", 24, 3);
    let mut undisturbed = Vec::new();
    for command in COMMANDS {
        undisturbed.push(stage.undisturbed(command).await);
    }
    while let Some((round, mut draw)) = rounds.next() {
        let command = COMMANDS[round as usize % 3];
        proxy.heal();
        let words = stage.set(command).await;
        let lost = *draw.one(&[Lost::Answer, Lost::Request]);
        let outcome = lose_commit(&stage, &proxy, &url, (&words, lost)).await;
        let outcome = match outcome {
            Ok(()) => stage.is(&undisturbed[round as usize % 3]).await,
            wrong => wrong,
        };
        rounds.ended(&format!("{command:?}, {lost:?}"), outcome);
    }
    rounds.finish();
}

async fn lose_commit(
    stage: &Stage,
    proxy: &Proxy,
    url: &str,
    (words, lost): (&[String], Lost),
) -> Result<(), String> {
    let mut how = How::armed("publish.before_commit=pause".to_owned());
    how.url = Some(url.to_owned());
    let mut running = stage.start(words, how);
    running.wait_paused(RUN_LIMIT)?;
    proxy.lose_commit(lost);
    running.signal(Signal::CONT);
    let ended = running.wait(RUN_LIMIT)?;
    if proxy.is_armed() {
        return Err("no COMMIT passed".to_owned());
    }
    match ended.code() {
        Some(0) => Ok(()),
        _ => Err(format!("it ended with {}", ended.described())),
    }
}

/// Each of them through PgBouncer in transaction mode, undisturbed and killed.
#[tokio::test]
async fn commands_go_through_a_transaction_pooler() {
    let stage = Stage::create().await;
    let mut rounds = Rounds::of("approve, undo or replay behind a pooler", 24, 6);
    let mut undisturbed = Vec::new();
    for command in COMMANDS {
        undisturbed.push(stage.undisturbed(command).await);
    }
    while let Some((round, mut draw)) = rounds.next() {
        // Its sessions would be strays.
        let Some(pooler) = Pooler::before_shared() else { return };
        let url = pooler.url(stage._database.name());
        let command = COMMANDS[round as usize % 3];
        let words = stage.set(command).await;
        // An undo passes these as well.
        let points = ["publish.begun=kill", "publish.statement=kill", "publish.committed=kill"];
        let armed = (round >= 3).then(|| (*draw.one(&points)).to_owned());
        let outcome = match go_through(&stage, &url, (&words, armed.clone())) {
            Ok(()) => {
                drop(pooler);
                stage.is(&undisturbed[round as usize % 3]).await
            }
            wrong => wrong,
        };
        rounds.ended(&format!("{command:?}, {armed:?}"), outcome);
    }
    rounds.finish();
}

fn go_through(
    stage: &Stage,
    url: &str,
    (words, armed): (&[String], Option<String>),
) -> Result<(), String> {
    if let Some(armed) = armed {
        let how = How { url: Some(url.to_owned()), ..How::armed(armed) };
        let killed = stage.start(words, how).wait(RUN_LIMIT)?;
        if !killed.was_killed() {
            return Err(format!("it was not killed: {}", killed.described()));
        }
    }
    let again = stage.again_by(words, url)?;
    match again.code() {
        Some(0 | 2) => Ok(()),
        _ => Err(again.described()),
    }
}

/// What is published stays published, and is called so, whatever fails behind the COMMIT.
#[tokio::test]
async fn what_is_published_is_called_published_when_all_is_dark_behind_the_commit() {
    let stage = Stage::create().await;
    let proxy = Proxy::before(&TestDatabase::socket());
    let url = proxy.url(stage._database.name());
    for command in COMMANDS {
        let undisturbed = stage.undisturbed(command).await;
        proxy.heal();
        let words = stage.set(command).await;
        let mut how = How::armed("publish.committed=pause".to_owned()).hasty();
        how.url = Some(url.clone());
        let mut running = stage.start(&words, how);
        running.wait_paused(RUN_LIMIT).expect("it pauses");
        proxy.arm_after(Direction::ToServer, (1, Measure::Bursts), Fault::Darkness);
        running.signal(Signal::CONT);
        let ended = running.wait(RUN_LIMIT).expect("it ends");
        proxy.heal();
        let said = ended.described();
        match command {
            Command::Approve => {
                assert_eq!(ended.code(), Some(7), "{said}");
                assert!(said.contains("is published, but its report is not complete"), "{said}");
            }
            Command::Undo => {
                assert!(ended.code() == Some(0) && said.contains("is undone"), "{said}")
            }
            Command::Replay => {
                assert!(ended.code() == Some(0) && said.contains("published"), "{said}");
            }
        }
        stage.again(&words).expect("it is done");
        stage.is(&undisturbed).await.expect("as undisturbed");
    }
}

#[tokio::test]
async fn an_approved_run_whose_summary_cannot_be_written_is_called_published() {
    let stage = Stage::create().await;
    let words = stage.set(Command::Approve).await;
    let in_the_way = stage.scene.path("reports").join(&words[1]).join("summary.json.new");
    fs::create_dir(in_the_way).expect("something in the way");
    let ended = stage.start(&words, How::default()).wait(RUN_LIMIT).expect("it ends");
    let said = ended.described();
    assert_eq!(ended.code(), Some(7), "{said}");
    let named = format!("run {} is published, but its report is not complete", words[1]);
    assert!(said.contains(&named), "{said}");
    assert!(!stage.scene.is_untouched().await, "it is");
}

#[tokio::test]
async fn who_approves_what_another_is_just_approving_is_told_of_him() {
    let stage = Stage::create().await;
    let words = stage.set(Command::Approve).await;
    let mut first = stage.start(&words, How::armed("publish.begun=pause".to_owned()));
    first.wait_paused(RUN_LIMIT).expect("it pauses");
    let how = How { command: words.clone(), ..How::default() };
    let second = stage.scene.start_as("second", &how).wait(RUN_LIMIT).expect("it ends");
    assert_eq!(second.code(), Some(6), "{}", second.described());
    assert!(second.errors.contains(&format!("process {}", first.id())), "{}", second.described());
    first.signal(Signal::CONT);
    let first = first.wait(RUN_LIMIT).expect("it ends");
    assert_eq!(first.code(), Some(0), "{}", first.described());
}
