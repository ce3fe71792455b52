//! No value of a row reaches the server's log, whichever way a record takes that cannot be loaded.

use std::{fs, path::PathBuf, sync::Arc};

use longshore::{
    outcome::HoldReason,
    report::{RunStatus, RunSummary},
    run::{
        self, ImportRequest, LoadOptions, ReplayRequest, Stop, UndoRequest, held,
        progress::Progress,
    },
    run_id::RunId,
};

use super::workspace::{How, Workspace};

/// What records bring, and what rows hold that stand against them.
const VALUES: [&str; 8] =
    ["Zacharias", "Zenobia", "Zoroaster", "zz@x", "Zwickau", "Zenith", "Zirconia", "zz9"];

const TABLE: &str = "
    create domain short as text check (value <> 'Zenith');
    create table town (code text primary key);
    insert into town values ('A');
    create table desk (id int primary key, room text);
    insert into desk values (1, 'Zirconia'), (2, 'Zirconia');
    create table person (id int, name text not null check (name <> 'Zacharias'), mail text unique,
      town text references town, nick short, share int, desk int,
      since date not null default '2020-01-01', until date, is_current bool not null default true,
      $KEY);
    create index on person ((100 / share)) where share is not null;
    create function odd() returns trigger language plpgsql as
      $$ begin if new.name = 'Zenobia' then raise exception 'not %', new; end if; return new; end $$;
    create trigger odd before insert or update on person for each row execute function odd();
    insert into person (id, name, mail) values (50, 'Eva', 'zz@x');";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/people*.csv"
$LIMITS
[[target]]
table = "public.person"
$MODE
[target.columns]
id = { from = "id" }
name = { from = "name" }
mail = { from = "mail" }
town = { from = "town" }
nick = { from = "nick" }
share = { sql = "length(mail) - 5" }
desk = { lookup = "public.desk", match = { room = "room" }, take = "id" }
"#;

const PEOPLE: &str = "op,id,name,mail,town,nick,room
I,1,Ana,a@x,A,a,
I,2,Zacharias,b@x,A,b,
I,3,Zenobia,c@x,A,c,
I,4,Dara,zz@x,A,d,
I,5,Eve,e@x,Zwickau,e,
I,6,Fay,f@x,A,Zenith,
I,7,Gil,g@x,A,g,Zirconia
I,8,,h@x,A,Zoroaster,
I,9,Zoroaster,i@x,A,i,
I,10,Ida,zz9zz,A,zz9,
";

const MODES: [&str; 7] = [
    "mode = 'append'",
    "mode = 'insert'\nkey = ['id']",
    "mode = 'upsert'\nkey = ['id']",
    "mode = 'mirror'\nkey = ['id']",
    "mode = 'replace'\nkey = ['id']",
    "mode = 'upsert'\nkey = ['id']\noperation = { from = 'op', insert = ['I'], update = ['U'], delete = ['D'] }",
    HISTORY,
];

const HISTORY: &str = "mode = 'history'\nkey = ['id']
history = { valid_from = 'since', valid_to = 'until', current = 'is_current' }";

fn pipeline(mode: &str) -> String {
    let deletes = mode.contains("mirror") || mode.contains("replace");
    let limits = if deletes { "[limits]\ndeleted = \"100%\"" } else { "" };
    PIPELINE.replace("$LIMITS", limits).replace("$MODE", mode)
}

async fn space(mode: &str) -> Workspace {
    let key = if mode == HISTORY { "unique (id, since)" } else { "primary key (id)" };
    Workspace::with(&TABLE.replace("$KEY", key)).await
}

async fn loaded(space: &Workspace, mode: &str) -> RunSummary {
    match space.try_run(&pipeline(mode), How::default()).await {
        Ok(summary) => summary,
        Err(Stop::Error(error)) => panic!("{mode}: {error}: {error:?}"),
        Err(Stop::Findings(findings)) => panic!("{mode}: {findings:#?}"),
    }
}

fn run_id(summary: &RunSummary) -> RunId {
    RunId::parse(&summary.run).expect("a run")
}

#[tokio::test]
async fn no_mode_of_writing_has_the_server_log_a_value() {
    for mode in MODES {
        let space = space(mode).await;
        space.write("people.csv", PEOPLE);
        let summary = loaded(&space, mode).await;
        assert_eq!(summary.status, RunStatus::Published, "{mode}");
        // What takes the value 'zz@x' away lets another record have it.
        let lines = space.rejections(&summary);
        assert!((7..=8).contains(&summary.tables[0].tally.rejected), "{mode}: {lines:#?}");
        space.assert_unlogged(&VALUES).await;
    }
}

