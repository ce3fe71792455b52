//! What a table refuses only at the end of the transaction, or for a statement as a whole.

use longshore::{report::RunStatus, run::Stop};

use super::workspace::{How, Workspace, codes, counts, first};

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

/// Raises for rows of that name.
const LATE: &str = "create function late() returns trigger language plpgsql as
       $$ begin raise exception 'not %', new.name; end $$;
     create constraint trigger late after insert or update on item deferrable initially deferred
       for each row when (new.name like 'Zenobia%') execute function late()";

async fn assert_no_value(space: &Workspace, said: &str) {
    assert!(!said.contains("Zenobia"), "{said}");
    space.assert_unlogged(&["Zenobia"]).await;
}

#[tokio::test]
async fn rows_that_a_deferred_trigger_refuses_are_rejected() {
    let table = "create table item (id int primary key, name text);
        insert into item values (3, 'old'), (5, 'Eva5'), (1500, 'old'), (9999, 'stays');";
    let space = Workspace::with(&format!("{table}{LATE}")).await;
    let bad = [3, 700, 701, 1500, 2000];
    let name =
        |id: &i32| if bad.contains(id) { format!("Zenobia{id}") } else { format!("Eva{id}") };
    let rows: String = (1..=2000).map(|id| format!("{id},{}\n", name(&id))).collect();
    space.write("items.csv", format!("id,name\n{rows}"));
    let summary = space.run(PIPELINE).await;
    assert_eq!(codes(&summary), [("constraint.refused", 5)]);
    assert_eq!(first(&summary), [2000, 0, 5, 0, 1994, 0, 1]);
    let lines = space.rejections(&summary).join("\n");
    for id in bad {
        assert!(lines.contains(&format!(",{},{id},", id + 1)), "{id}: {lines}");
    }
    assert_no_value(&space, &lines).await;
    let old = "select string_agg(name, ' ' order by id) from item where id in (3, 1500, 9999)";
    assert_eq!(space.value(old).await, "old old stays");
}

#[tokio::test]
async fn a_mirror_and_a_held_run_ask_the_end_of_the_transaction_too() {
    let table = "create table item (id int primary key, name text);
        insert into item select n, 'old' from generate_series(1, 100) n;";
    let space = Workspace::with(&format!("{table}{LATE}")).await;
    space.write("items.csv", "id,name\n1,Ana\n2,Zenobia\n3,Eva\n");
    let summary = space.run(&PIPELINE.replace("upsert", "mirror")).await;
    assert_eq!(summary.status, RunStatus::Held);
    assert_eq!(codes(&summary), [("constraint.refused", 1)]);
    let all = format!("{}[limits]\ndeleted = \"100%\"\n", PIPELINE.replace("upsert", "mirror"));
    let summary = space.run(&all).await;
    assert_eq!(codes(&summary), [("constraint.refused", 1)]);
    let rows = "select string_agg(id || name, ' ' order by id) from item";
    assert_eq!(space.value(rows).await, "1Ana 2old 3Eva");
    assert_no_value(&space, "").await;
}

/// Rows are right together, however many pieces they are tried in.
#[tokio::test]
async fn rows_that_only_all_of_them_make_right_are_published() {
    let space = Workspace::with(
        "create table entry (journal int, line int, amount int, primary key (journal, line));
         create function balanced() returns trigger language plpgsql as $$ begin
           if (select sum(amount) from entry where journal = new.journal) <> 0 then
             raise exception 'journal % is out by %', new.journal, new.amount; end if;
           return null; end $$;
         create constraint trigger balanced after insert or update on entry deferrable initially deferred
           for each row execute function balanced()",
    )
    .await;
    // Both lines of a journal stand far from each other.
    let amount = |journal: i32, line: i32| match (journal, line) {
        (77, 2) => -78_787,
        (_, 1) => journal,
        _ => -journal,
    };
    let lines = (1..=2).flat_map(|line| (1..=300).map(move |journal| (journal, line)));
    let rows: String = lines
        .map(|(journal, line)| format!("{journal},{line},{}\n", amount(journal, line)))
        .collect();
    space.write("entries.csv", format!("journal,line,amount\n{rows}"));
    let toml = r#"
[source]
format = "csv"
path = "$DIR/entries.csv"
[[target]]
table = "public.entry"
mode = "upsert"
key = ["journal", "line"]
[target.columns]
journal = { from = "journal" }
line = { from = "line" }
amount = { from = "amount" }
"#;
    let summary = space.run(toml).await;
    assert_eq!(codes(&summary), [("constraint.refused", 2)]);
    assert_eq!(first(&summary), [600, 0, 2, 0, 598, 0, 0]);
    assert_eq!(space.value("select count(*) from entry where journal = 77").await, "0");
    space.assert_unlogged(&["78787"]).await;
}

