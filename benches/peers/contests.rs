//! What is compared with what: each contest is one job, done by several tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Failed, Request, Server, data,
    tools::{Place, has, has_module},
    workbook,
};

pub(super) const NAMES: [&str; 10] = [
    "csv",
    "validate",
    "geojson",
    "reproject",
    "shapefile",
    "workbook",
    "connections",
    "targets",
    "start",
    "size",
];

/// The fields of a sale, by the names that pipelines give them.
pub(super) const SALE_FIELDS: [&str; 17] = [
    "id", "price", "date", "postcode", "type", "new", "duration", "number", "flat", "street",
    "locality", "town", "district", "county", "category", "status", "lot",
];

pub(super) const SALE: &str = "create table sale (
    transaction_id uuid primary key, price integer not null, sold_on timestamp not null,
    postcode text, kind char(1) not null, new_build boolean not null, tenure char(1) not null,
    building text, unit text, street text, locality text, town text not null, district text,
    county text, category char(1) not null, status char(1) not null, lot_plan text
  ) with (autovacuum_enabled = false)";

/// The target's columns, each from the field of the same place.
const SALE_COLUMNS: [&str; 17] = [
    "transaction_id",
    "price",
    "sold_on",
    "postcode",
    "kind",
    "new_build",
    "tenure",
    "building",
    "unit",
    "street",
    "locality",
    "town",
    "district",
    "county",
    "category",
    "status",
    "lot_plan",
];

/// One job.
pub(super) struct Contest {
    pub(super) title: String,
    pub(super) ways: Vec<Way>,
    /// The way that ratios are against.
    pub(super) against: usize,
}

/// One tool that does it.
pub(super) struct Way {
    pub(super) name: String,
    /// What makes the server ready, not measured.
    pub(super) ready: Vec<String>,
    pub(super) command: Box<dyn Fn() -> Command>,
    /// A query of what is there afterwards, and its answer.
    pub(super) check: Option<(String, String)>,
    /// Whether one round is enough: where a tool takes minutes.
    pub(super) once: bool,
}

