//! One connection that streams encoded splits into staging.
//!
//! Each split is one transaction: a COPY per target and the checkpoint that
//! says so. Either all of it is there or nothing, so a split can be sent
//! again, and a crash never leaves half of one.

use std::pin::pin;

use bytes::Bytes;
use futures_util::SinkExt;
use postgres_types::{ToSql, Type};
use tokio_postgres::{CopyInSink, error::SqlState};

use super::{
    checkpoint::Checkpoint,
    prepared,
    session::{Session, answered},
    staging::Staging,
};
use crate::{
    copy::{COPY_HEADER, COPY_TRAILER},
    error::{Error, Result, Transient},
    failpoint,
    load::{LoadTarget, SplitTuples},
    transform::geometry::GeometryNotes,
};

/// Tuples sent at once. The driver copies each message into a buffer of its own that never
/// shrinks; a whole split would double what a connection holds.
pub(super) const MESSAGE_BYTES: usize = 256 * 1024;

/// Staging is lost in a crash anyway, so its commits need not wait for the disk.
const SETTINGS: &str = "set local synchronous_commit = off";

const DOING: &str = "copy into staging";

/// What the checkpoints of a run say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    /// How many there are.
    pub all: u64,
    /// Whether the split asked for has one.
    pub has_split: bool,
}

/// A connection that stages splits.
pub struct Stager {
    session: Session,
    copies: Vec<String>,
    /// For targets that delete: what was read of rejected records.
    refused: Vec<Option<String>>,
    splits: String,
}

impl Stager {
    /// A connection of a run; the staging tables exist.
    pub fn new(session: Session, staging: &Staging, loads: &[LoadTarget]) -> Self {
        let copy = |(target, load)| staging.copy_statement(target, load);
        let refused = |(target, load): (usize, &LoadTarget)| {
            load.mode.deletes().then(|| staging.copy_refused_statement(target, load))
        };
        Self {
            session,
            refused: loads.iter().enumerate().map(refused).collect(),
            copies: loads.iter().enumerate().map(copy).collect(),
            splits: staging.splits(),
        }
    }

    /// Stages one split and its checkpoint in one transaction.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses or does not answer. The session may be
    /// inside a failed transaction then: it is not to be used again.
    pub async fn stage(&self, split: &SplitTuples, notes: &GeometryNotes) -> Result<()> {
        let names_are_taken = !self.attempt(split, notes, false).await?;
        if names_are_taken && !self.attempt(split, notes, true).await? {
            return Err(Error::environment(
                "a pooler keeps prepared statements of its own clients",
            )
            .hint("connect to the server itself, or use a pooler that tracks them"));
        }
        Ok(())
    }

    /// What the checkpoints say.
    ///
    /// # Errors
    /// As [`Stager::stage`].
    pub async fn checkpoints(&self, split: &SplitTuples) -> Result<Checkpoints> {
        let query = format!(
            "select count(*), count(*) filter (where file = $1 and split = $2) > 0 from {}",
            self.splits
        );
        let (file, number) = (split.file.cast_signed(), split.split.cast_signed());
        let values: [(&(dyn ToSql + Sync), Type); 2] = [(&file, Type::INT4), (&number, Type::INT4)];
        let reading = self.session.client.query_typed_one(&query, &values);
        let row = answered("read the checkpoints", reading).await?;
        Ok(Checkpoints { all: row.get::<_, i64>(0).cast_unsigned(), has_split: row.get(1) })
    }

    /// Whether no other client's statement was in the way.
    async fn attempt(
        &self,
        split: &SplitTuples,
        notes: &GeometryNotes,
        names_are_taken: bool,
    ) -> Result<bool> {
        let client = &self.session.client;
        answered(DOING, prepared::begin(client, SETTINGS, names_are_taken)).await?;
        failpoint::hit("split.begun")?;
        let rows = self.copies.iter().zip(&split.tables);
        let rows = rows.map(|(copy, table)| (copy, &table.tuples, table.rows));
        let refused = self.refused.iter().zip(&split.tables);
        let refused = refused
            .filter_map(|(copy, table)| Some((copy.as_ref()?, &table.refused, table.refused_rows)));
        for (copy, tuples, rows) in rows.chain(refused) {
            if rows > 0 && !self.copy(copy, tuples, rows).await? {
                answered(DOING, client.batch_execute("rollback")).await?;
                return Ok(false);
            }
        }
        failpoint::hit("split.copied")?;
        self.write_checkpoint(&Checkpoint::of(split, notes)).await?;
        failpoint::hit("split.before_commit")?;
        answered(DOING, client.batch_execute("commit")).await?;
        failpoint::hit("split.committed")?;
        Ok(true)
    }

    /// The driver closes the statement right after the COPY, before it sends anything else.
    async fn copy(&self, statement: &str, tuples: &Bytes, rows: u64) -> Result<bool> {
        let opening = async {
            match self.session.client.copy_in::<_, Bytes>(statement).await {
                Err(error) if prepared::name_is_taken(&error) => Ok(None),
                opened => opened.map(Some),
            }
        };
        let Some(sink) = answered(DOING, opening).await? else { return Ok(false) };
        let counted = send(sink, tuples).await?;
        if counted != rows {
            return Err(Error::unexpected(format!(
                "{rows} rows were sent, the server counted {counted}"
            )));
        }
        Ok(true)
    }

    async fn write_checkpoint(&self, checkpoint: &Checkpoint) -> Result<()> {
        let written = answered("write a checkpoint", async {
            match checkpoint.write(&self.session.client, &self.splits).await {
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(false),
                written => written.map(|_| true),
            }
        });
        if written.await? {
            return Ok(());
        }
        // The COMMIT of an earlier try arrived after all: the checkpoint says so from now on.
        Err(Error::environment("the split is staged already").passing(Some(Transient::Conflict)))
    }
}

/// Sends tuples and ends the COPY; gives the rows that the server counted. Each message has to
/// be taken within a time of its own: a large split may take long, but not stand still.
async fn send(sink: CopyInSink<Bytes>, tuples: &Bytes) -> Result<u64> {
    let mut sink = pin!(sink);
    answered(DOING, sink.feed(Bytes::from_static(&COPY_HEADER))).await?;
    for start in (0..tuples.len()).step_by(MESSAGE_BYTES) {
        let end = tuples.len().min(start + MESSAGE_BYTES);
        answered(DOING, sink.feed(tuples.slice(start..end))).await?;
    }
    failpoint::hit("split.copying")?;
    answered(DOING, sink.feed(Bytes::from_static(&COPY_TRAILER))).await?;
    answered(DOING, sink.finish()).await
}
