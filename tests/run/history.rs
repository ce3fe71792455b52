//! `mode = "history"`: each version of a row stands where it belongs, whatever order they come in.

mod model;

use longshore::run::Stop;

use super::workspace::{How, Workspace, codes, first};

const TABLE: &str = "create table address (
  student text not null, street text, town text, since date not null, until date, is_current boolean not null,
  primary key (student, since), check (since < until));
create unique index one_current on address (student) where is_current;
create extension btree_gist;
alter table address add exclude using gist (student with =, daterange(since, until) with &&);";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/moves.csv"

[[target]]
table = "public.address"
mode = "history"
key = ["student"]
history = { valid_from = "since", valid_to = "until", current = "is_current" }
[target.columns]
student = { from = "student" }
street = { from = "street" }
since = { from = "since" }
"#;

const LINES: &str = "select string_agg(concat_ws(' ', student, street, since, until, case when is_current then '*' end), '; ' order by student, since) from address";

async fn deliver(space: &Workspace, rows: &[&str]) -> [u64; 7] {
    space.write("moves.csv", format!("student,street,since\n{}\n", rows.join("\n")));
    first(&space.run(PIPELINE).await)
}

#[tokio::test]
async fn a_change_closes_the_version_before_it_and_nothing_else_is_touched() {
    let space = Workspace::with(TABLE).await;
    let counts = deliver(&space, &["a,Elm,2024-01-01", "b,Oak,2024-01-01"]).await;
    assert_eq!(counts, [2, 0, 0, 0, 2, 0, 0]);
    let untouched = "select xmin::text from address where student = 'b'";
    let before = space.value(untouched).await;
    let counts = deliver(&space, &["a,Fir,2024-03-01", "b,Oak,2024-03-01"]).await;
    assert_eq!(counts, [2, 0, 0, 0, 0, 1, 1]);
    assert_eq!(
        space.value(LINES).await,
        "a Elm 2024-01-01 2024-03-01; a Fir 2024-03-01 *; b Oak 2024-01-01 *"
    );
    assert_eq!(space.value(untouched).await, before, "no row version was written");
}

#[tokio::test]
async fn late_arrivals_go_to_their_place() {
    let space = Workspace::with(TABLE).await;
    deliver(&space, &["a,Elm,2024-01-01", "a,Fir,2024-06-01"]).await;
    // Between two versions; before all of them; saying what was valid anyway.
    let late = ["a,Oak,2024-03-01", "a,Ash,2023-01-01", "a,Elm,2024-02-01"];
    assert_eq!(deliver(&space, &late).await, [3, 0, 0, 0, 0, 2, 1]);
    assert_eq!(
        space.value(LINES).await,
        "a Ash 2023-01-01 2024-01-01; a Elm 2024-01-01 2024-03-01; a Oak 2024-03-01 2024-06-01; a Fir 2024-06-01 *"
    );
}

#[tokio::test]
async fn several_versions_of_one_delivery_are_all_kept_in_their_order() {
    let space = Workspace::with(TABLE).await;
    let rows = [
        "a,Fir,2024-05-01",
        "a,Elm,2024-01-01",
        "a,Elm,2024-02-01",
        "a,Oak,2024-03-01",
        "a,Oak,2024-03-01",
    ];
    assert_eq!(deliver(&space, &rows).await, [5, 0, 0, 1, 1, 2, 1]);
    assert_eq!(
        space.value(LINES).await,
        "a Elm 2024-01-01 2024-03-01; a Oak 2024-03-01 2024-05-01; a Fir 2024-05-01 *"
    );
    let again = space.run_how(PIPELINE, How { force: true, ..How::default() }).await;
    assert_eq!(first(&again), [5, 0, 0, 1, 0, 0, 4]);
}

#[tokio::test]
async fn the_same_moment_with_other_values_corrects_the_version() {
    let space = Workspace::with(TABLE).await;
    deliver(&space, &["a,Elm,2024-01-01", "a,Fir,2024-06-01"]).await;
    space.client.batch_execute("update address set town = 'Bath'").await.expect("a column beside");
    // A correction, and a version that ends the corrected one earlier.
    let counts = deliver(&space, &["a,Ash,2024-01-01", "a,Oak,2024-03-01"]).await;
    assert_eq!(counts, [2, 0, 0, 0, 0, 2, 0]);
    assert_eq!(
        space.value(LINES).await,
        "a Ash 2024-01-01 2024-03-01; a Oak 2024-03-01 2024-06-01; a Fir 2024-06-01 *"
    );
    let towns = "select count(*) from address where town = 'Bath'";
    assert_eq!(space.value(towns).await, "2", "columns that are not loaded stay");
}

