//! Archives that would delete more than their limit: approved as they were shown, or dropped.

use std::process::{Command, Output};

use serde_json::Value;

use super::workspace::Workspace;

/// Of 100 rows, 40 belong to the term.
const TABLE: &str = "create table mark (id int primary key, term text, note text);
    insert into mark select n, case when n <= 40 then 'spring' else 'autumn' end, 'n' || n from generate_series(1, 100) n";

/// Two of the rows are equal in what orders them, whichever two: their order is not the same
/// each time.
const PIPELINE: &str = r#"kind = "export"
sql = "select * from mark where term = :term and id <= :most::int order by length(note)"
[archive]
table = "mark"
key = ["id"]
[output]
format = "csv"
path = "archive/{term}.csv"
null = "\\N"
"#;

async fn workspace() -> Workspace {
    let space = Workspace::with(TABLE).await;
    space.write("archive.toml", PIPELINE);
    space
}

fn longshore(space: &Workspace, arguments: &[&str], failpoint: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url());
    command.envs(failpoint.map(|armed| ("LONGSHORE_FAILPOINT", armed)));
    command.current_dir(space.folder.path()).args(arguments);
    command.output().expect("longshore runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// Runs the archive, which is held, and gives its run.
fn hold(space: &Workspace) -> String {
    let arguments = ["run", "--output", "json", "archive.toml", "--set", "term=spring"];
    let held = longshore(space, &[&arguments[..], &["--set", "most=40"]].concat(), None);
    assert_eq!(held.status.code(), Some(3), "{}", said(&held));
    let document = json(&held);
    assert_eq!((&document["status"], &document["rows"]), (&"held".into(), &0.into()));
    assert_eq!((&document["would_delete"], &document["table_rows"]), (&40.into(), &100.into()));
    document["run"].as_str().expect("a run").to_owned()
}

async fn status(space: &Workspace, run: &str) -> String {
    space.value(&format!("select status from longshore.run where run_id = '{run}'")).await
}

async fn rows(space: &Workspace) -> String {
    space.value("select count(*) from mark").await
}

fn approve(space: &Workspace, run: &str, failpoint: Option<&str>) -> Output {
    longshore(space, &["approve", run, "--set", "most=40", "--output", "json"], failpoint)
}

#[tokio::test]
async fn what_was_shown_is_archived_once_it_is_approved() {
    let space = workspace().await;
    let run = hold(&space);
    assert_eq!(status(&space, &run).await, "held");
    assert!(!space.folder.path().join("archive/spring.csv").exists());
    for command in ["history", "show"] {
        let told = longshore(&space, &[command, &run], None);
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(text.contains("40 of 100 rows of public.mark to delete"), "{command}: {text}");
        assert!(text.contains("40 rows to archive"), "{command}: {text}");
    }
    // The rows change their places in the table, and among equals in the order.
    space
        .client
        .batch_execute("update mark set note = note where id in (3, 12)")
        .await
        .expect("moved");
    let done = approve(&space, &run, None);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let document = json(&done);
    assert_eq!((&document["run"], &document["deleted"]), (&run.as_str().into(), &40.into()));
    assert_eq!(
        (rows(&space).await.as_str(), status(&space, &run).await.as_str()),
        ("60", "published")
    );
    assert_eq!(space.read("archive/spring.csv").lines().count(), 41);
    let again = approve(&space, &run, None);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    assert!(said(&again).contains("it is published"), "{}", said(&again));
    let noted = "select decision || ' ' || decided_by from longshore.held";
    assert!(space.value(noted).await.starts_with("approved "));
}

#[tokio::test]
async fn rows_that_are_not_those_that_were_shown_stay() {
    let changes = [
        "update mark set note = 'x' where id = 7",
        "delete from mark where id = 7",
        "update mark set term = 'spring', id = 7 where id = 50 and (delete_7()) is null",
        "delete from mark where term = 'spring'",
    ];
    for change in changes {
        let space = workspace().await;
        let function = "create function delete_7() returns int language sql as 'delete from mark where id = 7; select null::int'";
        space.client.batch_execute(function).await.expect("a function");
        let run = hold(&space);
        space.client.batch_execute(change).await.expect(change);
        let before = rows(&space).await;
        let held = approve(&space, &run, None);
        assert_eq!(held.status.code(), Some(3), "{change}: {}", said(&held));
        assert!(said(&held).contains("not those that were shown"), "{change}: {}", said(&held));
        assert_eq!((rows(&space).await, status(&space, &run).await), (before, "held".to_owned()));
        assert!(!space.folder.path().join("archive/spring.csv").exists(), "{change}");
    }
}

#[tokio::test]
async fn an_approval_needs_the_values_and_the_folder_of_the_run() {
    let space = workspace().await;
    let run = hold(&space);
    let missing = longshore(&space, &["approve", &run], None);
    assert_eq!(missing.status.code(), Some(2), "{}", said(&missing));
    assert!(said(&missing).contains("the value of `most` is not kept"), "{}", said(&missing));
    let other = longshore(&space, &["approve", &run, "--set", "most=41"], None);
    assert!(said(&other).contains("not those of the held run"), "{}", said(&other));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url()).current_dir(elsewhere.path());
    let refused = command.args(["approve", &run, "--set", "most=40"]).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("in the folder"), "{}", said(&refused));
    assert_eq!((rows(&space).await.as_str(), status(&space, &run).await.as_str()), ("100", "held"));
}

