//! Every record has one outcome, and loading again changes nothing.

use longshore::{error::ErrorKind, report::RunStatus, run::Stop};

use super::workspace::{How, Workspace, codes, first};

const TABLE: &str =
    "create table item (id int primary key, name text not null, price numeric(8,2))";

const UPSERT: &str = r#"
[source]
format = "csv"
path = "$DIR/items*.csv"

[[target]]
table = "public.item"
mode = "upsert"
key = ["id"]
duplicates = { keep = "last" }
[target.columns]
id = { from = "id" }
name = { from = "name", steps = ["trim"], required = true }
price = { from = "price", minimum = 0 }
"#;

#[tokio::test]
async fn rows_are_inserted_then_unchanged_then_updated() {
    let space = Workspace::with(TABLE).await;
    space.write("items.csv", "id,name,price\n1,anvil,10\n2,bolt,0.5\n3,cog,\n");
    let loaded = space.run(UPSERT).await;
    assert_eq!((loaded.status, first(&loaded)), (RunStatus::Published, [3, 0, 0, 0, 3, 0, 0]));

    let again = space.run(UPSERT).await;
    assert_eq!((again.status, first(&again)), (RunStatus::Unchanged, [0; 7]));
    assert_eq!(again.files[0].loaded_by.as_deref(), Some(loaded.run.as_str()));

    let versions = "select string_agg(xmin::text, ',' order by id) from item";
    let before = space.value(versions).await;
    let forced = space.run_how(UPSERT, How { force: true, ..How::default() }).await;
    assert_eq!(first(&forced), [3, 0, 0, 0, 0, 0, 3]);
    assert_eq!(space.value(versions).await, before, "no row version was written");

    space.write("items.csv", "id,name,price\n1,anvil,10\n2,bolt,0.75\n4,dowel,1\n");
    let changed = space.run(UPSERT).await;
    assert_eq!(first(&changed), [3, 0, 0, 0, 1, 1, 1]);
    assert_eq!(space.value("select string_agg(id || name || coalesce(price::text, ''), ' ' order by id) from item").await,
        "1anvil10.00 2bolt0.75 3cog 4dowel1.00");
}

#[tokio::test]
async fn rejected_records_are_reported_with_all_that_is_wrong_and_can_be_loaded_once_corrected() {
    let space = Workspace::with(TABLE).await;
    let text = "id,name,price\n1,anvil,10\nx, ,-1\n3,cog\n4,\"do\"wel,1\n5,\"ell,1\n6,fid,1.005\n";
    space.write("items.csv", text);
    let summary = space.run(UPSERT).await;
    assert_eq!(first(&summary), [6, 0, 5, 0, 1, 0, 0]);
    let lines = space.rejections(&summary);
    let place = |line: &String| line.split(',').take(5).collect::<Vec<_>>()[1..].join(",");
    let places: Vec<String> = lines.iter().map(place).collect();
    assert_eq!(
        places[..3],
        ["3,2,id,type.integer", "3,2,name,rule.required", "3,2,price,rule.minimum"],
        "{lines:#?}"
    );
    assert!(
        places[3..].iter().any(|place| place.starts_with("4,3,") && place.ends_with("csv.ragged")),
        "{lines:#?}"
    );
    assert_eq!(summary.rejections.by_code.get("csv.quote"), Some(&2), "{lines:#?}");

    let report = std::path::PathBuf::from(summary.rejections.report.as_ref().expect("a report"));
    let rejected: Vec<_> =
        std::fs::read_dir(report.join("rejected")).expect("rejected/").flatten().collect();
    let kept = std::fs::read_to_string(rejected[0].path()).expect("the rejected records");
    assert_eq!(kept, "id,name,price\nx, ,-1\n3,cog\n4,\"do\"wel,1\n5,\"ell,1\n6,fid,1.005\n");

    let corrected = kept
        .replace("x, ,-1", "2,bolt,1")
        .replace("3,cog", "3,cog,2")
        .replace("\"do\"wel", "dowel");
    space.write("items.csv", corrected.replace("\"ell", "ell").replace("1.005", "1.01"));
    let summary = space.run(UPSERT).await;
    assert_eq!(first(&summary), [5, 0, 0, 0, 5, 0, 0]);
}

#[tokio::test]
async fn above_the_limit_nothing_is_published() {
    let space = Workspace::with(TABLE).await;
    let limited = |limit: &str| format!("{UPSERT}\n[limits]\nrejected = {limit}\n");
    space.write("items.csv", "id,name,price\n1,anvil,10\n2,bolt,\nx,cog,\n");
    let summary = space.run(&limited("\"30%\"")).await;
    assert_eq!((summary.status, summary.rejections.records), (RunStatus::Rejected, 1));
    assert_eq!(space.value("select count(*) from item").await, "0");
    assert_eq!(space.value("select status from longshore.run").await, "rejected");
    let summary = space.run(&limited("1")).await;
    assert_eq!(summary.status, RunStatus::Published);
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let space = Workspace::with(TABLE).await;
    space.client.batch_execute("insert into item values (1, 'old', 1)").await.expect("a row");
    space.write("items.csv", "id,name,price\n1,anvil,10\n2,bolt,\n");
    let dry = space.run_how(UPSERT, How { dry_run: true, ..How::default() }).await;
    assert_eq!((dry.status, first(&dry)), (RunStatus::DryRun, [2, 0, 0, 0, 1, 1, 0]));
    assert_eq!(space.value("select string_agg(name, ',') from item").await, "old");
    assert_eq!(space.value("select count(*) from longshore.run").await, "0");
}

