//! Exports as runs: one state of the database for all, in the ledger, and nothing half when stopped.

use std::{
    os::unix::fs::MetadataExt,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::workspace::Workspace;
use crate::support::{
    TestDatabase,
    proxy::{Direction, Fault, Proxy},
    small_disk::SmallDisk,
};

/// Longest wait for a process to come to some point.
const WAIT: Duration = Duration::from_secs(60);

fn command(space: &Workspace, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url());
    command.current_dir(space.folder.path()).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn longshore(space: &Workspace, arguments: &[&str]) -> Output {
    command(space, arguments).output().expect("longshore runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn documents(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Writes a pipeline that exports a query to `NAME.csv`.
fn pipeline(space: &Workspace, name: &str, sql: &str, more: &str) {
    let toml = format!(
        "kind = \"export\"\nsql = '''{sql}'''\n[output]\nformat = \"csv\"\npath = \"out/{name}.csv\"\n{more}"
    );
    space.write(&format!("{name}.toml"), toml);
}

/// Waits until the server runs a statement that sleeps, and says in which process.
fn wait_for_sleep(space: &Workspace) -> impl Future<Output = i32> + use<'_> {
    let query = "select coalesce(max(pid), 0) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
    async move {
        let limit = Instant::now() + WAIT;
        loop {
            let pid: i32 = space.value(query).await.parse().expect("a number");
            if pid > 0 {
                return pid;
            }
            assert!(Instant::now() < limit, "no export sleeps");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn entries(space: &Workspace, folder: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(space.folder.path().join(folder)) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

const SLEEPS: &str = "select id, pg_sleep(2)::text as s from item where id = 1 order by id";

#[tokio::test]
async fn exports_of_one_run_see_one_state_and_the_ledger_has_them() {
    let space = Workspace::with("create table item (id int); insert into item values (1)").await;
    pipeline(&space, "a", SLEEPS, "");
    pipeline(&space, "wrong", "select nothing from nowhere order by 1", "");
    pipeline(&space, "b", "select id from item where id < :most order by id", "");
    let arguments =
        ["run", "--output", "json", "a.toml", "wrong.toml", "b.toml", "--set", "most=9"];
    let running = command(&space, &arguments).spawn().expect("it starts");
    wait_for_sleep(&space).await;
    space.client.batch_execute("insert into item values (2)").await.expect("a row");
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(2), "for the one that is wrong: {}", said(&ended));
    assert_eq!(space.read("out/b.csv"), "id\n1\n", "as it was when the first began");
    let manifest = |name: &str| -> Value {
        serde_json::from_str(&space.read(format!("out/{name}.csv.manifest.json"))).expect("JSON")
    };
    assert_eq!(manifest("a")["snapshot_time"], manifest("b")["snapshot_time"]);
    assert!(!space.folder.path().join("out/wrong.csv").exists());

    let query = "select string_agg(pipeline || ' ' || status || ' ' || coalesce(rows::text, '-'), ', ' order by pipeline)
        from longshore.run join longshore.export using (run_id) where kind = 'export'";
    assert_eq!(space.value(query).await, "a published 1, b published 1, wrong failed -");
    let run = manifest("b")["run"].as_str().expect("a run").to_owned();
    let shown = longshore(&space, &["show", "--output", "json", &run]);
    let shown = &documents(&shown)[0];
    assert_eq!(shown["export"]["rows"], 1);
    assert_eq!(shown["export"]["parameters"]["most"], Value::Null, "its value is not kept");
    assert_eq!(shown["files"][0]["sha256"], manifest("b")["files"][0]["sha256"]);
    let history = longshore(&space, &["history"]);
    let text = String::from_utf8_lossy(&history.stdout).into_owned();
    assert!(text.contains("1 rows exported"), "{text}");
    let details = longshore(&space, &["history", &run]);
    assert!(
        String::from_utf8_lossy(&details.stdout)
            .contains("parameter most, whose value is not kept")
    );
}

fn start(space: &Workspace, arguments: &[&str]) -> Child {
    command(space, arguments).spawn().expect("it starts")
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a signal");
}

#[tokio::test]
async fn an_export_that_is_stopped_leaves_nothing_and_one_that_is_killed_nothing_for_long() {
    let space = Workspace::with("create table item (id int); insert into item values (1)").await;
    pipeline(&space, "a", "select id, pg_sleep(60)::text as s from item order by id", "");
    let running = start(&space, &["run", "a.toml"]);
    wait_for_sleep(&space).await;
    signal(&running, Signal::TERM);
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{}", said(&ended));
    assert!(entries(&space, "out").is_empty(), "{:?}", entries(&space, "out"));

    let running = start(&space, &["run", "a.toml"]);
    let sleeper = wait_for_sleep(&space).await;
    let second = longshore(&space, &["run", "a.toml"]);
    assert_eq!(second.status.code(), Some(6), "somebody writes these files: {}", said(&second));
    signal(&running, Signal::KILL);
    running.wait_with_output().expect("it ends");
    assert_eq!(entries(&space, "out"), [".a.csv.parts"], "nothing that looks whole");
    space.value(&format!("select pg_terminate_backend({sleeper})")).await;
    pipeline(&space, "a", "select id from item order by id", "");
    let ended = longshore(&space, &["run", "a.toml"]);
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    assert_eq!(entries(&space, "out"), ["a.csv", "a.csv.manifest.json"]);
    let query = "select string_agg(status, ' ' order by started_at) from longshore.run";
    assert_eq!(space.value(query).await, "failed failed published");
}

#[tokio::test]
async fn a_lost_connection_is_tried_again_from_the_start() {
    let space = Workspace::with("create table item (id int); insert into item values (1)").await;
    pipeline(&space, "a", "select count(*) as n from item order by 1", "");
    pipeline(&space, "b", SLEEPS, "");
    let running = start(&space, &["run", "a.toml", "b.toml"]);
    let sleeper = wait_for_sleep(&space).await;
    space.client.batch_execute("insert into item values (2)").await.expect("a row");
    space.value(&format!("select pg_terminate_backend({sleeper})")).await;
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    assert!(said(&ended).contains("connecting again"), "{}", said(&ended));
    assert_eq!(space.read("out/a.csv"), "n\n2\n", "both from the second state");
}

#[tokio::test]
async fn the_same_bytes_are_not_written_again_and_groups_that_went_are_named() {
    let space = Workspace::with("create table item (class text, n int)").await;
    let insert = "insert into item values ('a', 1), ('b', 2), ('c', 3)";
    space.client.batch_execute(insert).await.expect("rows");
    let toml = "kind = \"export\"\nsql = \"select class, n from item order by class, n\"\n[output]\nformat = \"csv\"\npath = \"out/{class}.csv.gz\"\ngroup_by = [\"class\"]\n";
    space.write("lists.toml", toml);
    assert_eq!(longshore(&space, &["run", "lists.toml"]).status.code(), Some(0));
    let inode = |name: &str| {
        std::fs::metadata(space.folder.path().join("out").join(name)).expect("a file").ino()
    };
    let before = inode("b.csv.gz");
    space
        .client
        .batch_execute(
            "update item set n = 9 where class = 'a'; delete from item where class = 'c'",
        )
        .await
        .expect("changed");
    let ended = longshore(&space, &["run", "--output", "json", "lists.toml"]);
    let document = &documents(&ended)[0];
    assert_eq!(inode("b.csv.gz"), before, "its bytes are the same");
    let unchanged: Vec<bool> = document["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| file["unchanged"] == true)
        .collect();
    assert_eq!(unchanged, [false, true]);
    let manifest: Value =
        serde_json::from_str(&space.read("out/class.csv.gz.manifest.json")).expect("JSON");
    assert_eq!(manifest["stale"][0]["path"], "c.csv.gz", "it is there, and not of this export");
    assert!(said(&ended).contains("1 file of groups without rows"), "{}", said(&ended));
    longshore(&space, &["run", "lists.toml"]);
    let manifest: Value =
        serde_json::from_str(&space.read("out/class.csv.gz.manifest.json")).expect("JSON");
    assert_eq!(manifest["stale"][0]["path"], "c.csv.gz", "for as long as it is there");
}

#[tokio::test]
async fn a_role_that_may_only_read_exports_without_the_ledger() {
    let space = Workspace::with("create table item (id int); insert into item values (1)").await;
    let role = format!("reader_{}", space.database.name());
    let make = format!("create role {role} login; grant select on item to {role}");
    space.client.batch_execute(&make).await.expect("a role");
    pipeline(&space, "a", "select id from item order by id", "");
    let url = space.database.url();
    let (_, rest) = url.split_once('@').expect("a role");
    let url = format!("postgres://{role}@{rest}");
    let ended = longshore(&space, &["run", "--database", &url, "a.toml"]);
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    assert!(said(&ended).contains("the ledger does not know of this export"), "{}", said(&ended));
    assert_eq!(space.read("out/a.csv"), "id\n1\n");
    let drop = format!("drop owned by {role}; drop role {role}");
    space.client.batch_execute(&drop).await.expect("dropped");
}

#[tokio::test]
async fn a_network_that_swallows_rows_is_noticed_and_no_half_file_is_left() {
    let space = Workspace::with("create table item as select n as id, repeat('x', 100) as text from generate_series(1, 30000) n").await;
    pipeline(&space, "a", "select id, text from item order by id", "");
    let proxy = Proxy::before(&TestDatabase::socket());
    let url = proxy.url(space.database.name());
    for fault in [Fault::BlackHole, Fault::Cut] {
        proxy.heal();
        proxy.arm(Direction::ToClient, 1_000_000, fault);
        let mut running = command(&space, &["run", "a.toml"]);
        running.env("DATABASE_URL", &url).env("LONGSHORE_HASTE", "20");
        let mut running = running.spawn().expect("it starts");
        let limit = Instant::now() + WAIT;
        while running.try_wait().expect("its state").is_none() {
            assert!(Instant::now() < limit, "it waits for ever: {fault:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!proxy.is_armed(), "its bytes came to the fault");
        let ended = running.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(0), "tried again: {fault:?}: {}", said(&ended));
        assert_eq!(space.read("out/a.csv").lines().count(), 30_001);
        assert_eq!(entries(&space, "out"), ["a.csv", "a.csv.manifest.json"]);
    }
}

#[tokio::test]
async fn two_exports_of_one_command_do_not_write_the_same_file() {
    let space = Workspace::with("").await;
    let groups = "kind = \"export\"\nsql = \"select g from (values ('a'), ('b')) v(g) order by g\"\n[output]\nformat = \"csv\"\npath = \"out/{g}.csv\"\ngroup_by = [\"g\"]\n";
    space.write("lists.toml", groups);
    pipeline(&space, "a", "select 1 as n order by 1", "");
    pipeline(&space, "b2", "select 2 as n order by 1", "");
    let ended = longshore(&space, &["run", "--output", "json", "lists.toml", "a.toml", "b2.toml"]);
    assert_eq!(ended.status.code(), Some(2), "{}", said(&ended));
    assert!(said(&ended).contains("another export of this command"), "{}", said(&ended));
    assert_eq!(space.read("out/a.csv"), "g\na\n", "as the manifest says");
    assert_eq!(space.read("out/b2.csv"), "n\n2\n");
    assert!(!space.folder.path().join("out/a.csv.manifest.json").exists());

    let same = space.read("b2.toml");
    space.write("c.toml", same.replace("out/", "./out/"));
    let ended = longshore(&space, &["run", "b2.toml", "c.toml"]);
    assert_eq!(ended.status.code(), Some(2), "{}", said(&ended));
    assert!(said(&ended).contains("another export of this command"), "{}", said(&ended));
    assert!(said(&ended).contains("`c`"), "it says which: {}", said(&ended));
}

#[tokio::test]
async fn a_workbook_that_is_stopped_at_its_end_leaves_nothing() {
    let space = Workspace::with("").await;
    let sql = "select n, md5(n::text) a, n * 1.5 b, repeat(md5(n::text), 3) c from generate_series(1, 60000) n order by n";
    pipeline(&space, "a", sql, "");
    space.write(
        "a.toml",
        space.read("a.toml").replace("\"csv\"", "\"xlsx\"").replace("a.csv", "a.xlsx"),
    );
    let running = start(&space, &["run", "a.toml"]);
    let part = space.folder.path().join("out/.a.xlsx.parts/0.part");
    let limit = Instant::now() + WAIT;
    // Rows wait elsewhere: what is here is of the whole workbook.
    while std::fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
        assert!(Instant::now() < limit, "the workbook is not written");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&running, Signal::TERM);
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{}", said(&ended));
    assert!(entries(&space, "out").is_empty(), "{:?}", entries(&space, "out"));
    assert!(!said(&ended).contains("ZipWriter"), "{}", said(&ended));
}

#[tokio::test]
async fn a_workbook_for_which_the_disk_has_no_room_is_told_as_such() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let space = Workspace::with("").await;
    // The rows that wait fill the disk, or the workbook does that is made of them.
    for rows in [50_000, 9_000] {
        let sql = format!(
            "select n, md5(n::text) a, md5((n + 1)::text) b from generate_series(1, {rows}) n order by n"
        );
        let toml = format!(
            "kind = \"export\"\nsql = \"{sql}\"\n[output]\nformat = \"xlsx\"\npath = \"{}/a.xlsx\"\n",
            disk.path().display()
        );
        space.write("a.toml", toml);
        let ended = longshore(&space, &["run", "a.toml"]);
        assert_eq!(ended.status.code(), Some(7), "{rows}: {}", said(&ended));
        assert!(said(&ended).contains("make room on the disk"), "{rows}: {}", said(&ended));
        for foreign in ["fault of longshore", "ZipWriter"] {
            assert!(!said(&ended).contains(foreign), "{rows}: {}", said(&ended));
        }
        assert_eq!(std::fs::read_dir(disk.path()).expect("the disk").count(), 0);
    }
}

/// The most memory a process has had, in kilobytes, asked for until it ends.
#[cfg(target_os = "linux")]
fn peak_memory(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("its state").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_does_not_grow_with_the_rows() {
    let space = Workspace::with("").await;
    let sql = "select n, repeat(md5(n::text), 8) as a, md5(n::text) as b from generate_series(1, 300000) n order by n";
    pipeline(&space, "a", sql, "");
    let mut running = start(&space, &["run", "a.toml"]);
    let peak = peak_memory(&mut running);
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    let bytes = std::fs::metadata(space.folder.path().join("out/a.csv")).expect("the file").len();
    assert!(bytes > 80 << 20, "more than what may be in memory: {bytes} bytes");
    assert!(peak > 0 && peak < 64 << 10, "{peak} kB");
}
