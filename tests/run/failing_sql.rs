//! What a table evaluates of a row may fail rather than say no, and triggers raise what they like:
//! the record is rejected by a stable code, the rest is published, and no value is shown anywhere.

use longshore::run::Stop;

use super::workspace::{How, Workspace, codes, first};

/// A pipeline that upserts these columns into `public.item`.
fn pipeline(columns: &[&str]) -> String {
    let columns: String =
        columns.iter().map(|name| format!("{name} = {{ from = \"{name}\" }}\n")).collect();
    format!(
        "[source]\nformat = \"csv\"\npath = \"$DIR/items.csv\"\n\n[[target]]\ntable = \"public.item\"\n\
         mode = \"upsert\"\nkey = [\"id\"]\n[target.columns]\n{columns}"
    )
}

/// Loads rows, of which exactly the second is rejected, with this code and these words.
async fn second_is_rejected(tables: &str, csv: &str, code: &str, words: &[&str]) -> Workspace {
    let space = Workspace::with(tables).await;
    space.write("items.csv", csv);
    let header = csv.lines().next().expect("a header");
    let columns: Vec<&str> = header.split(',').collect();
    let summary = match space.try_run(&pipeline(&columns), How::default()).await {
        Ok(summary) => summary,
        Err(Stop::Error(error)) => panic!("{tables}: {error:?}"),
        Err(Stop::Findings(findings)) => panic!("{tables}: {findings:#?}"),
    };
    let lines = space.rejections(&summary);
    assert_eq!(codes(&summary), [(code, 1)], "{tables}: {lines:#?}");
    let read = csv.lines().count() as u64 - 1;
    assert_eq!(first(&summary), [read, 0, 1, 0, read - 1, 0, 0], "{tables}: {lines:#?}");
    for word in words {
        assert!(lines[0].contains(word), "{tables}: {word}: {}", lines[0]);
    }
    let there = space.value("select count(*) || ' ' || bool_or(id = 2) from item").await;
    assert_eq!(there, format!("{} false", read - 1), "{tables}");
    space
}

/// Nothing that people or the server's log were told has a value of the row.
async fn nobody_was_told(space: &Workspace, value: &str) {
    space.assert_unlogged(&[value]).await;
    let stored = "select string_agg(r::text, ' ') from longshore.run r";
    assert!(!space.value(stored).await.contains(value), "the ledger has {value}");
}

const NAMES: &str = "id,name\n1,Ana\n2,Zenobia\n3,Rui\n";

fn trigger(body: &str) -> String {
    format!(
        "create table item (id int primary key, name text);
         create function odd() returns trigger language plpgsql as
           $$ begin if new.name = 'Zenobia' then {body} end if; return new; end $$;
         create trigger odd before insert or update on item for each row execute function odd()"
    )
}

#[tokio::test]
async fn a_trigger_may_raise_any_sqlstate_and_is_taken_at_none_of_them() {
    for state in ["42501", "40001", "40P01", "55P03", "53100", "57014", "08006", "0A000", "2200H"] {
        let raise = format!(
            "raise exception 'not %', new.name using errcode = '{state}', table = new.name,
               constraint = new.name, column = new.name, schema = new.name, hint = new.name;"
        );
        let words = ["a trigger or function of the table refuses the row", state];
        let space = second_is_rejected(&trigger(&raise), NAMES, "constraint.refused", &words).await;
        nobody_was_told(&space, "Zenobia").await;
    }
}

#[tokio::test]
async fn a_trigger_may_assert() {
    let assert = trigger("assert new.id < 0, 'no ' || new.name;");
    let space = second_is_rejected(&assert, NAMES, "constraint.refused", &["P0004"]).await;
    nobody_was_told(&space, "Zenobia").await;
}

#[tokio::test]
async fn a_missing_privilege_of_a_trigger_is_no_fault_of_a_row() {
    let space = Workspace::with(
        "create table item (id int primary key, name text);
         create table audit (id int);
         create function note() returns trigger language plpgsql as
           $$ begin insert into audit values (new.id); return new; end $$;
         create trigger note before insert on item for each row execute function note()",
    )
    .await;
    let role = format!("plain_{}", space.database.name());
    let grants = format!(
        "create role {role} login; grant all on item to {role};
         grant create on database {} to {role}",
        space.database.name()
    );
    space.client.batch_execute(&grants).await.expect("a role");
    space.write("items.csv", NAMES);
    let run = space.try_run_as(&role, &pipeline(&["id", "name"]), How::default()).await;
    let Err(Stop::Error(error)) = run else { panic!("the trigger stops the run") };
    let said = format!("{error:?}");
    assert!(said.contains("42501") && said.contains("grant the role"), "{said}");
    assert_eq!(space.value("select count(*) from item").await, "0");
}