/// What all contests work with.
pub(super) struct Prepared<'a> {
    pub(super) request: &'a Request,
    pub(super) place: Place,
    pub(super) folder: PathBuf,
    pub(super) psql: PathBuf,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(request: &'a Request, server: &Server) -> Result<Self, Failed> {
        let folder = data::folder().join("peers");
        fs::create_dir_all(&folder)?;
        let psql = PathBuf::from(server.psql().get_program());
        Ok(Self { request, place: Place::of(server)?, folder, psql })
    }

    pub(super) fn contest(&self, name: &str) -> Result<Contest, Failed> {
        match name {
            "csv" => self.csv(),
            "validate" => self.validate(),
            "geojson" => self.parcels("GeoJSON", "geojson", (4283, &[]), ""),
            "reproject" => self.parcels(
                "GeoJSON, reprojected and repaired",
                "geojson",
                (28356, &["-t_srs", "EPSG:28356", "-makevalid"]),
                ", invalid = \"repair\"",
            ),
            "shapefile" => self.parcels("Shapefile", "shapefile", (4283, &[]), ""),
            "workbook" => self.workbook(),
            "connections" => self.connections(),
            "targets" => self.targets(),
            "start" => self.start(),
            "size" => self.size(),
            _ => Err(format!("there is no contest `{name}`").into()),
        }
    }

    fn csv(&self) -> Result<Contest, Failed> {
        let rows = self.request.sales;
        let csv = data::file("sales", "sales.csv", rows)?;
        let pipeline = self.sales_pipeline("csv", &csv)?;
        let emptied = || vec![format!("drop table if exists sale; {SALE}")];
        let check = || Some(("select count(*) from sale".to_owned(), rows.to_string()));
        let (psql, pairs) = (self.psql.clone(), self.place.url.clone());
        let copy = format!("\\copy sale from '{}' (format csv, force_null (unit))", csv.display());
        let mut ways = vec![
            Way {
                name: "psql \\copy".to_owned(),
                ready: emptied(),
                command: Box::new(move || {
                    let mut command = Command::new(&psql);
                    command.args(["-X", "-q", "--dbname", &pairs, "--command", &copy]);
                    command
                }),
                check: check(),
                once: false,
            },
            Way {
                ready: emptied(),
                check: check(),
                ..self.longshore("longshore run", "run", &pipeline, &[])
            },
        ];
        if has("ogr2ogr") {
            let (place, path) = (self.place.clone(), csv.display().to_string());
            ways.push(Way {
                name: "ogr2ogr (all text, no key)".to_owned(),
                ready: vec!["drop table if exists sale".to_owned()],
                command: Box::new(move || {
                    place.ogr2ogr(&["-nln", "sale", "-lco", "FID=fid", "-oo", "HEADERS=NO", &path])
                }),
                check: check(),
                once: true,
            });
        }
        if has("pgloader") {
            let script = self.place.pgloader_script(&csv, &SALE_COLUMNS.join(", "));
            let path = self.folder.join("pgloader.load");
            fs::write(&path, script)?;
            ways.push(Way {
                name: "pgloader".to_owned(),
                ready: emptied(),
                command: Box::new(move || {
                    let mut pgloader = Command::new("pgloader");
                    pgloader.arg("--quiet").arg(&path).stdout(Stdio::null());
                    pgloader
                }),
                check: check(),
                once: true,
            });
        }
        if has_module(&self.request.python, "dlt") {
            let text = DLT
                .replace("$CSV", &csv.display().to_string())
                .replace("$HOST", &self.place.socket)
                .replace("$PORT", &self.place.port)
                .replace("$USER", &self.place.user)
                .replace("$DATABASE", &self.place.database)
                .replace("$FIELDS", &format!("{SALE_FIELDS:?}"));
            ways.push(Way {
                ready: vec!["drop schema if exists dlt cascade".to_owned()],
                check: Some(("select count(*) from dlt.sale".to_owned(), rows.to_string())),
                ..self.python("dlt (all text, no key)", "load.py", &text)?
            });
        }
        Ok(Contest { title: format!("{rows} sales, CSV"), ways, against: 0 })
    }

    /// Reading and checking alone, beside a reader that only parses and types.
    fn validate(&self) -> Result<Contest, Failed> {
        let rows = self.request.sales;
        let csv = data::file("sales", "sales.csv", rows)?;
        let pipeline = self.sales_pipeline("validate", &csv)?;
        let ready = vec![format!("drop table if exists sale; {SALE}")];
        let mut ways = Vec::new();
        if has_module(&self.request.python, "duckdb") {
            let text = DUCKDB.replace("$CSV", &csv.display().to_string());
            ways.push(Way {
                once: false,
                ..self.python("DuckDB read_csv into a typed table", "read.py", &text)?
            });
        }
        ways.push(Way {
            ready,
            ..self.longshore("longshore validate", "validate", &pipeline, &[])
        });
        Ok(Contest { title: format!("{rows} sales, no database"), ways, against: 0 })
    }

    fn workbook(&self) -> Result<Contest, Failed> {
        let rows = self.request.students;
        let path = self.folder.join(format!("{rows}-sales.xlsx"));
        workbook::write(&data::file("sales", "sales.csv", self.request.sales)?, &path, rows)?;
        let columns = sale_columns();
        let text = format!(
            "[source]\nformat = \"xlsx\"\npath = \"{}\"\n[[target]]\ntable = \"public.sale\"\nmode = \"upsert\"\nkey = [\"transaction_id\"]\n[target.columns]\n{columns}",
            path.display()
        );
        let pipeline = self.pipeline("workbook", &text)?;
        let check = || Some(("select count(*) from sale".to_owned(), rows.to_string()));
        let mut ways = Vec::new();
        if has("ogr2ogr") {
            let (place, from) = (self.place.clone(), path.display().to_string());
            ways.push(Way {
                name: "ogr2ogr".to_owned(),
                ready: vec!["drop table if exists sale".to_owned()],
                command: Box::new(move || place.ogr2ogr(&["-nln", "sale", &from])),
                check: check(),
                once: false,
            });
        }
        let (from, own) = (path.display().to_string(), std::env::current_exe()?);
        ways.push(Way {
            name: "calamine, cells only".to_owned(),
            ready: Vec::new(),
            command: Box::new(move || {
                let mut command = Command::new(&own);
                command.args(["--read-workbook", &from]);
                command
            }),
            check: None,
            once: false,
        });
        ways.push(Way {
            ready: vec![format!("drop table if exists sale; {SALE}")],
            check: check(),
            ..self.longshore("longshore run", "run", &pipeline, &[])
        });
        Ok(Contest { title: format!("{rows} x 17, workbook"), ways, against: 0 })
    }

    /// The same load with more of everything.
    fn connections(&self) -> Result<Contest, Failed> {
        let rows = self.request.sales;
        let csv = data::file("sales", "sales.csv", rows)?;
        let pipeline = self.sales_pipeline("csv", &csv)?;
        let mut ways = Vec::new();
        for threads in ["1", "2", "4"] {
            for connections in ["1", "2", "4"] {
                let name = format!("{threads} threads, {connections} connections");
                let more = ["--threads", threads, "--connections", connections];
                ways.push(Way {
                    ready: vec![format!("drop table if exists sale; {SALE}")],
                    check: Some(("select count(*) from sale".to_owned(), rows.to_string())),
                    ..self.longshore(&name, "run", &pipeline, &more)
                });
            }
        }
        Ok(Contest { title: format!("{rows} sales, by threads and connections"), ways, against: 0 })
    }

    /// What a command costs that has next to nothing to do.
    fn start(&self) -> Result<Contest, Failed> {
        let small = self.folder.join("small.csv");
        let line = "\"{EDFD63BF-80CE-4E77-9E6E-BC283EB06080}\",\"1156500\",\"2024-01-07 00:00\",\"0897\",\"F\",\"N\",\"L\",\"193\",\"38\",\"BANKSIA CLOSE\",\"X\",\"Y\",\"Z\",\"SHIRE\",\"A\",\"A\",\"13//DP1\"\n";
        fs::write(&small, line.repeat(6))?;
        let pipeline = self.sales_pipeline("small", &small)?;
        let offline = {
            let (binary, path) = (self.request.binary.clone(), pipeline.clone());
            Way {
                name: "longshore check, no database".to_owned(),
                ready: Vec::new(),
                command: Box::new(move || {
                    let mut check = Command::new(&binary);
                    check.args(["check", "--offline"]).arg(&path).stdout(Stdio::null());
                    check
                }),
                check: None,
                once: false,
            }
        };
        let run = |name: &str| Way { ..self.longshore(name, "run-if-new", &pipeline, &[]) };
        let first = Way {
            ready: vec![format!(
                "drop table if exists sale; {SALE}; drop schema if exists longshore cascade"
            )],
            ..run("longshore run, 1 KB, new")
        };
        let ways = vec![offline, first, run("longshore run, 1 KB, loaded already")];
        Ok(Contest { title: "Start-up".to_owned(), ways, against: 0 })
    }

    /// Ten times the rows, first and again.
    fn size(&self) -> Result<Contest, Failed> {
        let mut ways = Vec::new();
        for rows in [self.request.sales, 10 * self.request.sales] {
            let csv = data::file("sales", "sales.csv", rows)?;
            let pipeline = self.sales_pipeline(&format!("{rows}"), &csv)?;
            let check = || Some(("select count(*) from sale".to_owned(), rows.to_string()));
            ways.push(Way {
                ready: vec![format!("drop table if exists sale; {SALE}")],
                check: check(),
                once: true,
                ..self.longshore(&format!("longshore run, {rows} rows"), "run", &pipeline, &[])
            });
            ways.push(Way {
                ready: vec!["vacuum (analyze) sale".to_owned()],
                check: check(),
                once: true,
                ..self.longshore(&format!("the same again, {rows} rows"), "run", &pipeline, &[])
            });
        }
        Ok(Contest { title: "Ten times the rows".to_owned(), ways, against: 0 })
    }

    fn sales_pipeline(&self, name: &str, csv: &Path) -> Result<PathBuf, Failed> {
        let columns = sale_columns();
        let text = format!(
            "[source]\nformat = \"csv\"\npath = \"{}\"\nheader = false\ncolumns = {SALE_FIELDS:?}\n[[target]]\ntable = \"public.sale\"\nmode = \"upsert\"\nkey = [\"transaction_id\"]\n[target.columns]\n{columns}",
            csv.display()
        );
        self.pipeline(name, &text)
    }

    pub(super) fn pipeline(&self, name: &str, text: &str) -> Result<PathBuf, Failed> {
        let path = self.folder.join(name).with_extension("toml");
        fs::write(&path, text)?;
        Ok(path)
    }

    /// `run` always loads; `run-if-new` is `run` as it comes.
    pub(super) fn longshore(
        &self,
        name: &str,
        command: &'static str,
        pipeline: &Path,
        more: &[&str],
    ) -> Way {
        let (binary, url) = (self.request.binary.clone(), self.place.url.clone());
        let (pipeline, reports) = (pipeline.to_owned(), self.folder.join("reports"));
        let more: Vec<String> = more.iter().map(|&word| word.to_owned()).collect();
        Way {
            name: name.to_owned(),
            ready: Vec::new(),
            command: Box::new(move || {
                let mut longshore = Command::new(&binary);
                longshore.arg(command.trim_end_matches("-if-new")).args([
                    "--output",
                    "json",
                    "--quiet",
                    "--database",
                    &url,
                ]);
                longshore.arg(&pipeline).arg("--report-dir").arg(&reports).args(&more);
                if command == "run" {
                    longshore.arg("--force");
                }
                longshore
            }),
            check: None,
            once: false,
        }
    }

    /// A Python program, written down first.
    fn python(&self, name: &str, file: &str, text: &str) -> Result<Way, Failed> {
        let (interpreter, folder) = (self.request.python.clone(), self.folder.clone());
        let path = folder.join(file);
        fs::write(&path, text)?;
        Ok(Way {
            name: name.to_owned(),
            ready: Vec::new(),
            command: Box::new(move || {
                let mut command = Command::new(&interpreter);
                command.arg(&path).stdout(Stdio::null()).current_dir(&folder);
                command
            }),
            check: None,
            once: true,
        })
    }
}

