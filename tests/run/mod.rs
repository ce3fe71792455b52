//! Whole runs: files in, tables, tallies and reports out.

mod accounts;
mod command_line;
mod constraints;
mod every_constraint;
mod independence;
mod interruptions;
mod judging;
mod lease;
mod odd_tables;
mod plans;
mod privacy;
pub(crate) mod workspace;
