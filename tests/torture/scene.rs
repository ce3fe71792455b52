//! A small data set with every kind of fault, a database to load it into, and the program.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use longshore::postgres::endpoint::Endpoint;
use tokio_postgres::Client;

use super::{
    process::{Ended, Process},
    state::{self, State},
};

/// Two targets: one that is upserted and knows foreign keys, unique values and a CHECK; and one
/// that is appended to, where a record that is loaded twice shows.
const TABLES: &str = "
    create table region (code text primary key);
    insert into region values ('N'), ('S'), ('E'), ('W');
    create table member (
      id int primary key, email text unique, region text not null references region,
      fee numeric(8, 2) check (fee < 9000), joined date not null);
    create table event (member int not null, at date not null, amount numeric(8, 2) not null);";

/// What the tables hold before a run: members that the run leaves, updates, and does not know.
const BEFORE: &str = "
    set lock_timeout = '30s';
    truncate member, event;
    insert into member select id, 'm' || id || '@example.org', 'N', id, date '2020-01-01' + id % 900
      from generate_series(1, 400) id;
    insert into member select id, null, 'S', 1, '2019-01-01' from generate_series(1001, 1200) id;
    insert into member select id, null, 'E', 2, '2019-01-01' from generate_series(90001, 90100) id;
    insert into event select id, '2018-01-01', id from generate_series(1, 50) id;
    drop schema if exists longshore cascade;
    drop schema if exists longshore_staging cascade";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/in/*.csv"

[[target]]
table = "public.member"
mode = "upsert"
key = ["id"]
duplicates = { keep = "last" }
[target.columns]
id = { from = "id" }
email = { from = "email" }
region = { from = "region" }
fee = { from = "fee", minimum = 0 }
joined = { from = "joined" }

[[target]]
table = "public.event"
mode = "append"
when = { kind = { enum = ["E", "F"] } }
[target.columns]
member = { from = "id" }
at = { from = "joined" }
amount = { from = "fee" }
"#;

/// Records of each of the two files.
const RECORDS: u32 = 1500;

/// The longest a run that nobody disturbs may take, on a machine that has much else to do.
pub(super) const RUN_LIMIT: Duration = Duration::from_secs(120);

/// The longest that what a dead process held may keep others out.
const GONE_LIMIT: Duration = Duration::from_secs(20);

/// Files, a pipeline and a database.
pub(super) struct Scene {
    /// Where the database is.
    pub(super) url: String,
    folder: tempfile::TempDir,
    /// What an undisturbed run leaves.
    undisturbed: Option<State>,
}

/// How the program is started.
#[derive(Default)]
pub(super) struct How {
    /// Another way to the database.
    pub(super) url: Option<String>,
    /// Another pipeline of the scene's folder.
    pub(super) pipeline: Option<&'static str>,
    /// Another folder for reports.
    pub(super) reports: Option<PathBuf>,
    /// More of the environment.
    pub(super) variables: Vec<(&'static str, String)>,
    /// More arguments of `run`.
    pub(super) arguments: Vec<String>,
}

impl How {
    /// With a failpoint armed.
    pub(super) fn armed(failpoint: String) -> Self {
        Self { variables: vec![("LONGSHORE_FAILPOINT", failpoint)], ..Self::default() }
    }

    /// With limits on waiting that are a fraction of what they are in earnest.
    pub(super) fn hasty(mut self) -> Self {
        self.variables.push(("LONGSHORE_HASTE", "10".to_owned()));
        self
    }

    /// By another way to the database.
    pub(super) fn through(url: String) -> Self {
        Self { url: Some(url), ..Self::default() }
    }
}

impl Scene {
    /// The files and tables, and what an undisturbed run makes of them.
    pub(super) async fn create(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("in")).expect("a folder");
        let pipeline = PIPELINE.replace("$DIR", &folder.path().display().to_string());
        fs::write(folder.path().join("members.toml"), pipeline).expect("the pipeline");
        let mut scene = Self { url: url.to_owned(), folder, undisturbed: None };
        scene.write_files();
        scene.client().await.batch_execute(TABLES).await.expect("the tables");
        scene.reset().await;
        scene.again(0).expect("an undisturbed run");
        let undisturbed = state::read(&scene.client().await).await.expect("its state");
        assert!(undisturbed.has_everything(), "too little to compare: {undisturbed:?}");
        scene.undisturbed = Some(undisturbed);
        scene
    }

    /// A file or folder of the scene.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A connection of the test's own.
    pub(super) async fn client(&self) -> Client {
        let endpoint = Endpoint::parse(&self.url).expect("the URL is valid");
        endpoint.connect().await.expect("the database accepts connections").client
    }

    /// Puts everything back to where it was before any run.
    pub(super) async fn reset(&self) {
        let reports = self.path("reports");
        if reports.exists() {
            fs::remove_dir_all(reports).expect("the reports are removed");
        }
        self.write_files();
        // What a disturbed run held on the server may last a moment longer than its process.
        self.client().await.batch_execute(BEFORE).await.expect("the tables are reset");
    }

    /// Writes the files that are loaded.
    pub(super) fn write_files(&self) {
        for file in 0..2 {
            let path = self.path(&format!("in/{file}.csv"));
            fs::write(path, records(file * RECORDS + 1..(file + 1) * RECORDS + 1)).expect("a file");
        }
    }

    /// Starts the program on the pipeline.
    pub(super) fn start(&self, how: &How) -> Process {
        self.start_as("run", how)
    }

