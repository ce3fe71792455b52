//! `pg_service.conf`: connection parameters under a name that people share.
//!
//! A file is the one that `servicefile` or `PGSERVICEFILE` names, else
//! `~/.pg_service.conf`; what it does not hold is looked for in the system's.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{parameters::Parameters, surroundings::Surroundings};
use crate::error::{Error, Result};

/// Where packages put the system's file unless `PGSYSCONFDIR` says where.
const SYSTEM_FOLDERS: [&str; 4] =
    ["/etc/postgresql-common", "/etc", "/opt/homebrew/etc/postgresql", "/usr/local/etc/postgresql"];

/// Fills in what the named service has and nobody wrote.
///
/// # Errors
/// `ErrorKind::Definition` where the service is found nowhere, or its file
/// is wrong: with file, line and keyword, and never a value.
pub(super) fn complete(parameters: &mut Parameters, surroundings: &Surroundings) -> Result<()> {
    let written = parameters.get("service").map(str::to_owned);
    let Some(service) = written.or_else(|| surroundings.variable("PGSERVICE")) else {
        return Ok(());
    };
    let own = own_file(parameters, surroundings)?;
    let files: Vec<PathBuf> = own.into_iter().chain(system_files(surroundings)).collect();
    for file in &files {
        if let Some(text) = read(file)? {
            let found =
                section(&text, &service).map_err(|(line, what)| wrong(file, line, &what))?;
            if let Some(pairs) = found {
                return fill(parameters, pairs, file);
            }
        }
    }
    let looked_in: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Err(Error::definition(format!("the service `{service}` is defined nowhere"))
        .hint(format!("looked in {}; PGSERVICEFILE names another file", looked_in.join(", "))))
}

/// The file that is named, which then must be there, else the user's own.
fn own_file(parameters: &Parameters, surroundings: &Surroundings) -> Result<Option<PathBuf>> {
    let written = parameters.get("servicefile").map(str::to_owned);
    match written.or_else(|| surroundings.variable("PGSERVICEFILE")).map(PathBuf::from) {
        Some(named) if !named.exists() => {
            Err(Error::definition(format!("the service file `{}` is not there", named.display())))
        }
        Some(named) => Ok(Some(named)),
        None => Ok(surroundings.home_file(".pg_service.conf")),
    }
}

fn system_files(surroundings: &Surroundings) -> Vec<PathBuf> {
    let folders = match surroundings.variable("PGSYSCONFDIR") {
        Some(folder) => vec![folder],
        None => SYSTEM_FOLDERS.map(str::to_owned).to_vec(),
    };
    folders.iter().map(|folder| Path::new(folder).join("pg_service.conf")).collect()
}

/// The file's text; `None` where there is no file.
fn read(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => {
            let what = format!("the service file `{}` cannot be read", file.display());
            Err(Error::definition(what).caused_by(cause))
        }
    }
}

/// A line's number, keyword and value.
type Pair<'t> = (usize, &'t str, &'t str);

/// The pairs of a service; `None` where the text has no such section.
fn section<'t>(text: &'t str, service: &str) -> Result<Option<Vec<Pair<'t>>>, (usize, String)> {
    let mut pairs: Option<Vec<Pair<'t>>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if pairs.is_some() {
                break;
            }
            let name = name.strip_suffix(']');
            pairs = (name == Some(service)).then(Vec::new);
        } else if let Some(pairs) = &mut pairs {
            let pair = line.split_once('=');
            let (keyword, value) = pair.ok_or((number, "has no `=`".to_owned()))?;
            pairs.push((number, keyword, value));
        }
    }
    Ok(pairs)
}

fn fill(parameters: &mut Parameters, pairs: Vec<Pair<'_>>, file: &Path) -> Result<()> {
    let mut service = Parameters::default();
    for (number, keyword, value) in pairs {
        // As in libpq: a service that names another would have no end.
        if matches!(keyword, "service" | "servicefile") {
            return Err(wrong(file, number, &format!("may not have `{keyword}`")));
        }
        service
            .default_to(keyword, value)
            .map_err(|error| error.context(format!("in {}:{number}", file.display())))?;
    }
    parameters.complete_with(service);
    Ok(())
}

fn wrong(file: &Path, number: usize, what: &str) -> Error {
    Error::definition(format!("{}:{number}: a line of the service file {what}", file.display()))
        .hint("write `keyword=value` lines below `[service]`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# shared\n[school]\nhost=db.example\n  port=6432  \n\npassword=hunter2\n\
        dbname=school\n[other]\nhost=elsewhere\nport\n";

    /// A home with `.pg_service.conf`, and what else the environment says.
    fn home(text: &str, variables: &[(&str, &str)]) -> (tempfile::TempDir, Surroundings) {
        let home = tempfile::tempdir().expect("a folder");
        fs::write(home.path().join(".pg_service.conf"), text).expect("it is written");
        let path = home.path().to_string_lossy().into_owned();
        let mut all = vec![("HOME", path.as_str()), ("PGSYSCONFDIR", path.as_str())];
        all.extend(variables);
        let surroundings = Surroundings::of(&all);
        (home, surroundings)
    }

    fn completed(text: &str, surroundings: &Surroundings) -> Result<Parameters> {
        let mut parameters = Parameters::parse(text)?;
        complete(&mut parameters, surroundings)?;
        Ok(parameters)
    }

    #[test]
    fn a_service_completes_what_is_written_by_url_pairs_or_variable() {
        let (_home, plain) = home(FILE, &[]);
        let (_home_too, named) = home(FILE, &[("PGSERVICE", "school")]);
        let table = [
            ("postgres://ana@/?service=school", &plain),
            ("service=school user=ana", &plain),
            ("user=ana", &named),
        ];
        for (text, surroundings) in table {
            let parameters = completed(text, surroundings).expect(text);
            for (name, value) in
                [("host", "db.example"), ("port", "6432"), ("dbname", "school"), ("user", "ana")]
            {
                assert_eq!(parameters.get(name), Some(value), "{text}");
            }
        }
        let written = completed("service=school host=here", &plain).expect("it is there");
        assert_eq!(written.get("host"), Some("here"));
    }

    #[test]
    fn the_systems_file_has_what_the_users_lacks_and_a_named_file_must_be_there() {
        let (system, _) = home("[all]\nhost=system\n", &[]);
        fs::rename(system.path().join(".pg_service.conf"), system.path().join("pg_service.conf"))
            .expect("it is moved");
        let folder = system.path().to_string_lossy().into_owned();
        let (home, _) = home(FILE, &[]);
        let path = home.path().to_string_lossy().into_owned();
        let both = Surroundings::of(&[("HOME", &path), ("PGSYSCONFDIR", &folder)]);
        let parameters = completed("service=all", &both).expect("it is there");
        assert_eq!(parameters.get("host"), Some("system"));
        let named = completed("service=all servicefile=/nowhere/at/all", &both);
        assert!(named.expect_err("it is not there").to_string().contains("/nowhere/at/all"));
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_the_password_is_not() {
        let table = [
            ("service=third", FILE.to_owned(), "defined nowhere"),
            ("service=other", FILE.to_owned(), ":10: "),
            ("service=a", "[a]\nservice=b\n".to_owned(), ":2: "),
            ("service=a", "[a]\nhots=hunter2\n".to_owned(), "`hots` is not known"),
        ];
        for (text, file, expected) in table {
            let (_home, surroundings) = home(&file, &[]);
            let error = completed(text, &surroundings).expect_err(text);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
