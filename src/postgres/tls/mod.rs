//! How the server proves who it is.
//!
//! Unless the operator writes otherwise, a server that is not on this machine
//! must show a certificate that a trusted authority issued for its name
//! (`verify-full`). libpq's default, `prefer`, gives way to anybody in between.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
    client::verify_server_name,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// `sslmode`: what is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// No encryption.
    Disable,
    /// Encryption where the server offers it, nothing verified.
    Prefer,
    /// Encryption, nothing verified (unless `sslrootcert` is given: then as `verify-ca`).
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
                let hint = "one of disable, prefer, require, verify-ca, verify-full";
                return Err(Error::definition("sslmode is not a known word").hint(hint));
            }
        })
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
    let mode = match mode {
        TlsMode::Require if files.root_certificates.is_some() => TlsMode::VerifyCa,
        other => other,
    };
    if mode == TlsMode::Disable {
        return Ok(Connector::Plain);
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(mode, files, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::unexpected("TLS cannot be set up").caused_by(cause))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client_identity(files)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|cause| {
            Error::environment("sslcert and sslkey do not fit together").caused_by(cause)
        })?,
        None => builder.with_no_client_auth(),
    };
    if files.direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(Connector::Tls(MakeRustlsConnect::new(config)))
}

fn verifier(
    mode: TlsMode,
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    if !mode.verifies() {
        return Ok(Arc::new(Unverified(Arc::clone(provider))));
    }
    let (roots, named) = root_certificates(files)?;
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|cause| {
            Error::environment("TLS verification cannot be set up").caused_by(cause)
        })?;
    Ok(Arc::new(Verified { chain, named, any_name: mode == TlsMode::VerifyCa }))
}

type Certificates = Vec<CertificateDer<'static>>;

/// The authorities, and the certificates that the operator named in a file.
fn root_certificates(files: &TlsFiles) -> Result<(RootCertStore, Certificates)> {
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    match &files.root_certificates {
        Some(path) => {
            named = read_certificates(path, "sslrootcert")?;
            for certificate in &named {
                roots
                    .add(certificate.clone())
                    .map_err(|cause| unreadable(path, "sslrootcert").caused_by(cause))?;
            }
        }
        None => {
            let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        let hint =
            "install the system's ca-certificates, or name the authority with sslrootcert=FILE";
        return Err(Error::environment("there is no authority to verify the server by").hint(hint));
    }
    Ok((roots, named))
}

fn read_certificates(path: &PathBuf, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|cause| unreadable(path, what).caused_by(cause))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_identity(files: &TlsFiles) -> Result<Option<Identity>> {
    let (Some(certificate), Some(key)) = (&files.certificate, &files.key) else {
        return Ok(None);
    };
    let chain = read_certificates(certificate, "sslcert")?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|cause| unreadable(key, "sslkey").caused_by(cause))?;
    Ok(Some((chain, key)))
}

fn unreadable(path: &std::path::Path, what: &str) -> Error {
    Error::environment(format!("{what} `{}` cannot be read", path.display()))
        .hint("a PEM file is expected, readable by this user")
}

/// `verify-full`, and `verify-ca`, which lets any name pass.
#[derive(Debug)]
struct Verified {
    chain: Arc<WebPkiServerVerifier>,
    named: Certificates,
    any_name: bool,
}

impl Verified {
    /// Whether the server shows the very certificate that `sslrootcert` holds.
    ///
    /// A server with a self-signed certificate has no other authority. It is
    /// mostly marked as one itself, which the chain's rules refuse at this place.
    fn is_named(&self, certificate: &CertificateDer<'_>) -> bool {
        self.named.iter().any(|named| named.as_ref() == certificate.as_ref())
    }
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verified = if self.is_named(end_entity) {
            let parsed = ParsedCertificate::try_from(end_entity)?;
            verify_server_name(&parsed, server_name).map(|()| ServerCertVerified::assertion())
        } else {
            let chain = &self.chain;
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match verified {
            // The name is looked at last: all the rest has been proven by then.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// `require` and `prefer`: encrypted, but to whom is not asked. The operator wrote so.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
