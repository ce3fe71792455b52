//! Trades into a table that is partitioned by month, beside the same into one that is not.
//!
//! ```text
//! cargo bench --bench ticks [-- --rows 5000000] [--rounds 3] [--cluster DIR] [--binary PATH]
//! ```
//!
//! `longshore generate market` makes the data: one trade every ten seconds, so that 5,000,000 of
//! them are spread over 19 months. Both ways are `pipelines/market/trades.toml`, of which one has
//! no `partitions`; each loads into an empty table with the same key, references and checks, and
//! the partitions are made by the run. After each turn both tables must hold the same rows.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]
#![allow(missing_docs, reason = "a program has no reader of its interface")]

#[path = "../load/child.rs"]
mod child;
#[path = "../data.rs"]
#[allow(dead_code, reason = "shared with the benchmark of loads")]
mod data;
#[path = "../request.rs"]
mod request;
#[path = "../load/server.rs"]
mod server;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use child::Measured;
use request::{Request, ended, median};
use server::Server;

type Failed = Box<dyn Error>;

const MIGRATION: &str = "migrations/20261121104000_market.up.sql";
const PIPELINE: &str = include_str!("../../pipelines/market/trades.toml");
const LOOKUPS: [(&str, &str); 2] = [
    ("assets.csv", include_str!("../../pipelines/market/assets.toml")),
    ("markets.csv", include_str!("../../pipelines/market/markets.toml")),
];

/// The table that trades go to by the pipeline, made a plain one under another name.
const PLAIN: &str = "create table market.plain (like market.trades including all);
    alter table market.plain add foreign key (market_id) references market.market";

/// All partitions go, so that the next run makes its own.
const EMPTY: &str = "do $$ declare part regclass; begin
      for part in select inhrelid from pg_inherits where inhparent = 'market.trades'::regclass loop
        execute format('drop table %s', part);
      end loop;
    end $$; truncate market.plain";

fn main() -> ExitCode {
    let request = Request::read(5_000_000, "ticks-cluster", "");
    ended(request.and_then(|request| measure(&request)))
}

fn measure(request: &Request) -> Result<(), Failed> {
    let files = made(request)?;
    let server = Server::start(&request.cluster)?;
    let mut psql = server.psql();
    psql.arg("--file").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(MIGRATION));
    child::run(psql)?;
    server.ask(PLAIN)?;
    for (file, pipeline) in LOOKUPS {
        let pipeline = pipeline.replace("sample-data/market", &files.display().to_string());
        child::run(longshore(request, &server, &files.join(file), &pipeline)?)?;
    }
    let trades = PIPELINE.replace(
        "sample-data/market/trades*.csv.gz",
        &files.join("trades.csv.gz").to_string_lossy(),
    );
    let plain: String = trades
        .replace("market.trades", "market.plain")
        .lines()
        .filter(|line| !line.starts_with("partitions"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut taken: [Vec<Measured>; 2] = Default::default();
    for round in 1..=request.rounds {
        server.ask(EMPTY)?;
        server.ask("checkpoint")?;
        for (at, (name, pipeline)) in
            [("plain", &plain), ("trades", &trades)].into_iter().enumerate()
        {
            let before = server.backend_seconds()?;
            let command = longshore(request, &server, &files.join(name), pipeline)?;
            let mut measured = child::run(command)?.0;
            measured.server_seconds = server.backend_seconds()? - before;
            eprintln!("round {round}: {name:6} {:6.2} s", measured.seconds);
            taken[at].push(measured);
        }
        let sums = ["plain", "trades"].map(|table| content(&server, table));
        let [plain, trades] = sums;
        if plain? != trades? {
            return Err("the tables do not hold the same rows".into());
        }
    }
    report(&server, request, &taken)?;
    server.remove()
}

/// The folder of the generated files, made unless it is there.
fn made(request: &Request) -> Result<PathBuf, Failed> {
    let folder = data::folder().join(format!("{}-market", request.rows));
    if !folder.exists() {
        let making = data::folder().join("making-market");
        let mut generate = Command::new(&request.binary);
        generate.args(["generate", "market", "--rows", &request.rows.to_string(), "--out"]);
        child::run({
            generate.arg(&making);
            generate
        })?;
        fs::rename(&making, &folder)?;
    }
    Ok(folder)
}

/// A run of a pipeline that is written beside its data.
fn longshore(
    request: &Request,
    server: &Server,
    beside: &Path,
    pipeline: &str,
) -> Result<Command, Failed> {
    let path = beside.with_extension("toml");
    fs::write(&path, pipeline)?;
    let mut longshore = Command::new(&request.binary);
    longshore.args(["run", "--force", "--output", "json", "--quiet", "--database"]);
    longshore.arg(server.url()).arg(path).arg("--report-dir").arg(data::folder().join("reports"));
    Ok(longshore)
}

/// How many rows there are, and a sum over all of them.
fn content(server: &Server, table: &str) -> Result<String, Failed> {
    server.ask(&format!(
        "select count(*) || ':' || sum(hashtextextended(t::text, 0)) from market.{table} t"
    ))
}

fn report(server: &Server, request: &Request, taken: &[Vec<Measured>; 2]) -> Result<(), Failed> {
    let parts = server
        .ask("select count(*) from pg_inherits where inhparent = 'market.trades'::regclass")?;
    let of = |from: fn(&Measured) -> f64| {
        taken.each_ref().map(|all| median(all.iter().map(from).collect()))
    };
    let ([plain, parted], [plain_cpu, parted_cpu], [plain_own, parted_own]) =
        (of(|it| it.seconds), of(|it| it.server_seconds), of(|it| it.processor_seconds));
    println!("{} trades; medians of {} rounds\n", request.rows, request.rounds);
    println!(
        "| table | seconds | server CPU s | own CPU s | rate × plain |\n|---|--:|--:|--:|--:|"
    );
    println!("| plain | {plain:.2} | {plain_cpu:.2} | {plain_own:.2} | 1.00 |");
    println!(
        "| {parts} partitions | {parted:.2} | {parted_cpu:.2} | {parted_own:.2} | {:.2} |",
        plain / parted
    );
    Ok(())
}
