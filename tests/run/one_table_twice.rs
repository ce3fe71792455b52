//! Two targets on one table: each has rows of its own, and a tally of its own.

use std::sync::Arc;

use longshore::{
    run::{self, UndoRequest, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, counts};

const TABLES: &str = "
create table child (id int primary key, name text not null);
create table parent (
  parent_id bigint generated always as identity primary key, child int not null references child,
  relation text not null, name text not null, phone text unique, unique (child, relation));
insert into child values (1, 'Ana');
insert into parent (child, relation, name, phone) values (1, 'Mother', 'Old', '1'), (1, 'Aunt', 'Eve', '9');";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/children.csv"

[[target]]
table = "public.parent"
mode = "upsert"
key = ["child", "relation"]
when = { mother = { required = true } }
[target.columns]
child = { from = "id" }
relation = { value = "Mother" }
name = { from = "mother" }
phone = { from = "mother_phone" }

[[target]]
table = "parent"
mode = "upsert"
key = ["child", "relation"]
when = { father = { required = true } }
[target.columns]
child = { from = "id" }
relation = { value = "Father" }
name = { from = "father" }
phone = { from = "father_phone" }

[[target]]
table = "public.child"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name" }
"#;

const ROWS: &str = "select string_agg(concat_ws('|', child, relation, name, phone), ',' order by child, relation) from parent";

#[tokio::test]
async fn two_targets_of_one_table_have_rows_and_tallies_of_their_own() {
    let space = Workspace::with(TABLES).await;
    let before = space.value(ROWS).await;
    let rows = [
        "1,Ana,May,1,Joe,2", // the mother's name changes, the father is new
        "2,Bo,Sue,3,,",      // no father
        "3,Cy,,,Tom,4",      // no mother
        "4,Di,Kim,5,Ray,5",  // one number for both: the table has it once
        "5,Ed,Pam,6,Lee,7",
        "6,Flo,Meg,7,,", // the number of another child's father
    ];
    let text = format!("id,name,mother,mother_phone,father,father_phone\n{}\n", rows.join("\n"));
    space.write("children.csv", text);
    // One table, whether its schema is named or not.
    let pipeline = PIPELINE.replace("table = \"parent\"", "table = \"public.parent\"");
    let summary = space.run(&pipeline).await;
    let lines = space.rejections(&summary);
    assert_eq!(codes(&summary), [("constraint.unique", 4)], "{lines:#?}");
    let tallies: Vec<_> =
        summary.tables.iter().map(|it| (it.table.as_str(), counts(&it.tally))).collect();
    assert_eq!(
        tallies,
        [
            ("public.child", [6, 0, 3, 0, 2, 0, 1]),
            ("public.parent", [6, 1, 3, 0, 1, 1, 0]),
            ("public.parent", [6, 2, 2, 0, 2, 0, 0]),
        ],
        "{lines:#?}"
    );
    assert_eq!(
        space.value(ROWS).await,
        "1|Aunt|Eve|9,1|Father|Joe|2,1|Mother|May|1,2|Mother|Sue|3,3|Father|Tom|4"
    );
    let again = space.run_how(&pipeline, How { force: true, ..How::default() }).await;
    assert!(again.tables.iter().all(|it| it.tally.inserted + it.tally.updated == 0), "{again:#?}");

    let of = RunId::parse(&summary.run).expect("a run");
    let request = UndoRequest { of, force: false, dry_run: false };
    let endpoint = space.database.endpoint();
    let undone = run::undo(&endpoint, &request, &Arc::new(Progress::default())).await;
    let undone = undone.expect("it is undone");
    assert!(undone.tables.iter().all(|table| table.tally.closes()));
    assert_eq!(space.value(ROWS).await, before);
    assert_eq!(space.value("select count(*) from child").await, "1");
}

/// A rehearsal counts on from where a sequence stands, for one target after the other.
#[tokio::test]
async fn both_are_rehearsed_with_numbers_of_their_own() {
    let trigger = "create function pass() returns trigger language plpgsql as 'begin return new; end';
        create trigger passes before insert or update on parent for each row execute function pass();";
    let space = Workspace::with(&format!("{TABLES}{trigger}")).await;
    space.write(
        "children.csv",
        "id,name,mother,mother_phone,father,father_phone\n2,Bo,May,2,Jim,3\n3,Cy,Sue,4,Tom,5\n",
    );
    let summary = space.run(PIPELINE).await;
    assert_eq!(codes(&summary), []);
    assert_eq!(space.value("select count(distinct parent_id) from parent").await, "6");
}
