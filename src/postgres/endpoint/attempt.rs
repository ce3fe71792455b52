//! One attempt to open a session with one host.

use std::path::Path;

use tokio_postgres::config::{SslMode, SslNegotiation};

use super::{Endpoint, Purpose, host::HostAddress, refused, wishes::Role};
use crate::{
    error::{Error, Result, Transient},
    failpoint,
    postgres::{
        session::{Session, database_error},
        socket,
        tls::{self, Connector, TlsMode},
    },
};

impl Endpoint {
    /// Opens a session with one host.
    pub(super) async fn connect_to(&self, host: &HostAddress, purpose: Purpose) -> Result<Session> {
        let mode = self.mode_for(host);
        let password = self.password.find(host, &self.database, &self.user);
        let found = password.is_some();
        let mut config = self.config(host, mode);
        if let Some(password) = password {
            config.password(password.0);
        }
        let connector = tls::connector(mode, &self.tls_files)?;
        let opening = async {
            let socket = host.socket();
            let opened = open(&config, connector.clone(), socket.as_deref()).await;
            let client =
                opened.map_err(|error| refused::refused(&error, &self.password.advice(found)))?;
            let session = Session { client, connector, socket, secure: mode.verifies() };
            self.check_role(&session, purpose).await?;
            Ok(session)
        };
        let limit = self.wishes.connect_timeout;
        tokio::time::timeout(failpoint::limit(limit), opening).await.unwrap_or_else(|_| {
            let what = format!("the server did not answer within {} s", limit.as_secs());
            let hint =
                "check host and port, and any firewall in between; connect_timeout waits longer";
            Err(Error::environment(what).hint(hint).passing(Some(Transient::Unreachable)))
        })
    }

    /// What the operator wrote, else plain on this machine and everything verified elsewhere.
    pub(super) fn mode_for(&self, host: &HostAddress) -> TlsMode {
        match self.tls_mode {
            _ if host.is_socket() => TlsMode::Disable,
            Some(mode) => mode,
            None if host.is_local() => TlsMode::Disable,
            None => TlsMode::VerifyFull,
        }
    }

    fn config(&self, host: &HostAddress, mode: TlsMode) -> tokio_postgres::Config {
        let wishes = &self.wishes;
        let mut config = tokio_postgres::Config::new();
        host.apply(&mut config);
        config.user(&self.user).dbname(&self.database);
        config.application_name(&wishes.application_name);
        if let Some(options) = &wishes.options {
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
        config.channel_binding(wishes.channel_binding);
        config.keepalives(wishes.keepalives);
        config.keepalives_idle(wishes.keepalives_idle);
        config.keepalives_interval(wishes.keepalives_interval);
        config.keepalives_retries(wishes.keepalives_retries);
        config.tcp_user_timeout(wishes.unanswered);
        config
    }

    async fn check_role(&self, session: &Session, purpose: Purpose) -> Result<()> {
        let query = "select pg_is_in_recovery() or current_setting('transaction_read_only')::bool";
        let failed = |error| database_error(&error, "say whether it accepts writes");
        let row = session.client.query_typed_one(query, &[]).await.map_err(failed)?;
        let read_only: bool = row.try_get(0).map_err(failed)?;
        let fits = match (purpose, self.wishes.role) {
            (Purpose::Writing, _) | (_, Role::Writing) => !read_only,
            (_, Role::Reading) => read_only,
            (_, Role::Any) => true,
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
    socket: Option<&Path>,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let stream = match socket {
        // What is wrong with it the driver finds as well, and says.
        Some(path) => socket::connect(path).await.ok(),
        None => None,
    };
    // The driver's own error reaches whoever uses the client next.
    if let Some(stream) = stream {
        let (client, driver) = config.connect_raw(stream, tokio_postgres::NoTls).await?;
        drop(tokio::spawn(driver));
        return Ok(client);
    }
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
