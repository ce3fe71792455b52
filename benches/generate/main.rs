//! Writes the sample data and, scaled, the data of the benchmarks.
//!
//! ```text
//! cargo bench --bench generate -- sample [--out sample-data]
//! cargo bench --bench generate -- sales|parcels|roster|flat --rows 2000000 --out DIR
//! ```
//!
//! Everything is invented: a town that is nowhere, people who are nobody. The
//! same seed gives the same bytes, so the files in `sample-data` can be made
//! again, and a benchmark can be repeated. The scaled files have no faults.
//!
//! `longshore generate` makes the files of every pipeline, with faults; this program stays as it
//! is for the measurements that were published over its files.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]
#![allow(missing_docs, reason = "a program has no reader of its interface")]

mod flat;
mod names;
mod parcels;
mod random;
mod roster;
mod sales;
mod shapefile;
mod town;
mod zones;

use std::{
    error::Error,
    fs::{File, create_dir_all},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

type Done = Result<(), Box<dyn Error>>;

const USAGE: &str = "usage: cargo bench --bench generate -- sample [--out DIR] [--seed N]
       cargo bench --bench generate -- sales|parcels|roster|flat --rows N --out DIR [--seed N]";

struct Request {
    what: Option<String>,
    rows: Option<u64>,
    out: Option<PathBuf>,
    seed: u64,
}

fn main() -> ExitCode {
    match request().and_then(|request| generate(&request)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn request() -> Result<Request, Box<dyn Error>> {
    let mut request = Request { what: None, rows: None, out: None, seed: 2024 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            // cargo says so to every benchmark.
            "--bench" => {}
            "--rows" => request.rows = Some(value()?.parse()?),
            "--out" => request.out = Some(value()?.into()),
            "--seed" => request.seed = value()?.parse()?,
            _ => request.what = Some(word),
        }
    }
    Ok(request)
}

fn generate(request: &Request) -> Done {
    let seed = request.seed;
    let scaled = || -> Result<(u64, &Path), Box<dyn Error>> {
        let out = request.out.as_deref().ok_or("`--out` is missing")?;
        create_dir_all(out)?;
        Ok((request.rows.ok_or("`--rows` is missing")?, out))
    };
    match request.what.as_deref() {
        // `cargo bench` runs every benchmark: this one has nothing to measure.
        None => println!("{USAGE}"),
        Some("sample") => sample(request.out.as_deref().unwrap_or(Path::new("sample-data")), seed)?,
        Some("sales") => {
            let (rows, out) = scaled()?;
            sales::write_many(&mut file(&out.join("sales.csv"))?, rows, seed)?;
        }
        Some("parcels") => {
            let (rows, out) = scaled()?;
            parcels::write_many(&mut file(&out.join("parcels.geojson"))?, rows, seed)?;
        }
        Some("flat") => {
            let (rows, out) = scaled()?;
            flat::write_many(&mut file(&out.join("flat.csv"))?, rows, seed)?;
        }
        Some("roster") => {
            let (rows, out) = scaled()?;
            roster::write_many(&out.join("roster.xlsx"), rows, seed)?;
        }
        Some(other) => return Err(format!("`{other}` is not known").into()),
    }
    Ok(())
}

fn sample(out: &Path, seed: u64) -> Done {
    let folder = |name: &str| -> Result<PathBuf, Box<dyn Error>> {
        let folder = out.join(name);
        create_dir_all(&folder)?;
        Ok(folder)
    };
    let cadastre = folder("cadastre")?;
    parcels::write_sample(&mut file(&cadastre.join("lots.geojson"))?, seed)?;
    zones::write_sample(&cadastre.join("zones.zip"), seed)?;
    sales::write_sample(&folder("property")?.join("sales-2024.csv.gz"), seed)?;
    roster::write_sample(&folder("school")?.join("students.xlsx"), seed)?;
    flat::write_sample(&mut file(&out.join("school/roster.csv"))?, seed)?;
    Ok(())
}

fn file(path: &Path) -> Result<impl Write, Box<dyn Error>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(path)?))
}
