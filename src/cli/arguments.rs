//! The arguments of every command; doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::console::Output;

/// Loads files into PostgreSQL, every row accounted for, and exports them again.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of all commands.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// The database: a URL, or `host=... dbname=...`. Else DATABASE_URL, the variables of libpq
    /// (PGHOST, PGDATABASE, ...), or the embedded server.
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub(super) database: Option<String>,
    /// Prints results for people, or as one JSON document per run on standard output.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Prints nothing but errors.
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Loads the sample data into an embedded server: of one domain, or everything at once.
    Demo(DemoArguments),
    /// Runs pipelines: imports files, or exports to files.
    #[command(after_help = EXIT_CODES)]
    Run(RunArguments),
    /// Checks definitions; with a database also against its tables.
    Check(CheckArguments),
    /// Reads, transforms and validates the data; writes nothing to the database.
    Validate(ValidateArguments),
    /// Shows the first records as they arrive and as they would be written.
    Preview(PreviewArguments),
    /// Shows what a run would do; with --counts also what would change.
    Plan(PlanArguments),
    /// Loads the corrected records of a run: those in its report's folder `rejected`.
    #[command(after_help = EXIT_CODES)]
    Replay(ReplayArguments),
    /// Takes a run back: its rows go, and what it replaced comes back.
    #[command(after_help = EXIT_CODES)]
    Undo(UndoArguments),
    /// Shows past runs, their tallies and rejections.
    History(HistoryArguments),
    /// Shows what a run did, or what a held one would do, by scope.
    Show(ShowArguments),
    /// Publishes a run that is held, if its change is still the one that was shown.
    #[command(after_help = EXIT_CODES)]
    Approve(ApproveArguments),
    /// Drops a run that is held; nothing is published.
    Discard(HeldArguments),
    /// Applies, reverts, lists or begins migrations of the database's tables.
    Migrate(MigrateArguments),
    /// Looks at database, extensions, privileges and limits, and says what to mend.
    Doctor(DoctorArguments),
    /// Starts, stops or opens the embedded server.
    Db(DbArguments),
    /// Makes data for a domain, with faults in a declared share, and says what will be found.
    Generate(GenerateArguments),
    /// Prints the JSON Schema of pipeline definitions, for editors.
    Schema,
    /// Prints completions for a shell.
    Completions(CompletionsArguments),
}

/// How a run ends, for scripts.
const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 unexpected, 2 usage or definition, 3 held for approval,
4 rejections over the limit, 5 source missing, incomplete or changed while read,
6 already running, 7 database or environment, 130 interrupted.";

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// The domain; all unless given.
    #[arg(value_enum, value_name = "DOMAIN")]
    pub(super) domain: Option<DemoDomain>,
    /// The folder with pipelines/, sample-data/ and migrations/.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(super) project: PathBuf,
}

/// The domains that are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DemoDomain {
    /// Students, guardians, staff, marks and attendance.
    School,
    /// Courses, enrolments, quizzes and materials.
    Learning,
    /// Sales of land and buildings.
    Property,
    /// Parcels, zones, addresses, owners and valuations.
    Cadastre,
    /// Bars and trades of markets.
    Market,
}

/// The domains that data can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum GeneratedDomain {
    /// Lots, zones, parcels, changes, addresses, owners, valuations and a county's bundle.
    Cadastre,
    /// Courses, enrolments, quizzes and materials.
    Learning,
    /// Assets, markets, bars, trades, orders and fills.
    Market,
    /// Sales.
    Property,
    /// Staff, classes, marks, attendance, students, the flat roster and roster bundles.
    School,
}

