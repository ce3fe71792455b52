//! What only a real server can tell.

mod catalog;
mod doctor;
mod embedded;
mod migrate;
mod session;
mod tls;
