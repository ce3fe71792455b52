//! A whole load beside `psql \copy`, in one run on one server.
//!
//! ```text
//! cargo bench --bench load [-- --rows 2000000] [--rounds 3] [--threads N] [--cluster DIR] [--binary PATH]
//! ```
//!
//! A machine is never twice the same, so the ways take turns, round by round,
//! on a server of their own with durable settings, and medians are compared.
//! What a way left in the table is checked after each turn; in the first round
//! the rows of all ways are compared, too. `benches/README.md` says how to read
//! the result.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]
#![allow(missing_docs, reason = "a program has no reader of its interface")]

mod child;
#[path = "../data.rs"]
mod data;
#[path = "../request.rs"]
#[allow(dead_code, reason = "it has a median of its own")]
mod request;
mod server;
mod table;
mod ways;

use std::{error::Error, fs, process::ExitCode};

use request::{Request, ended};
use server::Server;
use table::Table;
use ways::{Tool, WAYS, Ways};

type Failed = Box<dyn Error>;

fn main() -> ExitCode {
    let request = Request::read(2_000_000, "cluster", "--threads");
    ended(request.and_then(|request| measure(&request)))
}

fn measure(request: &Request) -> Result<(), Failed> {
    let csv = data::file("sales", "sales.csv", request.rows)?;
    let bytes = fs::metadata(&csv)?.len();
    let server = Server::start(&request.cluster)?;
    let tool = Tool { binary: request.binary.clone(), threads: request.own.clone() };
    let mut ways = Ways::prepare(&server, csv, request.rows, tool)?;
    let mut table = Table::new(request.rows, bytes);
    let load_before = load_average();
    for round in 1..=request.rounds {
        for way in WAYS {
            let measured = ways.take(way)?;
            eprintln!("round {round}: {:42} {:6.2} s", way.name(), measured.seconds);
            table.add(way, measured);
        }
    }
    println!(
        "{} rounds; load average before {load_before}, after {}",
        request.rounds,
        load_average()
    );
    println!("{table}");
    server.remove()
}

/// How busy the machine is with other things: to tell whether a result can be trusted.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
