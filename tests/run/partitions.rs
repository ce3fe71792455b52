//! Partitioned targets: partitions made where rows need one, and only those read that matter.

use longshore::run::Stop;

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

#[tokio::test]
async fn only_partitions_that_rows_can_be_in_are_read() {
    let space = Workspace::with(TABLES).await;
    let mut lines = "id,price,time\n".to_owned();
    for month in 1..=9 {
        for day in 1..=20 {
            lines.push_str(&format!("t{month}-{day},1,2024-0{month}-{day:02}T10:00:00Z\n"));
        }
    }
    space.write("trades.csv", &lines);
    assert_eq!(first(&space.run(PIPELINE).await)[4], 180);
    // What the first run counted arrives when its sessions end.
    let others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    while space.value(others).await != "0" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let reset = "select pg_stat_force_next_flush(); select pg_stat_reset()";
    space.client.batch_execute(reset).await.expect("fresh counters");
    // One row of March is changed, one of September is new.
    space.write(
        "trades.csv",
        "id,price,time\nt3-5,7,2024-03-05T10:00:00Z\nnew,1,2024-09-21T10:00:00Z\n",
    );
    assert_eq!(first(&space.run(PIPELINE).await), [2, 0, 0, 0, 1, 1, 0]);
    let scans = "select string_agg(relname || ' ' || (seq_scan + coalesce(idx_scan, 0) > 0), ', ' order by relname)
        from pg_stat_user_tables where relname like 'trades_2024_0%' and relname <> 'trades_2024_01'";
    let expected = "trades_2024_02 false, trades_2024_03 true, trades_2024_04 false, trades_2024_05 false, \
                    trades_2024_06 false, trades_2024_07 false, trades_2024_08 false, trades_2024_09 true";
    // The counters of sessions that ended arrive in a moment; January is looked at for whether the table is empty.
    for _ in 0..50 {
        if space.value(scans).await == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(space.value(scans).await, expected);
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
