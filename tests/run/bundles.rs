//! Deliveries of several files: loaded as one, or not at all.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use longshore::{
    error::{Error, ErrorKind},
    report::{RunStatus, RunSummary},
    run::{
        self, ImportRequest, LoadOptions, ReplayRequest, Stop, held, prepare, preview::preview,
        progress::Progress,
    },
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, counts};

const TABLES: &str = "
create table parcel (pin text primary key, area numeric not null check (area > 0));
create table owner (id text primary key, pin text not null references parcel, name text not null);
create table valuation (pin text references parcel, day date, value numeric, primary key (pin, day))";

/// What a county sends: parcels, their owners, and values where there are any.
const PIPELINE: &str = r#"
[bundle]
path = "$DIR/delivery*"

[[file]]
name = "parcels"
delimiter = ";"
decimal_mark = ","

[[file]]
name = "owners"
member = "own*.csv"

[[file]]
name = "values"
optional = true

[limits]
deleted = "50%"

[[target]]
table = "public.parcel"
from = "parcels"
mode = "mirror"
key = ["pin"]
[target.columns]
pin = { from = "PIN" }
area = { from = "Area" }

[[target]]
table = "public.owner"
from = "owners"
mode = "mirror"
key = ["id"]
[target.columns]
id = { from = "id" }
pin = { from = "pin" }
name = { from = "name", required = true, sensitive = true }

[[target]]
table = "public.valuation"
from = "values"
mode = "mirror"
key = ["pin", "day"]
[target.columns]
pin = { from = "pin" }
day = { from = "day" }
value = { from = "value" }
"#;

const PARCELS: &str = "PIN;Area\nA1;10,5\nA2;20\nA3;30\n";
const OWNERS: &str = "id,pin,name\n1,A1,Ana\n2,A2,Ben\n3,A3,Chan\n4,A3,Dara\n";
const VALUES: &str = "pin,day,value\nA1,2024-07-01,100\nA2,2024-07-01,200\n";

/// Writes a zip archive with these members.
fn pack(path: &Path, members: &[(&str, &[u8])]) {
    let mut archive = zip::ZipWriter::new(fs::File::create(path).expect("the archive"));
    for (name, content) in members {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(*name, options).expect("a member");
        archive.write_all(content).expect("its content");
    }
    archive.finish().expect("the archive is closed");
}

/// Names and texts of the members of an archive.
type Members<'m> = &'m [(&'m str, &'m str)];

fn deliver(space: &Workspace, members: Members<'_>) -> PathBuf {
    let path = space.folder.path().join("delivery.zip");
    let members: Vec<_> = members.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    pack(&path, &members);
    path
}

async fn refused(space: &Workspace, toml: &str) -> Error {
    match space.try_run(toml, How::default()).await {
        Err(Stop::Error(error)) => error,
        ended => panic!("it is not refused: {ended:?}"),
    }
}

fn tallies(summary: &RunSummary) -> Vec<[u64; 7]> {
    summary.tables.iter().map(|table| counts(&table.tally)).collect()
}

async fn rows(space: &Workspace) -> String {
    let rows = "select (select count(*) from parcel) || ' ' || (select count(*) from owner)
        || ' ' || (select count(*) from valuation)";
    space.value(rows).await
}

#[tokio::test]
async fn the_files_of_a_delivery_are_one_run_and_known_by_all_their_bytes() {
    let space = Workspace::with(TABLES).await;
    let all = [("parcels.csv", PARCELS), ("owners.csv", OWNERS), ("values.csv", VALUES)];
    deliver(&space, &all);
    let summary = space.run(PIPELINE).await;
    assert_eq!(
        tallies(&summary),
        [[3, 0, 0, 0, 3, 0, 0], [4, 0, 0, 0, 4, 0, 0], [2, 0, 0, 0, 2, 0, 0]]
    );
    assert_eq!((rows(&space).await.as_str(), summary.files.len()), ("3 4 2", 3));
    assert_eq!(space.value("select count(*) from longshore.run").await, "1");
    let again = space.run(PIPELINE).await;
    assert_eq!((again.status, again.files.len()), (RunStatus::Unchanged, 3));
    // One byte in one member makes it another delivery, of which the others count too.
    let owners = OWNERS.replace("Ben", "Bea");
    deliver(&space, &[all[0], ("owners.csv", &owners), all[2]]);
    let changed = space.run(PIPELINE).await;
    assert_eq!(
        tallies(&changed),
        [[3, 0, 0, 0, 0, 0, 3], [4, 0, 0, 0, 0, 1, 3], [2, 0, 0, 0, 0, 0, 2]]
    );
}