#[tokio::test]
async fn staging_is_dropped_and_the_ledger_tells_the_run() {
    let space = Workspace::with(TABLE).await;
    space.write("items.csv", "id,name,price\n1,anvil,10\nx,bolt,\n");
    let summary = space.run(UPSERT).await;
    let left = "select count(*) from pg_tables where schemaname = 'longshore_staging'";
    assert_eq!(space.value(left).await, "0");
    assert_eq!(space.value("select status from longshore.run").await, "published");
    assert_eq!(space.value("select inserted || '/' || rejected from longshore.tally").await, "1/1");
    assert_eq!(space.value("select records from longshore.file").await, "2");
    assert_eq!(space.value("select code from longshore.rejection").await, "type.integer");
    let written = space.read(format!("reports/{}/summary.json", summary.run));
    assert!(written.contains("\"status\": \"published\""));
}

#[tokio::test]
async fn of_several_files_only_new_ones_are_read() {
    let space = Workspace::with(TABLE).await;
    let append = UPSERT
        .replace("upsert", "append")
        .replace("key = [\"id\"]\nduplicates = { keep = \"last\" }\n", "");
    space.write("items-1.csv", "id,name,price\n1,anvil,\n");
    space.write("items-2.csv", "name,price,id\nbolt,2,2\n");
    let both = space.run(&append).await;
    assert_eq!((first(&both), both.files.len()), ([2, 0, 0, 0, 2, 0, 0], 2));
    space.write("items-3.csv", "id,name,price\n3,cog,\n");
    let third = space.run(&append).await;
    assert_eq!(first(&third), [1, 0, 0, 0, 1, 0, 0]);
    let records: Vec<u64> = third.files.iter().map(|file| file.records).collect();
    assert_eq!(records, [0, 0, 1]);
    assert_eq!(space.value("select count(*) from item").await, "3");
}

#[tokio::test]
async fn a_missing_file_and_an_empty_folder_are_source_errors() {
    let space = Workspace::with(TABLE).await;
    let Err(Stop::Error(error)) = space.try_run(UPSERT, How::default()).await else {
        panic!("no file, no run")
    };
    assert_eq!(error.kind(), ErrorKind::Source);
}

#[tokio::test]
async fn a_truncated_archive_publishes_nothing() {
    let space = Workspace::with(TABLE).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let rows: String = (0..5000).map(|id| format!("{id},name {id},1\n")).collect();
    std::io::Write::write_all(&mut packed, format!("id,name,price\n{rows}").as_bytes())
        .expect("packed");
    let packed = packed.finish().expect("packed");
    let toml = UPSERT.replace("items*.csv", "items.csv.gz");
    space.write("items.csv.gz", &packed[..packed.len() - 9]);
    let Err(Stop::Error(error)) = space.try_run(&toml, How::default()).await else {
        panic!("truncated")
    };
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(space.value("select count(*) from item").await, "0");
    assert_eq!(space.value("select status from longshore.run").await, "failed");
    space.write("items.csv.gz", &packed);
    assert_eq!(first(&space.run(&toml).await), [5000, 0, 0, 0, 5000, 0, 0]);
}

#[tokio::test]
async fn insert_adds_new_keys_and_leaves_the_others() {
    let space = Workspace::with(TABLE).await;
    space.client.batch_execute("insert into item values (1, 'old', 1)").await.expect("a row");
    space.write("items.csv", "id,name,price\n1,new,9\n2,bolt,\n2,bolt,\n");
    let summary = space.run(&UPSERT.replace("upsert", "insert")).await;
    assert_eq!(first(&summary), [3, 0, 0, 1, 1, 0, 1]);
    assert_eq!(space.value("select name from item where id = 1").await, "old");
}

#[tokio::test]
async fn duplicates_follow_the_declared_rule() {
    let text = "id,name,price\n1,a,1\n1,b,3\n1,c,2\n2,z,1\n2,z,1\n";
    let cases: [(&str, [u64; 7], &str); 5] = [
        ("duplicates = { keep = \"last\" }", [5, 0, 0, 3, 2, 0, 0], "c,z"),
        ("duplicates = { keep = \"first\" }", [5, 0, 0, 3, 2, 0, 0], "a,z"),
        ("duplicates = { max = \"price\" }", [5, 0, 0, 3, 2, 0, 0], "b,z"),
        ("duplicates = { keep = \"reject\" }", [5, 0, 5, 0, 0, 0, 0], "NULL"),
        ("", [5, 0, 3, 1, 1, 0, 0], "z"),
    ];
    for (rule, expected, names) in cases {
        let space = Workspace::with(TABLE).await;
        space.write("items.csv", text);
        let summary = space.run(&UPSERT.replace("duplicates = { keep = \"last\" }", rule)).await;
        assert_eq!(first(&summary), expected, "{rule}");
        assert_eq!(
            space.value("select string_agg(name, ',' order by id) from item").await,
            names,
            "{rule}"
        );
        if expected[2] > 0 {
            assert_eq!(codes(&summary), [("rule.duplicate_key", expected[2])]);
        }
    }
}
