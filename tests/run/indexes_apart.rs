//! The first load of an empty table: its indexes are built when its rows are there, and are then
//! what they were; where that would be noticed, they stay.

use std::{fmt::Write, time::Duration};

use super::workspace::{Workspace, first};

const ROWS: u32 = 60_000;

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/items.csv"
[[target]]
table = "public.item"
mode = "upsert"
key = ["id"]
duplicates = { keep = "last" }
[target.columns]
id = { from = "id" }
code = { from = "code" }
label = { from = "label" }
"#;

const TABLE: &str = r#"
    create table item (id int, code text, label text, primary key (id) with (fillfactor = 80), constraint "Only Once" unique nulls not distinct (code) include (label));
    create index "By label" on item (lower(label) desc) where label <> 'none';
    create index item_code_brin on item using brin (code)"#;

/// All that defines the table's indexes and constraints, by name.
const SHAPE: &str = "select string_agg(line, '; ' order by line) from (
    select pg_get_indexdef(indexrelid) || ' ' || indisprimary || indisunique as line from pg_index where indrelid = 'item'::regclass
    union all select conname || ' ' || pg_get_constraintdef(oid) || condeferrable from pg_constraint where conrelid = 'item'::regclass) l";

/// Which indexes they are: one that is built anew is another.
const IDENTITY: &str = "select string_agg(c.relname, ' ' order by c.relname)
    from pg_class c join before b on b.oid = c.oid";

const REMEMBER: &str = "create table before as select indexrelid as oid from pg_index where indrelid = 'item'::regclass";

/// Whether the table has another file than it was made with, which has the number of its OID.
const HAS_NEW_FILE: &str = "select (pg_relation_filenode('item') <> 'item'::regclass::oid)::text";

/// Rows in no order, one bad, and one key that comes twice.
async fn space(sql: &str) -> Workspace {
    let space = Workspace::with(sql).await;
    let mut csv = "id,code,label\n".to_owned();
    for n in 0..ROWS {
        let id = u64::from(n) * 7919 % u64::from(ROWS) + 1;
        writeln!(csv, "{id},c{id},l{n}").expect("a string takes text");
    }
    csv.push_str("7,c7,again\nseven,,\n");
    space.write("items.csv", csv);
    space.client.batch_execute(REMEMBER).await.expect("the indexes are noted");
    space
}

#[tokio::test]
async fn indexes_of_an_empty_table_are_built_at_once_and_are_what_they_were() {
    let space = space(TABLE).await;
    let shape = space.value(SHAPE).await;
    let summary = space.run(PIPELINE).await;
    assert_eq!(first(&summary), [60_002, 0, 1, 1, 60_000, 0, 0]);
    assert_eq!(space.value(SHAPE).await, shape);
    assert_eq!(space.value(IDENTITY).await, "NULL", "all are built anew");
    assert_eq!(space.value(HAS_NEW_FILE).await, "true", "so its rows need not be logged");
    let found = "set enable_seqscan = off; select label from item where id = 7";
    space.client.batch_execute(found).await.expect("the index can be read");
    assert_eq!(space.value("select label from item where id = 7").await, "again");
    let twice = space.client.batch_execute("insert into item values (7)").await;
    assert!(twice.is_err(), "the key is one again");
}

