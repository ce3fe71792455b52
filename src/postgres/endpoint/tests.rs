use super::*;

fn resolved(database: Option<&str>, variables: &[(&str, &str)]) -> Endpoint {
    let variables = Surroundings::of(variables);
    Endpoint::resolve_in(database, &variables).expect("it resolves").expect("there is one")
}

#[test]
fn what_is_written_comes_before_variables() {
    let variables = [
        ("DATABASE_URL", "postgres://ana@db.example/school"),
        ("PGHOST", "elsewhere"),
        ("PGPORT", "6432"),
        ("USER", "kim"),
    ];
    let endpoint = resolved(None, &variables);
    assert_eq!(endpoint.display(), "ana@db.example:6432/school");
    let endpoint = resolved(Some("dbname=other"), &variables);
    assert_eq!(endpoint.display(), "kim@elsewhere:6432/other");
    let endpoint = resolved(None, &variables[1..]);
    assert_eq!(endpoint.display(), "kim@elsewhere:6432/kim");
}

#[test]
fn nothing_written_means_the_embedded_server() {
    let none = Surroundings::of(&[("USER", "ana"), ("PGPASSWORD", "x"), ("DATABASE_URL", "")]);
    assert!(Endpoint::resolve_in(None, &none).expect("it resolves").is_none());
}

#[test]
fn a_password_is_shown_nowhere() {
    let endpoint = resolved(Some("postgres://ana:hunter2@db/school"), &[]);
    assert!(!endpoint.display().contains("hunter2"));
    assert!(!format!("{endpoint:?}").contains("hunter2"));
}

#[test]
fn only_local_servers_are_trusted_without_a_certificate() {
    let table = [
        ("postgres://a@localhost/d", TlsMode::Disable),
        ("postgres://a@127.8.0.1/d", TlsMode::Disable),
        ("postgres://a@[::1]/d", TlsMode::Disable),
        ("postgres://a@%2Frun%2Fpg/d", TlsMode::Disable),
        ("postgres://a@db.example/d", TlsMode::VerifyFull),
        ("postgres://a@10.0.0.1/d", TlsMode::VerifyFull),
        ("postgres://a@localhost.example/d", TlsMode::VerifyFull),
        ("postgres://a@localhost/d?hostaddr=10.0.0.1", TlsMode::VerifyFull),
        ("postgres://a@db.example/d?sslmode=require", TlsMode::Require),
        ("postgres://a@localhost/d?sslmode=verify-full", TlsMode::VerifyFull),
        ("postgres://a@localhost/d?sslrootcert=system", TlsMode::VerifyFull),
        ("postgres://a@db.example/d?sslmode=require&sslrootcert=/root.pem", TlsMode::VerifyCa),
        ("postgres://a@db.example/d?sslmode=require&hostaddr=10.0.0.1", TlsMode::Require),
    ];
    for (text, expected) in table {
        let endpoint = resolved(Some(text), &[]);
        assert_eq!(endpoint.mode_for(&endpoint.hosts[0]), expected, "{text}");
    }
}

#[test]
fn what_would_prove_nothing_is_refused() {
    for rest in [
        "sslmode=require&sslrootcert=system",
        "sslmode=prefer&sslrootcert=system",
        "sslmode=verify-ca",
        "sslmode=verify-ca&sslrootcert=system",
        "sslmode=full",
        "gssencmode=require",
        "require_auth=scram-sha-256",
        "sslcrldir=/crl",
    ] {
        let text = format!("postgres://ana:hunter2@db.example/d?{rest}");
        let error = Endpoint::resolve_in(Some(&text), &Surroundings::default());
        let error = error.expect_err(rest);
        assert!(error.hint_text().is_some(), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let variables = Surroundings::of(&[("PGHOST", "db"), ("PGREQUIREAUTH", "none"), ("USER", "a")]);
    let error = Endpoint::resolve_in(None, &variables).expect_err("it cannot be met");
    assert!(error.contexts()[0].contains("PGREQUIREAUTH"), "{error:?}");
}

#[test]
fn a_service_names_the_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("services.conf");
    std::fs::write(&path, "[school]\nhost=db.example\ndbname=school\nuser=ana\n")
        .expect("it is written");
    let path = path.to_string_lossy().into_owned();
    let variables =
        [("PGSERVICE", "school"), ("PGSERVICEFILE", &path), ("PGUSER", "kim"), ("PGPORT", "6432")];
    assert_eq!(resolved(None, &variables).display(), "ana@db.example:6432/school");
    let url = "postgres://bo@/?service=school";
    assert_eq!(resolved(Some(url), &variables[1..]).display(), "bo@db.example:6432/school");
}

#[test]
fn a_weaker_choice_is_said() {
    let says = |text| resolved(Some(text), &[]).weakened();
    let says_require = says("postgres://a@db.example/d?sslmode=require").expect("it is weaker");
    assert!(says_require.contains("sslmode=require"), "{says_require}");
    assert_eq!(says("postgres://a@db.example/d"), None);
    assert_eq!(says("postgres://a@localhost/d?sslmode=disable"), None);
}

#[test]
fn hosts_and_ports_are_paired() {
    let endpoint = resolved(Some("host=a,b port=1 user=u"), &[]);
    assert_eq!(endpoint.display(), "u@a:1,b:1/u");
    for wrong in ["host=a,b port=1,2,3 user=u", "host=a port=99999 user=u", "hostaddr=x user=u"] {
        assert!(Endpoint::resolve_in(Some(wrong), &Surroundings::default()).is_err(), "{wrong}");
    }
}
