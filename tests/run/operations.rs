//! Change deliveries: records say themselves whether their row is written or deleted.

use std::sync::Arc;

use longshore::{
    outcome::HoldReason,
    report::RunStatus,
    run::{Stop, held, prepare, preview::preview},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, first};

const TABLE: &str = "
create table item (id int primary key, name text not null, price numeric(8,2), email text unique,
  label text, check (price >= 0));
insert into item values (1, 'anvil', 10, 'a@x', '0'), (2, 'bolt', 1, 'b@x', '0'), (3, 'cog', 2, null, '0')";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/changes.csv"

[[target]]
table = "public.item"
mode = "upsert"
key = ["id"]
[target.operation]
from = "op"
insert = ["I"]
update = ["U", ""]
delete = ["D"]
[target.columns]
id = { from = "id" }
name = { from = "name", required = true }
price = { from = "price", maximum = 100 }
email = { from = "email" }
label = { sql = "(1 / coalesce(length(name), 0))::text" }
[[target.check]]
sql = "name is not null and name <> 'x'"
"#;

const ITEMS: &str =
    "select string_agg(concat_ws(' ', id, name, price, email), '; ' order by id) from item";

async fn deliver(space: &Workspace, rows: &[&str]) -> longshore::report::RunSummary {
    space.write("changes.csv", format!("op,id,name,price,email\n{}\n", rows.join("\n")));
    space.run(PIPELINE).await
}

#[tokio::test]
async fn records_insert_update_and_delete() {
    let space = Workspace::with(TABLE).await;
    let untouched = "select xmin::text from item where id = 3";
    let before = space.value(untouched).await;
    let rows =
        ["I,4,dowel,1,", "U,2,bolt,1.5,b@x", ",3,cog,2,", "D,1,,,", "D,9,,,", "I,2,bolt,1.75,b@x"];
    let summary = deliver(&space, &rows).await;
    // The earlier of two operations on one row is its duplicate; deleting what is not there changes nothing.
    assert_eq!(first(&summary), [6, 0, 0, 1, 1, 2, 2], "{:#?}", space.rejections(&summary));
    assert_eq!(summary.tables[0].tally.deleted, 1);
    assert_eq!(space.value(ITEMS).await, "2 bolt 1.75 b@x; 3 cog 2.00; 4 dowel 1.00");
    assert_eq!(space.value(untouched).await, before, "no row version was written");
}

#[tokio::test]
async fn a_deletion_needs_nothing_but_its_key() {
    let space = Workspace::with(TABLE).await;
    // A missing name, a price that is none, a computed column that fails, a check that does not hold.
    let rows =
        ["D,1,,much,", "D,2,x,-1,a@x", "D,,anvil,1,", "X,3,,much,", "D,three,,,", "I,5,,much,"];
    let summary = deliver(&space, &rows).await;
    assert_eq!(first(&summary), [6, 0, 4, 0, 0, 2, 0], "{:#?}", space.rejections(&summary));
    assert_eq!(
        codes(&summary),
        [
            ("rule.not_null", 1),
            ("rule.operation", 1),
            ("rule.required", 1),
            ("type.integer", 1),
            ("type.numeric", 1)
        ]
    );
    assert_eq!(space.value(ITEMS).await, "3 cog 2.00");
}

#[tokio::test]
async fn the_last_operation_on_a_row_counts_or_the_one_that_the_author_says() {
    let space = Workspace::with(TABLE).await;
    let rows = ["D,1,,,", "I,1,anvil,11,a@x", "I,7,new,1,", "D,7,,,"];
    let summary = deliver(&space, &rows).await;
    assert_eq!(first(&summary), [4, 0, 0, 2, 0, 1, 1]);
    assert_eq!(space.value("select price from item where id = 1").await, "11.00");

    let by_price =
        PIPELINE.replace("key = [\"id\"]", "key = [\"id\"]\nduplicates = { max = \"price\" }");
    space.write("changes.csv", "op,id,name,price,email\nD,1,,5,\nU,1,anvil,4,a@x\nD,2,,many,\n");
    let summary = space.run(&by_price).await;
    assert_eq!(first(&summary), [3, 0, 1, 1, 0, 1, 0], "{:#?}", space.rejections(&summary));
    assert_eq!(space.value("select count(*) from item where id = 1").await, "0");
}

#[tokio::test]
async fn a_deletion_frees_what_its_row_held() {
    let space = Workspace::with(TABLE).await;
    let rows = ["I,8,awl,1,a@x", "D,1,,,", "I,9,saw,1,b@x"];
    let summary = deliver(&space, &rows).await;
    assert_eq!(first(&summary), [3, 0, 1, 0, 1, 1, 0], "{:#?}", space.rejections(&summary));
    assert_eq!(codes(&summary), [("constraint.unique", 1)]);
    assert_eq!(space.value("select id from item where email = 'a@x'").await, "8");
}