    /// Starts the program; what it says is kept under a name of its own.
    pub(super) fn start_as(&self, said: &str, how: &How) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().current_dir(self.folder.path());
        command.env("DATABASE_URL", how.url.as_ref().unwrap_or(&self.url));
        command.envs(how.variables.iter().map(|(name, value)| (name, value)));
        command.args(["run", how.pipeline.unwrap_or("members.toml"), "--report-dir"]);
        command.arg(how.reports.as_ref().unwrap_or(&self.path("reports")));
        command.args(["--split-size", "8KiB", "--threads", "2"]).args(&how.arguments);
        Process::start(&mut command, &self.path(said))
    }

    /// Runs the pipeline again, as an operator would: until it is done. A run that finds the
    /// targets taken tries again for a moment; `failures` others may fail before one succeeds.
    pub(super) fn again(&self, failures: u32) -> Result<Ended, String> {
        self.again_by(&How::default(), failures)
    }

    /// As [`Scene::again`], started in some way.
    pub(super) fn again_by(&self, how: &How, failures: u32) -> Result<Ended, String> {
        let (started, mut failed) = (Instant::now(), 0);
        loop {
            let ended = self.start(how).wait(RUN_LIMIT)?;
            match ended.code() {
                Some(0) => return Ok(ended),
                Some(6) if started.elapsed() < GONE_LIMIT => {
                    thread::sleep(Duration::from_millis(50));
                }
                _ if failed < failures => failed += 1,
                _ => return Err(format!("run again, it ended with {}", ended.described())),
            }
        }
    }

    /// Runs again until done and compares all there is with an undisturbed run.
    pub(super) async fn recovers(&self) -> Result<(), String> {
        let again = self.again(0)?;
        let client = self.client().await;
        let now = state::read(&client)
            .await
            .map_err(|wrong| format!("{wrong}; run again, it said: {}", again.errors.trim()))?;
        let undisturbed = self.undisturbed.as_ref().expect("it is known");
        undisturbed.compare(&now)?;
        // One more run finds nothing to do: the files count as loaded, once.
        let more = self.start(&How::default()).wait(RUN_LIMIT)?;
        if more.code() != Some(0)
            || !more.errors.contains("unchanged") && !more.out.contains("unchanged")
        {
            return Err(format!("a run after the last one: {}", more.described()));
        }
        Ok(())
    }

    /// Whether all is as an undisturbed run leaves it, but for sessions that a pooler keeps.
    pub(super) async fn is_as_undisturbed_but_for_sessions(&self) -> Result<(), String> {
        let now = state::read_but_sessions(&self.client().await).await?;
        self.undisturbed.as_ref().expect("it is known").compare(&now)
    }

    /// Whether nothing is published.
    pub(super) async fn is_untouched(&self) -> bool {
        let query =
            "select (select count(*) from event) = 50 and (select count(*) from member) = 700";
        let row = self.client().await.query_one(query, &[]).await.expect("the tables are there");
        row.get(0)
    }

    /// The failpoints that an undisturbed run passes, with how often.
    pub(super) async fn passed(&self) -> Vec<(String, u64)> {
        self.reset().await;
        let trace = self.path("trace");
        let how = How {
            variables: vec![("LONGSHORE_FAILPOINT_TRACE", trace.display().to_string())],
            ..How::default()
        };
        let ended = self.start(&how).wait(RUN_LIMIT).expect("it ends");
        assert_eq!(ended.code(), Some(0), "{}", ended.described());
        passes(&trace)
    }
}

fn passes(trace: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(trace).expect("the trace");
    let mut passed: Vec<(String, u64)> = Vec::new();
    for line in text.lines() {
        match passed.iter_mut().find(|(name, _)| name == line) {
            Some((_, count)) => *count += 1,
            None => passed.push((line.to_owned(), 1)),
        }
    }
    passed
}

/// A file: mostly good records, and now and then each kind of fault.
fn records(ids: std::ops::Range<u32>) -> String {
    let mut text = "id,email,region,fee,joined,kind\n".to_owned();
    for id in ids {
        let joined = format!("20{:02}-{:02}-{:02}", 20 + id % 3, 1 + id % 12, 1 + id % 28);
        let region = ["N", "S", "E", "W"][id as usize % 4];
        let kind = ["E", "F", "G"][id as usize % 3];
        let line = match () {
            () if id % 97 == 0 => format!("{id},m{id}@example.org,{region},5,20-13-45,{kind}"),
            () if id % 101 == 0 => format!("{id},m{id}@example.org,{region},-1,{joined},{kind}"),
            () if id % 131 == 0 => format!("{id},m{id}@example.org,X,7,{joined},{kind}"),
            () if id % 173 == 0 => format!("{id},m{id}@example.org,{region},9500,{joined},{kind}"),
            () if id % 211 == 0 => format!("{id},m{id}@example.org,{region}"),
            // The same key as the record before: the later one counts.
            () if id % 151 == 0 => {
                format!("{},x{id}@example.org,{region},3,{joined},{kind}", id - 1)
            }
            // A value that another record has too, where the table wants it once.
            () if id % 307 == 0 => {
                format!("{id},m{}@example.org,{region},3,{joined},{kind}", id - 2)
            }
            () => format!("{id},m{id}@example.org,{region},{}.50,{joined},{kind}", id % 800),
        };
        writeln!(text, "{line}").expect("a string takes text");
    }
    text
}
