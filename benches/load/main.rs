//! A whole load beside `psql \copy`, in one run on one server.
//!
//! ```text
//! cargo bench --bench load [-- --rows 2000000] [--rounds 3] [--threads N] [--cluster DIR]
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
mod server;
mod table;
mod ways;

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use server::Server;
use table::Table;
use ways::{WAYS, Ways};

type Failed = Box<dyn Error>;

struct Request {
    rows: u64,
    rounds: usize,
    threads: Option<String>,
    cluster: PathBuf,
}

fn main() -> ExitCode {
    match request().and_then(|request| measure(&request)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn request() -> Result<Request, Failed> {
    let cluster = data::folder().join("cluster");
    let mut request = Request { rows: 2_000_000, rounds: 3, threads: None, cluster };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            // cargo says so to every benchmark.
            "--bench" => {}
            "--rows" => request.rows = value()?.parse()?,
            "--rounds" => request.rounds = value()?.parse()?,
            "--threads" => request.threads = Some(value()?),
            "--cluster" => request.cluster = value()?.into(),
            _ => return Err(format!("`{word}` is not known").into()),
        }
    }
    Ok(request)
}

fn measure(request: &Request) -> Result<(), Failed> {
    let csv = data::file("sales", "sales.csv", request.rows)?;
    let bytes = fs::metadata(&csv)?.len();
    let server = Server::start(&request.cluster)?;
    let mut ways = Ways::prepare(&server, csv, request.rows, request.threads.clone())?;
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
