//! `longshore demo`: everything at once, on the sample data and the embedded server.

use std::path::{Path, PathBuf};

use super::{
    arguments::{DemoArguments, Global},
    console::Console,
    exit::ExitStatus,
    pipeline, run,
};
use crate::{
    error::{Error, Result},
    postgres::{embedded::EmbeddedServer, endpoint::Endpoint, migrate::Migrations},
    run::{ImportRequest, LoadOptions},
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
    for path in find_pipelines()? {
        status = status.merge(load(&path, &endpoint, console).await?);
    }
    console.say("\nlook at the data: longshore db psql\nwhat happened:    longshore history");
    Ok(status)
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

/// The pipelines below the current folder, sorted.
fn find_pipelines() -> Result<Vec<PathBuf>> {
    let found = glob::glob("pipelines/**/*.toml")
        .map_err(|cause| Error::unexpected("the pipelines cannot be listed").caused_by(cause))?;
    let mut paths: Vec<PathBuf> = found.flatten().collect();
    paths.sort();
    Ok(paths)
}
