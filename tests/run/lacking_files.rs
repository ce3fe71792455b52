//! A file that is missing, or that holds no record, deletes nothing: the run is held, and says which.

use longshore::{
    outcome::{HoldReason, Lacking},
    report::{RunStatus, RunSummary},
};

use super::workspace::{Workspace, codes, first};

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/pupils-*.csv"

[[target]]
table = "public.pupil"
mode = "mirror"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name" }
"#;

fn lines(ids: std::ops::Range<u32>) -> String {
    let rows: String = ids.map(|id| format!("{id},n{id}\n")).collect();
    format!("id,name\n{rows}")
}

/// Pupils 0 to 96 of one file, and 97 to 99 of another, are published.
async fn published() -> Workspace {
    let space = Workspace::with("create table pupil (id int primary key, name text)").await;
    space.write("pupils-a.csv", lines(0..97));
    space.write("pupils-b.csv", lines(97..100));
    assert_eq!(first(&space.run(PIPELINE).await), [100, 0, 0, 0, 100, 0, 0]);
    space
}

fn lacking(space: &Workspace, summary: &RunSummary) -> (Vec<HoldReason>, Lacking) {
    let deletions = summary.tables[0].deletions.as_ref().expect("a mode that deletes");
    let folder = format!("{}/", space.folder.path().display());
    let names = |paths: &[String]| paths.iter().map(|path| path.replace(&folder, "")).collect();
    let Lacking { empty, missing } = &deletions.lacking;
    (deletions.held_for.clone(), Lacking { empty: names(empty), missing: names(missing) })
}

async fn pupils(space: &Workspace) -> String {
    space.value("select count(*) from pupil").await
}

#[tokio::test]
async fn a_file_without_a_record_beside_others_deletes_nothing() {
    for mode in ["mirror", "replace"] {
        let space = published().await;
        space.write("pupils-b.csv", "id,name\n");
        let summary = space.run(&PIPELINE.replace("mirror", mode)).await;
        assert_eq!(summary.status, RunStatus::Held, "{mode}");
        let empty = vec!["pupils-b.csv".to_owned()];
        let found = (vec![HoldReason::FileWithoutRecords], Lacking { empty, missing: Vec::new() });
        assert_eq!(lacking(&space, &summary), found);
        let counted: Vec<u64> = summary.files.iter().map(|file| file.records).collect();
        assert_eq!(counted, [97, 0]);
        assert_eq!(pupils(&space).await, "100");
    }
}

#[tokio::test]
async fn all_files_without_a_record_are_counted_and_delete_nothing() {
    let space = published().await;
    space.write("pupils-a.csv", "id,name\n");
    space.write("pupils-b.csv", "id,name\n");
    let summary = space.run(PIPELINE).await;
    assert_eq!((summary.status, summary.files.len()), (RunStatus::Held, 2));
    let (reasons, files) = lacking(&space, &summary);
    assert_eq!(
        reasons,
        [HoldReason::NoRecords, HoldReason::OverLimit, HoldReason::OverLimitInScope]
            [..reasons.len()]
    );
    assert_eq!(files.empty, ["pupils-a.csv", "pupils-b.csv"]);
}

#[tokio::test]
async fn a_file_of_the_last_run_that_is_gone_deletes_nothing() {
    let space = published().await;
    std::fs::remove_file(space.folder.path().join("pupils-b.csv")).expect("it is gone");
    let summary = space.run(PIPELINE).await;
    assert_eq!(summary.status, RunStatus::Held);
    let missing = vec!["pupils-b.csv".to_owned()];
    let found = (vec![HoldReason::FileMissing], Lacking { empty: Vec::new(), missing });
    assert_eq!(lacking(&space, &summary), found);
    assert_eq!(pupils(&space).await, "100");

    // Where no row would go there is nothing to wait for.
    let upsert = PIPELINE.replace("mirror", "upsert");
    assert_eq!(space.run(&upsert).await.status, RunStatus::Published);
}

#[tokio::test]
async fn names_that_change_with_the_day_are_nothing_missing() {
    let space = published().await;
    for (old, new) in [("a", "a2"), ("b", "b2")] {
        let path = |name: &str| space.folder.path().join(format!("pupils-{name}.csv"));
        std::fs::rename(path(old), path(new)).expect("it has another name");
    }
    space.write("pupils-b2.csv", lines(98..100));
    let summary = space.run(PIPELINE).await;
    assert_eq!(summary.status, RunStatus::Published);
    assert_eq!(pupils(&space).await, "99");
}

#[tokio::test]
async fn deliveries_that_are_said_to_be_partial_delete_what_others_lack() {
    let space = published().await;
    let partial = format!("{PIPELINE}\n[limits]\npartial = true\n");
    space.write("pupils-b.csv", "id,name\n");
    assert_eq!(space.run(&partial).await.status, RunStatus::Published);
    assert_eq!(pupils(&space).await, "97");
    std::fs::remove_file(space.folder.path().join("pupils-b.csv")).expect("it is gone");
    space.write("pupils-a.csv", lines(0..95));
    assert_eq!(space.run(&partial).await.status, RunStatus::Published);
    assert_eq!(pupils(&space).await, "95");
}

/// Files that were put together: the second one's header stands among the records.
#[tokio::test]
async fn a_header_among_the_records_is_rejected() {
    let space = Workspace::with("create table pair (k text primary key, v text)").await;
    let toml = PIPELINE
        .replace("pupil\"", "pair\"")
        .replace("mirror", "upsert")
        .replace("\"id\"", "\"k\"")
        .replace("\"name\"", "\"v\"")
        .replace("id =", "k =")
        .replace("name =", "v =");
    space.write("pupils-a.csv", "k,v\na,1\nk,v\n\"k\",\"v\"\nk,w\nv,v\n");
    let summary = space.run(&toml).await;
    assert_eq!(first(&summary), [5, 0, 2, 0, 3, 0, 0]);
    assert_eq!(codes(&summary), [("csv.header", 2)]);
    assert_eq!(
        space.value("select string_agg(k || v, ' ' order by k) from pair").await,
        "a1 kw vv"
    );
}
