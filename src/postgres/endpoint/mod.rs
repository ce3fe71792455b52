//! Where the database is: what the operator wrote, completed as libpq would.
//!
//! In order: `--database`, `DATABASE_URL`, the libpq variables (with `.pgpass`),
//! else nothing, which means the embedded server. Each host is tried in turn,
//! with the TLS its own address asks for.

mod host;
mod parameters;
mod password_file;
mod surroundings;

use std::{fmt, path::PathBuf, time::Duration};

use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};

use self::{host::HostAddress, parameters::Parameters, password_file::Login};
use super::{
    session::{Session, database_error},
    tls::{self, Connector, TlsFiles, TlsMode},
};
use crate::error::{Error, Result, Transient};

pub(crate) use surroundings::Surroundings;

/// Seconds a host has to answer unless `connect_timeout` says otherwise.
const CONNECT_SECONDS: u64 = 10;

/// Seconds without an answer after which a connection counts as lost.
const UNANSWERED_SECONDS: u64 = 60;

/// A database that can be connected to.
#[derive(Clone)]
pub struct Endpoint {
    hosts: Vec<HostAddress>,
    user: String,
    database: String,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    tls_mode: Option<TlsMode>,
    tls_files: TlsFiles,
    parameters: Parameters,
}

/// A text that is never shown.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
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
        surroundings.complete(&mut parameters);
        let Some(user) = parameters.get("user").map(str::to_owned).or_else(|| surroundings.user())
        else {
            return Err(Error::definition("no database user is named").hint("give one in the URL"));
        };
        let sslmode = parameters.get("sslmode").map(TlsMode::parse).transpose()?;
        Ok(Self {
            hosts: host::addresses(&parameters)?,
            database: parameters.get("dbname").unwrap_or(&user).to_owned(),
            user,
            password: parameters.get("password").map(|text| Secret(text.to_owned())),
            password_file: parameters
                .get("passfile")
                .map(PathBuf::from)
                .or_else(|| surroundings.home_file(".pgpass")),
            tls_mode: sslmode,
            tls_files: tls_files(&parameters, surroundings)?,
            parameters,
        })
    }

    /// `user@host:port/database`, without the password.
    pub fn display(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(HostAddress::to_string).collect();
        format!("{}@{}/{}", self.user, hosts.join(","), self.database)
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

    /// What of the connection is weaker than the default, for the run's log; `None` if nothing is.
    pub fn weakened(&self) -> Option<String> {
        let mode = self.tls_mode.filter(|mode| *mode != TlsMode::VerifyFull)?;
        let mode = format!("{mode:?}").to_lowercase();
        (!self.is_local()).then(|| format!("the server's identity is not fully verified ({mode})"))
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

    async fn connect_to(&self, host: &HostAddress, purpose: Purpose) -> Result<Session> {
        let mode = self.mode_for(host);
        let config = self.config(host, mode)?;
        let connector = tls::connector(mode, &self.tls_files)?;
        let seconds = self.number("connect_timeout")?.unwrap_or(CONNECT_SECONDS).max(2);
        let opening = open(&config, connector.clone());
        let Ok(opened) = tokio::time::timeout(Duration::from_secs(seconds), opening).await else {
            let what = format!("the server did not answer within {seconds} s");
            let hint =
                "check host and port, and any firewall in between; connect_timeout waits longer";
            return Err(Error::environment(what).hint(hint).passing(Some(Transient::Unreachable)));
        };
        let client = opened.map_err(|error| self.refused(&error, mode))?;
        let session = Session { client, connector, secure: mode.verifies() };
        self.check_role(&session, purpose).await?;
        Ok(session)
    }

    /// What the operator wrote, else plain on this machine and everything verified elsewhere.
    fn mode_for(&self, host: &HostAddress) -> TlsMode {
        match self.tls_mode {
            _ if host.is_socket() => TlsMode::Disable,
            Some(mode) => mode,
            None if host.is_local() => TlsMode::Disable,
            None => TlsMode::VerifyFull,
        }
    }

    fn config(&self, host: &HostAddress, mode: TlsMode) -> Result<tokio_postgres::Config> {
        let mut config = tokio_postgres::Config::new();
        host.apply(&mut config);
        config.user(&self.user).dbname(&self.database);
        config.application_name(self.parameters.get("application_name").unwrap_or("longshore"));
        if let Some(password) = self.password_for(host) {
            config.password(password.0);
        }
        if let Some(options) = self.parameters.get("options") {
            config.options(options);
        }
        config.ssl_mode(match mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        if self.tls_files.direct && mode != TlsMode::Disable {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config.channel_binding(match self.parameters.get("channel_binding") {
            Some("require") => ChannelBinding::Require,
            Some("disable") => ChannelBinding::Disable,
            _ => ChannelBinding::Prefer,
        });
        self.set_keepalives(&mut config)?;
        Ok(config)
    }

    /// A link that was cut is noticed within about a minute.
    fn set_keepalives(&self, config: &mut tokio_postgres::Config) -> Result<()> {
        let seconds = |value: Option<u64>, default| Duration::from_secs(value.unwrap_or(default));
        config.keepalives(self.parameters.get("keepalives") != Some("0"));
        config.keepalives_idle(seconds(self.number("keepalives_idle")?, 30));
        config.keepalives_interval(seconds(self.number("keepalives_interval")?, 10));
        let retries = self.number("keepalives_count")?.unwrap_or(3);
        config.keepalives_retries(u32::try_from(retries).unwrap_or(u32::MAX));
        let unanswered = self.number("tcp_user_timeout")?.map(Duration::from_millis);
        config.tcp_user_timeout(unanswered.unwrap_or(Duration::from_secs(UNANSWERED_SECONDS)));
        Ok(())
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        let parsed = self.parameters.get(name).map(str::parse).transpose();
        parsed.map_err(|_| Error::definition(format!("`{name}` is not a whole number")))
    }

    fn password_for(&self, host: &HostAddress) -> Option<Secret> {
        self.password.clone().or_else(|| {
            let login = Login {
                host: host.name(),
                port: host.port(),
                database: &self.database,
                user: &self.user,
            };
            password_file::password(self.password_file.as_deref()?, login).map(Secret)
        })
    }

    fn refused(&self, error: &tokio_postgres::Error, mode: TlsMode) -> Error {
        let said = database_error(error, "be connected to");
        let tls = error.to_string().contains("TLS") && mode != TlsMode::Disable;
        if tls && said.hint_text().is_none() {
            return said.hint(
                "the server must support TLS with a certificate for this name by a trusted \
                 authority; name its authority with sslrootcert=FILE, or opt out in writing \
                 with sslmode=require or sslmode=disable",
            );
        }
        said
    }

    async fn check_role(&self, session: &Session, purpose: Purpose) -> Result<()> {
        let query = "select pg_is_in_recovery() or current_setting('transaction_read_only')::bool";
        let row = session.client.query_typed_one(query, &[]).await;
        let row = row.map_err(|error| database_error(&error, "say whether it accepts writes"))?;
        let read_only: bool = row
            .try_get(0)
            .map_err(|error| database_error(&error, "say whether it accepts writes"))?;
        let asked = self.parameters.get("target_session_attrs").unwrap_or("any");
        let fits = match (purpose, asked) {
            (Purpose::Writing, _) | (_, "read-write" | "primary") => !read_only,
            (_, "read-only" | "standby") => read_only,
            _ => true,
        };
        if fits {
            return Ok(());
        }
        Err(match read_only {
            true => Error::environment("the server only reads: it is a standby, or set read-only")
                .hint("connect to the primary; a failover may have moved it"),
            false => Error::environment(
                "the server is not read-only, which target_session_attrs asks for",
            ),
        })
    }
}

/// Connects and leaves the driver running on the current runtime.
async fn open(
    config: &tokio_postgres::Config,
    connector: Connector,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    // The driver's own error reaches whoever uses the client next.
    match connector {
        Connector::Plain => {
            let (client, driver) = config.connect(tokio_postgres::NoTls).await?;
            drop(tokio::spawn(driver));
            Ok(client)
        }
        Connector::Tls(tls) => {
            let (client, driver) = config.connect(tls).await?;
            drop(tokio::spawn(driver));
            Ok(client)
        }
    }
}

fn tls_files(parameters: &Parameters, surroundings: &Surroundings) -> Result<TlsFiles> {
    let file = |name, default| match parameters.get(name) {
        Some("system") if name == "sslrootcert" => None,
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
        direct,
    })
}

#[cfg(test)]
mod tests;
