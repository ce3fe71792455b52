//! `mirror`: absent keys are deleted, but never for a record that is only rejected.

use longshore::{outcome::Deletions, report::RunSummary};

use super::workspace::{How, Workspace};

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/pupils*.csv"

[limits]
deleted = "60%"

[[target]]
table = "public.pupil"
mode = "mirror"
key = ["id"]
scope = ["school"]
[target.columns]
id = { from = "id", pattern = '\d+' }
school = { from = "school", pattern = '[A-Z]' }
name = { from = "name", min_length = 2 }
"#;

async fn workspace() -> Workspace {
    Workspace::with(
        "create table pupil (id int primary key, school text, name text, note text default '-');
         insert into pupil select n, chr(65 + n / 10), 'name ' || n from generate_series(0, 29) n",
    )
    .await
}

fn deletions(summary: &RunSummary) -> &Deletions {
    summary.tables[0].deletions.as_ref().expect("a mode that deletes")
}

async fn ids(space: &Workspace) -> String {
    space.value("select string_agg(id::text, ' ' order by id) from pupil").await
}

fn whole_table() -> String {
    PIPELINE.replace("scope = [\"school\"]", "")
}

#[tokio::test]
async fn absent_keys_are_deleted_inside_the_scope_of_the_file_only() {
    let space = workspace().await;
    space.write(
        "pupils.csv",
        "id,school,name\n0,A,name 0\n1,A,new\n2,A,name 2\n3,A,name 3\n40,A,name 40\n21,A,moved\n",
    );
    let summary = space.run(PIPELINE).await;
    let tally = summary.tables[0].tally;
    assert_eq!([tally.inserted, tally.updated, tally.unchanged, tally.deleted], [1, 2, 3, 6]);
    let expected = Deletions { rows: 11, gone: 6, scopes: 2, ..Deletions::default() };
    assert_eq!(deletions(&summary), &expected);
    assert_eq!(
        ids(&space).await,
        "0 1 2 3 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 40"
    );
    assert_eq!(space.value("select note from pupil where id = 1").await, "-");
}

#[tokio::test]
async fn without_a_scope_the_whole_table_mirrors_the_files() {
    let space = workspace().await;
    let rows: String =
        (10..30).map(|n| format!("{n},{},name {n}\n", if n < 20 { "B" } else { "C" })).collect();
    space.write("pupils-1.csv", format!("id,school,name\n{rows}"));
    space.write("pupils-2.csv", "id,school,name\n5,A,name 5\n");
    let tally = space.run(&whole_table()).await.tables[0].tally;
    assert_eq!([tally.unchanged, tally.deleted], [21, 9]);
    // Every file is read again when one is new: what is loaded already is not absent.
    space.write("pupils-2.csv", "id,school,name\n6,A,name 6\n");
    let tally = space.run(&whole_table()).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.unchanged, tally.deleted], [1, 20, 1]);
    assert_eq!(space.run(&whole_table()).await.status, longshore::report::RunStatus::Unchanged);
    // After A and B, A is new again.
    space.write("pupils-2.csv", "id,school,name\n5,A,name 5\n");
    let tally = space.run(&whole_table()).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.deleted], [1, 1]);
}

#[tokio::test]
async fn a_rejected_record_keeps_its_row_whatever_is_wrong_with_it() {
    let space = workspace().await;
    space
        .client
        .batch_execute("alter table pupil add check (name <> 'forbidden'); create unique index on pupil (name)")
        .await
        .expect("constraints");
    // 1 before COPY, 2 and 3 over staging (a constraint, a duplicate key), 4 is good.
    space.write(
        "pupils.csv",
        "id,school,name\n1,A,x\n2,A,forbidden\n3,A,one\n3,A,two\n4,A,name 4\n5,A,name 15\n",
    );
    let summary = space.run(PIPELINE).await;
    assert_eq!(summary.tables[0].tally.rejected, 5);
    let expected = Deletions { rows: 10, gone: 5, kept: 4, scopes: 1, ..Deletions::default() };
    assert_eq!(deletions(&summary), &expected);
    assert!(ids(&space).await.starts_with("1 2 3 4 5 10 "));
}

#[tokio::test]
async fn where_a_key_cannot_be_read_nothing_in_its_scope_is_deleted() {
    let space = workspace().await;
    space.write("pupils.csv", "id,school,name\nx,A,name 0\n1,A,name 1\n10,B,name 10\n11,B,name 11\n12,B,name 12\n13,B,name 13\n");
    let summary = space.run(PIPELINE).await;
    let expected = Deletions { rows: 20, gone: 6, kept: 9, scopes: 2, ..Deletions::default() };
    assert_eq!(deletions(&summary), &expected);
    assert!(ids(&space).await.starts_with("0 1 2 3 4 5 6 7 8 9 10 11 12 13 20 "));
}

