//! The first load of empty tables that refer to each other: foreign keys between them are checked
//! when their rows are there, and are then what they were; others are checked row by row.

use std::fmt::Write;

use super::workspace::{Workspace, first};

const ROWS: u32 = 60_000;

/// Two targets on one table, too: what is taken off it comes back after the second.
const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/items.csv"
[[target]]
table = "public.part"
mode = "upsert"
key = ["id"]
shared = true
[target.columns]
id = { from = "part" }
[[target]]
table = "public.item"
mode = "upsert"
key = ["id", "kind"]
[target.columns]
id = { from = "id" }
kind = { value = "whole" }
part = { from = "part" }
[[target]]
table = "public.item"
mode = "upsert"
key = ["id", "kind"]
[target.columns]
id = { from = "id" }
kind = { value = "half" }
part = { from = "part" }
of_id = { from = "id" }
of_kind = { value = "whole" }
colour = { value = "red" }
"#;

const TABLES: &str = r#"
    create table part (id int primary key);
    create table colour (name text primary key);
    insert into colour values ('red');
    create table item (id int, kind text, part int not null, of_id int, of_kind text, colour text references colour, primary key (id, kind),
      constraint "Of Part" foreign key (part) references part on update cascade on delete restrict,
      foreign key (of_id, of_kind) references item (id, kind) match full);
    create index on item (part)"#;

const SHAPE: &str = "select string_agg(line, '; ' order by line) from (
    select pg_get_indexdef(indexrelid) || ' ' || indisprimary || indisunique as line from pg_index where indrelid = 'item'::regclass
    union all select conname || ' ' || pg_get_constraintdef(oid) || convalidated from pg_constraint where conrelid = 'item'::regclass) l";

/// Which foreign keys were not put back: one that was is another.
const IDENTITY: &str = "select string_agg(c.conname, ' ' order by c.conname)
    from pg_constraint c join before b on b.oid = c.oid";

const REMEMBER: &str = "create table before as select oid from pg_constraint where conrelid = 'item'::regclass and contype = 'f'";

async fn space(more: &str) -> Workspace {
    let space = Workspace::with(&format!("{TABLES}; {more}; {REMEMBER}")).await;
    let mut csv = "id,part\n".to_owned();
    for n in 1..=ROWS {
        writeln!(csv, "{n},{}", n % 100).expect("a string takes text");
    }
    space.write("items.csv", csv);
    space
}

#[tokio::test]
async fn foreign_keys_between_empty_targets_are_checked_at_once_and_are_what_they_were() {
    let space = space("select 1").await;
    let shape = space.value(SHAPE).await;
    let summary = space.run(PIPELINE).await;
    let rows = u64::from(ROWS);
    assert_eq!(first(&summary)[4], 100);
    assert_eq!([summary.tables[1].tally.inserted, summary.tables[2].tally.inserted], [rows, rows]);
    assert_eq!(space.value(SHAPE).await, shape);
    assert_eq!(space.value(IDENTITY).await, "item_colour_fkey", "another's table is not locked");
    for broken in [
        "insert into item (id, kind, part) values (0, 'whole', 100)",
        "delete from part where id = 7",
        "insert into item values (0, 'half', 1, 0, 'whole', 'red')",
        "insert into item values (0, 'half', 1, 1, 'whole', 'blue')",
        "insert into item (id, kind, part) values (1, 'whole', 1)",
    ] {
        assert!(space.client.batch_execute(broken).await.is_err(), "{broken}");
    }
    let moved = "update part set id = 1007 where id = 7";
    space.client.batch_execute(moved).await.expect("the rows that refer to it follow");
    let followed =
        format!("select (count(*) = {})::text from item where part = 1007", 2 * rows / 100);
    assert_eq!(space.value(&followed).await, "true");
}

#[tokio::test]
async fn a_foreign_key_that_something_is_said_of_or_whose_table_has_rows_stays() {
    let own = "item_of_id_of_kind_fkey";
    let kept = [
        (r#"comment on constraint "Of Part" on item is 'as agreed'"#, "Of Part item_colour_fkey"),
        ("insert into part values (5000)", "Of Part item_colour_fkey"),
        (r#"alter table item alter constraint "Of Part" deferrable"#, ""),
        ("insert into item values (0, 'whole', 1)", ""),
    ];
    for (more, names) in kept {
        let before = match more.starts_with("insert into item") {
            true => format!("insert into part values (1); {more}"),
            false => more.to_owned(),
        };
        let space = space(&before).await;
        let shape = space.value(SHAPE).await;
        let summary = space.run(PIPELINE).await;
        let written = summary.tables[1].tally.inserted + summary.tables[2].tally.inserted;
        assert_eq!(written, 2 * u64::from(ROWS), "{more}");
        assert_eq!(space.value(SHAPE).await, shape, "{more}");
        let all = format!("Of Part item_colour_fkey {own}");
        let names = if names.is_empty() { &all } else { names };
        assert_eq!(space.value(IDENTITY).await, *names, "{more}");
    }
}

/// Where all records are new whatever is there, a table with rows is none that is locked.
#[tokio::test]
async fn a_foreign_key_to_a_target_with_rows_that_is_appended_to_stays() {
    let space = space("insert into part values (5000)").await;
    let appended = PIPELINE.replacen(
        "mode = \"upsert\"\nkey = [\"id\"]\nshared = true",
        "mode = \"append\"\nwhen = { id = { enum = [\"1\"] } }",
        1,
    );
    let appended = appended.replace("part = { from = \"part\" }", "part = { value = 1 }");
    let summary = space.run(&appended).await;
    assert_eq!(summary.tables[0].tally.inserted, 1);
    assert_eq!(summary.tables[1].tally.inserted, u64::from(ROWS));
    assert_eq!(space.value(IDENTITY).await, "Of Part item_colour_fkey");
}

/// Judging finds what refers to nothing before, with its line: no key is put back in vain.
#[tokio::test]
async fn a_record_that_refers_to_nothing_is_rejected_alone() {
    let space = space("select 1").await;
    let blue = PIPELINE.replace("colour = { value = \"red\" }", "colour = { from = \"colour\" }");
    let mut csv = "id,part,colour\n".to_owned();
    for n in 1..=ROWS {
        let colour = if n == 77 { "blue" } else { "red" };
        writeln!(csv, "{n},{},{colour}", n % 100).expect("a string takes text");
    }
    space.write("items.csv", csv);
    let summary = space.run(&blue).await;
    assert_eq!(summary.tables[1].tally.inserted, u64::from(ROWS) - 1);
    assert_eq!(summary.tables[1].tally.rejected, 1);
    assert_eq!(space.value(IDENTITY).await, "item_colour_fkey");
}
