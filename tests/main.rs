//! Everything that needs more than one module: one binary, one embedded cluster.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing where it does not"
)]

mod definitions;
mod demo;
mod documentation;
mod geometry;
mod layers;
mod postgres;
mod real_files;
mod round_trip;
mod run;
mod sample_data;
mod support;
mod torture;
