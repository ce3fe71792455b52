//! Runs that wait for approval since they would delete too much.

use std::sync::Arc;

use longshore::{
    error::{Error, ErrorKind},
    outcome::HoldReason,
    report::{RunStatus, RunSummary},
    run::{Stop, held, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace};

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/pupils.csv"

[[target]]
table = "public.pupil"
mode = "mirror"
key = ["id"]
scope = ["school"]
[target.columns]
id = { from = "id" }
school = { from = "school" }
name = { from = "name" }
"#;

/// Three schools of 40 pupils.
async fn workspace() -> Workspace {
    Workspace::with(
        "create table pupil (id int primary key, school text, name text, note text);
         insert into pupil select n, chr(65 + n / 40), 'name ' || n from generate_series(0, 119) n",
    )
    .await
}

/// A file with the pupils as they are, but for those that are left out.
fn without(left_out: impl Fn(u32) -> bool) -> String {
    let school = |n: u32| ["A", "B", "C"][n as usize / 40];
    let rows = (0..120).filter(|n| !left_out(*n)).map(|n| format!("{n},{},name {n}\n", school(n)));
    format!("id,school,name\n{}", rows.collect::<String>())
}

fn reasons(summary: &RunSummary) -> &[HoldReason] {
    &summary.tables[0].deletions.as_ref().expect("a mode that deletes").held_for
}

fn run_id(summary: &RunSummary) -> RunId {
    RunId::parse(&summary.run).expect("a run")
}

async fn approve(space: &Workspace, summary: &RunSummary) -> Result<RunSummary, Error> {
    let progress = Arc::new(Progress::default());
    held::approve(&space.database.endpoint(), &run_id(summary), &progress).await
}

async fn rows(space: &Workspace) -> String {
    space.value("select count(*) from pupil").await
}

async fn staging(space: &Workspace) -> String {
    space.value("select count(*) from pg_tables where schemaname = 'longshore_staging'").await
}

#[tokio::test]
async fn five_percent_go_and_more_wait_in_all_and_in_each_scope() {
    for (name, file, held) in [
        ("2 of 40", without(|n| n < 2), &[][..]),
        ("2 of each 40", without(|n| n % 40 < 2), &[]),
        ("3 of 40", without(|n| n < 3), &[HoldReason::OverLimitInScope]),
        ("9 of 120", without(|n| n % 40 < 3), &[HoldReason::OverLimit]),
        ("truncated", without(|n| n >= 100), &[HoldReason::OverLimit]),
        ("header only", without(|_| true), &[]),
    ] {
        let space = workspace().await;
        space.write("pupils.csv", file);
        let summary = space.run(PIPELINE).await;
        assert_eq!(reasons(&summary), held, "{name}");
        let status = if held.is_empty() { RunStatus::Published } else { RunStatus::Held };
        assert_eq!(summary.status, status, "{name}");
        let left = if held.is_empty() { 120 - summary.tables[0].tally.deleted } else { 120 };
        assert_eq!(rows(&space).await, left.to_string(), "{name}");
    }
}

#[tokio::test]
async fn a_count_is_a_limit_too_and_one_hundred_percent_is_none() {
    for (limit, gone, held) in [("3", 3, false), ("3", 4, true), ("\"100%\"", 119, false)] {
        let space = workspace().await;
        space.write("pupils.csv", without(|n| n < gone));
        let whole = PIPELINE.replace("scope = [\"school\"]", "");
        let pipeline = format!("{}\n[limits]\ndeleted = {limit}\n", whole);
        let summary = space.run(&pipeline).await;
        assert_eq!(summary.status == RunStatus::Held, held, "{limit}: {gone}");
    }
}

#[tokio::test]
async fn a_missing_an_empty_and_a_filtered_file_delete_nothing() {
    let whole = PIPELINE.replace("scope = [\"school\"]", "") + "\n[limits]\ndeleted = \"100%\"\n";
    let space = workspace().await;
    let stop = space.try_run(&whole, How::default()).await.expect_err("the file is missing");
    assert!(matches!(stop, Stop::Error(error) if error.kind() == ErrorKind::Source));
    space.write("pupils.csv", "");
    let stop = space.try_run(&whole, How::default()).await.expect_err("the file is empty");
    assert!(matches!(stop, Stop::Error(error) if error.kind() == ErrorKind::Source));
    space.write("pupils.csv", "id,school,name\n");
    assert_eq!(reasons(&space.run(&whole).await), [HoldReason::NoRecords]);
    let filtered = whole.replace("key =", "when = { school = { enum = [\"Z\"] } }\nkey =");
    space.write("pupils.csv", without(|_| false));
    assert_eq!(reasons(&space.run(&filtered).await), [HoldReason::NoRecords]);
    assert_eq!(rows(&space).await, "120");
}

#[tokio::test]
async fn an_approved_run_publishes_just_what_was_shown() {
    let space = workspace().await;
    space.write("pupils.csv", without(|n| n < 30).replace("name 50", "other") + "200,C,new\n");
    let summary = space.run(PIPELINE).await;
    assert_eq!(summary.status, RunStatus::Held);
    assert_eq!(rows(&space).await, "120");
    let session = space.database.session().await;
    let shown = held::show(&session.client, &run_id(&summary), 10).await.expect("shown");
    let table = &shown.expect("a run").held.expect("a held run")[0];
    let scopes: Vec<_> = table
        .scopes
        .iter()
        .map(|s| (s.scope[0].as_deref().unwrap(), s.rows, s.deleted, s.updated, s.inserted))
        .collect();
    assert_eq!(scopes, [("A", 40, 30, 0, 0), ("B", 40, 0, 1, 0), ("C", 40, 0, 0, 1)]);
    // What has nothing to do with the change may change.
    space
        .client
        .batch_execute("update pupil set note = 'seen' where id = 60")
        .await
        .expect("a note");
    let approved = approve(&space, &summary).await.expect("approved");
    assert_eq!(approved.status, RunStatus::Published);
    assert_eq!(approved.tables[0].tally, summary.tables[0].tally);
    assert_eq!(rows(&space).await, "91");
    let report = space.read(format!("reports/{}/summary.json", summary.run));
    assert!(report.contains("\"published\""), "{report}");
    assert_eq!(staging(&space).await, "0");
    let ledger =
        "select status || ' ' || decision || ' ' || (decided_by = session_user) || ' ' || deleted
        from longshore.run join longshore.held using (run_id) join longshore.tally using (run_id)";
    assert_eq!(space.value(ledger).await, "published approved true 30");
    assert_eq!(space.run(PIPELINE).await.status, RunStatus::Unchanged);
    let again = approve(&space, &summary).await.expect_err("it is published");
    assert_eq!(again.kind(), ErrorKind::Definition);
}

#[tokio::test]
async fn a_target_that_moved_is_not_written_by_an_approval() {
    for change in [
        "update pupil set note = 'precious' where id = 3",
        "delete from pupil where id = 3",
        "insert into pupil values (300, 'A', 'late')",
        "update pupil set name = 'edited' where id = 50",
        "update pupil set name = 'edited' where id = 51",
    ] {
        let space = workspace().await;
        space.write("pupils.csv", without(|n| n < 30).replace("name 50", "other"));
        let summary = space.run(PIPELINE).await;
        space.client.batch_execute(change).await.expect("somebody else's change");
        let before =
            space.value("select md5(string_agg(p::text, '' order by id)) from pupil p").await;
        let refused = approve(&space, &summary).await.expect("an answer");
        assert_eq!(refused.status, RunStatus::Held, "{change}");
        let after =
            space.value("select md5(string_agg(p::text, '' order by id)) from pupil p").await;
        assert_eq!(before, after, "{change}");
        assert_eq!(space.value("select status from longshore.run").await, "held");
    }
}

#[tokio::test]
async fn a_discarded_run_is_gone_and_a_later_run_takes_the_place_of_a_held_one() {
    let space = workspace().await;
    space.write("pupils.csv", without(|n| n < 30));
    let endpoint = space.database.endpoint();
    let first = space.run(PIPELINE).await;
    let second = space.run(PIPELINE).await;
    assert_eq!([first.status, second.status], [RunStatus::Held; 2]);
    let statuses =
        "select string_agg(status || ' ' || coalesce(decision, '-'), ', ' order by started_at)
        from longshore.run join longshore.held using (run_id)";
    assert_eq!(space.value(statuses).await, "discarded superseded, held -");
    let dropped = held::discard(&endpoint, &run_id(&second)).await.expect("discarded");
    assert_eq!(dropped.status, RunStatus::Discarded);
    assert_eq!(staging(&space).await, "0");
    let third = space.run(PIPELINE).await;
    space.write("pupils.csv", without(|_| false));
    assert_eq!(space.run(PIPELINE).await.status, RunStatus::Published);
    assert_eq!(
        space.value(statuses).await,
        "discarded superseded, discarded discarded, discarded superseded"
    );
    assert!(approve(&space, &third).await.is_err());
    assert_eq!((rows(&space).await.as_str(), staging(&space).await.as_str()), ("120", "0"));
}

#[tokio::test]
async fn an_approval_says_when_staging_is_lost() {
    let space = workspace().await;
    space.write("pupils.csv", without(|n| n < 30));
    let summary = space.run(PIPELINE).await;
    let empty = "do $$ declare t text; begin for t in select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname = 'longshore_staging' loop execute 'truncate ' || t; end loop; end $$";
    space.client.batch_execute(empty).await.expect("as a crash of the server does");
    let lost = approve(&space, &summary).await;
    let lost = lost.expect_err("staging is empty");
    assert!(lost.to_string().contains("lost"), "{lost}");
    assert_eq!(rows(&space).await, "120");
}

#[tokio::test]
async fn a_dry_run_says_that_it_would_be_held_and_keeps_nothing() {
    let space = workspace().await;
    space.write("pupils.csv", without(|n| n < 30));
    let summary = space.run_how(PIPELINE, How { dry_run: true, ..How::default() }).await;
    assert_eq!(summary.status, RunStatus::DryRun);
    assert_eq!(reasons(&summary), [HoldReason::OverLimit]);
    assert_eq!(staging(&space).await, "0");
}

#[tokio::test]
async fn no_value_of_a_row_reaches_ledger_or_summary_of_a_held_run() {
    let space = workspace().await;
    space
        .client
        .batch_execute("update pupil set school = 'Zanzibar' where school = 'A'")
        .await
        .expect("rows");
    let file = without(|n| n < 30).replace(",A,", ",Zanzibar,").replace("name 50", "Abernathy");
    space.write("pupils.csv", file);
    let summary = space.run(PIPELINE).await;
    let session = space.database.session().await;
    let shown = held::show(&session.client, &run_id(&summary), 10).await.expect("shown");
    assert!(format!("{shown:?}").contains("Zanzibar"), "somebody has to see it");
    let ledger = space.value("select string_agg(h::text, '') from longshore.held h").await;
    let report = space.read(format!("reports/{}/summary.json", summary.run));
    for text in [ledger, report, format!("{summary:?}")] {
        assert!(!text.contains("Zanzibar") && !text.contains("Abernathy"), "{text}");
    }
    let secret =
        PIPELINE.replace("{ from = \"school\" }", "{ from = \"school\", sensitive = true }");
    let summary = space.run(&secret).await;
    let shown = held::show(&session.client, &run_id(&summary), 10).await.expect("shown");
    let shown = format!("{shown:?}");
    assert!(shown.contains("***") && !shown.contains("Zanzibar"), "{shown}");
}

#[tokio::test]
async fn an_approval_judges_again_what_may_have_moved() {
    for (change, said) in [
        ("delete from school where name = 'Z'", "foreign key `has_school`"),
        ("insert into pupil values (300, null, 'somebody', 'late@x')", "unique constraint `one_mail`"),
        ("alter table pupil add constraint no_late check (mail <> 'late@x')", "public.pupil was altered"),
        ("create function no() returns trigger language plpgsql as
            $$ begin if new.mail = 'late@x' then raise exception 'no %', new.mail; end if; return new; end $$;
          create trigger no before insert on pupil for each row execute function no()", "SQLSTATE P0001"),
    ] {
        let space = workspace().await;
        let tables = "create table school (name text primary key);
            insert into school values ('A'), ('B'), ('C'), ('Z');
            alter table pupil rename note to mail;
            alter table pupil add constraint has_school foreign key (school) references school,
              add constraint one_mail unique (mail)";
        space.client.batch_execute(tables).await.expect("constraints");
        space.write("pupils.csv", format!("{}400,Z,new,late@x\n", without(|n| n < 30).replace("\n", ",\n").replace("name,", "name,mail")));
        let toml = format!("{PIPELINE}mail = {{ from = \"mail\" }}\n");
        let summary = space.run(&toml).await;
        assert_eq!(summary.status, RunStatus::Held, "{change}");
        space.client.batch_execute(change).await.expect("somebody else's change");
        let before = rows(&space).await;
        let error = approve(&space, &summary).await.expect_err("it cannot be published any more");
        let text = format!("{error}");
        assert!(text.contains(said) && text.contains("stays held"), "{change}: {text}");
        assert!(!text.contains("late@x") && !text.contains("400"), "{text}");
        assert_eq!(rows(&space).await, before, "{change}");
        assert_eq!(space.value("select status from longshore.run").await, "held");
        space.assert_unlogged(&["late@x)"]).await;
        if said.starts_with("foreign") {
            space.client.batch_execute("insert into school values ('Z')").await.expect("a row");
            let approved = approve(&space, &summary).await.expect("it fits again");
            assert_eq!(approved.status, RunStatus::Published);
        }
    }
}

#[tokio::test]
async fn a_published_run_shows_its_change_by_scope_for_as_long_as_it_can_be_undone() {
    let space = workspace().await;
    space.write(
        "pupils.csv",
        without(|n| n == 3).replace("name 50", "other").replace("name 51", "other"),
    );
    let summary = space.run(PIPELINE).await;
    assert_eq!(summary.status, RunStatus::Published);
    let shown =
        held::show(&space.client, &run_id(&summary), 10).await.expect("shown").expect("a run");
    let tables = shown.published.expect("its change");
    assert_eq!(tables[0].scope, ["school"]);
    let lines = tables[0].scopes.iter().map(|one| {
        format!("{:?} {} {} {} {}", one.scope, one.rows, one.inserted, one.updated, one.deleted)
    });
    assert_eq!(lines.collect::<Vec<_>>(), ["[Some(\"A\")] 40 0 0 1", "[Some(\"B\")] 40 0 2 0"]);
    let ledger = "select string_agg(r::text, '') from longshore.run r";
    assert!(!space.value(ledger).await.contains("\"A\""));
    space.client.batch_execute("update longshore.undo set expires_at = now()").await.expect("time");
    space.write("pupils.csv", without(|n| n == 3));
    space.run(PIPELINE).await;
    let shown =
        held::show(&space.client, &run_id(&summary), 10).await.expect("shown").expect("a run");
    assert!(shown.published.is_none(), "its time is over");
    let left = "select count(*) from pg_tables where schemaname = 'longshore_undo' and tablename like '%scopes'";
    assert_eq!(space.value(left).await, "1", "that of the second run");
}
