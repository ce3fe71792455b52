//! Rejected records are corrected and loaded, each of them once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use longshore::{
    error::ErrorKind,
    report::{ReplaySummary, RunStatus, RunSummary},
    run::{self, ImportRequest, LoadOptions, ReplayRequest, Stop, UndoRequest, progress::Progress},
    run_id::RunId,
};

use super::workspace::{Workspace, codes, first};

const TABLE: &str = "create table member (id int, name text not null, fee numeric(6,2))";
const KEYED: &str =
    "create table member (id int primary key, name text not null, fee numeric(6,2))";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/members*.csv"
delimiter = ";"

[[target]]
table = "public.member"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name", required = true }
fee = { from = "fee", minimum = 0 }
"#;

const MEMBERS: &str = "id;name;fee\n1;Ana;1\n2;Bo Lindqvist;-2\n3;;3\n4;Chan Dara;4,5\n5;Eve;5\n";

fn append() -> String {
    PIPELINE.replace("\"upsert\"\nkey = [\"id\"]", "\"append\"")
}

fn report(summary: &RunSummary) -> PathBuf {
    PathBuf::from(summary.rejections.report.as_ref().expect("a report"))
}

fn rejected(summary: &RunSummary) -> PathBuf {
    report(summary).join("rejected/members.csv")
}

/// Corrects the file of rejected records as an editor would.
fn correct(path: &Path, corrections: &[(&str, &str)]) {
    let mut text = fs::read_to_string(path).expect("the rejected records");
    for (from, to) in corrections {
        assert!(text.contains(from), "{from} in {text}");
        text = text.replace(from, to);
    }
    fs::write(path, text).expect("written");
}

async fn try_replay(space: &Workspace, toml: &str, of: &RunSummary) -> Result<RunSummary, Stop> {
    let import = ImportRequest {
        pipeline: space.pipeline(toml),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions::default(),
    };
    let run = RunId::parse(&of.run).expect("a run");
    let request = ReplayRequest { import, of: run, report: report(of) };
    run::replay(&space.database.endpoint(), &request, &Arc::new(Progress::default())).await
}

async fn replay(space: &Workspace, toml: &str, of: &RunSummary) -> RunSummary {
    try_replay(space, toml, of).await.unwrap_or_else(|stop| panic!("{stop:?}"))
}

/// Rejected, closed now, open.
fn account(summary: &RunSummary) -> [u64; 3] {
    let ReplaySummary { rejected, closed, open, .. } =
        summary.replay.as_ref().expect("it is a replay");
    [*rejected, *closed, *open]
}

async fn members(space: &Workspace) -> String {
    space.value("select string_agg(id || name || fee, ' ' order by id, ctid) from member").await
}

