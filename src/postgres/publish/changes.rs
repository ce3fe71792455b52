//! What is to happen to each row of one target: the run's `changes` table, and its counts.
//!
//! One line per staged row that is published (`new`, `changed`, `same`, `removed`) and, for modes
//! that delete, one per row of the target that the files do not have (`gone`, or `kept` where a
//! rejected record is or may be that row; both without ordinal). A history notes new versions
//! of known rows apart (`version`), and the rows of the target that end with them (`closed`,
//! without ordinal). One that ends what is absent has `gone`, `kept` and, for the rest, `present`,
//! for its open versions. Just before anything is written, rows whose values change hands are noted
//! apart (`shifted`, `freed`; see [`super::order`]), and so are changed ones that come to refer to
//! new ones (`linked`). Where the mode has a scope,
//! `scope` has its values as text. Rows of the target stand in it by
//! `tableoid` and `ctid`: inside one REPEATABLE READ transaction a row that the snapshot
//! shows cannot move, and who changes it meanwhile makes the write fail with 40001.

use tokio_postgres::Client;

/// What is to happen to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its key is not in the target: it is inserted.
    New,
    /// The target has it otherwise: it is updated.
    Changed,
    /// The target has it just so: nothing is written.
    Same,
    /// The target has it and should not: it is deleted.
    Gone,
    /// The files do not have it, but a rejected record may be it: nothing is written.
    Kept,
    /// The target has it, and its record says it is deleted.
    Removed,
    /// A further version of a row the target or the run has: it is inserted.
    Version,
    /// A version that the target has as valid for longer than it is: its end is set.
    Closed,
    /// A version without an end, whose key the files have: what may be ended is a share of these.
    Present,
    /// Changed, and takes what another changed row holds: it is updated after that.
    Shifted,
    /// Gone, and another row takes what it holds: it goes before that is written.
    Freed,
    /// Changed, and comes to refer to a new row of its table: it is updated after that is there.
    Linked,
}

impl Kind {
    const ALL: [Kind; 12] = [
        Kind::New,
        Kind::Changed,
        Kind::Same,
        Kind::Gone,
        Kind::Kept,
        Kind::Removed,
        Kind::Version,
        Kind::Closed,
        Kind::Present,
        Kind::Shifted,
        Kind::Freed,
        Kind::Linked,
    ];

    /// The word in `changes.kind`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::New => "new",
            Kind::Changed => "changed",
            Kind::Same => "same",
            Kind::Gone => "gone",
            Kind::Kept => "kept",
            Kind::Removed => "removed",
            Kind::Version => "version",
            Kind::Closed => "closed",
            Kind::Present => "present",
            Kind::Shifted => "shifted",
            Kind::Freed => "freed",
            Kind::Linked => "linked",
        }
    }

    /// The condition that `c` notes row `t` of the target as being of this kind.
    pub(super) fn notes_row(self) -> String {
        format!("c.kind = '{}' and t.tableoid = c.table_oid and t.ctid = c.row_id", self.word())
    }
}

/// How many rows there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::postgres) struct Changes {
    counts: [u64; Kind::ALL.len()],
}

impl Changes {
    /// So many rows, all of one kind.
    pub(super) fn all(kind: Kind, rows: u64) -> Self {
        let mut changes = Self::default();
        changes.counts[kind as usize] = rows;
        changes
    }

    pub(super) fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// The rows of several kinds together.
    pub(super) fn sum(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().map(|kind| self.of(*kind)).sum()
    }
}

/// Writes the rows of `query` (`kind`, `ordinal`, `table_oid`, `row_id`, `scope`) to the table `changes`,
/// and counts them.
pub(super) async fn note(
    client: &Client,
    changes: &str,
    query: &str,
) -> Result<Changes, tokio_postgres::Error> {
    let create = format!(
        "drop table if exists {changes};
         create unlogged table {changes} with (autovacuum_enabled = false) as select *, null::int as turn from ({query}) noted;
         analyze {changes}"
    );
    client.batch_execute(&create).await?;
    counted(client, changes).await
}

/// Counts what is noted.
pub(super) async fn counted(
    client: &Client,
    changes: &str,
) -> Result<Changes, tokio_postgres::Error> {
    let count = format!("select kind, count(*) from {changes} group by kind");
    let mut counted = Changes::default();
    for row in client.query_typed(&count, &[]).await? {
        let (word, rows): (&str, i64) = (row.try_get(0)?, row.try_get(1)?);
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        counted.counts[kind.map_or(0, |kind| kind as usize)] += rows.cast_unsigned();
    }
    Ok(counted)
}
