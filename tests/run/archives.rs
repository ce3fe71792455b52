//! Archives: every row is in its table or in a file that holds it, whenever one is killed.

use std::{
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use longshore::failpoint::ARCHIVE_POINTS;
use serde_json::Value;

use super::workspace::Workspace;

const MIGRATION: &str = include_str!("../../migrations/20261121103000_learning.up.sql");
const PIPELINE: &str = include_str!("../../pipelines/learning/archive-attempts.toml");

/// Attempts in the table: as many in March as in April.
const ATTEMPTS: &str = "truncate learning.quiz_attempt;
    insert into learning.quiz_attempt
      (quiz_attempt_id, attempt_ref, student_id, course_id, week, score, questions, feedback, attempted_at)
      overriding system value
    select n, md5(n::text)::uuid, 1, 1, 1 + n % 50, n / 100.0,
      jsonb_build_array(jsonb_build_object('said', E'=1+1, \"x\"\\n' || n)),
      case when n % 3 > 0 then jsonb_build_object('note', '-' || n) end,
      timestamptz '2024-03-01 00:00:00+00' + make_interval(days => n % 2 * 31, secs => n / 3.0)
    from generate_series(1, 400) n";

const ARCHIVED: u64 = 200;

async fn workspace() -> Workspace {
    let space = Workspace::with(MIGRATION).await;
    let people = "insert into learning.\"user\" (email, name, password_hash) values ('a@example.org', 'A', 'x');
        insert into learning.course (code, title) values ('C-1', 'C');
        select setval(pg_get_serial_sequence('learning.quiz_attempt', 'quiz_attempt_id'), 1000)";
    space.client.batch_execute(people).await.expect("people");
    space.client.batch_execute(ATTEMPTS).await.expect("attempts");
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

const RUN: [&str; 6] = ["run", "--output", "json", "archive.toml", "--set", "month=2024-03"];

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// The keys in the file, where it is in its place.
fn in_file(space: &Workspace) -> Option<BTreeSet<u64>> {
    let path = space.folder.path().join("archive/quiz-attempts-2024-03.csv.zst");
    let text = zstd::decode_all(fs::File::open(path).ok()?).expect("a whole file");
    let mut reader = csv::Reader::from_reader(text.as_slice());
    Some(reader.records().map(|record| record.expect("CSV")[0].parse().expect("a key")).collect())
}

async fn in_table(space: &Workspace) -> BTreeSet<u64> {
    let query = "select string_agg(quiz_attempt_id::text, ',') from learning.quiz_attempt";
    space.value(query).await.split(',').map(|key| key.parse().expect("a key")).collect()
}

/// Whether no row is lost: those that are gone are in the file, and the ledger says so.
async fn nothing_is_lost(space: &Workspace) -> Result<(), String> {
    let table = in_table(space).await;
    let gone: BTreeSet<u64> = (1..=400).filter(|key| !table.contains(key)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    if in_file(space).as_ref() != Some(&gone) {
        return Err(format!("{} rows are gone, and the file does not hold them", gone.len()));
    }
    let noted = "select count(*) from longshore.export join longshore.run using (run_id) where status = 'published' and deleted = 200";
    match space.value(noted).await.as_str() {
        "1" => Ok(()),
        runs => Err(format!("{runs} runs have deleted rows, by the ledger")),
    }
}

#[tokio::test]
async fn a_month_goes_to_a_file_and_comes_back_from_it() {
    let space = workspace().await;
    let keep = "create table kept as table learning.quiz_attempt";
    space.client.batch_execute(keep).await.expect("a copy");
    let done = longshore(&space, &RUN, None);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let document = json(&done);
    assert_eq!((&document["rows"], &document["deleted"]), (&ARCHIVED.into(), &ARCHIVED.into()));
    assert_eq!(in_table(&space).await.len(), 200);
    nothing_is_lost(&space).await.expect("every row is somewhere");
    let run = document["run"].as_str().expect("a run");
    let shown = longshore(&space, &["show", run], None);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("200 rows deleted from learning.quiz_attempt"), "{text}");

    let again = longshore(&space, &RUN, None);
    assert_eq!((again.status.code(), &json(&again)["status"]), (Some(0), &"unchanged".into()));
    assert_eq!(in_file(&space).map(|keys| keys.len()), Some(200), "the file stays");
    let late = "insert into learning.quiz_attempt (quiz_attempt_id, attempt_ref, student_id, course_id, week, score, attempted_at) overriding system value
        values (999, gen_random_uuid(), 1, 1, 1, 1, '2024-03-31')";
    space.client.batch_execute(late).await.expect("a late attempt");
    let refused = longshore(&space, &RUN, None);
    assert_eq!(refused.status.code(), Some(2), "it would replace the file: {}", said(&refused));
    assert_eq!(in_file(&space).map(|keys| keys.len()), Some(200), "the file stays");
    space
        .client
        .batch_execute("delete from learning.quiz_attempt where attempted_at = '2024-03-31'")
        .await
        .expect("gone");

    let columns = [
        "attempt_ref",
        "student_id",
        "course_id",
        "week",
        "score",
        "questions",
        "feedback",
        "attempted_at",
    ];
    let fields: String =
        columns.iter().map(|name| format!("{name} = {{ from = \"{name}\" }}\n")).collect();
    let restore = format!(
        "[source]\nformat = \"csv\"\npath = \"$DIR/archive/quiz-attempts-2024-03.csv.zst\"\nnull = [\"\\\\N\"]\nunguard = true\n\
         [[target]]\ntable = \"learning.quiz_attempt\"\nmode = \"insert\"\nkey = [\"attempt_ref\"]\n[target.columns]\n{fields}"
    );
    let summary = space.run(&restore).await;
    assert_eq!(summary.rejections.records, 0, "{:?}", space.rejections(&summary));
    assert_eq!(summary.tables[0].tally.inserted, ARCHIVED);
    for column in columns {
        let differs = format!(
            "select count(*) from kept k left join learning.quiz_attempt a using (attempt_ref)
             where k.{column}::text is distinct from a.{column}::text"
        );
        assert_eq!(space.value(&differs).await, "0", "{column} is as it was");
    }
    assert_eq!(space.value("select count(*) from learning.quiz_attempt").await, "400");
}

#[tokio::test]
async fn what_could_lose_rows_is_refused() {
    let space = workspace().await;
    let with = |from: &str, to: &str| {
        let pipeline = PIPELINE.replace(from, to);
        assert_ne!(pipeline, PIPELINE, "{from}");
        let pipeline = pipeline.replace("60%", "100%");
        space.write("archive.toml", pipeline);
        longshore(&space, &RUN, None)
    };
    let held = with("60%", "5%");
    assert_eq!(held.status.code(), Some(3), "{}", said(&held));
    assert!(said(&held).contains("200 of 400 rows would be deleted"), "{}", said(&held));
    let cases = [
        (
            "select quiz_attempt_id, attempt_ref,",
            "select quiz_attempt_id,",
            "would not hold `attempt_ref`",
        ),
        ("score, questions", "score::float8 as score, questions", "would not hold `score`"),
        ("order by quiz_attempt_id", "order by random()", "do not hold the values"),
        (
            "from learning.quiz_attempt\n",
            "from learning.quiz_attempt cross join (values (1), (2)) twice (n)\n",
            "would be deleted",
        ),
        ("key = [\"quiz_attempt_id\"]", "key = [\"week\"]", "no unique constraint"),
    ];
    for (from, to, why) in cases {
        let refused = with(from, to);
        assert!(matches!(refused.status.code(), Some(2 | 7)), "{to}");
        assert!(said(&refused).contains(why), "{to}: {}", said(&refused));
    }
    let refers =
        "create table graded (attempt bigint references learning.quiz_attempt on delete cascade)";
    space.client.batch_execute(refers).await.expect("a table");
    space.write("archive.toml", PIPELINE);
    let refused = longshore(&space, &RUN, None);
    assert!(said(&refused).contains("would change others"), "{}", said(&refused));
    assert_eq!(in_table(&space).await.len(), 400);
    assert_eq!(in_file(&space), None);
}

/// An archive of a small table, `t`, by its key `id`.
fn small(sql: &str, output: &str) -> String {
    format!(
        "kind = \"export\"\nsql = \"{sql}\"\n[archive]\ntable = \"t\"\nkey = [\"id\"]\nlimit = \"100%\"\n\
         [output]\nformat = \"csv\"\npath = \"archive/a/b/t.csv\"\n{output}\n"
    )
}

#[tokio::test]
async fn what_the_file_would_not_hold_stays_in_the_table() {
    let all = "select * from t order by id";
    let table = "create table t (id int primary key, name text, v numeric); insert into t values (1, 'a', 1.5)";
    let cases = [
        (table, "select id, upper(name) as name, v from t order by id", "", "does not give `name`"),
        (table, "select id, name, trunc(v, 0) as v from t order by id", "", "does not give `v`"),
        (
            "create table t (id int primary key, v numeric); insert into t values (1, 1.50)",
            "select id, trim_scale(v) as v from t order by id",
            "",
            "does not give `v`",
        ),
        (
            "create table t (id int primary key); create table heir (extra text) inherits (t); insert into heir values (1, 'x')",
            all,
            "",
            "has rows of `heir` too",
        ),
        (
            "create table t (id int primary key, b bool); insert into t values (1, true)",
            all,
            "true_word = 'x'\nfalse_word = 'x'",
            "would both be written `x`",
        ),
        (
            "create table t (id int primary key, b bool); insert into t values (1, true)",
            all,
            "true_word = 'ja'",
            "holds every value just as the database has it",
        ),
        (
            "create table t (id int primary key, name text); insert into t values (1, ''), (2, null)",
            all,
            "",
            "row 1, column `name`, holds the text that stands for NULL",
        ),
        (
            "create table t (id int primary key, name text); insert into t values (1, '=x')",
            all,
            "null = \"'=x\"",
            "holds the text that stands for NULL",
        ),
    ];
    for (setup, sql, output, why) in cases {
        let space = Workspace::with(setup).await;
        let before = space.value("select count(*) from t").await;
        space.write("archive.toml", small(sql, output));
        let refused = longshore(&space, &RUN[..4], None);
        assert_eq!(refused.status.code(), Some(2), "{sql} {output}: {}", said(&refused));
        assert!(said(&refused).contains(why), "{sql} {output}: {}", said(&refused));
        assert_eq!(space.value("select count(*) from t").await, before, "{sql} {output}");
        assert!(!space.folder.path().join("archive/a/b/t.csv").exists());
    }
}

#[tokio::test]
async fn rows_that_others_refer_to_are_named_as_such() {
    let tables = "create table t (id int primary key); create table child (t int constraint its_t references t);
        insert into t values (1); insert into child values (1)";
    let space = Workspace::with(tables).await;
    space.write("archive.toml", small("select * from t order by id", ""));
    let refused = longshore(&space, &RUN[..4], None);
    assert_eq!(refused.status.code(), Some(7), "{}", said(&refused));
    assert!(
        said(&refused).contains("refer to rows of public.t that would go"),
        "{}",
        said(&refused)
    );
    assert!(said(&refused).contains("its_t"), "{}", said(&refused));
    assert_eq!(space.value("select count(*) from t").await, "1");
}

#[tokio::test]
async fn a_row_that_somebody_changes_meanwhile_is_archived_as_it_is_then() {
    let space = workspace().await;
    let session: tokio_postgres::Client = space.database.client().await;
    session
        .batch_execute(
            "begin; update learning.quiz_attempt set score = 77 where quiz_attempt_id = 2",
        )
        .await
        .expect("begun");
    let mut running = Command::new(env!("CARGO_BIN_EXE_longshore"));
    running
        .env_clear()
        .env("DATABASE_URL", space.database.url())
        .current_dir(space.folder.path())
        .args(RUN);
    let running = running
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    for _ in 0..500 {
        if space.value(waits).await != "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    session.batch_execute("commit").await.expect("changed");
    let ended = running.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    nothing_is_lost(&space).await.expect("every row is somewhere");
    let text = zstd::decode_all(
        fs::File::open(space.folder.path().join("archive/quiz-attempts-2024-03.csv.zst"))
            .expect("the file"),
    )
    .expect("whole");
    assert!(String::from_utf8_lossy(&text).contains(",77.00,"), "the row as it was changed");
}

#[tokio::test]
async fn an_archive_that_is_killed_anywhere_loses_no_row() {
    let space = workspace().await;
    let full = env::var("LONGSHORE_TORTURE").is_ok_and(|how| how == "full");
    let rounds = if full { 50 } else { ARCHIVE_POINTS.len() };
    let mut wrong = Vec::new();
    for round in 0..rounds {
        reset(&space).await;
        let (point, _) = ARCHIVE_POINTS[round % ARCHIVE_POINTS.len()];
        let killed = longshore(&space, &RUN, Some(&format!("{point}=kill")));
        assert_eq!(killed.status.code(), None, "{point}: {}", said(&killed));
        // The server notices the end of the connection in its own time.
        wait_for_sessions(&space).await;
        let mut state = nothing_is_lost(&space).await;
        if round >= ARCHIVE_POINTS.len() && state.is_ok() {
            // The one that makes it good is killed as well, somewhere else.
            let (next, _) = ARCHIVE_POINTS[(round / 6 + round * 5) % ARCHIVE_POINTS.len()];
            longshore(&space, &RUN, Some(&format!("{next}=kill")));
            wait_for_sessions(&space).await;
            state = nothing_is_lost(&space).await;
        }
        let done = longshore(&space, &RUN, None);
        if done.status.code() != Some(0) {
            state = Err(format!("the next run: {}", said(&done)));
        }
        if in_table(&space).await.len() != 200 {
            state = Err("the next run did not finish it".to_owned());
        }
        let leftovers =
            fs::read_dir(space.folder.path().join("archive")).expect("the folder").count();
        if leftovers != 2 {
            state = Err(format!("{leftovers} entries in the folder"));
        }
        let state = match state {
            Ok(()) => nothing_is_lost(&space).await,
            lost => lost,
        };
        wrong.extend(state.err().map(|why| format!("round {round}, {point}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rows enough that they take a while to stream, to be read again and to be deleted.
const STREAMED: &str = "create table if not exists t (id int primary key, note text);
    truncate t; insert into t select n, repeat(md5(n::text), 20) from generate_series(1, 8000) n";

#[tokio::test]
async fn an_archive_whose_process_is_killed_anywhere_while_it_works_loses_no_row() {
    let space = Workspace::with(STREAMED).await;
    let pipeline = small("select * from t order by id", "null = '\\N'");
    space.write("archive.toml", pipeline.replace("t.csv", "t.csv.zip"));
    let full = env::var("LONGSHORE_TORTURE").is_ok_and(|how| how == "full");
    let rounds = if full { 50 } else { 8 };
    let began = std::time::Instant::now();
    let whole = longshore(&space, &RUN[..4], None);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    let whole = began.elapsed();
    let mut cut_off = 0;
    for round in 0..rounds {
        forget(&space).await;
        space.client.batch_execute(STREAMED).await.expect("rows");
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().env("DATABASE_URL", space.database.url());
        command.current_dir(space.folder.path()).args(&RUN[..4]);
        let mut running = command.stdout(std::process::Stdio::null()).spawn().expect("it starts");
        tokio::time::sleep(whole * round / rounds).await;
        running.kill().expect("killed");
        cut_off += u32::from(running.wait().expect("it ends").code().is_none());
        wait_for_sessions(&space).await;
        let in_table = space.value("select count(*) from t").await;
        assert!(in_table == "8000" || zipped(&space) == 8000, "round {round}: {in_table} rows");
        let done = longshore(&space, &RUN[..4], None);
        assert_eq!(done.status.code(), Some(0), "round {round}: {}", said(&done));
        assert_eq!(
            (space.value("select count(*) from t").await.as_str(), zipped(&space)),
            ("0", 8000)
        );
        let left = fs::read_dir(space.folder.path().join("archive/a/b")).expect("the folder");
        assert_eq!(left.count(), 2, "round {round}: the file and its manifest");
    }
    assert!(cut_off * 4 >= rounds, "{cut_off} of {rounds} were cut off");
}

/// Rows in the file, where it is in its place.
fn zipped(space: &Workspace) -> usize {
    let path = space.folder.path().join("archive/a/b/t.csv.zip");
    let Ok(file) = fs::File::open(path) else { return 0 };
    let mut archive = zip::ZipArchive::new(file).expect("a whole file");
    let member = archive.by_index(0).expect("a member");
    let rows = csv::Reader::from_reader(member).into_records().collect::<Result<Vec<_>, _>>();
    rows.expect("CSV").len()
}

async fn reset(space: &Workspace) {
    space.client.batch_execute(ATTEMPTS).await.expect("attempts");
    forget(space).await;
}

async fn forget(space: &Workspace) {
    let ledger = "do $$ begin if to_regclass('longshore.run') is not null then delete from longshore.run; end if; end $$";
    space.client.batch_execute(ledger).await.expect("an empty ledger");
    let folder: &Path = &space.folder.path().join("archive");
    if folder.exists() {
        fs::remove_dir_all(folder).expect("no files");
    }
}

async fn wait_for_sessions(space: &Workspace) {
    let query = "select count(*) from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()";
    for _ in 0..500 {
        if space.value(query).await == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("sessions of a killed archive stay");
}
