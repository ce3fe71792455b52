//! Watching a run: bars on a terminal, a plain line every few seconds elsewhere.

use std::{
    io::IsTerminal,
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{console::Console, tally::grouped};
use crate::run::progress::{FileProgress, Progress, Stage};

/// How often bars are redrawn.
const REDRAW: Duration = Duration::from_millis(100);

/// How often a plain line is printed.
const PLAIN_SECONDS: u64 = 10;

/// Shows a run's progress until its future ends.
pub(super) async fn watch<T>(
    console: &Console,
    progress: &Arc<Progress>,
    run: impl Future<Output = T>,
) -> T {
    let mut view = View::new(console);
    let mut run = std::pin::pin!(run);
    let mut told = 0;
    loop {
        let done = tokio::select! {
            done = &mut run => Some(done),
            () = tokio::time::sleep(REDRAW) => None,
        };
        for notice in progress.notices(told) {
            told += 1;
            view.tell(console, &notice);
        }
        match done {
            Some(done) => {
                view.clear();
                return done;
            }
            None => view.update(progress),
        }
    }
}

enum View<'c> {
    Bars(Bars),
    Lines(Lines<'c>),
    Nothing,
}

impl<'c> View<'c> {
    fn new(console: &'c Console) -> Self {
        if console.quiet {
            return View::Nothing;
        }
        if std::io::stderr().is_terminal() {
            return View::Bars(Bars::default());
        }
        View::Lines(Lines { console, started: Instant::now(), printed: 0, stage: Stage::Preparing })
    }

    fn update(&mut self, progress: &Progress) {
        match self {
            View::Bars(bars) => bars.update(progress),
            View::Lines(lines) => lines.update(progress),
            View::Nothing => {}
        }
    }

    /// A line for people; bars are drawn below it.
    fn tell(&self, console: &Console, notice: &str) {
        match self {
            View::Bars(bars) => bars.all.suspend(|| console.say(notice)),
            View::Lines(_) | View::Nothing => console.say(notice),
        }
    }

    fn clear(&mut self) {
        if let View::Bars(bars) = self {
            // A terminal that cannot be cleared any more shows a stale bar, no more.
            let _ = bars.all.clear();
        }
    }
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    files: Vec<ProgressBar>,
    stage: Option<ProgressBar>,
}

impl Bars {
    fn update(&mut self, progress: &Progress) {
        if self.files.is_empty() && !progress.files().is_empty() {
            self.files = progress.files().iter().map(|file| self.all.add(file_bar(file))).collect();
        }
        let reading = matches!(progress.stage(), Stage::Preparing | Stage::Loading);
        for (bar, file) in self.files.iter().zip(progress.files()) {
            // What has been read keeps its rate while the database works.
            if bar.is_finished() {
                continue;
            }
            bar.set_position(file.bytes_read());
            let elapsed = bar.elapsed().as_secs_f64().max(0.001);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate for people"
            )]
            let rate = (file.records() as f64 / elapsed) as u64;
            bar.set_message(format!(
                "{} records/s, {} rejected",
                grouped(rate),
                grouped(file.rejected())
            ));
            if !reading {
                bar.abandon();
            }
        }
        let bar = self.stage.get_or_insert_with(|| self.all.add(stage_bar()));
        bar.set_message(stage_line(progress));
        bar.tick();
    }
}

fn stage_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn file_bar(file: &FileProgress) -> ProgressBar {
    let template = "{prefix:24!} {wide_bar} {bytes}/{total_bytes} {msg} {eta}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(file.bytes_total).with_style(style).with_prefix(file.display.clone())
}

/// What people read once they have asked a run to stop.
pub(super) const STOPPING: &str = "stopping: what is not committed yet is taken back";

fn stage_line(progress: &Progress) -> String {
    if progress.is_cancelled() {
        return STOPPING.to_owned();
    }
    match progress.stage() {
        Stage::Preparing => "reading headers and the catalog".to_owned(),
        Stage::Loading => format!("{} rows staged", grouped(progress.staged_rows())),
        Stage::Judging => format!(
            "{} rows staged; checking them in the database",
            grouped(progress.staged_rows())
        ),
        Stage::Publishing => format!("publishing {} rows", grouped(progress.staged_rows())),
        Stage::Exporting => exported_line(progress),
        Stage::Ended => "cleaning up".to_owned(),
    }
}

fn exported_line(progress: &Progress) -> String {
    let exported = progress.exported();
    let expected = match exported.expected_rows() {
        0 => String::new(),
        rows => format!(" of about {}", grouped(rows)),
    };
    format!(
        "{}{expected} rows written, {} bytes",
        grouped(exported.rows()),
        grouped(exported.bytes())
    )
}

struct Lines<'c> {
    console: &'c Console,
    started: Instant,
    printed: u64,
    stage: Stage,
}

impl Lines<'_> {
    /// A line every few seconds, and one when a late stage begins after a while.
    fn update(&mut self, progress: &Progress) {
        let seconds = self.started.elapsed().as_secs();
        let due = seconds >= self.printed + PLAIN_SECONDS;
        let entered = progress.stage() != self.stage && seconds >= PLAIN_SECONDS;
        self.stage = progress.stage();
        if !due && !entered {
            return;
        }
        self.printed = seconds;
        if progress.stage() == Stage::Exporting {
            self.console.say(&format!("{seconds} s: {}", stage_line(progress)));
            return;
        }
        let (read, total) = bytes(progress);
        let percent = (read * 100).checked_div(total).unwrap_or(0);
        let records: u64 = progress.files().iter().map(FileProgress::records).sum();
        let rejected: u64 = progress.files().iter().map(FileProgress::rejected).sum();
        self.console.say(&format!(
            "{seconds} s: {percent} % read, {} records, {} rejected, {}",
            grouped(records),
            grouped(rejected),
            stage_line(progress)
        ));
    }
}

fn bytes(progress: &Progress) -> (u64, u64) {
    let files = progress.files();
    (
        files.iter().map(FileProgress::bytes_read).sum(),
        files.iter().map(|file| file.bytes_total).sum(),
    )
}
