//! Large files that are hashed behind the run that loads them: they are known again, and gone on with.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::workspace::Workspace;
use crate::support::age;

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/readings*.csv"
[[target]]
table = "public.reading"
mode = "append"
[target.columns]
id = { from = "id" }
value = { from = "value" }
"#;

const RECORDS: u32 = 1000;

fn text(file: u32) -> String {
    let ids = file * RECORDS..(file + 1) * RECORDS;
    let records = ids.map(|id| format!("{id},{}\n", 100_000 + id * 7 % 1000));
    format!("id,value\n{}", records.collect::<String>())
}

/// A table that has a row already, so that rows are staged, or none.
async fn space(rows: u32) -> Workspace {
    let table = "create table reading (id int, value int);";
    let space = Workspace::with(&format!(
        "{table} insert into reading select 7, 7 from generate_series(1, {rows})"
    ))
    .await;
    deliver(&space, 0, &text(0));
    space
}

fn deliver(space: &Workspace, file: u32, text: &str) {
    age(&space.write(&format!("readings{file}.csv"), text));
}

/// A run for which every file is large.
fn run(space: &Workspace, failpoint: Option<&str>) -> Output {
    let folder = space.folder.path();
    let _ = fs::remove_file(folder.join("trace"));
    let toml = PIPELINE.replace("$DIR", &folder.display().to_string());
    let mut longshore = Command::new(env!("CARGO_BIN_EXE_longshore"));
    longshore.env("DATABASE_URL", space.database.url()).env("LONGSHORE_SCARCITY", "10000");
    longshore.env("LONGSHORE_FAILPOINT_TRACE", folder.join("trace"));
    longshore.envs(failpoint.map(|armed| ("LONGSHORE_FAILPOINT", armed)));
    longshore.args(["run", "--output", "json", "--split-size", "2KiB", "--report-dir"]);
    longshore.arg(folder.join("reports")).arg(space.write("readings.toml", toml));
    longshore.output().expect("longshore runs")
}

fn summary(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a summary")
}

/// Where the last run passed that point, before which other.
fn passed(space: &Workspace, point: &str) -> Option<usize> {
    space.read("trace").lines().position(|passed| passed == point)
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn assert_holds(space: &Workspace, records: u32) {
    assert_eq!(
        space.value("select count(*) from reading where value > 7").await,
        records.to_string()
    );
}

#[tokio::test]
async fn a_file_that_is_hashed_while_it_is_loaded_is_known_by_its_hash() {
    for rows in [0, 1] {
        let space = space(rows).await;
        let first = summary(&run(&space, None));
        assert!(passed(&space, "files.hashed").is_some(), "it is large");
        assert_eq!(passed(&space, "straight.read").is_some(), rows == 0);
        assert_eq!(first["files"][0]["sha256"], sha256(&text(0)));
        let ledger = space.value("select string_agg(sha256, '') from longshore.file").await;
        assert_eq!(ledger, sha256(&text(0)));
        let again = summary(&run(&space, None));
        assert_eq!(
            (&again["status"], &again["files"][0]["loaded_by"]),
            (&"unchanged".into(), &first["run"])
        );
        assert_holds(&space, RECORDS).await;
    }
}

#[tokio::test]
async fn a_file_of_a_size_that_is_known_is_told_apart_by_its_bytes() {
    let space = space(0).await;
    summary(&run(&space, None));
    let other = text(0).replacen("100007", "100008", 1);
    assert_eq!(other.len(), text(0).len());
    deliver(&space, 1, &other);
    let summary = summary(&run(&space, None));
    let loaded: Vec<bool> =
        (0..2).map(|file| summary["files"][file]["loaded_by"].is_null()).collect();
    assert_eq!(loaded, [false, true]);
    assert_eq!(summary["files"][1]["sha256"], sha256(&other));
    // Before anything is loaded the ledger has to be asked by hash.
    assert!(passed(&space, "files.hashed") < passed(&space, "lease.taken"));
    assert_holds(&space, 2 * RECORDS).await;
}

#[tokio::test]
async fn a_new_size_among_known_ones_is_loaded_alone() {
    let space = space(0).await;
    summary(&run(&space, None));
    deliver(&space, 2, &text(2));
    let summary = summary(&run(&space, None));
    assert_eq!(summary["tables"][0]["inserted"], RECORDS);
    assert_holds(&space, 2 * RECORDS).await;
}

#[tokio::test]
async fn a_run_that_was_cut_off_before_its_file_was_known_by_hash_is_gone_on_with() {
    for (rows, kill) in
        [(0, "straight.sent=kill@5"), (0, "straight.read=kill"), (1, "split.committed=kill@3")]
    {
        let space = space(rows).await;
        assert_eq!(run(&space, Some(kill)).status.code(), None, "{kill}");
        assert!(passed(&space, "files.hashed").is_some(), "{kill}: it was hashed by then");
        assert_eq!(run(&space, Some("split.committed=kill@2")).status.code(), None, "{kill}");
        let summary = summary(&run(&space, None));
        assert!(summary["resumed"]["splits"].as_u64() > Some(0), "{kill}: {}", summary["resumed"]);
        assert_holds(&space, RECORDS).await;
    }
}

#[tokio::test]
async fn hashing_that_fails_behind_a_run_is_tried_again() {
    for rows in [0, 1] {
        let space = space(rows).await;
        // Whoever needs the hash does it.
        let output = run(&space, Some("files.hashed=error"));
        assert_eq!(summary(&output)["files"][0]["sha256"], sha256(&text(0)));
        assert_holds(&space, RECORDS).await;
    }
}
