//! What is loaded: files with every kind of fault, and three pipelines over them. One adds to what
//! the tables hold, one takes away as well, and one fills an empty table, straight; no pipeline
//! may do more than one of it.

use std::fmt::Write;

/// One of the pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plot {
    /// `upsert` and `append`, where a record that is loaded twice shows.
    Adding,
    /// `mirror` in a scope, `mirror` that marks what is gone, `replace` and `history`.
    Replacing,
    /// `upsert` into an empty table of which the database has nothing to judge.
    Filling,
}

/// A pipeline that waits for approval of what it would delete.
pub(super) const GUARDED: &str = "guarded.toml";

pub(super) const PLOTS: [Plot; 3] = [Plot::Adding, Plot::Replacing, Plot::Filling];

/// All that the pipelines write.
pub(super) const TARGETS: [&str; 7] =
    ["member", "event", "desk", "pupil", "price", "stay", "meter"];

pub(super) const TABLES: &str = "
    create table region (code text primary key);
    insert into region values ('N'), ('S'), ('E'), ('W'), ('Z');
    create table member (
      id int primary key, email text unique, region text not null references region,
      fee numeric(8, 2) check (fee < 9000), joined date not null);
    create table event (member int not null, at date not null, amount numeric(8, 2) not null);
    create table desk (
      id int primary key, region text not null references region, fee numeric(8, 2) check (fee < 9000));
    create table pupil (id int primary key, email text unique, state text not null);
    create table price (id int primary key, region text references region, amount numeric(8, 2));
    create table stay (
      member int, region text, since date, until date, is_current boolean not null,
      primary key (member, since), check (since < until));
    create unique index one_current on stay (member) where is_current;
    create table meter (id int primary key, email text, region text not null, fee numeric(8, 2), joined date not null);
    create index on meter (region, joined);";

/// What the tables hold before a run: rows that it leaves, changes, deletes, marks as gone, brings
/// back, and does not know.
pub(super) const BEFORE: &str = "
    set lock_timeout = '30s';
    truncate member, event, desk, pupil, price, stay, meter;
    insert into member select id, 'm' || id || '@example.org', 'N', id, date '2020-01-01' + id % 900
      from generate_series(1, 400) id;
    insert into member select id, null, 'S', 1, '2019-01-01' from generate_series(1001, 1200) id;
    insert into member select id, null, 'E', 2, '2019-01-01' from generate_series(90001, 90100) id;
    insert into event select id, '2018-01-01', id from generate_series(1, 50) id;
    insert into desk select id, (array['N', 'S', 'E', 'W'])[1 + id % 4], id from generate_series(1, 300) id;
    insert into desk select id, case when id % 2 = 0 then 'W' else 'Z' end, 3 from generate_series(5001, 5100) id;
    insert into pupil select id, 'm' || id || '@example.org', case when id % 5 = 0 then 'left' else 'enrolled' end
      from generate_series(1, 200) id;
    insert into pupil select id, null, case when id % 5 = 0 then 'left' else 'enrolled' end
      from generate_series(70001, 70100) id;
    insert into price select id, 'N', id from generate_series(1, 300) id;
    insert into price select id, 'S', 4 from generate_series(80001, 80050) id;
    insert into stay select id, 'N', date '2019-01-01', date '2030-01-01', false from generate_series(1, 200) id;
    insert into stay select id, 'S', date '2030-01-01', null, true from generate_series(1, 200) id;
    insert into stay select id, 'W', date '2018-01-01', null, true from generate_series(60001, 60050) id;
    drop schema if exists longshore cascade;
    drop schema if exists longshore_undo cascade;
    drop schema if exists longshore_staging cascade";

const ADDING: &str = r#"
[source]
format = "csv"
path = "$DIR/in/*.csv"

[[target]]
table = "public.member"
mode = "upsert"
key = ["id"]
duplicates = { keep = "last" }
[target.columns]
id = { from = "id" }
email = { from = "email" }
region = { from = "region" }
fee = { from = "fee", minimum = 0 }
joined = { from = "joined" }

[[target]]
table = "public.event"
mode = "append"
when = { kind = { enum = ["E", "F"] } }
[target.columns]
member = { from = "id" }
at = { from = "joined" }
amount = { from = "fee" }
"#;

const REPLACING: &str = r#"
[source]
format = "csv"
path = "$DIR/in/*.csv"

[limits]
deleted = "$DELETED"

[[target]]
table = "public.desk"
mode = "mirror"
key = ["id"]
scope = ["region"]
duplicates = { keep = "last" }
when = { kind = { enum = ["E"] } }
[target.columns]
id = { from = "id" }
region = { from = "region" }
fee = { from = "fee", minimum = 0 }

