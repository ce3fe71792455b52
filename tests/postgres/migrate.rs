//! Migrations against a real server: up, down, again, and what goes wrong.

use std::{fs, path::Path};

use longshore::{
    error::ErrorKind,
    postgres::{
        endpoint::Endpoint,
        migrate::{Migration, MigrationState, Migrations},
        session::Session,
    },
};
use tempfile::TempDir;

use crate::support::TestDatabase;

const FILES: [(&str, &str); 5] = [
    ("1_school.up.sql", "create table school (id int primary key);\nset search_path = nowhere;\n"),
    ("1_school.down.sql", "drop table school;"),
    ("2_code.up.sql", "alter table school add code text; insert into school values (1, ';');"),
    ("2_code.down.sql", "alter table school drop code; delete from school;"),
    (
        "3_index.up.sql",
        "-- no-transaction\ncreate index concurrently by_code on school (code);\nselect 1;",
    ),
];

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn read(folder: &Path) -> Migrations {
    Migrations::read(folder).expect("the folder is read")
}

fn versions(migrations: &[Migration]) -> Vec<i64> {
    migrations.iter().map(|migration| migration.version).collect()
}

async fn states(migrations: &Migrations, session: &Session) -> Vec<MigrationState> {
    let statuses = migrations.status(session).await.expect("the database is read");
    statuses.into_iter().map(|status| status.state).collect()
}

#[tokio::test]
async fn up_and_down_and_up_again() {
    use MigrationState::{Applied, Pending};
    let database = TestDatabase::create().await;
    let session = database.session().await;
    let folder = folder(&FILES);
    let migrations = read(folder.path());
    assert_eq!(states(&migrations, &session).await, [Pending, Pending, Pending]);

    let would = migrations.up(&session, None, true).await.expect("a dry run");
    assert_eq!(versions(&would), [1, 2, 3]);
    assert_eq!(states(&migrations, &session).await, [Pending, Pending, Pending]);

    let did = migrations.up(&session, Some(2), false).await.expect("two are applied");
    assert_eq!(versions(&did), [1, 2]);
    let back = migrations.down(&session, 2, false).await.expect("two are taken back");
    assert_eq!(versions(&back), [2, 1]);
    let did = migrations.up(&session, None, false).await.expect("all are applied");
    assert_eq!(versions(&did), [1, 2, 3]);
    assert_eq!(states(&migrations, &session).await, [Applied, Applied, Applied]);
    assert!(migrations.up(&session, None, false).await.expect("nothing to do").is_empty());

    let error = migrations.down(&session, 2, false).await.expect_err("3 has no way down");
    assert_eq!(error.kind(), ErrorKind::Definition);
    assert_eq!(states(&migrations, &session).await, [Applied, Applied, Applied]);
}

#[tokio::test]
async fn a_failure_names_file_and_line_and_leaves_nothing() {
    let database = TestDatabase::create().await;
    let session = database.session().await;
    let folder = folder(&[
        ("1_good.up.sql", "create table good (n int);"),
        ("2_bad.up.sql", "create table bad (n int);\n\n-- why\nselect *\nfrom good, \n  missing;"),
    ]);
    let migrations = read(folder.path());
    let error = migrations.up(&session, None, false).await.expect_err("the second fails");
    assert_eq!(error.contexts(), ["2_bad.up.sql, line 6"]);
    assert!(error.to_string().contains("missing"), "{error}");
    use MigrationState::{Applied, Pending};
    assert_eq!(states(&migrations, &session).await, [Applied, Pending]);
    let bad = session.client.query_typed_one("select to_regclass('bad') is null", &[]).await;
    assert!(bad.expect("it is looked up").get::<_, bool>(0), "the first statement was rolled back");
}

#[tokio::test]
async fn a_file_changed_or_gone_since_is_noticed() {
    let database = TestDatabase::create().await;
    let session = database.session().await;
    let folder = folder(&FILES);
    read(folder.path()).up(&session, None, false).await.expect("all are applied");
    fs::write(folder.path().join("2_code.up.sql"), "select 2;").expect("it is changed");
    fs::write(folder.path().join("4_more.up.sql"), "select 4;").expect("it is new");
    fs::remove_file(folder.path().join("3_index.up.sql")).expect("it is removed");
    let migrations = read(folder.path());
    use MigrationState::{Applied, Changed, MissingFile, Pending};
    assert_eq!(states(&migrations, &session).await, [Applied, Changed, MissingFile, Pending]);
    let error = migrations.up(&session, None, false).await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Definition);
}

#[tokio::test]
async fn two_at_once_apply_each_migration_once() {
    let database = TestDatabase::create().await;
    let slow = [("1_slow.up.sql", "select pg_sleep(0.3); create table once (n int);")];
    let folder = folder(&slow);
    let endpoint = Endpoint::parse(database.url()).expect("a valid URL");
    let up = || async {
        let session = endpoint.connect().await.expect("it accepts connections");
        read(folder.path()).up(&session, None, false).await.expect("one of them applies it").len()
    };
    let (one, other) = tokio::join!(up(), up());
    assert_eq!(one + other, 1);
}
