//! `replace`: afterwards the table holds exactly the file's rows.

use longshore::{outcome::HoldReason, report::RunStatus};

use super::workspace::Workspace;

const KEYED: &str = r#"
[source]
format = "csv"
path = "$DIR/rates.csv"

[limits]
deleted = "100%"

[[target]]
table = "public.rate"
mode = "replace"
key = ["code"]
[target.columns]
code = { from = "code" }
amount = { from = "amount" }
label = { from = "label" }
"#;

fn keyless() -> String {
    KEYED.replace("key = [\"code\"]", "")
}

async fn contents(space: &Workspace) -> String {
    let columns =
        "coalesce(code, '-') || ' ' || coalesce(amount::text, '-') || ' ' || coalesce(label, '-')";
    space.value(&format!("select string_agg({columns}, ', ' order by {columns}) from rate")).await
}

#[tokio::test]
async fn with_a_key_the_table_becomes_the_file_and_its_surroundings_survive() {
    let space = Workspace::with(
        "create table rate (code text primary key, amount numeric, label text, note text);
         create table used (code text references rate);
         create view rates as select code from rate;
         create role longshore_reader_of_rates nologin;
         grant select on rate to longshore_reader_of_rates;
         create index rate_label on rate (label);
         insert into rate values ('a', 1, 'A', 'n'), ('b', 2, 'B', 'n'), ('c', 3, 'C', 'n'), ('z', 9, 'Z', 'n');
         insert into used values ('a'), ('b')",
    )
    .await;
    let oid = space.value("select 'rate'::regclass::oid::text || relfilenode from pg_class where relname = 'rate'").await;
    space.write("rates.csv", "code,amount,label\na,1.0,A\nb,5,B\nc,3,C\nd,4,D\n");
    let tally = space.run(KEYED).await.tables[0].tally;
    let done = "drop owned by longshore_reader_of_rates; drop role longshore_reader_of_rates";
    let granted = space
        .value("select has_table_privilege('longshore_reader_of_rates', 'rate', 'select')")
        .await;
    space.client.batch_execute(done).await.expect("the role goes");
    assert_eq!([tally.inserted, tally.updated, tally.unchanged, tally.deleted], [1, 1, 2, 1]);
    assert_eq!(contents(&space).await, "a 1 A, b 5 B, c 3 C, d 4 D");
    assert_eq!(space.value("select string_agg(note, '') from rate").await, "nnn");
    assert_eq!(granted, "true");
    assert_eq!(space.value("select 'rate'::regclass::oid::text || relfilenode from pg_class where relname = 'rate'").await, oid);
    assert_eq!(space.value("select count(*) from rates").await, "4");
}

#[tokio::test]
async fn without_a_key_rows_are_a_multiset() {
    let space = Workspace::with(
        "create table rate (code text, amount numeric, label text);
         insert into rate values ('a', 1, null), ('a', 1, null), ('a', 1, null), ('b', 2, 'B'), (null, null, null), ('g', 7, 'G')",
    )
    .await;
    space.write("rates.csv", "code,amount,label\na,1.00,\nb,2,B\nb,2,B\na,1,\nh,8,H\n,,\n");
    let kept = "select string_agg(xmin::text, ' ') from rate where code = 'b' or code is null";
    let before = space.value(kept).await;
    let tally = space.run(&keyless()).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.updated, tally.unchanged, tally.deleted], [2, 0, 4, 2]);
    assert_eq!(contents(&space).await, "- - -, a 1 -, a 1 -, b 2 B, b 2 B, h 8 H");
    assert!(space.value(kept).await.contains(before.split(' ').next().expect("a version")));
    space.write("rates.csv", "label,code,amount\n,a,1.00\nB,b,2\nB,b,2\n,a,1\nH,h,8\n,,\n");
    let tally = space.run(&keyless()).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.updated, tally.unchanged, tally.deleted], [0, 0, 6, 0]);
}

#[tokio::test]
async fn without_a_key_a_changed_row_may_keep_its_unique_value() {
    let space = Workspace::with(
        "create table rate (code text primary key, amount numeric, label text);
         insert into rate values ('a', 1, 'A'), ('b', 2, 'B')",
    )
    .await;
    space.write("rates.csv", "code,amount,label\na,1,A\nb,3,B\n");
    let tally = space.run(&keyless()).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.unchanged, tally.rejected, tally.deleted], [1, 1, 0, 1]);
    assert_eq!(contents(&space).await, "a 1 A, b 3 B");
}

#[tokio::test]
async fn without_a_key_rejections_make_deletions_wait() {
    let space = Workspace::with(
        "create table rate (code text, amount numeric, label text);
         insert into rate values ('a', 1, 'A'), ('b', 2, 'B'), ('c', 3, 'C')",
    )
    .await;
    space.write("rates.csv", "code,amount,label\na,1,A\nb,x,B\n");
    let summary = space.run(&keyless()).await;
    assert_eq!(summary.status, RunStatus::Held);
    let deletions = summary.tables[0].deletions.as_ref().expect("a mode that deletes");
    assert_eq!(deletions.held_for, [HoldReason::RejectedWithoutKey]);
    assert_eq!(space.value("select count(*) from rate").await, "3");
    // Where nothing would be deleted there is nothing to wait for.
    space.write("rates.csv", "code,amount,label\na,1,A\nb,2,B\nc,3,C\nd,x,D\n");
    assert_eq!(space.run(&keyless()).await.status, RunStatus::Published);
}

#[tokio::test]
async fn types_without_equality_are_compared_by_content() {
    let space = Workspace::with(
        "create extension if not exists citext;
         create table rate (code citext, amount json, label char(4), tags text[]);
         insert into rate values ('A', '{\"x\": 1}', 'l', '{a,b}'), ('b', null, null, null)",
    )
    .await;
    space.write("rates.csv", "code,amount,label,tags\nA,\"{\"\"x\"\": 1}\",l,\"{a,b}\"\nB,,,\n");
    let pipeline = keyless() + "tags = { from = \"tags\" }\n";
    let tally = space.run(&pipeline).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.unchanged, tally.deleted], [1, 1, 1]);
    assert_eq!(
        space
            .value("select string_agg(code::text, ' ' order by code::text collate \"C\") from rate")
            .await,
        "A B"
    );
}

#[tokio::test]
async fn readers_never_see_the_table_empty_or_wait_for_it() {
    let space = Workspace::with(
        "create table rate (code text primary key, amount numeric, label text);
         insert into rate select n, n, 'L' from generate_series(1, 20000) n",
    )
    .await;
    let rows: String = (10001..30001).map(|n| format!("{n},{n},L\n")).collect();
    space.write("rates.csv", format!("code,amount,label\n{rows}"));
    let reader = space.database.client().await;
    let reading = tokio::spawn(async move {
        reader.batch_execute("set lock_timeout = '2s'").await.expect("a setting");
        let mut seen = 0;
        loop {
            let row = reader.query_one("select count(*), max(code::int) from rate", &[]).await;
            let row = row.expect("a reader that never waits");
            assert_eq!(row.get::<_, i64>(0), 20_000);
            seen += 1;
            if row.get::<_, i32>(1) == 30_000 {
                return seen;
            }
        }
    });
    let tally = space.run(KEYED).await.tables[0].tally;
    assert_eq!([tally.inserted, tally.unchanged, tally.deleted], [10_000, 10_000, 10_000]);
    assert!(reading.await.expect("the reader") > 1);
}
