//! Everything that speaks SQL: sessions, the catalog, and what is done to tables.
//!
//! Statements are sent with their types (`query_typed`) or as plain text
//! (`batch_execute`), not prepared by name: a pooler in transaction mode hands
//! each transaction another server session, where such a name is unknown. The
//! two exceptions go by [`prepared`].

pub mod analyze;
pub mod archive;
pub mod catalog;
mod caught;
pub mod checkpoint;
pub mod copy_in;
pub mod doctor;
pub mod embedded;
pub mod endpoint;

pub mod judge;
pub mod lease;
pub mod ledger;
pub mod migrate;
pub mod partitions;
pub mod prepared;
pub mod privileges;
pub mod prove;
pub mod publish;
mod references;
pub mod resume;
pub mod session;
mod socket;
pub mod sql;
pub mod staging;
pub mod table_rows;
pub mod tenant;
mod tls;
pub mod undo;
pub mod version;
pub mod watch;
