//! `longshore demo`: one domain or everything at once, on the sample data and the embedded server.

use std::path::{Path, PathBuf};

use super::{
    arguments::{DemoArguments, DemoDomain, Global},
    console::Console,
    exit::ExitStatus,
    pipeline, run,
};
use crate::{
    error::{Error, Result},
    postgres::{embedded::EmbeddedServer, endpoint::Endpoint, migrate::Migrations},
    run::{ImportRequest, LoadOptions, prepare::pipeline_name},
};

/// Starts the server, migrates, and runs every pipeline of the project.
pub(super) async fn demo(
    arguments: &DemoArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    ensure_project(&arguments.project)?;
    // Paths in pipelines start where the command is run.
    std::env::set_current_dir(&arguments.project).map_err(|cause| {
        Error::environment("the project's folder cannot be entered").caused_by(cause)
    })?;
    let endpoint = start(global, console).await?;
    let session = endpoint.connect().await?;
    let applied = Migrations::read(Path::new("migrations"))?.up(&session, None, false).await?;
    console.say(&format!("migrations: {} applied", applied.len()));
    let mut status = ExitStatus::Done;
    let domain = arguments.domain.map(folder_of);
    for path in find_pipelines(domain)? {
        status = status.merge(load(&path, &endpoint, console).await?);
    }
    console.say(&how_to_look(domain));
    Ok(status)
}

fn folder_of(domain: DemoDomain) -> &'static str {
    match domain {
        DemoDomain::School => "school",
        DemoDomain::Learning => "learning",
        DemoDomain::Property => "property",
        DemoDomain::Cadastre => "cadastre",
        DemoDomain::Market => "market",
    }
}

/// Pipelines whose rows others refer to, in the order in which they are loaded; those that
/// are not named come after, sorted.
const FIRST: [&str; 13] = [
    "cadastre/lots",
    "cadastre/zones",
    "cadastre/parcels",
    "cadastre/changes",
    "learning/courses",
    "learning/students",
    "market/assets",
    "market/markets",
    "market/orders",
    "school/classes",
    "school/staff",
    "school/students",
    "school/subjects",
];

fn how_to_look(domain: Option<&str>) -> String {
    let tables = domain.map_or_else(String::new, |schema| format!(" -c '\\dt+ {schema}.*'"));
    let reports = domain.unwrap_or("DOMAIN");
    format!(
        "\nlook at the data: longshore db psql{tables}\nwhat happened:    longshore history\nreports:          longshore run pipelines/{reports}/reports/REPORT.toml"
    )
}

async fn start(global: &Global, console: &Console) -> Result<Endpoint> {
    if let Some(database) = &global.database {
        return Endpoint::parse(database);
    }
    let server = EmbeddedServer::of_user()?;
    console.say("starting the embedded server");
    server.ensure_started().await
}

async fn load(path: &Path, endpoint: &Endpoint, console: &Console) -> Result<ExitStatus> {
    let file = match pipeline::read(path, console) {
        Ok(file) => file,
        Err(status) => return Ok(status),
    };
    if file.export().is_some() {
        return Ok(ExitStatus::Done);
    }
    let request = ImportRequest {
        pipeline: file.import(None)?,
        report_folder: PathBuf::from("reports"),
        force: false,
        dry_run: false,
        options: LoadOptions::default(),
    };
    console.say("");
    Ok(run::import(&file, endpoint, &request, console).await)
}

fn ensure_project(project: &Path) -> Result<()> {
    for folder in ["pipelines", "migrations", "sample-data"] {
        if !project.join(folder).is_dir() {
            return Err(Error::definition(format!(
                "there is no folder `{folder}` in `{}`",
                project.display()
            ))
            .hint("run it in the project's folder, or name that with --project"));
        }
    }
    Ok(())
}

/// The pipelines of a domain, or all, below the current folder; those that others need first.
fn find_pipelines(domain: Option<&str>) -> Result<Vec<PathBuf>> {
    let pattern = format!("pipelines/{}/*.toml", domain.unwrap_or("*"));
    let found = glob::glob(&pattern)
        .map_err(|cause| Error::unexpected("the pipelines cannot be listed").caused_by(cause))?;
    let mut paths: Vec<PathBuf> = found.flatten().collect();
    paths.sort_by_cached_key(|path| {
        let name = pipeline_name(path);
        let place = FIRST.iter().position(|first| *first == name);
        (place.unwrap_or(FIRST.len()), name)
    });
    if paths.is_empty() {
        return Err(Error::definition(format!("there is no pipeline `{pattern}`"))
            .hint("run it in the project's folder, or name that with --project"));
    }
    Ok(paths)
}
