//! The PEM files of a TLS connection.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
};

use super::TlsFiles;
use crate::error::{Error, Result};

/// What others may not do with a key of the user's own.
const OWN_KEY_MASK: u32 = 0o077;

/// With one of root's, which a group may read.
const ROOT_KEY_MASK: u32 = 0o037;

type Certificates = Vec<CertificateDer<'static>>;

/// The authorities, and the certificates that the operator named in a file.
///
/// # Errors
/// `ErrorKind::Environment` where the file cannot be read, or the system has none.
pub(super) fn root_certificates(files: &TlsFiles) -> Result<(RootCertStore, Certificates)> {
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    match &files.root_certificates {
        Some(path) => {
            named = certificates(path, "sslrootcert")?;
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

/// The lists of revoked certificates in a file.
///
/// # Errors
/// `ErrorKind::Environment` where the file cannot be read or holds none.
pub(super) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|cause| unreadable(path, "sslcrl").caused_by(cause))?;
    if lists.is_empty() { Err(unreadable(path, "sslcrl")) } else { Ok(lists) }
}

type Identity = (Certificates, PrivateKeyDer<'static>);

/// The client's certificate with those above it, and its key; `None` where neither is named.
///
/// # Errors
/// `ErrorKind::Environment` where one of the two is missing or unreadable, or
/// others may read the key.
pub(super) fn client_identity(files: &TlsFiles) -> Result<Option<Identity>> {
    let Some(certificate) = &files.certificate else { return Ok(None) };
    let Some(key) = &files.key else {
        let what = format!("there is no key to the certificate `{}`", certificate.display());
        return Err(Error::environment(what).hint("name it with sslkey"));
    };
    let chain = certificates(certificate, "sslcert")?;
    ensure_private(key)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| {
        unreadable(key, "sslkey")
            .hint("a PEM file with one key is expected, not encrypted and readable by this user")
            .caused_by(cause)
    })?;
    Ok(Some((chain, key)))
}

/// As libpq has it: a key that others may read is no secret, and is not used.
fn ensure_private(key: &PathBuf) -> Result<()> {
    let metadata = fs::metadata(key).map_err(|cause| unreadable(key, "sslkey").caused_by(cause))?;
    let own = rustix::process::geteuid().as_raw();
    let mask = match metadata.uid() {
        0 if own != 0 => ROOT_KEY_MASK,
        _ => OWN_KEY_MASK,
    };
    if !metadata.is_file() {
        return Err(unreadable(key, "sslkey"));
    }
    if metadata.uid() != own && metadata.uid() != 0 {
        let what = format!("sslkey `{}` belongs to another user", key.display());
        return Err(Error::environment(what).hint("it must be this user's or root's"));
    }
    if metadata.mode() & mask != 0 {
        let what = format!("others may read sslkey `{}`", key.display());
        return Err(Error::environment(what).hint(format!("chmod 600 {}", key.display())));
    }
    Ok(())
}

fn certificates(path: &Path, what: &str) -> Result<Certificates> {
    let found: Certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|cause| unreadable(path, what).caused_by(cause))?;
    if found.is_empty() { Err(unreadable(path, what)) } else { Ok(found) }
}

fn unreadable(path: &Path, what: &str) -> Error {
    Error::environment(format!("{what} `{}` cannot be read", path.display()))
        .hint("a PEM file is expected, readable by this user")
}
