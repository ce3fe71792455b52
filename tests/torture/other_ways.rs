//! What the two pipelines of the other scenarios do not go through: rows that are looked up among
//! those of the same run, operations, a bundle, `insert`, a history that ends what is absent. Each
//! is killed at moments nobody chose.

use std::{fs, process::Command, time::Duration};

use longshore::postgres::endpoint::Endpoint;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio_postgres::Client;

use super::{
    process::{Ended, Process},
    rounds::Rounds,
    scene::RUN_LIMIT,
    state::{self, State},
};
use crate::support::TestDatabase;

/// Records of each file.
const RECORDS: u32 = 2000;

/// One pipeline with what it needs.
struct Way {
    name: &'static str,
    tables: &'static str,
    /// What the tables hold before a run, beside nothing.
    before: &'static str,
    pipeline: &'static str,
    files: fn() -> Vec<(&'static str, String)>,
    /// What the tables hold then, without numbers that the database drew.
    told: &'static [&'static str],
}

const WAYS: [Way; 5] = [
    Way {
        name: "kill -9, rows looked up in the same run",
        tables: "create table unit (id int generated always as identity primary key, code text not null unique, name text, parent_id int references unit);
            create table worker (id int primary key, unit_id int not null references unit, name text not null)",
        before: "insert into unit (code, name) select 'U' || n, 'old' from generate_series(1, 20) n;
            insert into worker select n, 1, 'old' from generate_series(1, 300) n",
        pipeline: r#"
[source]
format = "csv"
path = "$DIR/flat.csv"
[[target]]
table = "public.worker"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name", required = true }
unit_id = { lookup = "public.unit", match = { code = "unit" }, take = "id" }
[[target]]
table = "public.unit"
mode = "upsert"
key = ["code"]
[target.columns]
code = { from = "unit" }
name = { from = "unit_name" }
parent_id = { lookup = "public.unit", match = { code = "parent" }, take = "id" }
"#,
        files: || {
            let row = |id: u32| {
                let (unit, name) = (id % 150 + 1, if id.is_multiple_of(97) { "" } else { "new" });
                let parent = if unit == 1 { String::new() } else { format!("U{}", unit / 2) };
                format!("{id},{name},U{unit},unit {unit},{parent}\n")
            };
            vec![("flat.csv", file("id,name,unit,unit_name,parent", row))]
        },
        told: &[
            "select w.id || ' ' || w.name || ' ' || u.code from worker w join unit u on u.id = w.unit_id order by w.id",
            "select concat_ws(' ', u.code, u.name, p.code) from unit u left join unit p on p.id = u.parent_id order by u.code",
        ],
    },
    Way {
        name: "kill -9, operations",
        tables: "create table item (id int primary key, name text not null, price int check (price < 900))",
        before: "insert into item select n, 'old', n % 800 from generate_series(1, 900) n",
        pipeline: r#"
[source]
format = "csv"
path = "$DIR/changes.csv"
[[target]]
table = "public.item"
mode = "upsert"
key = ["id"]
duplicates = { keep = "last" }
operation = { from = "op", insert = ["I"], update = ["U"], delete = ["D"] }
[target.columns]
id = { from = "id" }
name = { from = "name", required = true }
price = { from = "price" }
"#,
        files: || {
            let row = |n: u32| {
                let op = ["I", "U", "D"][n as usize % 3];
                let name = if n.is_multiple_of(89) { "" } else { "new" };
                format!("{op},{},{name},{}\n", n % 1200, n % 905)
            };
            vec![("changes.csv", file("op,id,name,price", row))]
        },
        told: &["select t::text from item t order by id"],
    },
    Way {
        name: "kill -9, a bundle",
        tables: "create table parcel (pin int primary key, area int not null check (area > 0));
            create table owner (id int primary key, pin int not null references parcel, name text not null)",
        before: "insert into parcel select n, 1 from generate_series(1, 500) n;
            insert into parcel select n, 1 from generate_series(8001, 8100) n;
            insert into owner select n, n, 'old' from generate_series(1, 300) n;
            insert into owner select n, n, 'old' from generate_series(8001, 8100) n",
        pipeline: r#"
[bundle]
path = "$DIR/delivery"
[[file]]
name = "parcels"
[[file]]
name = "owners"
[limits]
deleted = "100%"
[[target]]
table = "public.parcel"
from = "parcels"
mode = "mirror"
key = ["pin"]
[target.columns]
pin = { from = "pin" }
area = { from = "area" }
[[target]]
table = "public.owner"
from = "owners"
mode = "mirror"
key = ["id"]
[target.columns]
id = { from = "id" }
pin = { from = "pin" }
name = { from = "name", required = true }
"#,
        files: || {
            let parcel = |n: u32| format!("{n},{}\n", n % 300);
            let owner = |n: u32| {
                let name = if n.is_multiple_of(83) { "" } else { "new" };
                format!("{n},{},{name}\n", if n.is_multiple_of(71) { 99_999 } else { n })
            };
            vec![
                ("delivery/parcels.csv", file("pin,area", parcel)),
                ("delivery/owners.csv", file("id,pin,name", owner)),
            ]
        },
        told: &[
            "select t::text from parcel t order by pin",
            "select t::text from owner t order by id",
        ],
    },
    Way {
        name: "kill -9, insert",
        tables: "create table item (id int primary key, serial int generated always as identity, name text not null, code int unique)",
        before: "insert into item (id, name, code) select n, 'old', n from generate_series(1, 400) n",
        pipeline: r#"
[source]
format = "csv"
path = "$DIR/items.csv"
[[target]]
table = "public.item"
mode = "insert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name", required = true }
code = { from = "code" }
"#,
        files: || {
            let row = |n: u32| {
                let name = if n.is_multiple_of(83) { "" } else { "new" };
                format!("{n},{name},{}\n", if n.is_multiple_of(61) { 7 } else { n })
            };
            vec![("items.csv", file("id,name,code", row))]
        },
        told: &["select id || ' ' || name || ' ' || code from item order by id"],
    },
    Way {
        name: "kill -9, a history that ends what is absent",
        tables: "create table stay (member int, region text, since date, until date, is_current boolean not null,
              primary key (member, since), check (since < until));
            create unique index one_current on stay (member) where is_current",
        before: "insert into stay select n, 'N', '2019-01-01', '2020-01-01', false from generate_series(1, 500) n;
            insert into stay select n, 'S', '2020-01-01', null, true from generate_series(1, 500) n;
            insert into stay select n, 'W', '2020-01-01', null, true from generate_series(7001, 7100) n",
        pipeline: r#"
