//! Tables that are made otherwise than most: names, keys, kinds, triggers, width.

use longshore::{diagnostic::Finding, report::RunSummary, run::Stop};

use super::workspace::{How, Workspace, codes, first};
use crate::support::{Part, is_left_out};

/// An upsert of a CSV with the table's columns; names are quoted for TOML.
fn upsert(table: &str, key: &[&str], columns: &[&str]) -> String {
    let key: Vec<String> = key.iter().map(|name| format!("{name:?}")).collect();
    let columns: String =
        columns.iter().map(|name| format!("{name:?} = {{ from = {name:?} }}\n")).collect();
    format!(
        "[source]\nformat = \"csv\"\npath = \"$DIR/odd.csv\"\n\n[[target]]\ntable = '{table}'\n\
         mode = \"upsert\"\nkey = [{}]\n[target.columns]\n{columns}",
        key.join(", ")
    )
}

/// Loads `csv` and then once more: nothing may change the second time.
async fn loads_once(space: &Workspace, toml: &str, csv: &str) -> RunSummary {
    space.write("odd.csv", csv);
    let summary = space.run(toml).await;
    let [read, _, rejected, duplicate, ..] = first(&summary);
    let again = space.run_how(toml, How { force: true, ..How::default() }).await;
    let same = read - rejected - duplicate;
    assert_eq!(first(&again), [read, 0, rejected, duplicate, 0, 0, same], "the second time");
    summary
}

async fn findings(space: &Workspace, toml: &str) -> Vec<Finding> {
    space.write("odd.csv", "id\n1\n");
    match space.try_run(toml, How::default()).await {
        Err(Stop::Findings(findings)) => findings,
        Err(Stop::Error(error)) => panic!("{error}"),
        Ok(summary) => panic!("{summary:?}"),
    }
}

#[tokio::test]
async fn what_is_no_table_is_refused_with_the_reason() {
    let space = Workspace::with(
        "create table base (id int primary key);
         create view seen as select * from base;
         create function put() returns trigger language plpgsql as 'begin return new; end';
         create trigger put instead of insert on seen for each row execute function put();
         create materialized view kept as select * from base;
         create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing;
         create foreign table far (id int) server nowhere;
         create temporary table brief (id int primary key);
         create sequence counter",
    )
    .await;
    let schema = space.value("select pg_my_temp_schema()::regnamespace").await;
    let brief = format!("{schema}.brief");
    for (table, code, reason) in [
        ("public.seen", "bind.not_a_table", "a view"),
        ("public.kept", "bind.not_a_table", "a materialised view"),
        ("public.far", "bind.not_a_table", "a foreign table"),
        (brief.as_str(), "bind.not_a_table", "a temporary table"),
        ("public.counter", "bind.no_such_table", "no table `public.counter`"),
    ] {
        let found = findings(&space, &upsert(table, &["id"], &["id"])).await;
        assert_eq!(found[0].code, code, "{found:?}");
        assert!(found[0].message.contains(reason), "{found:?}");
        assert!(found[0].hint.is_some(), "{found:?}");
    }
}

#[tokio::test]
async fn a_table_that_is_elsewhere_is_pointed_at() {
    let space = Workspace::with(
        "create schema school; create table school.student (id int primary key);
         create table public.\"Pupil\" (id int primary key)",
    )
    .await;
    for (wrong, right) in [
        ("student", "school.student"),
        ("public.student", "school.student"),
        ("public.Pupil", "public.\"Pupil\""),
    ] {
        let found = findings(&space, &upsert(wrong, &["id"], &["id"])).await;
        let hint = found[0].hint.as_deref().unwrap_or_default();
        assert!(hint.contains(&format!("`{right}`")), "{wrong}: {found:?}");
    }
}

#[tokio::test]
async fn names_may_be_of_any_kind_and_length() {
    let long = "n".repeat(63);
    let space = Workspace::with(&format!(
        r#"create schema "Mixed Case";
           create table "Mixed Case"."Größe ""1"".x" ("Schlüssel %I" int constraint "{long}" primary key,
             "select" text, "a.b" text check ("a.b" <> 'bad'), "日本" text unique);
           create table "{long}" ("{long}" int constraint "k{}" primary key, "order" text unique)"#,
        "n".repeat(62)
    ))
    .await;
    let toml = upsert(
        r#""Mixed Case"."Größe ""1"".x""#,
        &["Schlüssel %I"],
        &["Schlüssel %I", "select", "a.b", "日本"],
    );
    let csv = "Schlüssel %I,select,a.b,日本\n1,a,b,c\n2,a,bad,d\n3,a,b,e\n4,a,b,e\n";
    let summary = loads_once(&space, &toml, csv).await;
    assert_eq!(codes(&summary), [("constraint.check", 1), ("constraint.unique", 2)]);
    let toml = upsert(&format!("public.{long}"), &[&long], &[&long, "order"]);
    let summary = loads_once(&space, &toml, &format!("{long},order\n1,a\n2,b\n")).await;
    assert_eq!(first(&summary), [2, 0, 0, 0, 2, 0, 0]);
}

