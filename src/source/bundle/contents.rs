//! What an archive or a folder holds, by name below its own top folder.

use std::path::{Path, PathBuf};

use super::{BundleFile, Delivered};
use crate::{
    definition::FileDefinition,
    error::{Error, Result},
    source::input::{self, InputStream, ZipFolder, ZipMember},
};

/// Files of a folder, at most; an archive has the same limit.
const MEMBERS_MAX: usize = 100_000;
/// Members that a hint names.
const LISTED_MAX: usize = 12;

/// The members of a delivery.
pub(super) struct Contents {
    /// What people are shown.
    pub(super) display: String,
    /// In the order of their names.
    pub(super) members: Vec<Member>,
    /// What it consists of on disk, sorted.
    pub(super) parts: Vec<PathBuf>,
}

/// One file of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name below the top folder.
    pub(super) name: String,
    /// Where it is on disk: itself, or its archive.
    path: PathBuf,
    /// Its size there.
    bytes: u64,
    /// Its full name in the archive.
    packed_as: Option<String>,
}

impl Contents {
    /// Lists an archive or a folder.
    pub(super) fn list(path: &Path, display: &str) -> Result<Self> {
        let (mut members, parts) = if path.is_dir() {
            let members = in_folder(path)?;
            let parts = members.iter().map(|member| member.path.clone()).collect();
            (members, parts)
        } else {
            input::ensure_file(path)?;
            (in_archive(path, display)?, vec![path.to_owned()])
        };
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { display: display.to_owned(), members, parts })
    }

    /// The member of a name, in any case if only one is written so, or that a glob matches.
    pub(super) fn find(&self, wanted: &str) -> Result<Option<&Member>> {
        let pattern = glob::Pattern::new(wanted).map_err(|cause| {
            Error::definition(format!("`{wanted}` is not a proper glob")).caused_by(cause)
        })?;
        if let Some(exact) = self.members.iter().find(|member| member.name == wanted) {
            return Ok(Some(exact));
        }
        let any_case = glob::MatchOptions { case_sensitive: false, ..Default::default() };
        let matching = self.members.iter();
        let mut matching = matching.filter(|member| pattern.matches_with(&member.name, any_case));
        let first = matching.next();
        if matching.next().is_some() {
            let what = format!("`{}` holds several files for `{wanted}`", self.display);
            return Err(Error::source_file(what).hint(self.listed()));
        }
        Ok(first)
    }

    /// Where to read a member, and how.
    pub(super) fn file(
        &self,
        of: usize,
        file: &FileDefinition,
        member: &Member,
        delivered: Delivered,
    ) -> BundleFile {
        let mut source = file.source.clone();
        source.path = member.path.display().to_string();
        source.member.clone_from(&member.packed_as);
        let display = match &member.packed_as {
            Some(_) => format!("{}: {}", self.display, member.name),
            None => member.path.display().to_string(),
        };
        let (path, bytes) = (member.path.clone(), member.bytes);
        BundleFile { of, source, path, display, bytes, delivered }
    }

    pub(super) fn open(&self, member: &Member) -> Result<InputStream> {
        input::open(&member.path, member.packed_as.as_deref())
    }

    pub(super) fn lacks(&self, member: &str) -> Error {
        Error::source_file(format!("`{}` has no `{member}`", self.display))
    }

    pub(super) fn listed(&self) -> String {
        let names = self.members.iter().take(LISTED_MAX);
        let names: Vec<String> = names.map(|member| format!("`{}`", member.name)).collect();
        match names.is_empty() {
            true => "it holds no file at all".to_owned(),
            false => format!("it holds {}", names.join(", ")),
        }
    }
}

fn in_archive(path: &Path, display: &str) -> Result<Vec<Member>> {
    let folder = ZipFolder::open(path)?;
    let all = folder.members();
    if let Some(strange) = all.iter().map(|it| &it.name).find(|name| leads_elsewhere(name)) {
        let shown = strange.escape_default();
        let what = format!("`{display}` holds a member named `{shown}`, which leads out of it");
        return Err(Error::source_file(what).hint("no honest archive does; ask who sent it"));
    }
    let visible: Vec<&ZipMember> = all.iter().filter(|it| !is_hidden(&it.name)).collect();
    let names: Vec<&str> = visible.iter().map(|it| it.name.as_str()).collect();
    let top = top_folder(&names);
    let member = |packed: &&ZipMember| Member {
        name: packed.name[top.len()..].to_owned(),
        path: path.to_owned(),
        bytes: packed.packed_bytes,
        packed_as: Some(packed.name.clone()),
    };
    Ok(visible.iter().map(member).collect())
}

/// Nothing is written by the name of a member, so this could do no harm; but it is never meant well.
fn leads_elsewhere(name: &str) -> bool {
    let mut folders = name.split(['/', '\\']);
    name.starts_with(['/', '\\']) || name.contains('\0') || folders.any(|folder| folder == "..")
}

fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.')) || name.ends_with("Thumbs.db")
}

/// The folder, with its slash, that all names start with; empty where there is none.
fn top_folder<'n>(names: &[&'n str]) -> &'n str {
    let Some((top, _)) = names.first().and_then(|name| name.split_once('/')) else { return "" };
    let top = &names[0][..=top.len()];
    if names.iter().all(|name| name.starts_with(top)) { top } else { "" }
}

/// The files directly in a folder; of one that holds nothing but a folder, those in there.
fn in_folder(folder: &Path) -> Result<Vec<Member>> {
    let (files, folders) = entries(folder)?;
    match (&files[..], &folders[..]) {
        ([], [only]) => Ok(members(entries(only)?.0)),
        _ => Ok(members(files)),
    }
}

fn members(paths: Vec<PathBuf>) -> Vec<Member> {
    let named = paths.into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        Member { name, path, bytes, packed_as: None }
    });
    named.collect()
}

/// The visible files and folders in a folder, sorted.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let failed = |cause| {
        Error::source_file(format!("`{}` cannot be listed", folder.display())).caused_by(cause)
    };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !path.file_name().is_some_and(|name| is_hidden(&name.to_string_lossy())) {
            paths.push(path);
        }
        if paths.len() > MEMBERS_MAX {
            let what = format!("`{}` holds more than {MEMBERS_MAX} files", folder.display());
            return Err(Error::source_file(what));
        }
    }
    paths.sort();
    let (folders, files) = paths.into_iter().partition(|path| path.is_dir());
    Ok((files, folders))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_top_folder_is_one_that_all_names_share() {
        assert_eq!(top_folder(&["a/x.csv", "a/y.csv"]), "a/");
        assert_eq!(top_folder(&["a/x.csv", "b/y.csv"]), "");
        assert_eq!(top_folder(&["a/x.csv", "ab/y.csv"]), "");
        assert_eq!(top_folder(&["a/x.csv", "y.csv"]), "");
        assert_eq!(top_folder(&[]), "");
    }

    #[test]
    fn names_that_lead_elsewhere_are_known() {
        for name in ["../x.csv", "a/../../x", "/etc/x", "\\x", "a\\..\\x", "a\0b"] {
            assert!(leads_elsewhere(name), "{name}");
        }
        for name in ["x.csv", "a/x.csv", "a..b.csv", "..a/x"] {
            assert!(!leads_elsewhere(name), "{name}");
        }
    }
}
