//! Rows that go straight into an empty table: everything comes out as if they had been staged, and
//! what has to be staged is.

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Output},
};

use serde_json::Value;

use super::workspace::Workspace;
use crate::support::{age, small_disk::SmallDisk};

const TABLE: &str = "
    create table gauge (id int primary key, label varchar(12) not null, price numeric(10, 2),
      seen timestamptz, note text default 'none');
    create index on gauge (price, seen);
    create unique index on gauge (seen, id)";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/gauges*.csv"
[[target]]
table = "public.gauge"
mode = "$MODE"
key = ["id"]
$MORE
[target.columns]
id = { from = "id" }
label = { from = "label" }
price = { from = "price", minimum = 0 }
seen = { from = "seen" }
"#;

/// With a check all is staged, and the database decides.
const STAGED: &str = "[[target.check]]\nsql = 'true'\nmessage = 'never'";

const RECORDS: u32 = 3000;

fn record(id: u32) -> String {
    let day = id % 28 + 1;
    format!("{id},label {id},{}.25,2024-02-{day:02} 10:00Z", id % 700)
}

/// Two files, mostly of good records.
fn write_files(space: &Workspace) {
    for (name, ids) in
        [("gauges.csv", 1..=RECORDS / 2), ("gauges_more.csv", RECORDS / 2 + 1..=RECORDS)]
    {
        let mut text = "id,label,price,seen\n".to_owned();
        for id in ids {
            let record = match id % 500 {
                1 => format!("{id},Zacharias is too long,1,2024-02-01 10:00Z"),
                2 => format!("{id},Zenobia,-1,2024-02-01 10:00Z"),
                3 => format!("{id},,1,2024-02-01 10:00Z"),
                4 => "no number,Zoe,1,2024-02-01 10:00Z".to_owned(),
                _ => record(id),
            };
            writeln!(text, "{record}").expect("a string takes text");
        }
        // What was written just now would be hashed before it is read.
        age(&space.write(name, text));
    }
}

/// A run of the program, for which no file is too small, with more of the environment.
fn run(space: &Workspace, toml: &str, variables: &[(&str, &str)]) -> Output {
    let folder = space.folder.path();
    let path = space.write("gauges.toml", toml.replace("$DIR", &folder.display().to_string()));
    let mut longshore = Command::new(env!("CARGO_BIN_EXE_longshore"));
    longshore.env("DATABASE_URL", space.database.url()).env("LONGSHORE_SCARCITY", "10000");
    longshore.env("LONGSHORE_FAILPOINT_TRACE", folder.join("trace"));
    longshore.envs(variables.iter().copied());
    longshore.args(["run", "--output", "json", "--split-size", "8KiB", "--report-dir"]);
    longshore.arg(folder.join("reports")).arg(path).output().expect("longshore runs")
}

fn summary(output: &Output) -> Value {
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a summary")
}

/// What runs have passed since the last time.
fn trace(space: &Workspace) -> Vec<String> {
    let path = space.folder.path().join("trace");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let _ = fs::remove_file(path);
    text.lines().map(str::to_owned).collect()
}

fn passed(trace: &[String], point: &str) -> usize {
    trace.iter().filter(|passed| *passed == point).count()
}

fn upsert(more: &str) -> String {
    PIPELINE.replace("$MODE", "upsert").replace("$MORE", more)
}