#[derive(Debug, Args)]
pub(super) struct GenerateArguments {
    /// The domain.
    #[arg(value_enum, value_name = "DOMAIN")]
    pub(super) domain: GeneratedDomain,
    /// The folder the files are made in.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// About how many records the largest file has.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub(super) rows: u64,
    /// Other numbers make other data of the same kind.
    #[arg(long, default_value_t = 2024, value_name = "N")]
    pub(super) seed: u64,
    /// The share of records with each kind of fault, such as `1%`.
    #[arg(long, default_value = "0%", value_name = "SHARE", value_parser = share)]
    pub(super) faults: f64,
    /// Another share for one kind of fault, such as `bow-tie=5%`; may be repeated.
    #[arg(long, value_name = "KIND=SHARE", value_parser = share_of_kind)]
    pub(super) fault: Vec<(String, f64)>,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Pipeline files.
    #[arg(required = true, value_name = "PIPELINE")]
    pub(super) pipelines: Vec<PathBuf>,
    /// Does everything but publish, and says what would have changed.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Reads this file (or glob, or `-`) in place of the definition's.
    #[arg(long, value_name = "PATH")]
    pub(super) input: Option<String>,
    /// Gives a value that a pipeline asks for: an export's parameter, an import's tenant.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,
    /// Loads files again that have been loaded already.
    #[arg(long)]
    pub(super) force: bool,
    /// Makes the files of an earlier run of an incremental export again, from the same bounds.
    #[arg(long, value_name = "RUN", conflicts_with = "since")]
    pub(super) again: Option<String>,
    /// Begins an incremental export here, in place of where the last one ended.
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
}

/// Connections that copy into staging, unless given.
const CONNECTIONS: u16 = 2;

impl MachineArguments {
    /// The folder that report folders are made in.
    pub(super) fn report_dir(&self) -> PathBuf {
        self.report_dir.clone().unwrap_or_else(|| PathBuf::from("reports"))
    }

    /// Connections that copy into staging.
    pub(super) fn connections(&self) -> u16 {
        self.connections.unwrap_or(CONNECTIONS)
    }

    /// Each option, and whether it was given.
    pub(super) fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("--report-dir", self.report_dir.is_some()),
            ("--threads", self.threads.is_some()),
            ("--connections", self.connections.is_some()),
            ("--split-size", self.split_size.is_some()),
        ]
    }
}

/// How a run uses the machine.
#[derive(Debug, Args)]
pub(super) struct MachineArguments {
    /// The folder that report folders are made in; `reports` unless given.
    #[arg(long, value_name = "DIR")]
    report_dir: Option<PathBuf>,
    /// Worker threads; as many as the machine has cores unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: Option<u16>,
    /// Connections that copy into staging; 2 unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: Option<u16>,
    /// About how many bytes of a file are read as one piece: `4MiB` unless given, less with more
    /// than 8 threads or many tables.
    #[arg(long, value_name = "SIZE", value_parser = split_size)]
    pub(super) split_size: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Pipeline files.
    #[arg(required = true, value_name = "PIPELINE")]
    pub(super) pipelines: Vec<PathBuf>,
    /// Looks at the definition only, even where a database is named.
    #[arg(long)]
    pub(super) offline: bool,
}

