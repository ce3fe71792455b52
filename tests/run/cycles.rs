//! Rows that refer to each other: within a table, and between tables that one run writes.

use std::sync::Arc;

use longshore::{
    report::RunSummary,
    run::{self, Stop, UndoRequest, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, counts};

const TEAMS: &str = "
create table team (id int generated always as identity primary key, code text not null unique, lead_id int);
create table member (
  id int generated always as identity primary key, name text not null unique, team_id int not null references team);
alter table team add constraint team_lead foreign key (lead_id) references member;
insert into team (code) values ('T0');
insert into member (name, team_id) values ('Zoe', 1);";

const FLAT: &str = r#"
[source]
format = "csv"
path = "$DIR/members.csv"

[[target]]
table = "public.team"
mode = "upsert"
key = ["code"]
shared = true
[target.columns]
code = { from = "team" }
lead_id = { lookup = "public.member", match = { name = "lead" }, take = "id" }

[[target]]
table = "public.member"
mode = "upsert"
key = ["name"]
[target.columns]
name = { from = "name" }
team_id = { lookup = "public.team", match = { code = "team" }, take = "id" }
"#;

const LEADS: &str = "select string_agg(concat_ws('|', t.code, m.name), ',' order by t.code)
  from team t left join member m on m.id = t.lead_id";

fn by_table(summary: &RunSummary) -> Vec<(&str, [u64; 7])> {
    summary.tables.iter().map(|it| (it.table.as_str(), counts(&it.tally))).collect()
}

async fn undo(space: &Workspace, summary: &RunSummary) -> RunSummary {
    let of = RunId::parse(&summary.run).expect("a run");
    let request = UndoRequest { of, force: false, dry_run: false };
    let endpoint = space.database.endpoint();
    let undone = run::undo(&endpoint, &request, &Arc::new(Progress::default())).await;
    undone.expect("it is undone")
}

#[tokio::test]
async fn tables_that_refer_to_each_other_are_a_finding_unless_one_may_be_checked_late() {
    let space = Workspace::with(TEAMS).await;
    space.write("members.csv", "team,lead,name\nT1,Ana,Ana\nT1,Ana,Bo\nT0,Bo,Zoe\n");
    let Err(Stop::Findings(findings)) = space.try_run(FLAT, How::default()).await else {
        panic!("neither can be written first")
    };
    let [finding] = &findings[..] else { panic!("one finding: {findings:#?}") };
    assert_eq!(finding.code, "bind.reference_cycle");
    for name in ["public.team", "public.member", "`team_lead`", "`member_team_id_fkey`"] {
        assert!(finding.message.contains(name), "{}", finding.message);
    }
    let hint = finding.hint.as_deref().expect("a hint");
    assert!(
        hint.contains("alter table public.team alter constraint team_lead deferrable"),
        "{hint}"
    );

    // What is not loaded refers to nothing new.
    let without_lead = FLAT.replace("lead_id = ", "# lead_id = ");
    let dry = space.run_how(&without_lead, How { dry_run: true, ..How::default() }).await;
    assert_eq!(by_table(&dry)[0], ("public.team", [3, 0, 0, 0, 1, 0, 2]));

    let late = "alter table public.team alter constraint team_lead deferrable";
    space.client.batch_execute(late).await.expect("what the hint says");
    let before = space.value(LEADS).await;
    let summary = space.run(FLAT).await;
    assert_eq!(
        by_table(&summary),
        [("public.team", [3, 0, 0, 0, 1, 1, 1]), ("public.member", [3, 0, 0, 0, 2, 0, 1])],
        "{:#?}",
        space.rejections(&summary)
    );
    assert_eq!(space.value(LEADS).await, "T0|Bo,T1|Ana");
    let again = space.run_how(FLAT, How { force: true, ..How::default() }).await;
    assert!(again.tables.iter().all(|it| it.tally.inserted + it.tally.updated == 0), "{again:#?}");
    undo(&space, &summary).await;
    assert_eq!(space.value(LEADS).await, before);
    assert_eq!(space.value("select string_agg(name, ' ') from member").await, "Zoe");
}

#[tokio::test]
async fn in_a_circle_a_rejected_record_takes_along_what_needs_it() {
    let space = Workspace::with(TEAMS).await;
    let late = "alter table public.team alter constraint team_lead deferrable initially deferred";
    space.client.batch_execute(late).await.expect("a constraint that is checked late");
    // Bo's team wants a lead that no record brings, and who leads T3 is in that team.
    space.write("members.csv", "team,lead,name\nT1,Ana,Ana\nT2,Nobody,Bo\nT3,Bo,Cy\n");
    let summary = space.run(FLAT).await;
    assert_eq!(codes(&summary), [("lookup.none", 2)], "{:#?}", space.rejections(&summary));
    assert_eq!(space.value(LEADS).await, "T0,T1|Ana");
}

const TREES: [(&str, &str); 2] = [
    (
        "create table unit (
           id int generated always as identity primary key, code text not null unique, parent int references unit);
         insert into unit (code, parent) values ('A', null), ('B', 1), ('C', 1);",
        "{ lookup = \"public.unit\", match = { code = \"parent\" }, take = \"id\" }",
    ),
    (
        "create table unit (code text primary key, parent text references unit);
         insert into unit (code, parent) values ('A', null), ('B', 'A'), ('C', 'A');",
        "{ from = \"parent\" }",
    ),
];

/// A row that is there comes to stand below a new one: neither updating nor inserting all of the
/// rows first would do.
#[tokio::test]
async fn a_row_may_come_to_stand_below_a_new_one_and_back() {
    for (tables, parent) in TREES {
        for mode in ["upsert", "mirror", "replace"] {
            let space = Workspace::with(tables).await;
            let limits = if mode == "upsert" { "" } else { "[limits]\ndeleted = \"100%\"\n" };
            let pipeline = format!(
                "[source]\nformat = \"csv\"\npath = \"$DIR/units.csv\"\n{limits}[[target]]\ntable = \"public.unit\"\nmode = \"{mode}\"\nkey = [\"code\"]\n[target.columns]\ncode = {{ from = \"code\" }}\nparent = {parent}\n"
            );
            let shown = match parent.contains("lookup") {
                true => {
                    "select string_agg(concat_ws('<', u.code, p.code), ' ' order by u.code) from unit u left join unit p on p.id = u.parent"
                }
                false => {
                    "select string_agg(concat_ws('<', code, parent), ' ' order by code) from unit"
                }
            };
            let before = space.value(shown).await;
            // A new top, and a new row in between; C stays where it is, or goes.
            space.write("units.csv", "code,parent\nA,TOP\nB,MID\nMID,A\nTOP,\n");
            let summary = space.run(&pipeline).await;
            let deleted = u64::from(mode != "upsert");
            let tally = summary.tables[0].tally;
            assert_eq!(counts(&tally), [4, 0, 0, 0, 2, 2, 0], "{mode}, {parent}");
            assert_eq!(tally.deleted, deleted, "{mode}, {parent}");
            let c = if mode == "upsert" { " C<A" } else { "" };
            assert_eq!(space.value(shown).await, format!("A<TOP B<MID{c} MID<A TOP"));
            undo(&space, &summary).await;
            assert_eq!(space.value(shown).await, before, "{mode}, {parent}");
        }
    }
}
