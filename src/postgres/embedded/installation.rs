//! Where this machine keeps PostgreSQL's programs.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::{Error, Result};

/// Folders where packages put servers; `*` is a version.
const KNOWN_PLACES: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// One installed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder of `postgres`, `initdb` and `pg_ctl`.
    pub programs: PathBuf,
    /// The major version, `15`.
    pub major: u32,
}

impl Installation {
    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// All servers found: the one `$PGBIN` names alone, else every known place, newest first.
    pub fn find_all() -> Vec<Self> {
        if let Some(programs) = env::var_os("PGBIN").filter(|path| !path.is_empty()) {
            return Self::at(PathBuf::from(programs)).into_iter().collect();
        }
        let known =
            KNOWN_PLACES.iter().flat_map(|pattern| glob::glob(pattern).into_iter().flatten());
        let on_path = env::var_os("PATH").unwrap_or_default();
        let mut places: Vec<PathBuf> = pg_config_folder().into_iter().collect();
        places.extend(known.filter_map(Result::ok));
        places.extend(env::split_paths(&on_path));
        let mut found: Vec<Self> = Vec::new();
        for place in places {
            let place = fs::canonicalize(&place).unwrap_or(place);
            if found.iter().all(|one| one.programs != place) {
                found.extend(Self::at(place));
            }
        }
        found.sort_by_key(|one| std::cmp::Reverse(one.major));
        found
    }

    /// The newest server, or the one of `major` where a data folder asks for it.
    ///
    /// # Errors
    /// `ErrorKind::Environment`, with how to install one.
    pub fn find(major: Option<u32>) -> Result<Self> {
        let found = Self::find_all();
        let fits = |one: &&Self| major.is_none_or(|major| one.major == major);
        found.iter().find(fits).cloned().ok_or_else(|| match major {
            Some(major) if !found.is_empty() => Error::environment(format!(
                "the embedded server's data is of PostgreSQL {major}, which is not installed"
            ))
            .hint(format!(
                "install PostgreSQL {major} ({}), or move the data folder away to start afresh",
                install_command()
            )),
            _ => Error::environment("no PostgreSQL server is installed").hint(format!(
                "install one ({}), or name its folder in PGBIN, or another database with --database",
                install_command()
            )),
        })
    }

    fn at(programs: PathBuf) -> Option<Self> {
        let complete =
            ["postgres", "initdb", "pg_ctl"].iter().all(|name| programs.join(name).is_file());
        let major = complete.then(|| program_major(&programs.join("postgres"))).flatten()?;
        Some(Self { programs, major })
    }
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian ...)` or `... 19beta1`.
fn program_major(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    major_of(&String::from_utf8_lossy(&output.stdout))
}

fn major_of(version: &str) -> Option<u32> {
    let number =
        version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

fn pg_config_folder() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim())).filter(|path| path.is_absolute())
}

/// How this system installs a server with PostGIS.
pub fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17 postgis";
    }
    let exists = |program: &str| {
        env::split_paths(&env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join(OsStr::new(program)).is_file())
    };
    if exists("dnf") {
        "dnf install postgresql-server postgresql-contrib postgis"
    } else {
        "apt-get install postgresql postgresql-postgis"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_server_says_of_itself() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major_of("postgres"), None);
    }
}
