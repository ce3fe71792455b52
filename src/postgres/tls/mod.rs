//! How the server proves who it is.
//!
//! Unless the operator writes otherwise, a server that is not on this machine
//! must show a certificate that a trusted authority issued for its name
//! (`verify-full`). libpq's default, `prefer`, gives way to anybody in between.

mod failure;
mod files;
mod verifier;

use std::{path::PathBuf, sync::Arc};

use rustls::{ClientConfig, crypto::ring};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) use failure::failure;

use crate::error::{Error, Result};

/// `sslmode`: what is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// No encryption.
    Disable,
    /// Encryption where the server offers it, nothing verified.
    Prefer,
    /// Encryption, nothing verified.
    Require,
    /// A certificate of a trusted authority, for whatever name.
    VerifyCa,
    /// A certificate of a trusted authority for this server's name.
    VerifyFull,
}

impl TlsMode {
    /// The mode that `sslmode` names.
    ///
    /// # Errors
    /// `ErrorKind::Definition` for another word.
    pub(super) fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "disable" => TlsMode::Disable,
            // `allow` prefers no encryption; offering it first is no weaker.
            "prefer" | "allow" => TlsMode::Prefer,
            "require" => TlsMode::Require,
            "verify-ca" => TlsMode::VerifyCa,
            "verify-full" => TlsMode::VerifyFull,
            _ => {
                let hint = "one of disable, allow, prefer, require, verify-ca, verify-full";
                return Err(Error::definition("sslmode is not a known word").hint(hint));
            }
        })
    }

    /// The word of `sslmode`.
    pub(super) fn word(self) -> &'static str {
        match self {
            TlsMode::Disable => "disable",
            TlsMode::Prefer => "prefer",
            TlsMode::Require => "require",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        }
    }

    /// Whether the server is verified in this mode.
    pub(super) fn verifies(self) -> bool {
        matches!(self, TlsMode::VerifyCa | TlsMode::VerifyFull)
    }
}

/// The files and switches of a TLS connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TlsFiles {
    /// Trusted authorities; the system's where `None`.
    pub(super) root_certificates: Option<PathBuf>,
    /// The client's certificate.
    pub(super) certificate: Option<PathBuf>,
    /// The client's key.
    pub(super) key: Option<PathBuf>,
    /// Lists of certificates that their authorities have revoked.
    pub(super) revoked: Option<PathBuf>,
    /// Whether TLS starts without PostgreSQL's own negotiation (PostgreSQL 17).
    pub(super) direct: bool,
}

/// What opens a stream.
#[derive(Clone)]
pub(super) enum Connector {
    /// Without encryption.
    Plain,
    /// With TLS.
    Tls(MakeRustlsConnect),
}

/// The connector of a mode.
///
/// # Errors
/// `ErrorKind::Environment` where a file cannot be read or the system has no authorities.
pub(super) fn connector(mode: TlsMode, files: &TlsFiles) -> Result<Connector> {
    if mode == TlsMode::Disable {
        return Ok(Connector::Plain);
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier::verifier(mode, files, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::unexpected("TLS cannot be set up").caused_by(cause))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match files::client_identity(files)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|cause| {
            Error::environment("sslcert and sslkey do not fit together")
                .hint("name the key that the certificate was made for")
                .caused_by(cause)
        })?,
        None => builder.with_no_client_auth(),
    };
    if files.direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Connector::Tls(MakeRustlsConnect::new(config)))
}
