//! What is well and what is not, from what the server says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::postgres::embedded::install_command;

/// The versions longshore is made for.
const VERSIONS: std::ops::RangeInclusive<u32> = 13..=18;

/// Connections that a run with its reports may need.
const CONNECTIONS_MIN: i64 = 6;

/// Seconds that the server's clock and ours may differ.
const CLOCK_SECONDS_MAX: f64 = 30.0;

/// Free bytes below which the disk is short.
const DISK_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;

/// How a fact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Loads work, but something is missing or unwise.
    Warning,
    /// Loads fail or lose their promises.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// A stable name: `encoding`, `extension_postgis`.
    pub name: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, as a short sentence without a full stop.
    pub explanation: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Fact {
    pub(super) fn ok(name: &str, explanation: impl Into<String>) -> Self {
        let (name, explanation) = (name.to_owned(), explanation.into());
        Self { name, verdict: Verdict::Ok, explanation, remedy: None }
    }

    pub(super) fn warning(name: &str, explanation: impl Into<String>, remedy: &str) -> Self {
        let remedy = Some(remedy.to_owned());
        Self { verdict: Verdict::Warning, remedy, ..Self::ok(name, explanation) }
    }

    pub(super) fn problem(name: &str, explanation: impl Into<String>, remedy: &str) -> Self {
        Self { verdict: Verdict::Problem, ..Self::warning(name, explanation, remedy) }
    }
}

/// The document of `server.sql`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ServerDocument {
    pub(super) version: u32,
    encoding: String,
    superuser: bool,
    may_create_schema: bool,
    own_schemas: Vec<String>,
    extensions: BTreeMap<String, bool>,
    connections_max: i64,
    connections_used: i64,
    role_connections_max: Option<i64>,
    fsync: bool,
    full_page_writes: bool,
    autovacuum: bool,
    pub(super) data_directory: Option<String>,
    idle_slots: i64,
    collations_changed: i64,
    pub(super) seconds: f64,
}

impl ServerDocument {
    /// All facts that the document alone decides.
    pub(super) fn facts(&self, is_local: bool) -> Vec<Fact> {
        let mut facts = vec![self.version_fact(), self.encoding_fact(), self.privileges(is_local)];
        facts.extend(self.extension_facts());
        facts.extend([
            self.connections(),
            self.durability(),
            self.upkeep(),
            self.slots(),
            self.collations(),
        ]);
        facts
    }

    fn version_fact(&self) -> Fact {
        let major = self.version / 10_000;
        let said = format!("PostgreSQL {major}.{}", self.version % 10_000);
        if VERSIONS.contains(&major) {
            return Fact::ok("version", said);
        }
        if major > *VERSIONS.end() {
            return Fact::warning("version", said, "newer than longshore was tested with");
        }
        Fact::problem("version", said, "upgrade the server: 13 is the oldest that works")
    }

    fn encoding_fact(&self) -> Fact {
        match self.encoding.as_str() {
            "UTF8" => Fact::ok("encoding", "the database is in UTF-8"),
            other => Fact::problem(
                "encoding",
                format!("the database is in {other}, which cannot hold every text"),
                "create the database with encoding 'UTF8' and template template0",
            ),
        }
    }

    fn privileges(&self, is_local: bool) -> Fact {
        let ready = self.own_schemas.len() == 2;
        if !ready && !self.may_create_schema {
            return Fact::problem(
                "privileges",
                "the role may neither create schemas nor use longshore's own",
                "as an administrator: create schema longshore and longshore_staging, both \
                 authorization to this role",
            );
        }
        if self.superuser && !is_local {
            return Fact::warning(
                "privileges",
                "the role is a superuser, which loads do not need",
                "use a role that owns longshore's schemas and may write the targets",
            );
        }
        Fact::ok("privileges", "longshore's schemas are there or may be created")
    }

    fn extension_facts(&self) -> Vec<Fact> {
        let uses = [
            ("postgis", "geometries"),
            ("citext", "columns of type citext"),
            ("unaccent", "comparing texts without accents in SQL"),
            ("pg_trgm", "finding similar texts in SQL"),
        ];
        uses.iter().map(|(name, used_for)| self.extension(name, used_for)).collect()
    }

    fn extension(&self, name: &str, used_for: &str) -> Fact {
        let fact = format!("extension_{name}");
        match self.extensions.get(name) {
            Some(true) => Fact::ok(&fact, format!("{name} is installed")),
            Some(false) => Fact::warning(
                &fact,
                format!("{name} is available but not created; {used_for} need it"),
                &format!("create extension {name}"),
            ),
            None => Fact::warning(
                &fact,
                format!("{name} is not on the server; {used_for} need it"),
                &format!("install its package on the server ({})", install_command()),
            ),
        }
    }

