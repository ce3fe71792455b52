//! What a table holds already is not staged, and everything comes out as if it had been.

use longshore::run::LoadOptions;

use super::workspace::{How, Workspace, first};

/// Notes how many rows staging holds when it is dropped.
const TABLE: &str = "
    create table item (id int primary key, label char(20), price numeric(10, 2), at timestamptz);
    create table staged (rows bigint);
    create function note_staged() returns event_trigger language plpgsql as $$
      declare name text; rows bigint; begin
        for name in select tablename from pg_tables where schemaname = 'longshore_staging' and tablename like '%_copied' loop
          execute format('select count(*) from longshore_staging.%I', name) into rows;
          insert into public.staged values (rows);
        end loop;
      end $$;
    create event trigger note_staged on ddl_command_start when tag in ('DROP TABLE') execute function note_staged();
    insert into item select n, 'label ' || n, n / 4.0, '2024-01-01 UTC'::timestamptz + n * interval '1 hour'
      from generate_series(1, 2000) n";

fn pipeline(duplicates: &str, check: &str) -> String {
    format!(
        r#"
        [source]
        format = "csv"
        path = "$DIR/items.csv"
        [[target]]
        table = "public.item"
        mode = "upsert"
        key = ["id"]
        {duplicates}
        [target.columns]
        id = {{ from = "id" }}
        label = {{ from = "label", max_length = 20 }}
        price = {{ from = "price" }}
        at = {{ from = "at", format = "%Y-%m-%d %H:%M", zone = "UTC" }}
        {check}
        "#
    )
}

/// With a check nothing is known beforehand: all is staged, and the database decides.
const ALWAYS_TRUE: &str = "[[target.check]]\nsql = 'true'\nmessage = 'never'";

fn line(id: u32, label: &str) -> String {
    let (day, hour) = (id / 24, id % 24);
    let date = jiff::civil::date(2024, 1, 1) + jiff::Span::new().days(day);
    format!("{id},{label},{}.{:02},{date} {hour:02}:00\n", id / 4, id % 4 * 25)
}

/// Most lines as in the table; some changed, new, faulty, or twice: as they are or otherwise.
fn lines() -> String {
    let mut text = String::from("id,label,price,at\n");
    for id in 1..=2100 {
        let label = format!("label {id}");
        match id % 100 {
            1 => text.push_str(&line(id, "changed")),
            2 => text.push_str(&line(id, "a label that is much too long")),
            3 => text.push_str(&line(id, &label).repeat(2)),
            4 => text.push_str(&(line(id, &label) + &line(id, "later"))),
            5 => text.push_str(&(line(id, "sooner") + &line(id, &label))),
            6 => {}
            _ => text.push_str(&line(id, &label)),
        }
    }
    text
}

#[tokio::test]
async fn everything_comes_out_as_if_all_had_been_staged() {
    for duplicates in ["", "'last'", "'first'", "'reject'"] {
        let rule = match duplicates {
            "" => String::new(),
            keep => format!("duplicates = {{ keep = {keep} }}"),
        };
        let mut outcomes = Vec::new();
        for (check, threads) in [(ALWAYS_TRUE, 1), ("", 1), ("", 4)] {
            let space = Workspace::with(TABLE).await;
            space.write("items.csv", lines());
            let options = LoadOptions { threads, split_bytes: 4 << 10, connections: threads };
            let how = How { options, ..How::default() };
            let summary = space.run_how(&pipeline(&rule, check), how).await;
            let table = "select md5(string_agg(i::text, '|' order by id)) from item i";
            outcomes.push((
                first(&summary),
                space.value(table).await,
                summary.rejections.by_code.clone(),
                space.read(format!("reports/{}/rejected/items.csv", summary.run)),
            ));
        }
        assert_eq!(outcomes[1], outcomes[0], "{duplicates}");
        assert_eq!(outcomes[2], outcomes[0], "{duplicates}");
    }
}

#[tokio::test]
async fn only_what_changes_something_is_staged() {
    let space = Workspace::with(TABLE).await;
    let all: String = (1..=2001).map(|id| line(id, &format!("label {id}"))).collect();
    space.write("items.csv", format!("id,label,price,at\n{all}"));
    space.client.batch_execute("update item set label = 'by hand' where id = 7").await.expect("it");
    let summary = space.run(&pipeline("", "")).await;
    let tally = summary.tables[0].tally;
    assert_eq!([tally.inserted, tally.updated, tally.unchanged], [1, 1, 1999]);
    assert_eq!(space.value("select max(rows) from staged").await, "2");
    assert_eq!(space.value("select label from item where id = 7").await, "label 7");
}

#[tokio::test]
async fn a_table_much_larger_than_the_file_is_not_read() {
    let space = Workspace::with(TABLE).await;
    let grow = "alter table item add filler text; alter table item alter filler set storage plain;
        insert into item (id, filler) select n, repeat('x', 2000) from generate_series(10000, 20000) n;
        vacuum analyze item";
    for statement in grow.split(';') {
        space.client.batch_execute(statement).await.expect("it");
    }
    space.write("items.csv", format!("id,label,price,at\n{}", line(1, "label 1")));
    let summary = space.run(&pipeline("", "")).await;
    assert_eq!(summary.tables[0].tally.unchanged, 1);
    assert_eq!(space.value("select max(rows) from staged").await, "1");
}
