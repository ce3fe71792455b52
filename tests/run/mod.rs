//! Whole runs: files in, tables, tallies and reports out.

mod accounts;
mod command_line;
mod constraints;
mod exports;
mod held;
mod independence;
mod interruptions;
mod json_lines;
mod judging;
mod lease;
mod mirror;
mod plans;
mod privacy;
mod replace;
mod resume;
mod retries;
mod untouched;
pub(crate) mod workspace;
