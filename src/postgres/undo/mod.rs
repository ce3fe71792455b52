//! Giving back what a run changed.
//!
//! **What is kept.** Before a publishing transaction updates or deletes rows, it copies them
//! to a table of its own in schema `longshore_undo` (`keep`). Rows that it inserts need no
//! copy: PostgreSQL writes into each row version which transaction made it (`xmin`), and the
//! ledger notes those the run wrote by: each statement has a subtransaction of its own, and
//! leaves a mark that shows its number (`keep::marked`). So a load of new rows costs nothing,
//! and an update one more copy of the old row. The images are dropped when their time is over
//! (`expire`).
//!
//! **What may be given back.** A row whose `xmin` is still the run's was written by it and
//! touched by nobody since; any other has been, and is not ours to overwrite (`compare`).
//!
//! **How.** Publishing passed through states that met every constraint. Undoing passes
//! through the same ones in reverse: last target first, and of each what was inserted goes,
//! what was updated is updated back, what was deleted comes back (`give_back`).

mod attributes;
mod compare;
mod expire;
mod give_back;
mod keep;
mod kept;
mod references;
mod rows;
mod scopes;

pub use compare::TargetUndo;
pub use expire::drop_expired;
pub use give_back::{Undoing, Undone, undo};
pub(super) use keep::{Deletes, Image, Written, keep_rows, mark, marked, note_written};
pub use kept::{Kept, KeptRun, KeptTarget, kept_run};
pub(super) use scopes::{keep_scopes, kept_scopes};

/// The schema that images live in.
const SCHEMA: &str = "longshore_undo";

/// What tells this database's transactions from those of another: the cluster, as far as the
/// role may know it, and the database.
const DATABASE: &str = "(select d.oid::text || '/' || case
      when has_function_privilege('pg_catalog.pg_control_system()', 'execute')
      then (select system_identifier::text from pg_catalog.pg_control_system()) else '' end
    from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())";
