//! The ways that are compared: each starts from the same table and is checked after its turn.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    Failed,
    child::{self, Measured},
    data,
    server::Server,
};

/// One way to bring the file into the table, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Psql,
    Run,
    RunAgain,
    Validate,
    FloorCopy,
    FloorInsert,
}

/// All ways, in the order of their turns. What is measured against comes first.
pub(super) const WAYS: [Way; 6] =
    [Way::Psql, Way::Run, Way::RunAgain, Way::Validate, Way::FloorCopy, Way::FloorInsert];

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Psql => "psql \\copy, straight into the table",
            Way::Run => "longshore run",
            Way::RunAgain => "longshore run --force, nothing changed",
            Way::Validate => "longshore validate --catalog",
            Way::FloorCopy => "server: binary COPY, unlogged",
            Way::FloorInsert => "server: INSERT ... SELECT from there",
        }
    }
}

/// The columns take the file's texts as they stand, so that psql can load them at all.
const TABLE: &str = "create table sale (
    transaction_id uuid primary key, price integer not null, sold_on timestamp not null,
    postcode text, kind char(1) not null, new_build boolean not null, tenure char(1) not null,
    building text, unit text, street text, locality text, town text not null, district text,
    county text, category char(1) not null, status char(1) not null, lot_plan text
) with (autovacuum_enabled = false)";

/// Each column from the field of the same place, with a rule here and there.
const PIPELINE: &str = r#"
[source]
format  = "csv"
path    = "$CSV"
header  = false
columns = ["id", "price", "date", "postcode", "type", "new", "duration", "number", "flat", "street",
           "locality", "town", "district", "county", "category", "status", "lot"]

[[target]]
table = "public.sale"
mode  = "upsert"
key   = ["transaction_id"]

[target.columns]
transaction_id = { from = "id" }
price          = { from = "price", minimum = 1 }
sold_on        = { from = "date", minimum = "1995-01-01" }
postcode       = { from = "postcode", pattern = '\d{4}' }
kind           = { from = "type", enum = ["D", "S", "T", "F", "O"] }
new_build      = { from = "new" }
tenure         = { from = "duration" }
building       = { from = "number" }
unit           = { from = "flat" }
street         = { from = "street", max_length = 100 }
locality       = { from = "locality" }
town           = { from = "town", required = true }
district       = { from = "district" }
county         = { from = "county" }
category       = { from = "category" }
status         = { from = "status" }
lot_plan       = { from = "lot" }
"#;

/// What all ways work with.
pub(super) struct Ways<'a> {
    server: &'a Server,
    csv: PathBuf,
    folder: PathBuf,
    rows: u64,
    threads: Option<String>,
    /// A sum over all rows as psql loaded them.
    sum: Option<String>,
}

impl<'a> Ways<'a> {
    /// Makes table, pipeline and saved catalog, and reads the file once, so that it is in memory.
    pub(super) fn prepare(
        server: &'a Server,
        csv: PathBuf,
        rows: u64,
        threads: Option<String>,
    ) -> Result<Self, Failed> {
        let folder = data::folder().join("load");
        fs::create_dir_all(&folder)?;
        let pipeline = PIPELINE.replace("$CSV", &csv.display().to_string());
        fs::write(folder.join("sales.toml"), pipeline)?;
        server.ask(TABLE)?;
        server.ask("create unlogged table floor (like sale) with (autovacuum_enabled = false)")?;
        let ways = Self { server, csv, folder, rows, threads, sum: None };
        let catalog = ways.folder.join("catalog.json");
        let mut validate = ways.longshore("validate");
        validate.arg("--save-catalog").arg(catalog);
        child::run(validate)?;
        Ok(ways)
    }

    /// One turn: what comes before is not measured, what was done is checked.
    pub(super) fn take(&mut self, way: Way) -> Result<Measured, Failed> {
        self.make_ready(way)?;
        let before = self.server.backend_seconds()?;
        let (mut measured, output) = child::run(self.command(way))?;
        measured.server_seconds = self.server.backend_seconds()? - before;
        self.check(way, &output)?;
        Ok(measured)
    }

