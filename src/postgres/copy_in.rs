//! One connection that streams encoded splits into staging.
//!
//! Each split is one transaction: a COPY per target and the checkpoint that
//! says so. Either all of it is there or nothing, so a split can be sent
//! again, and a crash never leaves half of one.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::SinkExt;
use postgres_types::ToSql;
use tokio_postgres::Statement;

use super::{
    session::{Session, database_error},
    staging::Staging,
};
use crate::{
    copy::{COPY_HEADER, COPY_TRAILER},
    error::{Error, Result},
    failpoint,
    load::{LoadTarget, SplitTuples, TableTuples},
};

/// The longest a split may take to arrive: `statement_timeout` does not stop a stalled COPY.
const SPLIT_SECONDS_MAX: u64 = 120;

/// Tuples sent at once. The driver copies each message into a buffer of its own that never
/// shrinks; a whole split would double what a connection holds.
const MESSAGE_BYTES: usize = 256 * 1024;

/// A connection with its COPY statements prepared.
pub struct Stager {
    session: Session,
    copies: Vec<Statement>,
    checkpoint: Statement,
}

impl Stager {
    /// Prepares the statements of one connection; the staging tables exist.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses.
    pub async fn new(session: Session, staging: &Staging, loads: &[LoadTarget]) -> Result<Self> {
        let failed = |error| database_error(&error, "prepare to copy");
        let mut copies = Vec::with_capacity(loads.len());
        for (target, load) in loads.iter().enumerate() {
            copies.push(
                session
                    .client
                    .prepare(&staging.copy_statement(target, load))
                    .await
                    .map_err(failed)?,
            );
        }
        let insert =
            format!("insert into {} values ($1, $2, $3, $4, $5, $6, $7)", staging.splits());
        let checkpoint = session.client.prepare(&insert).await.map_err(failed)?;
        Ok(Self { session, copies, checkpoint })
    }

    /// Stages one split and its checkpoint in one transaction.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses or does not answer.
    pub async fn stage(&mut self, split: &SplitTuples) -> Result<()> {
        let limit = Duration::from_secs(SPLIT_SECONDS_MAX);
        let staged = tokio::time::timeout(limit, self.stage_unlimited(split)).await;
        staged.unwrap_or_else(|_| {
            Err(Error::environment(format!("the server took no data for {SPLIT_SECONDS_MAX} s"))
                .hint("look for locks on the staging tables, a full disk, or a stalled network"))
        })
    }

    async fn stage_unlimited(&mut self, split: &SplitTuples) -> Result<()> {
        let failed = |error| database_error(&error, "copy into staging");
        // Staging is lost in a crash anyway, so its commits need not wait for the disk.
        self.session
            .client
            .batch_execute("begin; set local synchronous_commit = off")
            .await
            .map_err(failed)?;
        failpoint::hit("split.begun")?;
        for (copy, table) in self.copies.iter().zip(&split.tables) {
            self.copy(copy, table).await?;
        }
        failpoint::hit("split.copied")?;
        self.write_checkpoint(split).await?;
        failpoint::hit("split.before_commit")?;
        self.session.client.batch_execute("commit").await.map_err(failed)?;
        failpoint::hit("split.committed")
    }

    async fn copy(&self, statement: &Statement, table: &TableTuples) -> Result<()> {
        if table.rows == 0 {
            return Ok(());
        }
        let failed = |error| database_error(&error, "copy into staging");
        let mut sink =
            pin!(self.session.client.copy_in::<_, Bytes>(statement).await.map_err(failed)?);
        sink.feed(Bytes::from_static(&COPY_HEADER)).await.map_err(failed)?;
        for start in (0..table.tuples.len()).step_by(MESSAGE_BYTES) {
            let end = table.tuples.len().min(start + MESSAGE_BYTES);
            sink.feed(table.tuples.slice(start..end)).await.map_err(failed)?;
        }
        failpoint::hit("split.copying")?;
        sink.feed(Bytes::from_static(&COPY_TRAILER)).await.map_err(failed)?;
        let rows = sink.finish().await.map_err(failed)?;
        if rows != table.rows {
            return Err(Error::unexpected(format!(
                "{} rows were sent, the server counted {rows}",
                table.rows
            )));
        }
        Ok(())
    }

    async fn write_checkpoint(&self, split: &SplitTuples) -> Result<()> {
        let counts = |count: fn(&TableTuples) -> u64| -> Vec<i64> {
            split.tables.iter().map(|table| count(table).cast_signed()).collect()
        };
        let (file, number) = (split.file.cast_signed(), split.split.cast_signed());
        let (first, records) = (split.first_record.cast_signed(), split.records.cast_signed());
        let (staged, rejected, filtered) =
            (counts(|t| t.rows), counts(|t| t.rejected), counts(|t| t.filtered));
        let values: [&(dyn ToSql + Sync); 7] =
            [&file, &number, &first, &records, &staged, &rejected, &filtered];
        let written = self.session.client.execute(&self.checkpoint, &values).await;
        written.map(|_| ()).map_err(|error| database_error(&error, "write a checkpoint"))
    }
}
