//! The files a shapefile consists of: beside each other in a folder, or in a zip archive.
//!
//! Their names differ only in the extension, in upper or lower case. Only the
//! `.shp` has to be there.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    source::input::{self, InputStream, ZipFolder},
};

/// Where the files are.
#[derive(Debug)]
pub(super) struct Parts {
    place: Place,
    shp: String,
    dbf: Option<String>,
    shx: Option<String>,
    cpg: Option<String>,
    prj: Option<String>,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Zip(ZipFolder),
}

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Shp,
    Dbf,
    Shx,
    Cpg,
    Prj,
}

impl Parts {
    /// Finds the files: `path` is a `.shp`, a folder or a zip archive; `member`
    /// says which shapefile of several.
    pub(super) fn find(path: &Path, member: Option<&str>) -> Result<Self> {
        if path.is_dir() {
            let names = names_in(path)?;
            let shp = choose(path, &names, member)?;
            return Ok(Self::of(Place::Folder(path.to_owned()), shp, &names));
        }
        if is_zip(path)? {
            let zip = ZipFolder::open(path)?;
            let names: Vec<_> = zip.members().iter().map(|member| member.name.clone()).collect();
            let shp = choose(path, &names, member)?;
            return Ok(Self::of(Place::Zip(zip), shp, &names));
        }
        if let Some(member) = member {
            let what = format!("`{}` is no zip archive or folder", path.display());
            return Err(Error::source_file(what).hint(format!("leave out `member = \"{member}\"`")));
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let shp = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self::of(Place::Folder(folder.to_owned()), shp, &names_in(folder)?))
    }

    fn of(place: Place, shp: String, names: &[String]) -> Self {
        let beside = |extension: &str| {
            let wanted = format!("{}.{extension}", stem(&shp));
            let exact = names.iter().find(|name| **name == wanted);
            exact.or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(&wanted))).cloned()
        };
        let (dbf, shx, cpg, prj) = (beside("dbf"), beside("shx"), beside("cpg"), beside("prj"));
        Self { place, shp, dbf, shx, cpg, prj }
    }

    /// The name of the `.shp` without folders and extension.
    pub(super) fn name(&self) -> &str {
        let stem = stem(&self.shp);
        stem.rsplit('/').next().unwrap_or(stem)
    }

    /// Opens one of the files, `None` when it is not there.
    pub(super) fn open(&self, part: Part) -> Result<Option<InputStream>> {
        let name = match part {
            Part::Shp => Some(&self.shp),
            Part::Dbf => self.dbf.as_ref(),
            Part::Shx => self.shx.as_ref(),
            Part::Cpg => self.cpg.as_ref(),
            Part::Prj => self.prj.as_ref(),
        };
        let Some(name) = name else { return Ok(None) };
        match &self.place {
            Place::Folder(folder) => input::open(&folder.join(name), None),
            Place::Zip(zip) => zip.open_member(name),
        }
        .map(Some)
    }

    /// Opens the `.shp`.
    pub(super) fn shp(&self) -> Result<InputStream> {
        let missing = || Error::source_file(format!("`{}` is missing", self.shp));
        self.open(Part::Shp)?.ok_or_else(missing)
    }
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let failed = |cause| {
        Error::source_file(format!("`{}` cannot be listed", folder.display())).caused_by(cause)
    };
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn is_zip(path: &Path) -> Result<bool> {
    use std::io::Read;
    let failed = |cause: std::io::Error| {
        let display = path.display();
        let missing = cause.kind() == std::io::ErrorKind::NotFound;
        let state = if missing { "does not exist" } else { "cannot be read" };
        Error::source_file(format!("`{display}` {state}")).caused_by(cause)
    };
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(Error::source_file(format!("`{}` is neither file nor folder", path.display())));
    }
    let mut magic = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(4).read_to_end(&mut magic).map_err(failed)?;
    Ok(magic == b"PK\x03\x04" || magic == b"PK\x05\x06")
}

/// The one `.shp` among the names, or the one that `member` means: by its
/// name, without extension if one likes, or by a glob.
fn choose(path: &Path, names: &[String], member: Option<&str>) -> Result<String> {
    let shapes: Vec<_> = names
        .iter()
        .filter(|name| {
            name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("shp"))
        })
        .collect();
    let chosen: Vec<_> = match member {
        None => shapes.clone(),
        Some(member) => {
            let pattern = glob::Pattern::new(member).map_err(|cause| {
                Error::definition(format!("`{member}` is not a proper glob")).caused_by(cause)
            })?;
            let means =
                |name: &str| name == member || stem(name) == member || pattern.matches(name);
            shapes.iter().copied().filter(|name| means(name)).collect()
        }
    };
    if let [only] = chosen[..] {
        return Ok(only.clone());
    }
    let count = chosen.len();
    let what =
        format!("`{}` holds {count} shapefiles to choose from, not exactly one", path.display());
    let shown: Vec<_> = shapes.iter().take(10).map(|name| format!("`{name}`")).collect();
    let hint = if shapes.is_empty() {
        "a shapefile needs its `.shp`".to_owned()
    } else {
        format!("name one with `member`: {}", shown.join(", "))
    };
    Err(Error::source_file(what).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            std::fs::write(folder.path().join(name), name).expect("a file");
        }
        folder
    }

    #[test]
    fn the_files_are_found_beside_the_shp_in_any_case() {
        let folder = folder(&["Lots.SHP", "Lots.dbf", "Lots.CPG", "other.shp", "Lots.txt"]);
        let parts = Parts::find(&folder.path().join("Lots.SHP"), None).expect("it is there");
        assert_eq!(parts.name(), "Lots");
        let there = |part| parts.open(part).expect("it opens").is_some();
        assert!(there(Part::Dbf) && there(Part::Cpg) && !there(Part::Prj) && !there(Part::Shx));
    }

    #[test]
    fn a_folder_has_one_shapefile_or_the_member_says_which() {
        let folder = folder(&["a.shp", "b.shp", "b.dbf"]);
        let name = |member| Parts::find(folder.path(), member).map(|parts| parts.name().to_owned());
        assert!(name(None).is_err() && name(Some("c")).is_err() && name(Some("*")).is_err());
        for member in ["b", "b.shp", "b*"] {
            assert_eq!(name(Some(member)).expect("it is chosen"), "b");
        }
    }
}
