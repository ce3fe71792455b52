//! Places where a test ends the process, or a run, from outside.
//!
//! That a run survives an interruption anywhere is proven by interrupting it
//! everywhere (`tests/torture`). A failpoint has a name and stands where the
//! state on the server or on the disk has just changed, or is about to. The
//! variable `LONGSHORE_FAILPOINT=NAME=ACTION[@N]` makes the N-th arrival at one
//! (the first, unless given) do something; `LONGSHORE_FAILPOINT_TRACE=FILE`
//! appends the name of each that is passed.
//!
//! Limits on waiting are minutes; `LONGSHORE_HASTE=N` makes them N times shorter,
//! so that a test of a connection on which nothing moves takes seconds.
//!
//! What is held in memory goes up to hundreds of thousands; `LONGSHORE_SCARCITY=N` makes it N times
//! less, so that a test of what is done beyond that needs few records.
//!
//! Only builds with debug assertions have all this: in a release [`hit`], [`limit`] and [`most`]
//! do nothing and are inlined, and no variable can end a run.

/// Every failpoint, in the order of a run, with what has just happened there.
pub const POINTS: [(&str, &str); 22] = [
    ("ledger.asked", "the ledger has said which files are new; the targets are not taken"),
    ("lease.taken", "the targets are this run's; the ledger knows nothing of it"),
    ("ledger.started", "the ledger has the run as running"),
    ("staging.created", "the staging tables are there, empty"),
    ("split.begun", "the transaction of a split is open"),
    ("split.copying", "a part of a split's tuples is sent, its COPY is open"),
    ("split.copied", "all tuples of a split are sent, its checkpoint is not"),
    ("split.before_commit", "a split and its checkpoint are sent"),
    ("split.committed", "a split is committed, the run has not counted it"),
    ("report.rejection", "a line of rejections.csv is written, its record is not"),
    ("load.read", "every split is staged"),
    ("judge.target", "one target is judged by its own rules"),
    ("judge.judged", "all rejections are known, the report has not those of the database"),
    ("report.finished", "rejections.csv and rejected/ are on the disk"),
    ("publish.begun", "the publishing transaction is open and has its locks"),
    ("publish.classified", "the rows of one target are classified"),
    ("publish.statement", "one statement has deleted, updated or inserted rows of a target"),
    ("publish.written", "one target is written"),
    ("publish.before_commit", "all targets and the ledger are written"),
    ("publish.committed", "the run is published or held, its staging is there"),
    ("cleanup.dropped", "the staging tables are gone, the ledger has not the end"),
    ("summary.writing", "summary.json is written in part"),
];

/// Those of an archive, in its order.
pub const ARCHIVE_POINTS: [(&str, &str); 6] = [
    ("archive.written", "the rows are in whole files that wait for their place"),
    ("archive.verified", "the files were read again and hold what the database has"),
    ("archive.deleted", "the rows are deleted in a transaction that is open"),
    ("archive.announced", "the manifest is in its place, the files are not"),
    ("archive.placed", "the files are in their places, the transaction is open"),
    ("archive.committed", "the rows are gone, the run has not said so"),
];

/// Those of rows that go straight into their table, before `publish.written`.
pub const STRAIGHT_POINTS: [(&str, &str); 4] = [
    ("files.hashed", "a large file is hashed behind a run that is somewhere before `load.read`"),
    ("straight.opened", "the table is locked and has no indexes, its COPY is open"),
    ("straight.sent", "the rows of a split are sent"),
    ("straight.read", "every split is sent and in the log, the COPY is not ended"),
];

/// Passes a failpoint.
///
/// # Errors
/// `ErrorKind::Environment` where a test has asked for it.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_point: &'static str) -> crate::error::Result<()> {
    Ok(())
}

/// How long something is waited for.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn limit(time: std::time::Duration) -> std::time::Duration {
    time
}

/// How much is held in memory.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn most(count: usize) -> usize {
    count
}

#[cfg(debug_assertions)]
pub use armed::{hit, limit, most};

