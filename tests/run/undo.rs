//! A run is taken back: what it wrote goes, what it replaced comes back, and nothing else moves.

use std::{process::Command, sync::Arc};

use longshore::{
    error::{Error, ErrorKind},
    outcome::Tally,
    report::{RunStatus, RunSummary},
    run::{self, UndoRequest, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace, first};

const TABLES: &str = "
    create table club (code text primary key, title text not null);
    create table member (
      number int generated always as identity,
      id int primary key, name text not null unique, club text references club,
      fee numeric(6,2), shout text generated always as (upper(name)) stored,
      touched int not null default 0);
    insert into club values ('a', 'Archery'), ('b', 'Bowling');
    insert into member (id, name, club, fee) values (1, 'Ana', 'a', 1), (2, 'Bo', 'b', 2), (9, 'Zoe', 'b', 9);";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/members.csv"

[[target]]
table = "public.club"
mode = "upsert"
key = ["code"]
duplicates = { keep = "last" }
[target.columns]
code = { from = "club" }
title = { from = "title" }

[[target]]
table = "public.member"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name" }
club = { from = "club" }
fee = { from = "fee", minimum = 0 }
"#;

const MEMBERS: &str =
    "id,name,club,title,fee\n1,Anna,c,Chess,1\n2,Bo,b,Bowls,2\n3,Cy,c,Chess,3\n4,Di,a,Archery,4\n";

/// The tables as they are, but for the order in which rows lie.
const STATE: &str = "select (select string_agg(c::text, ' ' order by code) from club c) || ' | '
    || (select string_agg(m::text, ' ' order by id) from member m)";

async fn try_undo(
    space: &Workspace,
    of: &RunSummary,
    force: bool,
    dry_run: bool,
) -> Result<RunSummary, Error> {
    let of = RunId::parse(&of.run).expect("a run");
    let request = UndoRequest { of, force, dry_run };
    run::undo(&space.database.endpoint(), &request, &Arc::new(Progress::default())).await
}

async fn undo(space: &Workspace, of: &RunSummary) -> RunSummary {
    try_undo(space, of, false, false).await.unwrap_or_else(|error| panic!("{error:?}"))
}

async fn refused(space: &Workspace, of: &RunSummary) -> ErrorKind {
    try_undo(space, of, true, false).await.expect_err("it cannot be undone").kind()
}

/// Per table: read, inserted, updated, unchanged, deleted.
fn counts(summary: &RunSummary) -> Vec<[u64; 5]> {
    let of = |tally: &Tally| {
        assert!(tally.closes(), "{tally:?}");
        [tally.read, tally.inserted, tally.updated, tally.unchanged, tally.deleted]
    };
    summary.tables.iter().map(|table| of(&table.tally)).collect()
}

async fn images(space: &Workspace) -> String {
    space.value("select count(*) from pg_tables where schemaname = 'longshore_undo'").await
}

#[tokio::test]
async fn an_undone_run_leaves_every_table_as_it_was_and_its_file_loads_again() {
    let space = Workspace::with(TABLES).await;
    let before = space.value(STATE).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(PIPELINE).await;
    let after = space.value(STATE).await;
    assert_ne!(after, before);

    let dry = try_undo(&space, &run, false, true).await.expect("a dry run");
    let expected = vec![[1, 0, 1, 0, 1], [1, 0, 1, 0, 2]];
    assert_eq!((dry.status, counts(&dry)), (RunStatus::DryRun, expected.clone()));
    assert_eq!(space.value(STATE).await, after);

    let undone = undo(&space, &run).await;
    assert_eq!((undone.status, counts(&undone)), (RunStatus::Published, expected));
    assert_eq!(space.value(STATE).await, before);
    let ledger = "select string_agg(format('%s %s %s', status, undoes is not null, undone_by is not null), ', ' order by started_at) from longshore.run";
    assert_eq!(space.value(ledger).await, "published f t, published t f");
    let sums = format!(
        "select string_agg(format('%s %s', mode, deleted), ',' order by target) from longshore.tally where run_id = '{}'",
        undone.run
    );
    assert_eq!(space.value(&sums).await, "undo 1,undo 2");

    assert_eq!(refused(&space, &run).await, ErrorKind::Definition, "twice");
    assert_eq!(refused(&space, &undone).await, ErrorKind::Definition, "an undo");
    let again = space.run(PIPELINE).await;
    assert_eq!((again.status, first(&again)), (RunStatus::Published, first(&run)));
    let lease = "select count(*) from longshore.lease";
    assert_eq!(space.value(lease).await, "0");
}

#[tokio::test]
async fn rows_that_were_touched_since_hold_it_and_are_left_when_forced() {
    let space = Workspace::with(TABLES).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(PIPELINE).await;
    // One that it updated, one of the two that it inserted, and one that it did not write.
    let touch = "update member set touched = 1 where id in (1, 3, 9)";
    space.client.batch_execute(touch).await.expect("somebody");
    let touched = space.value(STATE).await;
    let held = undo(&space, &run).await;
    assert_eq!(held.status, RunStatus::Held);
    let left = &held.undo.as_ref().expect("an undo").left;
    let left: Vec<_> =
        left.iter().map(|left| (left.table.as_str(), left.replaced, left.inserted)).collect();
    // Member 3 is in club c: who deleted that would take the member's club away.
    assert_eq!(left, [("public.club", 0, 1), ("public.member", 1, 1)]);
    assert_eq!(space.value(STATE).await, touched);
    assert_eq!(space.value("select count(*) from longshore.run").await, "1", "nothing waits");

    let forced = try_undo(&space, &run, true, false).await.expect("forced");
    assert_eq!(counts(&forced), [[1, 0, 1, 0, 0], [1, 0, 0, 1, 1]]);
    let members =
        "select string_agg(format('%s %s %s', id, name, club), ', ' order by id) from member";
    assert_eq!(space.value(members).await, "1 Anna c, 2 Bo b, 3 Cy c, 9 Zoe b");
    assert_eq!(space.value("select title from club where code = 'b'").await, "Bowling");
}

#[tokio::test]
async fn two_runs_are_undone_one_after_the_other() {
    let space = Workspace::with(TABLES).await;
    let before = space.value(STATE).await;
    space.write("members.csv", MEMBERS);
    let first_run = space.run(PIPELINE).await;
    let between = space.value(STATE).await;
    space.write(
        "members.csv",
        MEMBERS.replace("Anna", "Annika").replace("Cy", "Cyan").replace("Bo,", "Bob,"),
    );
    let second_run = space.run(PIPELINE).await;
    let held = undo(&space, &first_run).await;
    assert_eq!(held.status, RunStatus::Held, "the second wrote over it");
    assert_eq!(undo(&space, &second_run).await.status, RunStatus::Published);
    assert_eq!(space.value(STATE).await, between);
    let undone = undo(&space, &first_run).await;
    assert_eq!(
        (undone.status, counts(&undone)),
        (RunStatus::Published, vec![[1, 0, 1, 0, 1], [1, 0, 1, 0, 2]])
    );
    assert_eq!(space.value(STATE).await, before);
}

#[tokio::test]
async fn only_rows_that_are_replaced_are_kept_and_only_for_their_time() {
    let space = Workspace::with("create table member (id int primary key, name text)").await;
    let toml = |limit: &str| {
        format!(
            "{}\n[limits]\nundo = {limit}\n",
            r#"
[source]
format = "csv"
path = "$DIR/members.csv"
[[target]]
table = "public.member"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name" }
"#
        )
    };
    space.write("members.csv", "id,name\n1,Ana\n2,Bo\n");
    space.run(&toml("\"2 hours\"")).await;
    space.run_how(&toml("\"2 hours\""), How { force: true, ..How::default() }).await;
    assert_eq!(images(&space).await, "0", "rows that are new or the same cost nothing");
    let until =
        "select round(extract(epoch from max(expires_at) - now()) / 3600) from longshore.undo";
    assert_eq!(space.value(until).await, "2");

    space.write("members.csv", "id,name\n1,Anna\n2,Bo\n");
    let changed = space.run(&toml("\"1 day\"")).await;
    assert_eq!(images(&space).await, "1");
    let kept = space.value("select image from longshore.undo_target where updated > 0").await;
    assert_eq!(space.value(&format!("select string_agg(c2, ',') from {kept}")).await, "Ana");
    space
        .client
        .batch_execute("update longshore.undo set expires_at = now()")
        .await
        .expect("time passes");
    assert_eq!(refused(&space, &changed).await, ErrorKind::Definition);

    space.write("members.csv", "id,name\n1,Annika\n2,Bob\n");
    let never = space.run(&toml("false")).await;
    assert_eq!(images(&space).await, "0", "the next run has dropped what was expired");
    assert_eq!(space.value("select count(*) from longshore.undo").await, "0");
    assert_eq!(refused(&space, &never).await, ErrorKind::Definition);
}

#[tokio::test]
async fn the_table_may_be_renamed_but_not_changed_and_a_row_in_the_way_is_told() {
    let space = Workspace::with(TABLES).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(PIPELINE).await;
    let rename = "alter table member rename name to full_name;
        insert into member (id, full_name) values (20, 'Ana')";
    space.client.batch_execute(rename).await.expect("");
    // The name that the run took from member 1 has another member now.
    let error = try_undo(&space, &run, false, false).await.expect_err("there are two");
    let told = format!("{error} {error:?}");
    assert!(told.contains("member_name_key") && !told.contains("Ana"), "{told}");
    let failed = "select status || coalesce(undone_by, '') from longshore.run order by started_at desc limit 1";
    assert_eq!(space.value(failed).await, "failed");
    space.client.batch_execute("delete from member where id = 20").await.expect("");
    assert_eq!(undo(&space, &run).await.status, RunStatus::Published);
    assert_eq!(space.value("select full_name from member where id = 1").await, "Ana");

    let again = space.run(&PIPELINE.replace("name = {", "full_name = {")).await;
    let change = "alter table member alter fee type numeric(8,2)";
    space.client.batch_execute(change).await.expect("a wider column");
    assert_eq!(refused(&space, &again).await, ErrorKind::Environment);
}

#[tokio::test]
async fn rows_that_others_refer_to_are_not_taken_away_with_theirs() {
    let space = Workspace::with(&format!(
        "{TABLES} create table visit (member int references member on delete cascade)"
    ))
    .await;
    space.write("members.csv", MEMBERS);
    let run = space.run(PIPELINE).await;
    space.client.batch_execute("insert into visit values (4)").await.expect("a visit");
    let held = undo(&space, &run).await;
    assert_eq!(held.status, RunStatus::Held);
    let forced = try_undo(&space, &run, true, false).await.expect("forced");
    assert_eq!(counts(&forced)[1], [1, 0, 1, 0, 1]);
    assert_eq!(space.value("select count(*) from visit join member on id = member").await, "1");
}

#[tokio::test]
async fn a_restored_dump_is_not_mistaken_for_the_database() {
    let space = Workspace::with(TABLES).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(PIPELINE).await;
    space
        .client
        .batch_execute("update longshore.undo set database = '1/2'")
        .await
        .expect("elsewhere");
    assert_eq!(refused(&space, &run).await, ErrorKind::Definition);
    let old = "update longshore.undo set transaction_id = transaction_id - (1::bigint << 31)";
    space.client.batch_execute(old).await.expect("long ago");
    assert_eq!(refused(&space, &run).await, ErrorKind::Definition);
}

#[tokio::test]
async fn undo_tells_no_value_and_exits_as_documented() {
    let space = Workspace::with(TABLES).await;
    space.write("members.csv", MEMBERS);
    space.write("club.toml", PIPELINE.replace("$DIR/", ""));
    let longshore = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().env("DATABASE_URL", space.database.url());
        command.current_dir(space.folder.path()).args(arguments);
        let ended = command.output().expect("longshore runs");
        let told =
            [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (ended.status.code(), told)
    };
    let (_, [ran, _]) = longshore(&["run", "--output", "json", "club.toml"]);
    let run: serde_json::Value = serde_json::from_str(&ran).expect("a document");
    let run = run["run"].as_str().expect("a run");
    let history = longshore(&["history", run]);
    assert!(history.1[0].contains("can be undone until"), "{history:?}");
    space.client.batch_execute("update member set touched = 1 where id = 1").await.expect("");
    let held = longshore(&["undo", "--output", "json", run]);
    let document: serde_json::Value = serde_json::from_str(&held.1[0]).expect("a document");
    assert_eq!((held.0, &document["status"]), (Some(3), &"held".into()), "{held:?}");
    assert_eq!(document["undo"]["left"][0]["table"], "public.club", "{document}");
    let forced = longshore(&["undo", "--force", run]);
    assert_eq!((forced.0, forced.1[1].contains("is undone")), (Some(0), true), "{forced:?}");
    let again = longshore(&["undo", run]);
    assert_eq!(again.0, Some(2));
    let unknown = longshore(&["undo", "01J00000000000000000000000"]);
    assert_eq!(unknown.0, Some(2));
    let after = longshore(&["history", run]);
    assert!(after.1[0].contains("undone by"), "{after:?}");
    let told = format!("{history:?}{held:?}{forced:?}{again:?}{unknown:?}{after:?}");
    for secret in ["Ana", "Anna", "Bowl", "Archery"] {
        assert!(!told.contains(secret), "{secret} is shown");
    }
    let readers = "select count(*) from pg_class where relnamespace = 'longshore_undo'::regnamespace and relacl is not null";
    assert_eq!(space.value(readers).await, "0", "what is kept is its owner's only");
}

/// In every mode that deletes, also where rows refer to each other and unique values move.
#[tokio::test]
async fn deleted_and_marked_rows_come_back() {
    let tables = "
        create table club (code text primary key, title text not null unique);
        create table member (id int generated always as identity primary key,
          number int unique, club text not null references club, left_on date);
        insert into club values ('a', 'Archery'), ('b', 'Bowling'), ('x', 'Xylophones');
        insert into member (number, club) values (1, 'a'), (2, 'x'), (3, 'x');
        create table note (word text, times int);
        insert into note values ('same', 1), ('gone', 2), ('gone', 2), (null, 3);";
    let pipeline = r#"
[source]
format = "csv"
path = "$DIR/members.csv"
[limits]
deleted = "100%"
[[target]]
table = "public.club"
mode = "mirror"
key = ["code"]
[target.columns]
code = { from = "club" }
title = { from = "title" }
[[target]]
table = "public.member"
MODE
key = ["number"]
[target.columns]
number = { from = "number" }
club = { from = "club" }
[[target]]
table = "public.note"
mode = "replace"
[target.columns]
word = { from = "title" }
times = { from = "number" }
"#;
    let state = "select (select string_agg(c::text, ' ' order by code) from club c) || ' | '
        || (select string_agg(m::text, ' ' order by id) from member m) || ' | '
        || (select string_agg(n::text, ' ' order by word, times) from note n)";
    for mode in [
        "mode = \"mirror\"",
        "mode = \"replace\"",
        "mode = \"mirror\"\nsoft_delete = { column = \"left_on\", value = \"now\" }",
    ] {
        let space = Workspace::with(tables).await;
        let before = space.value(state).await;
        let club = if mode.contains("left_on") { "3,x,Xylo\n" } else { "" };
        space.write("members.csv", format!("number,club,title\n1,a,Arts\n4,n,New\n{club}"));
        let run = space.run(&pipeline.replace("MODE", mode)).await;
        assert_eq!(run.status, RunStatus::Published, "{mode}: {run:?}");
        assert!(run.tables[1].tally.deleted > 0, "{mode}: {run:?}");
        let undone = undo(&space, &run).await;
        assert_eq!(undone.status, RunStatus::Published, "{mode}: {undone:?}");
        assert_eq!(space.value(state).await, before, "{mode}");
        let again = space.run(&pipeline.replace("MODE", mode)).await;
        assert_eq!(again.tables[1].tally, run.tables[1].tally, "{mode}: it counts as not loaded");
    }
}

/// Versions that end each other, and a value that a deleted row left to a new one.
#[tokio::test]
async fn histories_and_ordered_deletions_are_undone_without_breaking_a_constraint() {
    let tables = "
        create extension btree_gist;
        create table address (student text not null, street text, since date not null, until date,
          primary key (student, since), exclude using gist (student with =, daterange(since, until) with &&));
        insert into address values ('a', 'Elm', '2024-01-01', '2024-06-01'), ('a', 'Fir', '2024-06-01', null);
        create table item (id int primary key, email text unique);
        insert into item values (1, 'a@x'), (2, 'b@x');";
    let pipeline = r#"
[source]
format = "csv"
path = "$DIR/changes.csv"
[[target]]
table = "public.address"
mode = "history"
key = ["student"]
history = { valid_from = "since", valid_to = "until" }
[target.columns]
student = { from = "student" }
street = { from = "street" }
since = { from = "since" }
[[target]]
table = "public.item"
mode = "upsert"
key = ["id"]
[target.operation]
from = "op"
insert = ["I"]
update = ["U"]
delete = ["D"]
[target.columns]
id = { from = "id" }
email = { from = "email" }
"#;
    let state =
        "select (select string_agg(a::text, ' ' order by student, since) from address a) || ' | '
        || (select string_agg(i::text, ' ' order by id) from item i)";
    let space = Workspace::with(tables).await;
    let before = space.value(state).await;
    let rows = "a,Oak,2024-03-01,D,1,\na,Ivy,2024-09-01,I,3,a@x\nb,Yew,2024-09-01,U,2,c@x\n";
    space.write("changes.csv", format!("student,street,since,op,id,email\n{rows}"));
    let run = space.run(pipeline).await;
    assert_eq!(space.value("select count(*) from address").await, "5");
    assert_eq!(space.value("select string_agg(email, ' ' order by id) from item").await, "c@x a@x");
    let undone = undo(&space, &run).await;
    assert_eq!(undone.status, RunStatus::Published, "{undone:?}");
    assert_eq!(space.value(state).await, before);
}

/// Triggers fire for what an undo writes as for any writer: what they make of a row is theirs.
#[tokio::test]
async fn triggers_that_rewrite_rows_rewrite_those_given_back() {
    let space = Workspace::with(
        "create table member (id int primary key, name text not null, version int not null default 0);
         insert into member values (1, 'ana', 3), (2, 'bo', 3);
         create function rewrite() returns trigger language plpgsql as $$ begin
           new.name := upper(new.name);
           if tg_op = 'UPDATE' then new.version := old.version + 1; end if;
           return new; end $$;
         create trigger rewrite before insert or update on member for each row execute function rewrite();
         create function count_deleted() returns trigger language plpgsql as
           $$ begin insert into gone values (old.id); return old; end $$;
         create table gone (id int);
         create trigger count_deleted before delete on member for each row execute function count_deleted()",
    )
    .await;
    space.write("members.csv", "id,name\n1,anna\n2,bo\n3,cy\n");
    let toml = r#"
[source]
format = "csv"
path = "$DIR/members.csv"
[[target]]
table = "public.member"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name" }
"#;
    let all = "select string_agg(concat_ws('/', id, name, version), ' ' order by id) from member";
    let run = space.run(toml).await;
    assert_eq!(first(&run), [3, 0, 0, 0, 1, 1, 1]);
    assert_eq!(space.value(all).await, "1/ANNA/4 2/bo/3 3/CY/0");
    assert_eq!(counts(&undo(&space, &run).await), [[1, 0, 1, 0, 1]]);
    assert_eq!(space.value(all).await, "1/ANA/5 2/bo/3");
    assert_eq!(space.value("select string_agg(id::text, ' ') from gone").await, "3");

    // One that keeps a row as it is leaves the whole undone run undone by nobody.
    let again = space.run(toml).await;
    let keep =
        "create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger a_keeper before delete on member for each row execute function keep()";
    space.client.batch_execute(keep).await.expect("a trigger");
    let before = space.value(all).await;
    let error = try_undo(&space, &again, false, false).await.expect_err("a row cannot go");
    assert!(error.to_string().contains("the server wrote 0"), "{error}");
    assert_eq!(space.value(all).await, before);
}
