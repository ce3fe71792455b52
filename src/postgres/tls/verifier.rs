//! Whether the certificate a server shows is believed.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::verify_server_name,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::{TlsFiles, TlsMode, files};
use crate::error::{Error, Result};

/// The verifier of a mode.
///
/// # Errors
/// `ErrorKind::Environment` where a file cannot be read or the system has no authorities.
pub(super) fn verifier(
    mode: TlsMode,
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    if !mode.verifies() {
        return Ok(Arc::new(Unverified(Arc::clone(provider))));
    }
    let (roots, named) = files::root_certificates(files)?;
    let mut chain =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(path) = &files.revoked {
        // As in libpq: every authority of the chain needs its list, and none may be out of date.
        chain = chain.with_crls(files::revocation_lists(path)?).enforce_revocation_expiration();
    }
    let chain = chain.build().map_err(|cause| {
        Error::environment("TLS verification cannot be set up").caused_by(cause)
    })?;
    Ok(Arc::new(Verified { chain, named, any_name: mode == TlsMode::VerifyCa }))
}

/// `verify-full`, and `verify-ca`, which lets any name pass.
#[derive(Debug)]
struct Verified {
    chain: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
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

/// Whether all that is wrong with a certificate is who issued it. Its time is
/// looked at before that, so a certificate that is out of time fails elsewhere.
fn is_of_unknown_issuer(error: &TlsError) -> bool {
    use CertificateError::{Other, UnknownIssuer};
    matches!(error, TlsError::InvalidCertificate(UnknownIssuer | Other(_)))
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
        let chain = &self.chain;
        let verified =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let verified = match verified {
            Err(error) if self.is_named(end_entity) && is_of_unknown_issuer(&error) => {
                let parsed = ParsedCertificate::try_from(end_entity)?;
                verify_server_name(&parsed, server_name).map(|()| ServerCertVerified::assertion())
            }
            other => other,
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