/// Along with the load, and then not once more: sessions tell what they did as they end.
#[tokio::test]
async fn an_empty_table_has_statistics_as_soon_as_it_has_rows() {
    const ANALYSED: &str =
        "select analyze_count::text from pg_stat_user_tables where relname = 'item'";
    let said = "select count(*) from pg_stats where tablename = 'item' and attname = 'code'";
    let estimated = "select reltuples::bigint::text from pg_class where oid = 'item'::regclass";
    let space = space(TABLE).await;
    space.run(PIPELINE).await;
    assert_eq!(space.value(said).await, "1");
    assert_eq!(space.value(estimated).await, ROWS.to_string());
    for _ in 0..200 {
        if space.value(ANALYSED).await != "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(space.value(ANALYSED).await, "1");
}

#[tokio::test]
async fn statistics_that_are_not_asked_for_are_left_to_the_server() {
    let space = space(TABLE).await;
    space.run(&format!("{PIPELINE}\n[after]\nanalyze = false")).await;
    let said = "select count(*) from pg_stats where tablename = 'item'";
    assert_eq!(space.value(said).await, "0");
}

#[tokio::test]
async fn what_refers_to_an_index_or_is_said_of_it_keeps_it_in_its_place() {
    let kept = [
        ("create table part (item int references item)", "item_pkey"),
        (r#"comment on constraint "Only Once" on item is 'as the ministry wants it'"#, "Only Once"),
        (r#"comment on index "By label" is 'for the search'"#, "By label"),
        ("alter table item replica identity using index item_pkey", "item_pkey"),
        (r#"alter index "By label" alter column 1 set statistics 500"#, "By label"),
        ("create view total as select id, code from item group by id", "item_pkey"),
    ];
    for (more, names) in kept {
        let space =
            space(&format!("{TABLE}; alter table item alter id set not null; {more}")).await;
        let shape = space.value(SHAPE).await;
        let summary = space.run(PIPELINE).await;
        assert_eq!(first(&summary), [60_002, 0, 1, 1, 60_000, 0, 0], "{more}");
        assert_eq!(space.value(SHAPE).await, shape, "{more}");
        assert_eq!(space.value(IDENTITY).await, names, "{more}");
    }
}

#[tokio::test]
async fn what_would_notice_that_a_table_is_emptied_keeps_its_file() {
    let kept = [
        "create table told (at text);
         create function tell() returns trigger language plpgsql as $$ begin insert into told values (tg_op); return null; end $$;
         create trigger tell after truncate on item execute function tell()",
        "alter table item add unique (label, id); create table part (label text, id int, foreign key (label, id) references item (label, id))",
    ];
    for more in kept {
        let space = space(&format!("{TABLE}; {more}")).await;
        let summary = space.run(PIPELINE).await;
        assert_eq!(first(&summary), [60_002, 0, 1, 1, 60_000, 0, 0], "{more}");
        assert_eq!(space.value(HAS_NEW_FILE).await, "false", "{more}");
        if more.contains("told") {
            assert_eq!(space.value("select count(*)::text from told").await, "0");
        }
    }
}

#[tokio::test]
async fn a_table_that_is_read_or_has_had_rows_keeps_its_indexes() {
    let all = "By label Only Once item_code_brin item_pkey";
    let space = space(TABLE).await;
    let reader = space.database.endpoint().connect().await.expect("a connection");
    reader.client.batch_execute("begin; select from item").await.expect("a reader");
    assert_eq!(first(&space.run(PIPELINE).await)[4], 60_000);
    assert_eq!(space.value(IDENTITY).await, all, "it is being read");

    reader.client.batch_execute("commit; delete from item").await.expect("nothing is left");
    space.client.batch_execute("drop schema longshore cascade").await.expect("no ledger");
    assert_eq!(first(&space.run(PIPELINE).await)[4], 60_000);
    assert_eq!(space.value(IDENTITY).await, all, "rows that others may still see were in it");
}

const TICKS: &str = r#"
    create table tick (id int, at date, label text, constraint "Only Once" primary key (id, at)) partition by range (at);
    create index "By label" on tick (lower(label) desc) where label <> 'none';
    create table tick_1 partition of tick for values from ('2024-01-01') to ('2024-02-01');
    create table tick_2 partition of tick for values from ('2024-02-01') to ('2024-03-01');
    alter index tick_2_pkey rename to "Second";
    create index on tick_2 using brin (at)"#;

/// All that defines the indexes and constraints of the table and its partitions, and which belong
/// to which.
const TICK_SHAPE: &str = "select string_agg(line, '; ' order by line) from (
    select pg_get_indexdef(indexrelid) || ' ' || indisprimary || indisvalid || coalesce(' of ' || h.inhparent::regclass, '') as line
      from pg_index left join pg_inherits h on h.inhrelid = indexrelid where indrelid::regclass::text like 'tick%'
    union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || conislocal || coninhcount
      from pg_constraint where conrelid::regclass::text like 'tick%') l";

/// Ticks of two months, in no order.
fn ticks(first: u32) -> String {
    let mut csv = "id,at,label\n".to_owned();
    for n in 0..ROWS {
        let id = first + (u64::from(n) * 7919 % u64::from(ROWS)) as u32;
        writeln!(csv, "{id},2024-{:02}-{:02},l{n}", 1 + id % 2, 1 + id % 28).expect("text");
    }
    csv
}

#[tokio::test]
async fn of_a_partitioned_table_that_is_empty_they_are_put_together_again() {
    let pipeline = PIPELINE
        .replace("public.item", "public.tick")
        .replace("[\"id\"]", "[\"id\", \"at\"]")
        .replace("code = { from = \"code\" }", "at = { from = \"at\" }");
    let space = Workspace::with(TICKS).await;
    let remember =
        REMEMBER.replace("indrelid = 'item'::regclass", "indrelid::regclass::text like 'tick%'");
    space.client.batch_execute(&remember).await.expect("the indexes are noted");
    let shape = space.value(TICK_SHAPE).await;
    space.write("items.csv", ticks(1));
    let summary = space.run(&pipeline).await;
    assert_eq!(first(&summary), [60_000, 0, 0, 0, 60_000, 0, 0]);
    assert_eq!(space.value(TICK_SHAPE).await, shape);
    // The one that no index of the whole is made of stays on its partition; from 18 on the key does
    // too, or the NOT NULL that the partitions inherit would become their own.
    let version = space.value("select current_setting('server_version_num')::int / 10000").await;
    let kept = match version.parse::<u32>().expect("a number") {
        ..18 => "tick_2_at_idx",
        _ => "Only Once Second tick_1_pkey tick_2_at_idx",
    };
    assert_eq!(space.value(IDENTITY).await, kept);
    // Nothing is taken off where there are rows, in whichever partition.
    let remember = format!("drop table before; {remember}");
    space.client.batch_execute(&remember).await.expect("the indexes are noted");
    let before = space.value(IDENTITY).await;
    space.client.batch_execute("truncate tick_1").await.expect("a partition is empty");
    space.write("items.csv", ticks(100_001));
    let summary = space.run(&pipeline).await;
    assert_eq!(first(&summary), [60_000, 0, 0, 0, 60_000, 0, 0]);
    assert_eq!((space.value(IDENTITY).await, space.value(TICK_SHAPE).await), (before, shape));
}
