//! Exit codes: a contract with cron, systemd and scripts.

use crate::{
    error::{Error, ErrorKind},
    report::RunStatus,
};

/// How the command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ExitStatus {
    /// Done.
    Done = 0,
    /// A fault of longshore itself.
    Unexpected = 1,
    /// The command line or a definition cannot be used.
    Definition = 2,
    /// A run waits for approval.
    Held = 3,
    /// Too many rejections; nothing is published.
    Rejected = 4,
    /// A source is missing, incomplete, or changed while it was read.
    Source = 5,
    /// Another run holds the target.
    Busy = 6,
    /// The database or the environment refused.
    Environment = 7,
    /// The operator stopped it.
    Interrupted = 130,
}

impl ExitStatus {
    /// Of several commands in one, the first that was not done decides.
    #[must_use]
    pub(super) fn merge(self, later: Self) -> Self {
        if self == ExitStatus::Done { later } else { self }
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        std::process::ExitCode::from(status as u8)
    }
}

impl From<&Error> for ExitStatus {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Unexpected => ExitStatus::Unexpected,
            ErrorKind::Definition => ExitStatus::Definition,
            ErrorKind::Source => ExitStatus::Source,
            ErrorKind::Busy => ExitStatus::Busy,
            ErrorKind::Environment => ExitStatus::Environment,
            ErrorKind::Interrupted => ExitStatus::Interrupted,
        }
    }
}

impl From<RunStatus> for ExitStatus {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Published
            | RunStatus::Unchanged
            | RunStatus::DryRun
            | RunStatus::Discarded => ExitStatus::Done,
            RunStatus::Held => ExitStatus::Held,
            RunStatus::Rejected => ExitStatus::Rejected,
            RunStatus::Failed => ExitStatus::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_contract() {
        let codes = [
            (ExitStatus::Done, 0),
            (ExitStatus::Unexpected, 1),
            (ExitStatus::Definition, 2),
            (ExitStatus::Held, 3),
            (ExitStatus::Rejected, 4),
            (ExitStatus::Source, 5),
            (ExitStatus::Busy, 6),
            (ExitStatus::Environment, 7),
            (ExitStatus::Interrupted, 130),
        ];
        for (status, code) in codes {
            assert_eq!(status as u8, code);
        }
    }

    #[test]
    fn the_first_failure_decides() {
        assert_eq!(ExitStatus::Done.merge(ExitStatus::Source), ExitStatus::Source);
        assert_eq!(ExitStatus::Held.merge(ExitStatus::Source), ExitStatus::Held);
        assert_eq!(ExitStatus::Held.merge(ExitStatus::Done), ExitStatus::Held);
    }
}
