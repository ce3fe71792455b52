//! Deliveries of several files: what a zip archive or a folder holds, and which of it is read.
//!
//! Members are known by name and streamed from where they are. A name in an archive is only
//! ever compared, never used as a path, so an archive cannot choose where anything is written.
//! Everything may stand in one top folder, as archivers of whole folders make it.

mod contents;
mod manifest;
mod oneroster;

use std::path::{Path, PathBuf};

pub use manifest::Manifest;

use super::input::{self, read_failed};
use crate::{
    definition::{BundleDefinition, BundleKind, FileDefinition, SourceDefinition, Unexpected},
    error::{Error, Result},
};
use contents::{Contents, Member};

/// What a delivery says of one of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivered {
    /// It holds all there is: what it lacks is gone.
    #[default]
    Bulk,
    /// It holds what changed, and each record says how.
    Delta,
    /// It is not part of the delivery, which says nothing about its rows.
    Absent,
}

impl Delivered {
    /// The word for it, as OneRoster has it.
    pub fn word(self) -> &'static str {
        match self {
            Delivered::Bulk => "bulk",
            Delivered::Delta => "delta",
            Delivered::Absent => "absent",
        }
    }

    /// What a word means; `None` for any other.
    pub fn of(word: &str) -> Option<Self> {
        let all = [Delivered::Bulk, Delivered::Delta, Delivered::Absent];
        all.into_iter().find(|delivered| delivered.word() == word)
    }
}

/// An opened delivery: the files to read and what there is to say about the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The archive or folder.
    pub path: PathBuf,
    /// The files to read, in the definition's order.
    pub files: Vec<BundleFile>,
    /// The names of the files that the delivery does not hold.
    pub absent: Vec<String>,
    /// Files that are there and not read: the name, and why.
    pub not_read: Vec<(String, &'static str)>,
    /// The OneRoster version that the manifest names.
    pub version: Option<String>,
    /// The files on disk it consists of, sorted: the archive, or all files of the folder.
    pub parts: Vec<PathBuf>,
}

/// One file of a delivery that is read.
#[derive(Debug, Clone, PartialEq)]
pub struct BundleFile {
    /// The index of its `[[file]]`.
    pub of: usize,
    /// How it is read, with the very member.
    pub source: SourceDefinition,
    /// Where its bytes are: itself, or its archive.
    pub path: PathBuf,
    /// What people are shown: the delivery and the member.
    pub display: String,
    /// Its size on disk; in an archive, packed.
    pub bytes: u64,
    /// What the delivery says of it.
    pub delivered: Delivered,
}

/// Opens the delivery at `path` (`definition.path`, or its private copy) and finds its files.
///
/// # Errors
/// `ErrorKind::Source` when it cannot be read, when a file is missing that has to be there, when
/// one is there that should not be and the definition refuses it, and when its manifest or a
/// header is not as the standard has it.
pub fn open(
    definition: &BundleDefinition,
    files: &[FileDefinition],
    path: &Path,
    display: &str,
) -> Result<Bundle> {
    let contents = Contents::list(path, display)?;
    let found = match definition.kind {
        BundleKind::Files => by_definition(files, &contents)?,
        BundleKind::Oneroster => by_manifest(files, &contents)?,
    };
    let mut bundle = Bundle {
        path: path.to_owned(),
        files: Vec::new(),
        absent: Vec::new(),
        not_read: Vec::new(),
        version: found.manifest.as_ref().map(|manifest| manifest.version.clone()),
        parts: contents.parts.clone(),
    };
    for (of, (file, (delivered, member))) in files.iter().zip(&found.members).enumerate() {
        match member {
            Some(member) => {
                bundle.files.push(contents.file(of, file, member, *delivered));
            }
            None => bundle.absent.push(file.name.clone()),
        }
    }
    judge_others(definition, &contents, &found, &mut bundle)?;
    if bundle.files.is_empty() {
        return Err(Error::source_file(format!("`{display}` holds none of the pipeline's files"))
            .hint(contents.listed()));
    }
    if definition.kind == BundleKind::Oneroster {
        oneroster::check_headers(files, &bundle)?;
    }
    Ok(bundle)
}

/// Of each `[[file]]`, what the delivery says of it and the member it is.
struct Found<'c> {
    manifest: Option<Manifest>,
    members: Vec<(Delivered, Option<&'c Member>)>,
}

