//! Where the password comes from, which is told; what it is, never.

use std::{fmt, path::PathBuf};

use super::{
    host::HostAddress,
    parameters::Parameters,
    password_file::{self, Login},
    surroundings::Surroundings,
};

/// The password that was written, and the file to look in where none was.
#[derive(Clone)]
pub(super) struct Password {
    written: Option<Secret>,
    file: Option<PathBuf>,
}

/// A text that is never shown.
#[derive(Clone)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Password {
    /// The password of the parameters, else the file that they name or that the user has.
    pub(super) fn of(parameters: &Parameters, surroundings: &Surroundings) -> Self {
        let named = parameters.get("passfile").map(PathBuf::from);
        Self {
            written: parameters.get("password").map(|text| Secret(text.to_owned())),
            file: named.or_else(|| surroundings.home_file(".pgpass")),
        }
    }

    /// The password for a login, if there is one.
    pub(super) fn find(&self, host: &HostAddress, database: &str, user: &str) -> Option<Secret> {
        self.written.clone().or_else(|| {
            let login = Login { host: host.name(), port: host.port(), database, user };
            password_file::password(self.file.as_deref()?, login).map(Secret)
        })
    }

    /// Why the file is passed over although it is there and needed.
    pub(super) fn objection(&self) -> Option<String> {
        let file = self.file.as_deref().filter(|_| self.written.is_none())?;
        password_file::objection(file)
    }

    /// Where to look when the server refuses the login; `found`: whether a password was sent.
    pub(super) fn advice(&self, found: bool) -> String {
        let file = self.file.as_ref().map_or("~/.pgpass".into(), |file| file.display().to_string());
        match (&self.written, found) {
            (Some(_), _) => "the password came from the URL, PGPASSWORD or the service; look at \
                it, at the user, and at pg_hba.conf on the server"
                .to_owned(),
            (None, true) => format!(
                "the password came from `{file}`; look at its line, at the user, and at \
                 pg_hba.conf on the server"
            ),
            (None, false) => format!(
                "none was found: write HOST:PORT:DATABASE:USER:PASSWORD into `{file}` (mode 0600), \
                 or set PGPASSWORD"
            ),
        }
    }
}