/// Each column from its field, with a rule here and there.
fn sale_columns() -> String {
    let rule = |column: &str| match column {
        "price" => ", minimum = 1",
        "sold_on" => ", minimum = \"1995-01-01\"",
        "postcode" => r", pattern = '\d{4}'",
        "kind" => r#", enum = ["D", "S", "T", "F", "O"]"#,
        "street" => ", max_length = 100",
        "town" => ", required = true",
        _ => "",
    };
    let pairs = SALE_COLUMNS.iter().zip(SALE_FIELDS);
    pairs
        .map(|(column, field)| format!("{column} = {{ from = \"{field}\"{} }}\n", rule(column)))
        .collect()
}

const DUCKDB: &str = "import duckdb
connection = duckdb.connect()
connection.execute('set threads = 2')
connection.execute('''create table sale as select * from read_csv('$CSV', header = false, columns = {
  'transaction_id': 'varchar', 'price': 'integer', 'sold_on': 'timestamp', 'postcode': 'varchar', 'kind': 'varchar',
  'new_build': 'varchar', 'tenure': 'varchar', 'building': 'varchar', 'unit': 'varchar', 'street': 'varchar',
  'locality': 'varchar', 'town': 'varchar', 'district': 'varchar', 'county': 'varchar', 'category': 'varchar',
  'status': 'varchar', 'lot_plan': 'varchar'})''')
";

const DLT: &str = "import csv, dlt
@dlt.resource(name='sale', write_disposition='replace')
def sale():
    with open('$CSV', newline='') as file:
        batch = []
        for record in csv.DictReader(file, fieldnames=$FIELDS):
            batch.append(record)
            if len(batch) == 10000:
                yield batch
                batch = []
        yield batch
dlt.pipeline(pipeline_name='sales', destination=dlt.destinations.postgres('postgresql://$USER:unused@localhost:$PORT/$DATABASE?host=$HOST'), dataset_name='dlt').run(sale(), loader_file_format='csv')
";
