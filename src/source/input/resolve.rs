//! Which files a pipeline's path means.

use std::path::{Path, PathBuf};

use super::spool::STANDARD_INPUT;
use crate::{
    definition::{Format, SourceDefinition},
    error::{Error, Result},
    source::InputFile,
};

/// Files of one run, at most: ordinals keep 22 bits for the file.
const FILES_MAX: usize = 1 << 22;

/// The files that `definition.path` means, sorted by path.
///
/// - `-` is standard input; its path stays `-` until [`super::spool_stdin`] made it a file.
/// - A path that exists is that file, whatever characters are in it.
/// - A folder is itself for a shapefile; for other formats it is every file
///   directly in it with one of the format's extensions.
/// - Anything else with `*`, `?` or `[` is a glob. As in a shell, `*` does not
///   match hidden files, which are often uploads still under way.
///
/// # Errors
/// `ErrorKind::Source` when there is no such file or the glob matches none;
/// `ErrorKind::Definition` when the glob is malformed.
pub fn resolve(definition: &SourceDefinition) -> Result<Vec<InputFile>> {
    let written = definition.path.as_str();
    if written == STANDARD_INPUT {
        return number(vec![(PathBuf::from(STANDARD_INPUT), "standard input".to_owned())]);
    }
    let path = Path::new(written);
    let mut paths = match path.metadata() {
        Ok(found) if found.is_dir() => in_folder(path, definition.format)?,
        Ok(_) => vec![path.to_owned()],
        Err(_) if written.contains(['*', '?', '[']) => matching(written, definition.format)?,
        Err(cause) => {
            let what = format!("`{written}` does not exist or cannot be reached");
            return Err(Error::source_file(what)
                .caused_by(cause)
                .hint("relative paths start in the folder where the command is run"));
        }
    };
    paths.sort();
    number(paths.into_iter().map(|path| (path.clone(), path.display().to_string())).collect())
}

fn number(paths: Vec<(PathBuf, String)>) -> Result<Vec<InputFile>> {
    if paths.len() > FILES_MAX {
        return Err(Error::source_file(format!("more than {FILES_MAX} files match")));
    }
    let files = (0u32..).zip(paths);
    Ok(files.map(|(ordinal, (path, display))| InputFile { ordinal, path, display }).collect())
}

fn matching(pattern: &str, format: Format) -> Result<Vec<PathBuf>> {
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
    let found = glob::glob_with(pattern, options).map_err(|cause| {
        Error::definition(format!("`{pattern}` is not a proper glob")).caused_by(cause)
    })?;
    let mut paths = Vec::new();
    for path in found {
        let path = path.map_err(|cause| {
            let what = format!("`{}` cannot be searched", cause.path().display());
            Error::source_file(what).caused_by(cause)
        })?;
        if format == Format::Shapefile || !path.is_dir() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Error::source_file(format!("no file matches `{pattern}`"))
            .hint("relative paths start in the folder where the command is run"));
    }
    Ok(paths)
}

fn in_folder(folder: &Path, format: Format) -> Result<Vec<PathBuf>> {
    if format == Format::Shapefile {
        return Ok(vec![folder.to_owned()]);
    }
    let failed = |cause| {
        Error::source_file(format!("`{}` cannot be listed", folder.display())).caused_by(cause)
    };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && has_extension(&path, format) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        let what = format!("`{}` holds no file named like this format", folder.display());
        return Err(Error::source_file(what).hint("name the files in it with a glob"));
    }
    Ok(paths)
}

fn has_extension(path: &Path, format: Format) -> bool {
    let extensions: &[&str] = match format {
        Format::Csv => &["csv", "tsv", "tab", "psv", "txt"],
        Format::Xlsx => &["xlsx", "xlsm"],
        Format::Xlsb => &["xlsb"],
        Format::Xls => &["xls"],
        Format::Ods => &["ods"],
        Format::Geojson => &["geojson", "geojsonl", "geojsons", "json", "ndjson"],
        Format::Jsonl => &["jsonl", "ndjson", "json"],
        Format::Shapefile => &["shp"],
    };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let name = name.to_ascii_lowercase();
    let bare = [".gz", ".zst", ".bz2"].iter().find_map(|packed| name.strip_suffix(packed));
    let bare = bare.unwrap_or(&name);
    let Some((_, end)) = bare.rsplit_once('.') else { return false };
    !name.starts_with('.') && extensions.contains(&end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(format: &str, path: &Path) -> Result<Vec<String>> {
        let written = format!("format = '{format}'\npath = '{}'", path.display());
        let definition = toml::from_str(&written).expect("a definition");
        let name = |file: InputFile| {
            file.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into())
        };
        Ok(resolve(&definition)?.into_iter().map(name).collect())
    }

    #[test]
    fn files_globs_and_folders_become_sorted_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in
            ["b.csv", "a.csv", ".a.csv.part", ".hidden.csv", "odd[1].csv", "c.CSV.gz", "x.md"]
        {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let at = |name: &str| resolved("csv", &folder.path().join(name)).ok();
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(at("a.csv"), names(&["a.csv"]));
        assert_eq!(at("odd[1].csv"), names(&["odd[1].csv"]));
        assert_eq!(at("?.csv"), names(&["a.csv", "b.csv"]));
        assert_eq!(at("*a.csv*"), names(&["a.csv"]));
        assert_eq!(at(""), names(&["a.csv", "b.csv", "c.CSV.gz", "odd[1].csv"]));
        for missing in ["z.csv", "z*.csv"] {
            let error = resolved("csv", &folder.path().join(missing)).expect_err("nothing there");
            assert_eq!(error.kind(), crate::error::ErrorKind::Source, "{missing}");
            assert!(error.hint_text().is_some());
        }
        let shapefile = resolved("shapefile", folder.path()).expect("a folder may hold one");
        assert_eq!(shapefile.len(), 1);
    }

    #[test]
    fn standard_input_stays_a_dash_until_it_is_spooled() {
        let files = resolved("csv", Path::new("-")).expect("standard input");
        assert_eq!(files, ["-"]);
    }
}