#[tokio::test]
async fn a_folder_is_a_delivery_and_any_file_in_it_makes_it_another() {
    let space = Workspace::with(TABLES).await;
    let folder = space.folder.path().join("delivery/top");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, text) in [("Parcels.CSV", PARCELS), ("owners.csv", OWNERS), (".upload", "x")] {
        fs::write(folder.join(name), text).expect("a file");
    }
    let summary = space.run(PIPELINE).await;
    assert_eq!((summary.status, rows(&space).await.as_str()), (RunStatus::Published, "3 4 0"));
    assert_eq!(space.run(PIPELINE).await.status, RunStatus::Unchanged);
    fs::write(folder.join("notes.txt"), "hello").expect("a file nobody asks for");
    let noted = space.run(PIPELINE).await;
    let bundle = noted.bundle.expect("it is a bundle");
    assert_eq!(
        (noted.status, bundle.absent.join(" ")),
        (RunStatus::Published, "values".to_owned())
    );
    assert_eq!(bundle.not_read[0].file, "notes.txt");
    let strict = PIPELINE.replace("[bundle]", "[bundle]\nunknown = \"refuse\"");
    let error = refused(&space, &strict).await;
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().contains("notes.txt"), "{error}");
}

#[tokio::test]
async fn what_is_absent_is_left_alone_and_what_is_missing_stops_the_run() {
    let space = Workspace::with(TABLES).await;
    let all = [("parcels.csv", PARCELS), ("owners.csv", OWNERS), ("values.csv", VALUES)];
    deliver(&space, &all);
    space.run(PIPELINE).await;
    let owners = OWNERS.replace("4,A3,Dara\n", "");
    deliver(&space, &[all[0], ("owners.csv", &owners)]);
    let without = space.run(PIPELINE).await;
    assert_eq!((without.status, rows(&space).await.as_str()), (RunStatus::Published, "3 3 2"));
    assert_eq!(without.tables[2].tally.read, 0);
    // An empty file is not an absent one: its deletions wait.
    deliver(&space, &[all[0], all[1], ("values.csv", "pin,day,value\n")]);
    let empty = space.run(PIPELINE).await;
    assert_eq!((empty.status, rows(&space).await.as_str()), (RunStatus::Held, "3 3 2"));
    let run = RunId::parse(&empty.run).expect("a run");
    let progress = Arc::new(Progress::default());
    let approved = held::approve(&space.database.endpoint(), &run, &progress).await;
    assert_eq!(approved.expect("it is approved").status, RunStatus::Published);
    assert_eq!(rows(&space).await, "3 4 0");
    deliver(&space, &[all[0], all[2]]);
    let error = refused(&space, PIPELINE).await;
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(error.to_string().contains("own*.csv"), "{error}");
    assert_eq!(rows(&space).await, "3 4 0");
}

