//! longshore loads a ship's cargo into PostgreSQL and unloads it again.
//!
//! A pipeline (TOML) names files, a table, and what every column must be. A
//! run reads the files, validates and transforms every record in parallel,
//! streams binary COPY into staging tables, and publishes the whole result in
//! one transaction, or nothing. Every record is accounted for.
//!
//! The modules, in the order data takes; a module imports only from those above
//! it (a test enforces it):

// Words, without I/O.
pub mod batch;
pub mod diagnostic;
pub mod error;
pub mod failpoint;
pub mod outcome;
pub mod panics;
pub mod private_file;
pub mod run_id;
pub mod schema;
pub mod value;

// The pipeline as written; what the database needs to know of it.
pub mod definition;
pub mod load;

// Three folders that do not know each other.
pub mod copy;
pub mod source;
pub mod transform;

// Definition + headers + catalog, resolved.
pub mod plan;

// All SQL.
pub mod postgres;

// Files for people.
pub mod report;

// The stages in order.
pub mod run;

// The way back, which waits, stops and tries again as runs do.
pub mod export;

// Invented data to try pipelines on, and what has to be found in it.
pub mod generate;

// The only place that prints.
pub mod cli;
