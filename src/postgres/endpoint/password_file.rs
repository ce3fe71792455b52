//! `.pgpass`: passwords by host, port, database and user.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// Whom a password is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The first password in the file that fits.
///
/// As libpq has it, a file that others may read, or that cannot be read at
/// all, is passed over: the server's refusal then says that a password is missing.
pub(super) fn password(path: &Path, login: Login<'_>) -> Option<String> {
    if objection(path).is_some() {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line_password(line, login))
}

/// Why a file that is there is passed over.
pub(super) fn objection(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    let why = if !metadata.is_file() {
        "it is no file"
    } else if metadata.mode() & 0o077 != 0 {
        "others may read it (chmod 600)"
    } else {
        return None;
    };
    Some(format!("the password file `{}` is passed over: {why}", path.display()))
}

fn line_password(line: &str, login: Login<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let [host, port, database, user, password] = fields.as_slice() else { return None };
    let fits = |field: &str, wanted: &str| field == "*" || field == wanted;
    // A socket in its usual place is written `localhost`.
    let host_fits = fits(host, login.host) || (login.host.starts_with('/') && host == "localhost");
    let rest_fits = fits(port, &login.port.to_string())
        && fits(database, login.database)
        && fits(user, login.user);
    (host_fits && rest_fits).then(|| password.clone())
}

/// Fields between colons; `\` escapes a colon or itself. The password may hold plain colons.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => push(&mut fields, characters.next().unwrap_or('\\')),
            other => push(&mut fields, other),
        }
    }
    fields
}

fn push(fields: &mut [String], character: char) {
    if let Some(last) = fields.last_mut() {
        last.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const LOGIN: Login<'_> = Login { host: "db", port: 5432, database: "school", user: "ana" };

    #[test]
    fn the_first_line_that_fits_wins() {
        let table = [
            ("db:5432:school:ana:one", Some("one")),
            ("*:*:*:ana:a\\:b\\\\c", Some("a:b\\c")),
            ("*:*:*:*:with:colon", Some("with:colon")),
            ("db:5433:school:ana:one", None),
            ("#db:5432:school:ana:one", None),
            ("db:5432:school:ana", None),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(line_password(line, LOGIN).as_deref(), expected, "{line}");
        }
        let socket = Login { host: "/run/postgresql", ..LOGIN };
        assert_eq!(line_password("localhost:*:*:*:x", socket).as_deref(), Some("x"));
    }

    #[test]
    fn a_file_that_others_may_read_is_passed_over() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), "other:1:a:b:no\n*:*:*:*:yes\n").expect("it is written");
        assert_eq!(password(file.path(), LOGIN).as_deref(), Some("yes"));
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(file.path(), open).expect("its mode is set");
        assert_eq!(password(file.path(), LOGIN), None);
        let said = objection(file.path()).expect("it is passed over");
        assert!(said.contains("chmod 600"), "{said}");
    }
}