#[cfg(debug_assertions)]
mod armed {
    use std::{
        env,
        fs::OpenOptions,
        io::Write,
        sync::{
            OnceLock,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::{ARCHIVE_POINTS, POINTS, STRAIGHT_POINTS};
    use crate::error::{Error, Result};

    /// What the environment asks for.
    struct Armed {
        point: String,
        action: Action,
        /// The arrival that acts, from 1.
        arrival: u32,
        arrived: AtomicU32,
    }

    enum Action {
        /// The process gets a signal: KILL, INT, TERM, HUP, or STOP.
        Signal(Signal),
        /// The run goes on with an error.
        Error,
    }

    /// Passes a failpoint.
    ///
    /// # Errors
    /// `ErrorKind::Environment` where a test has asked for it.
    pub fn hit(point: &'static str) -> Result<()> {
        debug_assert!(is_known(point), "{point} is not in POINTS");
        trace(point)?;
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        match ARMED.get_or_init(Armed::from_environment) {
            Some(armed) if armed.point == point => armed.arrive(),
            _ => Ok(()),
        }
    }

    impl Armed {
        fn from_environment() -> Option<Self> {
            let text = env::var("LONGSHORE_FAILPOINT").ok()?;
            let parsed = Self::parse(&text);
            assert!(parsed.is_some(), "LONGSHORE_FAILPOINT is not NAME=ACTION[@N]: {text}");
            parsed
        }

        fn parse(text: &str) -> Option<Self> {
            let (point, rest) = text.split_once('=')?;
            if !is_known(point) {
                return None;
            }
            let (action, arrival) = rest.split_once('@').unwrap_or((rest, "1"));
            let action = match action {
                "kill" => Action::Signal(Signal::KILL),
                "interrupt" => Action::Signal(Signal::INT),
                "terminate" => Action::Signal(Signal::TERM),
                "hangup" => Action::Signal(Signal::HUP),
                "pause" => Action::Signal(Signal::STOP),
                "error" => Action::Error,
                _ => return None,
            };
            let (point, arrival) = (point.to_owned(), arrival.parse().ok()?);
            Some(Self { point, action, arrival, arrived: AtomicU32::new(0) })
        }

        fn arrive(&self) -> Result<()> {
            if self.arrived.fetch_add(1, Ordering::Relaxed) + 1 != self.arrival {
                return Ok(());
            }
            match &self.action {
                Action::Signal(signal) => kill_process(getpid(), *signal)
                    .map_err(|cause| Error::unexpected("no signal can be sent").caused_by(cause)),
                Action::Error => {
                    Err(Error::environment(format!("the failpoint {} was armed", self.point)))
                }
            }
        }
    }

    fn is_known(point: &str) -> bool {
        POINTS.iter().chain(&ARCHIVE_POINTS).chain(&STRAIGHT_POINTS).any(|(name, _)| *name == point)
    }

    /// How long something is waited for.
    pub fn limit(time: Duration) -> Duration {
        static HASTE: OnceLock<u32> = OnceLock::new();
        let haste = || env::var("LONGSHORE_HASTE").ok()?.parse().ok();
        time / (*HASTE.get_or_init(|| haste().unwrap_or(1))).max(1)
    }

    /// How much is held in memory.
    pub fn most(count: usize) -> usize {
        static SCARCITY: OnceLock<usize> = OnceLock::new();
        let scarcity = || env::var("LONGSHORE_SCARCITY").ok()?.parse().ok();
        count / (*SCARCITY.get_or_init(|| scarcity().unwrap_or(1))).max(1)
    }

    fn trace(point: &str) -> Result<()> {
        let Some(path) = env::var_os("LONGSHORE_FAILPOINT_TRACE") else { return Ok(()) };
        let opened = OpenOptions::new().append(true).create(true).open(path);
        // One write: threads and processes append to the same file.
        let written = opened.and_then(|mut file| file.write_all(format!("{point}\n").as_bytes()));
        written.map_err(|cause| Error::environment("the trace cannot be written").caused_by(cause))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_known_points_and_actions_are_armed() {
            let armed = Armed::parse("publish.begun=kill@3").expect("armed");
            assert_eq!((armed.point.as_str(), armed.arrival), ("publish.begun", 3));
            for wrong in
                ["publish.begun", "publish.begn=kill", "publish.begun=kil", "publish.begun=kill@x"]
            {
                assert!(Armed::parse(wrong).is_none(), "{wrong}");
            }
        }

        #[test]
        fn only_the_arrival_that_is_named_acts() {
            let armed = Armed::parse("load.read=error@2").expect("armed");
            let acts: Vec<bool> = (0..3).map(|_| armed.arrive().is_err()).collect();
            assert_eq!(acts, [false, true, false]);
        }
    }
}