    fn connections(&self) -> Fact {
        let most = self
            .role_connections_max
            .map_or(self.connections_max, |role| role.min(self.connections_max));
        let free = most - self.connections_used;
        let said = format!("{free} of {most} connections are free");
        match free >= CONNECTIONS_MIN {
            true => Fact::ok("connections", said),
            false => Fact::warning("connections", said, "raise max_connections or use a pooler"),
        }
    }

    fn durability(&self) -> Fact {
        match (self.fsync, self.full_page_writes) {
            (true, true) => Fact::ok("durability", "what is committed outlives a crash"),
            _ => Fact::problem(
                "durability",
                "fsync or full_page_writes is off: a crash may lose or break published data",
                "set both on",
            ),
        }
    }

    fn upkeep(&self) -> Fact {
        match self.autovacuum {
            true => Fact::ok("autovacuum", "autovacuum is on"),
            false => Fact::warning("autovacuum", "autovacuum is off: tables bloat", "set it on"),
        }
    }

    fn slots(&self) -> Fact {
        match self.idle_slots {
            0 => Fact::ok("replication_slots", "no idle replication slot holds the log back"),
            count => Fact::warning(
                "replication_slots",
                format!("{count} idle replication slots keep the log of every load on the disk"),
                "drop them or bring their readers back",
            ),
        }
    }

    fn collations(&self) -> Fact {
        match self.collations_changed {
            0 => {
                Fact::ok("collations", "collations are of the version the indexes were built with")
            }
            count => Fact::problem(
                "collations",
                format!(
                    "{count} collations have another version than when they were created: indexes on text may be wrong"
                ),
                "reindex, then alter collation ... refresh version",
            ),
        }
    }
}

/// The server's clock against ours.
pub(super) fn clock(server_seconds: f64, own_seconds: f64) -> Fact {
    let difference = (server_seconds - own_seconds).abs();
    match difference <= CLOCK_SECONDS_MAX {
        true => Fact::ok("clock", "the server's clock agrees with this machine's"),
        false => Fact::warning(
            "clock",
            format!("the server's clock differs by {difference:.0} s from this machine's"),
            "set both by NTP: `today` in rules and times in reports are this machine's",
        ),
    }
}

/// Free space where the data are.
pub(super) fn disk(free_bytes: u64) -> Fact {
    let said = format!("{} MiB are free on the server's disk", free_bytes / (1024 * 1024));
    match free_bytes >= DISK_BYTES_MIN {
        true => Fact::ok("disk", said),
        false => {
            Fact::warning("disk", said, "a load needs room for staging, the log and the table")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> ServerDocument {
        let text = r#"{"version": 150018, "encoding": "UTF8", "superuser": false,
            "may_create_schema": true, "own_schemas": [], "extensions": {"postgis": true,
            "citext": true, "unaccent": true, "pg_trgm": true}, "connections_max": 97,
            "connections_used": 3, "role_connections_max": null, "fsync": true,
            "full_page_writes": true, "autovacuum": true, "data_directory": null,
            "idle_slots": 0, "collations_changed": 0, "seconds": 0}"#;
        serde_json::from_str(text).expect("it is the document's shape")
    }

    fn amiss(server: &ServerDocument) -> Vec<(String, Verdict)> {
        let facts = server.facts(false).into_iter();
        facts
            .filter(|fact| fact.verdict != Verdict::Ok)
            .map(|fact| (fact.name, fact.verdict))
            .collect()
    }

    #[test]
    fn a_healthy_server_has_nothing_amiss() {
        assert_eq!(amiss(&healthy()), []);
    }

    #[test]
    fn each_fault_is_found_alone() {
        use Verdict::{Problem, Warning};
        type Change = fn(&mut ServerDocument);
        let table: [(Change, &str, Verdict); 12] = [
            (|server| server.version = 120_000, "version", Problem),
            (|server| server.version = 990_000, "version", Warning),
            (|server| server.encoding = "SQL_ASCII".into(), "encoding", Problem),
            (|server| server.may_create_schema = false, "privileges", Problem),
            (|server| server.superuser = true, "privileges", Warning),
            (|server| server.extensions.clear(), "extension_postgis", Warning),
            (|server| server.connections_used = 95, "connections", Warning),
            (|server| server.role_connections_max = Some(5), "connections", Warning),
            (|server| server.fsync = false, "durability", Problem),
            (|server| server.autovacuum = false, "autovacuum", Warning),
            (|server| server.idle_slots = 1, "replication_slots", Warning),
            (|server| server.collations_changed = 2, "collations", Problem),
        ];
        for (change, name, verdict) in table {
            let mut server = healthy();
            change(&mut server);
            assert_eq!(amiss(&server)[0], (name.to_owned(), verdict), "{name}");
        }
        assert_eq!(clock(100.0, 10.0).verdict, Warning);
        assert_eq!(disk(1).verdict, Warning);
    }
}
