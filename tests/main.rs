//! Everything that needs more than one module: one binary, one embedded cluster.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing where it does not"
)]

mod geometry;
mod postgres;
mod support;
