//! Whole runs: files in, tables, tallies and reports out.

mod accounts;
mod command_line;
mod constraints;
mod independence;
mod interruptions;
mod judging;
mod lease;
mod plans;
mod privacy;
mod versions;
pub(crate) mod workspace;