/// Deliveries as OneRoster makes them, into an empty table too.
#[tokio::test]
async fn a_status_can_say_what_is_deleted() {
    let space =
        Workspace::with("create table pupil (id text primary key, name text not null)").await;
    let pipeline = r#"
[source]
format = "csv"
path = "$DIR/users.csv"
[[target]]
table = "public.pupil"
mode = "upsert"
key = ["id"]
operation = { from = "status", update = ["active"], delete = ["tobedeleted"] }
columns.id = { from = "sourcedId" }
columns.name = { from = "name" }
"#;
    space.write("users.csv", "sourcedId,status,name\na,active,Ana\nb,tobedeleted,\nc,active,Cy\n");
    assert_eq!(first(&space.run(pipeline).await), [3, 0, 0, 0, 2, 0, 1]);
    space.write("users.csv", "sourcedId,status,name\na,tobedeleted,\nc,active,Cy\n");
    let dry = space.run_how(pipeline, How { dry_run: true, ..How::default() }).await;
    assert_eq!((first(&dry), dry.tables[0].tally.deleted), ([2, 0, 0, 0, 0, 1, 1], 1));
    assert_eq!(first(&space.run(pipeline).await), [2, 0, 0, 0, 0, 1, 1]);
    assert_eq!(space.value("select string_agg(id, ',') from pupil").await, "c");

    space.write("users.csv", "sourcedId,name\na,Ana\n");
    let Err(Stop::Findings(findings)) = space.try_run(pipeline, How::default()).await else {
        panic!("without its field nothing says what to do")
    };
    assert_eq!(findings[0].place.to_string(), "target[0].operation.from");
}

#[tokio::test]
async fn a_preview_shows_of_a_deletion_what_is_read_of_it() {
    let space = Workspace::with(TABLE).await;
    space.write("changes.csv", "op,id,name,price,email\nD,1,,much,\nX,2,,much,\nI,3,,much,\n");
    let pipeline = space.pipeline(PIPELINE);
    let session = space.database.session().await;
    let found = prepare::find_files(&pipeline.definition).await.expect("the file");
    let (tables, names) =
        prepare::read_tables(&session, &pipeline.definition).await.expect("the table");
    let bound = prepare::bind_files(&pipeline, &found, &tables, &names).expect("a plan");
    let records = preview(&bound, 3, false).expect("the records");
    let shown = |at: usize| -> (bool, Vec<&str>) {
        let row = &records[at].written[0];
        let wrong = row.columns.iter().filter_map(|(_, shown)| shown.as_ref().err());
        (row.deletes, wrong.map(|wrong| wrong.split(':').next().unwrap_or_default()).collect())
    };
    assert_eq!(shown(0), (true, vec![]));
    assert_eq!(shown(1), (false, vec!["rule.operation"]));
    assert_eq!(shown(2), (false, vec!["rule.required", "type.numeric"]));
    assert_eq!(records[0].written[0].columns.len(), 1);
}

const FAMILY: &str = "
create table owner (id int primary key, name text, boss int references owner);
create table dog (id int primary key, owner int references owner, name text);
create table note (owner int references owner);
insert into owner values (1, 'Ana', null), (2, 'Ben', 1), (3, 'Cy', null), (4, 'Di', null), (5, 'Eve', null);
insert into dog values (10, 1, 'Rex'), (20, 2, 'Bo'), (30, 3, 'Max');
insert into note values (4)";

const FAMILY_PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/family.csv"

[[target]]
table = "public.owner"
mode = "upsert"
key = ["id"]
when = { kind = { enum = ["owner"] } }
operation = { from = "op", update = ["U"], delete = ["D"] }
columns.id = { from = "id" }
columns.name = { from = "name" }
columns.boss = { from = "ref" }

[[target]]
table = "public.dog"
mode = "upsert"
key = ["id"]
when = { kind = { enum = ["dog"] } }
operation = { from = "op", update = ["U"], delete = ["D"] }
columns.id = { from = "id" }
columns.name = { from = "name" }
columns.owner = { from = "ref" }
"#;

