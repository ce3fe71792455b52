//! A folder with files and a database with tables, for one test.

use std::{fs, path::PathBuf, sync::Arc};

use longshore::{
    definition::{self, Definition},
    outcome::Tally,
    postgres::endpoint::Endpoint,
    report::RunSummary,
    run::{self, ImportRequest, LoadOptions, Pipeline, Stop, progress::Progress},
};
use tokio_postgres::Client;

use crate::support::TestDatabase;

/// Where one test works.
pub(crate) struct Workspace {
    pub(crate) database: TestDatabase,
    pub(crate) client: Client,
    pub(crate) folder: tempfile::TempDir,
}

/// What a test may change about a run.
#[derive(Clone, Copy, Default)]
pub(crate) struct How {
    pub(crate) force: bool,
    pub(crate) dry_run: bool,
    pub(crate) options: LoadOptions,
}

impl Workspace {
    /// A database in which `sql` has been run. Its statements are logged as servers do by
    /// default: the embedded one would log no error, with values or without.
    pub(crate) async fn with(sql: &str) -> Self {
        let database = TestDatabase::create().await;
        let settings = [
            "log_min_messages = 'warning'",
            "log_min_error_statement = 'error'",
            "log_error_verbosity = 'default'",
        ];
        let set = settings.map(|it| format!("alter database {} set {it};", database.name()));
        database.client().await.batch_execute(&set.concat()).await.expect("the server's log");
        let client = database.client().await;
        client.batch_execute(sql).await.expect("the test's tables");
        Self { database, client, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("the test's file");
        path
    }

    /// Reads a file below the folder.
    pub(crate) fn read(&self, path: impl AsRef<std::path::Path>) -> String {
        let bytes = fs::read(self.folder.path().join(path)).expect("a file to read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A pipeline from TOML; `$DIR` stands for the folder.
    pub(crate) fn pipeline(&self, toml: &str) -> Pipeline {
        let folder = self.folder.path();
        let text = toml.replace("$DIR", &folder.display().to_string());
        let read = definition::read("test.toml", &text)
            .unwrap_or_else(|findings| panic!("{}", findings.render(false)));
        let Definition::Import(definition) = read.definition else {
            panic!("the test's pipeline is an import")
        };
        Pipeline { name: "test".to_owned(), folder: folder.to_owned(), definition: *definition }
    }

    /// Runs a pipeline and expects it to end without an error.
    pub(crate) async fn run(&self, toml: &str) -> RunSummary {
        self.run_how(toml, How::default()).await
    }

    /// Runs a pipeline in some way and expects it to end without an error.
    pub(crate) async fn run_how(&self, toml: &str, how: How) -> RunSummary {
        match self.try_run(toml, how).await {
            Ok(summary) => summary,
            Err(Stop::Error(error)) => panic!("{error}: {:?} {:?}", error.contexts(), error),
            Err(Stop::Findings(findings)) => panic!("{findings:#?}"),
        }
    }

    /// Runs a pipeline.
    pub(crate) async fn try_run(&self, toml: &str, how: How) -> Result<RunSummary, Stop> {
        self.try_run_at(&self.database.endpoint(), toml, how).await
    }

    async fn try_run_at(
        &self,
        endpoint: &Endpoint,
        toml: &str,
        how: How,
    ) -> Result<RunSummary, Stop> {
        let request = ImportRequest {
            pipeline: self.pipeline(toml),
            report_folder: self.folder.path().join("reports"),
            force: how.force,
            dry_run: how.dry_run,
            options: how.options,
        };
        Box::pin(run::import(endpoint, &request, &Arc::new(Progress::default()))).await
    }

    /// Runs a pipeline as another role.
    pub(crate) async fn try_run_as(
        &self,
        role: &str,
        toml: &str,
        how: How,
    ) -> Result<RunSummary, Stop> {
        let endpoint = self.database.endpoint_as(role);
        self.try_run_at(&endpoint, toml, how).await
    }

    /// That the server's log has none of these values; and that it would have them, had a
    /// statement with them failed without a guard.
    pub(crate) async fn assert_unlogged(&self, values: &[&str]) {
        let control = format!("unguarded in {}", self.database.name());
        let raise = format!("do $$ begin raise exception '{control}'; end $$");
        let client = self.database.client().await;
        client.batch_execute(&raise).await.expect_err("it raises");
        let log = self.database.server_log();
        assert!(log.matches(&control).count() > 1, "errors and their statements are logged");
        for value in values {
            let line = log.lines().find(|line| line.contains(value));
            assert!(line.is_none(), "the server's log has {value}: {}", line.unwrap_or_default());
        }
    }

    /// The single value of a query, as text.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let row =
            self.client.query_one(&format!("select ({sql})::text"), &[]).await.expect("a query");
        row.get::<_, Option<String>>(0).unwrap_or_else(|| "NULL".to_owned())
    }

    /// The lines of `rejections.csv` of a run, without the header.
    pub(crate) fn rejections(&self, summary: &RunSummary) -> Vec<String> {
        let report = PathBuf::from(summary.rejections.report.as_ref().expect("a report"));
        let text = fs::read_to_string(report.join("rejections.csv")).unwrap_or_default();
        text.lines().skip(1).map(str::to_owned).collect()
    }
}

/// A tally in one line: read, filtered, rejected, duplicate, inserted, updated, unchanged.
pub(crate) fn counts(tally: &Tally) -> [u64; 7] {
    let counts = tally.counts();
    std::array::from_fn(|at| counts[at])
}

/// The counts of the first table.
pub(crate) fn first(summary: &RunSummary) -> [u64; 7] {
    counts(&summary.tables[0].tally)
}

/// The codes of a run with the number of violations.
pub(crate) fn codes(summary: &RunSummary) -> Vec<(&str, u64)> {
    summary.rejections.by_code.iter().map(|(code, count)| (code.as_str(), *count)).collect()
}
