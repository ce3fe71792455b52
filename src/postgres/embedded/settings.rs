//! The settings an embedded server runs with: two cores, bulk loads, one machine.

use std::path::Path;

use super::cluster::Durability;

/// Bytes of `/dev/shm` below which parallel queries would run out of it.
const SHARED_MEMORY_BYTES_MIN: u64 = 512 * 1024 * 1024;

/// What every embedded server is told.
///
/// Without replication WAL stays small (`wal_level`). Errors of statements are
/// not logged: they quote values, and values may be personal. The role is called as
/// the ledger's schema is, so the usual search path (`"$user", public`) would put
/// tables that are made without a schema into the ledger's.
const COMMON: [(&str, &str); 17] = [
    ("listen_addresses", ""),
    ("max_connections", "50"),
    ("shared_buffers", "256MB"),
    ("work_mem", "64MB"),
    ("maintenance_work_mem", "256MB"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "15min"),
    ("checkpoint_completion_target", "0.9"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("random_page_cost", "1.1"),
    ("max_locks_per_transaction", "256"),
    ("jit", "off"),
    ("log_min_messages", "log"),
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
    ("search_path", "public"),
];

/// How pages in WAL are compressed where the server can: a merge that touches many pages of a large
/// table spent more than half of its processor time on the other method (`benches/RESULTS.md`).
pub(super) const FAST_COMPRESSION: (&str, &str) = ("wal_compression", "lz4");
const ANY_COMPRESSION: (&str, &str) = ("wal_compression", "on");

/// What only tests may do.
const NOT_DURABLE: [(&str, &str); 8] = [
    ("fsync", "off"),
    ("max_wal_size", "256MB"),
    // A test reads what was logged since it began, while others log gigabytes.
    ("wal_keep_size", "1GB"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("shared_buffers", "64MB"),
    ("max_connections", "100"),
];

/// Arguments of `initdb` for the locale, best first.
pub(super) fn locales(major: u32) -> &'static [&'static [&'static str]] {
    const BUILTIN: &[&str] =
        &["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"];
    const SYSTEM: &[&str] = &["--locale=C.UTF-8"];
    const PLAIN: &[&str] = &["--locale=C"];
    if major >= 17 { &[BUILTIN, SYSTEM, PLAIN] } else { &[SYSTEM, PLAIN] }
}

/// The text of `pg_ctl --options`: `-c name=value`, quoted for the shell it goes through.
pub(super) fn options(
    run_folder: &Path,
    durability: Durability,
    has_fast_compression: bool,
) -> String {
    let compression = if has_fast_compression { FAST_COMPRESSION } else { ANY_COMPRESSION };
    let mut settings: Vec<(&str, String)> = COMMON
        .iter()
        .chain([&compression])
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    if durability == Durability::None {
        settings.extend(NOT_DURABLE.iter().map(|(name, value)| (*name, (*value).to_owned())));
    }
    settings.push(("unix_socket_directories", quoted_path(run_folder)));
    if shared_memory_is_small() {
        settings.push(("dynamic_shared_memory_type", "mmap".to_owned()));
    }
    let option =
        |(name, value): &(&str, String)| format!("-c {}", shell_quoted(&format!("{name}={value}")));
    settings.iter().map(option).collect::<Vec<_>>().join(" ")
}

/// The setting is a list: a path is quoted so that a comma in it does not divide.
fn quoted_path(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('"', "\"\""))
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Containers often have 64 MB, which one parallel hash join fills.
fn shared_memory_is_small() -> bool {
    rustix::fs::statvfs("/dev/shm")
        .is_ok_and(|space| space.f_blocks.saturating_mul(space.f_frsize) < SHARED_MEMORY_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_odd_characters_stays_one_value() {
        let options = options(Path::new("/tmp/it's, \"odd\""), Durability::Full, true);
        assert!(
            options.contains(r#"-c 'unix_socket_directories="/tmp/it'\''s, ""odd"""'"#),
            "{options}"
        );
        assert!(options.contains("-c 'listen_addresses='"));
        assert!(!options.contains("fsync"));
        assert!(options.contains("-c 'wal_compression=lz4'"));
    }
}