fn by_definition<'c>(files: &[FileDefinition], contents: &'c Contents) -> Result<Found<'c>> {
    let mut members = Vec::with_capacity(files.len());
    for file in files {
        let member = contents.find(&file.member())?;
        if member.is_none() && !file.optional {
            return Err(contents.lacks(&file.member()).hint(contents.listed()));
        }
        let delivered = if member.is_some() { Delivered::Bulk } else { Delivered::Absent };
        members.push((delivered, member));
    }
    Ok(Found { manifest: None, members })
}

fn by_manifest<'c>(files: &[FileDefinition], contents: &'c Contents) -> Result<Found<'c>> {
    let Some(member) = contents.find(manifest::NAME)? else {
        return Err(contents.lacks(manifest::NAME).hint(
            "a OneRoster delivery has a manifest; files without one are a bundle of `kind = \"files\"`",
        ));
    };
    let manifest = manifest::read(contents.open(member)?, &contents.display)?;
    for (name, _) in manifest.present() {
        if contents.find(&format!("{name}.csv"))?.is_none() {
            return Err(contents.lacks(&format!("{name}.csv")).hint(format!(
                "its manifest says `file.{name}` is there; have the delivery made again"
            )));
        }
    }
    let mut members = Vec::with_capacity(files.len());
    for file in files {
        let delivered = manifest.delivered(&file.name);
        let member = match delivered {
            Delivered::Absent => None,
            _ => contents.find(&file.member())?,
        };
        if member.is_none() && delivered != Delivered::Absent {
            return Err(contents.lacks(&file.member()));
        }
        members.push((delivered, member));
    }
    Ok(Found { manifest: Some(manifest), members })
}

/// Members that no `[[file]]` takes: refused or noted, as the definition has it.
fn judge_others(
    definition: &BundleDefinition,
    contents: &Contents,
    found: &Found<'_>,
    bundle: &mut Bundle,
) -> Result<()> {
    let taken: Vec<&Member> = found.members.iter().filter_map(|(_, member)| *member).collect();
    for member in contents.members.iter().filter(|member| !taken.contains(member)) {
        let stem = member.name.strip_suffix(".csv").unwrap_or(&member.name);
        let (rule, why) = match &found.manifest {
            Some(_) if member.name == manifest::NAME => continue,
            Some(manifest) if manifest.says(stem) == Some(Delivered::Absent) => {
                (definition.declared_absent, "its manifest declares it absent")
            }
            // A part of the standard that this pipeline does not load, and says so by that.
            Some(manifest) if manifest.says(stem).is_some() => {
                (Unexpected::Warn, "the pipeline has no `[[file]]` for it")
            }
            Some(_) => (definition.unknown, "its manifest does not mention it"),
            None => (definition.unknown, "the pipeline has no `[[file]]` for it"),
        };
        if rule == Unexpected::Refuse {
            let what = format!("`{}` holds `{}`: {why}", contents.display, member.name);
            return Err(Error::source_file(what)
                .hint("`unknown` and `declared_absent` of the bundle say what happens then"));
        }
        bundle.not_read.push((member.name.clone(), why));
    }
    Ok(())
}

/// The one delivery that a path means.
///
/// # Errors
/// `ErrorKind::Source` when there is none, or several.
pub fn resolve(written: &str) -> Result<PathBuf> {
    let path = Path::new(written);
    if written == input::STANDARD_INPUT || path.symlink_metadata().is_ok() {
        return Ok(path.to_owned());
    }
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
    let matches = glob::glob_with(written, options).map_err(|cause| {
        Error::definition(format!("`{written}` is not a proper glob")).caused_by(cause)
    })?;
    let paths: std::result::Result<Vec<_>, _> = matches.collect();
    let paths = paths.map_err(|cause| {
        let what = format!("`{}` cannot be searched", cause.path().display());
        read_failed(cause.path(), std::io::Error::other(what))
    })?;
    match &paths[..] {
        [only] => Ok(only.clone()),
        [] => Err(Error::source_file(format!("no delivery matches `{written}`"))
            .hint("relative paths start in the folder where the command is run")),
        several => {
            let what = format!("{} deliveries match `{written}`", several.len());
            Err(Error::source_file(what).hint(format!(
                "a delivery is one run: name each with --input, in their order, first `{}`",
                several[0].display()
            )))
        }
    }
}
