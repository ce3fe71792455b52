//! Migration files: `<version>_<name>.up.sql`, and beside it `.down.sql`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::statements::{Statement, statements};
use crate::error::{Error, Result};

/// The first line of a file whose statements cannot run in a transaction.
const NO_TRANSACTION: &str = "-- no-transaction";

/// First words of statements that would begin or end the transaction a migration runs in.
const TRANSACTION_WORDS: [&str; 6] = ["begin", "start", "commit", "end", "rollback", "abort"];

/// One migration as its files have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// What orders migrations, a number of up to 18 digits.
    pub version: i64,
    /// What it does, as the file's name says.
    pub name: String,
    pub(super) up: MigrationSql,
    pub(super) down: Option<MigrationSql>,
}

/// One direction of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MigrationSql {
    /// The file's name, for messages.
    pub(super) file: String,
    /// Its text, with `\n` between lines.
    pub(super) text: String,
}

impl MigrationSql {
    /// Whether it runs as one transaction.
    pub(super) fn transactional(&self) -> bool {
        self.text.lines().next().is_none_or(|line| line.trim() != NO_TRANSACTION)
    }

    /// The SHA-256 in hexadecimal; how a checkout writes line ends makes no difference.
    pub(super) fn sha256(&self) -> String {
        Sha256::digest(self.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn check(self) -> Result<Self> {
        let all = statements(&self.text);
        let own = all.iter().find(|one| self.transactional() && ends_transaction(one));
        match own {
            None => Ok(self),
            Some(one) => Err(Error::definition(format!(
                "{}, line {}: a migration runs in a transaction of its own; `{}` would end it",
                self.file, one.line, one.keyword
            ))
            .hint(format!("remove it, or make `{NO_TRANSACTION}` the file's first line"))),
        }
    }
}

fn ends_transaction(statement: &Statement<'_>) -> bool {
    let second = statement.text.split_whitespace().nth(1).unwrap_or_default();
    TRANSACTION_WORDS.contains(&statement.keyword.as_str())
        && !(statement.keyword == "rollback" && second.eq_ignore_ascii_case("to"))
        || statement.keyword == "prepare" && second.eq_ignore_ascii_case("transaction")
}

/// The migrations in `folder`, by version.
///
/// # Errors
/// `ErrorKind::Definition` for an `.sql` file whose name is not understood, a version used
/// twice, or a `down` without `up`; `ErrorKind::Environment` where something cannot be read.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<Migration>> {
    let mut pairs: BTreeMap<i64, Pair> = BTreeMap::new();
    let unreadable = |cause| cannot_read(folder).caused_by(cause);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            add(&mut pairs, &path)?;
        }
    }
    pairs.into_iter().map(|(version, pair)| pair.into_migration(version)).collect()
}

#[derive(Default)]
struct Pair {
    name: String,
    up: Option<MigrationSql>,
    down: Option<MigrationSql>,
}

impl Pair {
    fn into_migration(self, version: i64) -> Result<Migration> {
        let Pair { name, up, down } = self;
        let Some(up) = up else {
            let what = format!("migration {version}_{name} has a down.sql and no up.sql");
            return Err(Error::definition(what));
        };
        Ok(Migration {
            version,
            name,
            up: up.check()?,
            down: down.map(MigrationSql::check).transpose()?,
        })
    }
}

fn add(pairs: &mut BTreeMap<i64, Pair>, path: &Path) -> Result<()> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((version, name, is_up)) = parts(&file) else {
        let what = format!("`{file}` is not named like a migration");
        return Err(Error::definition(what)
            .hint("<version>_<name>.up.sql and .down.sql, the version in digits"));
    };
    let bytes = fs::read(path).map_err(|cause| cannot_read(path).caused_by(cause))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::definition(format!("`{file}` is not valid UTF-8")))?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let pair = pairs.entry(version).or_default();
    let side = if is_up { &mut pair.up } else { &mut pair.down };
    if side.is_some() || (!pair.name.is_empty() && pair.name != name) {
        let what = format!("two migrations have the version {version}");
        return Err(Error::definition(what).hint("rename the later one to a greater version"));
    }
    *side = Some(MigrationSql { file: file.clone(), text });
    name.clone_into(&mut pair.name);
    Ok(())
}

/// Version, name, and whether it is the way up.
fn parts(file: &str) -> Option<(i64, &str, bool)> {
    let stem = file.strip_suffix(".up.sql").map(|stem| (stem, true));
    let (stem, is_up) =
        stem.or_else(|| file.strip_suffix(".down.sql").map(|stem| (stem, false)))?;
    let (version, name) = stem.split_once('_')?;
    let digits = (1..=18).contains(&version.len()) && version.bytes().all(|b| b.is_ascii_digit());
    (digits && !name.is_empty()).then_some(())?;
    Some((version.parse().ok()?, name, is_up))
}

/// Creates an empty pair of files, the version being the time in UTC.
///
/// # Errors
/// `ErrorKind::Definition` if `name` has no letter or digit, `ErrorKind::Environment` if a
/// file cannot be created.
pub(super) fn create(folder: &Path, name: &str) -> Result<[PathBuf; 2]> {
    let plain = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).collect();
    let name = name.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    if name.is_empty() {
        return Err(
            Error::definition("a migration needs a name").hint("for example `add_student_email`")
        );
    }
    let version = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string();
    fs::create_dir_all(folder).map_err(|cause| cannot_write(folder).caused_by(cause))?;
    let create = |direction: &str, text: &str| {
        let path = folder.join(format!("{version}_{name}.{direction}.sql"));
        let written = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map(|()| path.clone()).map_err(|cause| cannot_write(&path).caused_by(cause))
    };
    Ok([
        create("up", "-- Runs as one transaction.\n\n")?,
        create("down", "-- Takes the migration back.\n\n")?,
    ])
}

fn cannot_read(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be read", path.display()))
        .hint("migrations are looked for in the folder `migrations`, unless another is given")
}

fn cannot_write(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        folder
    }

    #[test]
    fn files_are_paired_and_ordered_by_number() {
        let folder = folder(&[
            ("10_b.up.sql", "select 1;\r\n"),
            ("9_a.up.sql", "-- no-transaction\ncommit;"),
            ("9_a.down.sql", ""),
            ("README.md", ""),
        ]);
        let found = read_folder(folder.path()).expect("it is read");
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(!found[0].up.transactional() && found[1].up.transactional());
        assert_eq!(found[1].up.text, "select 1;\n");
        assert!(found[0].down.is_some() && found[1].down.is_none());
    }

    #[test]
    fn what_would_go_wrong_later_is_said_at_once() {
        let wrong: [&[(&str, &str)]; 6] = [
            &[("x_a.up.sql", "")],
            &[("1_a.sql", "")],
            &[("1_a.down.sql", "")],
            &[("1_a.up.sql", ""), ("01_b.up.sql", "")],
            &[("1_a.up.sql", "create table t ();\nCOMMIT;")],
            &[("1_a.up.sql", "prepare x as select 1; begin; end")],
        ];
        for files in wrong {
            assert!(read_folder(folder(files).path()).is_err(), "{files:?}");
        }
    }

    #[test]
    fn a_new_migration_is_found_again() {
        let folder = folder(&[]);
        create(folder.path(), "Add student e-mail").expect("it is created");
        let found = read_folder(folder.path()).expect("it is read");
        assert_eq!(found[0].name, "add_student_e_mail");
        assert!(create(folder.path(), "--").is_err());
    }
}
