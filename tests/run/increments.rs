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

#[tokio::test]
async fn each_query_has_an_end_of_its_own_whatever_its_pipeline_is_called() {
    let space = Workspace::with(&format!(
        "{TABLE}; create table other as select id, name, deleted_at, updated_at from item"
    ))
    .await;
    let rows = "insert into item (id, updated_at) values (1, now() - interval '5 seconds');
        insert into other (id, updated_at) values (2, now() - interval '5 seconds')";
    space.client.batch_execute(rows).await.expect("rows");
    space.write("items.toml", PIPELINE);
    let (first, _) = run(&space, &[]);
    assert_eq!(first, [1].into());
    space.write("items.toml", PIPELINE.replace("from item", "from other"));
    let (second, summary) = run(&space, &[]);
    assert_eq!(second, [2].into(), "another table, another end");
    let warning = summary["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("from the beginning"), "{warning}");
    space.write("items.toml", PIPELINE.replace("out/", "elsewhere/"));
    assert_eq!(run(&space, &[]).0, [1].into(), "other files have none of the rows yet");
    space.write("items.toml", PIPELINE);
    let (third, summary) = run(&space, &[]);
    assert!(third.is_empty(), "the first goes on where it ended");
    assert_eq!(summary["warnings"], serde_json::json!([]));
}

#[tokio::test]
async fn a_beginning_that_would_leave_rows_out_is_refused() {
    let space = Workspace::with(TABLE).await;
    space.write("items.toml", PIPELINE);
    insert(&space.client, 1).await;
    assert_eq!(run(&space, &[]).0, [1].into());
    let later = "insert into item (id) values (2)";
    space.client.batch_execute(later).await.expect("a row");
    for since in ["2100-01-01", "infinity"] {
        let refused = longshore(&space, &["--since", since]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    }
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let between =
        space.value("select updated_at + interval '1 microsecond' from item where id = 2").await;
    let refused = longshore(&space, &["--since", &between]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("would be in no file"), "{}", said(&refused));
    assert_eq!(run(&space, &[]).0, [2].into(), "none is missed");
}

/// Waits until the server runs a statement that sleeps, and says in which process.
async fn wait_for_sleep(space: &Workspace) -> String {
    let query = "select max(pid) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
    for _ in 0..3000 {
        let pid = space.value(query).await;
        if pid != "NULL" {
            return pid;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("no export sleeps");
}

#[tokio::test]
async fn a_second_start_writes_nothing_twice_and_a_killed_one_leaves_nothing_for_long() {
    let space = Workspace::with(TABLE).await;
    insert(&space.client, 1).await;
    let slow = PIPELINE.replace(
        "deleted_at, updated_at from",
        "deleted_at, updated_at, pg_sleep(60)::text as s from",
    );
    space.write("items.toml", &slow);
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url());
    command.current_dir(space.folder.path()).args(["run", "items.toml"]);
    let mut first = command.spawn().expect("it starts");
    let sleeper = wait_for_sleep(&space).await;
    let second = longshore(&space, &[]);
    assert_eq!(second.status.code(), Some(6), "another run has these rows: {}", said(&second));
    first.kill().expect("killed");
    first.wait().expect("it ends");
    let entries = || {
        let folder = std::fs::read_dir(space.folder.path().join("out")).expect("the folder");
        let names =
            folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
        names.collect::<Vec<_>>()
    };
    assert_eq!(entries().len(), 1, "{:?}", entries());
    space.value(&format!("select pg_terminate_backend({sleeper})")).await;
    space.write("items.toml", slow.replace("pg_sleep(60)", "pg_sleep(0)"));
    assert_eq!(run(&space, &[]).0, [1].into());
    assert!(entries().iter().all(|name| !name.ends_with(".parts")), "{:?}", entries());
    let query = "select string_agg(status, ' ' order by started_at) from longshore.run";
    assert_eq!(space.value(query).await, "failed published");
}

#[tokio::test]
async fn a_transaction_that_holds_rows_back_is_named() {
    let space = Workspace::with(TABLE).await;
    space.write("items.toml", PIPELINE);
    insert(&space.client, 1).await;
    let late = space.database.client().await;
    late.batch_execute("begin").await.expect("an open transaction");
    let row = late.query_one("select pg_backend_pid()", &[]).await.expect("its process");
    let pid: i32 = row.get(0);
    tokio::time::sleep(std::time::Duration::from_millis(3500)).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    // A minute is three seconds then.
    command.env_clear().env("DATABASE_URL", space.database.url()).env("LONGSHORE_HASTE", "20");
    let done = command.current_dir(space.folder.path()).args(["run", "items.toml"]).output();
    let done = done.expect("longshore runs");
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(said(&done).contains(&format!("(process {pid} of the server)")), "{}", said(&done));
}

/// Runs it, and gives the ids written, the list of deleted ones and the summary.
fn run_listing(space: &Workspace, arguments: &[&str]) -> (BTreeSet<i64>, String, Value) {
    let (ids, summary) = run(space, arguments);
    let list = space.read(summary["deleted_file"]["path"].as_str().expect("a list"));
    (ids, list, summary)
}

async fn execute(space: &Workspace, sql: &str) {
    space.client.batch_execute(sql).await.expect(sql);
}

#[tokio::test]
async fn rows_that_are_deleted_are_listed_by_their_key() {
    let table = "create table mark (class char(4), day date, grade numeric, secret text, updated_at timestamptz default now() - interval '5 seconds', primary key (class, day));
        insert into mark select c, date '2024-01-01' + n, n, 'x' from unnest(array['=5A', '5B']) c, generate_series(1, 3) n";
    let space = Workspace::with(table).await;
    let pipeline = r#"kind = "export"
sql = "select class, day, grade, updated_at from mark where grade < :most::int order by class, day"
[incremental]
column = "updated_at"
key = ["class", "day"]
[output]
format = "jsonl"
path = "out/marks-{run}.{format}"
columns = ["day", "grade"]
labels = { class = "Class", grade = "Grade" }
"#;
    space.write("items.toml", pipeline);
    let set = ["--set", "most=100"];
    let listing = |arguments: &[&str]| {
        let done = longshore(&space, &[&set[..], arguments].concat());
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        let summary: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        let list = space.read(summary["deleted_file"]["path"].as_str().expect("a list"));
        (list, summary)
    };
    let (first, _) = listing(&[]);
    assert_eq!(first, "Class,day\n", "nothing is gone before the first run");
    execute(&space, "delete from mark where day = '2024-01-02'; delete from mark where class = '=5A' and day = '2024-01-03'").await;
    // Changed, and not in this run's rows yet: it is there all the same.
    execute(
        &space,
        "update mark set updated_at = now() + interval '1 hour' where day = '2024-01-04'",
    )
    .await;
    let (second, summary) = listing(&[]);
    assert_eq!(second, "Class,day\n5B  ,2024-01-02\n'=5A ,2024-01-02\n'=5A ,2024-01-03\n");
    assert_eq!((&summary["rows"], &summary["deleted_file"]["rows"]), (&0.into(), &3.into()));
    let manifest: Value =
        serde_json::from_str(&space.read(summary["manifest"].as_str().expect("a path")))
            .expect("JSON");
    let file = &manifest["incremental"]["deleted_file"];
    assert_eq!((&file["rows"], &file["sha256"]), (&3.into(), &summary["deleted_file"]["sha256"]));
    let run = summary["run"].as_str().expect("a run");
    let told = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .env_clear()
        .env("DATABASE_URL", space.database.url())
        .args(["history", run])
        .output()
        .expect("longshore runs");
    assert!(String::from_utf8_lossy(&told.stdout).contains("3 deleted rows listed"));

    // One that comes again, and one that the query does not give any more.
    execute(&space, "insert into mark values ('5B', '2024-01-02', 7); update mark set grade = 200 where class = '5B' and day = '2024-01-03'").await;
    let (third, _) = listing(&[]);
    assert_eq!(third, "Class,day\n5B  ,2024-01-03\n");
    execute(&space, "delete from mark where day = '2024-01-02'").await;
    let path = summary["deleted_file"]["path"].as_str().expect("a path");
    std::fs::remove_file(space.folder.path().join(path)).expect("lost");
    let (again, _) = listing(&["--again", run]);
    assert_eq!(again, second, "the list of a run can be made again");
    assert_eq!(listing(&[]).0, "Class,day\n5B  ,2024-01-02\n", "it is gone once more");
    assert_eq!(listing(&[]).0, "Class,day\n");
}

#[tokio::test]
async fn deleted_rows_are_listed_again_after_a_run_that_was_cut_off() {
    let space = Workspace::with(TABLE).await;
    space.write("items.toml", PIPELINE.replace("[output]", "key = [\"id\"]\n[output]"));
    for id in 1..=4 {
        insert(&space.client, id).await;
    }
    let (first, list, _) = run_listing(&space, &[]);
    assert_eq!((first.len(), list.as_str()), (4, "id\n"));
    execute(&space, "delete from item where id = 2").await;
    // The ledger does not hear of it: its tables cannot be written.
    execute(&space, "create function stop() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
        create trigger stop before delete on longshore.export_key for each row execute function stop()").await;
    let (_, list, summary) = run_listing(&space, &[]);
    assert_eq!(list, "id\n2\n");
    let warning = summary["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("the ledger does not know of this export"), "{warning}");
    execute(&space, "drop trigger stop on longshore.export_key; delete from item where id = 3")
        .await;
    let (_, list, _) = run_listing(&space, &[]);
    assert_eq!(list, "id\n2\n3\n", "what was listed and not noted comes again");
    assert_eq!(run_listing(&space, &[]).1, "id\n");
}

#[tokio::test]
async fn deleted_rows_that_cannot_be_known_are_said() {
    let space = Workspace::with(TABLE).await;
    space.write("items.toml", PIPELINE);
    insert(&space.client, 1).await;
    insert(&space.client, 2).await;
    run(&space, &[]);
    let keyed = PIPELINE.replace("[output]", "key = [\"id\"]\n[output]");
    space.write("items.toml", &keyed);
    execute(&space, "delete from item where id = 1").await;
    let (_, summary) = run(&space, &[]);
    assert_eq!(summary["deleted_file"], Value::Null);
    assert!(summary["warnings"][0].as_str().expect("a warning").contains("not listed"));
    let manifest = space.read(summary["manifest"].as_str().expect("a path"));
    assert!(manifest.contains("are not known: it did not keep this key"), "{manifest}");
    execute(&space, "delete from item where id = 2").await;
    assert_eq!(run_listing(&space, &[]).1, "id\n2\n", "from now on they are");

    execute(&space, "insert into item (id, name) values (7, 'same'), (8, 'same')").await;
    space.write("items.toml", keyed.replace("key = [\"id\"]", "key = [\"name\"]"));
    let twice = longshore(&space, &[]);
    assert_eq!(twice.status.code(), Some(2), "{}", said(&twice));
    assert!(said(&twice).contains("two rows of the query are equal in"), "{}", said(&twice));
    execute(&space, "delete from item where id = 8; insert into item (id) values (9)").await;
    let none = longshore(&space, &[]);
    assert!(said(&none).contains("has no value in `incremental.key`"), "{}", said(&none));
    space.write(
        "items.toml",
        format!("{keyed}[sensitive]\nid = {{}}\n").replace("columns = [\"id\", \"name\"]\n", ""),
    );
    let hidden = longshore(&space, &[]);
    assert!(said(&hidden).contains("would not tell rows apart"), "{}", said(&hidden));
}

#[tokio::test]
async fn a_plan_says_which_rows_come_and_which_are_deleted() {
    let space = Workspace::with(TABLE).await;
    let plan = |file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().env("DATABASE_URL", space.database.url());
        let planned = command.current_dir(space.folder.path()).args(["plan", file]).output();
        let planned = planned.expect("longshore runs");
        assert_eq!(planned.status.code(), Some(0), "{}", said(&planned));
        String::from_utf8_lossy(&planned.stdout).into_owned()
    };
    space.write("items.toml", PIPELINE);
    let text = plan("items.toml");
    assert!(
        text.contains("only those whose updated_at is from the beginning to before 20"),
        "{text}"
    );
    insert(&space.client, 1).await;
    let (_, summary) = run(&space, &[]);
    let until = summary["until"].as_str().expect("an end");
    assert!(plan("items.toml").contains(&format!("is from {until} to before 20")));
    let archive = "kind = \"export\"\nsql = \"select * from item order by id\"\n[archive]\ntable = \"item\"\nkey = [\"id\"]\nlimit = \"7%\"\n\
        [output]\nformat = \"csv\"\npath = \"out/a.csv\"\n";
    space.write("archive.toml", archive);
    let text = plan("archive.toml");
    assert!(
        text.contains(
            "they are DELETED from item once they are in the files; more than 7% of its rows wait"
        ),
        "{text}"
    );
}
