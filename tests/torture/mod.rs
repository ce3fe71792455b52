//! Runs that are interrupted in every way we know, and run again: the state must be that of an
//! undisturbed run, every time.
//!
//! Each scenario is a number of rounds over one [`scene::Scene`]: put everything back, start the
//! real program, disturb it, run it again as an operator would, compare. `cargo test` runs few
//! rounds of each, `make torture` all of them (`LONGSHORE_TORTURE=full`). What happens in a round
//! is drawn from its number and a seed that is printed; `LONGSHORE_TORTURE_SEED` repeats it.

mod commands;
mod disk;
mod files;
mod kills;
mod network;
mod other_ways;
mod plots;
mod pooler;
mod process;
mod rounds;
mod scene;
mod server;
mod signals;
mod state;
mod turns;
