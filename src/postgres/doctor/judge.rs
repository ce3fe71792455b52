//! What is well and what is not, from what the server says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::postgres::{
    embedded::install_command,
    version::{SUPPORTED, lacks},
};

/// Connections that a run with its reports may need.
const CONNECTIONS_MIN: i64 = 6;

/// Seconds that the server's clock and ours may differ.
const CLOCK_SECONDS_MAX: f64 = 30.0;

/// Free bytes below which the disk is short.
const DISK_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes of the log that a reader may be behind.
const SLOT_BYTES_MAX: f64 = 1024.0 * 1024.0 * 1024.0;

/// Milliseconds that a session must be let idle while files are read.
const IDLE_MILLIS_MIN: i64 = 10 * 60 * 1000;

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
    extensions: BTreeMap<String, bool>,
    connections_max: i64,
    connections_used: i64,
    role_connections_max: Option<i64>,
    fsync: bool,
    full_page_writes: bool,
    autovacuum: bool,
    pub(super) data_directory: Option<String>,
    timeouts: Option<BTreeMap<String, i64>>,
    slots: Vec<Slot>,
    collations_changed: i64,
    pub(super) seconds: f64,
}

/// A replication slot: a place in the log that somebody reads from.
#[derive(Debug, Clone, Deserialize)]
struct Slot {
    active: bool,
    lost: bool,
    bytes: Option<f64>,
}

