//! What a server that was named by hand may lack, and the tests that are left out then.
//!
//! `PGBIN` names the programs of another version than the system's. The wheels that bring
//! one are built without PostGIS and TLS. On the system's own server nothing is left out:
//! there, what is missing is a failure.

use std::{env, path::Path, process::Command, sync::OnceLock};

use longshore::postgres::embedded::Installation;

/// A part of a server that not every build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The extension for geometries.
    Postgis,
    /// Encrypted connections.
    Tls,
}

/// Whether the server in `PGBIN` lacks a part.
pub(crate) fn lacks(part: Part) -> bool {
    static LACKING: OnceLock<Vec<Part>> = OnceLock::new();
    LACKING.get_or_init(lacking).contains(&part)
}

/// Whether a test has to be left out, which is printed with its reason.
pub(crate) fn is_left_out(part: Part, what: &str) -> bool {
    if lacks(part) {
        tell(&format!("the server in PGBIN is built without {part:?}: {what}"));
    }
    lacks(part)
}

/// Why a test is left out.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn tell(why: &str) {
    eprintln!("left out, for {why}");
}

fn lacking() -> Vec<Part> {
    if env::var_os("PGBIN").is_none_or(|path| path.is_empty()) {
        return Vec::new();
    }
    let installation = Installation::find(None).expect("PGBIN names a server's programs");
    let said = |option: &str| {
        let output = Command::new(installation.program("pg_config")).arg(option).output();
        String::from_utf8(output.expect("pg_config runs").stdout).expect("it is text")
    };
    let postgis = Path::new(said("--sharedir").trim()).join("extension/postgis.control").exists();
    let build = said("--configure");
    let tls = build.contains("--with-openssl") || build.contains("--with-ssl");
    [(Part::Postgis, postgis), (Part::Tls, tls)]
        .into_iter()
        .filter_map(|(part, there)| (!there).then_some(part))
        .collect()
}
