//! What only a real server can tell.

mod catalog;
mod embedded;
mod migrate;
mod session;