#[tokio::test]
async fn where_not_even_the_scope_can_be_read_nothing_is_deleted() {
    for (name, line) in [("scope", "x,?,name 0"), ("ragged", "1,A"), ("empty", "x,,name 0")] {
        let space = workspace().await;
        space.write("pupils.csv", format!("id,school,name\n{line}\n2,A,name 2\n"));
        let summary = space.run(PIPELINE).await;
        assert_eq!(deletions(&summary).gone, 0, "{name}");
        assert_eq!(space.value("select count(*) from pupil").await, "30", "{name}");
    }
    let space = workspace().await;
    space.write("pupils.csv", "id,school,name\nx,A,name 0\n2,A,name 2\n");
    let summary = space.run(&whole_table()).await;
    assert_eq!((deletions(&summary).gone, deletions(&summary).kept), (0, 29));
}

#[tokio::test]
async fn keys_that_sql_computes_are_kept_where_they_are_known() {
    let space = workspace().await;
    let pipeline = r#"
        [source]
        format = "csv"
        path = "$DIR/pupils.csv"
        [limits]
        deleted = "100%"
        [[target]]
        table = "public.pupil"
        mode = "mirror"
        key = ["id"]
        [target.columns]
        id = { sql = "note::int / (4 - length(school))" }
        note = { from = "id" }
        school = { from = "school" }
        name = { from = "name" }
        [[target.check]]
        sql = "name <> 'bad'"
    "#;
    // A check over staging leaves the computed key known.
    space.write("pupils.csv", "id,school,name\n3,A,a\n6,A,bad\n");
    let summary = space.run(pipeline).await;
    assert_eq!((deletions(&summary).gone, deletions(&summary).kept), (28, 1));
    assert_eq!(ids(&space).await, "1 2");
    // SQL that fails does not.
    space.write("pupils.csv", "id,school,name\n3,A,a\n6,AAAA,b\n");
    let summary = space.run(pipeline).await;
    assert_eq!((deletions(&summary).gone, deletions(&summary).kept), (0, 1));
    assert_eq!(ids(&space).await, "1 2");
}

#[tokio::test]
async fn a_row_is_marked_once_and_comes_back() {
    for (column, soft, deleted) in [
        ("deleted_at timestamptz", "value = \"now\"", "deleted_at is not null"),
        ("active bool not null default true", "value = false", "not active"),
        (
            "state text not null default '?'",
            "value = \"gone\", present = \"here\"",
            "state = 'gone'",
        ),
    ] {
        let space = workspace().await;
        space
            .client
            .batch_execute(&format!("alter table pupil add {column}"))
            .await
            .expect("a column");
        if column.starts_with("state") {
            space.client.batch_execute("update pupil set state = 'here'").await.expect("a state");
        }
        let name = column.split(' ').next().expect("a name");
        let soft = format!("soft_delete = {{ column = \"{name}\", {soft} }}\nkey = [\"id\"]");
        let pipeline = PIPELINE.replace("key = [\"id\"]", &soft);
        let marked =
            format!("select string_agg(id::text, ' ' order by id) from pupil where {deleted}");
        space.write("pupils.csv", "id,school,name\n0,A,name 0\n1,A,name 1\n2,A,name 2\n3,A,name 3\n4,A,name 4\n50,A,new\n");
        let tally = space.run(&pipeline).await.tables[0].tally;
        assert_eq!(
            [tally.inserted, tally.updated, tally.unchanged, tally.deleted],
            [1, 0, 5, 5],
            "{column}"
        );
        assert_eq!(space.value(&marked).await, "5 6 7 8 9", "{column}");
        let moment = space.value("select xmin from pupil where id = 6").await;
        space.write("pupils.csv", "id,school,name\n0,A,name 0\n1,A,name 1\n2,A,name 2\n3,A,name 3\n5,A,name 5\n50,A,new\n");
        let tally = space.run(&pipeline).await.tables[0].tally;
        assert_eq!([tally.updated, tally.unchanged, tally.deleted], [1, 5, 1], "{column}");
        assert_eq!(space.value(&marked).await, "4 6 7 8 9", "{column}");
        assert_eq!(space.value("select xmin from pupil where id = 6").await, moment, "{column}");
    }
}