/// Ben's boss goes with him to somebody else, and so does a dog; what refers to nothing any
/// more may go, in whatever order the records stand.
#[tokio::test]
async fn a_row_that_others_refer_to_is_not_deleted_and_what_lets_it_go_is_seen() {
    let space = Workspace::with(FAMILY).await;
    let rows = [
        "owner,D,1,,",     // Ben's boss and Rex's owner, both let go below
        "owner,U,2,Ben,5", // has another boss now
        "dog,U,10,Rex,2",  // has another owner now
        "owner,D,3,,",     // Max goes too
        "dog,D,30,,",      //
        "owner,D,4,,",     // a note refers to Di
        "owner,D,5,,",     // Ben's new boss
        "dog,U,40,Pug,2",  // refers to who stays
    ];
    space.write("family.csv", format!("kind,op,id,name,ref\n{}\n", rows.join("\n")));
    let summary = space.run(FAMILY_PIPELINE).await;
    let lines = space.rejections(&summary);
    assert_eq!(codes(&summary), [("constraint.foreign_key", 2)], "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("`note_owner_fkey`: rows of public.note refer")));
    assert!(
        lines.iter().any(|line| line.contains("`owner_boss_fkey`: rows of public.owner refer"))
    );
    assert_eq!(
        space.value("select string_agg(id::text, ',' order by id) from owner").await,
        "2,4,5"
    );
    let dogs = "select string_agg(id || '>' || owner, ',' order by id) from dog";
    assert_eq!(space.value(dogs).await, "10>2,20>2,40>2");
}

/// With a unique name deletions come first, so a row that is let go only by an update stays.
#[tokio::test]
async fn deletions_that_come_first_go_backwards_through_the_targets() {
    let space = Workspace::with(FAMILY).await;
    space.client.batch_execute("alter table owner add unique (name)").await.expect("a constraint");
    let rows = [
        "owner,D,3,,",
        "dog,D,30,,",
        "owner,U,6,Cy,",
        "owner,D,1,,",
        "owner,U,2,Ben,5",
        "dog,U,10,Rex,2",
    ];
    space.write("family.csv", format!("kind,op,id,name,ref\n{}\n", rows.join("\n")));
    let summary = space.run(FAMILY_PIPELINE).await;
    let lines = space.rejections(&summary);
    assert_eq!(codes(&summary), [("constraint.foreign_key", 1)], "{lines:#?}");
    let owners = "select string_agg(id || name, ',' order by id) from owner";
    assert_eq!(space.value(owners).await, "1Ana,2Ben,4Di,5Eve,6Cy");
}

#[tokio::test]
async fn ordered_deletions_wait_for_approval_above_a_limit_of_the_author() {
    let space = Workspace::with(TABLE).await;
    let limited = format!("limits = {{ deleted = \"50%\" }}\n{PIPELINE}");
    space.write("changes.csv", "op,id,name,price,email\nD,1,,,\nD,2,,,\nU,3,cog,3,\n");
    let held = space.run(&limited).await;
    assert_eq!(held.status, RunStatus::Held);
    let deletions = held.tables[0].deletions.as_ref().expect("a limit");
    assert_eq!((deletions.rows, deletions.gone), (3, 2));
    assert_eq!(deletions.held_for, [HoldReason::OverLimit]);
    assert_eq!(space.value("select count(*) from item").await, "3");

    let run = RunId::parse(&held.run).expect("a run");
    let shown = held::show(&space.client, &run, 10).await.expect("shown").expect("a run");
    assert_eq!(shown.held.expect("held")[0].summary.tally.deleted, 2);
    let approved = held::approve(&space.database.endpoint(), &run, &Arc::default()).await;
    assert_eq!(approved.expect("approved").status, RunStatus::Published);
    assert_eq!(space.value(ITEMS).await, "3 cog 3.00");

    space
        .client
        .batch_execute("insert into item select n, 'x', 0 from generate_series(10, 12) n")
        .await
        .expect("rows");
    space.write("changes.csv", "op,id,name,price,email\nD,10,,,\nD,11,,,\n");
    assert_eq!(space.run(&limited).await.status, RunStatus::Published, "at the limit");
}

/// What the table does not let go is a rejection of the record that ordered it, whoever says no.
#[tokio::test]
async fn a_deletion_that_a_trigger_or_an_unseen_table_forbids_is_rejected() {
    let space = Workspace::with(&format!(
        "{TABLE};
         create function stays() returns trigger language plpgsql as
           $$ begin if old.id = 1 then raise exception 'not %', old.name; end if;
                if old.id = 2 then return null; end if; return old; end $$;
         create trigger stays before delete on item for each row execute function stays();
         insert into item values (4, 'dowel', 1, 'd@x', '0'), (5, 'eyelet', 1, 'e@x', '0');
         create table part (id int primary key, item int not null constraint part_item references item on delete set null);
         insert into part values (1, 4)"
    ))
    .await;
    let summary = deliver(
        &space,
        &["D,1,,,", "D,2,,,", "D,3,,,", "D,4,,,", "U,5,eye,1,a@x", "I,6,fork,1,f@x"],
    )
    .await;
    let lines = space.rejections(&summary).join("\n");
    assert_eq!(
        codes(&summary),
        [("constraint.refused", 2), ("constraint.unique", 1), ("rule.not_null", 1)],
        "{lines}"
    );
    assert_eq!(
        space.value("select string_agg(id::text, ' ' order by id) from item").await,
        "1 2 4 5 6"
    );
    assert_eq!(
        space.value("select email from item where id = 5").await,
        "e@x",
        "what 1 keeps is not free"
    );
    space.assert_unlogged(&["not anvil"]).await;
}