#[tokio::test]
async fn names_that_are_made_of_values_are_not_shown() {
    let check = "create table item (id int primary key, name text check (length(name) < 4 or name::regclass is not null))";
    let words = ["`item_name_check`", "42P01"];
    let space = second_is_rejected(check, NAMES, "constraint.check", &words).await;
    nobody_was_told(&space, "enobia").await;
}

#[tokio::test]
async fn sql_of_the_pipeline_that_fails_for_a_record_is_its_own_fault() {
    let space =
        Workspace::with("create table item (id int primary key, name text, known text)").await;
    space.write("items.csv", "id,name\n1,pg_class\n2,zenobia\n");
    let known = "known = { sql = \"name::regclass::text\" }\n";
    let summary = space.run(&format!("{}{known}", pipeline(&["id", "name"]))).await;
    assert_eq!(codes(&summary), [("sql.error", 1)]);
    assert!(space.rejections(&summary)[0].contains("42P01"));
    assert_eq!(space.value("select string_agg(known, ' ') from item").await, "pg_class");
    nobody_was_told(&space, "zenobia").await;
}

#[tokio::test]
async fn a_check_that_fails_is_not_met() {
    let check = "create table item (id int primary key, share int, constraint enough check (100 / share > 2))";
    let csv = "id,share\n1,2\n2,0\n3,5\n";
    let words = ["`enough`", "fails for this record with SQLSTATE 22012"];
    second_is_rejected(check, csv, "constraint.check", &words).await;
    let raises = "create function judged(share int) returns boolean language plpgsql immutable as
          $$ begin if share = 0 then raise exception 'no % here', share; end if; return true; end $$;
        create table item (id int primary key, share int, constraint judged check (judged(share)))";
    second_is_rejected(raises, csv, "constraint.check", &["`judged`", "P0001"]).await;
    let domain = "create domain part as int constraint parted check (100 / value > 2);
        create table item (id int primary key, share part)";
    second_is_rejected(domain, csv, "constraint.check", &["`parted`", "22012"]).await;
}

#[tokio::test]
async fn a_check_that_fails_for_one_still_judges_the_others() {
    let space = Workspace::with(
        "create table item (id int primary key, share int, constraint enough check (100 / share > 2))",
    )
    .await;
    space.write("items.csv", "id,share\n1,2\n2,0\n3,50\n4,5\n");
    let summary = space.run(&pipeline(&["id", "share"])).await;
    assert_eq!(codes(&summary), [("constraint.check", 2)], "{:#?}", space.rejections(&summary));
    assert_eq!(space.value("select string_agg(id::text, ' ' order by id) from item").await, "1 4");
}

#[tokio::test]
async fn what_cannot_be_compared_is_rejected() {
    let spans = "id,lo,hi\n1,1,5\n2,9,3\n3,10,12\n";
    let exclusion = "create table item (id int primary key, lo int, hi int,
        constraint apart exclude using gist (int4range(lo, hi) with &&))";
    second_is_rejected(exclusion, spans, "constraint.exclusion", &["`apart`", "22000"]).await;
    let shares = "id,share\n1,2\n2,0\n3,5\n";
    let unique = "create table item (id int primary key, share int);
        create unique index portions on item ((100 / share))";
    second_is_rejected(unique, shares, "constraint.unique", &["`portions`", "22012"]).await;
    let partial = "create table item (id int primary key, share int);
        create unique index large on item (share) where 100 / share > 2";
    second_is_rejected(partial, shares, "constraint.unique", &["`large`", "22012"]).await;
}

#[tokio::test]
async fn what_an_index_cannot_be_made_of_is_rejected() {
    let shares = "id,share\n1,2\n2,0\n3,5\n";
    for index in ["((100 / share))", "(share) where 100 / share > 2"] {
        let tables = format!(
            "create table item (id int primary key, share int); create index portions on item {index}"
        );
        second_is_rejected(&tables, shares, "constraint.index", &["`portions`", "22012"]).await;
    }
    let range = "create table item (id int primary key, lo int, hi int);
        create index spans on item using gist (int4range(lo, hi))";
    let spans = "id,lo,hi\n1,1,5\n2,9,3\n3,10,12\n";
    second_is_rejected(range, spans, "constraint.index", &["`spans`", "22000"]).await;
    let filled = "create table item (id int primary key, share int, whole int default 100);
        create index portions on item ((whole / share))";
    second_is_rejected(filled, shares, "constraint.index", &["`portions`", "22012"]).await;
    let json = "create table item (id int primary key, j jsonb); create index numbers on item (((j->>'n')::int))";
    let csv = "id,j\n1,\"{\"\"n\"\": 1}\"\n2,\"{\"\"n\"\": \"\"Zenobia\"\"}\"\n";
    let space = second_is_rejected(json, csv, "constraint.index", &["`numbers`", "22P02"]).await;
    nobody_was_told(&space, "Zenobia").await;
}

