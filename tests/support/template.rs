//! A cluster's data with all extensions in place, made once and copied for each test process.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use longshore::postgres::{
    embedded::{Durability, Identity, Installation, StopMode, install_command},
    endpoint::Endpoint,
};

use super::{Part, cluster};

/// The database that test databases are copies of.
pub(super) const DATABASE: &str = "longshore_template";

/// The extension that a server named by hand may lack.
const POSTGIS: &str = "postgis";

/// The extensions it has.
const EXTENSIONS: [&str; 4] = [POSTGIS, "citext", "unaccent", "pg_trgm"];

/// The folder of the prepared data; made under a lock if it is not there yet.
pub(super) fn prepared() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).expect("the folder for test data is created");
    let lock = File::create(folder.join("cluster.lock")).expect("the lock file opens");
    lock.lock().expect("the lock is free at some time");
    let user = lock.metadata().expect("its metadata").uid();
    let major = Installation::find(None).expect("a PostgreSQL server is installed").major;
    let bare = if super::lacks(Part::Postgis) { "-bare" } else { "" };
    let template = folder.join(format!("cluster-{major}{bare}-{user}"));
    if !template.exists() {
        prepare(&template);
    }
    template
}

fn prepare(template: &Path) {
    let scratch = tempfile::Builder::new().prefix("longshore-").tempdir().expect("a folder");
    let cluster = cluster::open(scratch.path(), Durability::None);
    cluster.initialise().expect("the template cluster is set up");
    cluster.start().expect("the template cluster starts");
    let url = cluster.url("postgres");
    // A thread of its own: a test's runtime may be waiting for us.
    let created = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(create_template(&url));
    });
    let created = created.join();
    cluster.stop(StopMode::Fast).expect("the template cluster stops");
    created.expect("the template database is created");
    let unfinished = template.with_extension("new");
    let _ = fs::remove_dir_all(&unfinished);
    // Kept as ours, copied back as the server's.
    copy_files(&cluster.data(), &unfinished, None);
    fs::rename(&unfinished, template).expect("the template is moved into place");
}

async fn create_template(url: &str) {
    let endpoint = Endpoint::parse(url).expect("the URL is valid");
    let session = endpoint.connect().await.expect("the server accepts connections");
    let create = format!("create database {DATABASE}");
    session.client.batch_execute(&create).await.expect("the template is created");
    let template =
        endpoint.with_database(DATABASE).connect().await.expect("it accepts connections");
    for extension in EXTENSIONS {
        if extension == POSTGIS && super::lacks(Part::Postgis) {
            continue;
        }
        let create = format!("create extension {extension}");
        let created = template.client.batch_execute(&create).await;
        created.unwrap_or_else(|error| {
            panic!("the tests need the extension {extension} ({}): {error:?}", install_command())
        });
    }
    drop(template);
}

/// Copies a data folder and gives it to the server's user.
pub(super) fn copy_folder(from: &Path, to: &Path, identity: Identity) {
    copy_files(from, to, Some(identity));
}

fn copy_files(from: &Path, to: &Path, identity: Option<Identity>) {
    fs::create_dir(to).expect("a folder is created");
    let mode = fs::metadata(from).expect("its metadata").permissions();
    fs::set_permissions(to, mode).expect("its mode is set");
    for entry in fs::read_dir(from).expect("the folder is read") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy_files(&entry.path(), &target, identity);
        } else {
            fs::copy(entry.path(), &target).expect("a file is copied");
            own(&target, identity);
        }
    }
    own(to, identity);
}

fn own(path: &Path, identity: Option<Identity>) {
    if let Some(identity) = identity {
        identity.own(path).expect("it is given to the server's user");
    }
}