#[tokio::test]
async fn a_replay_has_the_server_log_no_value() {
    let mode = MODES[2];
    let space = space(mode).await;
    space.write("people.csv", PEOPLE);
    let summary = loaded(&space, mode).await;
    let report = PathBuf::from(summary.rejections.report.as_ref().expect("a report"));
    let path = report.join("rejected/people.csv");
    let text = fs::read_to_string(&path).expect("the rejected records");
    fs::write(&path, text.replace("b@x", "zz@x").replace("Gil", "Zoroaster")).expect("written");
    let import = ImportRequest {
        pipeline: space.pipeline(&pipeline(mode)),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions::default(),
    };
    let request = ReplayRequest { import, of: run_id(&summary), report };
    let replayed =
        run::replay(&space.database.endpoint(), &request, &Arc::new(Progress::default())).await;
    let replayed = replayed.unwrap_or_else(|stop| panic!("{stop:?}"));
    assert_eq!(replayed.replay.expect("a replay").closed, 0);
    space.assert_unlogged(&VALUES).await;
}

#[tokio::test]
async fn an_approval_has_the_server_log_no_value() {
    let space = space("").await;
    let many = "insert into person (id, name, mail) select id, 'Old', id from generate_series(100, 200) id";
    space.client.batch_execute(many).await.expect("rows");
    space.write("people.csv", PEOPLE);
    let toml = pipeline(MODES[3]).replace("100%", "5%");
    let summary = space.run(&toml).await;
    assert_eq!(summary.status, RunStatus::Held);
    let held_for = &summary.tables[0].deletions.as_ref().expect("it deletes").held_for;
    assert!(held_for.contains(&HoldReason::OverLimit));
    // Meanwhile the table takes what was good no more.
    space.client.batch_execute("delete from town").await.expect("they go");
    let approve = async || {
        let progress = Arc::new(Progress::default());
        held::approve(&space.database.endpoint(), &run_id(&summary), &progress).await
    };
    let error = approve().await.expect_err("a record does not fit any more");
    assert!(error.to_string().contains("`person_town_fkey`"), "{error}");
    space.client.batch_execute("insert into town values ('A')").await.expect("it is back");
    assert_eq!(approve().await.expect("it fits again").status, RunStatus::Published);
    space.assert_unlogged(&VALUES).await;
}

/// Rows given back may stand against what others wrote since, or a trigger that was made since.
#[tokio::test]
async fn an_undo_has_the_server_log_no_value() {
    for meanwhile in [
        "insert into person (id, name, mail) values (60, 'Other', 'zz@x')",
        "create function no() returns trigger language plpgsql as
           $$ begin if old.name = 'Zoroaster' then raise exception 'never %', old; end if; return coalesce(new, old); end $$;
         create trigger no before update or delete on person for each row execute function no()",
        "delete from town; alter table person add constraint no check (name <> 'Zoroaster') not valid",
    ] {
        let space = space("").await;
        let before = "update person set name = 'Zoroaster', town = null, mail = 'zz@x' where id = 50";
        space.client.batch_execute(before).await.expect("a row");
        space.write("people.csv", "op,id,name,mail,town,nick,room\nI,50,Ana,a@x,,a,\nI,9,Zoroaster,i@x,,i,\n");
        let summary = loaded(&space, MODES[2]).await;
        assert_eq!(summary.tables[0].tally.updated, 1);
        space.client.batch_execute(meanwhile).await.expect("somebody");
        let request = UndoRequest { of: run_id(&summary), force: false, dry_run: false };
        let undone =
            run::undo(&space.database.endpoint(), &request, &Arc::new(Progress::default())).await;
        let said = format!("{:?}", undone.as_ref().err());
        assert!(undone.is_err(), "{meanwhile}");
        assert!(VALUES.iter().all(|value| !said.contains(value)), "{said}");
        space.assert_unlogged(&VALUES).await;
    }
}

/// The server's parallel workers have no handler: what fails in one of them would be logged.
#[tokio::test]
async fn what_is_computed_of_many_rows_is_not_left_to_parallel_workers() {
    let space =
        Workspace::with("create table item (id int primary key, note text, size int)").await;
    let database = space.database.name();
    for setting in [
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
        "min_parallel_table_scan_size = 0",
        "parallel_leader_participation = off",
    ] {
        let alter = format!("alter database {database} set {setting}");
        space.client.batch_execute(&alter).await.expect("a setting");
    }
    let rows = (1..=2000).map(|id| match id {
        1234 => "1234,Zurbaran\n".to_owned(),
        _ => format!("{id},{id}\n"),
    });
    space.write("items.csv", format!("id,note\n{}", rows.collect::<String>()));
    let pipeline = r#"
        [source]
        format = "csv"
        path = "$DIR/items.csv"
        [[target]]
        table = "public.item"
        mode = "upsert"
        key = ["id"]
        [target.columns]
        id = { from = "id" }
        note = { from = "note" }
        size = { sql = "note::int" }
    "#;
    let summary = space.run(pipeline).await;
    assert_eq!(super::workspace::codes(&summary), [("sql.error", 1)]);
    space.assert_unlogged(&["Zurbaran"]).await;
}