#[tokio::test]
async fn references_are_judged_across_the_files_and_rejections_are_counted_by_file() {
    let space = Workspace::with(TABLES).await;
    let parcels = PARCELS.replace("A3;30", "A3;-30");
    let values = format!("{VALUES}A9,2024-07-01,9\n");
    deliver(&space, &[("parcels.csv", &parcels), ("owners.csv", OWNERS), ("values.csv", &values)]);
    let summary = space.run(PIPELINE).await;
    // A3 is refused, and with it those who own it; A9 is in no file and in no table.
    assert_eq!(
        tallies(&summary),
        [[3, 0, 1, 0, 2, 0, 0], [4, 0, 2, 0, 2, 0, 0], [3, 0, 1, 0, 2, 0, 0]]
    );
    let folder = Path::new(summary.rejections.report.as_ref().expect("a report")).join("rejected");
    let mut names: Vec<_> = fs::read_dir(&folder).expect("rejected records").flatten().collect();
    names.sort_by_key(fs::DirEntry::path);
    let names: Vec<_> =
        names.iter().map(|it| it.file_name().into_string().expect("text")).collect();
    assert_eq!(names, ["owners", "parcels", "values"]);
    let limited = PIPELINE.replace("[limits]", "[limits]\nrejected = 1");
    let over = space.run(&limited).await;
    let rejected: Vec<u64> = over.tables.iter().map(|table| table.tally.rejected).collect();
    assert_eq!((over.status, rejected), (RunStatus::Rejected, vec![1, 2, 1]));
}

#[tokio::test]
async fn corrected_records_of_several_files_are_replayed_together() {
    let space = Workspace::with(TABLES).await;
    let parcels = PARCELS.replace("A3;30", "A3;-30");
    deliver(&space, &[("parcels.csv", &parcels), ("owners.csv", OWNERS), ("values.csv", VALUES)]);
    let summary = space.run(PIPELINE).await;
    let report = PathBuf::from(summary.rejections.report.as_ref().expect("a report"));
    let corrected = report.join("rejected/parcels/delivery.csv");
    let text = fs::read_to_string(&corrected).expect("the parcel that was refused");
    assert_eq!(text, "PIN;Area\nA3;-30\n");
    fs::write(&corrected, text.replace("-30", "31")).expect("it is corrected");
    let import = ImportRequest {
        pipeline: space.pipeline(PIPELINE),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions::default(),
    };
    let of = RunId::parse(&summary.run).expect("a run");
    let request = ReplayRequest { import, of, report };
    let progress = Arc::new(Progress::default());
    let replayed = run::replay(&space.database.endpoint(), &request, &progress).await;
    let replayed = replayed.expect("it is replayed");
    let replay = replayed.replay.as_ref().expect("a replay");
    assert_eq!((replay.rejected, replay.closed, replay.open), (3, 3, 0));
    assert_eq!(rows(&space).await, "3 4 2");
}

#[tokio::test]
async fn a_delivery_that_was_cut_off_is_gone_on_with() {
    let tables = "create table a (id int primary key); create table b (id int primary key, a int not null references a)";
    let space = Workspace::with(tables).await;
    let toml = r#"
[bundle]
path = "$DIR/delivery.zip"
[[file]]
name = "a"
[[file]]
name = "b"
[[target]]
table = "public.a"
from = "a"
mode = "mirror"
key = ["id"]
columns = { id = { from = "id" } }
[[target]]
table = "public.b"
from = "b"
mode = "mirror"
key = ["id"]
columns = { id = { from = "id" }, a = { from = "a" } }
"#;
    let parents: String = (1..=5000).map(|id| format!("{id}\n")).collect();
    let children: String = (1..=20_000).map(|id| format!("{id},{}\n", id % 5000 + 1)).collect();
    deliver(
        &space,
        &[("a.csv", &format!("id\n{parents}")), ("b.csv", &format!("id,a\n{children}"))],
    );
    let options = LoadOptions { threads: 2, connections: 2, split_bytes: 4 << 10 };
    let request = ImportRequest {
        pipeline: space.pipeline(toml),
        report_folder: space.folder.path().join("reports"),
        force: false,
        dry_run: false,
        options,
    };
    let progress = Arc::new(Progress::default());
    let endpoint = space.database.endpoint();
    let far_enough = async {
        while progress.staged_rows() < 10_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        ended = run::import(&endpoint, &request, &progress) => panic!("too late: {ended:?}"),
        () = far_enough => {}
    }
    let gone = "select count(*) from pg_locks where locktype = 'advisory' and database
        = (select oid from pg_database where datname = current_database())";
    while space.value(gone).await != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let summary = space.run_how(toml, How { options, ..How::default() }).await;
    assert!(summary.resumed.is_some(), "it went on: {summary:?}");
    let expected = [[5000, 0, 0, 0, 5000, 0, 0], [20_000, 0, 0, 0, 20_000, 0, 0]];
    assert_eq!(tallies(&summary), expected);
}

