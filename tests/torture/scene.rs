//! A folder with files and pipelines, a database to load them into, and the program.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use longshore::{
    failpoint::{POINTS, STRAIGHT_POINTS},
    postgres::endpoint::Endpoint,
};
use tokio_postgres::Client;

use super::{
    plots::{BEFORE, PLOTS, Plot, TABLES, records},
    process::{Ended, Process},
    rounds::Draw,
    state::{self, State},
};
use crate::support::age;

/// The longest a run that nobody disturbs may take, on a machine that has much else to do.
pub(super) const RUN_LIMIT: Duration = Duration::from_secs(120);

/// The longest that what a dead process held may keep others out.
const GONE_LIMIT: Duration = Duration::from_secs(20);

/// Files, two pipelines and a database.
pub(super) struct Scene {
    /// Where the database is.
    pub(super) url: String,
    folder: tempfile::TempDir,
    /// The pipeline of this round.
    plot: Cell<Plot>,
    /// What the tables hold before a run.
    before: Vec<String>,
    /// What an undisturbed run of each pipeline leaves.
    undisturbed: Vec<(Plot, State)>,
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
    /// Another command than `run`, with its arguments.
    pub(super) command: Vec<String>,
    /// With SIGHUP ignored, as `nohup` does.
    pub(super) ignoring: bool,
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
    /// The files and tables, and what undisturbed runs make of them.
    pub(super) async fn create(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("in")).expect("a folder");
        for plot in PLOTS {
            let pipeline = plot.pipeline(&folder.path().display().to_string());
            fs::write(folder.path().join(plot.file()), pipeline).expect("the pipeline");
        }
        let (plot, before, undisturbed) = (Cell::new(Plot::Adding), Vec::new(), Vec::new());
        let mut scene = Self { url: url.to_owned(), folder, plot, before, undisturbed };
        scene.client().await.batch_execute(TABLES).await.expect("the tables");
        for plot in PLOTS {
            scene.reset_to(plot).await;
            scene.before = state::tables(&scene.client().await).await;
            scene.again(0).expect("an undisturbed run");
            let state = state::read(&scene.client().await).await.expect("its state");
            let (targets, before) = (plot.targets(), &scene.before);
            assert!(state.has_everything(targets, before), "too little to compare: {state:?}");
            scene.undisturbed.push((plot, state));
        }
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

    /// Puts everything back to where it was before any run, for any pipeline.
    pub(super) async fn reset(&self, draw: &mut Draw) {
        self.reset_to(*draw.one(&PLOTS)).await;
    }

    /// The same for any pipeline whose run comes by a failpoint, which may have an action behind it.
    pub(super) async fn reset_for(&self, point: &str, draw: &mut Draw) {
        let name = point.split('=').next().unwrap_or(point);
        let plots: Vec<Plot> = PLOTS.into_iter().filter(|plot| plot.comes_by(name)).collect();
        self.reset_to(*draw.one(&plots)).await;
    }

    /// Puts everything back to where it was before any run, for one pipeline.
    pub(super) async fn reset_to(&self, plot: Plot) {
        self.plot.set(plot);
        let reports = self.path("reports");
        if reports.exists() {
            fs::remove_dir_all(reports).expect("the reports are removed");
        }
        self.write_files();
        // What a disturbed run held on the server may last a moment longer than its process.
        self.client().await.batch_execute(BEFORE).await.expect("the tables are reset");
    }

    /// The pipeline of this round.
    pub(super) fn plot(&self) -> Plot {
        self.plot.get()
    }

    /// Writes the files that are loaded.
    pub(super) fn write_files(&self) {
        for file in 0..2 {
            let path = self.path(&format!("in/{file}.csv"));
            fs::write(&path, records(file, self.plot())).expect("a file");
            // What was written just now would be hashed before it is read.
            age(&path);
        }
    }

