//! The files one input consists of: all of them are hashed and watched.

use std::path::{Path, PathBuf};

use super::InputFile;
use crate::{
    definition::{Format, SourceDefinition},
    error::{Error, Result},
};

/// The parts of a shapefile that say something about its records.
const SHAPEFILE_PARTS: [&str; 6] = ["shp", "dbf", "prj", "cpg", "dbt", "fpt"];

/// The files of an input, in a fixed order: itself, or the parts of a shapefile.
///
/// # Errors
/// `ErrorKind::Source` when the folder cannot be read.
pub fn parts(definition: &SourceDefinition, input: &InputFile) -> Result<Vec<PathBuf>> {
    if definition.format != Format::Shapefile {
        return Ok(vec![input.path.clone()]);
    }
    if input.path.is_dir() {
        return Ok(of_shapefile(&files_of(&input.path)?));
    }
    let is_shape = input.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("shp"));
    let siblings = match input.path.parent() {
        Some(folder) if is_shape => files_of(folder)?,
        _ => return Ok(vec![input.path.clone()]),
    };
    let same_name = |path: &&PathBuf| path.file_stem() == input.path.file_stem();
    Ok(of_shapefile(&siblings.iter().filter(same_name).cloned().collect::<Vec<_>>()))
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    // A relative path without a folder stands in the current one.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let unreadable = |cause| {
        Error::source_file(format!("`{}` cannot be read", folder.display())).caused_by(cause)
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn of_shapefile(files: &[PathBuf]) -> Vec<PathBuf> {
    let is_part = |path: &&PathBuf| {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        ending.is_some_and(|ending| SHAPEFILE_PARTS.contains(&ending.as_str()))
    };
    files.iter().filter(is_part).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shapefile_is_all_its_parts_and_nothing_of_its_neighbours() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.shp", "a.DBF", "a.prj", "a.sbn", "b.shp", "readme.txt"] {
            std::fs::write(folder.path().join(name), name).expect("written");
        }
        let path = folder.path().join("a.shp");
        let json = serde_json::json!({ "format": "shapefile", "path": path });
        let definition: SourceDefinition = serde_json::from_value(json).expect("a source");
        let input = InputFile { ordinal: 0, path, display: "a.shp".to_owned() };
        let names: Vec<String> = parts(&definition, &input)
            .expect("parts")
            .iter()
            .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.DBF", "a.prj", "a.shp"]);
    }
}