#[tokio::test]
async fn archives_that_lie_are_refused_and_nothing_is_written_by_their_names() {
    let space = Workspace::with(TABLES).await;
    let path = space.folder.path().join("delivery.zip");
    for name in ["../evil.csv", "/tmp/evil.csv", "a/../../evil.csv"] {
        pack(&path, &[("parcels.csv", PARCELS.as_bytes()), (name, b"x")]);
        let error = refused(&space, PIPELINE).await;
        assert!(error.to_string().contains("leads out of it"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Source);
    }
    assert!(!space.folder.path().join("../evil.csv").exists());
    fs::write(&path, b"PK\x03\x04 no archive").expect("written");
    assert_eq!(refused(&space, PIPELINE).await.kind(), ErrorKind::Source);
    pack(&path, &[]);
    assert_eq!(refused(&space, PIPELINE).await.kind(), ErrorKind::Source);
    pack(&space.folder.path().join("delivery2.zip"), &[]);
    let several = refused(&space, PIPELINE).await;
    assert!(several.to_string().contains("2 deliveries match"), "{several}");
}

// OneRoster.

const ROSTER_TABLES: &str = "
create table org (id text primary key, status text, name text not null, parent text references org, meta jsonb);
create table member (id text primary key, name text not null, org text references org);
create table enrolment (id text primary key, member text not null references member)";

const ROSTER: &str = r#"
[bundle]
path = "$DIR/delivery.zip"
kind = "oneroster"
[[file]]
name = "orgs"
[[file]]
name = "users"
[[file]]
name = "enrollments"
[limits]
deleted = "60%"
[[target]]
table = "public.org"
from = "orgs"
mode = "manifest"
key = ["id"]
operation = { from = "status", update = ["active", ""], delete = ["tobedeleted"] }
columns = { id = { from = "sourcedId" }, name = { from = "name" }, parent = { from = "parentSourcedId", optional = true }, meta = { rest = true } }
[[target]]
table = "public.member"
from = "users"
mode = "manifest"
key = ["id"]
operation = { from = "status", update = ["active", ""], delete = ["tobedeleted"] }
columns = { id = { from = "sourcedId" }, name = { from = "username" }, org = { from = "orgSourcedIds" } }
[[target]]
table = "public.enrolment"
from = "enrollments"
mode = "manifest"
key = ["id"]
operation = { from = "status", update = ["active", ""], delete = ["tobedeleted"] }
columns = { id = { from = "sourcedId" }, member = { from = "userSourcedId" } }
"#;

const ORGS: &str = "\u{feff}sourcedId,status,dateLastModified,name,type,metadata.sector,parentSourcedId\r\no1,,,North,district,public,\r\no2,,,Hill,school,,o1\r\n";
const USERS: &str = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,givenName,familyName\nu1,,,true,o1,student,ana,A,N\nu2,,,true,o2,student,ben,B,N\nu3,,,true,o2,teacher,cy,C,Y\n";
const ENROLLMENTS: &str = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\ne1,,,c,o1,u1,student\ne2,,,c,o2,u2,student\ne3,,,c,o2,u3,teacher\n";

fn manifest(said: &[(&str, &str)]) -> String {
    let files: String = said.iter().map(|(name, word)| format!("file.{name},{word}\n")).collect();
    format!("propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n{files}")
}

fn bulk(space: &Workspace, orgs: &str, users: &str, enrollments: &str) {
    let manifest = manifest(&[
        ("orgs", "bulk"),
        ("users", "bulk"),
        ("enrollments", "bulk"),
        ("results", "absent"),
    ]);
    deliver(
        space,
        &[
            ("r/manifest.csv", &manifest),
            ("r/orgs.csv", orgs),
            ("r/users.csv", users),
            ("r/enrollments.csv", enrollments),
        ],
    );
}

const HELD_ROWS: &str = "select (select string_agg(id, ' ' order by id) from org) || ' | '
    || coalesce((select string_agg(id || name, ' ' order by id) from member), '') || ' | '
    || coalesce((select string_agg(id, ' ' order by id) from enrolment), '')";

#[tokio::test]
async fn a_roster_is_mirrored_where_it_is_bulk_and_changed_where_it_is_delta() {
    let space = Workspace::with(ROSTER_TABLES).await;
    bulk(&space, ORGS, USERS, ENROLLMENTS);
    let summary = space.run(ROSTER).await;
    assert_eq!((summary.status, codes(&summary)), (RunStatus::Published, vec![]));
    assert_eq!(space.value(HELD_ROWS).await, "o1 o2 | u1ana u2ben u3cy | e1 e2 e3");
    assert_eq!(
        space.value("select meta->>'metadata.sector' from org where id = 'o1'").await,
        "public"
    );
    assert_eq!(summary.bundle.expect("a bundle").version.as_deref(), Some("1.1"));
    // Delta: what it does not mention stays, what it calls tobedeleted goes, with those who refer to it.
    let said = manifest(&[("orgs", "absent"), ("users", "delta"), ("enrollments", "delta")]);
    let users = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,givenName,familyName\nu2,tobedeleted,2024-09-01,,,,,,\nu3,active,2024-09-01,true,o2,teacher,cyd,C,Y\nu4,active,2024-09-01,true,o9,student,dan,D,N\nu5,gone,2024-09-01,true,o2,student,eve,E,N\n";
    let enrollments = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\ne2,tobedeleted,2024-09-01,,,,\n";
    deliver(
        &space,
        &[("manifest.csv", &said), ("users.csv", users), ("enrollments.csv", enrollments)],
    );
    let delta = space.run(ROSTER).await;
    assert_eq!(space.value(HELD_ROWS).await, "o1 o2 | u1ana u3cyd | e1 e3");
    assert_eq!(
        codes(&delta),
        [("constraint.foreign_key", 1), ("rule.operation", 1)],
        "{:?}",
        space.rejections(&delta)
    );
    assert_eq!(space.run(ROSTER).await.status, RunStatus::Unchanged);
    // The bulk again: what is in none of its files goes, in each table.
    let fewer = USERS.replace("u1,,,", "u1,tobedeleted,,");
    let enrolled = ENROLLMENTS.replace("e1,,,c,o1,u1,student\n", "");
    bulk(&space, ORGS, &fewer, &enrolled);
    let mirrored = space.run(ROSTER).await;
    assert_eq!(mirrored.tables[1].tally.filtered, 1, "one that is to be deleted is absent");
    assert_eq!(space.value(HELD_ROWS).await, "o1 o2 | u2ben u3cy | e2 e3");
}

#[tokio::test]
async fn an_empty_bulk_file_waits_for_approval_and_an_absent_one_touches_nothing() {
    let space = Workspace::with(ROSTER_TABLES).await;
    bulk(&space, ORGS, USERS, ENROLLMENTS);
    space.run(ROSTER).await;
    let header = ENROLLMENTS.lines().next().expect("a header");
    bulk(&space, ORGS, USERS, &format!("{header}\n"));
    let held = space.run(ROSTER).await;
    assert_eq!(held.status, RunStatus::Held);
    assert_eq!(space.value("select count(*) from enrolment").await, "3");
    let run = RunId::parse(&held.run).expect("a run");
    let discarded = held::discard(&space.database.endpoint(), &run).await;
    assert_eq!(discarded.expect("it is discarded").status, RunStatus::Discarded);
    let said = manifest(&[("orgs", "bulk"), ("users", "absent"), ("enrollments", "absent")]);
    deliver(&space, &[("manifest.csv", &said), ("orgs.csv", ORGS)]);
    let absent = space.run(ROSTER).await;
    assert_eq!(absent.status, RunStatus::Published);
    assert_eq!(space.value(HELD_ROWS).await, "o1 o2 | u1ana u2ben u3cy | e1 e2 e3");
    assert_eq!(absent.bundle.expect("a bundle").absent, ["users", "enrollments"]);
}

#[tokio::test]
async fn a_manifest_that_does_not_fit_the_files_is_refused() {
    let space = Workspace::with(ROSTER_TABLES).await;
    let orgs = ("orgs.csv", ORGS);
    let short = ORGS.replace("name", "nom");
    let only = |said: &[(&str, &str)]| manifest(said);
    let cases: [(&str, Members<'_>, &str); 7] = [
        (&only(&[("orgs", "bulk"), ("users", "bulk")]), &[orgs], "has no `users.csv`"),
        (&only(&[("orgs", "bulk"), ("results", "bulk")]), &[orgs], "has no `results.csv`"),
        (
            &only(&[("orgs", "bulk"), ("users", "absent")]),
            &[orgs, ("users.csv", USERS)],
            "declares it absent",
        ),
        (&only(&[("orgs", "whole")]), &[orgs], "neither bulk nor delta nor absent"),
        (&only(&[("orgs", "bulk")]), &[("orgs.csv", &short)], "has no `name`"),
        (&only(&[("orgs", "bulk")]).replace(",1.1", ",1.0"), &[orgs], "names version `1.0`"),
        (&only(&[("orgs", "absent")]), &[("results.csv", "x\n")], "none of the pipeline's files"),
    ];
    for (said, members, why) in cases {
        let members = [&[("manifest.csv", said)][..], members].concat();
        deliver(&space, &members);
        let error = refused(&space, ROSTER).await;
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        assert!(error.to_string().contains(why), "{error} is not about {why}");
    }
    deliver(&space, &[orgs]);
    assert!(refused(&space, ROSTER).await.to_string().contains("manifest.csv"));
    // Where the definition says so, it is a warning; what nobody asks for is one in any case.
    let lenient = ROSTER.replace("\"oneroster\"", "\"oneroster\"\ndeclared_absent = \"warn\"");
    let said = manifest(&[("orgs", "bulk"), ("users", "absent"), ("results", "bulk")]);
    deliver(
        &space,
        &[
            ("manifest.csv", &said),
            orgs,
            ("users.csv", USERS),
            ("results.csv", "x\n"),
            ("more.csv", "x\n"),
        ],
    );
    let summary = space.run(&lenient).await;
    let not_read: Vec<_> =
        summary.bundle.iter().flat_map(|it| &it.not_read).map(|it| it.file.as_str()).collect();
    assert_eq!(not_read, ["more.csv", "results.csv", "users.csv"]);
    assert_eq!(space.value("select count(*) from member").await, "0");
}

#[tokio::test]
async fn version_1_2_has_its_roles_beside_the_users() {
    let tables = format!(
        "{ROSTER_TABLES}; create table role (id text primary key, member text not null references member, role text not null)"
    );
    let space = Workspace::with(&tables).await;
    let roles = r#"
[[target]]
table = "public.role"
from = "roles"
mode = "manifest"
key = ["id"]
operation = { from = "status", update = ["active", ""], delete = ["tobedeleted"] }
columns = { id = { from = "sourcedId" }, member = { from = "userSourcedId" }, role = { from = "role" } }
"#;
    let toml = ROSTER.replace("[limits]", "[[file]]\nname = \"roles\"\n[limits]") + roles;
    let toml =
        toml.replace("\"orgSourcedIds\"", "\"orgSourcedIds\", aliases = [\"primaryOrgSourcedId\"]");
    let users = "sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName,primaryOrgSourcedId\nu1,,,true,ana,A,N,o1\n";
    let roles = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\nr1,,,u1,primary,teacher,,,o1\nr2,,,u9,primary,teacher,,,o1\n";
    let said = manifest(&[("orgs", "bulk"), ("users", "bulk"), ("roles", "bulk")]);
    let members = [("orgs.csv", ORGS), ("users.csv", users), ("roles.csv", roles)];
    deliver(&space, &[&[("manifest.csv", said.as_str())], &members[..]].concat());
    // What 1.1 requires of users is elsewhere in 1.2.
    let error = refused(&space, &toml).await;
    assert!(error.to_string().contains("has no `orgSourcedIds`, `role`"), "{error}");
    let said = said.replace("oneroster.version,1.1", "oneroster.version,1.2");
    deliver(&space, &[&[("manifest.csv", said.as_str())], &members[..]].concat());
    let summary = space.run(&toml).await;
    assert_eq!(summary.bundle.as_ref().and_then(|it| it.version.as_deref()), Some("1.2"));
    assert_eq!(codes(&summary), [("constraint.foreign_key", 1)]);
    assert_eq!(
        space.value("select string_agg(member || ' ' || role, ',') from role").await,
        "u1 teacher"
    );
}

#[tokio::test]
async fn a_preview_shows_the_first_records_of_each_file() {
    let space = Workspace::with(TABLES).await;
    deliver(&space, &[("parcels.csv", PARCELS), ("owners.csv", OWNERS)]);
    let pipeline = space.pipeline(PIPELINE);
    let session = space.database.session().await;
    let found = prepare::find_files(&pipeline.definition).await.expect("the files");
    let (tables, names) =
        prepare::read_tables(&session, &pipeline.definition).await.expect("tables");
    let bound = prepare::bind_files(&pipeline, &found, &tables, &names).expect("it fits");
    let shown = preview(&bound, 2, false).expect("records");
    let of: Vec<_> = shown.iter().map(|it| (it.file.as_deref(), it.written.len())).collect();
    let (parcels, owners) = ((Some("parcels"), 1), (Some("owners"), 1));
    assert_eq!(of, [parcels, parcels, owners, owners]);
    let name = &shown[2].written[0].columns[2];
    assert_ne!(name.1.as_deref(), Ok("Ana"), "a sensitive value is hidden");
}

fn longshore(space: &Workspace, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url());
    command.current_dir(space.folder.path()).args(arguments).output().expect("longshore runs")
}

#[tokio::test]
async fn every_command_takes_a_bundle() {
    let space = Workspace::with(TABLES).await;
    let path = deliver(&space, &[("parcels.csv", PARCELS), ("owners.csv", OWNERS)]);
    let toml = PIPELINE.replace("$DIR/delivery*", "elsewhere/*.zip");
    space.write("county.toml", toml);
    let input = path.display().to_string();
    let check = longshore(&space, &["check", "county.toml"]);
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success() && said.contains("no delivery matches"), "{said}");
    let with_input =
        |command: &[&str]| longshore(&space, &[command, &["--input", &input]].concat());
    for command in [
        &["validate", "county.toml"][..],
        &["preview", "county.toml"],
        &["plan", "county.toml", "--counts"],
        &["run", "county.toml", "--dry-run"],
    ] {
        let output = with_input(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {said}");
    }
    let plan = with_input(&["plan", "county.toml"]);
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(
        plan.contains("fields of owners (bulk)") && plan.contains("from values, which is absent"),
        "{plan}"
    );
    assert_eq!(rows(&space).await, "0 0 0");
    let run = with_input(&["run", "county.toml"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success() && said.contains("absent from the delivery"), "{said}");
    assert_eq!(rows(&space).await, "3 4 0");
    let none = longshore(&space, &["run", "county.toml"]);
    assert_eq!(none.status.code(), Some(5));
    let history = longshore(&space, &["history"]);
    assert!(String::from_utf8_lossy(&history.stdout).contains("county"));
}