#[tokio::test]
async fn a_row_that_had_ended_is_not_valid_until_it_comes_back() {
    let space = Workspace::with(TABLE).await;
    let ended = "insert into address values ('a', 'Elm', null, '2024-01-01', '2024-04-01', false),
        ('a', 'Elm', null, '2024-09-01', null, true)";
    space.client.batch_execute(ended).await.expect("rows");
    let rows = ["a,Elm,2024-02-01", "a,Fir,2024-03-01", "a,Fir,2024-05-01"];
    assert_eq!(deliver(&space, &rows).await, [3, 0, 0, 0, 0, 2, 1]);
    assert_eq!(
        space.value(LINES).await,
        "a Elm 2024-01-01 2024-03-01; a Fir 2024-03-01 2024-04-01; a Fir 2024-05-01 2024-09-01; a Elm 2024-09-01 *"
    );
}

#[tokio::test]
async fn two_records_of_one_moment_fall_under_the_rule_of_duplicates() {
    let space = Workspace::with(TABLE).await;
    let rows =
        ["a,Elm,2024-01-01", "b,Oak,2024-01-01", "b,Fir,2024-01-01", "c,Ash,", "d,Ash,infinity"];
    space.write("moves.csv", format!("student,street,since\n{}\n", rows.join("\n")));
    let summary = space.run(PIPELINE).await;
    assert_eq!(first(&summary), [5, 0, 4, 0, 1, 0, 0], "{:#?}", space.rejections(&summary));
    let expected = [("rule.duplicate_key", 2), ("rule.history", 1), ("rule.not_null", 1)];
    assert_eq!(codes(&summary), expected);
}

#[tokio::test]
async fn versions_are_dated_by_the_run_where_no_column_says_when() {
    let space = Workspace::with(
        r#"create table "Rate" ("Kind" text, ends numeric, "From" timestamptz, "To" timestamptz not null, unique ("Kind", "From"))"#,
    )
    .await;
    let pipeline = r#"
[source]
format = "csv"
path = "$DIR/rates.csv"
[[target]]
table = 'public."Rate"'
mode = "history"
key = ["Kind"]
history = { valid_from = "From", valid_to = "To", open_end = "9999-12-31" }
columns.Kind = { from = "kind" }
columns.ends = { from = "ends" }
"#;
    space.write("rates.csv", "kind,ends\nx,1.50\ny,2\n");
    assert_eq!(first(&space.run(pipeline).await), [2, 0, 0, 0, 2, 0, 0]);
    space.write("rates.csv", "kind,ends\nx,1.5\ny,3\n");
    assert_eq!(first(&space.run(pipeline).await), [2, 0, 0, 0, 0, 1, 1]);
    let open = r#"select string_agg("Kind" || ends, ' ' order by "Kind") from "Rate" where "To" = '9999-12-31Z'"#;
    assert_eq!(space.value(open).await, "x1.50 y3");
    let meets = r#"select count(*) from "Rate" a join "Rate" b on a."To" = b."From""#;
    assert_eq!(space.value(meets).await, "1");
    let now =
        r#"select bool_and("From" between now() - interval '1 minute' and now()) from "Rate""#;
    assert_eq!(space.value(now).await, "true");
}

#[tokio::test]
async fn a_table_that_cannot_hold_versions_is_found_before_anything_is_read() {
    for (columns, expected) in [
        (
            "since date, until date, is_current bool, primary key (student)",
            &[
                "key: `address_pkey` allows one row per key, a history has several",
                "key: public.address has no unique constraint on exactly `student`, `since`",
            ][..],
        ),
        (
            "since text, until date, is_current int, primary key (student, since)",
            &[
                "history.valid_from: `since` is text, not a date or a timestamp",
                "history.current: `is_current` is integer, not boolean",
            ],
        ),
        (
            "since date, until timestamptz not null, primary key (student, since)",
            &[
                "history.current: public.address has no column `is_current`",
                "history.valid_to: `until` is timestamp with time zone, not date like `since`",
                "history.valid_to: `until` is NOT NULL, and no end is known of current rows",
            ],
        ),
    ] {
        let space = Workspace::with(&format!(
            "create table address (student text, street text, {columns})"
        ))
        .await;
        space.write("moves.csv", "student,street,since\na,Elm,2024-01-01\n");
        let Err(Stop::Findings(findings)) = space.try_run(PIPELINE, How::default()).await else {
            panic!("{columns} is refused")
        };
        let said: Vec<String> = findings
            .iter()
            .map(|found| format!("{}: {}", found.place, found.message).replace("target[0].", ""))
            .collect();
        for expected in expected {
            assert!(said.iter().any(|said| said == expected), "{expected} is said in {said:#?}");
        }
        assert_eq!(said.len(), expected.len(), "{said:#?}");
    }
}