#[tokio::test]
async fn a_partition_key_that_fails_is_of_no_partition() {
    let tables = "create table item (id int, share int) partition by range ((100 / share));
        create table few partition of item for values from (1) to (1000)";
    let space = Workspace::with(tables).await;
    space.write("items.csv", "id,share\n1,2\n2,0\n3,5\n");
    let append =
        pipeline(&["id", "share"]).replace("key = [\"id\"]\n", "").replace("upsert", "append");
    let summary = space.run(&append).await;
    assert_eq!(codes(&summary), [("constraint.partition", 1)]);
    assert!(space.rejections(&summary)[0].contains("22012"));
    assert_eq!(first(&summary), [3, 0, 1, 0, 2, 0, 0]);
}

#[tokio::test]
async fn a_row_that_is_too_large_for_an_index_is_rejected() {
    // Text that cannot be compressed.
    let long: String = (0..9_000_u32).map(noise).collect();
    let csv = format!("id,name\n1,Ana\n2,{long}\n3,Rui\n");
    for (index, size) in [("(name)", 9_000), ("(name, id)", 4_000)] {
        let csv = csv.replace(&long, &long[..size]);
        let tables = format!(
            "create table item (id int primary key, name text); create index named on item {index}"
        );
        let space = Workspace::with(&tables).await;
        space.write("items.csv", &csv);
        let summary = space.run(&pipeline(&["id", "name"])).await;
        assert_eq!(first(&summary), [3, 0, 1, 0, 2, 0, 0]);
        let lines = space.rejections(&summary);
        assert!(lines[0].contains("54000"), "{lines:?}");
        assert!(lines[0].contains("constraint.index") && lines[0].contains("`named`"), "{lines:?}");
        assert_eq!(space.value("select count(*) from longshore.rejected_record").await, "1");
        nobody_was_told(&space, &long[..40]).await;
        let report = summary.rejections.report.expect("a report");
        let kept = std::fs::read_to_string(format!("{report}/rejected/later-1/items.csv"));
        assert!(kept.expect("the record").contains(&long[..size]));
    }
}