    /// Starts the program on the pipeline.
    pub(super) fn start(&self, how: &How) -> Process {
        self.start_as("run", how)
    }

    /// Starts the program; what it says is kept under a name of its own.
    pub(super) fn start_as(&self, said: &str, how: &How) -> Process {
        let program = env!("CARGO_BIN_EXE_longshore");
        let mut command = match how.ignoring {
            false => Command::new(program),
            true => Command::new("/bin/sh"),
        };
        if how.ignoring {
            command.args(["-c", r#"trap '' HUP; exec "$@""#, "sh", program]);
        }
        command.env_clear().current_dir(self.folder.path());
        command.env("DATABASE_URL", how.url.as_ref().unwrap_or(&self.url));
        command.envs(how.variables.iter().map(|(name, value)| (name, value)));
        command.envs(self.plot().variables());
        if how.command.is_empty() {
            command.args(["run", how.pipeline.unwrap_or(self.plot().file()), "--report-dir"]);
            command.arg(how.reports.as_ref().unwrap_or(&self.path("reports")));
            command.args(["--split-size", "8KiB", "--threads", "2"]).args(&how.arguments);
        }
        command.args(&how.command);
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
        self.undisturbed().compare(&now)?;
        // One more run finds nothing to do: the files count as loaded, once.
        let more = self.start(&How::default()).wait(RUN_LIMIT)?;
        if more.code() != Some(0)
            || !more.errors.contains("unchanged") && !more.out.contains("unchanged")
        {
            return Err(format!("a run after the last one: {}", more.described()));
        }
        match self.path("reports/.unfinished").exists() {
            true => Err("encoded rows are left on the disk".to_owned()),
            false => Ok(()),
        }
    }

    /// Whether all is as an undisturbed run leaves it, but for sessions that a pooler keeps.
    pub(super) async fn is_as_undisturbed_but_for_sessions(&self) -> Result<(), String> {
        let now = state::read_but_sessions(&self.client().await).await?;
        self.undisturbed().compare(&now)
    }

    fn undisturbed(&self) -> &State {
        let of = self.undisturbed.iter().find(|(plot, _)| *plot == self.plot());
        &of.expect("it is known").1
    }

    /// Whether nothing is published.
    pub(super) async fn is_untouched(&self) -> bool {
        state::tables(&self.client().await).await == self.before
    }

    /// The failpoints that undisturbed runs of the pipelines pass, with how often.
    pub(super) async fn passed(&self) -> Vec<Passed> {
        let mut passed = Vec::new();
        for plot in PLOTS {
            self.reset_to(plot).await;
            let trace = self.path(plot.file()).with_extension("trace");
            let how = How {
                variables: vec![("LONGSHORE_FAILPOINT_TRACE", trace.display().to_string())],
                ..How::default()
            };
            let ended = self.start(&how).wait(RUN_LIMIT).expect("it ends");
            assert_eq!(ended.code(), Some(0), "{}", ended.described());
            passed.push((plot, passes(&trace)));
        }
        let of = |at: usize, name: &str| {
            let of: &Vec<(String, u64)> = &passed[at].1;
            of.iter().find(|(passed, _)| passed == name).map_or(0, |(_, passes)| *passes)
        };
        let points = POINTS.iter().chain(&STRAIGHT_POINTS);
        let passes = |name| [0, 1, 2].map(|plot| of(plot, name));
        points.map(|(name, _)| Passed { name, passes: passes(name) }).collect()
    }
}

/// A failpoint, and how often a run of each pipeline passes it.
pub(super) struct Passed {
    pub(super) name: &'static str,
    passes: [u64; 3],
}

impl Passed {
    /// How often a run of that pipeline passes it.
    pub(super) fn by(&self, plot: Plot) -> u64 {
        self.passes[plot as usize]
    }
}

/// What a trace says was passed, with how often.
pub(super) fn passes(trace: &Path) -> Vec<(String, u64)> {
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