#[derive(Debug, Args)]
pub(super) struct ValidateArguments {
    /// The pipeline file.
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: PathBuf,
    /// Reads this file (or glob, or `-`) in place of the definition's.
    #[arg(long, value_name = "PATH")]
    pub(super) input: Option<String>,
    /// Takes the tables from this file instead of a database (see --save-catalog).
    #[arg(long, value_name = "FILE", conflicts_with = "save_catalog")]
    pub(super) catalog: Option<PathBuf>,
    /// Keeps what the database says about the tables in this file, for --catalog.
    #[arg(long, value_name = "FILE")]
    pub(super) save_catalog: Option<PathBuf>,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(super) struct PreviewArguments {
    /// The pipeline file.
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: PathBuf,
    /// How many records.
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    pub(super) records: usize,
    /// Reads this file (or glob, or `-`) in place of the definition's.
    #[arg(long, value_name = "PATH")]
    pub(super) input: Option<String>,
    /// Shows values of sensitive columns too.
    #[arg(long)]
    pub(super) reveal: bool,
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// The pipeline file.
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: PathBuf,
    /// Reads this file (or glob, or `-`) in place of the definition's.
    #[arg(long, value_name = "PATH")]
    pub(super) input: Option<String>,
    /// Gives an export's parameter a value.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,
    /// Reads the data and counts what would be inserted, updated and left; publishes nothing.
    #[arg(long)]
    pub(super) counts: bool,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// The run that rejected the records.
    #[arg(value_name = "RUN")]
    pub(super) run: String,
    /// The pipeline's file, where it is no longer where it was.
    #[arg(long, value_name = "PATH")]
    pub(super) pipeline: Option<PathBuf>,
    /// The run's report folder, where it is no longer where it was.
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,
    /// Does everything but publish, and says what would have changed.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(super) struct UndoArguments {
    /// The run to take back.
    #[arg(value_name = "RUN")]
    pub(super) run: String,
    /// Gives back what can be given back, also where others touched some of its rows since:
    /// those are left as they are now, and counted.
    #[arg(long)]
    pub(super) force: bool,
    /// Says what would be given back, and does nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// One run, with its files and rejections.
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    /// How many runs.
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    pub(super) limit: u32,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The run.
    #[arg(value_name = "RUN")]
    pub(super) run: String,
    /// How many values of a scope, those that lose most first.
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
    pub(super) limit: u32,
}

#[derive(Debug, Args)]
pub(super) struct ApproveArguments {
    /// The run that is held; `longshore run` said it, `longshore history` lists them.
    #[arg(value_name = "RUN")]
    pub(super) run: String,
    /// Gives a parameter of an archive the value it had: those that no path shows are not kept.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct HeldArguments {
    /// The run that is held; `longshore run` said it, `longshore history` lists them.
    #[arg(value_name = "RUN")]
    pub(super) run: String,
}

#[derive(Debug, Args)]
pub(super) struct MigrateArguments {
    /// The folder with the migrations.
    #[arg(long, default_value = "migrations", value_name = "DIR", global = true)]
    pub(super) folder: PathBuf,
    /// Says what would be done, and does nothing.
    #[arg(long, global = true)]
    pub(super) dry_run: bool,
    #[command(subcommand)]
    pub(super) action: MigrateAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum MigrateAction {
    /// Applies what is pending.
    Up {
        /// Stops after this version.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
    },
    /// Reverts the last migrations.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1, value_name = "N")]
        steps: u32,
    },
    /// Lists what is applied, pending, changed or missing.
    Status,
    /// Begins a new migration.
    New {
        /// What it does, in a few words: `add parcel address`.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Pipeline files: what the role lacks for their tables is told too.
    #[arg(value_name = "PIPELINE")]
    pub(super) pipelines: Vec<PathBuf>,
    /// Prints the SQL that gives this role what the pipelines need, and looks at nothing else.
    #[arg(long, value_name = "ROLE")]
    pub(super) grants: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DbArguments {
    #[command(subcommand)]
    pub(super) action: DbAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum DbAction {
    /// Starts it; the first time it is set up.
    Start,
    /// Stops it; the data stay.
    Stop,
    /// Says whether it runs, and where its data are.
    Status,
    /// Prints its URL.
    Url,
    /// Opens psql on it; further arguments go to psql.
    Psql {
        /// Arguments for psql, such as `-c 'select 1'`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell.
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or_else(|| "write it as 1%".to_owned())
}

fn share_of_kind(text: &str) -> Result<(String, f64), String> {
    let (kind, percent) = text.split_once('=').ok_or("write it as bow-tie=5%")?;
    share(percent).map(|share| (kind.trim().to_owned(), share))
}

fn split_size(text: &str) -> Result<usize, String> {
    use crate::source::split::{SPLIT_BYTES_MAX, SPLIT_BYTES_MIN};
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        other => return Err(format!("`{other}` is no unit; use KiB or MiB")),
    };
    let number: usize = digits.trim().parse().map_err(|_| "write it as 4MiB".to_owned())?;
    let bytes = number.saturating_mul(unit);
    let within = (SPLIT_BYTES_MIN..=SPLIT_BYTES_MAX).contains(&bytes);
    if within { Ok(bytes) } else { Err("between 1KiB and 64MiB".to_owned()) }
}
