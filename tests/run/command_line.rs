//! The command as scripts see it: exit codes, JSON, and where things are printed.

use std::process::{Command, Output};

use serde_json::Value;

use super::workspace::Workspace;

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/items.csv"

[limits]
rejected = 0

[[target]]
table = "item"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name" }
"#;

struct Session {
    space: Workspace,
    pipeline: String,
}

impl Session {
    async fn new() -> Self {
        let space = Workspace::with("create table item (id int primary key, name text)").await;
        let toml = PIPELINE.replace("$DIR", &space.folder.path().display().to_string());
        let pipeline = space.write("items.toml", toml).display().to_string();
        space.write("items.csv", "id,name\n1,a\n2,b\n");
        Self { space, pipeline }
    }

    fn longshore(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("longshore runs")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let reports = self.space.folder.path().join("reports");
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command
            .env_clear()
            .env("DATABASE_URL", self.space.database.url())
            .current_dir(self.space.folder.path());
        command.args(arguments);
        if arguments.first() == Some(&"run") {
            command.arg("--report-dir").arg(reports);
        }
        command
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_run_prints_one_json_document_and_the_contract_holds() {
    let session = Session::new().await;
    let ended = session.longshore(&["run", "--output", "json", &session.pipeline]);
    assert_eq!(code(&ended), 0, "{}", errors(&ended));
    let document = json(&ended);
    assert_eq!(document["status"], "published");
    assert_eq!(document["pipeline"], "items");
    assert_eq!(document["tables"][0]["table"], "public.item");
    for count in
        ["read", "filtered", "rejected", "duplicate", "inserted", "updated", "unchanged", "deleted"]
    {
        assert!(document["tables"][0][count].is_u64(), "{count}");
    }
    assert_eq!(document["files"][0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(document["rejections"]["records"], 0);
    for stage in ["read", "stage", "publish", "total"] {
        assert!(document["seconds"][stage].is_f64(), "{stage}");
    }
    let again = session.longshore(&["run", "--output", "json", &session.pipeline]);
    assert_eq!((code(&again), &json(&again)["status"]), (0, &Value::from("unchanged")));
    assert_eq!(json(&again)["tables"][0]["table"], document["tables"][0]["table"]);
}

#[tokio::test]
async fn exit_codes_say_who_has_to_act() {
    let session = Session::new().await;
    let run = |arguments: &[&str]| code(&session.longshore(arguments));
    assert_eq!(run(&["run"]), 2, "usage");
    assert_eq!(run(&["run", "no-such.toml"]), 2, "no definition");
    session.space.write("wrong.toml", PIPELINE.replace("upsert", "upsrt"));
    assert_eq!(run(&["check", "wrong.toml"]), 2, "a finding");
    assert_eq!(run(&["run", "--input", "no-such.csv", &session.pipeline]), 5, "no file");
    session.space.write("items.csv", "id,name\n1,a\nx,b\n");
    assert_eq!(run(&["run", &session.pipeline]), 4, "over the limit");
    assert_eq!(
        run(&["run", "--database", "postgresql://localhost:1/none", &session.pipeline]),
        7,
        "no server"
    );
    assert_eq!(run(&["--help"]), 0);
}

#[tokio::test]
async fn check_against_the_database_reports_everything_at_once() {
    let session = Session::new().await;
    let toml = PIPELINE
        .replace("$DIR", &session.space.folder.path().display().to_string())
        .replace(
            "name = { from = \"name\" }",
            "nam = { from = \"nme\" }\n[[target.check]]\nsql = \"idd > 0\"",
        )
        .replace("key = [\"id\"]", "key = [\"id\", \"nam\"]");
    session.space.write("drift.toml", toml);
    let ended = session.longshore(&["check", "drift.toml"]);
    let told = errors(&ended);
    assert_eq!(code(&ended), 2, "{told}");
    for expected in
        ["bind.no_such_column", "did you mean `name`?", "bind.no_such_field", "bind.key_not_unique"]
    {
        assert!(told.contains(expected), "{expected} in\n{told}");
    }
    assert_eq!(code(&session.longshore(&["check", &session.pipeline])), 0);
}

#[tokio::test]
async fn looking_commands_work_and_write_nothing() {
    let session = Session::new().await;
    let out = |arguments: &[&str]| {
        let ended = session.longshore(arguments);
        assert_eq!(code(&ended), 0, "{arguments:?}: {}", errors(&ended));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    assert!(out(&["plan", &session.pipeline]).contains("upsert: new keys (id)"));
    assert!(out(&["preview", &session.pipeline]).contains("-> public.item"));
    assert!(out(&["preview", "items.csv"]).contains("record 2"));
    out(&["validate", &session.pipeline]);
    out(&["history"]);
    // The tests' cluster runs without fsync, which is a problem anywhere else.
    let doctor = session.longshore(&["doctor"]);
    assert_eq!(code(&doctor), 7, "{}", errors(&doctor));
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("fsync"));
    assert!(out(&["schema"]).contains("$schema"));
    assert!(out(&["completions", "bash"]).contains("longshore"));
    assert_eq!(session.space.value("select count(*) from item").await, "0");
}

#[tokio::test]
async fn history_shows_runs_and_one_of_them() {
    let session = Session::new().await;
    let ended = session.longshore(&["run", "--output", "json", &session.pipeline]);
    let run = json(&ended)["run"].as_str().expect("a run").to_owned();
    let listed = session.longshore(&["history", "--output", "json"]);
    assert_eq!(json(&listed)["tables"][0]["inserted"], 2);
    let one = session.longshore(&["history", &run]);
    assert!(String::from_utf8_lossy(&one.stdout).contains("items.csv"));
    assert_eq!(code(&session.longshore(&["history", "01J00000000000000000000000"])), 2);
}

#[tokio::test]
async fn a_held_run_is_shown_approved_and_discarded() {
    let session = Session::new().await;
    let mirror = PIPELINE
        .replace("upsert", "mirror")
        .replace("rejected = 0", "rejected = 0\ndeleted = \"20%\"");
    let mirror = mirror.replace("$DIR", &session.space.folder.path().display().to_string());
    session.space.write("items.toml", mirror);
    let run = |file: &str| {
        session.space.write("items.csv", file);
        session.longshore(&["run", "--output", "json", &session.pipeline])
    };
    assert_eq!(code(&run("id,name\n1,a\n2,b\n3,c\n")), 0);
    let held = run("id,name\n2,b\n3,c\n");
    assert_eq!(code(&held), 3);
    let document = json(&held);
    assert_eq!(document["status"], "held");
    assert_eq!(document["tables"][0]["deletions"]["held_for"][0], "over_limit");
    assert_eq!(document["tables"][0]["deleted"], 1);
    let id = document["run"].as_str().expect("a run").to_owned();
    assert!(errors(&held).contains(&format!("longshore approve {id}")), "{}", errors(&held));
    let shown = session.longshore(&["show", &id]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("the whole table: of 3 rows 1 deleted"), "{text}");
    let shown = session.longshore(&["show", "--output", "json", &id]);
    assert_eq!(json(&shown)["held"][0]["scopes"][0]["deleted"], 1);
    session
        .space
        .client
        .batch_execute("update item set name = 'moved' where id = 1")
        .await
        .expect("a row");
    let moved = session.longshore(&["approve", "--output", "json", &id]);
    assert_eq!((code(&moved), &json(&moved)["status"]), (3, &Value::from("held")));
    let discarded = session.longshore(&["discard", "--output", "json", &id]);
    assert_eq!((code(&discarded), &json(&discarded)["status"]), (0, &Value::from("discarded")));
    assert_eq!(code(&session.longshore(&["approve", &id])), 2);
    let held = run("id,name\n2,b\n3,c\n");
    let id = json(&held)["run"].as_str().expect("a run").to_owned();
    let approved = session.longshore(&["approve", "--output", "json", &id]);
    assert_eq!((code(&approved), &json(&approved)["status"]), (0, &Value::from("published")));
    assert_eq!(session.space.value("select count(*) from item").await, "2");
    let shown = session.longshore(&["show", "--output", "json", &id]);
    assert_eq!(json(&shown)["tables"][0]["deleted"], 1);
    assert_eq!(code(&session.longshore(&["show", "01J00000000000000000000000"])), 2);
}

#[tokio::test]
async fn an_export_streams_a_query_into_a_file() {
    let session = Session::new().await;
    session.longshore(&["run", &session.pipeline]);
    let toml = "kind = \"export\"\nsql = \"select id, name from item where name >= :least order by id\"\n\
        [output]\nformat = \"csv\"\npath = \"out/{least}.csv\"\n";
    session.space.write("export.toml", toml);
    let reports =
        session.longshore(&["run", "--output", "json", "--set", "least=b", "export.toml"]);
    assert_eq!(code(&reports), 0, "{}", errors(&reports));
    assert_eq!(session.space.read("out/b.csv"), "id,name\n2,b\n");
    assert_eq!(
        (&json(&reports)["rows"], &json(&reports)["bytes"]),
        (&Value::from(1), &Value::from(12))
    );
    assert_eq!(code(&session.longshore(&["run", "export.toml"])), 2, "a parameter without value");
}

#[tokio::test]
async fn validation_needs_no_database_once_the_catalog_is_saved() {
    let session = Session::new().await;
    let saved =
        session.longshore(&["validate", "--save-catalog", "catalog.json", &session.pipeline]);
    assert_eq!(code(&saved), 0, "{}", errors(&saved));
    let away = [
        "validate",
        "--output",
        "json",
        "--catalog",
        "catalog.json",
        "--database",
        "postgresql://localhost:1/none",
    ];
    let ended = session.longshore(&[&away[..], &[&session.pipeline]].concat());
    assert_eq!(code(&ended), 0, "{}", errors(&ended));
    assert_eq!(json(&ended)["tables"][0]["accepted"], 2);
}

#[tokio::test]
async fn standard_input_is_loaded_like_a_file_and_leaves_no_copy() {
    let session = Session::new().await;
    let copies = session.space.folder.path().join("copies");
    std::fs::create_dir(&copies).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", session.space.database.url()).env("TMPDIR", &copies);
    command.current_dir(session.space.folder.path()).args(["run", "--output", "json"]);
    command.args(["--input", "-", &session.pipeline]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("longshore runs");
    let mut input = child.stdin.take().expect("its standard input");
    std::io::Write::write_all(&mut input, b"id,name\n1,a\n2,b\n3,c\n").expect("it is read");
    drop(input);
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(code(&ended), 0);
    let document = json(&ended);
    assert_eq!(document["tables"][0]["inserted"], 3);
    assert_eq!(document["files"][0]["path"], "standard input");
    assert_eq!(std::fs::read_dir(&copies).expect("the folder").count(), 0);
}

#[tokio::test]
async fn a_password_is_in_no_output_wherever_its_url_stands() {
    let session = Session::new().await;
    let url = "postgres://ana:hunter2@localhost:1/school";
    let far = "postgres://ana:hunter2@203.0.113.1:1/school?connect_timeout=2&sslmode=disable";
    let pairs = "host=localhost port=1 user=ana password=hunter2 sslmod=x";
    let table: [&[&str]; 9] = [
        &["doctor", "--database", url],
        &["doctor", "--database", url, "--output", "json"],
        &["doctor", "--database", far],
        &["doctor", "--database", pairs],
        &["doctor", "--database", "postgres://ana:hunter2@h/d?sslmode=maybe"],
        &["doctor", url],
        &["run", url, "--output", "json"],
        &["check", &session.pipeline, "--database", url],
        &["history", "--database", url, "--", url, url],
    ];
    for arguments in table {
        let output = session.longshore(arguments);
        let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), errors(&output));
        assert_ne!(code(&output), 0, "{arguments:?}");
        assert!(!all.is_empty() && !all.contains("hunter2"), "{arguments:?}: {all}");
    }
}

#[tokio::test]
async fn a_connection_that_was_weakened_says_so_once() {
    let session = Session::new().await;
    let url = "postgres://ana@203.0.113.1:1/school?connect_timeout=2&sslmode=disable";
    let pipeline = &session.pipeline;
    let output = session.longshore(&["check", pipeline, pipeline, "--database", url]);
    assert_eq!(errors(&output).matches("neither encrypted").count(), 0, "{}", errors(&output));
    assert_eq!(errors(&output).matches("not encrypted").count(), 1, "{}", errors(&output));
    assert_eq!(errors(&output).matches("sslmode=disable").count(), 1, "{}", errors(&output));
}

#[tokio::test]
async fn a_pipeline_is_checked_against_its_tables_before_a_file_has_come() {
    let session = Session::new().await;
    std::fs::remove_file(session.space.folder.path().join("items.csv")).expect("it is removed");
    let ended = session.longshore(&["check", &session.pipeline]);
    assert_eq!(code(&ended), 0, "{}", errors(&ended));
    assert!(errors(&ended).contains("its header was not checked"), "{}", errors(&ended));
    let wrong = session.space.read("items.toml").replace("name = { from", "nmae = { from");
    session.space.write("items.toml", wrong);
    let ended = session.longshore(&["check", &session.pipeline]);
    assert_eq!(code(&ended), 2, "{}", errors(&ended));
    assert!(errors(&ended).contains("did you mean `name`?"), "{}", errors(&ended));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn output_that_nobody_takes_is_no_fault_and_is_told_where_it_matters() {
    let session = Session::new().await;
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("a full disk");
    let mut run = session.command(&["run", &session.pipeline, "--output", "json"]);
    let output = run.stdout(full()).output().expect("longshore runs");
    assert_eq!(code(&output), 7, "{}", errors(&output));
    assert!(
        errors(&output).contains("standard output could not be written"),
        "{}",
        errors(&output)
    );
    assert_eq!(session.space.value("select count(*) from item").await, "2", "it is published");

    let mut run = session.command(&["run", &session.pipeline, "--force"]);
    let output = run.stderr(full()).output().expect("longshore runs");
    assert_eq!(code(&output), 0, "who cannot be told needs no answer");

    // As `| head` does once it has seen enough.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = session.command(&["history"]).stdout(writer).output().expect("longshore runs");
    assert_eq!((code(&output), errors(&output)), (0, String::new()));
}

#[tokio::test]
async fn who_stops_a_run_before_its_commit_stops_it() {
    let session = Session::new().await;
    for signal in ["interrupt", "terminate"] {
        let mut run = session.command(&["run", &session.pipeline]);
        run.env("LONGSHORE_FAILPOINT", format!("publish.written={signal}"));
        let output = run.output().expect("longshore runs");
        assert_eq!(code(&output), 130, "{}", errors(&output));
        assert!(errors(&output).contains("what is not committed yet is taken back"));
        assert_eq!(session.space.value("select count(*) from item").await, "0");
    }
}
