//! What each rule on rows together adds to a load: parcels, their owners and their addresses.
//!
//! ```text
//! cargo bench --bench rules [-- --rows 300000] [--rounds 3] [--cluster DIR] [--binary PATH] [--faults 0.1%]
//! ```
//!
//! The pipelines are those of `pipelines/cadastre`, first without any rule, then with one at a
//! time, then with all, in turn, each into an empty table of a server of its own with durable
//! settings. The parcels are two towns: one without streets and with faults, and one whose blocks
//! lie between streets that are part of no parcel, so that a third of all sides are rim.
//!
//! Ratios are of processor time, of ours and of the server's together, which other work on the
//! machine changes little; each is taken within a round, and the median is over rounds.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]
#![allow(missing_docs, reason = "a program has no reader of its interface")]
#![allow(dead_code, reason = "the load benchmark uses more of what both share")]

#[path = "../load/child.rs"]
mod child;
#[path = "../data.rs"]
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

const MIGRATIONS: [&str; 2] = [
    "migrations/20261101120000_cadastre.up.sql",
    "migrations/20261121100000_cadastre_registers.up.sql",
];

/// How rules of a target begin in a definition.
const RULES: [&str; 5] = ["overlap", "gap", "area", "total", "inside"];

/// A table that is loaded, from a file.
struct Load {
    what: &'static str,
    table: &'static str,
    pipeline: &'static str,
    file: PathBuf,
}

fn main() -> ExitCode {
    let request = Request::read(300_000, "rules-cluster", "--faults");
    ended(request.and_then(|request| measure(&request)))
}

fn measure(request: &Request) -> Result<(), Failed> {
    let made = register(request)?;
    let town = data::file("parcels", "parcels.geojson", request.rows)?;
    let server = Server::start(&request.cluster)?;
    for migration in MIGRATIONS {
        let mut psql = server.psql();
        psql.arg("--file").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(migration));
        child::run(psql)?;
    }
    let load =
        |what, table, pipeline, file: &Path| Load { what, table, pipeline, file: file.into() };
    let (parcels, lots) = (
        include_str!("../../pipelines/cadastre/parcels.toml"),
        include_str!("../../pipelines/cadastre/lots.toml"),
    );
    let (owners, addresses) = (
        include_str!("../../pipelines/cadastre/owners.toml"),
        include_str!("../../pipelines/cadastre/addresses.toml"),
    );
    // Owners and addresses refer to the parcels that are loaded last.
    let loads = [
        load("parcels between streets", "parcel", lots, &town),
        load("parcels", "parcel", parcels, &made.join("parcels.csv")),
        load("owners", "owner_interest", owners, &made.join("owners.csv")),
        load("addresses", "address", addresses, &made.join("addresses.csv")),
    ];
    println!("{} parcels; medians of {} rounds\n", request.rows, request.rounds);
    println!("| load | rule | seconds | own CPU s | server CPU s | peak MiB | × no rule |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    for load in &loads {
        measure_load(request, &server, load, blocks(parcels))?;
    }
    server.remove()
}

/// The register's files, made by the program that is measured.
fn register(request: &Request) -> Result<PathBuf, Failed> {
    let folder = data::folder().join(format!("{}-{}-cadastre", request.rows, faults(request)));
    if !folder.join("addresses.csv").exists() {
        fs::create_dir_all(&folder)?;
        let mut generate = Command::new(&request.binary);
        generate.args(["generate", "cadastre", "--faults", faults(request), "--rows"]);
        generate.arg(request.rows.to_string()).arg("--out").arg(&folder);
        child::run(generate)?;
    }
    Ok(folder)
}

