//! Foreign keys by natural key: found in the database, or a rejection that says what was looked for.

use super::workspace::{How, Workspace, codes, counts, first};
use longshore::{
    report::RunSummary,
    run::{LoadOptions, Stop},
};

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
        "8,A,,,,M",        // half of a key finds nothing
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

/// Units with their places, and who works there: parents and children in one flat record.
const UNITS: &str = "
create table unit (
  id int generated always as identity primary key, code text not null unique, name text,
  parent_id int references unit);
create table place (id bigserial primary key, unit_id int not null references unit, label text not null, unique (unit_id, label));
create table worker (
  id int primary key, unit_id int not null references unit, place_id bigint references place, name text not null);
insert into unit (code, name) values ('HQ', 'Head');";

const FLAT: &str = r#"
[source]
format = "csv"
path = "$DIR/flat.csv"

[[target]]
table = "public.worker"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name", required = true }
unit_id = { lookup = "public.unit", match = { code = "unit" }, take = "id" }
place_id = { lookup = "public.place", match = { unit_id = { lookup = "public.unit", match = { code = "unit" }, take = "id" }, label = "place" }, take = "id" }

[[target]]
table = "public.place"
mode = "upsert"
key = ["unit_id", "label"]
when = { place = { required = true } }
[target.columns]
unit_id = { lookup = "public.unit", match = { code = "unit" }, take = "id" }
label = { from = "place" }

[[target]]
table = "public.unit"
mode = "upsert"
key = ["code"]
[target.columns]
code = { from = "unit" }
name = { from = "unit_name" }
parent_id = { lookup = "public.unit", match = { code = "parent" }, take = "id" }
"#;

fn flat(rows: &[&str]) -> String {
    format!("id,name,unit,unit_name,parent,place\n{}\n", rows.join("\n"))
}

fn by_table(summary: &RunSummary) -> Vec<(&str, [u64; 7])> {
    summary.tables.iter().map(|it| (it.table.as_str(), counts(&it.tally))).collect()
}

const PEOPLE: &str = "select string_agg(concat_ws('|', w.id, w.name, u.code, p.label, h.code), ',' order by w.id)
  from worker w join unit u on u.id = w.unit_id left join place p on p.id = w.place_id left join unit h on h.id = u.parent_id";

#[tokio::test]
async fn lookups_find_rows_that_this_same_run_writes_parents_first() {
    let space = Workspace::with(UNITS).await;
    let rows = [
        "1,Ana,A1,Alpha,HQ,roof",
        "2,Bo,A1,Alpha,HQ,roof", // shares its unit and its place
        "3,Cy,B1,Beta,A1,",      // its unit's parent comes with another record
        "4,Di,B1,Beta,A1,door",
        "5,Ed,HQ,Head,,door", // a unit that is there; a label that another place has too
        "6,,C1,Gamma,HQ,hall", // rejected, and with it what only it brings
        "7,Fay,D1,Delta,C1,", // its unit's parent is what that would have brought
        "8,Gus,E1,Eps,Z9,",   // a parent that nobody brings
    ];
    space.write("flat.csv", flat(&rows));
    let summary = space.run(FLAT).await;
    let lines = space.rejections(&summary);
    assert_eq!(codes(&summary), [("lookup.none", 2), ("rule.required", 1)], "{lines:#?}");
    assert_eq!(
        by_table(&summary),
        [
            ("public.unit", [8, 0, 3, 2, 2, 0, 1]),
            ("public.place", [8, 3, 1, 1, 3, 0, 0]),
            ("public.worker", [8, 0, 3, 0, 5, 0, 0]),
        ],
        "{lines:#?}"
    );
    assert_eq!(
        space.value(PEOPLE).await,
        "1|Ana|A1|roof|HQ,2|Bo|A1|roof|HQ,3|Cy|B1|A1,4|Di|B1|door|A1,5|Ed|HQ|door"
    );
    let sequence = "select last_value from unit_id_seq";
    let drawn = space.value(sequence).await;
    let again = space.run_how(FLAT, How { force: true, ..How::default() }).await;
    assert!(again.tables.iter().all(|it| it.tally.inserted + it.tally.updated == 0), "{again:#?}");
    assert_eq!(codes(&again), codes(&summary));
    // Only what may become new draws a number: the rejected records' units.
    assert!(
        space.value(sequence).await.parse::<i64>().unwrap() <= drawn.parse::<i64>().unwrap() + 3
    );
}

