//! What goes along with a publish: a log's row, a notice, fresh statistics.

use std::time::Duration;

use futures_util::StreamExt;
use longshore::run::Stop;
use tokio_postgres::{AsyncMessage, NoTls};

use super::workspace::{How, Workspace, first};

const TABLES: &str = "create table item (id int primary key, name text not null);
    create table activity_log (id bigint generated always as identity primary key, user_id bigint,
      action text not null check (action <> 'refused'), details jsonb not null, at timestamptz not null default now())";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/items.csv"
[limits]
deleted = 0
[after]
notify = "loads"
log = { table = "public.activity_log", columns = { user_id = 7, action = "import", details = ":tally" } }
[[target]]
table = "public.item"
mode = "mirror"
key = ["id"]
columns = { id = { from = "id" }, name = { from = "name" } }
"#;

#[tokio::test]
async fn a_publish_is_logged_and_told_and_what_is_not_published_is_not() {
    let space = Workspace::with(TABLES).await;
    let (listener, mut connection) =
        tokio_postgres::connect(space.database.url(), NoTls).await.expect("connected");
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notice) = message {
                sender.send(notice.payload().to_owned()).expect("listened to");
            }
        }
    });
    listener.batch_execute("listen loads").await.expect("listening");
    space.write("items.csv", "id,name\n1,a\n2,b\n3,\n");
    let dry = How { dry_run: true, ..How::default() };
    space.run_how(PIPELINE, dry).await;
    let summary = space.run(PIPELINE).await;
    assert_eq!(first(&summary), [3, 0, 1, 0, 2, 0, 0]);
    let notice = tokio::time::timeout(Duration::from_secs(10), told.recv()).await;
    let notice: serde_json::Value =
        serde_json::from_str(&notice.expect("told").expect("a notice")).expect("JSON");
    assert_eq!(notice["run"], summary.run.as_str());
    assert_eq!(notice["tables"][0]["table"], "public.item");
    assert_eq!(notice["tables"][0]["inserted"], 2);
    let logged = "select count(*) || concat_ws(' ', min(user_id), min(action), min(details->'tables'->0->>'rejected')) from activity_log";
    assert_eq!(space.value(logged).await, "17 import 1");
    // Held: nobody is told. Approved: everybody is, by what the held run kept.
    space.write("items.csv", "id,name\n1,a\n");
    let held = space.run(PIPELINE).await;
    assert_eq!(held.status, longshore::report::RunStatus::Held);
    assert!(told.try_recv().is_err());
    assert_eq!(space.value("select count(*) from activity_log").await, "1");
    let run = longshore::run_id::RunId::parse(&held.run).expect("a run");
    let progress = std::sync::Arc::default();
    longshore::run::held::approve(&space.database.endpoint(), &run, &progress)
        .await
        .expect("approved");
    let notice = tokio::time::timeout(Duration::from_secs(10), told.recv()).await;
    assert!(notice.expect("told").expect("a notice").contains("\"deleted\":1"));
    assert_eq!(space.value("select count(*) from activity_log").await, "2");
}

#[tokio::test]
async fn a_log_that_refuses_its_row_keeps_the_load_from_being_published() {
    let space = Workspace::with(TABLES).await;
    space.write("items.csv", "id,name\n1,a\n");
    let refused = PIPELINE.replace("action = \"import\"", "action = \"refused\"");
    assert!(matches!(space.try_run(&refused, How::default()).await, Err(Stop::Error(_))));
    assert_eq!(space.value("select count(*) from item").await, "0");
    let unknown = PIPELINE.replace("action = ", "akction = ");
    let Err(Stop::Findings(findings)) = space.try_run(&unknown, How::default()).await else {
        panic!("a log without the column is found")
    };
    assert_eq!(findings[0].code, "bind.no_such_column");
}

#[tokio::test]
async fn a_table_is_analysed_when_much_of_it_is_written() {
    let space = Workspace::with(TABLES).await;
    let analysed =
        "select count(*) from pg_stats where tablename = 'item' and schemaname = 'public'";
    let lines = |count: u32| {
        (0..count)
            .map(|id| format!("{id},n\n"))
            .fold("id,name\n".to_owned(), |text, line| text + &line)
    };
    space.write("items.csv", lines(900));
    space.run(PIPELINE).await;
    assert_eq!(space.value(analysed).await, "0", "fewer rows than matter");
    space.write("items.csv", lines(2_500));
    space.run(&PIPELINE.replace("notify = \"loads\"", "analyze = false")).await;
    assert_eq!(space.value(analysed).await, "0", "asked not to");
    space.write("items.csv", lines(5_000));
    space.run(PIPELINE).await;
    assert_eq!(space.value(analysed).await, "2");
}