/// A definition's rules on rows together, each by its name.
fn blocks(definition: &str) -> Vec<(&'static str, String)> {
    let mut blocks: Vec<(&'static str, String)> = Vec::new();
    let mut within = false;
    for line in definition.lines() {
        if line.starts_with('[') {
            let rule = RULES.iter().find(|rule| line.trim() == format!("[[target.{rule}]]"));
            within = rule.is_some();
            blocks.extend(rule.map(|rule| (*rule, String::new())));
        }
        if let Some((_, text)) = blocks.last_mut().filter(|_| within) {
            text.push_str(line);
            text.push('\n');
        }
    }
    blocks
}

/// A definition of one target without its rules, reading a file.
fn without_rules(definition: &str, file: &Path) -> String {
    let rules = ["check"].iter().chain(&RULES).map(|rule| format!("[[target.{rule}]]"));
    let end = rules.filter_map(|rule| definition.find(&rule)).min().unwrap_or(definition.len());
    let lines = definition[..end].lines().map(|line| match line.starts_with("path ") {
        true => format!("path = \"{}\"\n", file.display()),
        false => format!("{line}\n"),
    });
    lines.collect::<String>().replace("\"10%\"", "\"50%\"").replace("\"20%\"", "\"50%\"")
}

fn measure_load(
    request: &Request,
    server: &Server,
    load: &Load,
    of_parcels: Vec<(&'static str, String)>,
) -> Result<(), Failed> {
    let own = blocks(load.pipeline);
    let rules = if own.is_empty() { of_parcels } else { own };
    let mut ways = vec![("none", String::new())];
    ways.extend(rules.iter().map(|(name, text)| (*name, text.clone())));
    if rules.len() > 1 {
        ways.push(("all", rules.iter().map(|(_, text)| text.as_str()).collect()));
    }
    let folder = data::folder().join("rules");
    fs::create_dir_all(&folder)?;
    let mut taken: Vec<Vec<Measured>> = vec![Vec::new(); ways.len()];
    for round in 1..=request.rounds {
        for ((name, text), taken) in ways.iter().zip(&mut taken) {
            let pipeline = folder.join(format!("{name}.toml"));
            fs::write(&pipeline, without_rules(load.pipeline, &load.file) + text)?;
            server.ask(&format!("truncate cadastre.{} cascade", load.table))?;
            server.ask("vacuum analyze cadastre.parcel")?;
            server.ask("checkpoint")?;
            let one = run(request, server, &pipeline, &folder)?;
            let (wall, own, theirs) = (one.seconds, one.processor_seconds, one.server_seconds);
            eprintln!(
                "round {round}: {} {name:8} {wall:6.2} s, {own:5.2} s ours, {theirs:5.2} s the server's",
                load.what
            );
            taken.push(one);
        }
    }
    for ((name, _), rounds) in ways.iter().zip(&taken) {
        let of = |value: fn(&Measured) -> f64| median(rounds.iter().map(value).collect());
        let work = |it: &Measured| it.processor_seconds + it.server_seconds;
        let ratios = rounds.iter().zip(&taken[0]).map(|(it, none)| work(it) / work(none));
        println!(
            "| {} | {name} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} |",
            load.what,
            of(|it| it.seconds),
            of(|it| it.processor_seconds),
            of(|it| it.server_seconds),
            of(|it| it.peak_mib),
            median(ratios.collect())
        );
    }
    Ok(())
}

fn run(
    request: &Request,
    server: &Server,
    pipeline: &Path,
    folder: &Path,
) -> Result<Measured, Failed> {
    let mut longshore = Command::new(&request.binary);
    longshore.args(["run", "--force", "--output", "json", "--quiet", "--database"]);
    longshore.arg(server.url()).arg(pipeline).arg("--report-dir").arg(folder.join("reports"));
    let before = server.backend_seconds()?;
    let (mut measured, _) = child::run(longshore)?;
    measured.server_seconds = server.backend_seconds()? - before;
    Ok(measured)
}

/// The share of records with each kind of fault.
fn faults(request: &Request) -> &str {
    request.own.as_deref().unwrap_or("0.1%")
}
