//! Generated data through the shipped pipelines: every planted fault is found, by code, and
//! nothing else is.

use std::{collections::BTreeMap, fs, path::Path};

use longshore::{
    generate::{Domain, Expected, Order, generate},
    report::RunStatus,
};

use super::loads::Demo;
use crate::support::{Part, is_left_out};

/// Runs every pipeline over the files of a domain, in the order they come in.
async fn load(demo: &Demo, order: &Order) -> u64 {
    let mut faults = 0;
    for made in generate(order).expect("the files are made") {
        let input = order.folder.join(&made.file).display().to_string();
        for expected in &made.expected {
            let summary = demo.run_on(&expected.pipeline, &input).await;
            let name = format!("{} of {order:?}", expected.pipeline);
            assert_eq!(summary.status, RunStatus::Published, "{name}");
            let warnings = summary.warnings.clone().map(|warnings| warnings.by_code);
            let found = Expected {
                pipeline: expected.pipeline.clone(),
                records: summary.tables[0].tally.read,
                rejected: summary.rejections.records,
                duplicates: summary.tables[0].tally.duplicate,
                violations: summary.rejections.by_code.clone(),
                warnings: warnings.unwrap_or_default(),
            };
            assert_eq!(found, *expected, "{name}");
            assert!(summary.tables.iter().all(|table| table.tally.closes()), "{name}");
            faults += found.rejected + found.warnings.values().sum::<u64>();
        }
    }
    faults
}

fn order(domain: Domain, rows: u64, seed: u64, faults: f64, folder: &Path) -> Order {
    Order { domain, rows, seed, faults, folder: folder.to_owned() }
}

#[tokio::test]
async fn every_fault_of_generated_data_is_found_and_nothing_else() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let orders = [
        (Domain::Cadastre, 700, 1, 0.01),
        (Domain::Learning, 400, 2, 0.02),
        (Domain::Market, 400, 6, 0.02),
        (Domain::School, 150, 3, 0.03),
    ];
    for (domain, rows, seed, share) in orders {
        let demo = Demo::start().await;
        let found = load(&demo, &order(domain, rows, seed, share, folder.path())).await;
        assert!(found >= 20, "{domain:?}: {found} faults");
    }
}

#[tokio::test]
async fn without_faults_nothing_is_found() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Demo::start().await;
    for domain in [Domain::Cadastre, Domain::Learning, Domain::Market, Domain::School] {
        assert_eq!(load(&demo, &order(domain, 130, 9, 0.0, folder.path())).await, 0);
    }
}

/// Sample data come from the same generator, so anybody can make them again.
#[test]
fn the_sample_data_can_be_made_again() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data");
    let folder = tempfile::tempdir().expect("a folder");
    let orders = [
        (Domain::Cadastre, "cadastre", 400),
        (Domain::Learning, "learning", 300),
        (Domain::Market, "market", 400),
        (Domain::School, "school", 60),
    ];
    for (domain, name, rows) in orders {
        let order = order(domain, rows, 2024, 0.01, folder.path());
        let made: BTreeMap<String, Vec<u8>> = generate(&order)
            .expect("the files are made")
            .into_iter()
            .map(|made| {
                let bytes = fs::read(folder.path().join(&made.file)).expect("a file");
                (made.file, bytes)
            })
            .collect();
        for (file, bytes) in made {
            let sample = fs::read(samples.join(name).join(&file)).expect("a sample");
            // How they are packed is the library's business.
            let is_packed = Path::new(&file)
                .extension()
                .is_some_and(|ending| ["xlsx", "gz"].iter().any(|packed| ending == *packed));
            assert!(is_packed || sample == bytes, "{name}/{file}");
        }
    }
}
