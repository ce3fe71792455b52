//! What only newer servers have, in the tables of a run.

use super::workspace::{Workspace, codes, first};
use crate::support::is_at_least;

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/stays.csv"

[[target]]
table = "public.stay"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
room = { from = "room" }
starts_on = { from = "from" }
ends_on = { from = "to" }
"#;

#[tokio::test]
async fn virtual_columns_loose_constraints_and_temporal_keys_are_left_to_the_server() {
    if !is_at_least(18, "virtual columns, NOT ENFORCED, WITHOUT OVERLAPS") {
        return;
    }
    let space = Workspace::with(
        "create extension btree_gist;
         create table room (id int primary key);
         create table stay (
           id int primary key,
           room int constraint known references room not enforced,
           starts_on date not null, ends_on date,
           nights int generated always as (ends_on - starts_on) virtual,
           during daterange generated always as (daterange(starts_on, ends_on)) stored,
           constraint long check (ends_on > starts_on) not enforced,
           constraint alone unique (room, during without overlaps)
         )",
    )
    .await;
    space.write(
        "stays.csv",
        "id,room,from,to\n1,7,2026-01-01,2026-01-03\n2,7,2026-01-03,2026-01-04\n3,8,,2026-01-04\n",
    );
    let run = space.run(PIPELINE).await;
    // What is not enforced rejects nothing; what is, does.
    assert_eq!(first(&run), [3, 0, 1, 0, 2, 0, 0]);
    assert_eq!(codes(&run), [("rule.not_null", 1)]);
    assert_eq!(space.value("select sum(nights) from stay").await, "3");
    let again = space.run(PIPELINE).await;
    assert_eq!(again.status, longshore::report::RunStatus::Unchanged);
    space.write(
        "stays.csv",
        "id,room,from,to\n1,7,2026-01-01,2026-01-02\n2,7,2026-01-03,2026-01-04\n",
    );
    assert_eq!(first(&space.run(PIPELINE).await), [2, 0, 0, 0, 0, 1, 1]);
    assert_eq!(space.value("select sum(nights) from stay").await, "2");
}

#[tokio::test]
async fn a_virtual_column_cannot_be_written() {
    if !is_at_least(18, "virtual columns") {
        return;
    }
    let space = Workspace::with(
        "create table stay (id int primary key, room int generated always as (id * 2),
           starts_on date, ends_on date)",
    )
    .await;
    space.write("stays.csv", "id,room,from,to\n1,7,2026-01-01,2026-01-03\n");
    let stopped = space.try_run(PIPELINE, super::workspace::How::default()).await;
    let Err(longshore::run::Stop::Findings(findings)) = stopped else { panic!("{stopped:?}") };
    assert!(format!("{findings:?}").contains("room"), "{findings:?}");
}