#[tokio::test]
async fn a_dry_run_counts_on_and_draws_from_no_sequence() {
    let space = Workspace::with(UNITS).await;
    space.write("flat.csv", flat(&["1,Ana,A1,Alpha,HQ,roof", "2,Bo,B1,Beta,A1,"]));
    let dry = space.run_how(FLAT, How { dry_run: true, ..How::default() }).await;
    assert_eq!(space.value("select last_value from unit_id_seq").await, "1");
    assert_eq!(space.value("select count(*) from unit").await, "1");
    let real = space.run(FLAT).await;
    assert_eq!(by_table(&dry), by_table(&real));
}

#[tokio::test]
async fn a_copy_takes_the_place_of_a_record_that_was_rejected_after_all() {
    let space = Workspace::with(UNITS).await;
    // The first record of unit A1 is refused when all else is settled: nobody foretells it.
    space
        .client
        .batch_execute(
            "create function refuse() returns trigger language plpgsql as $$ begin
               if new.id = 1 then raise 'not this one'; end if; return new; end $$;
             create trigger refuse before insert on worker for each row execute function refuse()",
        )
        .await
        .expect("a trigger");
    let rows = ["1,Ana,A1,Alpha,HQ,", "2,Bo,A1,Alpha,HQ,"];
    space.write("flat.csv", flat(&rows));
    let summary = space.run(FLAT).await;
    assert_eq!(codes(&summary), [("constraint.refused", 1)]);
    assert_eq!(by_table(&summary)[0], ("public.unit", [2, 0, 1, 0, 1, 0, 0]));
    assert_eq!(space.value(PEOPLE).await, "2|Bo|A1|HQ");
}

#[tokio::test]
async fn an_unresolved_lookup_costs_the_record_or_its_row_alone() {
    let space = Workspace::with(UNITS).await;
    space.write("flat.csv", flat(&["1,Ana,A1,Alpha,HQ,roof", "2,Bo,B1,Beta,Z9,roof"]));
    let policy = FLAT.replace("key = [\"code\"]", "key = [\"code\"]\nunresolved = \"reject_row\"");
    let summary = space.run(&policy).await;
    // Its unit is not there, so neither is what stands on it: each says so in its own target.
    assert_eq!(codes(&summary), [("lookup.none", 2)], "{:#?}", space.rejections(&summary));
    assert_eq!(by_table(&summary)[0], ("public.unit", [2, 0, 1, 0, 1, 0, 0]));
    assert!(summary.tables.iter().all(|table| table.tally.closes()));

    let space = Workspace::with(TABLES).await;
    space
        .client
        .batch_execute("create table log (pupil int primary key, teacher bigint references person)")
        .await
        .expect("a table");
    space.write("pupils.csv", pupils(&["1,A,,,,", "2,A,Eve,,,"]));
    let two = format!(
        "{}\n[[target]]\ntable = \"public.log\"\nmode = \"upsert\"\nkey = [\"pupil\"]\nunresolved = \"reject_row\"\n[target.columns]\npupil = {{ from = \"id\" }}\nteacher = {{ lookup = \"public.person\", match = {{ name = \"teacher\" }}, take = \"id\" }}\n",
        PIPELINE
            .replace("match = { name = \"teacher\" }, take", "match = { name = \"email\" }, take")
    );
    let summary = space.run(&two).await;
    let tables = by_table(&summary);
    assert_eq!(
        tables,
        [("public.pupil", [2, 0, 0, 0, 2, 0, 0]), ("public.log", [2, 0, 1, 0, 1, 0, 0])]
    );
    assert_eq!(codes(&summary), [("lookup.none", 1)]);
}

