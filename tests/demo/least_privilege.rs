//! A role with exactly what `doctor --grants` writes runs every shipped pipeline, and with
//! anything less none that needs it; what is missing is named.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::migrations::shipped;
use crate::support::{Part, TestDatabase, is_left_out};

const PIPELINES: [&str; 6] = [
    "pipelines/cadastre/lots.toml",
    "pipelines/cadastre/zones.toml",
    "pipelines/property/sales.toml",
    "pipelines/school/students.toml",
    "pipelines/school/oneroster.toml",
    "pipelines/school/sds.toml",
];

/// So many of them are run without each of their grants in turn.
const FEW: usize = 4;

/// The shipped tables, a role of the test's own, and a place for reports.
struct Clerk {
    database: TestDatabase,
    role: String,
    reports: tempfile::TempDir,
    pipelines: &'static [&'static str],
}

impl Clerk {
    async fn start(name: &str, pipelines: &'static [&'static str]) -> Self {
        let database = TestDatabase::create().await;
        let session = database.session().await;
        shipped().up(&session, None, false).await.expect("the migrations go up");
        let role = format!("{name}_{}", std::process::id());
        // What everybody has by default is taken away, so that nothing stands in for a grant.
        let make = format!("create role {role} login; revoke all on schema public from public");
        session.client.batch_execute(&make).await.expect("the role is made");
        Self { database, role, reports: tempfile::tempdir().expect("a folder"), pipelines }
    }

    fn longshore(&self, user: &str, arguments: &[&str]) -> Output {
        let url = self.database.url().replace("//longshore@", &format!("//{user}@"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().env("DATABASE_URL", url);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).args(arguments);
        command.output().expect("longshore runs")
    }

    /// The grants, statement by statement.
    fn grants(&self) -> Vec<String> {
        let arguments = [&["doctor", "--grants", &self.role], self.pipelines].concat();
        let output = self.longshore("longshore", &arguments);
        assert_eq!(code(&output), 0, "{}", words(&output));
        let text = String::from_utf8(output.stdout).expect("it is text");
        text.lines().map(|line| line.trim_end_matches(';').to_owned()).collect()
    }

    /// Runs every pipeline as the role.
    fn run(&self) -> Output {
        let reports: PathBuf = self.reports.path().to_owned();
        let reports = reports.display().to_string();
        let arguments = [&["run", "--force", "--report-dir", &reports], self.pipelines].concat();
        self.longshore(&self.role, &arguments)
    }

    fn doctor(&self) -> Output {
        self.longshore(&self.role, &[&["doctor"], self.pipelines].concat())
    }

    async fn execute(&self, sql: &str) {
        let client = self.database.client().await;
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn words(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// What takes a grant back.
fn revoked(grant: &str, role: &str) -> String {
    let given = grant.strip_suffix(&format!(" to \"{role}\"")).expect("a grant");
    let given = given.strip_prefix("grant ").expect("a grant");
    format!("revoke {given} from \"{role}\"")
}

#[tokio::test]
async fn every_pipeline_runs_with_exactly_the_grants_that_are_written() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let clerk = Clerk::start("exact", &PIPELINES).await;
    for grant in clerk.grants() {
        clerk.execute(&grant).await;
    }
    let ran = clerk.run();
    assert_eq!(code(&ran), 0, "{}", words(&ran));
    assert_eq!(words(&ran).matches(": published, ").count(), PIPELINES.len(), "{}", words(&ran));
    assert!(words(&clerk.doctor()).contains("has everything these pipelines need"));
    // A second role shares the ledger that the first one made.
    let second = Clerk { role: format!("{}_too", clerk.role), ..clerk };
    second.execute(&format!("create role {} login", second.role)).await;
    for grant in second.grants() {
        assert!(!grant.starts_with("create schema"), "{grant}");
        second.execute(&grant).await;
    }
    let ran = second.run();
    assert_eq!(code(&ran), 0, "{}", words(&ran));
}

#[tokio::test]
async fn whatever_is_missing_is_named_by_doctor_and_run() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let clerk = Clerk::start("less", &PIPELINES[..FEW]).await;
    let grants = clerk.grants();
    assert!(grants.len() > 15, "{grants:?}");
    for grant in &grants {
        clerk.execute(grant).await;
    }
    for grant in grants.iter().filter(|grant| !grant.starts_with("grant connect")) {
        let (take, give) = match grant.strip_prefix("create schema if not exists ") {
            Some(rest) => {
                let name = rest.split(' ').next().expect("a name");
                (format!("drop schema {name} cascade"), grant.clone())
            }
            None => (revoked(grant, &clerk.role), grant.clone()),
        };
        clerk.execute(&take).await;
        let doctor = clerk.doctor();
        assert_eq!(code(&doctor), 7, "{take}: {}", words(&doctor));
        assert!(words(&doctor).contains(grant.as_str()), "{take}: {}", words(&doctor));
        let ran = clerk.run();
        assert_eq!(code(&ran), 7, "{take}: {}", words(&ran));
        assert!(words(&ran).contains(grant.as_str()), "{take}: {}", words(&ran));
        assert!(words(&ran).contains(" lacks "), "{take}: {}", words(&ran));
        clerk.execute(&give).await;
    }
    assert_eq!(code(&clerk.run()), 0);
}
