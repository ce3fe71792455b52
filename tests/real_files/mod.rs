//! Files as publishers deliver them, next to this repository; skipped where they are absent.

mod csv;
mod features;
mod geojson;
mod geometries;
mod loads;
mod shapefile;
mod sheet;

use std::path::PathBuf;

/// The folder with the files, `None` where it is absent.
fn data() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    folder.is_dir().then_some(folder)
}
