//! Partitioned targets: partitions made where rows need one, and only those read that matter.

use std::time::Duration;

use longshore::{report::RunSummary, run::Stop};

use super::workspace::{How, Workspace, codes, first};

const TABLES: &str = "create schema market; create table market.market (id int primary key);
    insert into market.market values (1);
    create table market.trades (market_id int not null references market.market, trade_id text not null,
      price numeric(12,4) not null check (price >= 0), traded_at timestamptz not null,
      primary key (market_id, trade_id, traded_at)) partition by range (traded_at);
    create index on market.trades (traded_at)";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/trades.csv"
[[target]]
table = "market.trades"
mode = "upsert"
key = ["market_id", "trade_id", "traded_at"]
partitions = { every = "month" }
[target.columns]
market_id = { value = 1 }
trade_id = { from = "id" }
price = { from = "price" }
traded_at = { from = "time" }
"#;

const PARTITIONS: &str = "select string_agg(c.relname || pg_get_expr(c.relpartbound, c.oid), ' ' order by c.relname)
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'market.trades'::regclass";

#[tokio::test]
async fn missing_partitions_are_made_once_and_rejected_rows_need_none() {
    let space = Workspace::with(TABLES).await;
    space.write(
        "trades.csv",
        "id,price,time\na,1,2024-10-31T23:59:59.999999Z\nb,2,2024-11-01T00:00:00Z\nc,-1,2025-01-01T00:00:00Z\n\
         d,1,infinity\n",
    );
    let dry = space.run_how(PIPELINE, How { dry_run: true, ..How::default() }).await;
    assert_eq!(dry.tables[0].partitions, ["market.trades_2024_10", "market.trades_2024_11"]);
    assert_eq!(space.value(PARTITIONS).await, "NULL", "a rehearsal makes none");
    let summary = space.run(PIPELINE).await;
    assert_eq!(first(&summary), [4, 0, 2, 0, 2, 0, 0]);
    assert_eq!(codes(&summary), [("constraint.check", 1), ("constraint.partition", 1)]);
    assert_eq!(summary.tables[0].partitions, dry.tables[0].partitions);
    assert_eq!(
        space.value(PARTITIONS).await,
        "trades_2024_10FOR VALUES FROM ('2024-10-01 00:00:00+00') TO ('2024-11-01 00:00:00+00') \
         trades_2024_11FOR VALUES FROM ('2024-11-01 00:00:00+00') TO ('2024-12-01 00:00:00+00')"
    );
    // A late delivery that overlaps: what is there stays, and no partition is made twice.
    space.write(
        "trades.csv",
        "id,price,time\nb,2,2024-11-01T00:00:00Z\na,1,2024-10-31T23:59:59.999999Z\ne,3,2024-09-30T12:00:00Z\n",
    );
    let summary = space.run(PIPELINE).await;
    assert_eq!(first(&summary), [3, 0, 0, 0, 1, 0, 2]);
    assert_eq!(summary.tables[0].partitions, ["market.trades_2024_09"]);
    let inherited = "select bool_and(exists (select from pg_constraint k where k.conrelid = i.inhrelid and k.contype = 'f')
        and exists (select from pg_constraint k where k.conrelid = i.inhrelid and k.contype = 'c')
        and (select count(*) from pg_index x where x.indrelid = i.inhrelid) = 2)
        from pg_inherits i where i.inhparent = 'market.trades'::regclass";
    assert_eq!(space.value(inherited).await, "true");
}

#[tokio::test]
async fn a_default_partition_and_other_bounds_are_honoured() {
    let space = Workspace::with(TABLES).await;
    let quarter = "create table market.quarter partition of market.trades for values from ('2024-10-01+00') to ('2025-01-01+00')";
    space.client.batch_execute(quarter).await.expect("a quarter");
    space
        .write("trades.csv", "id,price,time\na,1,2024-12-05T00:00:00Z\nb,1,2025-02-05T00:00:00Z\n");
    let yearly = PIPELINE.replace("\"month\"", "\"day\"");
    assert_eq!(space.run(&yearly).await.tables[0].partitions, ["market.trades_2025_02_05"]);
    let default = "create table market.rest partition of market.trades default";
    space.client.batch_execute(default).await.expect("a default partition");
    space.write("trades.csv", "id,price,time\nc,1,2030-12-05T00:00:00Z\n");
    let summary = space.run(PIPELINE).await;
    assert!(summary.tables[0].partitions.is_empty());
    assert_eq!(space.value("select count(*) from market.rest").await, "1");
}

/// A constraint that needs what is not loaded, and one beside the key: both are judged with rows
/// that are there.
const JUDGED: &str = "alter table market.trades add seq int not null default 0, add flag text not null default 'new',
      add check (flag <> '' and price < 1000000), add unique (seq, trade_id, traded_at)";

