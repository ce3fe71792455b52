//! An export beside `psql \copy (query) to`, in one run on one server.
//!
//! ```text
//! cargo bench --bench export [-- --rows 2000000] [--rounds 3] [--groups 10000]
//! ```
//!
//! The ways take turns, round by round, and medians are compared: `psql`, one file with the guard
//! on, and a file for each of many groups. Written files are checked for their number of lines.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]
#![allow(missing_docs, reason = "a program has no reader of its interface")]

#[path = "load/child.rs"]
#[allow(dead_code, reason = "shared with the benchmark of loads")]
mod child;
#[allow(dead_code, reason = "shared with the benchmark of loads")]
mod data;
#[path = "load/server.rs"]
#[allow(dead_code, reason = "shared with the benchmark of loads")]
mod server;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use child::Measured;
use server::Server;

type Failed = Box<dyn Error>;

/// 17 columns: numbers, texts, dates, some NULL, some with quotes and commas.
const TABLE: &str = "create unlogged table row as select n as id, n % GROUPS as grp,
    'Street ' || n % 977 as street, (n % 200)::text as number, 'Town, the ' || n % 31 as town,
    lpad((n % 9999)::text, 4, '0') as postcode, n * 1.25 as price, n % 900 + 0.5 as area,
    date '2000-01-01' + n % 9000 as day, timestamptz '2020-01-01' + n * interval '1 s' as at,
    n % 2 = 0 as sold, case when n % 3 > 0 then 'note ' || n end as note, md5(n::text) as ref,
    'a' as kind, n / 7.0 as x, -n / 9.0 as y, case when n % 500 = 0 then 'said \"no\"' else 'plain' end as remark
  from generate_series(1, ROWS) n; create index on row (grp, id)";

const COLUMNS: &str = "id, grp, street, number, town, postcode, price, area, day, at, sold, note, ref, kind, x, y, remark";

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn option(name: &str, otherwise: u64) -> Result<u64, Failed> {
    let mut words = std::env::args().skip_while(|word| word != name).skip(1);
    Ok(words.next().map_or(Ok(otherwise), |value| value.parse())?)
}

fn measure() -> Result<(), Failed> {
    let (rows, rounds, groups) =
        (option("--rows", 2_000_000)?, option("--rounds", 3)?, option("--groups", 10_000)?);
    let server = Server::start(&data::folder().join("export-cluster"))?;
    let table = TABLE.replace("GROUPS", &groups.to_string()).replace("ROWS", &rows.to_string());
    server.ask(&table)?;
    server.ask("vacuum analyze row")?;
    let folder = data::folder().join("export");
    fs::create_dir_all(&folder)?;
    let mut taken: [Vec<Measured>; 3] = Default::default();
    for round in 1..=rounds {
        for (at, taken) in taken.iter_mut().enumerate() {
            let out = folder.join("out");
            drop(fs::remove_dir_all(&out));
            fs::create_dir_all(&out)?;
            let measured = match at {
                0 => psql(&server, &out)?,
                1 => longshore(&server, &folder, "one.csv", "")?,
                _ => longshore(&server, &folder, "{grp}.csv", "group_by = [\"grp\"]\n")?,
            };
            let files = if at == 2 { groups.min(rows) } else { 1 };
            let lines = lines(&out)?;
            if lines != rows + files {
                return Err(format!("{lines} lines, and {} were expected", rows + files).into());
            }
            eprintln!("round {round}: {:.2} s, {:.0} MiB", measured.seconds, measured.peak_mib);
            taken.push(measured);
        }
    }
    let medians = taken.map(|taken| median(&taken));
    println!("| way | s | of psql | client's processor s | peak MiB |\n|---|---|---|---|---|");
    for (name, took) in
        ["psql \\copy (query) to", "one file", "a file per group"].iter().zip(medians)
    {
        let share = took.seconds / medians[0].seconds;
        println!(
            "| {name} | {:.2} | {share:.2} | {:.2} | {:.0} |",
            took.seconds, took.processor_seconds, took.peak_mib
        );
    }
    fs::remove_dir_all(&folder)?;
    server.remove()
}

fn psql(server: &Server, out: &Path) -> Result<Measured, Failed> {
    let mut psql = server.psql();
    let path = out.join("psql.csv");
    psql.args([
        "--command",
        &format!(
            "\\copy (select {COLUMNS} from row order by grp, id) to '{}' with (format csv, header)",
            path.display()
        ),
    ]);
    Ok(child::run(psql)?.0)
}

fn longshore(server: &Server, folder: &Path, name: &str, more: &str) -> Result<Measured, Failed> {
    let pipeline: PathBuf = folder.join("export.toml");
    fs::write(
        &pipeline,
        format!(
            "kind = \"export\"\nsql = \"select {COLUMNS} from row order by grp, id\"\n[output]\nformat = \"csv\"\npath = \"{}/out/{name}\"\n{more}",
            folder.display()
        ),
    )?;
    let mut run = Command::new(env!("CARGO_BIN_EXE_longshore"));
    run.args(["run", "--quiet", "--database", &server.url()]).arg(&pipeline);
    Ok(child::run(run)?.0)
}

/// Line ends in all CSV of a folder; no value of the table has one.
fn lines(folder: &Path) -> Result<u64, Failed> {
    let mut lines = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "csv") {
            lines += memchr::memchr_iter(b'\n', &fs::read(path)?).count() as u64;
        }
    }
    Ok(lines)
}

fn median(taken: &[Measured]) -> Measured {
    let mut taken = taken.to_vec();
    taken.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    taken[taken.len() / 2]
}
