//! Medians of what was measured, as a table in Markdown.

use std::{collections::BTreeMap, fmt};

use super::{child::Measured, ways::Way};

/// Everything measured.
pub(super) struct Table {
    rows: u64,
    bytes: u64,
    turns: BTreeMap<Way, Vec<Measured>>,
}

impl Table {
    pub(super) fn new(rows: u64, bytes: u64) -> Self {
        Self { rows, bytes, turns: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, way: Way, measured: Measured) {
        self.turns.entry(way).or_default().push(measured);
    }

    fn median(&self, way: Way, of: fn(&Measured) -> f64) -> f64 {
        let mut values: Vec<f64> = self.turns[&way].iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        if values.len() % 2 == 1 {
            values[middle]
        } else {
            (values[middle - 1] + values[middle]) / 2.0
        }
    }

    /// From the fastest turn to the slowest.
    fn range(&self, way: Way) -> (f64, f64) {
        let seconds = || self.turns[&way].iter().map(|measured| measured.seconds);
        (seconds().fold(f64::MAX, f64::min), seconds().fold(0.0, f64::max))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, megabytes) = (self.rows as f64, self.bytes as f64 / 1e6);
        writeln!(f, "{} rows, {megabytes:.0} MB of CSV; medians\n", self.rows)?;
        writeln!(
            f,
            "| way | seconds | range | rows/s | MB/s | own CPU s | server CPU s | peak MiB | × psql |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for way in self.turns.keys().copied() {
            let seconds = self.median(way, |measured| measured.seconds);
            let (fastest, slowest) = self.range(way);
            writeln!(
                f,
                "| {} | {seconds:.2} | {fastest:.2}–{slowest:.2} | {:.0} | {:.0} | {:.2} | {:.2} | {:.0} | {:.2} |",
                way.name(),
                rows / seconds,
                megabytes / seconds,
                self.median(way, |measured| measured.processor_seconds),
                self.median(way, |measured| measured.server_seconds),
                self.median(way, |measured| measured.peak_mib),
                seconds / self.median(Way::Psql, |measured| measured.seconds),
            )?;
        }
        Ok(())
    }
}
