//! Generated data through the shipped pipelines: every planted fault is found, by code, and
//! nothing else is.

use std::{collections::BTreeMap, fs, path::Path};

use longshore::{
    generate::{Domain, Expected, ExpectedTable, Order, Shares, generate},
    report::{RunStatus, RunSummary, TableSummary},
};

use super::loads::Demo;
use crate::support::{Part, is_left_out};

/// What a run found, in the words of what it was to find.
fn found(pipeline: &str, summary: &RunSummary) -> Expected {
    let warnings = summary.warnings.clone().map(|warnings| warnings.by_code);
    let table = |table: &TableSummary| ExpectedTable {
        table: table.table.clone(),
        records: table.tally.read,
        filtered: table.tally.filtered,
        rejected: table.tally.rejected,
        duplicates: table.tally.duplicate,
    };
    Expected {
        pipeline: pipeline.to_owned(),
        rejected: summary.rejections.records,
        repaired: summary.geometry.as_ref().map_or(0, |geometry| geometry.repaired),
        violations: summary.rejections.by_code.clone(),
        warnings: warnings.unwrap_or_default(),
        tables: summary.tables.iter().map(table).collect(),
    }
}

/// Runs every pipeline over the files of a domain, in the order they come in, and returns what
/// was not as expected, and which faults were never planted.
async fn load(demo: &Demo, order: &Order) -> Vec<String> {
    let mut wrong = Vec::new();
    for made in generate(order).expect("the files are made") {
        let input = order.folder.join(&made.file).display().to_string();
        for expected in &made.expected {
            let summary = demo.run_on(&expected.pipeline, &input).await;
            let name = format!("{} of {}", expected.pipeline, made.file);
            assert_eq!(summary.status, RunStatus::Published, "{name}");
            assert!(summary.tables.iter().all(|table| table.tally.closes()), "{name}");
            let found = found(&expected.pipeline, &summary);
            if found != *expected {
                wrong.push(format!("{name}:\n  found    {found:?}\n  expected {expected:?}"));
            }
        }
        for (fault, count) in made.faults {
            if (count == 0) != (order.faults == Shares::default()) {
                wrong.push(format!("{}: {count} times `{fault}`", made.file));
            }
        }
    }
    wrong
}

fn order(domain: Domain, rows: u64, seed: u64, faults: f64, folder: &Path) -> Order {
    Order { domain, rows, seed, faults: Shares::each(faults), folder: folder.to_owned() }
}

async fn every_fault_is_found(domain: Domain, rows: u64, seed: u64, share: f64) {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Demo::start().await;
    let wrong = load(&demo, &order(domain, rows, seed, share, folder.path())).await;
    assert!(wrong.is_empty(), "{domain:?}: {}", wrong.join("\n"));
}

#[tokio::test]
async fn every_fault_of_a_cadastre_is_found_and_nothing_else() {
    every_fault_is_found(Domain::Cadastre, 2000, 1, 0.004).await;
}

#[tokio::test]
async fn every_fault_of_a_course_platform_is_found_and_nothing_else() {
    every_fault_is_found(Domain::Learning, 800, 2, 0.01).await;
}

#[tokio::test]
async fn every_fault_of_a_market_is_found_and_nothing_else() {
    every_fault_is_found(Domain::Market, 1500, 6, 0.01).await;
}

#[tokio::test]
async fn every_fault_of_sales_is_found_and_nothing_else() {
    every_fault_is_found(Domain::Property, 1500, 4, 0.01).await;
}

#[tokio::test]
async fn every_fault_of_a_school_is_found_and_nothing_else() {
    every_fault_is_found(Domain::School, 1500, 3, 0.008).await;
}

#[tokio::test]
async fn without_faults_nothing_is_found() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Demo::start().await;
    for domain in Domain::ALL {
        let wrong = load(&demo, &order(domain, 130, 9, 0.0, folder.path())).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn one_kind_of_fault_can_be_had_alone_and_an_unknown_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut order = order(Domain::Property, 1001, 1, 0.0, folder.path());
    order.faults = Shares::default().with("price-in-words", 0.02);
    let made = generate(&order).expect("the file is made").remove(0);
    let planted: Vec<_> = made.faults.iter().filter(|(_, count)| **count > 0).collect();
    assert_eq!(planted, [(&"price-in-words".to_owned(), &20)]);
    assert_eq!(made.expected[0].violations, BTreeMap::from([("type.numeric".to_owned(), 20)]));
    order.faults = Shares::default().with("price-in-shells", 0.02);
    order.folder = folder.path().join("nothing");
    let error = generate(&order).expect_err("there is none");
    assert!(error.to_string().contains("`price-in-shells`"), "{error}");
    assert!(!order.folder.exists(), "no file is made in vain");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let bytes = |seed| {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Domain::ALL.map(|domain| {
            let order = order(domain, 60, seed, 0.01, folder.path());
            generate(&order).expect("the files are made")
        });
        let files =
            made.into_iter().flatten().filter(|made| !folder.path().join(&made.file).is_dir());
        let read = |file: String| fs::read(folder.path().join(file)).expect("a file");
        files.map(|made| read(made.file)).collect::<Vec<_>>()
    };
    let first = bytes(1);
    assert!(first == bytes(1), "not the same bytes");
    assert!(first.len() > 20 && first != bytes(2), "the same bytes");
}

/// Files of the sample that are others than those that are generated: those put together by hand,
/// and those of the town of Wirrabilla.
const OTHERS: [&str; 9] = [
    "county",
    "lots.geojson",
    "oneroster-1.2.zip",
    "oneroster-bulk.zip",
    "oneroster-delta.zip",
    "roster.csv",
    "sds",
    "students.xlsx",
    "zones.zip",
];

/// Sample data come from the same generator, so anybody can make them again.
#[test]
fn the_sample_data_can_be_made_again() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data");
    let folder = tempfile::tempdir().expect("a folder");
    let orders = [
        (Domain::Cadastre, "cadastre", 400, 0.0015),
        (Domain::Learning, "learning", 300, 0.005),
        (Domain::Market, "market", 400, 0.004),
        (Domain::School, "school", 60, 0.004),
    ];
    for (domain, name, rows, share) in orders {
        let order = order(domain, rows, 2024, share, folder.path());
        let made: BTreeMap<String, Vec<u8>> = generate(&order)
            .expect("the files are made")
            .into_iter()
            .filter(|made| !OTHERS.contains(&made.file.as_str()))
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
