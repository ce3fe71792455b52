//! Which versions of PostgreSQL longshore is for, and what the older ones lack.

/// The major versions longshore is made for and tested with.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 14..=18;

/// What is there from a version on: the major version, and what it brings.
const SINCE: [(u32, &str); 5] = [
    (15, "keys that count NULLs as equal (NULLS NOT DISTINCT)"),
    (15, "numeric with a scale below zero or above its precision"),
    (15, "a version of the database's own collation, which tells when its indexes are stale"),
    (17, "sslnegotiation=direct"),
    (18, "keys without overlaps, constraints that are not enforced, virtual generated columns"),
];

/// What a major version lacks of what longshore knows how to use.
pub fn lacks(major: u32) -> Vec<&'static str> {
    SINCE.iter().filter(|(since, _)| major < *since).map(|(_, what)| *what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_lacks_nothing_and_the_oldest_most() {
        assert!(lacks(*SUPPORTED.end()).is_empty());
        assert_eq!(lacks(*SUPPORTED.start()).len(), SINCE.len());
        assert!(lacks(16).iter().any(|what| what.contains("direct")));
    }
}
