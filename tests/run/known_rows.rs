//! What a table holds already is not staged, and everything comes out as if it had been.

use std::process::Command;

use longshore::run::LoadOptions;
use serde_json::Value;

use super::workspace::{How, Workspace};

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
        path = "$DIR/items*.csv"
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

/// How a run goes about it.
enum Way {
    /// In this process, on so many threads.
    Threads(usize),
    /// With so little memory for hashes that they go to the disk.
    Scarce,
}

impl Way {
    async fn run(&self, space: &Workspace, toml: &str) -> Value {
        let Self::Threads(threads) = *self else { return run_with_little_memory(space, toml) };
        let options = LoadOptions { threads, split_bytes: 4 << 10, connections: threads };
        let summary = space.run_how(toml, How { options, ..How::default() }).await;
        let summary = space.read(format!("reports/{}/summary.json", summary.run));
        serde_json::from_str(&summary).expect("a summary")
    }
}

/// 10,000 times less than usual: hashes of 366 rows a connection, or of 838 keys.
fn run_with_little_memory(space: &Workspace, toml: &str) -> Value {
    let folder = space.folder.path();
    let toml = toml.replace("$DIR", &folder.display().to_string());
    let path = space.write("items.toml", toml);
    let mut longshore = Command::new(env!("CARGO_BIN_EXE_longshore"));
    longshore.env("DATABASE_URL", space.database.url()).env("LONGSHORE_SCARCITY", "10000");
    longshore.args(["run", "--output", "json", "--report-dir"]).arg(folder.join("reports"));
    let output = longshore.arg(path).output().expect("longshore runs");
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a summary")
}

/// The lines as two files: records are numbered in each.
fn files() -> (String, String) {
    let all = lines();
    let (header, rest) = all.split_once('\n').expect("a header");
    let half = rest.len() / 2 + rest[rest.len() / 2..].find('\n').expect("a line") + 1;
    let file = |lines: &str| format!("{header}\n{lines}");
    (file(&rest[..half]), file(&rest[half..]))
}

#[tokio::test]
async fn everything_comes_out_as_if_all_had_been_staged() {
    for duplicates in ["", "'last'", "'first'", "'reject'"] {
        let rule = match duplicates {
            "" => String::new(),
            keep => format!("duplicates = {{ keep = {keep} }}"),
        };
        let mut outcomes = Vec::new();
        let known = [Way::Threads(1), Way::Threads(4), Way::Scarce].map(|way| ("", way));
        for (check, way) in [(ALWAYS_TRUE, Way::Threads(1))].into_iter().chain(known) {
            let space = Workspace::with(TABLE).await;
            let (one, other) = files();
            space.write("items.csv", one);
            space.write("items_more.csv", other);
            let summary = way.run(&space, &pipeline(&rule, check)).await;
            let table = "select md5(string_agg(i::text, '|' order by id)) from item i";
            let report = summary["rejections"]["report"].as_str().expect("a report");
            outcomes.push((
                summary["tables"][0].clone(),
                space.value(table).await,
                summary["rejections"]["by_code"].clone(),
                space.read(format!("{report}/rejected/items.csv")),
            ));
        }
        for outcome in &outcomes[1..] {
            assert_eq!(*outcome, outcomes[0], "{duplicates}");
        }
    }
}

#[tokio::test]
async fn only_what_changes_something_is_staged() {
    for way in [Way::Threads(2), Way::Scarce] {
        let space = Workspace::with(TABLE).await;
        let all: String = (1..=2001).map(|id| line(id, &format!("label {id}"))).collect();
        space.write("items.csv", format!("id,label,price,at\n{all}"));
        let by_hand = "update item set label = 'by hand' where id = 7";
        space.client.batch_execute(by_hand).await.expect("it");
        let summary = way.run(&space, &pipeline("", "")).await;
        let table = &summary["tables"][0];
        let counts = ["inserted", "updated", "unchanged"].map(|what| table[what].as_u64());
        assert_eq!(counts, [Some(1), Some(1), Some(1999)]);
        assert_eq!(space.value("select max(rows) from staged").await, "2");
        assert_eq!(space.value("select label from item where id = 7").await, "label 7");
    }
}

/// One key in all records: nothing of it may need memory, or be taken for the same.
#[tokio::test]
async fn a_key_that_all_records_share_is_left_to_the_database() {
    let space = Workspace::with(TABLE).await;
    let text = line(7, "label 7").repeat(2000) + &line(7, "the last");
    space.write("items.csv", format!("id,label,price,at\n{text}"));
    let summary = Way::Scarce.run(&space, &pipeline("duplicates = { keep = \"last\" }", "")).await;
    let table = &summary["tables"][0];
    assert_eq!([&table["updated"], &table["duplicate"]], [1, 2000]);
    assert_eq!(space.value("select max(rows) from staged").await, "2001");
    assert_eq!(space.value("select label from item where id = 7").await, "the last");
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
