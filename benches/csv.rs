//! Bytes per second of the two halves of reading CSV, each on one thread.
//!
//! `split` is what the one splitting thread does with a whole file; `decode`
//! what a worker does with its splits. Reading scales with workers until the
//! splitting thread is busy all the time.

#![allow(missing_docs, reason = "a program has no reader of its interface")]

#[path = "data.rs"]
mod data;

use std::{error::Error, fs, hint::black_box, path::PathBuf};

use criterion::{Criterion, Throughput};
use longshore::{
    batch::RecordBatch,
    definition::{FieldRef, SourceDefinition},
    source::{self, InputFile, Projection, Source, Split, split::SPLIT_BYTES_DEFAULT},
};

const ROWS: u64 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let quoted = data::file("sales", "sales.csv", ROWS)?;
    let plain = data::folder().join(format!("{ROWS}-plain.csv"));
    // None of the generated texts holds a comma or a quote.
    fs::write(&plain, fs::read_to_string(&quoted)?.replace('"', ""))?;
    let mut criterion = Criterion::default().configure_from_args();
    for (name, path) in [("all quoted", quoted), ("not quoted", plain)] {
        measure(&mut criterion, name, path)?;
    }
    criterion.final_summary();
    Ok(())
}

fn measure(criterion: &mut Criterion, name: &str, path: PathBuf) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group(format!("csv, {name}"));
    group.sample_size(20).throughput(Throughput::Bytes(fs::metadata(&path)?.len()));
    let source = open(path)?;
    group.bench_function("split", |bencher| {
        bencher.iter(|| splits(source.as_ref()).map(|s| s.len()))
    });
    let splits = splits(source.as_ref())?;
    let fields = (1..=17).map(FieldRef::Number).collect();
    let mut decoder = source.decoder(&Projection { fields, rest: false });
    let mut batch = RecordBatch::default();
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            for split in &splits {
                decoder.start(again(split));
                while decoder.fill(&mut batch) {
                    black_box(&batch);
                }
            }
        });
    });
    group.finish();
    Ok(())
}

fn open(path: PathBuf) -> Result<Box<dyn Source>, Box<dyn Error>> {
    let path_text = path.display();
    let text = format!("format = \"csv\"\npath = '{path_text}'\nheader = false");
    let definition: SourceDefinition = toml::from_str(&text)?;
    let file = InputFile { ordinal: 0, display: path.display().to_string(), path };
    Ok(source::open(&definition, &file)?)
}

fn splits(source: &dyn Source) -> Result<Vec<Split>, longshore::error::Error> {
    let mut splitter = source.splitter(SPLIT_BYTES_DEFAULT)?;
    std::iter::from_fn(|| splitter.next_split().transpose()).collect()
}

/// The same split once more; its bytes are shared.
fn again(split: &Split) -> Split {
    Split { payload: split.payload.clone(), ..*split }
}