#[tokio::test]
async fn the_database_fills_what_is_not_loaded() {
    let space = Workspace::with(
        "create table odd (code text primary key, always int generated always as identity,
           by_default int generated by default as identity, made timestamptz not null default now(),
           price numeric, double numeric generated always as (price * 2) stored)",
    )
    .await;
    let toml = upsert("public.odd", &["code"], &["code", "price"]);
    loads_once(&space, &toml, "code,price\nb,1.5\na,2\n").await;
    let rows = "select string_agg(concat_ws('/', code, always, by_default, double), ' ' order by always) from odd";
    assert_eq!(space.value(rows).await, "b/1/1/3.0 a/2/2/4");
    let drawn = "select last_value from odd_always_seq";
    assert_eq!(space.value(drawn).await, "2", "the second run draws nothing");
    let found = findings(&space, &upsert("public.odd", &["code"], &["code", "double"])).await;
    assert_eq!(found[0].code, "bind.column_not_writable");
    let loaded = upsert("public.odd", &["code"], &["code", "always", "by_default"]);
    space.write("odd.csv", "code,always,by_default\nz,70,80\n");
    space.run(&loaded).await;
    assert_eq!(
        space.value("select concat_ws('/', always, by_default) from odd where code = 'z'").await,
        "70/80"
    );
}

#[tokio::test]
async fn triggers_fire_for_what_is_written_and_for_nothing_else() {
    let space = Workspace::with(
        "create table odd (id int primary key, name text); create table fired (what text);
         create function note() returns trigger language plpgsql as
           $$ begin insert into fired values (tg_when || ' ' || tg_op); return new; end $$;
         create trigger a before insert or update on odd for each row execute function note();
         create trigger b after insert or update on odd for each row execute function note()",
    )
    .await;
    let toml = upsert("public.odd", &["id"], &["id", "name"]);
    loads_once(&space, &toml, "id,name\n1,a\n2,b\n").await;
    assert_eq!(
        space.value("select string_agg(what, ',' order by what) from fired").await,
        "AFTER INSERT,AFTER INSERT,BEFORE INSERT,BEFORE INSERT"
    );
}

#[tokio::test]
async fn a_trigger_that_changes_values_makes_rows_differ_every_time() {
    let space = Workspace::with(
        "create table odd (id int primary key, name text);
         create function shout() returns trigger language plpgsql as
           $$ begin new.name := upper(new.name); return new; end $$;
         create trigger shout before insert or update on odd for each row execute function shout()",
    )
    .await;
    let toml = upsert("public.odd", &["id"], &["id", "name"]);
    space.write("odd.csv", "id,name\n1,a\n2,B\n");
    space.run(&toml).await;
    let again = space.run_how(&toml, How { force: true, ..How::default() }).await;
    assert_eq!(first(&again), [2, 0, 0, 0, 0, 1, 1], "`a` is not what the trigger made of it");
}

#[tokio::test]
async fn partitions_may_be_nested_and_have_their_columns_in_another_order() {
    let space = Workspace::with(
        "create table odd (id int, year int, name text, primary key (id, year)) partition by range (year);
         create table odd_old (name text, gone int, year int not null, id int not null);
         alter table odd_old drop column gone;
         alter table odd attach partition odd_old for values from (1900) to (2000);
         create table odd_new partition of odd for values from (2000) to (2100) partition by list (id);
         create table odd_new_1 partition of odd_new for values in (1, 2, 3)",
    )
    .await;
    let toml = upsert("public.odd", &["id", "year"], &["id", "year", "name"]);
    let csv = "id,year,name\n1,1950,a\n1,2050,b\n9,2050,no sub-partition\n1,2150,no partition\n";
    let summary = loads_once(&space, &toml, csv).await;
    assert_eq!(first(&summary), [4, 0, 2, 0, 2, 0, 0]);
    assert_eq!(codes(&summary), [("constraint.partition", 2)]);
    assert_eq!(space.value("select name from odd_old").await, "a");
}

#[tokio::test]
async fn rows_of_children_are_not_the_parents() {
    let space = Workspace::with(
        "create table odd (id int primary key, name text);
         create table child (extra int) inherits (odd);
         insert into child values (1, 'child', 7)",
    )
    .await;
    let toml = upsert("public.odd", &["id"], &["id", "name"]);
    let summary = loads_once(&space, &toml, "id,name\n1,parent\n2,b\n").await;
    assert_eq!(first(&summary), [2, 0, 0, 0, 2, 0, 0]);
    assert_eq!(space.value("select name from child").await, "child");
    assert_eq!(
        space.value("select string_agg(name, ',' order by id) from only odd").await,
        "parent,b"
    );
}

