//! The table's own constraints reject the offender and nobody else.

use super::workspace::{How, Workspace, codes, first};

const TABLES: &str = "
create domain positive as int check (value > 0);
create table town (code text primary key);
insert into town values ('A'), ('B');
create table house (
  id int primary key,
  town text not null references town,
  door positive,
  code text unique,
  parent int references house deferrable initially deferred,
  floors int constraint has_floors check (floors between 1 and 99),
  note text default 'none', constraint noted check (note <> ''));
create unique index one_door on house (town, door) where floors > 1;";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/houses.csv"

[[target]]
table = "public.house"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
town = { from = "town" }
door = { from = "door" }
code = { from = "code" }
parent = { from = "parent" }
floors = { from = "floors" }
"#;

#[tokio::test]
async fn offenders_are_rejected_by_the_constraints_name_and_the_rest_is_published() {
    let space = Workspace::with(TABLES).await;
    space
        .client
        .batch_execute("insert into house (id, town, code) values (50, 'A', 'taken')")
        .await
        .expect("a row");
    let rows = [
        "1,A,1,c1,,1",      // good
        "2,Z,2,c2,,1",      // no such town
        "3,A,0,c3,,1",      // domain
        "4,A,4,c4,,100",    // check
        "5,A,5,same,,1",    // unique within the run
        "6,A,6,same,,1",    // unique within the run
        "7,A,7,taken,,1",   // taken by another row of the table
        "8,A,8,c8,9,1",     // refers to a later row of the run
        "9,A,9,c9,,1",      // good
        "10,A,10,c10,2,1",  // refers to a rejected row
        "11,A,11,c11,99,1", // refers to nothing
        "12,B,3,c12,,2",    // partial index, twice
        "13,B,3,c13,,2",
        "14,B,3,c14,,1",    // outside of the partial index
        "50,A,50,taken,,1", // keeps its own value
    ];
    space.write("houses.csv", format!("id,town,door,code,parent,floors\n{}\n", rows.join("\n")));
    let summary = space.run(PIPELINE).await;
    assert_eq!(
        codes(&summary),
        [("constraint.check", 2), ("constraint.foreign_key", 3), ("constraint.unique", 5)],
        "{:#?}",
        space.rejections(&summary)
    );
    assert_eq!(first(&summary), [15, 0, 10, 0, 4, 1, 0]);
    assert_eq!(
        space.value("select string_agg(id::text, ',' order by id) from house").await,
        "1,8,9,14,50"
    );
    let lines = space.rejections(&summary).join("\n");
    for name in ["has_floors", "positive_check", "house_town_fkey", "house_code_key", "one_door"] {
        assert!(lines.contains(name), "{name} is named in\n{lines}");
    }
}

#[tokio::test]
async fn a_row_that_no_partition_takes_does_not_stop_the_others() {
    let space = Workspace::with(
        "create table part (id int, region text, primary key (id, region)) partition by list (region);
         create table part_north partition of part for values in ('north');
         create table part_south partition of part for values in ('south')",
    )
    .await;
    space.write("part.csv", "id,region\n1,north\n2,west\n3,south\n");
    let pipeline = r#"
[source]
format = "csv"
path = "$DIR/part.csv"
[[target]]
table = "public.part"
mode = "upsert"
key = ["id", "region"]
[target.columns]
id = { from = "id" }
region = { from = "region" }
"#;
    let summary = space.run(pipeline).await;
    assert_eq!(first(&summary), [3, 0, 1, 0, 2, 0, 0]);
    assert_eq!(codes(&summary), [("constraint.partition", 1)]);
    space.client.batch_execute("create table part_rest partition of part default").await.unwrap();
    let summary = space.run_how(pipeline, How { force: true, ..How::default() }).await;
    assert_eq!(first(&summary), [3, 0, 0, 0, 1, 0, 2]);
}

const STAYS: &str = "
create table stay (
  id int primary key, arrived date not null, nights int,
  left_on date, days int default 3, note text default 'short',
  constraint in_order check (left_on >= arrived),
  constraint few_days check (days < 5 or note = 'long'),
  constraint priced check (nights is null or 100 / nights > 1),
  constraint not_many check (nights < 1000),
  constraint recent check (arrived > '2000-01-01'));";

