//! Rows that many records share, in runs that are held, replayed and resumed; and what agrees.

use std::{fs, path::PathBuf, sync::Arc};

use longshore::{
    report::{RunStatus, RunSummary},
    run::{self, ImportRequest, LoadOptions, ReplayRequest, held, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, counts};

const TABLES: &str = "
create extension if not exists citext;
create table course (code citext primary key, fee numeric, place text);
create table pupil (id int primary key, course citext not null references course);";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/pupils.csv"

[[target]]
table = "public.course"
mode = "upsert"
key = ["code"]
shared = true
[target.columns]
code = { from = "course" }
fee = { from = "fee" }
place = { from = "place" }

[[target]]
table = "public.pupil"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
course = { from = "course" }
"#;

const COURSES: &str =
    "select string_agg(concat_ws('|', code, fee, place), ' ' order by code) from course";

fn pupils(rows: &[&str]) -> String {
    format!("id,course,fee,place\n{}\n", rows.join("\n"))
}

fn course(summary: &RunSummary) -> ([u64; 7], u64) {
    assert!(summary.tables.iter().all(|table| table.tally.closes()), "{summary:#?}");
    let tally = summary.tables.iter().find(|it| it.table == "public.course").expect("a target");
    (counts(&tally.tally), tally.tally.merged)
}

fn run_id(summary: &RunSummary) -> RunId {
    RunId::parse(&summary.run).expect("a run")
}

#[tokio::test]
async fn the_database_says_which_keys_are_equal_and_values_count_rather_than_their_spelling() {
    let space = Workspace::with(TABLES).await;
    let rows = [
        "1,math,1.0,x",
        "2,MATH,1.00,x", // the same course and the same number
        "3,art,2,",
        "4,Art,2,y", // NULL is another place than y
        "5,sport,,",
        "6,sport,,", // but no other than NULL
    ];
    space.write("pupils.csv", pupils(&rows));
    let summary = space.run(PIPELINE).await;
    assert_eq!(codes(&summary), [("rule.shared_row", 2)], "{:#?}", space.rejections(&summary));
    assert_eq!(course(&summary), ([6, 0, 2, 0, 2, 0, 2], 2));
    assert_eq!(space.value(COURSES).await, "math|1.0|x sport");
}

#[tokio::test]
async fn who_differed_is_corrected_and_shares_the_row() {
    let space = Workspace::with(TABLES).await;
    space.write("pupils.csv", pupils(&["1,A,1,x", "2,B,1,x", "3,B,1,z", "4,B,1,x"]));
    let of = space.run(PIPELINE).await;
    assert_eq!(course(&of), ([4, 0, 3, 0, 1, 0, 0], 0));
    let report = PathBuf::from(of.rejections.report.as_ref().expect("a report"));
    let rejected = report.join("rejected/pupils.csv");
    let text = fs::read_to_string(&rejected).expect("the rejected records");
    fs::write(&rejected, text.replace(",z", ",x")).expect("written");
    let import = ImportRequest {
        pipeline: space.pipeline(PIPELINE),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions::default(),
    };
    let request = ReplayRequest { import, of: run_id(&of), report };
    let progress = Arc::new(Progress::default());
    let replayed = run::replay(&space.database.endpoint(), &request, &progress).await;
    let replayed = replayed.expect("it is replayed");
    assert_eq!(course(&replayed), ([3, 0, 0, 0, 1, 0, 2], 2));
    assert_eq!(replayed.replay.as_ref().map(|it| (it.closed, it.open)), Some((3, 0)));
    assert_eq!(space.value(COURSES).await, "A|1|x B|1|x");
}

#[tokio::test]
async fn a_held_run_is_approved_with_what_it_merged() {
    let space = Workspace::with(TABLES).await;
    let before = "insert into course select 'C' || n from generate_series(1, 40) n";
    space.client.batch_execute(before).await.expect("courses");
    let mirror = PIPELINE.replacen("\"upsert\"", "\"mirror\"", 1);
    space.write("pupils.csv", pupils(&["1,C1,5,x", "2,C1,5,x", "3,C2,,", "4,D,1,", "5,D,1,"]));
    let held = space.run(&mirror).await;
    assert_eq!(held.status, RunStatus::Held);
    assert_eq!(course(&held), ([5, 0, 0, 0, 1, 1, 3], 2));
    let progress = Arc::new(Progress::default());
    let approved = held::approve(&space.database.endpoint(), &run_id(&held), &progress).await;
    let approved = approved.expect("it is approved");
    assert_eq!((approved.status, course(&approved)), (RunStatus::Published, course(&held)));
    assert_eq!(space.value(COURSES).await, "C1|5|x C2 D|1");
    let in_ledger = "select merged from longshore.tally where table_name = 'public.course'";
    assert_eq!(space.value(in_ledger).await, "2");
}

/// Parts of a key that are NULL are equal where the key's constraint says so.
#[tokio::test]
async fn rows_are_shared_by_keys_that_hold_null() {
    let space = Workspace::with(
        "create table place (code text not null, part text, name text, unique nulls not distinct (code, part));
         create table visit (id int primary key)",
    )
    .await;
    let pipeline = r#"
        [source]
        format = "csv"
        path = "$DIR/visits.csv"
        [[target]]
        table = "public.place"
        mode = "upsert"
        key = ["code", "part"]
        shared = true
        [target.columns]
        code = { from = "code" }
        part = { from = "part" }
        name = { from = "name" }
        [[target]]
        table = "public.visit"
        mode = "upsert"
        key = ["id"]
        [target.columns]
        id = { from = "id" }
    "#;
    space.write(
        "visits.csv",
        "id,code,part,name\n1,A,,a\n2,A,,a\n3,A,1,b\n4,A,1,b\n5,B,,c\n6,B,,d\n",
    );
    let summary = space.run(pipeline).await;
    assert_eq!(codes(&summary), [("rule.shared_row", 2)]);
    let place = summary.tables[0].tally;
    assert_eq!((counts(&place), place.merged), ([6, 0, 2, 0, 2, 0, 2], 2));
    let again = space.run_how(pipeline, How { force: true, ..How::default() }).await;
    let place = again.tables[0].tally;
    assert_eq!((counts(&place), place.merged), ([6, 0, 2, 0, 0, 0, 4], 2));
}

const LOOKED_UP: &str = "
create table course (
  id bigint generated always as identity primary key, code text not null unique,
  fee numeric constraint fair check (fee < 100));
create table pupil (
  id int primary key constraint counted check (id > 0), friend int references pupil,
  course_id bigint not null references course);
create function refuse() returns trigger language plpgsql as
  $$ begin if new.code = 'T' then raise 'not this one'; end if; return new; end $$;
create trigger refused before insert on course for each row execute function refuse();";

const LOOKING_UP: &str = r#"
[source]
format = "csv"
path = "$DIR/pupils.csv"

[[target]]
table = "public.course"
mode = "upsert"
key = ["code"]
shared = true
[target.columns]
code = { from = "course" }
fee = { from = "fee" }

[[target]]
table = "public.pupil"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
friend = { from = "friend" }
course_id = { lookup = "public.course", take = "id", match = { code = "course" } }
"#;

/// What is wrong with a record is not wrong with the row it shares, and what is wrong with the
/// row is wrong with every record that brings it.
#[tokio::test]
async fn a_shared_row_is_brought_by_whoever_is_good_and_rejected_for_all() {
    let space = Workspace::with(LOOKED_UP).await;
    let rows = [
        "id,friend,course,fee",
        "0,,A,1",   // 2: its pupil is rejected, its course comes with the next
        "2,,A,1",   // 3: good
        "3,,B,200", // 4 and 5: no fair course
        "4,,B,200",
        "5,99,C,1", // 6: its friend is nobody, which shows late
        "6,,C,1",   // 7: good
        "7,98,D,1", // 8 and 9: nobody is left who brings D
        "8,7,D,1",
        "9,,E,1", // 10 and 11: they differ
        "10,,E,2",
        "-1,,F,1",  // 12: rejected, so that it differs from nobody
        "12,,F,2",  // 13: good
        "13,2,A,1", // 14: good
        "15,,T,1",  // 15 and 16: refused when it is written
        "16,,T,1",
    ];
    space.write("pupils.csv", rows.join("\n") + "\n");
    let summary = space.run(LOOKING_UP).await;
    let rejections = space.rejections(&summary);
    let lines = |word: &str| -> Vec<String> {
        let about = rejections.iter().filter(|line| line.contains(word));
        about.filter_map(|line| line.split(',').nth(1)).map(str::to_owned).collect()
    };
    assert_eq!(lines("`fair`"), ["4", "5"], "{rejections:#?}");
    assert_eq!(lines("`counted`"), ["2", "12"], "{rejections:#?}");
    // Who refers to a row that is refused is refused with it.
    assert_eq!(lines("constraint.foreign_key"), ["6", "8", "9", "15", "16"], "{rejections:#?}");
    assert_eq!(lines("rule.shared_row"), ["10", "11"], "{rejections:#?}");
    assert_eq!(lines("constraint.refused"), ["15", "16"], "{rejections:#?}");
    assert_eq!(rejections.len(), 13, "{rejections:#?}");
    assert_eq!(course(&summary), ([15, 0, 11, 0, 3, 0, 1], 1));
    let enrolled = "select string_agg(concat_ws(' ', p.id, c.code, c.fee), ', ' order by p.id)
        from pupil p join course c on c.id = p.course_id";
    let expected = "2 A 1, 6 C 1, 12 F 2, 13 A 1";
    assert_eq!(space.value(enrolled).await, expected);
    assert_eq!(space.value("select count(*) from course").await, "3");
    let again = space.run_how(LOOKING_UP, How { force: true, ..How::default() }).await;
    assert_eq!(course(&again), ([15, 0, 11, 0, 0, 0, 4], 1));
    assert_eq!(space.value(enrolled).await, expected);
}

/// Rows that are not written just so are still told apart by the database alone.
#[tokio::test]
async fn spellings_of_one_key_are_one_row_whoever_of_them_is_rejected() {
    let tables = "create extension if not exists citext;
        create table course (code citext primary key, fee numeric);
        create table pupil (id int primary key check (id > 0), course citext not null references course);";
    let space = Workspace::with(tables).await;
    let pipeline = PIPELINE.replace("place = { from = \"place\" }\n", "");
    let rows = ["0,math,1,", "1,Math,1.0,", "2,math,1,", "3,MATH,1.00,", "4,art,1,", "0,ART,2,"];
    space.write("pupils.csv", pupils(&rows));
    let summary = space.run(&pipeline).await;
    assert_eq!(codes(&summary), [("constraint.check", 2)]);
    assert_eq!(course(&summary), ([6, 0, 2, 0, 2, 0, 2], 2));
    let courses = "select string_agg(concat_ws('|', code, fee), ' ' order by code) from course";
    assert_eq!(space.value(courses).await, "art|1 Math|1.0");
}

/// What was merged before the connection was lost is forgotten with the rest of judging.
#[tokio::test]
async fn judging_that_begins_again_merges_again() {
    let space = Workspace::with(&format!(
        "{TABLES}
         create function doze(id int) returns bool language plpgsql as
           $$ begin if id = 1 then perform pg_sleep(1); end if; return true; end $$;
         alter table pupil add check (doze(id));"
    ))
    .await;
    space.write("pupils.csv", pupils(&["1,A,1,x", "2,A,1,x", "3,B,1,x", "4,B,1,z"]));
    let request = ImportRequest {
        pipeline: space.pipeline(PIPELINE),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions::default(),
    };
    let (progress, endpoint) = (Arc::new(Progress::default()), space.database.endpoint());
    let lose = async {
        let lose = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()
              and state = 'active' and query like '%doze(%' and query like '%_excluded%'";
        for _ in 0..2000 {
            if !space.client.query(lose, &[]).await.expect("a query").is_empty() {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        false
    };
    let (summary, lost) = tokio::join!(run::import(&endpoint, &request, &progress), lose);
    assert!(lost, "judging was cut off");
    let summary = summary.expect("it is judged again");
    assert_eq!(codes(&summary), [("rule.shared_row", 2)], "{:#?}", space.rejections(&summary));
    assert_eq!(course(&summary), ([4, 0, 2, 0, 1, 0, 1], 1));
    assert_eq!(space.value(COURSES).await, "A|1|x");
}
