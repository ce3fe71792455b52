//! One host of an endpoint: a socket's folder or a name with a port.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::parameters::Parameters;
use crate::error::{Error, Result};

/// PostgreSQL's port unless another is given.
const DEFAULT_PORT: u16 = 5432;

/// Folders a packaged server puts its socket in, the first that exists is meant.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A socket's folder or a name, with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostAddress {
    name: String,
    address: Option<IpAddr>,
    port: u16,
}

impl HostAddress {
    /// The name that a certificate and `.pgpass` must have.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The port; for a socket, the number in its file's name.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is a Unix socket.
    pub(super) fn is_socket(&self) -> bool {
        self.name.starts_with('/') && self.address.is_none()
    }

    /// Where its Unix socket is, if it is one.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        let file = format!(".s.PGSQL.{}", self.port);
        self.is_socket().then(|| Path::new(&self.name).join(file))
    }

    /// Whether bytes stay on this machine.
    pub(super) fn is_local(&self) -> bool {
        match self.address.or_else(|| self.name.parse().ok()) {
            Some(address) => address.is_loopback(),
            None => self.is_socket() || self.name == "localhost",
        }
    }

    /// Tells the driver.
    pub(super) fn apply(&self, config: &mut tokio_postgres::Config) {
        config.host(&self.name).port(self.port);
        if let Some(address) = self.address {
            config.hostaddr(address);
        }
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// The hosts that `host`, `hostaddr` and `port` name, in order.
pub(super) fn addresses(parameters: &Parameters) -> Result<Vec<HostAddress>> {
    let list = |name| parameters.get(name).map_or(Vec::new(), |text| text.split(',').collect());
    let (names, numbers, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(numbers.len()).max(1);
    let fits = |list: &Vec<&str>| list.is_empty() || list.len() == count;
    if !fits(&names) || !fits(&numbers) || (ports.len() != 1 && !fits(&ports)) {
        return Err(Error::definition("host, hostaddr and port name different numbers of hosts"));
    }
    let at = |list: &[&str], index: usize| {
        list.get(index).copied().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    (0..count)
        .map(|index| {
            let address = at(&numbers, index).map(|text| text.parse()).transpose();
            let address =
                address.map_err(|_| Error::definition("hostaddr is not an IP address"))?;
            let name =
                at(&names, index).or_else(|| address.map(|address: IpAddr| address.to_string()));
            let port = if ports.len() == 1 { at(&ports, 0) } else { at(&ports, index) };
            let port = port.map_or(Ok(DEFAULT_PORT), |text| text.parse());
            let port = port.map_err(|_| Error::definition("port is not a number up to 65535"))?;
            Ok(HostAddress { name: name.unwrap_or_else(|| default_host(port)), address, port })
        })
        .collect()
}

fn default_host(port: u16) -> String {
    let has_socket = |folder: &&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_FOLDERS.into_iter().find(has_socket).unwrap_or("localhost").to_owned()
}