#[tokio::test]
async fn a_parent_that_needs_children_finds_them_when_they_are_there() {
    let space = Workspace::with(
        "create table invoice (id int primary key);
         create table line (invoice int primary key references invoice, quantity int);
         create function has_lines() returns trigger language plpgsql as $$ begin
           if not exists (select from line where invoice = new.id and quantity > 0) then
             raise exception 'invoice % has no line', new.id; end if;
           return null; end $$;
         create constraint trigger has_lines after insert on invoice deferrable initially deferred
           for each row execute function has_lines()",
    )
    .await;
    let quantity = |id: i32| i32::from(id % 50 != 0);
    let rows: String = (1..=200).map(|id| format!("{id},{}\n", quantity(id))).collect();
    space.write("invoices.csv", format!("id,quantity\n{rows}"));
    let toml = r#"
[source]
format = "csv"
path = "$DIR/invoices.csv"
[[target]]
table = "public.invoice"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
[[target]]
table = "public.line"
mode = "upsert"
key = ["invoice"]
[target.columns]
invoice = { from = "id" }
quantity = { from = "quantity" }
"#;
    let summary = space.run(toml).await;
    // A record goes in whole or not at all.
    for table in &summary.tables {
        assert_eq!(counts(&table.tally), [200, 0, 4, 0, 196, 0, 0], "{:?}", table.table);
    }
    // Their lines lack an invoice then.
    assert_eq!(codes(&summary), [("constraint.foreign_key", 4), ("constraint.refused", 4)]);
    assert_eq!(space.value("select count(*) from line where quantity = 0").await, "0");
}

#[tokio::test]
async fn more_than_can_be_told_apart_at_the_end_stop_the_run_with_a_reason() {
    let space =
        Workspace::with(&format!("create table item (id int primary key, name text);{LATE}")).await;
    let rows: String = (1..=250).map(|id| format!("{id},Zenobia\n")).collect();
    space.write("items.csv", format!("id,name\n{rows}"));
    let said = stopped(&space, PIPELINE).await;
    assert!(said.contains("more than 200 rows") && said.contains("initially immediate"), "{said}");
    assert_no_value(&space, &said).await;
}

#[tokio::test]
async fn a_trigger_that_closes_the_table_is_named() {
    let space = Workspace::with(
        "create table item (id int primary key, name text);
         create function closed() returns trigger language plpgsql as
           $$ begin raise exception 'closed since %', 'Zeno' || 'bia'; end $$;
         create trigger closed_for_now before insert on item for each statement execute function closed()",
    )
    .await;
    space.write("items.csv", "id,name\n1,Ana\n2,Zenobia\n");
    let said = stopped(&space, PIPELINE).await;
    assert!(said.contains("is not to be written to"), "{said}");
    assert!(said.contains("`closed_for_now`") && said.contains("P0001"), "{said}");
    assert_no_value(&space, &said).await;
}

#[tokio::test]
async fn a_trigger_that_refuses_rows_together_is_named() {
    let space = Workspace::with(
        "create table item (id int primary key, name text);
         create function few() returns trigger language plpgsql as $$ begin
           if (select count(*) from added) > 2 then
             raise exception 'too many, such as %', (select max(name) from added); end if;
           return null; end $$;
         create trigger only_few after insert on item referencing new table as added
           for each statement execute function few()",
    )
    .await;
    space.write("items.csv", "id,name\n1,Ana\n2,Zenobia\n3,Zenobia\n");
    let said = stopped(&space, PIPELINE).await;
    assert!(said.contains("`only_few` of public.item"), "{said}");
    assert!(said.contains("a trigger or function refused"), "{said}");
    assert_no_value(&space, &said).await;
    assert_eq!(space.value("select count(*) from item").await, "0");
}

/// What the run says that stops it.
async fn stopped(space: &Workspace, toml: &str) -> String {
    let Err(Stop::Error(error)) = space.try_run(toml, How::default()).await else {
        panic!("the trigger stops the run")
    };
    format!("{error} {error:?}")
}