/// The same whatever the threads and splits.
#[tokio::test]
async fn what_lookups_find_depends_on_no_thread_and_no_split() {
    let mut said = Vec::new();
    for (threads, split_bytes) in [(1, 1 << 20), (3, 64), (2, 200)] {
        let space = Workspace::with(UNITS).await;
        let rows: Vec<String> = (0..200)
            .map(|at| {
                let name = if at % 17 == 3 { "" } else { "N" };
                let parent =
                    if at % 5 == 0 { "HQ".to_owned() } else { format!("U{}", at % 40 / 5 * 5) };
                format!("{at},{name},U{},u{},{parent},p{}", at % 40, at % 40, at % 3)
            })
            .collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        space.write("flat.csv", flat(&rows));
        let options = LoadOptions { threads, split_bytes, ..LoadOptions::default() };
        let summary = space.run_how(FLAT, How { options, ..How::default() }).await;
        let folder = space.folder.path().display().to_string();
        let lines = space.rejections(&summary).join("\n").replace(&folder, "");
        said.push((format!("{:?}", by_table(&summary)), lines, space.value(PEOPLE).await));
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], said[2]);
}

#[tokio::test]
async fn records_that_share_a_row_are_merged_where_they_agree_and_reported_where_they_differ() {
    let rows = [
        "1,Ana,A1,Alpha,HQ,", // agrees with the next
        "2,Bo,A1,Alpha,HQ,",
        "3,Cy,B1,Beta,HQ,", // and these differ
        "4,Di,B1,Bravo,HQ,",
        "5,Ed,B1,Beta,HQ,",
    ];
    for (policy, unit, merged) in [
        ("", [5, 0, 3, 0, 1, 0, 1], 1),
        ("duplicates = { keep = \"first\" }", [5, 0, 0, 1, 2, 0, 2], 2),
        ("duplicates = { keep = \"last\" }", [5, 0, 0, 1, 2, 0, 2], 2),
        ("duplicates = { max = \"name\" }", [5, 0, 0, 2, 2, 0, 1], 1),
    ] {
        let space = Workspace::with(UNITS).await;
        space.write("flat.csv", flat(&rows));
        let shared =
            FLAT.replace("key = [\"code\"]", &format!("key = [\"code\"]\nshared = true\n{policy}"));
        let summary = space.run(&shared).await;
        assert_eq!(by_table(&summary)[0], ("public.unit", unit), "{policy}");
        assert_eq!(summary.tables[0].tally.merged, merged, "{policy}");
        assert!(summary.tables.iter().all(|table| table.tally.closes()));
        let in_ledger = "select concat_ws(' ', unchanged, merged) from longshore.tally where table_name = 'public.unit'";
        assert_eq!(space.value(in_ledger).await, format!("{} {merged}", unit[6]));
        let name = match policy.split('"').nth(1) {
            None => "",
            Some("name") => "Bravo",
            Some(_) => "Beta",
        };
        let kept = "select coalesce(max(name), '') from unit where code = 'B1'";
        assert_eq!(space.value(kept).await, name, "{policy}");

        // Once they are there, nobody brings anything new.
        let again = space.run_how(&shared, How { force: true, ..How::default() }).await;
        let tally = again.tables[0].tally;
        assert_eq!((tally.inserted, tally.updated, tally.rejected), (0, 0, unit[2]), "{policy}");
        assert_eq!((tally.merged, tally.unchanged), (merged, merged + unit[4]), "{policy}");
    }
}

