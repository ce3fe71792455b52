//! Foreign keys by natural key: found in the database, or a rejection that says what was looked for.

use super::workspace::{How, Workspace, codes, first};
use longshore::run::Stop;

const TABLES: &str = "
create extension if not exists citext;
create table school (id int generated always as identity primary key, code text not null unique);
insert into school (code) values ('A'), ('B'), ('C');
create table person (id bigint primary key, name citext not null, email text);
insert into person values (1, 'Ana', 'ana@x'), (2, 'Bo', null), (3, 'Bo', 'bo@x');
create table course (id uuid primary key, school_id int not null references school, code text not null, unique (school_id, code));
insert into course values ('00000000-0000-0000-0000-00000000000a', 1, 'M'), ('00000000-0000-0000-0000-00000000000b', 2, 'M');
create table pupil (
  id int primary key, school_id int not null references school,
  teacher_id bigint references person, course_id uuid references course, note text);";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/pupils.csv"

[[target]]
table = "public.pupil"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
school_id = { lookup = "public.school", match = { code = { from = "school", steps = ["trim", "upper"] } }, take = "id" }
teacher_id = { lookup = "public.person", match = { name = "teacher" }, take = "id", or = [{ match = { email = "email" } }] }
course_id = { lookup = "public.course", match = { school_id = { lookup = "public.school", match = { code = "course_school" }, take = "id" }, code = "course" }, take = "id" }
"#;

fn pupils(rows: &[&str]) -> String {
    format!("id,school,teacher,email,course_school,course\n{}\n", rows.join("\n"))
}

#[tokio::test]
async fn a_natural_key_becomes_the_row_it_names_or_a_rejection_that_says_which() {
    let space = Workspace::with(TABLES).await;
    let rows = [
        "1, a,ANA,,,",     // steps; citext decides what is equal
        "2,B,,,B,M",       // nothing to match by is NULL; a key of two parts, one looked up
        "3,Z,,,,",         // no such school
        "4,,,,,",          // the column takes no NULL
        "5,A,Bo,,,",       // two of that name
        "6,A,Eve,bo@x,,",  // not by name, but by address
        "7,A,Eve,eve@x,,", // by neither
        "8,A,,,A,",        // half of a key finds nothing
        "9,A,,,Z,M",       // nor does one whose first part is not there
    ];
    space.write("pupils.csv", pupils(&rows));
    let summary = space.run(PIPELINE).await;
    let lines = space.rejections(&summary);
    assert_eq!(
        codes(&summary),
        [("lookup.none", 4), ("lookup.several", 1), ("rule.not_null", 1)],
        "{lines:#?}"
    );
    assert_eq!(first(&summary), [9, 0, 6, 0, 3, 0, 0]);
    let loaded = "select string_agg(concat_ws('|', id, school_id, teacher_id, right(course_id::text, 1)), ',' order by id) from pupil";
    assert_eq!(space.value(loaded).await, "1|1|1,2|2|b,6|1|3");
    let text = lines.join("\n");
    for said in [
        "no row of public.school has this `code`",
        "several rows of public.person has this `name`",
        "no row of public.course has this `school_id` (public.school has this `code`), `code`",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    assert!(!text.contains("eve@x") && text.contains("xxx@x"), "{text}");
    let again = space.run_how(PIPELINE, How { force: true, ..How::default() }).await;
    assert_eq!(first(&again), [9, 0, 6, 0, 0, 0, 3]);
}

#[tokio::test]
async fn what_does_not_fit_the_table_looked_into_is_found_before_a_record_is_read() {
    let space = Workspace::with(TABLES).await;
    space.write("pupils.csv", pupils(&["1,A,,,,"]));
    for (from, to, code) in [
        ("lookup = \"public.person\"", "lookup = \"public.persons\"", "bind.no_such_table"),
        ("match = { name = ", "match = { nam = ", "bind.no_such_column"),
        ("take = \"id\", or", "take = \"idd\", or", "bind.no_such_column"),
        ("take = \"id\", or", "take = \"email\", or", "bind.lookup_type"),
        ("\"teacher\"", "\"techer\"", "bind.no_such_field"),
    ] {
        assert!(PIPELINE.contains(from), "{from}");
        let pipeline = PIPELINE.replacen(from, to, 1);
        let Err(Stop::Findings(findings)) = space.try_run(&pipeline, How::default()).await else {
            panic!("{to} is found")
        };
        assert!(findings.iter().any(|finding| finding.code == code), "{to}: {findings:#?}");
    }
}
