//! Whole runs: files in, tables, tallies and reports out.

mod accounts;
mod command_line;
mod constraints;
mod independence;
mod interruptions;
mod json_lines;
mod judging;
mod lease;
mod plans;
mod privacy;
pub(crate) mod workspace;