#[tokio::test]
async fn what_is_corrected_is_loaded_and_closed_and_the_rest_stays_open() {
    let space = Workspace::with(KEYED).await;
    space.write("members.csv", MEMBERS);
    let toml = format!("{PIPELINE}\n[limits]\nrejected = 3\n");
    let run = space.run(&toml).await;
    assert_eq!(first(&run), [5, 0, 3, 0, 2, 0, 0]);
    let open =
        "select string_agg(format('%s/%s/%s/%s', file, line, record, codes), ' ' order by record)
        from longshore.rejected_record where closed_by is null";
    let all = "0/3/2/rule.minimum 0/4/3/rule.required 0/5/4/type.numeric";
    assert_eq!(space.value(open).await, all);

    correct(&rejected(&run), &[("2;Bo Lindqvist;-2", "2;Bo Lindqvist;2"), ("4,5", "4.555")]);
    let partial = replay(&space, &toml.replace("= 3", "= 0"), &run).await;
    assert_eq!((partial.status, first(&partial)), (RunStatus::Published, [3, 0, 2, 0, 1, 0, 0]));
    assert_eq!(account(&partial), [3, 1, 2]);
    assert_eq!(space.value(open).await, all.split_once(' ').expect("the others").1);
    let lines = space.rejections(&partial);
    assert!(lines.iter().any(|line| line.contains("rejected/members.csv,3,2,name")), "{lines:#?}");
    assert!(!report(&partial).join("rejected").exists(), "there is one place to correct them");

    let again = replay(&space, &toml, &run).await;
    assert_eq!((account(&again), first(&again)), ([3, 0, 2], [3, 1, 2, 0, 0, 0, 0]));

    // The last is corrected, the other taken out.
    correct(&rejected(&run), &[("3;;3\n", ""), ("4.555", "4.5")]);
    let last = replay(&space, &toml, &run).await;
    assert_eq!((account(&last), first(&last)), ([3, 1, 1], [2, 1, 0, 0, 1, 0, 0]));
    assert_eq!(space.value(open).await, "0/4/3/rule.required");
    assert_eq!(members(&space).await, "1Ana1.00 2Bo Lindqvist2.00 4Chan Dara4.50 5Eve5.00");

    let nothing = replay(&space, &toml, &run).await;
    assert_eq!((nothing.status, account(&nothing)), (RunStatus::Unchanged, [3, 0, 1]));
    let runs = "select count(*) from longshore.run where replays is not null";
    assert_eq!(space.value(runs).await, "3", "one that has nothing to do leaves no trace");
}

#[tokio::test]
async fn appending_never_doubles_a_record_however_the_file_is_edited() {
    let space = Workspace::with(TABLE).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(&append()).await;
    let path = rejected(&run);
    correct(&path, &[("2;Bo Lindqvist;-2", "2;Bo Lindqvist;2")]);
    assert_eq!(account(&replay(&space, &append(), &run).await), [3, 1, 2]);
    // Sorted the other way round, and the loaded one is edited once more.
    fs::write(&path, "id;name;fee\n4;Chan Dara;4.5\n3;Dee;3\n2;Bo Lindqvist;22\n")
        .expect("written");
    let second = replay(&space, &append(), &run).await;
    assert_eq!((account(&second), first(&second)), ([3, 2, 0], [3, 1, 0, 0, 2, 0, 0]));
    assert_eq!(account(&replay(&space, &append(), &run).await), [3, 0, 0]);
    assert_eq!(
        members(&space).await,
        "1Ana1.00 2Bo Lindqvist2.00 3Dee3.00 4Chan Dara4.50 5Eve5.00"
    );
}

#[tokio::test]
async fn records_that_a_changed_table_accepts_now_load_as_they_are() {
    let space = Workspace::with(&format!("{TABLE}; alter table member add check (fee < 4)")).await;
    space.write("members-1.csv", "id;name;fee\n1;Ana;1\n2;Bo;9\n");
    space.write("members-2.csv", "id;name;fee\n3;Chan;8\n4;;4\n");
    let run = space.run(&append()).await;
    assert_eq!(codes(&run), [("constraint.check", 2), ("rule.required", 1)]);
    space
        .client
        .batch_execute("alter table member drop constraint member_fee_check")
        .await
        .expect("");
    let replayed = replay(&space, &append(), &run).await;
    assert_eq!((account(&replayed), first(&replayed)), ([3, 2, 1], [3, 0, 1, 0, 2, 0, 0]));
    let open = "select string_agg(file || '/' || record, ' ') from longshore.rejected_record where closed_by is null";
    assert_eq!(space.value(open).await, "1/2");
    assert_eq!(members(&space).await, "1Ana1.00 2Bo9.00 3Chan8.00");
}

#[tokio::test]
async fn rows_that_were_never_rejected_are_refused() {
    let space = Workspace::with(TABLE).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(&append()).await;
    correct(&rejected(&run), &[("3;;3\n", "3;;3\n77;New;7\n")]);
    let Err(Stop::Error(error)) = try_replay(&space, &append(), &run).await else {
        panic!("it was never rejected")
    };
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(space.value("select count(*) from member").await, "2");
}

