//! The columns that the OneRoster CSV binding requires of each file.
//!
//! Only those whose value is mandatory: deliveries in use leave out whole columns that may be
//! empty, and a pipeline that needs one says so by naming it.

use super::{Bundle, BundleFile, Delivered};
use crate::{
    definition::FileDefinition,
    error::{Context, Error, Result},
    source::{self, InputFile},
};

/// File, version (empty for both), columns. `status` and `dateLastModified` are mandatory in
/// delta files only.
const REQUIRED: &[(&str, &str, &[&str])] = &[
    ("academicSessions", "", &["sourcedId", "title", "type", "startDate", "endDate", "schoolYear"]),
    (
        "classes",
        "",
        &[
            "sourcedId",
            "title",
            "courseSourcedId",
            "classType",
            "schoolSourcedId",
            "termSourcedIds",
        ],
    ),
    ("courses", "", &["sourcedId", "title", "orgSourcedId"]),
    ("demographics", "", &["sourcedId"]),
    (
        "enrollments",
        "",
        &["sourcedId", "classSourcedId", "schoolSourcedId", "userSourcedId", "role"],
    ),
    ("orgs", "", &["sourcedId", "name", "type"]),
    (
        "users",
        "1.1",
        &[
            "sourcedId",
            "enabledUser",
            "orgSourcedIds",
            "role",
            "username",
            "givenName",
            "familyName",
        ],
    ),
    ("users", "1.2", &["sourcedId", "enabledUser", "username", "givenName", "familyName"]),
    ("roles", "1.2", &["sourcedId", "userSourcedId", "roleType", "role", "orgSourcedId"]),
    (
        "userProfiles",
        "1.2",
        &["sourcedId", "userSourcedId", "profileType", "vendorId", "credentialType", "username"],
    ),
];

/// Looks at the header of each file that is read.
///
/// # Errors
/// `ErrorKind::Source` when one lacks columns that the standard requires.
pub(super) fn check_headers(files: &[FileDefinition], bundle: &Bundle) -> Result<()> {
    let version = bundle.version.as_deref().unwrap_or_default();
    for file in &bundle.files {
        check(file, &files[file.of].name, version)?;
    }
    Ok(())
}

fn check(file: &BundleFile, name: &str, version: &str) -> Result<()> {
    let of = |row: &&(&str, &str, &[&str])| row.0 == name && (row.1.is_empty() || row.1 == version);
    let Some((.., required)) = REQUIRED.iter().find(of) else { return Ok(()) };
    let input = InputFile { ordinal: 0, path: file.path.clone(), display: file.display.clone() };
    let opened = source::open(&file.source, &input)
        .context(|| format!("while opening `{}`", file.display))?;
    let delta: &[&str] = match file.delivered {
        Delivered::Delta => &["status", "dateLastModified"],
        _ => &[],
    };
    let header = opened.header();
    let missing = required.iter().chain(delta).filter(|column| header.count(column) == 0);
    let missing: Vec<String> = missing.map(|column| format!("`{column}`")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("`{}` has no {}", file.display, missing.join(", "));
    Err(Error::source_file(what)
        .hint(format!("OneRoster {version} requires these columns; have the delivery made again")))
}
