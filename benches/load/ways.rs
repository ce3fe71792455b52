//! The ways that are compared: each starts from the same table and is checked after its turn.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
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
    SqlAgain,
    RunChanged,
    SqlChanged,
    Validate,
    FloorCopy,
    FloorInsert,
}

/// All ways, in the order of their turns. What is measured against comes first.
pub(super) const WAYS: [Way; 9] = [
    Way::Psql,
    Way::Run,
    Way::RunAgain,
    Way::SqlAgain,
    Way::RunChanged,
    Way::SqlChanged,
    Way::Validate,
    Way::FloorCopy,
    Way::FloorInsert,
];

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Psql => "psql \\copy, straight into the table",
            Way::Run => "longshore run",
            Way::RunAgain => "longshore run --force, nothing changed",
            Way::SqlAgain => "SQL by hand, nothing changed",
            Way::RunChanged => "longshore run, 1 % changed",
            Way::SqlChanged => "SQL by hand, 1 % changed",
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

/// What people write by hand for a file that may have come before: texts to staging, casts, one row
/// of each key, and rows that differ are updated. Nothing is validated, and the first bad row ends it.
const BY_HAND: &str = "\\set ON_ERROR_STOP on
create unlogged table incoming (id text, price text, sold_on text, postcode text, kind text, new text, tenure text,
  building text, unit text, street text, locality text, town text, district text, county text, category text,
  status text, lot text);
\\copy incoming from '$CSV' (format csv, force_null (unit))
begin;
insert into sale as t select distinct on (id) id::uuid, price::integer, sold_on::timestamp, postcode, kind::char(1),
  new::boolean, tenure::char(1), building, unit, street, locality, town, district, county, category::char(1),
  status::char(1), lot from incoming order by id
on conflict (transaction_id) do update set (price, sold_on, postcode, kind, new_build, tenure, building, unit, street,
  locality, town, district, county, category, status, lot_plan) = (excluded.price, excluded.sold_on, excluded.postcode,
  excluded.kind, excluded.new_build, excluded.tenure, excluded.building, excluded.unit, excluded.street,
  excluded.locality, excluded.town, excluded.district, excluded.county, excluded.category, excluded.status,
  excluded.lot_plan) where t.* is distinct from excluded.*;
commit;
drop table incoming;
";

/// Of so many records one is changed.
const CHANGED_ONE_IN: usize = 100;

/// The longshore that is measured.
pub(super) struct Tool {
    pub(super) binary: PathBuf,
    /// How many worker threads it is told to use.
    pub(super) threads: Option<String>,
}

/// What all ways work with.
pub(super) struct Ways<'a> {
    server: &'a Server,
    csv: PathBuf,
    folder: PathBuf,
    rows: u64,
    tool: Tool,
    /// A sum over all rows as psql loaded them.
    sum: Option<String>,
}

impl<'a> Ways<'a> {
    /// Makes table, pipeline and saved catalog, and reads the file once, so that it is in memory.
    pub(super) fn prepare(
        server: &'a Server,
        csv: PathBuf,
        rows: u64,
        tool: Tool,
    ) -> Result<Self, Failed> {
        let folder = data::folder().join("load");
        fs::create_dir_all(&folder)?;
        let changed = folder.join(format!("{rows}-changed.csv"));
        if !changed.exists() {
            write_changed(&csv, &changed)?;
        }
        let files = [("sales", &csv), ("changed", &changed)];
        for (name, file) in files {
            let file = file.display().to_string();
            fs::write(folder.join(name).with_extension("toml"), PIPELINE.replace("$CSV", &file))?;
            fs::write(folder.join(name).with_extension("sql"), BY_HAND.replace("$CSV", &file))?;
        }
        server.ask(TABLE)?;
        server.ask("create unlogged table floor (like sale) with (autovacuum_enabled = false)")?;
        let ways = Self { server, csv, folder, rows, tool, sum: None };
        let catalog = ways.folder.join("catalog.json");
        let mut validate = ways.longshore("validate", "sales");
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
            Way::RunAgain | Way::SqlAgain | Way::RunChanged | Way::SqlChanged => {
                &["vacuum (analyze) sale"]
            }
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
                let mut run = self.longshore("run", "sales");
                // The file is the same in every round.
                run.arg("--force");
                run
            }
            Way::RunChanged => {
                let mut run = self.longshore("run", "changed");
                run.arg("--force");
                run
            }
            // The run before has loaded the changed file: the first one differs as much from it.
            Way::SqlAgain | Way::SqlChanged => {
                let mut psql = self.server.psql();
                psql.arg("--file").arg(self.folder.join("sales.sql"));
                psql
            }
            Way::Validate => {
                let mut validate = self.longshore("validate", "sales");
                validate.arg("--catalog").arg(self.folder.join("catalog.json"));
                validate
            }
        }
    }

    fn longshore(&self, command: &str, pipeline: &str) -> Command {
        let mut longshore = Command::new(&self.tool.binary);
        longshore.args([command, "--output", "json", "--quiet", "--database"]);
        longshore.arg(self.server.url()).arg(self.folder.join(pipeline).with_extension("toml"));
        longshore.arg("--report-dir").arg(self.folder.join("reports"));
        if let Some(threads) = &self.tool.threads {
            longshore.args(["--threads", threads]);
        }
        longshore.stderr(Stdio::inherit());
        longshore
    }

    fn check(&mut self, way: Way, output: &str) -> Result<(), Failed> {
        let expected = match way {
            Way::Psql | Way::FloorCopy | Way::FloorInsert | Way::SqlAgain | Way::SqlChanged => None,
            Way::Run => Some([("read", self.rows), ("inserted", self.rows)]),
            Way::RunAgain => Some([("read", self.rows), ("unchanged", self.rows)]),
            Way::RunChanged => {
                Some([("read", self.rows), ("updated", self.rows / CHANGED_ONE_IN as u64)])
            }
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
            Way::RunChanged => self.check_count("sale"),
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

/// The same file with another price in every hundredth line.
fn write_changed(csv: &Path, changed: &Path) -> Result<(), Failed> {
    let lines = BufReader::new(File::open(csv)?).lines();
    let mut writer = BufWriter::new(File::create(changed)?);
    for (number, line) in lines.enumerate() {
        let line = line?;
        if number % CHANGED_ONE_IN == CHANGED_ONE_IN - 1 {
            // The second field is the price, in quotes like all.
            let line = line.replacen("\",\"", "\",\"1", 1);
            writeln!(writer, "{line}")?;
        } else {
            writeln!(writer, "{line}")?;
        }
    }
    writer.into_inner()?.sync_all()?;
    Ok(())
}
