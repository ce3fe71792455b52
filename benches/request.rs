//! What a benchmark of loads is asked for, and how it ends.

use std::{error::Error, path::PathBuf, process::ExitCode};

use super::data;

/// What all of them can be told: `--rows N`, `--rounds N`, `--cluster DIR`, `--binary PATH`.
pub(crate) struct Request {
    /// Records of the largest file.
    pub(crate) rows: u64,
    /// Turns of each way.
    pub(crate) rounds: usize,
    /// The folder of the server.
    pub(crate) cluster: PathBuf,
    /// The longshore that is measured.
    pub(crate) binary: PathBuf,
    /// The value of the option that only this benchmark has.
    pub(crate) own: Option<String>,
}

impl Request {
    /// Reads the command line; `own` is the name of one more option.
    ///
    /// # Errors
    /// What is not known, or lacks its value.
    pub(crate) fn read(rows: u64, cluster: &str, own: &str) -> Result<Self, Box<dyn Error>> {
        let (cluster, binary) = (data::folder().join(cluster), env!("CARGO_BIN_EXE_longshore"));
        let mut request = Self { rows, rounds: 3, cluster, binary: binary.into(), own: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
            match word.as_str() {
                // cargo says so to every benchmark.
                "--bench" => {}
                "--rows" => request.rows = value()?.parse()?,
                "--rounds" => request.rounds = value()?.parse()?,
                "--cluster" => request.cluster = value()?.into(),
                "--binary" => request.binary = value()?.into(),
                word if word == own => request.own = Some(value()?),
                _ => return Err(format!("`{word}` is not known").into()),
            }
        }
        Ok(request)
    }
}

/// Says what went wrong, and why.
pub(crate) fn ended(measured: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = measured else { return ExitCode::SUCCESS };
    eprintln!("{error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

/// The one in the middle; of an even number, the upper of both.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
