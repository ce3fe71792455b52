//! Sessions against a real server.

use std::error::Error as _;

use longshore::{
    error::ErrorKind,
    postgres::session::{Refusal, TRANSACTION_SETTINGS, database_error},
};

use crate::support::TestDatabase;

#[tokio::test]
async fn settings_last_for_one_transaction() {
    let client = TestDatabase::create().await;
    let client = client.client().await;
    let show = "select current_setting('lock_timeout'), current_setting('application_name')";
    client.batch_execute(&format!("begin; {TRANSACTION_SETTINGS}")).await.expect("all are known");
    let within = client.query_typed_one(show, &[]).await.expect("it is shown");
    assert_eq!(within.get::<_, &str>(0), "10s");
    assert_eq!(within.get::<_, &str>(1), "longshore");
    client.batch_execute("commit").await.expect("it commits");
    let after = client.query_typed_one(show, &[]).await.expect("it is shown");
    assert_eq!(after.get::<_, &str>(0), "0");
}

#[tokio::test]
async fn an_error_names_the_constraint_and_never_the_value() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let sql = "create table person (email text constraint one_email unique); \
        insert into person values ('ana@example.org')";
    client.batch_execute(sql).await.expect("the table is made");
    let twice = [
        "insert into person values ('ana@example.org')",
        "select 'ana@example.org'::int",
        "do $$ begin raise exception 'ana@example.org'; end $$",
    ];
    for sql in twice {
        let error = client.batch_execute(sql).await.expect_err("it is refused");
        let error = database_error(&error, "insert");
        assert_eq!(error.kind(), ErrorKind::Environment);
        assert!(!format!("{error:?}").contains("ana@"), "{error:?}");
    }
    let error = client.batch_execute(twice[0]).await.expect_err("it is refused");
    let error = database_error(&error, "insert");
    let refusal = error.source().and_then(|cause| cause.downcast_ref::<Refusal>());
    let refusal = refusal.expect("the server refused");
    assert_eq!(refusal.sqlstate, "23505");
    assert_eq!(refusal.table.as_deref(), Some("public.person"));
    assert_eq!(refusal.constraint.as_deref(), Some("one_email"));
}

#[tokio::test]
async fn a_server_that_only_reads_is_refused_for_loading() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let sql = "do $$ begin execute format(\
        'alter database %I set default_transaction_read_only = on', current_database()); end $$";
    client.batch_execute(sql).await.expect("the database is set");
    let error = database.endpoint().connect().await.expect_err("it only reads");
    assert!(error.to_string().contains("only reads"), "{error}");
    database.endpoint().connect_for_reading().await.expect("reading is fine");
}

#[tokio::test]
async fn a_statement_can_be_cancelled() {
    let database = TestDatabase::create().await;
    let session = database.session().await;
    let sleep = session.client.batch_execute("select pg_sleep(60)");
    let cancel = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        session.cancel().await
    };
    let (slept, cancelled) = tokio::join!(sleep, cancel);
    cancelled.expect("the server takes the request");
    let error = slept.expect_err("it was cancelled");
    assert_eq!(error.code().map(|code| code.code().to_owned()).as_deref(), Some("57014"));
}
