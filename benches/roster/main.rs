//! The flat roster into five tables, beside the same by text staging and SQL written by hand.
//!
//! ```text
//! cargo bench --bench roster [-- --rows 500000] [--rounds 3] [--cluster DIR] [--binary PATH]
//! ```
//!
//! Both ways take turns on a server of their own with durable settings, each into empty tables;
//! after each turn the tables must hold the same rows. `pipelines/school/roster.toml` is the
//! pipeline, `by_hand.sql` the other way.

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
    fs::{self, File},
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use request::{Request, ended, median};
use server::Server;

type Failed = Box<dyn Error>;

const MIGRATIONS: [&str; 2] =
    ["migrations/20261101122000_school.up.sql", "migrations/20261121102000_school_records.up.sql"];
const PIPELINE: &str = include_str!("../../pipelines/school/roster.toml");
const TABLES: [(&str, &str); 5] = [
    ("course", "school_year, grade, section, name"),
    (
        "student",
        "student_id, last_name, first_name, gender, dob, class, class_id, school_code, school_year",
    ),
    ("guardian", "student_id, relation, last_name, first_name, phone"),
    ("family_info", "student_id, living_with, own_house, help_amount, poverty_card"),
    ("enrollment", "student_id"),
];

fn main() -> ExitCode {
    let request = Request::read(500_000, "roster-cluster", "");
    ended(request.and_then(|request| measure(&request)))
}

fn measure(request: &Request) -> Result<(), Failed> {
    let csv = data::file("flat", "flat.csv", request.rows)?;
    let server = Server::start(&request.cluster)?;
    for migration in MIGRATIONS {
        let mut psql = server.psql();
        psql.arg("--file").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(migration));
        child::run(psql)?;
    }
    let folder = data::folder().join("roster");
    fs::create_dir_all(&folder)?;
    let pipeline = folder.join("roster.toml");
    let path = csv.display().to_string();
    fs::write(&pipeline, PIPELINE.replace("sample-data/school/roster*.csv", &path))?;
    let mut seconds: [Vec<f64>; 2] = Default::default();
    let mut sums = None;
    for round in 1..=request.rounds {
        for way in ["by hand", "longshore"] {
            make_ready(&server)?;
            let command = match way {
                "by hand" => by_hand(&server, &csv)?,
                _ => longshore(request, &server, &pipeline, &folder),
            };
            let taken = timed(command)?;
            eprintln!("round {round}: {way:12} {taken:6.2} s");
            seconds[usize::from(way == "longshore")].push(taken);
            let sum = content(&server)?;
            if *sums.get_or_insert_with(|| sum.clone()) != sum {
                return Err(format!("{way}: the tables do not hold the same rows").into());
            }
        }
    }
    let [by_hand, ours] = seconds.map(median);
    println!("{} rows into five tables; medians of {} rounds\n", request.rows, request.rounds);
    println!("| way | seconds | × by hand |\n|---|--:|--:|");
    println!("| text staging and SQL by hand | {by_hand:.2} | 1.00 |");
    println!("| longshore run | {ours:.2} | {:.2} |", ours / by_hand);
    server.remove()
}

fn make_ready(server: &Server) -> Result<(), Failed> {
    server.ask("truncate school.course, school.student cascade")?;
    server.ask("checkpoint").map(drop)
}

fn by_hand(server: &Server, csv: &Path) -> Result<Command, Failed> {
    let mut psql = server.psql();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/roster/by_hand.sql");
    psql.arg("--file").arg(script).stdin(File::open(csv)?);
    Ok(psql)
}

fn longshore(request: &Request, server: &Server, pipeline: &Path, folder: &Path) -> Command {
    let mut longshore = Command::new(&request.binary);
    longshore.args(["run", "--force", "--output", "json", "--quiet", "--database"]);
    longshore.arg(server.url()).arg(pipeline).arg("--report-dir").arg(folder.join("reports"));
    longshore
}

/// Wall time from starting the process to its end, which must be a good one.
fn timed(mut command: Command) -> Result<f64, Failed> {
    let started = Instant::now();
    let output = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).output()?;
    let seconds = started.elapsed().as_secs_f64();
    if output.status.success() {
        return Ok(seconds);
    }
    Err(format!(
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    )
    .into())
}

/// A sum over all rows of all tables, numbers that the database gives left out.
fn content(server: &Server) -> Result<String, Failed> {
    let sums = TABLES.map(|(table, columns)| {
        format!("select count(*) || ':' || sum(hashtextextended(row({columns})::text, 0)) from school.{table}")
    });
    // Not by UNION ALL, whose parts may come in any order.
    server.ask(&format!("select concat_ws(' ', {})", sums.map(|sum| format!("({sum})")).join(", ")))
}
