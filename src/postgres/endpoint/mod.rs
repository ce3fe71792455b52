//! Where the database is: what the operator wrote, completed as libpq would.
//!
//! In order: `--database`, `DATABASE_URL`, the libpq variables (with `.pgpass`),
//! else nothing, which means the embedded server. Each host is tried in turn,
//! with the TLS its own address asks for.

mod attempt;
mod host;
mod parameters;
mod password;
mod password_file;
mod refused;
mod service_file;
mod surroundings;
mod wishes;

use std::{fmt, path::PathBuf};

use self::{host::HostAddress, parameters::Parameters, password::Password, wishes::Wishes};
use super::{
    session::Session,
    tls::{TlsFiles, TlsMode},
};
use crate::error::{Error, Result};

pub(crate) use surroundings::Surroundings;
pub(super) use surroundings::own_user_name;

/// The word of `sslrootcert` for the authorities that the system trusts.
const SYSTEM_AUTHORITIES: &str = "system";

/// A database that can be connected to.
#[derive(Clone)]
pub struct Endpoint {
    hosts: Vec<HostAddress>,
    user: String,
    database: String,
    password: Password,
    tls_mode: Option<TlsMode>,
    tls_files: TlsFiles,
    wishes: Wishes,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.display())
            .field("tls_mode", &self.tls_mode)
            .finish_non_exhaustive()
    }
}

/// What a session is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// It must be able to write.
    Writing,
    /// A standby will do, unless `target_session_attrs` says otherwise.
    Reading,
}

impl Endpoint {
    /// The endpoint that `--database`, `DATABASE_URL` or the libpq variables
    /// name; `None` when none of them does, which means the embedded server.
    ///
    /// # Errors
    /// `ErrorKind::Definition`, naming the parameter at fault and never its value.
    pub fn resolve(database: Option<&str>) -> Result<Option<Self>> {
        Self::resolve_in(database, &Surroundings::of_process())
    }

    /// The endpoint a URL or `keyword=value` text names.
    ///
    /// # Errors
    /// As [`Endpoint::resolve`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::build(Parameters::parse(text)?, &Surroundings::of_process())
    }

    pub(crate) fn resolve_in(
        database: Option<&str>,
        surroundings: &Surroundings,
    ) -> Result<Option<Self>> {
        let written = database.map(str::to_owned).or_else(|| surroundings.variable("DATABASE_URL"));
        let parameters = match written {
            Some(text) => Parameters::parse(&text)?,
            None if surroundings.names_a_database() => Parameters::default(),
            None => return Ok(None),
        };
        Self::build(parameters, surroundings).map(Some)
    }

    fn build(mut parameters: Parameters, surroundings: &Surroundings) -> Result<Self> {
        surroundings.complete(&mut parameters)?;
        let Some(user) = parameters.get("user").map(str::to_owned).or_else(|| surroundings.user())
        else {
            return Err(Error::definition("no database user is named").hint("give one in the URL"));
        };
        let tls_files = tls_files(&parameters, surroundings)?;
        Ok(Self {
            hosts: host::addresses(&parameters)?,
            database: parameters.get("dbname").unwrap_or(&user).to_owned(),
            user,
            password: Password::of(&parameters, surroundings),
            tls_mode: tls_mode(&parameters, &tls_files)?,
            tls_files,
            wishes: Wishes::of(&parameters)?,
        })
    }

    /// `user@host:port/database`, without the password.
    pub fn display(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(HostAddress::to_string).collect();
        format!("{}@{}/{}", self.user, hosts.join(","), self.database)
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// Whether every host is on this machine.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(HostAddress::is_local)
    }

    /// What of the connection is weaker than the default; `None` if nothing is.
    pub fn weakened(&self) -> Option<String> {
        let mode = self.tls_mode.filter(|_| !self.is_local())?;
        let lacks = match mode {
            TlsMode::Disable => "not encrypted, and the server is not verified",
            TlsMode::Prefer => "encrypted only if the server likes, and the server is not verified",
            TlsMode::Require => "encrypted, but the server is not verified",
            TlsMode::VerifyCa => "encrypted, but the server's name is not verified",
            TlsMode::VerifyFull => return None,
        };
        Some(format!("the connection is {lacks} (sslmode={})", mode.word()))
    }

    /// What the operator should know before anything is connected to.
    pub fn warnings(&self) -> Vec<String> {
        self.weakened().into_iter().chain(self.password.objection()).collect()
    }

    /// Opens a session that may write; a standby is refused.
    ///
    /// # Errors
    /// `ErrorKind::Environment` where no host accepts, or none accepts writes.
    pub async fn connect(&self) -> Result<Session> {
        self.connect_for(Purpose::Writing).await
    }

    /// Opens a session for queries only; a standby will do.
    ///
    /// # Errors
    /// `ErrorKind::Environment` where no host accepts.
    pub async fn connect_for_reading(&self) -> Result<Session> {
        self.connect_for(Purpose::Reading).await
    }

    async fn connect_for(&self, purpose: Purpose) -> Result<Session> {
        let mut last = Error::environment("no host is named");
        for host in &self.hosts {
            match self.connect_to(host, purpose).await {
                Ok(session) => return Ok(session),
                Err(error) => last = error.context(format!("while connecting to {host}")),
            }
        }
        Err(last)
    }
}

fn tls_files(parameters: &Parameters, surroundings: &Surroundings) -> Result<TlsFiles> {
    let file = |name, default| match parameters.get(name) {
        Some(SYSTEM_AUTHORITIES) if name == "sslrootcert" => None,
        Some(path) => Some(PathBuf::from(path)),
        None => surroundings.home_file(default).filter(|path| path.exists()),
    };
    let direct = match parameters.get("sslnegotiation") {
        None | Some("postgres") => false,
        Some("direct") => true,
        Some(_) => return Err(Error::definition("sslnegotiation is neither postgres nor direct")),
    };
    Ok(TlsFiles {
        root_certificates: file("sslrootcert", ".postgresql/root.crt"),
        certificate: file("sslcert", ".postgresql/postgresql.crt"),
        key: file("sslkey", ".postgresql/postgresql.key"),
        revoked: file("sslcrl", ".postgresql/root.crl"),
        direct,
    })
}

/// What `sslmode` and `sslrootcert` ask for together, as libpq has it.
///
/// Anybody gets a certificate from the system's authorities for some name, so
/// those prove a server only together with its name.
fn tls_mode(parameters: &Parameters, files: &TlsFiles) -> Result<Option<TlsMode>> {
    let mode = parameters.get("sslmode").map(TlsMode::parse).transpose()?;
    let system = parameters.get("sslrootcert") == Some(SYSTEM_AUTHORITIES);
    match mode {
        None => Ok(system.then_some(TlsMode::VerifyFull)),
        Some(TlsMode::Require) if files.root_certificates.is_some() => Ok(Some(TlsMode::VerifyCa)),
        Some(mode @ (TlsMode::Prefer | TlsMode::Require)) if system => {
            Err(proves_nothing(mode, "with sslrootcert=system"))
        }
        Some(TlsMode::VerifyCa) if files.root_certificates.is_none() => {
            Err(proves_nothing(TlsMode::VerifyCa, "without an sslrootcert of one's own"))
        }
        Some(mode) => Ok(Some(mode)),
    }
}

fn proves_nothing(mode: TlsMode, with: &str) -> Error {
    Error::definition(format!("sslmode={} {with} proves nothing", mode.word()))
        .hint("write sslmode=verify-full, or name the server's authority in sslrootcert")
}

#[cfg(test)]
mod tests;
