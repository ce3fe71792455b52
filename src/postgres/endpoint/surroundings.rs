//! What the process's environment adds to an endpoint: libpq's variables, user and home.

use std::{collections::HashMap, env, path::PathBuf};

use super::{parameters::Parameters, service_file};
use crate::error::{Context as _, Result};

/// libpq's variables and the parameters they stand for.
const VARIABLES: [(&str, &str); 24] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
];

/// Variables that say which database is meant; the others only complete one.
const NAMING: [&str; 5] = ["PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE"];

/// The environment of a process, as a value so that tests can have their own.
#[derive(Clone, Default)]
pub(crate) struct Surroundings {
    variables: HashMap<String, String>,
}

impl Surroundings {
    /// Those of this process; variables that are not UTF-8 count as not set.
    pub(crate) fn of_process() -> Self {
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: env::vars_os().filter_map(readable).collect() }
    }

    /// Those a test names.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { variables: variables.iter().map(owned).collect() }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// Whether libpq's variables say which database is meant.
    pub(super) fn names_a_database(&self) -> bool {
        NAMING.iter().any(|name| self.variable(name).is_some())
    }

    /// Fills in what was not written: from the service that is named, then from the variables.
    ///
    /// A host that was written keeps its own address: `PGHOSTADDR` would send
    /// it elsewhere.
    ///
    /// # Errors
    /// `ErrorKind::Definition`, naming file or variable and never a value.
    pub(super) fn complete(&self, parameters: &mut Parameters) -> Result<()> {
        service_file::complete(parameters, self)?;
        let host_written = parameters.get("host").is_some() || parameters.get("hostaddr").is_some();
        for (variable, parameter) in VARIABLES {
            if host_written && matches!(parameter, "host" | "hostaddr") {
                continue;
            }
            if let Some(value) = self.variable(variable) {
                let said = parameters.default_to(parameter, &value);
                said.context(|| format!("in the variable {variable}"))?;
            }
        }
        Ok(())
    }

    /// The name of the user who runs this.
    pub(super) fn user(&self) -> Option<String> {
        self.variable("USER").or_else(|| self.variable("LOGNAME")).or_else(own_user_name)
    }

    /// A file in the user's home.
    pub(super) fn home_file(&self, name: &str) -> Option<PathBuf> {
        self.variable("HOME").map(|home| PathBuf::from(home).join(name))
    }
}

/// The name that `/etc/passwd` has for this process's user.
pub(in crate::postgres) fn own_user_name() -> Option<String> {
    let own = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == own).then(|| name.to_owned())
    })
}
