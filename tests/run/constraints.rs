//! The table's own constraints reject the offender and nobody else.

use super::workspace::{Workspace, codes, first};

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