/// All that a run leaves, but for its name and times.
async fn outcome(space: &Workspace, summary: &Value) -> Vec<String> {
    let here = space.folder.path().display().to_string();
    let report = summary["rejections"]["report"].as_str().expect("a report").to_owned();
    let read = |name: &str| space.read(format!("{report}/{name}")).replace(&here, "");
    let mut files: Vec<String> = glob::glob(&format!("{report}/**/*"))
        .expect("a pattern")
        .map(|path| path.expect("readable").display().to_string().replace(&report, ""))
        .collect();
    files.sort();
    vec![
        summary["tables"].to_string(),
        summary["rejections"]["by_code"].to_string(),
        files.join(" "),
        read("rejections.csv"),
        space.value("select md5(string_agg(g::text, '|' order by id)) from gauge g").await,
        space.value("select string_agg(pg_get_indexdef(indexrelid) || indisprimary, '; ' order by 1)
            from (select indexrelid, indisprimary from pg_index where indrelid = 'gauge'::regclass order by 1) i").await,
        space.value("select (to_jsonb(t) - 'run_id')::text from longshore.tally t order by run_id desc limit 1").await,
        space.value("select string_agg((to_jsonb(r) - 'run_id')::text, '|' order by file, record) from longshore.rejected_record r").await,
        space.value("select reltuples::int from pg_class where oid = 'gauge'::regclass").await,
        space.value("select count(*) from pg_tables where schemaname = 'longshore_staging'").await,
        (!space.folder.path().join("reports/.unfinished").exists()).to_string(),
    ]
}

async fn fresh() -> Workspace {
    let space = Workspace::with(TABLE).await;
    write_files(&space);
    space
}

/// What a run leaves that stages all.
async fn staged(toml: &str) -> Vec<String> {
    let space = fresh().await;
    let summary = summary(&run(&space, &format!("{toml}{STAGED}"), &[]));
    let passed_staging = passed(&trace(&space), "split.committed") > 0;
    assert!(passed_staging, "it stages");
    outcome(&space, &summary).await
}

#[tokio::test]
async fn rows_that_go_straight_into_their_table_leave_what_staged_ones_leave() {
    for mode in ["upsert", "insert", "append"] {
        let key = if mode == "append" { "key = [\"id\"]\n" } else { "" };
        let toml = PIPELINE.replace("$MODE", mode).replace("$MORE", "").replace(key, "");
        let space = fresh().await;
        if mode == "append" {
            // No key is proven to differ, so nothing unique may ask for it.
            let drop = "alter table gauge drop constraint gauge_pkey; drop index gauge_seen_id_idx";
            space.client.batch_execute(drop).await.expect("it");
        }
        let summary = summary(&run(&space, &toml, &[]));
        let trace = trace(&space);
        assert_eq!(passed(&trace, "split.begun"), 0, "{mode}: nothing is staged");
        assert_eq!(passed(&trace, "straight.read"), 1, "{mode}: {trace:?}");
        assert_eq!(passed(&trace, "files.hashed"), 2, "{mode}: {trace:?}");
        assert_eq!(summary["tables"][0]["inserted"], RECORDS - RECORDS / 500 * 4);
        let mut expected = staged(&toml).await;
        let mut left = outcome(&space, &summary).await;
        if mode == "append" {
            expected[5].clear();
            left[5].clear();
        }
        assert_eq!(left, expected, "{mode}");
        space.assert_unlogged(&["Zacharias", "Zenobia", "Zoe", "label 7"]).await;
    }
}

#[tokio::test]
async fn what_went_straight_into_a_table_can_be_undone() {
    let space = fresh().await;
    let summary = summary(&run(&space, &upsert(""), &[]));
    assert_eq!(passed(&trace(&space), "straight.read"), 1);
    let mut undo = Command::new(env!("CARGO_BIN_EXE_longshore"));
    undo.env("DATABASE_URL", space.database.url());
    undo.args(["undo", summary["run"].as_str().expect("a run")]);
    let output = undo.output().expect("longshore runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(space.value("select count(*) from gauge").await, "0");
    assert_eq!(space.value("select count(*) from longshore.undo_mark").await, "0");
}

#[tokio::test]
async fn what_the_database_has_to_judge_is_staged() {
    let more = [
        ("insert into gauge values (70001, 'there')", ""),
        ("alter table gauge add check (price < 500)", ""),
        ("alter table gauge add exclude (id with =)", ""),
        (
            "create table town (label text primary key); alter table gauge add foreign key (note) references town",
            "",
        ),
        ("create table child (id int references gauge)", ""),
        (
            "create function f() returns trigger language plpgsql as 'begin return new; end';
          create trigger t before insert on gauge for each row execute function f()",
            "",
        ),
        (
            "create domain short as text check (length(value) < 40); alter table gauge alter label type short",
            "",
        ),
        ("alter table gauge add twice int generated always as (id * 2) stored", ""),
        ("alter table gauge add number int generated always as identity", ""),
        ("alter table gauge add number serial", ""),
        ("alter table gauge add since timestamptz default clock_timestamp()", ""),
        ("alter table gauge enable row level security", ""),
        ("create rule r as on insert to gauge where new.id < 0 do instead nothing", ""),
        ("create index on gauge ((100 / (price + 1)))", ""),
        ("create index on gauge (label) where price / 1 > 3", ""),
        ("create unique index on gauge (note, seen, label, price)", ""),
        ("create table more () inherits (gauge)", ""),
        ("comment on index gauge_pkey is 'who would put this back?'", ""),
        ("select 1", STAGED),
    ];
    for (alter, more) in more {
        let space = fresh().await;
        space.client.batch_execute(alter).await.unwrap_or_else(|error| panic!("{alter}: {error}"));
        let output = run(&space, &format!("{}{more}", upsert("")), &[]);
        let summary = summary(&output);
        let trace = trace(&space);
        assert_eq!(passed(&trace, "straight.opened"), 0, "{alter} {more}");
        assert!(passed(&trace, "split.committed") > 0, "{alter} {more}");
        assert_eq!(summary["status"], "published", "{alter} {more}");
    }
}

#[tokio::test]
async fn a_table_that_somebody_reads_is_left_to_staging() {
    let space = fresh().await;
    let reader = space.database.client().await;
    reader.batch_execute("begin; select from gauge").await.expect("it reads");
    let summary = summary(&run(&space, &upsert(""), &[]));
    assert_eq!(passed(&trace(&space), "straight.opened"), 0);
    assert_eq!(summary["status"], "published");
}

#[tokio::test]
async fn keys_that_come_twice_are_the_databases_affair() {
    for keep in ["first", "last", "reject"] {
        let toml = upsert(&format!("duplicates = {{ keep = '{keep}' }}"));
        let twice = |space: &Workspace| {
            let more = format!("id,label,price,seen\n7,other,1,2024-02-01 10:00Z\n{}\n", record(9));
            space.write("gauges_twice.csv", more);
        };
        let (space, other) = (fresh().await, fresh().await);
        twice(&space);
        twice(&other);
        let straight = summary(&run(&space, &toml, &[]));
        let trace = trace(&space);
        assert_eq!([passed(&trace, "straight.read"), passed(&trace, "judge.judged")], [1, 1]);
        let staged = summary(&run(&other, &format!("{toml}{STAGED}"), &[]));
        assert_eq!(outcome(&space, &straight).await, outcome(&other, &staged).await, "{keep}");
        space.assert_unlogged(&["Zacharias", "Zenobia", "label 7"]).await;
    }
}

/// Where rows can come to grief on their way, and what is published all the same.
#[tokio::test]
async fn whatever_goes_wrong_on_the_way_the_rows_are_staged() {
    let expected = staged(&upsert("")).await;
    for error in [
        "straight.sent=error",
        "straight.sent=error@2",
        "straight.sent=error@9",
        "publish.written=error",
        "publish.before_commit=error",
        "publish.committed=error",
    ] {
        let space = fresh().await;
        let output = run(&space, &upsert(""), &[("LONGSHORE_FAILPOINT", error)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let summary = summary(&output);
        let trace = trace(&space);
        let is_settled = error.starts_with("publish.committed");
        assert_eq!(passed(&trace, "split.committed") == 0, is_settled, "{error}");
        assert_eq!(said.contains("staged instead"), !is_settled, "{error}: {said}");
        assert_eq!(outcome(&space, &summary).await, expected, "{error}");
    }
}

#[tokio::test]
async fn a_run_whose_rows_went_straight_is_gone_on_with_from_its_log() {
    let expected = staged(&upsert("")).await;
    for (kill, all) in [
        ("straight.sent=kill@2", false),
        ("straight.read=kill", true),
        ("report.finished=kill", true),
        ("publish.written=kill", true),
        ("publish.before_commit=kill", true),
    ] {
        let space = fresh().await;
        let killed = run(&space, &upsert(""), &[("LONGSHORE_FAILPOINT", kill)]);
        assert_eq!(killed.status.code(), None, "{kill}");
        assert_eq!(space.value("select count(*) from gauge").await, "0", "{kill}");
        let logs =
            || fs::read_dir(space.folder.path().join("reports/.unfinished")).map(Iterator::count);
        assert_eq!(logs().expect("a folder"), 1, "{kill}: the log is there");
        // A run that goes on from it may be killed as well.
        let again = run(&space, &upsert(""), &[("LONGSHORE_FAILPOINT", "split.committed=kill@2")]);
        assert_eq!(again.status.code(), None, "{kill}");
        let summary = summary(&run(&space, &upsert(""), &[]));
        let resumed = &summary["resumed"];
        let (splits, of) = (resumed["splits"].as_u64(), resumed["of"].as_u64());
        assert!(splits > Some(0) && (splits == of) == all, "{kill}: {resumed}");
        assert_eq!(outcome(&space, &summary).await, expected, "{kill}");
    }
}

#[tokio::test]
async fn a_file_that_changed_starts_afresh_and_no_log_stays() {
    let space = fresh().await;
    let killed = run(&space, &upsert(""), &[("LONGSHORE_FAILPOINT", "straight.read=kill")]);
    assert_eq!(killed.status.code(), None);
    space.write("gauges_more.csv", format!("id,label,price,seen\n{}\n", record(1_000_000)));
    trace(&space);
    let summary = summary(&run(&space, &upsert(""), &[]));
    assert_eq!(summary["resumed"], Value::Null);
    assert_eq!(passed(&trace(&space), "straight.read"), 1, "straight again");
    assert!(!space.folder.path().join("reports/.unfinished").exists());
}

#[tokio::test]
async fn a_run_over_its_limit_or_stopped_leaves_the_table_as_it_was() {
    let indexes = "select count(*) from pg_index where indrelid = 'gauge'::regclass";
    let space = fresh().await;
    let limited = upsert("").replace("[[target]]", "[limits]\nrejected = 3\n[[target]]");
    let output = run(&space, &limited, &[]);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(passed(&trace(&space), "straight.read"), 1);
    assert_eq!(space.value("select count(*) from gauge").await, "0");
    assert_eq!(space.value(indexes).await, "3");
    for point in ["straight.opened", "straight.sent", "publish.written"] {
        let space = fresh().await;
        let stop = format!("{point}=interrupt");
        let output = run(&space, &upsert(""), &[("LONGSHORE_FAILPOINT", &stop)]);
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(space.value("select count(*) from gauge").await, "0", "{point}");
        assert_eq!(space.value(indexes).await, "3", "{point}");
        assert!(!space.folder.path().join("reports/.unfinished").exists(), "{point}");
    }
}

/// Encoded rows take as much room as the files; the rest of the report needs some, too.
#[tokio::test]
async fn a_disk_without_room_for_the_log_is_not_filled() {
    let Some(disk) = SmallDisk::mount(256 << 10) else { return };
    let expected = staged(&upsert("")).await;
    let space = fresh().await;
    let reports = space.folder.path().join("reports");
    std::os::unix::fs::symlink(disk.path(), &reports).expect("a link");
    let summary = summary(&run(&space, &upsert(""), &[]));
    let trace = trace(&space);
    assert!(passed(&trace, "straight.sent") > 0, "it began");
    assert!(passed(&trace, "split.committed") > 0, "it turned to staging");
    let left = outcome(&space, &summary).await;
    assert_eq!(left[0], expected[0]);
    assert_eq!(left[4..], expected[4..]);
}