#[tokio::test]
async fn only_the_database_says_which_keys_are_equal() {
    let space = Workspace::with(
        "create type size as enum ('s', 'm', 'l');
         create table ci (k citext primary key, v text);
         create table sized (k size, n numeric, v text, primary key (k, n));
         create table listed (k int[] primary key, v text);
         create table late (k int primary key deferrable initially deferred, v text);
         create unlogged table unlogged (k int primary key, v text);
         create table nullable (k int, l text, v text, unique nulls not distinct (k, l))",
    )
    .await;
    let folded = ("folded", &["k"][..], "k,v\nAna,1\nana,1\nRui,2\n", [3, 0, 2, 0, 1, 0, 0]);
    let folded = if !is_left_out(Part::Icu, "keys that differ by case") {
        let create = "create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            create table folded (k text collate nocase primary key, v text)";
        space.client.batch_execute(create).await.expect("a collation");
        Some(folded)
    } else {
        None
    };
    let others = [
        ("ci", &["k"][..], "k,v\nAna,1\nANA,2\nRui,2\n", [3, 0, 2, 0, 1, 0, 0]),
        ("sized", &["k", "n"], "k,n,v\ns,1,a\ns,1.0,a\nl,1,a\n", [3, 0, 2, 0, 1, 0, 0]),
        ("listed", &["k"], "k,v\n\"{1,2}\",a\n\"{2,1}\",b\n", [2, 0, 0, 0, 2, 0, 0]),
        ("late", &["k"], "k,v\n1,a\n2,b\n", [2, 0, 0, 0, 2, 0, 0]),
        ("unlogged", &["k"], "k,v\n1,a\n2,b\n", [2, 0, 0, 0, 2, 0, 0]),
        ("nullable", &["k", "l"], "k,l,v\n,,a\n,x,b\n1,,c\n1,,c\n", [4, 0, 0, 1, 3, 0, 0]),
    ];
    for (table, key, csv, counts) in folded.into_iter().chain(others) {
        let columns: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        let toml = upsert(&format!("public.{table}"), key, &columns);
        let summary = loads_once(&space, &toml, csv).await;
        assert_eq!(first(&summary), counts, "{table}");
    }
    let toml = upsert("public.nullable", &["k", "l"], &["k", "l", "v"]);
    space.write("odd.csv", "k,l,v\n,,new\n,x,b\n2,,d\n");
    assert_eq!(first(&space.run(&toml).await), [3, 0, 0, 0, 1, 1, 1], "NULL is found again");
    assert_eq!(space.value("select v from nullable where k is null and l is null").await, "new");
}

/// Values that a collation calls equal are other values all the same.
#[tokio::test]
async fn a_change_that_a_collation_does_not_see_is_a_change() {
    if is_left_out(Part::Icu, "values that differ by case") {
        return;
    }
    let space = Workspace::with(
        "create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         create table odd (k int primary key, v text collate nocase, w varchar(9) collate nocase, l text[] collate nocase)",
    )
    .await;
    let toml = upsert("public.odd", &["k"], &["k", "v", "w", "l"]);
    loads_once(&space, &toml, "k,v,w,l\n1,ANA,b,{c}\n2,Rui,b,{c}\n3,Eva,b,{c}\n4,Ed,b,{c}\n").await;
    for toml in
        [toml.clone(), toml.replace("\"upsert\"", "\"replace\"").replace("key = [\"k\"]", "")]
    {
        space.write("odd.csv", "k,v,w,l\n1,aNa,b,{c}\n2,Rui,B,{c}\n3,Eva,b,{C}\n4,Ed,b,{c}\n");
        let limits = if toml.contains("replace") { "\n[limits]\ndeleted = \"100%\"\n" } else { "" };
        let summary = space.run(&format!("{toml}{limits}")).await;
        let tally = &summary.tables[0].tally;
        assert_eq!((tally.inserted + tally.updated, tally.unchanged), (3, 1));
        let all = "select string_agg(concat_ws(' ', v, w, l), '; ' order by k) from odd";
        assert_eq!(space.value(all).await, "aNa b {c}; Rui B {c}; Eva b {C}; Ed b {c}");
        space.client.batch_execute("update odd set v = upper(v) where k = 1; update odd set w = 'b'; update odd set l = '{c}'").await.expect("as before");
    }
}

#[tokio::test]
async fn a_thousand_columns_are_loaded() {
    let names: Vec<String> = (0..1000).map(|n| format!("c{n}")).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("{name} int")).collect();
    let create = format!("create table odd ({}, primary key (c0))", columns.join(", "));
    let space = Workspace::with(&create).await;
    let row = |first: usize| {
        (0..1000).map(|n| (first + n).to_string()).collect::<Vec<_>>().join(",") + "\n"
    };
    let csv = format!("{}\n{}{}{}", names.join(","), row(1), row(2), row(3).replacen(',', ",x", 1));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let toml = upsert("public.odd", &["c0"], &names);
    let summary = loads_once(&space, &toml, &csv).await;
    assert_eq!(first(&summary), [3, 0, 1, 0, 2, 0, 0]);
    assert_eq!(space.value("select c999 from odd where c0 = 2").await, "1001");
}
