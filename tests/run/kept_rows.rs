//! A rejected record is not an absent one: its rows stay, also where its key is not found, or where
//! its cells are empty.

use longshore::report::RunSummary;

use super::workspace::{Workspace, codes};

const UNITS: &str = r#"
[source]
format = "csv"
path = "$DIR/units.csv"

[limits]
deleted = "50%"

[[target]]
table = "public.unit"
mode = "mirror"
key = ["uid"]
[target.columns]
uid = { lookup = "public.directory", match = { code = "code" }, take = "id" }
name = { from = "name" }
"#;

/// Units 1 to 50, known in the directory as c1 to c50; there are two c45.
async fn units() -> Workspace {
    Workspace::with(
        "create table directory (code text, id int);
         insert into directory select 'c' || n, n from generate_series(1, 50) n;
         insert into directory values ('c45', 1045);
         create table unit (uid int primary key, name text, area int);
         insert into unit select n, 'x' || n, n / 10 from generate_series(1, 50) n",
    )
    .await
}

/// c1 to c45, and whatever else.
fn delivery(more: &str) -> String {
    let lines: String = (1..=45).map(|n| format!("c{n},x{n}\n")).collect();
    format!("code,name\n{lines}{more}")
}

fn deleted_and_kept(summary: &RunSummary) -> (u64, u64) {
    let deletions = summary.tables[0].deletions.as_ref().expect("a mode that deletes");
    (summary.tables[0].tally.deleted, deletions.kept)
}

#[tokio::test]
async fn who_is_found_twice_or_not_at_all_keeps_every_row_he_may_be() {
    let replace = UNITS.replace("mirror", "replace");
    let computed = UNITS
        .replace("uid =", "found =")
        .replace("name =", "uid = { sql = \"coalesce(found, 0)\" }\nname =");
    for (pipeline, more) in
        [(UNITS, ""), (UNITS, "nope,x\n"), (&replace, ""), (&replace, "nope,x\n"), (&computed, "")]
    {
        let space = units().await;
        space.client.batch_execute("alter table unit add found int").await.expect("a column");
        space.write("units.csv", delivery(more));
        let summary = space.run(pipeline).await;
        assert!(codes(&summary).contains(&("lookup.several", 1)), "{:?}", codes(&summary));
        assert_eq!(deleted_and_kept(&summary), (0, 6), "{pipeline} {more}");
        assert_eq!(space.value("select count(*) from unit").await, "50");
    }
}

#[tokio::test]
async fn a_version_is_not_closed_for_a_key_that_is_not_found() {
    let space = units().await;
    space
        .client
        .batch_execute(
            "create table tenure (uid int, name text, since date, until date, primary key (uid, since));
             insert into tenure select n, 'x' || n, '2020-01-01' from generate_series(1, 50) n",
        )
        .await
        .expect("a history");
    let history = UNITS.replace("public.unit", "public.tenure").replace(
        "mode = \"mirror\"",
        "mode = \"history\"\nhistory = { valid_from = \"since\", valid_to = \"until\", absent = \"close\" }",
    );
    space.write("units.csv", delivery(""));
    let summary = space.run(&history).await;
    assert_eq!(deleted_and_kept(&summary), (0, 6));
    assert_eq!(space.value("select count(*) from tenure where until is null").await, "50");
}

/// A scope made of what is missing is none that the delivery speaks of.
#[tokio::test]
async fn a_scope_that_is_not_found_is_not_another_one() {
    let space = units().await;
    let scoped = UNITS
        .replace("uid = {", "found = {")
        .replace("key = [\"uid\"]", "key = [\"uid\"]\nscope = [\"area\"]")
        .replace(
            "name =",
            "uid = { from = \"uid\" }\narea = { sql = \"coalesce(found / 10, 0)\" }\nname =",
        );
    space.client.batch_execute("alter table unit add found int").await.expect("a column");
    // Area 0 has units 1 to 9; only areas 1 (unit 11 of ten) and 0 by mistake are spoken of.
    let lines: String = (11..=19).map(|n| format!("{n},c{n},x{n}\n")).collect();
    space.write("units.csv", format!("uid,code,name\n{lines}45,c45,x45\n"));
    let summary = space.run(&scoped).await;
    assert_eq!(codes(&summary), [("lookup.several", 1)]);
    assert_eq!(deleted_and_kept(&summary).0, 1, "unit 10");
    assert_eq!(space.value("select count(*) from unit where uid < 10").await, "9");
}

const MARKS: &str = r#"
[source]
format = "csv"
path = "$DIR/marks.csv"

[limits]
deleted = "100%"

[[target]]
table = "public.pupil"
mode = "upsert"
key = ["code"]
[target.columns]
code = { from = "ID" }
name = { from = "Name", max_length = 9 }

[[target]]
table = "public.mark"
mode = "mirror"
key = ["student", "subject"]
unpivot = { columns = "^(Math|Khmer|Physics)$", name = "subject", value = "grade" }
[target.columns]
student = { from = "ID" }
subject = { from = "subject" }
grade = { from = "grade", enum = ["A", "B", "F"] }
"#;

#[tokio::test]
async fn a_rejected_record_keeps_the_rows_of_its_empty_cells() {
    let space = Workspace::with(
        "create table pupil (code text primary key, name text check (name <> 'Nobody'));
         create table mark (student text, subject text, grade text check (grade <> 'F'), primary key (student, subject));
         insert into mark select n, s, 'A' from generate_series(1, 6) n, unnest(array['Math', 'Khmer', 'Physics']) s",
    )
    .await;
    space.write(
        "marks.csv",
        "ID,Name,Math,Khmer,Physics\n\
         1,Ana,Z,,A\n\
         2,Bo,F,,A\n\
         3,Cy who is too long,,,\n\
         4,Nobody,,,\n\
         5,Di,A,,A\n\
         6,Ed,,,\n",
    );
    let summary = space.run(MARKS).await;
    // By a rule here, the table's CHECK, and those two of another target; 5 and 6 are cleared.
    let marks = &summary.tables[1];
    assert_eq!(marks.tally.rejected, 4);
    let deletions = marks.deletions.as_ref().expect("a mirror");
    assert_eq!((deletions.gone, deletions.kept), (4, 12));
    let left = "select string_agg(student || left(subject, 1), ' ' order by student, subject desc) from mark";
    assert_eq!(space.value(left).await, "1P 1M 1K 2P 2M 2K 3P 3M 3K 4P 4M 4K 5P 5M");
}
