//! Limits that a role or database sets for sessions are no reason for a run to fail: it has its own.

use std::{sync::Arc, time::Duration};

use longshore::{
    report::RunStatus,
    run::{self, Stop, UndoRequest, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace};
use crate::support::is_at_least;

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/items.csv"
[[target]]
table = "public.item"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name" }
"#;

/// Each row takes a few milliseconds to write, all of them far more than any of the limits.
const TABLE: &str = "create table item (id int primary key, name text);
    create function slow() returns trigger language plpgsql as
      $$ begin perform pg_sleep(0.005); return coalesce(new, old); end $$;
    create trigger slow before insert or update or delete on item for each row execute function slow();";

#[tokio::test]
async fn time_limits_of_a_role_do_not_cut_a_run_off() {
    let space = Workspace::with(TABLE).await;
    let role = format!("limited_{}", space.database.name());
    let mut limits = vec![
        "statement_timeout = '200ms'",
        "lock_timeout = '50ms'",
        "idle_in_transaction_session_timeout = '200ms'",
    ];
    if is_at_least(17, "a limit on whole transactions") {
        limits.push("transaction_timeout = '200ms'");
    }
    let limits = limits.iter().map(|limit| format!("alter role {role} set {limit};"));
    let limits: String = limits.collect();
    let roles = format!("create role {role} login superuser; {limits}");
    space.client.batch_execute(&roles).await.expect("a role");

    // They are in force: who does not lift them is cut off.
    let limited = space.database.endpoint_as(&role).connect().await.expect("it connects").client;
    limited.batch_execute("select pg_sleep(2)").await.expect_err("the role's limit");

    let rows: String = (1..=100).map(|id| format!("{id},name {id}\n")).collect();
    space.write("items.csv", format!("id,name\n{rows}"));
    // Somebody holds a lock for longer than the role's limit on waiting for one.
    let other = space.database.client().await;
    other.batch_execute("begin; lock table item in share mode").await.expect("a lock");
    let letting_go = async {
        let waits = "select exists (select from pg_stat_activity where datname = current_database()
            and wait_event_type = 'Lock')::text";
        while space.value(waits).await != "true" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        other.batch_execute("commit").await.expect("it lets go");
    };
    let (ended, ()) = tokio::join!(space.try_run_as(&role, PIPELINE, How::default()), letting_go);
    let summary = match ended {
        Ok(summary) => summary,
        Err(Stop::Error(error)) => panic!("{error}: {error:?}"),
        Err(Stop::Findings(findings)) => panic!("{findings:#?}"),
    };
    assert_eq!(summary.status, RunStatus::Published);
    assert_eq!(space.value("select count(*) from item").await, "100");

    let of = RunId::parse(&summary.run).expect("a run");
    let request = UndoRequest { of, force: false, dry_run: false };
    let endpoint = space.database.endpoint_as(&role);
    let undone = run::undo(&endpoint, &request, &Arc::new(Progress::default())).await;
    assert_eq!(undone.expect("it is undone").status, RunStatus::Published);
    assert_eq!(space.value("select count(*) from item").await, "0");
}