#[tokio::test]
async fn a_file_loaded_by_itself_is_not_appended_again() {
    let space = Workspace::with(TABLE).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(&append()).await;
    correct(&rejected(&run), &[("2;Bo Lindqvist;-2", "2;Bo Lindqvist;2")]);
    let input = append().replace("$DIR/members*.csv", &rejected(&run).display().to_string());
    assert_eq!(first(&space.run(&input).await), [3, 0, 2, 0, 1, 0, 0]);
    let Err(Stop::Error(error)) = try_replay(&space, &append(), &run).await else {
        panic!("it would be there twice")
    };
    assert_eq!(error.kind(), ErrorKind::Definition);
}

/// Rejected by the table, loaded unchanged once it allows them: any format is known again.
#[tokio::test]
async fn rows_of_sheets_and_features_are_known_again() {
    let space =
        Workspace::with("create table place (id int, name text, day date, check (id > 1))").await;
    let features: Vec<String> = (1..4)
        .map(|id| format!(r#"{{"type":"Feature","id":{id},"properties":{{"id":{id},"name":"n{id}","day":"2024-02-0{id}"}},"geometry":null}}"#))
        .collect();
    let collection =
        format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
    space.write("places.geojson", collection);
    write_sheet(&space.folder.path().join("places.xlsx"));
    for (format, file) in [("geojson", "places.geojson"), ("xlsx", "places.xlsx")] {
        let toml = format!(
            "[source]\nformat = \"{format}\"\npath = \"$DIR/{file}\"\n[[target]]\ntable = \"public.place\"\nmode = \"append\"\n[target.columns]\n\
            id = {{ from = \"id\" }}\nname = {{ from = \"name\" }}\nday = {{ from = \"day\" }}\n"
        );
        space.client.batch_execute("truncate place; alter table place drop constraint if exists place_id_check, add check (id > 2)").await.expect("");
        let run = space.run(&toml).await;
        assert_eq!(first(&run), [3, 0, 2, 0, 1, 0, 0], "{format}");
        space
            .client
            .batch_execute("alter table place drop constraint place_id_check, add check (id > 1)")
            .await
            .expect("");
        let replayed = replay(&space, &toml, &run).await;
        assert_eq!(account(&replayed), [2, 1, 1], "{format}");
        let open = format!(
            "select record from longshore.rejected_record where run_id = '{}' and closed_by is null",
            run.run
        );
        assert_eq!(space.value(&open).await, "1", "{format}");
        assert_eq!(account(&replay(&space, &toml, &run).await), [2, 0, 1], "{format}");
        assert_eq!(
            space.value("select string_agg(id || name || day, ' ' order by id) from place").await,
            "2n22024-02-02 3n32024-02-03",
            "{format}"
        );
    }
}

fn write_sheet(path: &Path) {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    let mut workbook = Workbook::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name", "day"]).expect("a header");
    for id in 1..4_u8 {
        let row = u32::from(id);
        let day = ExcelDateTime::from_ymd(2024, 2, id).expect("a day");
        sheet.write_number(row, 0, f64::from(id)).expect("a number");
        sheet.write_string(row, 1, format!("n{id}")).expect("a text");
        sheet.write_datetime_with_format(row, 2, day, &date).expect("a date");
    }
    workbook.save(path).expect("a workbook");
}

/// The corrected file holds some records only: the others are not absent.
#[tokio::test]
async fn a_replay_deletes_nothing_in_any_mode() {
    let table = "create table member (id int, name text, fee numeric(6,2), gone boolean not null default false);
        insert into member values (2, 'old', 1, true), (9, 'old', 1, true);";
    let soft = "mirror\"\nsoft_delete = { column = \"gone\", value = true }\nkey = [\"id\"]";
    let modes = ["mirror\"\nkey = [\"id\"]", "replace\"\nkey = [\"id\"]", "replace\"", soft];
    for mode in modes {
        let keyed = mode.contains("key");
        let unique = if keyed { "alter table member add unique (id)" } else { "" };
        let space = Workspace::with(&format!("{table}{unique}")).await;
        space.write("members.csv", MEMBERS);
        let toml =
            PIPELINE.replace("upsert\"\nkey = [\"id\"]", mode) + "[limits]\ndeleted = \"100%\"\n";
        let run = space.run(&toml).await;
        let left = space.value("select string_agg(id::text, ' ' order by id) from member").await;
        correct(&rejected(&run), &[("2;Bo Lindqvist;-2", "2;Bo Lindqvist;2")]);
        let replayed = replay(&space, &toml, &run).await;
        assert_eq!(
            (account(&replayed), replayed.tables[0].tally.deleted),
            ([3, 1, 2], 0),
            "{mode}"
        );
        let mut expected: Vec<&str> = left.split(' ').chain(["2"]).collect();
        expected.sort_unstable();
        expected.dedup();
        let now = space
            .value("select string_agg(distinct id::text, ' ' order by id::text) from member")
            .await;
        assert_eq!(now, expected.join(" "), "{mode}");
        let back = "select gone from member where name = 'Bo Lindqvist'";
        let marked = keyed && mode != soft;
        assert_eq!(space.value(back).await, marked.to_string(), "{mode}");
    }
}

#[tokio::test]
async fn what_a_replay_loaded_is_open_again_when_it_is_undone() {
    let space = Workspace::with(TABLE).await;
    space.write("members.csv", MEMBERS);
    let run = space.run(&append()).await;
    correct(&rejected(&run), &[("2;Bo Lindqvist;-2", "2;Bo Lindqvist;2")]);
    let replayed = replay(&space, &append(), &run).await;
    let undo = async |of: &RunSummary| {
        let of = RunId::parse(&of.run).expect("a run");
        let request = UndoRequest { of, force: false, dry_run: false };
        run::undo(&space.database.endpoint(), &request, &Arc::new(Progress::default())).await
    };
    let error = undo(&run).await.expect_err("its file would be loaded again, and the replay's too");
    assert_eq!(error.kind(), ErrorKind::Definition);
    undo(&replayed).await.expect("undone");
    assert_eq!(members(&space).await, "1Ana1.00 5Eve5.00");
    let again = replay(&space, &append(), &run).await;
    assert_eq!((account(&again), first(&again)), ([3, 1, 2], [3, 0, 2, 0, 1, 0, 0]));
    undo(&again).await.expect("undone");
    undo(&run).await.expect("undone");
    assert_eq!(members(&space).await, "NULL");
}

struct Shell {
    space: Workspace,
}

impl Shell {
    fn longshore(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().env("DATABASE_URL", self.space.database.url());
        command.current_dir(self.space.folder.path()).args(arguments);
        command.output().expect("longshore runs")
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let ended = self.longshore(&[&["--output", "json"], arguments].concat());
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {told}");
        serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
    }
}

#[tokio::test]
async fn replay_finds_pipeline_and_report_by_itself_and_tells_no_value() {
    let space = Workspace::with(TABLE).await;
    space.write("members.csv", MEMBERS);
    space.write("club.toml", append().replace("$DIR/", ""));
    let shell = Shell { space };
    let run = shell.json(&["run", "club.toml"]);
    let run = run["run"].as_str().expect("a run");
    let path = shell.space.folder.path().join(format!("reports/{run}/rejected/members.csv"));
    correct(&path, &[("2;Bo Lindqvist;-2", "2;Bo Lindqvist;2")]);
    let dry = shell.json(&["replay", run, "--dry-run"]);
    assert_eq!((&dry["status"], &dry["replay"]["closed"]), (&"dry_run".into(), &1.into()));
    let first = shell.json(&["replay", run]);
    assert_eq!(first["replay"]["open"], 2, "{first}");
    correct(&path, &[("3;;3", "3;Dee;3"), ("4,5", "4.5")]);
    let second = shell.json(&["replay", first["run"].as_str().expect("a run")]);
    assert_eq!((&second["replay"]["of"], &second["replay"]["open"]), (&run.into(), &0.into()));

    let history = shell.json(&["history", run]);
    assert_eq!(
        (&history["rejected"]["open"], &history["rejected"]["closed"]),
        (&0.into(), &3.into())
    );
    let told = shell.longshore(&["history", run]).stdout;
    assert!(String::from_utf8_lossy(&told).contains("0 open, 3 closed"), "{told:?}");
    let again = shell.longshore(&["replay", run]);
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(
        (again.status.code(), told.contains("nothing to replay")),
        (Some(0), true),
        "{told}"
    );
    assert_eq!(shell.longshore(&["replay", "01J00000000000000000000000"]).status.code(), Some(2));

    fs::rename(
        shell.space.folder.path().join("club.toml"),
        shell.space.folder.path().join("x.toml"),
    )
    .expect("moved");
    let moved = shell.longshore(&["replay", run]);
    let told = String::from_utf8_lossy(&moved.stderr).into_owned() + &told;
    assert_eq!((moved.status.code(), told.contains("--pipeline")), (Some(2), true), "{told}");

    let ledger = "select string_agg(r::text, '') from longshore.rejected_record r";
    let public = told + &shell.space.value(ledger).await;
    for secret in ["Lindqvist", "Chan", "Dee"] {
        assert!(!public.contains(secret), "a value is shown");
    }
}

/// A record that another writer stood against only when all was written comes into a file of its
/// own, `rejected/later-1/`, and is corrected there.
#[tokio::test]
async fn records_that_were_rejected_late_are_replayed_with_the_others() {
    let table = format!("{TABLE}; alter table member add unique (name)");
    for mode in [append(), PIPELINE.to_owned()] {
        let keyed = format!("{table}; alter table member add primary key (id)");
        let space = Workspace::with(if mode.contains("append") { &table } else { &keyed }).await;
        space.write("members.csv", MEMBERS);
        let other = space.database.client().await;
        let taken = "begin; insert into member values (99, 'Eve', 0)";
        other.batch_execute(taken).await.expect("another writer");
        let committing = async {
            let waits =
                "select exists (select from pg_stat_activity where datname = current_database()
                and wait_event_type = 'Lock')::text";
            while space.value(waits).await != "true" {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            other.batch_execute("commit").await.expect("it commits");
        };
        let (run, ()) = tokio::join!(space.run(&mode), committing);
        assert_eq!(first(&run), [5, 0, 4, 0, 1, 0, 0]);
        let late = report(&run).join("rejected/later-1/members.csv");
        assert_eq!(fs::read_to_string(&late).expect("the late one"), "id;name;fee\n5;Eve;5\n");

        // One of the others is made to look more like it than like itself.
        correct(&rejected(&run), &[("3;;3", "55;Evi;5")]);
        let some = replay(&space, &mode, &run).await;
        assert_eq!((account(&some), first(&some)), ([4, 1, 3], [4, 0, 3, 0, 1, 0, 0]));
        correct(&late, &[("5;Eve;5", "5;Eve Moreau;5")]);
        let late = replay(&space, &mode, &run).await;
        assert_eq!((account(&late), first(&late)), ([4, 1, 2], [4, 1, 2, 0, 1, 0, 0]));
        correct(&rejected(&run), &[("2;Bo Lindqvist;-2", "2;Bo Lindqvist;2"), ("4,5", "4.5")]);
        let last = replay(&space, &mode, &run).await;
        assert_eq!((account(&last), first(&last)), ([4, 2, 0], [4, 2, 0, 0, 2, 0, 0]));
        assert_eq!(account(&replay(&space, &mode, &run).await), [4, 0, 0]);
        assert_eq!(
            members(&space).await,
            "1Ana1.00 2Bo Lindqvist2.00 4Chan Dara4.50 5Eve Moreau5.00 55Evi5.00 99Eve0.00"
        );
        space.assert_unlogged(&["Lindqvist", "Chan", "(Eve"]).await;
    }
}
