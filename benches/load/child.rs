//! One child process, watched from outside: its time, its processor time, its greatest memory.

use std::{
    fs,
    io::Read,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Failed;

/// Between two looks at a child's memory. The kernel keeps the greatest value
/// itself, so only what grows within the last pause is missed.
const PAUSE: Duration = Duration::from_millis(2);

/// Units of processor time in `/proc`, in seconds.
const TICK_SECONDS: f64 = 0.01;

/// What one child took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    /// From start to end.
    pub(super) seconds: f64,
    /// Processor time of the child.
    pub(super) processor_seconds: f64,
    /// Processor time of the server's backends that it had.
    pub(super) server_seconds: f64,
    /// Its greatest resident memory, in MiB; 0 on systems without `/proc`.
    pub(super) peak_mib: f64,
}

/// Runs a command to its end; gives what it printed on standard output.
pub(super) fn run(mut command: Command) -> Result<(Measured, String), Failed> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().map(|mut output| {
        thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).map(|_| text)
        })
    });
    let mut measured = watch(&child)?;
    measured.seconds = started.elapsed().as_secs_f64();
    let status = child.wait()?;
    let text = output.and_then(|thread| thread.join().ok()).transpose()?.unwrap_or_default();
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok((measured, text))
}

/// Looks at a child until it has ended; it is not waited for, so that `/proc` still knows it.
fn watch(child: &Child) -> Result<Measured, Failed> {
    let number = i32::try_from(child.id())?;
    let process = Pid::from_raw(number).ok_or("a process has the number 0")?;
    let mut measured = Measured::default();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(process), options)?.is_none() {
        measured.peak_mib = peak_mib(number).unwrap_or(measured.peak_mib);
        thread::sleep(PAUSE);
    }
    measured.processor_seconds = processor_seconds(number, 11);
    Ok(measured)
}

fn peak_mib(process: i32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Whether a process has a child whose command line says `name`, as a backend's says its database,
/// or that is about to end and has no command line any more.
pub(super) fn has_child_named(process: i32, name: &str) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|entry| {
        let text = |file: &str| {
            let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let line = text("cmdline");
        (line.is_empty() || line.contains(name))
            && stat_field(&text("stat"), 1) == f64::from(process)
    })
}

/// Processor time of the children that a process has waited for: of a server, its backends.
pub(super) fn children_seconds(process: i32) -> f64 {
    processor_seconds(process, 13)
}

/// User and system time: fields `first` and `first + 1` of `/proc/PID/stat` after the name.
fn processor_seconds(process: i32, first: usize) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    (stat_field(&stat, first) + stat_field(&stat, first + 1)) * TICK_SECONDS
}

/// A number of `/proc/PID/stat`, counted from 0 after the name; 0 where there is none.
fn stat_field(stat: &str, index: usize) -> f64 {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name.split(' ').nth(index).and_then(|field| field.parse().ok()).unwrap_or_default()
}
