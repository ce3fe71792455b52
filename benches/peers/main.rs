//! Loads beside the tools that others use for them, in turn, on one server.
//!
//! ```text
//! cargo bench --bench peers [-- CONTEST ...] [--rounds 3] [--sales 2000000] [--parcels 300000]
//!     [--students 300000] [--binary PATH] [--python PATH]
//! ```
//!
//! Contests are `csv`, `validate`, `geojson`, `reproject`, `shapefile`, `workbook`, `connections`,
//! `targets`, `start` and `size`; without a name, all of them. A tool that is not installed is left out, and
//! said so: `gdal-bin` (ogr2ogr), `postgis` (shp2pgsql) and `pgloader` of the distribution, DuckDB
//! and dlt of a Python that `--python` names. `benches/README.md` says how to read the result.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]
#![allow(missing_docs, reason = "a program has no reader of its interface")]

#[path = "../load/child.rs"]
#[allow(dead_code, reason = "shared with the benchmark of loads")]
mod child;
mod contests;
#[path = "../data.rs"]
mod data;
mod parcels;
#[path = "../load/server.rs"]
#[allow(dead_code, reason = "shared with the benchmark of loads")]
mod server;
mod targets;
mod tools;
mod workbook;

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use child::Measured;
use contests::{Contest, Way};
use server::Server;

type Failed = Box<dyn Error>;

/// What to measure.
struct Request {
    contests: Vec<String>,
    rounds: usize,
    sales: u64,
    parcels: u64,
    students: u64,
    binary: PathBuf,
    python: PathBuf,
}

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn request() -> Result<Request, Failed> {
    let mut request = Request {
        contests: Vec::new(),
        rounds: 3,
        sales: 2_000_000,
        parcels: 300_000,
        students: 300_000,
        binary: env!("CARGO_BIN_EXE_longshore").into(),
        python: "python3".into(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            // cargo says so to every benchmark.
            "--bench" => {}
            "--rounds" => request.rounds = value()?.parse()?,
            "--sales" => request.sales = value()?.parse()?,
            "--parcels" => request.parcels = value()?.parse()?,
            "--students" => request.students = value()?.parse()?,
            "--binary" => request.binary = value()?.into(),
            "--python" => request.python = value()?.into(),
            _ => request.contests.push(word),
        }
    }
    Ok(request)
}

fn measure() -> Result<(), Failed> {
    // The bare reading of a workbook is a way like the others: a process of its own.
    if let Some(path) = std::env::args().skip_while(|word| word != "--read-workbook").nth(1) {
        return workbook::read_bare(&path);
    }
    let request = request()?;
    let server = Server::start(&data::folder().join("peers-cluster"))?;
    server.ask("create extension postgis")?;
    let prepared = contests::Prepared::new(&request, &server)?;
    for name in contests::NAMES {
        if request.contests.is_empty() || request.contests.iter().any(|wanted| wanted == name) {
            take_turns(prepared.contest(name)?, request.rounds, &server)?;
        }
    }
    server.remove()
}

fn take_turns(contest: Contest, rounds: usize, server: &Server) -> Result<(), Failed> {
    let mut taken: Vec<Vec<Measured>> = contest.ways.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (way, taken) in contest.ways.iter().zip(&mut taken) {
            if way.once && round > 1 {
                continue;
            }
            let measured = turn(way, server)?;
            eprintln!(
                "{}, round {round}: {:40} {:7.2} s",
                contest.title, way.name, measured.seconds
            );
            taken.push(measured);
        }
    }
    let medians: Vec<Measured> = taken.iter().map(|taken| median(taken)).collect();
    let against = medians[contest.against].seconds;
    println!("\n### {}\n\nload average {}\n", contest.title, load_average());
    println!(
        "| way | seconds | own CPU s | server CPU s | peak MiB | ratio |\n|---|--:|--:|--:|--:|--:|"
    );
    for (way, took) in contest.ways.iter().zip(&medians) {
        println!(
            "| {} | {:.3} | {:.2} | {:.2} | {:.0} | {:.2} |",
            way.name,
            took.seconds,
            took.processor_seconds,
            took.server_seconds,
            took.peak_mib,
            took.seconds / against
        );
    }
    Ok(())
}

/// One turn: what comes before is not measured, what was done is checked.
fn turn(way: &Way, server: &Server) -> Result<Measured, Failed> {
    for statement in way.ready.iter().map(String::as_str).chain(["checkpoint"]) {
        server.ask(statement)?;
    }
    let before = server.backend_seconds()?;
    let (mut measured, _) = child::run((way.command)())?;
    measured.server_seconds = server.backend_seconds()? - before;
    if let Some((query, expected)) = &way.check {
        let found = server.ask(query)?;
        if found != *expected {
            return Err(format!("{}: {found} rows, and {expected} were expected", way.name).into());
        }
    }
    Ok(measured)
}

fn median(taken: &[Measured]) -> Measured {
    let middle = |of: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = taken.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Measured {
        seconds: middle(|it| it.seconds),
        processor_seconds: middle(|it| it.processor_seconds),
        server_seconds: middle(|it| it.server_seconds),
        peak_mib: middle(|it| it.peak_mib),
    }
}

/// How busy the machine is with other things: to tell whether a result can be trusted.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
