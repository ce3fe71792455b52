//! Whole runs: files in, tables, tallies and reports out.

mod accounts;
mod command_line;
mod constraints;
mod independence;
mod judging;
mod plans;
mod privacy;
mod workspace;