#[tokio::test]
async fn rows_that_others_refer_to_stop_the_run_before_the_server_says_it() {
    let space = workspace().await;
    space
        .client
        .batch_execute(
            "create table mark (id int primary key, pupil int constraint marks_pupil references pupil);
             insert into mark values (1, 9)",
        )
        .await
        .expect("a referring table");
    let rows: String = (0..9).map(|n| format!("{n},A,name {n}\n")).collect();
    space.write("pupils.csv", format!("id,school,name\n{rows}"));
    let stop = space.try_run(PIPELINE, How::default()).await.expect_err("a row is referred to");
    let longshore::run::Stop::Error(error) = stop else { panic!("an error") };
    assert!(error.to_string().contains("marks_pupil"), "{error}");
    assert_eq!(space.value("select count(*) from pupil").await, "30");
    // In one pipeline who refers goes first.
    let both = format!(
        "{PIPELINE}
         [[target]]
         table = \"public.mark\"
         mode = \"mirror\"
         key = [\"id\"]
         [target.columns]
         id = {{ from = \"id\" }}
         pupil = {{ from = \"id\" }}"
    )
    .replace("60%", "100%");
    let summary = space.run(&both).await;
    assert_eq!(summary.tables[0].tally.deleted, 1);
    assert_eq!(space.value("select count(*) from mark where pupil = 9").await, "0");
}

#[tokio::test]
async fn a_record_that_another_target_refuses_keeps_its_row_and_a_filtered_one_does_not() {
    let space = workspace().await;
    space
        .client
        .batch_execute("create table mark (id int primary key, note int)")
        .await
        .expect("a table");
    let both = PIPELINE
        .replace("key = [\"id\"]", "key = [\"id\"]\nwhen = { school = { enum = [\"A\", \"C\"] } }")
        + r#"
        [[target]]
        table = "public.mark"
        mode = "upsert"
        key = ["id"]
        [target.columns]
        id = { from = "id" }
        note = { from = "note" }
        "#;
    space.write(
        "pupils.csv",
        "id,school,name,note\n0,A,name 0,0\n1,A,name 1,1\n2,A,name 2,2\n3,A,name 3,3\n4,A,name 4,x\n5,B,name 5,5\n10,B,name 10,x\n",
    );
    let summary = space.run(&both).await;
    let expected = Deletions { rows: 10, gone: 5, kept: 1, scopes: 1, ..Deletions::default() };
    assert_eq!(deletions(&summary), &expected);
    assert!(ids(&space).await.starts_with("0 1 2 3 4 10 11 "));
}

#[tokio::test]
async fn odd_tables_are_mirrored_like_any_other() {
    let space = Workspace::with(
        "create extension if not exists citext;
         create table \"Odd, \"\"names\"\"\" (\"kind\" citext collate \"C\", \"found, ordinal\" int, \"Ünï\" text, scope text[],
           __note text default 'n', primary key (\"kind\", \"found, ordinal\")) partition by range (\"found, ordinal\");
         create table odd_low partition of \"Odd, \"\"names\"\"\" for values from (0) to (10);
         create table odd_high partition of \"Odd, \"\"names\"\"\" for values from (10) to (30);
         insert into \"Odd, \"\"names\"\"\" select 'Key', n, 'u' || n % 2, array['x'] from generate_series(0, 19) n",
    )
    .await;
    let pipeline = r#"
        [source]
        format = "csv"
        path = "$DIR/odd.csv"
        [limits]
        deleted = "100%"
        [[target]]
        table = 'public."Odd, ""names"""'
        mode = "mirror"
        key = ["found, ordinal", "kind"]
        scope = ["Ünï"]
        [target.columns]
        kind = { from = "kind" }
        "found, ordinal" = { from = "n" }
        "Ünï" = { from = "u" }
        scope = { from = "tags" }
    "#;
    // Equal by the table's own equality, changed in content; one moves between partitions' keys.
    space.write("odd.csv", "kind,n,u,tags\nkey,0,u0,{x}\nKey,2,u0,{x}\nKey,12,u0,\"{x,y}\"\nKey,25,u0,{z}\nKey,bad,u1,{}\n");
    let tally = space.run(pipeline).await.tables[0].tally;
    assert_eq!(
        [tally.inserted, tally.updated, tally.unchanged, tally.deleted, tally.rejected],
        [1, 1, 2, 7, 1]
    );
    let left = "select string_agg(\"found, ordinal\"::text, ' ' order by \"found, ordinal\") from \"Odd, \"\"names\"\"\"";
    assert_eq!(space.value(left).await, "0 1 2 3 5 7 9 11 12 13 15 17 19 25");
    let replace = pipeline.replace("mirror", "replace").replace("scope = [\"Ünï\"]", "");
    let replace = replace.replace("key = [\"found, ordinal\", \"kind\"]", "");
    space.write("odd.csv", "kind,n,u,tags\nkey,0,u0,{x}\nKey,2,u0,{x}\n");
    let tally = space.run(&replace).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.unchanged, tally.deleted], [1, 1, 13]);
}

#[tokio::test]
async fn a_deletion_that_does_not_happen_undoes_the_whole_run() {
    let space = workspace().await;
    // A trigger touches a row between classifying and deleting.
    space
        .client
        .batch_execute(
            "create function late() returns trigger language plpgsql as $$ begin
               update pupil set note = 'late' where id = 9; return null; end $$;
             create trigger late after insert on pupil for each statement execute function late()",
        )
        .await
        .expect("a trigger");
    let rows: String = (0..9).map(|n| format!("{n},A,name {n}\n")).collect();
    space.write("pupils.csv", format!("id,school,name\n{rows}50,A,new\n"));
    let stop = space.try_run(PIPELINE, How::default()).await.expect_err("one row is not deleted");
    let longshore::run::Stop::Error(error) = stop else { panic!("an error") };
    assert!(
        error.to_string().contains("1 gone rows were to be written, the server wrote 0"),
        "{error}"
    );
    assert_eq!(space.value("select count(*) from pupil").await, "30");
}

/// Marks by pupil and subject, the subject known by its code.
const MARKS: &str = r#"
[source]
format = "csv"
path = "$DIR/marks.csv"

[limits]
deleted = "100%"

[[target]]
table = "public.mark"
mode = "mirror"
key = ["pupil", "subject_id"]
scope = []
[target.columns]
pupil = { from = "pupil" }
subject_id = { lookup = "public.subject", match = { code = "subject" }, take = "id" }
grade = { from = "grade" }
"#;

async fn marks() -> Workspace {
    Workspace::with(
        "create table subject (id int generated always as identity primary key, code text not null unique);
         insert into subject (code) values ('M'), ('P');
         create table mark (
           pupil int, subject_id int references subject, grade int not null, primary key (pupil, subject_id));
         insert into mark select pupil, subject, 5 from generate_series(1, 4) pupil, generate_series(1, 2) subject",
    )
    .await
}

async fn marked(space: &Workspace) -> String {
    let marks = "select string_agg(pupil || code, ' ' order by pupil, code) from mark join subject on id = subject_id";
    space.value(marks).await
}

#[tokio::test]
async fn where_a_part_of_the_key_is_not_found_rows_with_the_others_are_kept() {
    let space = marks().await;
    // No such subject: it may be 1's P. Rejected before its subject was looked up: either of 2's.
    let text = "pupil,subject,grade\n1,M,5\n1,Ph,6\n2,M,x\n4,M,5\n4,P,5\n";
    space.write("marks.csv", text);
    let summary = space.run(MARKS).await;
    let found = deletions(&summary);
    assert_eq!((found.gone, found.kept, found.rows), (2, 3, 8));
    assert_eq!(marked(&space).await, "1M 1P 2M 2P 4M 4P");

    // What is known of no part keeps everything.
    space.write("marks.csv", "pupil,subject,grade\nx,M,5\n4,M,5\n");
    let summary = space.run(MARKS).await;
    assert_eq!((deletions(&summary).gone, deletions(&summary).kept), (0, 5));
}

#[tokio::test]
async fn a_scope_that_is_looked_up_bounds_what_is_deleted() {
    let space = marks().await;
    let scoped = MARKS.replace("scope = []", "scope = [\"subject_id\"]");
    space.write("marks.csv", "pupil,subject,grade\n1,M,5\n2,Ph,6\n");
    let summary = space.run(&scoped).await;
    // P is no subject of the file; of M, 2's may be what the rejected record is about.
    assert_eq!((deletions(&summary).gone, deletions(&summary).kept), (2, 1));
    assert_eq!(marked(&space).await, "1M 1P 2M 2P 3P 4P");

    // Where all of the key is looked up, and nothing found, nothing tells which row it is.
    let space = marks().await;
    space
        .client
        .batch_execute("alter table mark drop constraint mark_pkey; delete from mark where pupil > 1; alter table mark add unique (subject_id)")
        .await
        .expect("a key of one column");
    let one = MARKS.replace("key = [\"pupil\", \"subject_id\"]", "key = [\"subject_id\"]");
    space.write("marks.csv", "pupil,subject,grade\n1,Ma,5\n");
    let summary = space.run(&one).await;
    assert_eq!((deletions(&summary).gone, deletions(&summary).kept), (0, 2));
}
