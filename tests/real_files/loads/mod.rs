//! Whole loads of files as authorities, schools and exchanges deliver them.
//!
//! What is asserted was counted by other readers (the collection's manifest,
//! Python's csv and struct, the database itself), and holds no person's value.

mod cadastre;
mod geometry;
mod roster;
mod sheets;

use longshore::report::{RunStatus, RunSummary};

use crate::run::workspace::{Workspace, codes, first};

/// One delivery: where it goes, how it is read, what must come of it.
struct Delivery<'d> {
    /// The table, and what else the pipeline needs.
    tables: &'d str,
    /// The pipeline; `$DATA` stands for the folder with the files.
    pipeline: &'d str,
    /// read, filtered, rejected, duplicate, inserted, updated, unchanged
    tally: [u64; 7],
    /// Violations by code.
    codes: &'d [(&'d str, u64)],
    /// Queries and what they give.
    facts: &'d [(&'d str, &'d str)],
}

impl Delivery<'_> {
    /// Loads it, twice: the second time nothing is written.
    async fn check(self) -> Option<(Workspace, RunSummary)> {
        let data = super::data()?;
        let toml = self.pipeline.replace("$DATA", &data.display().to_string());
        let space = Workspace::with(self.tables).await;
        let summary = space.run(&toml).await;
        assert_eq!((summary.status, codes(&summary)), (RunStatus::Published, self.codes.to_vec()));
        assert_eq!(first(&summary), self.tally);
        for (query, expected) in self.facts {
            assert_eq!(space.value(query).await, *expected, "{query}");
        }
        assert_eq!(space.run(&toml).await.status, RunStatus::Unchanged);
        Some((space, summary))
    }
}