/// Waits until all sessions but the test's own have handed in what they counted, which they do
/// before they end.
async fn counted(space: &Workspace) {
    let others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    for _ in 0..3_000 {
        if space.value(others).await == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a session of the run does not end");
}

/// The partitions that anything of a run read, by whatever way, as the server counted it.
async fn read_by(space: &Workspace, toml: &str) -> (RunSummary, String) {
    counted(space).await;
    // Not in one transaction: what it holds back itself would come after the reset.
    for sql in ["select pg_stat_force_next_flush()", "select pg_stat_reset()"] {
        space.client.batch_execute(sql).await.expect("fresh counters");
    }
    let summary = space.run_how(toml, How { force: true, ..How::default() }).await;
    counted(space).await;
    let read = "select coalesce(string_agg(relname, ' ' order by relname), '') from pg_stat_user_tables
        where schemaname = 'market' and relname ~ '^trades_[0-9]' and seq_scan + coalesce(idx_scan, 0) > 0";
    let read = space.value(read).await;
    (summary, read)
}

fn trade(month: u32, day: u32, price: u32) -> String {
    format!("t{month}-{day},{price},2024-{month:02}-{day:02}T10:00:00Z,{day}\n")
}

/// Nine months of trades, and what they are loaded by.
async fn nine_months() -> (Workspace, String) {
    let space = Workspace::with(&format!("{TABLES}; {JUDGED}")).await;
    let pipeline = format!("{PIPELINE}seq = {{ from = \"seq\" }}\n");
    let days = (1..=9).flat_map(|month| (1..=20).map(move |day| trade(month, day, 1)));
    space.write("trades.csv", format!("id,price,time,seq\n{}", days.collect::<String>()));
    assert_eq!(first(&space.run(&pipeline).await)[4], 180);
    (space, pipeline)
}

#[tokio::test]
async fn a_delivery_reads_the_partitions_of_its_own_months_only() {
    let (space, pipeline) = nine_months().await;
    let header = "id,price,time,seq\n";
    // Changed, new and unchanged rows of March.
    let march = [trade(3, 5, 7), trade(3, 21, 1), trade(3, 6, 1)].concat();
    space.write("trades.csv", format!("{header}{march}"));
    let (summary, read) = read_by(&space, &pipeline).await;
    assert_eq!(first(&summary), [3, 0, 0, 0, 1, 1, 1]);
    assert_eq!(read, "trades_2024_03");
    let insert = pipeline.replace("\"upsert\"", "\"insert\"");
    let (summary, read) = read_by(&space, &insert).await;
    assert_eq!(first(&summary), [3, 0, 0, 0, 0, 0, 3]);
    assert_eq!(read, "trades_2024_03");
    // Two months apart from each other, and what is between them.
    space.write("trades.csv", format!("{header}{}{}", trade(2, 1, 9), trade(8, 1, 9)));
    let (summary, read) = read_by(&space, &pipeline).await;
    assert_eq!(first(&summary)[5], 2);
    assert_eq!(read, "trades_2024_02 trades_2024_08");
    // A month of its own: no row that is there matters.
    space.write("trades.csv", format!("{header}{}", trade(10, 1, 1)));
    let (summary, read) = read_by(&space, &pipeline).await;
    assert_eq!(first(&summary)[4], 1);
    assert_eq!(summary.tables[0].partitions, ["market.trades_2024_10"]);
    assert!(["", "trades_2024_10"].contains(&read.as_str()), "{read}");
    // What is absent may be anywhere.
    let mirror = pipeline.replace("\"upsert\"", "\"mirror\"");
    let (_, read) = read_by(&space, &mirror).await;
    assert_eq!(read.split(' ').count(), 10, "{read}");
}

#[tokio::test]
async fn overlapping_deliveries_change_nothing() {
    let (space, pipeline) = nine_months().await;
    let versions = "select md5(string_agg(concat_ws(' ', tableoid, ctid, xmin), ';' order by trade_id)) from market.trades";
    let before = space.value(versions).await;
    // The same trades once more, the other way round, over the end of a month and with copies.
    let days = (10..=20).map(|day| trade(3, day, 1)).chain((1..=9).map(|day| trade(4, day, 1)));
    let mut days: Vec<String> = days.collect();
    days.reverse();
    days.push(trade(3, 10, 1));
    space.write("trades.csv", format!("id,price,time,seq\n{}", days.concat()));
    let (summary, read) = read_by(&space, &pipeline).await;
    assert_eq!(first(&summary), [21, 0, 0, 1, 0, 0, 20]);
    assert_eq!(read, "trades_2024_03 trades_2024_04");
    assert_eq!(space.value(versions).await, before);
    assert!(summary.tables[0].partitions.is_empty());
}

#[tokio::test]
async fn a_table_or_a_role_that_cannot_have_them_is_told_before_anything_is_read() {
    let space =
        Workspace::with(&format!("{TABLES}; create table market.flat (like market.trades)")).await;
    space.write("trades.csv", "id,price,time\na,1,2024-10-31T23:59:59Z\n");
    let role = format!("loader_{}", space.database.name());
    let grants = format!(
        "create role {role} login; grant create on database {} to {role};
         grant usage on schema market to {role}; grant select, insert, update on all tables in schema market to {role}",
        space.database.name()
    );
    space.client.batch_execute(&grants).await.expect("a role");
    match space.try_run_as(&role, PIPELINE, How::default()).await {
        Err(Stop::Error(error)) => {
            assert!(error.to_string().contains("may not make partitions"), "{error}")
        }
        other => panic!("{other:?}"),
    }
    let drop = format!("drop owned by {role}; drop role {role}");
    space.client.batch_execute(&drop).await.expect("dropped");
    let flat = PIPELINE
        .replace("market.trades", "market.flat")
        .replace("\"upsert\"\nkey", "\"append\"\n#");
    match space.try_run(&flat, How::default()).await {
        Err(Stop::Findings(findings)) => assert_eq!(findings[0].code, "bind.partitions"),
        other => panic!("{other:?}"),
    }
}