[source]
format = "csv"
path = "$DIR/stays.csv"
[limits]
deleted = "100%"
[[target]]
table = "public.stay"
mode = "history"
key = ["member"]
history = { valid_from = "since", valid_to = "until", current = "is_current", absent = "close" }
[target.columns]
member = { from = "member" }
region = { from = "region", enum = ["N", "S", "E"] }
since = { from = "since" }
"#,
        files: || {
            let row = |n: u32| {
                let region = ["N", "S", "E", "W"][n as usize % 4];
                format!("{n},{region},2022-01-{:02}\n", 1 + n % 28)
            };
            vec![("stays.csv", file("member,region,since", row))]
        },
        told: &[
            "select concat_ws(' ', member, region, since, until is null or until > '2023-01-01', is_current) from stay order by member, since",
        ],
    },
];

fn file(header: &str, row: impl Fn(u32) -> String) -> String {
    format!("{header}\n{}", (1..=RECORDS).map(row).collect::<String>())
}

/// A way in a database and a folder of its own.
struct Place {
    way: Way,
    database: TestDatabase,
    folder: TempDir,
}

impl Place {
    async fn create(way: Way) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().display().to_string();
        fs::write(folder.path().join("way.toml"), way.pipeline.replace("$DIR", &path))
            .expect("the pipeline");
        for (name, text) in (way.files)() {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let place = Self { way, database: TestDatabase::create().await, folder };
        place.client().await.batch_execute(place.way.tables).await.expect("the tables");
        place
    }

    async fn client(&self) -> Client {
        let endpoint = Endpoint::parse(self.database.url()).expect("the URL is valid");
        endpoint.connect().await.expect("the database accepts connections").client
    }

    /// Puts everything back to where it was before any run.
    async fn reset(&self) {
        let reports = self.folder.path().join("reports");
        if reports.exists() {
            fs::remove_dir_all(reports).expect("the reports are removed");
        }
        let tables = "select string_agg(quote_ident(tablename), ', ') from pg_tables where schemaname = 'public'
            and tablename <> 'spatial_ref_sys'";
        let client = self.client().await;
        let tables: String = client.query_one(tables, &[]).await.expect("tables").get(0);
        let reset = format!(
            "set lock_timeout = '30s'; truncate {tables} restart identity; {};
             drop schema if exists longshore cascade; drop schema if exists longshore_undo cascade;
             drop schema if exists longshore_staging cascade",
            self.way.before
        );
        client.batch_execute(&reset).await.expect("the tables are reset");
    }

    fn start(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.env_clear().current_dir(self.folder.path());
        command.env("DATABASE_URL", self.database.url());
        command.args(["run", "way.toml", "--report-dir", "reports"]);
        command.args(["--split-size", "4KiB", "--threads", "2"]);
        Process::start(&mut command, &self.folder.path().join("run"))
    }

    /// Runs until it is done; what a dead process held may keep it out for a moment.
    fn again(&self) -> Result<Ended, String> {
        for _ in 0..400 {
            let ended = self.start().wait(RUN_LIMIT)?;
            match ended.code() {
                Some(0) => return Ok(ended),
                Some(6) => std::thread::sleep(Duration::from_millis(50)),
                _ => return Err(format!("run again, it ended with {}", ended.described())),
            }
        }
        Err("its targets stay taken".to_owned())
    }

    async fn state(&self) -> Result<State, String> {
        state::read_of(&self.client().await, self.way.told).await
    }

    async fn kill_after(&self, moment: Duration, undisturbed: &State) -> Result<(), String> {
        let run = self.start();
        std::thread::sleep(moment);
        run.signal(Signal::KILL);
        run.wait(RUN_LIMIT)?;
        self.again()?;
        undisturbed.compare(&self.state().await?)
    }
}

#[tokio::test]
async fn whatever_way_a_run_takes_being_killed_is_made_good() {
    let mut wrong = Vec::new();
    for way in WAYS {
        let mut rounds = Rounds::of(way.name, 30, 1);
        let place = Place::create(way).await;
        place.reset().await;
        let took = place.again().expect("an undisturbed run").took;
        let undisturbed = place.state().await.expect("its state");
        // There is something of each kind to lose: rows written and records rejected.
        for what in ["\"inserted\"", "\"rejected\"", "\"codes\""] {
            let has = undisturbed
                .ledger()
                .iter()
                .any(|line| line.contains(what) && !line.contains(&format!("{what}: 0,")));
            assert!(has, "{}: nothing of {what}: {undisturbed:?}", place.way.name);
        }
        while let Some((_, mut draw)) = rounds.next() {
            place.reset().await;
            let moment = Duration::from_micros(draw.below(took.as_micros() as u64));
            let outcome = place.kill_after(moment, &undisturbed).await;
            rounds.ended(&format!("killed after {moment:?} of {took:?}"), outcome);
        }
        wrong.extend(rounds.score().err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
