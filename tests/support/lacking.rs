//! What a server that was named by hand may lack, and the tests that are left out then.
//!
//! `PGBIN` names the programs of another version than the system's. The wheels that bring
//! one are built without PostGIS and TLS. On the system's own server nothing is left out:
//! there, what is missing is a failure.

use std::{env, fs, path::Path, sync::OnceLock};

use longshore::postgres::embedded::Installation;

/// A part of a server that not every build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The extension for geometries.
    Postgis,
    /// Encrypted connections.
    Tls,
    /// Collations of ICU, such as those that pass over case.
    Icu,
}

/// Whether the tests' server is of this major version or a later one; printed where it is not.
pub(crate) fn is_at_least(major: u32, what: &str) -> bool {
    static MAJOR: OnceLock<u32> = OnceLock::new();
    let installed = || Installation::find(None).expect("a server is installed").major;
    let own = *MAJOR.get_or_init(installed);
    if own < major {
        tell(&format!("PostgreSQL {own} has none: {what}"));
    }
    own >= major
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
fn tell(why: &str) {
    eprintln!("left out, for {why}");
}

fn lacking() -> Vec<Part> {
    if env::var_os("PGBIN").is_none_or(|path| path.is_empty()) {
        return Vec::new();
    }
    let installation = Installation::find(None).expect("PGBIN names a server's programs");
    // Some builds have no pg_config; what they are made of they all show.
    let control = installation.programs.join("../share/**/extension/postgis.control");
    let system = Path::new("/usr/share/postgresql").join(installation.major.to_string());
    let postgis = glob::glob(&control.to_string_lossy())
        .is_ok_and(|mut found| found.next().is_some())
        || (installation.programs.starts_with("/usr/lib/postgresql")
            && system.join("extension/postgis.control").exists());
    let program = fs::read(installation.program("postgres")).expect("the program");
    let tls = memchr::memmem::find(&program, b"libssl").is_some();
    let icu = memchr::memmem::find(&program, b"libicui18n").is_some();
    [(Part::Postgis, postgis), (Part::Tls, tls), (Part::Icu, icu)]
        .into_iter()
        .filter_map(|(part, there)| (!there).then_some(part))
        .collect()
}