#[tokio::test]
async fn a_held_archive_is_dropped_by_somebody_or_by_a_later_one() {
    let space = workspace().await;
    let first = hold(&space);
    let dropped = longshore(&space, &["discard", &first, "--output", "json"], None);
    assert_eq!(dropped.status.code(), Some(0), "{}", said(&dropped));
    assert_eq!(json(&dropped)["status"], "discarded");
    assert_eq!(status(&space, &first).await, "discarded");
    assert_eq!(approve(&space, &first, None).status.code(), Some(2));
    let second = hold(&space);
    let third = hold(&space);
    assert_eq!(status(&space, &second).await, "discarded");
    let other = ["run", "archive.toml", "--set", "term=autumn", "--set", "most=99"];
    assert_eq!(longshore(&space, &other, None).status.code(), Some(3));
    assert_eq!(status(&space, &third).await, "held", "other values are other rows");
    assert_eq!(approve(&space, &third, None).status.code(), Some(0));
    let decisions =
        "select string_agg(coalesce(decision, 'open'), ' ' order by run_id) from longshore.held";
    assert_eq!(space.value(decisions).await, "discarded superseded approved open");
}

#[tokio::test]
async fn an_approval_that_is_killed_anywhere_loses_no_row() {
    for (point, _) in longshore::failpoint::ARCHIVE_POINTS {
        let space = workspace().await;
        let run = hold(&space);
        let killed = approve(&space, &run, Some(&format!("{point}=kill")));
        assert_eq!(killed.status.code(), None, "{point}: {}", said(&killed));
        let again = approve(&space, &run, None);
        let is_done = point == "archive.committed";
        assert_eq!(
            again.status.code(),
            Some(if is_done { 2 } else { 0 }),
            "{point}: {}",
            said(&again)
        );
        assert_eq!(
            (rows(&space).await.as_str(), status(&space, &run).await.as_str()),
            ("60", "published")
        );
        assert_eq!(space.read("archive/spring.csv").lines().count(), 41, "{point}");
    }
}

#[tokio::test]
async fn a_file_that_a_killed_approval_left_is_in_nobodys_way() {
    let space = workspace().await;
    let run = hold(&space);
    let killed = approve(&space, &run, Some("archive.placed=kill"));
    assert_eq!(killed.status.code(), None, "{}", said(&killed));
    assert_eq!(longshore(&space, &["discard", &run], None).status.code(), Some(0));
    let next = hold(&space);
    let done = approve(&space, &next, None);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!(
        (rows(&space).await.as_str(), status(&space, &run).await.as_str()),
        ("60", "discarded")
    );
}