#[tokio::test]
async fn who_differs_in_a_shared_row_is_named_with_the_one_it_stands_against() {
    let space = Workspace::with(UNITS).await;
    space.write("flat-1.csv", flat(&["1,Ana,A1,Alpha,HQ,", "2,Bo,B1,Beta,HQ,"]));
    space.write("flat-2.csv", flat(&["3,Cy,A1,Alfa,HQ,", "4,Di,A1,Alpha,HQ,"]));
    let shared = FLAT
        .replace("key = [\"code\"]", "key = [\"code\"]\nshared = true")
        .replace("flat.csv", "flat-*.csv");
    let summary = space.run(&shared).await;
    assert_eq!(codes(&summary), [("rule.shared_row", 3)]);
    let folder = space.folder.path().display().to_string();
    let lines: Vec<String> =
        space.rejections(&summary).iter().map(|line| line.replace(&folder, "")).collect();
    let said = "3 records of this run share this row and differ in it: record";
    for (line, start, other) in [
        (&lines[0], "/flat-1.csv,2,1,,rule.shared_row,", "1 of `/flat-2.csv`"),
        (&lines[1], "/flat-2.csv,2,1,,rule.shared_row,", "1 of `/flat-1.csv`"),
        (&lines[2], "/flat-2.csv,3,2,,rule.shared_row,", "1,"),
    ] {
        assert!(line.starts_with(start) && line.contains(&format!("{said} {other}")), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_shared_row_is_brought_by_another_where_its_record_is_rejected_at_last() {
    let space = Workspace::with(UNITS).await;
    // Nobody foretells a trigger: the one that counted is refused when all else is settled.
    space
        .client
        .batch_execute(
            "create function refuse() returns trigger language plpgsql as $$ begin
               if new.id = 1 then raise 'not this one'; end if; return new; end $$;
             create trigger refuse before insert on worker for each row execute function refuse()",
        )
        .await
        .expect("a trigger");
    let rows = ["1,Ana,A1,Alpha,HQ,", "2,Bo,A1,Alpha,HQ,", "3,Cy,A1,Alpha,HQ,"];
    space.write("flat.csv", flat(&rows));
    let shared = FLAT.replace("key = [\"code\"]", "key = [\"code\"]\nshared = true");
    let summary = space.run(&shared).await;
    assert_eq!(codes(&summary), [("constraint.refused", 1)]);
    assert_eq!(by_table(&summary)[0], ("public.unit", [3, 0, 1, 0, 1, 0, 1]));
    assert_eq!(space.value(PEOPLE).await, "2|Bo|A1|HQ,3|Cy|A1|HQ");
}

/// What is staged of a key proves that keys differ; where it repeats, what was looked up decides.
#[tokio::test]
async fn keys_that_are_looked_up_in_part_are_compared_as_the_table_will_have_them() {
    let space = Workspace::with(
        "create table course (id bigint generated always as identity primary key, code text not null unique);
         insert into course (code) values ('A'), ('B');
         create table seat (pupil int, course_id bigint references course, desk int, primary key (pupil, course_id))",
    )
    .await;
    let pipeline = r#"
        [source]
        format = "csv"
        path = "$DIR/seats.csv"
        [[target]]
        table = "public.seat"
        mode = "upsert"
        key = ["pupil", "course_id"]
        [target.columns]
        pupil = { from = "pupil" }
        course_id = { lookup = "public.course", take = "id", match = { code = "course" } }
        desk = { from = "desk" }
    "#;
    for (rows, expected) in [
        ("1,A,1\n2,A,1\n3,B,1\n", [3, 0, 0, 0, 3, 0, 0]),
        ("1,A,1\n1,B,1\n", [2, 0, 0, 0, 1, 0, 1]),
        ("1,A,1\n1,A,1\n", [2, 0, 0, 1, 0, 0, 1]),
        ("1,A,1\n1,A,2\n2,B,1\n", [3, 0, 2, 0, 1, 0, 0]),
    ] {
        space.write("seats.csv", format!("pupil,course,desk\n{rows}"));
        let summary = space.run(pipeline).await;
        assert_eq!(first(&summary), expected, "{rows}");
    }
    let seats = "select string_agg(concat_ws(' ', pupil, code, desk), ', ' order by pupil, code)
        from seat join course on course.id = course_id";
    assert_eq!(space.value(seats).await, "1 A 1, 1 B 1, 2 A 1, 2 B 1, 3 B 1");
}
