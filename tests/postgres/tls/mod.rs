//! Who is believed to be the server: a stand-in that shows certificates made for the occasion.
//!
//! It takes part in PostgreSQL's TLS handshake and leaves then, so that an
//! error other than TLS's own means that its certificate was accepted.

mod authority;
mod real;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::Arc,
    thread,
};

use longshore::postgres::endpoint::Endpoint;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;

/// A server's certificate, and the file that `sslrootcert` may name.
struct Shown {
    certificate: Certificate,
    key: KeyPair,
    authority: PathBuf,
    _folder: TempDir,
}

fn parameters(name: &str, is_authority: bool) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).expect("a valid name");
    if is_authority {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    parameters
}

fn shown(certificate: Certificate, key: KeyPair, authority: &str) -> Shown {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.pem");
    fs::write(&path, authority).expect("it is written");
    Shown { certificate, key, authority: path, _folder: folder }
}

/// A certificate for `name` that an authority issued.
fn issued(name: &str) -> Shown {
    let (authority_key, key) = (new_key(), new_key());
    let authority = parameters("authority.test", true);
    let pem = authority.self_signed(&authority_key).expect("an authority").pem();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = parameters(name, false).signed_by(&key, &issuer).expect("a certificate");
    shown(certificate, key, &pem)
}

/// A certificate for `name` that is its own authority, as `openssl req -x509` makes them.
fn self_signed(name: &str) -> Shown {
    let key = new_key();
    let certificate = parameters(name, true).self_signed(&key).expect("a certificate");
    let pem = certificate.pem();
    shown(certificate, key, &pem)
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// Serves one handshake and returns the port.
fn serve(shown: &Shown) -> u16 {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![shown.certificate.der().clone()], key)
        .expect("certificate and key fit");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = [0; 8];
        stream.read_exact(&mut request).expect("a request for TLS");
        stream.write_all(b"S").expect("it is granted");
        let mut connection = ServerConnection::new(Arc::new(config)).expect("a connection");
        // A client that does not believe us goes away: that is its answer.
        let _ = connection.complete_io(&mut stream);
    });
    port
}

async fn believed(shown: &Shown, name: &str, rest: &str) -> bool {
    let port = serve(shown);
    let url = format!("postgres://ana@{name}:{port}/db?hostaddr=127.0.0.1&{rest}");
    let error = Endpoint::parse(&url).expect("a URL").connect().await.expect_err("it leaves");
    !error.to_string().contains("certificate")
}

#[tokio::test]
async fn only_the_modes_that_say_so_believe_without_proof() {
    let root = |shown: &Shown| format!("&sslrootcert={}", shown.authority.display());
    let other = issued("db.test");
    for make in [issued as fn(&str) -> Shown, self_signed] {
        let server = make("db.test");
        let table = [
            ("db.test", format!("sslmode=verify-full{}", root(&server)), true),
            ("other.test", format!("sslmode=verify-full{}", root(&server)), false),
            ("db.test", format!("sslmode=verify-full{}", root(&other)), false),
            ("db.test", "sslmode=verify-full&sslrootcert=system".to_owned(), false),
            ("other.test", format!("sslmode=verify-ca{}", root(&server)), true),
            ("other.test", format!("sslmode=verify-ca{}", root(&other)), false),
            ("other.test", "sslmode=require".to_owned(), true),
            ("other.test", format!("sslmode=require{}", root(&other)), false),
            ("other.test", "sslmode=prefer".to_owned(), true),
        ];
        for (name, rest, expected) in table {
            assert_eq!(believed(&server, name, &rest).await, expected, "{name} {rest}");
        }
    }
}
