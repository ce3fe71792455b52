//! Incremental exports: no row is missed, none comes twice, and a lost file can be made again.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

use serde_json::Value;

use super::workspace::Workspace;

const TABLE: &str = "create table item (id int primary key, name text, deleted_at timestamptz,
    updated_at timestamptz not null default now())";

const PIPELINE: &str = r#"kind = "export"
sql = "select id, name, deleted_at, updated_at from item order by id"
[incremental]
column = "updated_at"
deleted = "deleted_at"
[output]
format = "csv"
path = "out/items-{run}.csv"
columns = ["id", "name"]
"#;

fn longshore(space: &Workspace, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url());
    command.current_dir(space.folder.path()).args(["run", "--output", "json", "items.toml"]);
    command.args(arguments).output().expect("longshore runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs it, and gives the ids written and the summary.
fn run(space: &Workspace, arguments: &[&str]) -> (BTreeSet<i64>, Value) {
    let done = longshore(space, arguments);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let summary: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let text = space.read(summary["files"][0]["path"].as_str().expect("a path"));
    let ids = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().expect("an id").parse().expect("an id"));
    (ids.collect(), summary)
}

/// What was written a while ago: the last second is left to the next run.
async fn insert(client: &tokio_postgres::Client, id: i64) {
    let insert = format!(
        "insert into item (id, name, updated_at) values ({id}, 'x', now() - interval '2 seconds') on conflict (id) do update set updated_at = excluded.updated_at, name = 'y'"
    );
    client.batch_execute(&insert).await.expect("a row");
}

#[tokio::test]
async fn a_row_of_a_transaction_that_commits_late_comes_with_the_next_run() {
    let space = Workspace::with(TABLE).await;
    space.write("items.toml", PIPELINE);
    insert(&space.client, 1).await;
    let late = space.database.client().await;
    late.batch_execute("begin; insert into item (id) values (2)")
        .await
        .expect("an open transaction");
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    space.client.batch_execute("insert into item (id) values (3)").await.expect("a row");
    let (first, summary) = run(&space, &[]);
    assert_eq!(first, [1].into(), "not 3: 2 is older, and may still come");
    assert_eq!(summary["since"], Value::Null);
    late.batch_execute("commit").await.expect("at last");
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let (second, next) = run(&space, &[]);
    assert_eq!(second, [2, 3].into());
    assert_eq!(next["since"], summary["until"], "it begins where the first ended");
    let (third, _) = run(&space, &[]);
    assert!(third.is_empty(), "none comes twice");
    let manifest: Value =
        serde_json::from_str(&space.read(next["manifest"].as_str().expect("a path")))
            .expect("JSON");
    assert_eq!(manifest["incremental"]["deleted"], "deleted_at");
    assert_eq!(manifest["incremental"]["since"], next["since"]);
}

#[tokio::test]
async fn a_lost_file_is_made_again_from_the_same_bounds() {
    let space = Workspace::with(TABLE).await;
    space.write("items.toml", PIPELINE);
    insert(&space.client, 1).await;
    let (_, first) = run(&space, &[]);
    let path = first["files"][0]["path"].as_str().expect("a path");
    let before = space.read(path);
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    insert(&space.client, 2).await;
    let (second, _) = run(&space, &[]);
    assert_eq!(second, [2].into());
    std::fs::remove_file(space.folder.path().join(path)).expect("lost");
    let (again, summary) = run(&space, &["--again", first["run"].as_str().expect("a run")]);
    assert_eq!(again, [1].into());
    assert_eq!(summary["files"][0]["path"], path);
    assert_eq!(space.read(path), before);
    let (next, _) = run(&space, &[]);
    assert!(next.is_empty(), "the next run goes on behind the last");
    let (since, _) = run(&space, &["--since", "2000-01-01"]);
    assert_eq!(since, [1, 2].into());
    let refused = longshore(&space, &["--since", "yesterday's noon"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
}

#[tokio::test]
async fn what_cannot_be_known_is_said() {
    let space = Workspace::with(TABLE).await;
    space.write("items.toml", PIPELINE.replace("updated_at from", "updated_at::timestamp from"));
    let refused = longshore(&space, &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("timestamptz"), "{}", said(&refused));
    space.write("items.toml", PIPELINE.replace("-{run}", ""));
    assert_eq!(longshore(&space, &[]).status.code(), Some(2), "each run needs its own file");
    space.write("items.toml", PIPELINE.replace("deleted = \"deleted_at\"\n", ""));
    let (_, summary) = run(&space, &[]);
    let manifest = space.read(summary["manifest"].as_str().expect("a path"));
    assert!(manifest.contains("rows that were deleted are not known"), "{manifest}");
}

#[tokio::test]
async fn a_plan_shows_the_query_its_files_and_what_becomes_of_columns() {
    let space = Workspace::with(TABLE).await;
    let pipeline = "kind = \"export\"\nsql = \"select id, name from item where id > :least order by id\"\n\
        [sensitive]\nname = { treatment = \"mask\" }\n[output]\nformat = \"csv\"\npath = \"out/{year}-{id}.csv\"\ngroup_by = [\"id\"]\n";
    space.write("plan.toml", pipeline);
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url()).current_dir(space.folder.path());
    let planned = command
        .args(["plan", "plan.toml", "--set", "least=7", "--set", "year=2024"])
        .output()
        .expect("longshore runs");
    let text = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert_eq!(planned.status.code(), Some(0), "{}", said(&planned));
    for part in [
        "  select id, name from item where id > :least order by id",
        "  :least is int4",
        "  :year is a part of the path",
        "  out/2024-{id}.csv",
        "  out/2024-id.csv.manifest.json",
        "  id: int4",
        "  name: text, sensitive: masked",
        "rows, as the server estimates",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!space.folder.path().join("out").exists(), "nothing is written");
}