impl ServerDocument {
    /// All facts that the document alone decides.
    pub(super) fn facts(&self, is_local: bool) -> Vec<Fact> {
        let mut facts = vec![self.version_fact(), self.encoding_fact(), self.superuser(is_local)];
        facts.extend(self.extension_facts());
        facts.extend([
            self.connections(),
            self.time_limits(),
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
        let range = format!("longshore is for {} to {}", SUPPORTED.start(), SUPPORTED.end());
        if major > *SUPPORTED.end() {
            return Fact::warning("version", said, &format!("{range}: look for a newer release"));
        }
        if !SUPPORTED.contains(&major) {
            return Fact::problem("version", said, &format!("upgrade the server: {range}"));
        }
        match lacks(major).as_slice() {
            [] => Fact::ok("version", said),
            lacking => Fact::ok("version", format!("{said}; it lacks {}", lacking.join("; "))),
        }
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

    fn superuser(&self, is_local: bool) -> Fact {
        match self.superuser && !is_local {
            false => Fact::ok("superuser", "the role has no more rights than it should"),
            true => Fact::warning(
                "superuser",
                "the role is a superuser, which loads do not need",
                "make a role for loads: longshore doctor --grants ROLE PIPELINE... says how",
            ),
        }
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
        let lost = self.slots.iter().filter(|slot| slot.lost).count();
        let idle = self.slots.iter().filter(|slot| !slot.active && !slot.lost).count();
        let behind = |slot: &&Slot| slot.active && slot.bytes.unwrap_or(0.0) > SLOT_BYTES_MAX;
        let behind = self.slots.iter().filter(behind).count();
        let (said, remedy) = match (idle, behind, lost) {
            (0, 0, 0) => {
                return Fact::ok("replication_slots", "no replication slot holds the log back");
            }
            (0, 0, lost) => (
                format!("{lost} replication slots have lost what their readers still needed"),
                "set their readers up anew",
            ),
            (0, behind, _) => (
                format!("{behind} replication slots are more than 1 GiB of the log behind"),
                "let their readers catch up before a large load",
            ),
            (idle, ..) => (
                format!("{idle} idle replication slots keep the log of every load on the disk"),
                "drop them or bring their readers back",
            ),
        };
        Fact::warning("replication_slots", said, remedy)
    }

    /// Limits of the role or database. Those that a transaction can set for itself a run sets.
    fn time_limits(&self) -> Fact {
        let millis = |name: &str| self.timeouts.iter().flatten().find(|limit| limit.0 == name);
        let (name, said) = match millis("idle_session_timeout") {
            Some((name, millis)) if *millis < IDLE_MILLIS_MIN => {
                (name, format!("{name} ends sessions of a run that reads, after {millis} ms"))
            }
            _ => return Fact::ok("time_limits", "no limit of the server cuts a long load off"),
        };
        let remedy = format!("alter role ... set {name} = 0, for the role of loads");
        Fact::warning("time_limits", said, &remedy)
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

/// How full a sequence is, in percent, from which it is told, and from which it is urgent.
const SEQUENCE_PERCENT: (f64, f64) = (50.0, 90.0);

/// A sequence behind a column that has used much of its range; `None` for one that has not.
pub(super) fn sequence(column: &str, percent: f64) -> Option<Fact> {
    let said = format!("{column} has used {percent:.0} % of its numbers");
    let remedy = "widen the column (alter column ... type bigint) and its sequence";
    match percent {
        few if few < SEQUENCE_PERCENT.0 => None,
        some if some < SEQUENCE_PERCENT.1 => Some(Fact::warning("sequence", said, remedy)),
        _ => Some(Fact::problem("sequence", said, remedy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> ServerDocument {
        let text = r#"{"version": 180006, "encoding": "UTF8", "superuser": false,
            "extensions": {"postgis": true,
            "citext": true, "unaccent": true, "pg_trgm": true}, "connections_max": 97,
            "connections_used": 3, "role_connections_max": null, "fsync": true,
            "full_page_writes": true, "autovacuum": true, "data_directory": null,
            "timeouts": null, "slots": [{"active": true, "lost": false, "bytes": 7.0}], "collations_changed": 0, "seconds": 0}"#;
        serde_json::from_str(text).expect("it is the document's shape")
    }

    fn amiss(server: &ServerDocument) -> Vec<(String, Verdict)> {
        let facts = server.facts(false).into_iter();
        facts
            .filter(|fact| fact.verdict != Verdict::Ok)
            .map(|fact| (fact.name, fact.verdict))
            .collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is the document's field")]
    fn limit(name: &str) -> Option<BTreeMap<String, i64>> {
        Some(BTreeMap::from([(name.to_owned(), 60_000)]))
    }

    #[test]
    fn what_a_version_lacks_is_told_and_no_fault() {
        let mut server = healthy();
        server.version = 140_011;
        assert_eq!(amiss(&server), []);
        assert!(server.version_fact().explanation.contains("NULLS NOT DISTINCT"));
    }

    #[test]
    fn a_healthy_server_has_nothing_amiss() {
        assert_eq!(amiss(&healthy()), []);
    }

    #[test]
    fn each_fault_is_found_alone() {
        use Verdict::{Problem, Warning};
        type Change = fn(&mut ServerDocument);
        let table: [(Change, &str, Verdict); 14] = [
            (|server| server.version = 130_000, "version", Problem),
            (|server| server.version = 990_000, "version", Warning),
            (|server| server.encoding = "SQL_ASCII".into(), "encoding", Problem),
            (|server| server.superuser = true, "superuser", Warning),
            (|server| server.timeouts = limit("idle_session_timeout"), "time_limits", Warning),
            (|server| server.extensions.clear(), "extension_postgis", Warning),
            (|server| server.connections_used = 95, "connections", Warning),
            (|server| server.role_connections_max = Some(5), "connections", Warning),
            (|server| server.fsync = false, "durability", Problem),
            (|server| server.autovacuum = false, "autovacuum", Warning),
            (|server| server.slots[0].active = false, "replication_slots", Warning),
            (|server| server.slots[0].lost = true, "replication_slots", Warning),
            (|server| server.slots[0].bytes = Some(2e9), "replication_slots", Warning),
            (|server| server.collations_changed = 2, "collations", Problem),
        ];
        for (change, name, verdict) in table {
            let mut server = healthy();
            change(&mut server);
            assert_eq!(amiss(&server)[0], (name.to_owned(), verdict), "{name}");
        }
        assert_eq!(clock(100.0, 10.0).verdict, Warning);
        let filled = |percent| sequence("a.b.c", percent).map(|fact| fact.verdict);
        let told = [49.0, 51.0, 99.0].map(filled);
        assert_eq!(told, [None, Some(Warning), Some(Problem)]);
        assert_eq!(disk(1).verdict, Warning);
    }
}