/// The current version alone is held unique; the versions lie in two partitions.
#[tokio::test]
async fn partial_indexes_and_partitions_are_key_enough() {
    let partial = "create table address (student citext, street citext, since timestamp, until timestamp, is_current bool);
        create unique index on address (student) where until is null";
    let partitioned = "create table address (student citext, street citext, since date, until date, is_current bool,
          primary key (student, since)) partition by range (since);
        create table address_then partition of address for values from (minvalue) to ('2024-02-01');
        create table address_now partition of address for values from ('2024-02-01') to (maxvalue)";
    for table in [partial, partitioned] {
        let space = Workspace::with(table).await;
        deliver(&space, &["a,Elm,2024-01-01", "b,Oak,2024-01-01"]).await;
        // Keys are equal as the database sees them; values differ in their letters.
        let counts =
            deliver(&space, &["A,elm,2024-03-01", "B,Oak,2024-03-01", "a,Fir,2024-01-15"]).await;
        assert_eq!(counts, [3, 0, 0, 0, 0, 2, 1], "{table}");
        let lines = "select string_agg(concat_ws(' ', street, since::date, until::date), '; ' order by since) from address where student = 'a'";
        assert_eq!(
            space.value(lines).await,
            "Elm 2024-01-01 2024-01-15; Fir 2024-01-15 2024-03-01; elm 2024-03-01"
        );
    }
}

const SNAPSHOT: &str = r#"
[source]
format = "csv"
path = "$DIR/moves.csv"

[limits]
deleted = "50%"

[[target]]
table = "public.address"
mode = "history"
key = ["student"]
scope = ["town"]
history = { valid_from = "since", valid_to = "until", current = "is_current", absent = "close" }
[target.columns]
student = { from = "student" }
street = { from = "street" }
town = { from = "town" }
since = { from = "since" }
"#;

#[tokio::test]
async fn rows_that_a_snapshot_does_not_have_end_with_the_run() {
    let space = Workspace::with(TABLE).await;
    let deliver = |rows: &str| {
        space.write("moves.csv", format!("student,street,town,since\n{rows}"));
        space.run(SNAPSHOT)
    };
    deliver("a,Elm,N,2024-01-01\nb,Oak,N,2024-01-01\nc,Fir,S,2024-01-01\nd,Yew,N,2999-01-01\n")
        .await;
    // a is gone, c is of another town, d begins later; b has moved.
    let summary = deliver("b,Ash,N,2024-02-01\ne,Box,N,2024-02-01\n").await;
    assert_eq!(summary.status, longshore::report::RunStatus::Published);
    let table = &summary.tables[0];
    assert_eq!((first(&summary), table.tally.deleted), ([2, 0, 0, 0, 1, 1, 0], 1));
    assert_eq!(table.deletions.as_ref().map(|found| (found.rows, found.gone)), Some((2, 1)));
    let lines = "select string_agg(concat_ws(' ', student, street, case until when current_date then 'today' else until::text end, case when is_current then '*' end), '; ' order by student, since) from address";
    let after = "a Elm today; b Oak 2024-02-01; b Ash *; c Fir *; d Yew *; e Box *";
    assert_eq!(space.value(lines).await, after);
    // It is closed once, and comes back as a further version, not before the day it ended.
    let summary = deliver("b,Ash,N,2024-02-01\ne,Box,N,2024-02-01\n\n").await;
    assert_eq!(summary.tables[0].tally.deleted, 0);
    assert_eq!(space.value(lines).await, after);
    let summary = deliver("a,Elm,N,2999-05-05\nb,Ash,N,2024-02-01\ne,Box,N,2024-02-01\n").await;
    assert_eq!(first(&summary), [3, 0, 0, 0, 0, 1, 2]);
    // A rejected record is not an absent one, by its key or by its town.
    let summary = deliver("b,Ash,N,2024-02-01\ne,Box,N,never\n").await;
    assert_eq!((summary.tables[0].tally.deleted, summary.tables[0].tally.rejected), (0, 1));
    let summary = deliver("b,Ash,N,2024-02-01\n,Box,N,2024-02-01\n").await;
    assert_eq!((summary.tables[0].tally.deleted, summary.tables[0].tally.rejected), (0, 1));
    // More than half of a town wait, are shown, and end when they are approved.
    let held = deliver("f,Ivy,N,2024-03-01\n").await;
    assert_eq!(held.status, longshore::report::RunStatus::Held);
    let run = longshore::run_id::RunId::parse(&held.run).expect("a run");
    let shown =
        longshore::run::held::show(&space.client, &run, 9).await.expect("shown").expect("a run");
    let scope = &shown.held.expect("held")[0].scopes[0];
    assert_eq!((scope.rows, scope.deleted, scope.inserted), (2, 2, 1), "{scope:?}");
    let (endpoint, progress) = (space.database.endpoint(), std::sync::Arc::default());
    let approved = longshore::run::held::approve(&endpoint, &run, &progress).await;
    approved.expect("approved");
    let current = "select string_agg(student, ' ' order by student) from address where is_current";
    assert_eq!(space.value(current).await, "a c d f");
    let request = longshore::run::UndoRequest { of: run, force: false, dry_run: false };
    let undone = longshore::run::undo(&endpoint, &request, &progress).await;
    undone.expect("undone");
    assert_eq!(space.value(current).await, "a b c d e");
}
