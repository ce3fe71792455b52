//! From a decoded record to typed, checked values: steps, code lists, parsing, rules.
//!
//! Everything here is pure and compiled: a definition's column is resolved once
//! against the catalog's column (`ColumnTransform::compile`), and what can be
//! wrong with it is found then. Afterwards a worker walks its columns for each
//! record; a column gives a value or adds violations, and never stops early, so
//! that a rejected record lists everything that is wrong with it.

mod code_list;
mod column;
mod constant;
mod empty;
mod filter;
pub mod geometry;
mod operation;
pub mod parse;
mod render;
mod rules;
mod steps;
mod words;

pub use column::{ColumnTransform, CompileEnvironment};
pub use empty::EmptyCells;
pub use filter::RowFilter;
pub use operation::{Operation, Operations};