[[target]]
table = "public.pupil"
mode = "mirror"
key = ["id"]
soft_delete = { column = "state", value = "left", present = "enrolled" }
duplicates = { keep = "last" }
when = { kind = { enum = ["F"] } }
[target.columns]
id = { from = "id" }
email = { from = "email" }

[[target]]
table = "public.price"
mode = "replace"
key = ["id"]
duplicates = { keep = "last" }
when = { kind = { enum = ["G"] } }
[target.columns]
id = { from = "id" }
region = { from = "region" }
amount = { from = "fee" }

[[target]]
table = "public.stay"
mode = "history"
key = ["member"]
history = { valid_from = "since", valid_to = "until", current = "is_current" }
duplicates = { keep = "last" }
[target.columns]
member = { from = "id" }
region = { from = "region" }
since = { from = "joined" }
"#;

const FILLING: &str = r#"
[source]
format = "csv"
path = "$DIR/in/*.csv"

[[target]]
table = "public.meter"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
email = { from = "email" }
region = { from = "region" }
fee = { from = "fee", minimum = 0 }
joined = { from = "joined" }
"#;

impl Plot {
    /// Its pipeline's file.
    pub(super) fn file(self) -> &'static str {
        match self {
            Plot::Adding => "adding.toml",
            Plot::Replacing => "replacing.toml",
            Plot::Filling => "filling.toml",
        }
    }

    /// Its pipeline, for files in a folder.
    pub(super) fn pipeline(self, folder: &str) -> String {
        match self {
            Plot::Adding => ADDING,
            Plot::Replacing => REPLACING,
            Plot::Filling => FILLING,
        }
        .replace("$DIR", folder)
        .replace("$DELETED", "100%")
    }

    /// The same where so many deletions wait for approval.
    pub(super) fn guarded(self, folder: &str) -> String {
        self.pipeline(folder).replace("\"100%\"", "\"5%\"")
    }

    /// How many tables it writes, and of how many rows go or are marked as gone.
    pub(super) fn targets(self) -> [usize; 2] {
        match self {
            Plot::Adding => [2, 0],
            Plot::Replacing => [4, 3],
            Plot::Filling => [1, 0],
        }
    }

    /// What it is run with: files of a test are too small to go straight into a table.
    pub(super) fn variables(self) -> Option<(&'static str, &'static str)> {
        (self == Plot::Filling).then_some(("LONGSHORE_SCARCITY", "10000"))
    }

    /// Whether an undisturbed run of it comes by a failpoint.
    pub(super) fn comes_by(self, point: &str) -> bool {
        let of_staging =
            ["split.", "judge.", "publish.begun", "publish.classified", "publish.statement"];
        match self {
            Plot::Filling => !of_staging.iter().any(|of| point.starts_with(of)),
            _ => !point.starts_with("straight.") && point != "files.hashed",
        }
    }
}

/// Records of each of the two files.
const RECORDS: u32 = 1500;

/// One of the two files: mostly good records, and now and then each kind of fault. A record
/// whose key cannot be read would keep the other pipeline from deleting anything.
pub(super) fn records(file: u32, plot: Plot) -> String {
    let mut text = "id,email,region,fee,joined,kind\n".to_owned();
    for id in file * RECORDS + 1..(file + 1) * RECORDS + 1 {
        writeln!(text, "{}", record(id, plot)).expect("a string takes text");
    }
    text
}

fn record(id: u32, plot: Plot) -> String {
    let joined = format!("20{:02}-{:02}-{:02}", 20 + id % 3, 1 + id % 12, 1 + id % 28);
    let region = ["N", "S", "E", "W"][id as usize % 4];
    let kind = ["E", "F", "G"][id as usize % 3];
    let each = |nth: u32| id.is_multiple_of(nth);
    match () {
        () if each(97) => format!("{id},m{id}@example.org,{region},5,20-13-45,{kind}"),
        () if each(101) => format!("{id},m{id}@example.org,{region},-1,{joined},{kind}"),
        () if each(131) => format!("{id},m{id}@example.org,X,7,{joined},{kind}"),
        () if each(173) => format!("{id},m{id}@example.org,{region},9500,{joined},{kind}"),
        () if each(211) && plot != Plot::Replacing => format!("{id},m{id}@example.org,{region}"),
        // The same key as the record before: the later one counts.
        () if each(151) && plot != Plot::Filling => {
            format!("{},x{id}@example.org,{region},3,{joined},{kind}", id - 1)
        }
        // A value that another record has too, where the table wants it once.
        () if each(307) => {
            format!("{id},m{}@example.org,{region},3,{joined},{kind}", id - 3)
        }
        () => format!("{id},m{id}@example.org,{region},{}.50,{joined},{kind}", id % 800),
    }
}
