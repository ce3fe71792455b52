//! Whole runs: files in, tables, tallies and reports out.

mod accounts;
mod command_line;
mod constraints;
mod every_constraint;
mod exports;
mod held;
mod history;
mod independence;
mod interruptions;
mod json_lines;
mod judging;
mod lease;
mod lookups;
mod mirror;
mod odd_tables;
mod one_table_twice;
mod operations;
mod plans;
mod privacy;
mod replace;
mod replay;
mod resume;
mod retries;
mod undo;
mod untouched;
mod versions;
pub(crate) mod workspace;