    fn make_ready(&self, way: Way) -> Result<(), Failed> {
        let statements: &[&str] = match way {
            Way::Psql | Way::Run | Way::FloorInsert => &["truncate sale"],
            // What autovacuum does within a minute of such a load.
            Way::RunAgain => &["vacuum (analyze) sale"],
            Way::Validate => &[],
            Way::FloorCopy => &["truncate floor"],
        };
        for statement in statements.iter().chain(&["checkpoint"]) {
            self.server.ask(statement)?;
        }
        if way == Way::FloorCopy && !self.tuples().exists() {
            self.copy(&format!("\\copy sale to '{}' (format binary)", self.tuples().display()))?;
        }
        Ok(())
    }

    fn tuples(&self) -> PathBuf {
        self.folder.join(format!("{}.tuples", self.rows))
    }

    fn copy(&self, command: &str) -> Result<(), Failed> {
        let mut psql = self.server.psql();
        psql.args(["--command", command]);
        child::run(psql).map(|_| ())
    }

    fn command(&self, way: Way) -> Command {
        let psql = |command: String| {
            let mut psql = self.server.psql();
            psql.args(["--command", &command]);
            psql
        };
        let (csv, tuples) = (self.csv.display(), self.tuples());
        match way {
            // An empty text is NULL to longshore; so it is here.
            Way::Psql => psql(format!("\\copy sale from '{csv}' (format csv, force_null (unit))")),
            Way::FloorCopy => {
                psql(format!("\\copy floor from '{}' (format binary)", tuples.display()))
            }
            Way::FloorInsert => psql("insert into sale select * from floor".to_owned()),
            Way::Run | Way::RunAgain => {
                let mut run = self.longshore("run");
                // The file is the same in every round.
                run.arg("--force");
                run
            }
            Way::Validate => {
                let mut validate = self.longshore("validate");
                validate.arg("--catalog").arg(self.folder.join("catalog.json"));
                validate
            }
        }
    }

    fn longshore(&self, command: &str) -> Command {
        let mut longshore = Command::new(env!("CARGO_BIN_EXE_longshore"));
        longshore.args([command, "--output", "json", "--quiet", "--database"]);
        longshore.arg(self.server.url()).arg(self.folder.join("sales.toml"));
        longshore.arg("--report-dir").arg(self.folder.join("reports"));
        if let Some(threads) = &self.threads {
            longshore.args(["--threads", threads]);
        }
        longshore.stderr(Stdio::inherit());
        longshore
    }

    fn check(&mut self, way: Way, output: &str) -> Result<(), Failed> {
        let expected = match way {
            Way::Psql | Way::FloorCopy | Way::FloorInsert => None,
            Way::Run => Some([("read", self.rows), ("inserted", self.rows)]),
            Way::RunAgain => Some([("read", self.rows), ("unchanged", self.rows)]),
            Way::Validate => Some([("read", self.rows), ("rejected", 0)]),
        };
        if let Some(expected) = expected {
            let summary: Value = serde_json::from_str(output)?;
            let table = &summary["tables"][0];
            if !expected.iter().all(|(name, count)| table[*name] == *count) {
                return Err(format!("{}: {expected:?} expected, {table}", way.name()).into());
            }
        }
        match way {
            Way::Validate => Ok(()),
            Way::FloorCopy => self.check_count("floor"),
            _ => self.check_count("sale").and_then(|()| self.check_rows(way)),
        }
    }

    fn check_count(&self, table: &str) -> Result<(), Failed> {
        let count = self.server.ask(&format!("select count(*) from {table}"))?;
        if count == self.rows.to_string() {
            return Ok(());
        }
        Err(format!("{table} has {count} rows, not {}", self.rows).into())
    }

    /// Every way must leave the same rows.
    fn check_rows(&mut self, way: Way) -> Result<(), Failed> {
        let sum = "select sum(hashtextextended(sale::text, 0)) from sale";
        let sum = self.server.ask(sum)?;
        if *self.sum.get_or_insert_with(|| sum.clone()) == sum {
            return Ok(());
        }
        Err(format!("{}: the rows are not those that psql loaded", way.name()).into())
    }
}
