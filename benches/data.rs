//! The data that benchmarks read: made once by `generate`, kept below `target/`.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of everything that benchmarks keep.
pub(crate) fn folder() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).join("bench-data")
}

/// The file of so many sales (17 columns, all quoted) or parcels (GeoJSON); made unless it is
/// there. `what` is the generator's word, `name` the file it writes.
///
/// A file that is there is whole: it is moved to its place when it is complete.
pub(crate) fn file(what: &str, name: &str, rows: u64) -> Result<PathBuf, Box<dyn Error>> {
    let folder = folder();
    let path = folder.join(format!("{rows}-{name}"));
    if path.exists() {
        return Ok(path);
    }
    let making = folder.join("making");
    fs::create_dir_all(&making)?;
    let rows = rows.to_string();
    let arguments = ["bench", "--quiet", "--bench", "generate", "--", what, "--rows", &rows];
    let mut generate = Command::new(env!("CARGO"));
    generate.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).arg("--out").arg(&making);
    if !generate.status()?.success() {
        return Err("the data could not be generated".into());
    }
    fs::rename(making.join(name), &path)?;
    Ok(path)
}