const STAYS_PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/stays.csv"

[[target]]
table = "public.stay"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
arrived = { from = "arrived" }
nights = { from = "nights" }
"#;

/// New rows get defaults, and rows that are there keep what they have: constraints see just that.
#[tokio::test]
async fn constraints_see_what_columns_hold_that_are_not_loaded() {
    let space = Workspace::with(STAYS).await;
    space.write("stays.csv", "id,arrived,nights\n1,2024-02-01,1\n2,2024-02-01,1\n");
    let summary = space.run(STAYS_PIPELINE).await;
    assert_eq!(first(&summary), [2, 0, 0, 0, 2, 0, 0]);
    let kept = "update stay set left_on = '2024-02-03', days = 9, note = 'long' where id = 1";
    space.client.batch_execute(kept).await.expect("a row that is there");
    space.write("stays.csv", "id,arrived,nights\n1,2024-03-01,1\n2,2024-03-01,1\n3,2024-03-01,1\n");
    let summary = space.run(STAYS_PIPELINE).await;
    let rejections = space.rejections(&summary);
    assert_eq!(codes(&summary), [("constraint.check", 1)], "{rejections:#?}");
    assert!(rejections[0].contains("`in_order`"), "{rejections:#?}");
    assert_eq!(first(&summary), [3, 0, 1, 0, 1, 1, 0]);
    // A default that new rows cannot have, and the row that is there does not get.
    let default = "alter table stay alter note set default 'short', alter days set default 7";
    space.client.batch_execute(default).await.expect("another default");
    space.write("stays.csv", "id,arrived,nights\n2,2024-03-02,1\n4,2024-03-01,1\n");
    let summary = space.run(STAYS_PIPELINE).await;
    assert!(space.rejections(&summary)[0].contains("`few_days`"));
    assert_eq!(first(&summary), [2, 0, 1, 0, 0, 1, 0]);
    space.client.batch_execute("truncate stay").await.expect("an empty table");
    let summary = space.run_how(STAYS_PIPELINE, How { force: true, ..How::default() }).await;
    assert_eq!(codes(&summary), [("constraint.check", 2)]);
    assert_eq!(first(&summary), [2, 0, 2, 0, 0, 0, 0]);
}

/// All constraints are asked at once: each that is broken is named, and one that cannot be
/// evaluated for a record keeps the others from nothing.
#[tokio::test]
async fn every_broken_constraint_is_named_also_beside_one_that_fails() {
    let space = Workspace::with(STAYS).await;
    let good = "1,2024-02-01,2\n2,1999-02-01,2000\n3,1999-02-01,2\n";
    space.write("stays.csv", format!("id,arrived,nights\n{good}"));
    let named = |rejections: &[String]| -> Vec<(String, String)> {
        let named = rejections.iter().map(|line| {
            let record = line.split(',').nth(1).unwrap_or_default();
            let name = line.split('`').nth(1).unwrap_or_default();
            (record.to_owned(), name.to_owned())
        });
        named.collect()
    };
    let broken = |also: &[(&str, &str)]| -> Vec<(String, String)> {
        let always = [("3", "not_many"), ("3", "priced"), ("3", "recent"), ("4", "recent")];
        let all = always.iter().chain(also);
        all.map(|(record, name)| ((*record).to_owned(), (*name).to_owned())).collect()
    };
    let summary = space.run(STAYS_PIPELINE).await;
    assert_eq!(named(&space.rejections(&summary)), broken(&[]));
    space.write("stays.csv", format!("id,arrived,nights\n{good}4,1999-02-01,0\n"));
    let summary = space.run(STAYS_PIPELINE).await;
    let rejections = space.rejections(&summary);
    let mut found = named(&rejections);
    found[4..].sort();
    assert_eq!(found, broken(&[("5", "priced"), ("5", "recent")]), "{rejections:#?}");
}
