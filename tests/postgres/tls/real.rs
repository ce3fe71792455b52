//! A real server with certificates of an authority of our own: who is believed, and what is said otherwise.

use std::{fs, path::Path};

use longshore::{
    error::{Error, ErrorKind},
    postgres::{endpoint::Endpoint, session::Session},
};
use tempfile::TempDir;

use super::authority::{Authority, Issued, Time};
use crate::support::{OwnServer, Part, is_left_out};

/// Who may come in how; `kim` by certificate alone, `mia` by both.
const ACCESS: &str = "\
hostssl all kim 127.0.0.1/32 cert
hostssl all mia 127.0.0.1/32 scram-sha-256 clientcert=verify-full
host    all all 127.0.0.1/32 scram-sha-256";

const ROLES: &str = "\
create role ana login password 'hunter2'; create role kim login; \
create role mia login password 'hunter2'";

/// A server called `db.test`, with what a client of it needs.
struct Server {
    server: OwnServer,
    authority: Authority,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let authority = Authority::new("our authority");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("root.crt"), &authority.certificate).expect("it is written");
        let server = OwnServer::start("", ACCESS);
        server.value(ROLES);
        server.write_private("authority.crt", &authority.certificate);
        let started = Self { server, authority, folder };
        started.shows(&started.authority.issue("db.test", Time::Now, 7));
        started
    }

    /// From now on the server shows this certificate.
    fn shows(&self, issued: &Issued) {
        self.server.write_private("server.crt", &issued.certificate);
        self.server.write_private("server.key", &issued.key);
        self.server.reload("ssl = on\nssl_ca_file = 'authority.crt'");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Connects as `user` to the server by a name: as to a host elsewhere, with our authority
    /// unless `rest` says otherwise.
    async fn connect(&self, user: &str, name: &str, rest: &str) -> Result<Session, Error> {
        let root = self.path().join("root.crt");
        let url = format!(
            "postgres://{user}@{name}:{}/postgres?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}&{rest}",
            self.server.port,
            root.display()
        );
        Endpoint::parse(&url)?.connect().await
    }

    /// That the connection does not come about, with these words and no password.
    async fn refuses(&self, user: &str, name: &str, rest: &str, expected: &str) {
        let refused = self.connect(user, name, rest).await;
        let error = refused.expect_err(&format!("{user} {name} {rest} is refused"));
        assert!(error.to_string().contains(expected), "{user} {name} {rest}: {error}");
        assert!(error.hint_text().is_some(), "{error}");
        assert_eq!(error.kind(), ErrorKind::Environment, "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    async fn accepts(&self, user: &str, name: &str, rest: &str) -> Session {
        let opened = self.connect(user, name, rest).await;
        opened.unwrap_or_else(|error| {
            panic!("{user} {name} {rest}: {error}: {:?}", error.hint_text())
        })
    }
}

#[tokio::test]
async fn a_server_is_believed_by_certificate_name_and_time() {
    if is_left_out(Part::Tls, "the server has to speak TLS") {
        return;
    }
    let server = Server::start();
    let session = server.accepts("ana:hunter2", "db.test", "").await;
    assert!(session.verified());
    let query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let row = session.client.query_typed_one(query, &[]).await.expect("it is told");
    assert!(row.get::<_, bool>(0));
    // The name that is wrong is wrong whatever else is right.
    server.refuses("ana:hunter2", "other.test", "", "not for this name").await;
    server.accepts("ana:hunter2", "other.test", "sslmode=verify-ca").await;
    // `require` with an authority asks for it, as in libpq.
    let strange = Authority::new("another authority");
    fs::write(server.path().join("strange.crt"), &strange.certificate).expect("it is written");
    let other = format!("sslrootcert={}", server.path().join("strange.crt").display());
    for mode in ["", "&sslmode=verify-ca", "&sslmode=require"] {
        let rest = format!("{other}{mode}");
        server.refuses("ana:hunter2", "db.test", &rest, "no trusted authority").await;
    }
    let table = [
        (server.authority.issue("db.test", Time::Past, 8), "has expired"),
        (server.authority.issue("db.test", Time::Future, 9), "not valid yet"),
        (strange.issue("db.test", Time::Now, 7), "no trusted authority"),
    ];
    for (shown, expected) in table {
        server.shows(&shown);
        server.refuses("ana:hunter2", "db.test", "", expected).await;
        server.refuses("ana:hunter2", "db.test", "sslmode=verify-ca", expected).await;
    }
}

/// No `sslmode` is written. An address that means this machine without being its loopback is as
/// good as another machine's.
#[tokio::test]
async fn a_server_elsewhere_has_to_prove_itself_unless_told_otherwise() {
    if is_left_out(Part::Tls, "the server has to speak TLS") {
        return;
    }
    let server = Server::start();
    let connect = async |name: &str, address: &str| {
        let root = server.path().join("root.crt");
        let port = server.server.port;
        let url = format!(
            "postgres://ana:hunter2@{name}:{port}/postgres?hostaddr={address}&sslrootcert={}",
            root.display()
        );
        Endpoint::parse(&url).expect("a URL").connect().await
    };
    let refused = async |name: &str, expected: &str| {
        let error = connect(name, "0.0.0.0").await.expect_err("it is refused");
        assert!(error.to_string().contains(expected), "{name}: {error}");
    };
    assert!(connect("db.test", "0.0.0.0").await.expect("it is believed").verified());
    refused("other.test", "not for this name").await;
    server.shows(&server.authority.issue("db.test", Time::Past, 8));
    refused("db.test", "has expired").await;
    server.shows(&Authority::new("another authority").issue("db.test", Time::Now, 7));
    refused("db.test", "no trusted authority").await;
    server.server.reload("ssl = off");
    refused("db.test", "does not support TLS").await;
    // Bytes that stay on this machine need no protection.
    assert!(!connect("db.test", "127.0.0.1").await.expect("it is here").verified());
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_where_a_list_is_named() {
    if is_left_out(Part::Tls, "the server has to speak TLS") {
        return;
    }
    let server = Server::start();
    let list = server.path().join("root.crl");
    let rest = format!("sslcrl={}", list.display());
    fs::write(&list, server.authority.revoke(&[99])).expect("it is written");
    server.accepts("ana:hunter2", "db.test", &rest).await;
    fs::write(&list, server.authority.revoke(&[7])).expect("it is written");
    server.refuses("ana:hunter2", "db.test", &rest, "has been revoked").await;
    let strange = Authority::new("another authority").revoke(&[]);
    fs::write(&list, strange).expect("it is written");
    server.refuses("ana:hunter2", "db.test", &rest, "cannot be looked up").await;
    fs::write(&list, "nothing").expect("it is written");
    server.refuses("ana:hunter2", "db.test", &rest, "cannot be read").await;
}

#[tokio::test]
async fn a_server_without_tls_is_used_only_where_that_is_written() {
    if is_left_out(Part::Tls, "the server has to speak TLS") {
        return;
    }
    let server = Server::start();
    server.server.reload("ssl = off");
    for mode in ["", "sslmode=require", "sslmode=verify-ca"] {
        server.refuses("ana:hunter2", "db.test", mode, "does not support TLS").await;
    }
    for mode in ["sslmode=disable", "sslmode=prefer"] {
        let session = server.accepts("ana:hunter2", "db.test", mode).await;
        assert!(!session.verified());
    }
}

#[tokio::test]
async fn clients_prove_themselves_by_certificate() {
    if is_left_out(Part::Tls, "the server has to speak TLS") {
        return;
    }
    let server = Server::start();
    let folder = server.path();
    let rest = |name: &str, issued: &Issued, mode: u32| {
        let (certificate, key) = issued.write(folder, name, mode);
        format!("sslcert={}&sslkey={}", certificate.display(), key.display())
    };
    let kim = server.authority.issue("kim", Time::Now, 20);
    server.accepts("kim", "db.test", &rest("kim", &kim, 0o600)).await;
    let mia = server.authority.issue("mia", Time::Now, 21);
    let mia = rest("mia", &mia, 0o600);
    server.accepts("mia:hunter2", "db.test", &mia).await;
    server.refuses("mia:wrong", "db.test", &mia, "password authentication failed").await;

    server.refuses("kim", "db.test", "", "valid client certificate").await;
    server.refuses("kim", "db.test", &mia, "certificate authentication failed").await;
    let strange = Authority::new("another authority").issue("kim", Time::Now, 22);
    let strange = rest("strange", &strange, 0o600);
    server.refuses("kim", "db.test", &strange, "does not trust the authority").await;
    let old = server.authority.issue("kim", Time::Past, 23);
    let old = rest("old", &old, 0o600);
    server.refuses("kim", "db.test", &old, "client's certificate has expired").await;

    let open = rest("open", &kim, 0o640);
    server.refuses("kim", "db.test", &open, "others may read sslkey").await;
    let alone = format!("sslcert={}", folder.join("kim.crt").display());
    server.refuses("kim", "db.test", &alone, "no key to the certificate").await;
    let missing = format!("{alone}&sslkey={}", folder.join("nowhere.key").display());
    server.refuses("kim", "db.test", &missing, "sslkey").await;
    let mixed = format!("{alone}&sslkey={}", folder.join("mia.key").display());
    server.refuses("kim", "db.test", &mixed, "do not fit together").await;
}

#[tokio::test]
async fn passwords_come_from_where_libpq_takes_them_and_are_never_told() {
    if is_left_out(Part::Tls, "the server has to speak TLS") {
        return;
    }
    let server = Server::start();
    server.accepts("ana:hunter2", "db.test", "channel_binding=require").await;
    server.refuses("ana:hunter3", "db.test", "", "password authentication failed").await;
    server.refuses("ana", "db.test", "passfile=/nowhere", "asks for a password").await;
    let unbound = "sslmode=disable&channel_binding=require";
    server.refuses("ana:hunter2", "db.test", unbound, "channel binding").await;

    let file = server.path().join("passwords");
    let line = format!("db.test:{}:postgres:ana:hunter2\n*:*:*:*:wrong\n", server.server.port);
    fs::write(&file, line).expect("it is written");
    let rest = format!("passfile={}", file.display());
    let mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(&file, mode).expect("its mode is set");
    };
    mode(0o600);
    server.accepts("ana", "db.test", &rest).await;
    let error = server.connect("mia", "db.test", &rest).await.expect_err("it is refused");
    assert!(error.to_string().contains("client certificate"), "{error}");
    let wrong = server.connect("ann", "db.test", &rest).await.expect_err("it is refused");
    let hint = wrong.hint_text().expect("a hint");
    assert!(hint.contains("passwords"), "the file is named: {hint}");
    mode(0o640);
    server.refuses("ana", "db.test", &rest, "asks for a password").await;
    let url = format!("postgres://ana@db.test/postgres?{rest}");
    let warnings = Endpoint::parse(&url).expect("a URL").warnings();
    assert!(warnings[0].contains("others may read it"), "{warnings:?}");
}