/// The digits and letters of a sequence without any order.
fn noise(at: u32) -> char {
    let mixed = (u64::from(at) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let mixed = (mixed ^ (mixed >> 17)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40;
    char::from_digit(u32::try_from(mixed % 36).expect("less than 36"), 36).expect("a digit")
}

#[tokio::test]
async fn a_text_that_is_too_long_to_be_searched_is_rejected() {
    let tables = "create table item (id int primary key, name text,
        words tsvector generated always as (to_tsvector('simple', name)) stored)";
    let words: String = (0..200_000).map(|at| format!("w{at} ")).collect();
    let csv = format!("id,name\n1,Ana\n2,{words}\n3,Rui\n");
    second_is_rejected(tables, &csv, "constraint.generated", &["`words`", "54000"]).await;
}

#[tokio::test]
async fn a_number_that_no_update_changes_is_rejected() {
    let space = Workspace::with(
        "create table item (id int primary key, n int generated always as identity, name text);
         insert into item overriding system value values (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')",
    )
    .await;
    space.write("items.csv", "id,n,name\n1,10,x\n2,21,y\n4,40,z\n");
    let summary = space.run(&pipeline(&["id", "n", "name"])).await;
    assert_eq!(codes(&summary), [("constraint.identity", 1)]);
    assert_eq!(first(&summary), [3, 0, 1, 0, 1, 1, 0]);
    let rows = "select string_agg(concat_ws('/', id, n, name), ' ' order by id) from item";
    assert_eq!(space.value(rows).await, "1/10/x 2/20/b 3/30/c 4/40/z");
}

#[tokio::test]
async fn a_sequence_that_is_used_up_is_named() {
    let space = Workspace::with(
        "create table item (id int primary key, name text, n int generated always as identity (maxvalue 2))",
    )
    .await;
    space.write("items.csv", NAMES);
    let run = space.try_run(&pipeline(&["id", "name"]), How::default()).await;
    let Err(Stop::Error(error)) = run else { panic!("there is no third number") };
    let said = format!("{error:?}");
    assert!(said.contains("item_n_seq") && said.contains("more numbers"), "{said}");
    assert_eq!(space.value("select count(*) from item").await, "0");
}

/// Runs a pipeline while another transaction is open that `writes`, and commits once the run
/// waits for it.
async fn run_beside(space: &Workspace, toml: &str, writes: &str) -> longshore::report::RunSummary {
    let other = space.database.client().await;
    other.batch_execute(&format!("begin; {writes}")).await.expect("another writer");
    let committing = async {
        let waits = "select exists (select from pg_stat_activity where datname = current_database()
            and wait_event_type = 'Lock')::text";
        for _ in 0..2000 {
            if space.value(waits).await == "true" {
                return other.batch_execute("commit").await.expect("it commits");
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("the run waits for nobody");
    };
    tokio::join!(space.run(toml), committing).0
}

#[tokio::test]
async fn a_value_that_another_took_meanwhile_rejects_the_record() {
    let space = Workspace::with("create table item (id int primary key, code text unique)").await;
    let rows: String = (1..=40).map(|id| format!("{id},c{id}\n")).collect();
    space.write("items.csv", format!("id,code\n{rows}"));
    let toml = pipeline(&["id", "code"]);
    let summary = run_beside(&space, &toml, "insert into item values (99, 'c30')").await;
    assert_eq!(codes(&summary), [("constraint.unique", 1)]);
    let lines = space.rejections(&summary);
    assert!(lines[0].contains("`item_code_key`") && lines[0].contains("key `99`"), "{lines:?}");
    assert_eq!(first(&summary), [40, 0, 1, 0, 39, 0, 0]);
    assert_eq!(space.value("select count(*) || ' ' || max(id) from item").await, "40 99");
    assert_eq!(space.value("select count(*) from longshore.rejected_record").await, "1");
}

#[tokio::test]
async fn a_parent_that_another_deleted_meanwhile_rejects_the_record() {
    let space = Workspace::with(
        "create table town (code text primary key); insert into town values ('A'), ('B');
         create table item (id int primary key, town text references town, age int check (age > 0))",
    )
    .await;
    space.write("items.csv", "id,town,age\n1,A,5\n2,B,5\n3,A,5\n4,A,0\n");
    let toml = pipeline(&["id", "town", "age"]);
    let summary = run_beside(&space, &toml, "delete from town where code = 'B'").await;
    assert_eq!(codes(&summary), [("constraint.check", 1), ("constraint.foreign_key", 1)]);
    assert_eq!(first(&summary), [4, 0, 2, 0, 2, 0, 0]);
    let lines = space.rejections(&summary).join("\n");
    assert!(lines.contains("`item_town_fkey`"), "{lines}");
    assert_eq!(space.value("select string_agg(id::text, ' ' order by id) from item").await, "1 3");
}

/// Lookups are not made again: what makes a row that is gone matter is the foreign key.
#[tokio::test]
async fn a_row_that_was_looked_up_and_another_deleted_meanwhile_rejects_the_record() {
    let space = Workspace::with(
        "create table town (id int primary key, code text unique); insert into town values (1, 'A'), (2, 'B');
         create table item (id int primary key, town int references town)",
    )
    .await;
    space.write("items.csv", "id,town\n1,A\n2,B\n3,A\n");
    let toml = pipeline(&["id", "town"]).replace(
        "town = { from = \"town\" }",
        "town = { lookup = \"public.town\", match = { code = \"town\" }, take = \"id\" }",
    );
    let summary = run_beside(&space, &toml, "delete from town where code = 'B'").await;
    assert_eq!(codes(&summary), [("constraint.foreign_key", 1)]);
    assert_eq!(first(&summary), [3, 0, 1, 0, 2, 0, 0]);
    assert_eq!(
        space.value("select string_agg(id || ' ' || town, ', ' order by id) from item").await,
        "1 1, 3 1"
    );
}

#[tokio::test]
async fn too_many_that_are_refused_at_last_publish_nothing() {
    let space = Workspace::with("create table item (id int primary key, code text unique)").await;
    space.write("items.csv", "id,code\n1,a\n2,b\n");
    let toml = format!("[limits]\nrejected = 0\n{}", pipeline(&["id", "code"]));
    let toml =
        toml.replace("[limits]\nrejected = 0\n[source]", "[source]") + "[limits]\nrejected = 0\n";
    let summary = run_beside(&space, &toml, "insert into item values (99, 'b')").await;
    assert_eq!(summary.status, longshore::report::RunStatus::Rejected);
    assert_eq!(space.value("select string_agg(id::text, ' ') from item").await, "99");
}
