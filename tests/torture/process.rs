//! The real program, started, watched and ended as a shell would.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A started program; killed when it is dropped.
pub(super) struct Process {
    child: Child,
    started: Instant,
    said: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ended {
    status: ExitStatus,
    /// Standard output.
    pub(super) out: String,
    /// Standard error.
    pub(super) errors: String,
    /// How long it ran.
    pub(super) took: Duration,
}

impl Process {
    /// Starts a command; what it says is kept in files beside `said`.
    pub(super) fn start(command: &mut Command, said: &Path) -> Self {
        let file = |extension: &str| File::create(said.with_extension(extension)).expect("a file");
        let child = command.stdout(file("out")).stderr(file("err")).spawn();
        let child = child.expect("longshore starts");
        Self { child, started: Instant::now(), said: said.to_owned() }
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(super) fn has_ended(&mut self) -> Option<Ended> {
        let status = self.child.try_wait().expect("its state")?;
        Some(self.ended(status))
    }

    fn pid(&self) -> Pid {
        let raw = i32::try_from(self.child.id()).expect("a process's number");
        Pid::from_raw(raw).expect("not zero")
    }

    /// Sends a signal; a process that has ended does not mind.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid(), signal);
    }

    /// Waits for the end of the process, `limit` at most; then it is killed, and the test fails.
    pub(super) fn wait(mut self, limit: Duration) -> Result<Ended, String> {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return Ok(self.ended(status));
            }
            if Instant::now() > until {
                let _ = self.child.kill();
                let status = self.child.wait().expect("its end");
                let errors = self.ended(status).errors;
                return Err(format!("it did not end within {limit:?}; it said: {errors}"));
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits until the process has stopped itself (the failpoint's action `pause`).
    pub(super) fn wait_paused(&mut self, limit: Duration) -> Result<(), String> {
        let until = Instant::now() + limit;
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while Instant::now() < until {
            if waitid(WaitId::Pid(self.pid()), options).is_ok_and(|stopped| stopped.is_some()) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().expect("its state") {
                return Err(format!("it ended ({status}) and did not pause"));
            }
            thread::sleep(LOOK);
        }
        Err(format!("it did not pause within {limit:?}"))
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        let text = |extension: &str| {
            let bytes = fs::read(self.said.with_extension(extension)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ended { status, out: text("out"), errors: text("err"), took: self.started.elapsed() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The exit code; `None` where a signal ended it.
    pub(super) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether it was killed.
    pub(super) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// The exit code and what it said, for a failure's text.
    pub(super) fn described(&self) -> String {
        format!("{} after {:?}: {}", self.status, self.took, self.errors.trim())
    }
}
