//! Runs that are cut off, and the next one that goes on from there.

use std::{sync::Arc, time::Duration};

use longshore::{
    report::RunSummary,
    run::{
        self, ImportRequest, LoadOptions,
        progress::{Progress, Stage},
    },
};

use super::workspace::{How, Workspace, first};

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/*.csv"

[[target]]
table = "public.entry"
mode = "upsert"
key = ["id"]
duplicates = { keep = "last" }
[target.columns]
id = { from = "id" }
text = { from = "text" }
"#;

const ROWS: u64 = 20_000;

const OPTIONS: LoadOptions = LoadOptions { threads: 2, connections: 2, split_bytes: 4 << 10 };

/// Every thousandth record is refused, and a key comes twice.
async fn workspace() -> Workspace {
    let space = Workspace::with("create table entry (id int primary key, text text)").await;
    for file in ["a", "b"] {
        let rows = (1..=ROWS / 2).map(|row| match (file, row) {
            (_, row) if row % 1000 == 0 => format!("no number,{file} {row}\n"),
            ("b", row) => format!("{},{file} {row}\n", row + ROWS / 2 - 2),
            (_, row) => format!("{row},{file} {row}\n"),
        });
        space.write(&format!("{file}.csv"), format!("id,text\n{}", rows.collect::<String>()));
    }
    space
}

fn how() -> How {
    How { options: OPTIONS, ..How::default() }
}

/// Starts a run and drops it, with all its connections, as soon as something holds.
async fn cut_off(space: &Workspace, when: impl Fn(&Progress) -> bool) {
    cut_off_pipeline(space, PIPELINE, when).await;
    assert_eq!(space.value("select count(*) from entry").await, "0");
}

async fn cut_off_pipeline(space: &Workspace, toml: &str, when: impl Fn(&Progress) -> bool) {
    let request = ImportRequest {
        pipeline: space.pipeline(toml),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: OPTIONS,
    };
    let progress = Arc::new(Progress::default());
    let endpoint = space.database.endpoint();
    let holds = async {
        while !when(&progress) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        ended = run::import(&endpoint, &request, &progress) => panic!("too late: {ended:?}"),
        () = holds => {}
    }
    wait_for(
        space,
        "0",
        "select count(*) from pg_locks where locktype = 'advisory' and database
        = (select oid from pg_database where datname = current_database())",
    )
    .await;
}

/// The server notices the end of a session a little later.
async fn wait_for(space: &Workspace, expected: &str, sql: &str) {
    for _ in 0..200 {
        if space.value(sql).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("this stays: {sql}");
}

/// All that a run leaves behind, but for its name.
async fn outcome(space: &Workspace, summary: &RunSummary) -> String {
    let table = space.value("select md5(string_agg(e::text, '|' order by id)) from entry e").await;
    let here = space.folder.path().display().to_string();
    let report = space.rejections(summary).join("\n").replace(&here, "");
    let rejected = space.read(format!("reports/{}/rejected/a.csv", summary.run));
    format!("{:?}\n{:?}\n{table}\n{report}\n{rejected}", summary.tables, summary.rejections.by_code)
}

async fn assert_clean(space: &Workspace) {
    let left = "select (select count(*) from pg_tables where schemaname = 'longshore_staging')
        || ' ' || (select count(*) from longshore.lease)
        || ' ' || (select count(*) from longshore.run where status = 'running')";
    assert_eq!(space.value(left).await, "0 0 0");
}

/// The staging table of the only run.
async fn staged(space: &Workspace) -> String {
    let run = space.value("select lower(run_id) from longshore.run").await;
    format!("longshore_staging.\"{run}_0_copied\"")
}

#[tokio::test]
async fn a_run_goes_on_where_one_was_cut_off_and_tells_the_same() {
    let undisturbed = workspace().await;
    let expected = undisturbed.run_how(PIPELINE, how()).await;
    assert_eq!(expected.resumed, None);
    let space = workspace().await;
    cut_off(&space, |progress| progress.staged_rows() > ROWS / 3).await;
    let old = space.value("select run_id from longshore.run").await;
    let summary = space.run_how(PIPELINE, how()).await;
    assert_eq!(outcome(&space, &summary).await, outcome(&undisturbed, &expected).await);
    let resumed = summary.resumed.expect("it went on");
    assert_eq!(resumed.run, old);
    assert!(resumed.splits > resumed.of / 4 && resumed.splits < resumed.of, "{resumed:?}");
    assert_clean(&space).await;
    let said = format!("select message from longshore.run where run_id = '{old}'");
    let message = format!("it was cut off; run {} went on from there", summary.run);
    assert_eq!(space.value(&said).await, message);
}

#[tokio::test]
async fn what_is_staged_is_not_read_again() {
    let space = workspace().await;
    cut_off(&space, |progress| progress.staged_rows() > ROWS / 3).await;
    let mark = format!("update {} set text = 'staged before' where id = 1", staged(&space).await);
    assert_eq!(space.client.execute(&mark, &[]).await.expect("a mark"), 1);
    space.run_how(PIPELINE, how()).await;
    assert_eq!(space.value("select text from entry where id = 1").await, "staged before");
}

#[tokio::test]
async fn a_run_may_be_cut_off_again_and_again() {
    let undisturbed = workspace().await;
    let expected = undisturbed.run_how(PIPELINE, how()).await;
    let space = workspace().await;
    for part in 1..=4 {
        // What is there already counts as staged.
        cut_off(&space, |progress| progress.staged_rows() > ROWS * part / 5).await;
    }
    let summary = space.run_how(PIPELINE, how()).await;
    assert_eq!(outcome(&space, &summary).await, outcome(&undisturbed, &expected).await);
    assert_clean(&space).await;
}

#[tokio::test]
async fn a_run_that_was_cut_off_while_it_published_only_publishes() {
    let space = workspace().await;
    let other = space.database.client().await;
    other.batch_execute("begin; lock table entry in share mode").await.expect("a lock");
    cut_off(&space, |progress| progress.stage() == Stage::Publishing).await;
    other.batch_execute("rollback").await.expect("the lock is given back");
    let summary = space.run_how(PIPELINE, how()).await;
    let resumed = summary.resumed.as_ref().expect("it went on");
    assert_eq!(resumed.splits, resumed.of);
    assert_eq!(first(&summary), [ROWS, 0, 20, 1, ROWS - 21, 0, 0]);
    assert_clean(&space).await;
}

/// What judging said of rejected records is said again, not twice.
#[tokio::test]
async fn a_mirror_that_was_cut_off_keeps_the_rows_of_rejected_records() {
    let space = Workspace::with(
        "create table entry (id int primary key, text text, check (text <> 'bad'));
         insert into entry select id, 'old' from generate_series(1, 100) id",
    )
    .await;
    let text = |id| if id % 10 == 0 { "bad" } else { "new" };
    let rows: String = (1..=100).map(|id| format!("{id},{}\n", text(id))).collect();
    space.write("a.csv", format!("id,text\n{rows}no number,x\n"));
    let mirror = PIPELINE.replace("upsert", "mirror");
    let other = space.database.client().await;
    other.batch_execute("begin; lock table entry in share mode").await.expect("a lock");
    cut_off_pipeline(&space, &mirror, |progress| progress.stage() == Stage::Publishing).await;
    other.batch_execute("rollback").await.expect("the lock is given back");
    let summary = space.run_how(&mirror, how()).await;
    assert!(summary.resumed.is_some());
    assert_eq!(first(&summary), [101, 0, 11, 0, 0, 90, 0]);
    assert_eq!(space.value("select count(*) from entry where text = 'old'").await, "10");
    assert_clean(&space).await;
}

#[tokio::test]
async fn a_file_that_has_changed_meanwhile_is_read_from_its_beginning() {
    let space = workspace().await;
    cut_off(&space, |progress| progress.staged_rows() > ROWS / 3).await;
    space.write("b.csv", "id,text\n1,the only one\n");
    let summary = space.run_how(PIPELINE, how()).await;
    assert_eq!(summary.resumed, None);
    assert_eq!(space.value("select text from entry where id = 1").await, "the only one");
    assert_clean(&space).await;
}

#[tokio::test]
async fn other_splits_other_columns_and_force_start_afresh() {
    for (alter, how) in [
        ("select 1", How { options: LoadOptions { split_bytes: 8 << 10, ..OPTIONS }, ..how() }),
        ("alter table entry alter column text type varchar(80)", how()),
        ("select 1", How { force: true, ..how() }),
    ] {
        let space = workspace().await;
        cut_off(&space, |progress| progress.staged_rows() > ROWS / 3).await;
        space.client.batch_execute(alter).await.expect("altered");
        let summary = space.run_how(PIPELINE, how).await;
        assert_eq!((summary.resumed.as_ref(), first(&summary)[4]), (None, ROWS - 21));
        assert_clean(&space).await;
    }
}

/// Recovery empties unlogged tables, all together.
#[tokio::test]
async fn what_a_crash_of_the_server_emptied_is_staged_afresh() {
    let space = workspace().await;
    cut_off(&space, |progress| progress.staged_rows() > ROWS / 3).await;
    let copied = staged(&space).await;
    let split = copied.replace("0_copied", "split");
    let empty = format!("truncate {copied}, {split}");
    space.client.batch_execute(&empty).await.expect("emptied");
    let summary = space.run_how(PIPELINE, how()).await;
    assert_eq!((summary.resumed.as_ref(), first(&summary)[4]), (None, ROWS - 21));
    assert_clean(&space).await;
}

#[tokio::test]
async fn what_a_run_left_that_was_cut_off_after_its_commit_is_cleared_away() {
    let space = workspace().await;
    let summary = space.run_how(PIPELINE, how()).await;
    let left = format!(
        "create table longshore_staging.\"{}_0_copied\" (id int);
         insert into longshore.lease (target, table_name, run_id, pipeline, holder, token)
           values ('entry'::regclass, 'public.entry', '{}', 'test', 'nobody', 1)",
        summary.run.to_lowercase(),
        summary.run
    );
    space.client.batch_execute(&left).await.expect("leftovers");
    space.run_how(PIPELINE, how()).await;
    assert_clean(&space).await;
}
