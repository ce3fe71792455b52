//! A publishing transaction that takes rows while the files are still read.
//!
//! Staging serves rows that the database has to judge or compare. Where it has nothing to say of
//! them, since their table is empty and asks nothing of a row but what is proven before COPY,
//! the server would only copy them twice. So they go into the table itself, which has no indexes
//! meanwhile (`publish::indexes`) and is locked until the transaction ends. Nobody sees a row
//! before it commits, with its tally and the ledger, like any other publish.
//!
//! It never insists: whatever is in the way, or comes in between, the run stages its rows instead
//! and publishes them as ever. What could fail here about a row would be logged by the server with
//! the row's values, for COPY cannot be guarded (`postgres::caught`): tables on which
//! anything could are left to staging.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::SinkExt;
use postgres_types::{ToSql, Type};
use tokio_postgres::{Client, CopyInSink};

use super::{
    Ending, Failure, Published, Publishing, TableChange, after, attempt::must_close, failed,
    indexes::Apart, locks::lock_targets, statements::draws_values,
};
use crate::{
    copy::{COPY_HEADER, COPY_TRAILER, without_ordinals},
    error::{Error, Result},
    failpoint,
    load::{LoadMode, LoadTarget, SplitTuples},
    outcome::Tally,
    postgres::{
        analyze::analyze_within,
        copy_in::MESSAGE_BYTES,
        judge::bytes_tell_keys_apart,
        ledger,
        session::{Canceller, Session, TRANSACTION_SETTINGS, answered},
        sql::{qualified, quote_identifier},
        undo::{self, Written},
        watch,
    },
    run_id::RunId,
    schema::RelationKind,
};

const DOING: &str = "copy into the table";

/// How long a rollback may take: the server drops new files.
const ROLLBACK: Duration = Duration::from_secs(5);

/// A transaction that fills one table.
pub struct Straight {
    session: Session,
    sink: Option<Pin<Box<CopyInSink<Bytes>>>>,
    apart: Apart,
    rows: u64,
}

/// Rows as the table takes them.
#[derive(Debug)]
pub struct TableRows {
    messages: Vec<Bytes>,
    count: u64,
}

impl TableRows {
    /// The rows of a split, which were encoded for staging.
    ///
    /// # Errors
    /// `ErrorKind::Unexpected` where those are no tuples.
    pub fn of(split: &SplitTuples) -> Result<Self> {
        let mut rows = Self { messages: Vec::new(), count: 0 };
        for table in &split.tables {
            let mut staged = table.tuples.clone();
            while !staged.is_empty() {
                let mut message = Vec::with_capacity(MESSAGE_BYTES + MESSAGE_BYTES / 16);
                without_ordinals(&mut staged, &mut message, MESSAGE_BYTES)
                    .ok_or_else(|| Error::unexpected("what was encoded are no tuples"))?;
                rows.messages.push(Bytes::from(message));
            }
            rows.count += table.rows;
        }
        Ok(rows)
    }
}

/// What a definition may ask for a target that is filled so: every record that is not rejected
/// before COPY is a new row, just as it was sent.
pub fn is_plain(load: &LoadTarget) -> bool {
    let LoadTarget {
        table,
        mode,
        columns,
        key: _,
        duplicates: _,
        checks,
        set_rules,
        undo_hours: _,
        is_unpivoted,
        range,
        unresolved: _,
        is_shared,
        is_merged,
        is_looked_into,
    } = load;
    matches!(mode, LoadMode::Append | LoadMode::Insert | LoadMode::Upsert)
        && table.kind == RelationKind::Table
        && columns.iter().all(|column| column.is_staged() && !column.unique)
        && checks.is_empty()
        && set_rules.is_empty()
        && !is_unpivoted
        && range.is_none()
        && !(*is_shared || *is_merged || *is_looked_into)
        // Such follow the source, and splits arrive in any order.
        && !draws_values(load)
}

/// Whether a table (`$1`) asks nothing of rows that have the columns `$2` and differ in the columns
/// `$3`, and nobody is told of them.
const ASKS_NOTHING: &str = "select c.relkind = 'r' and c.relpersistence = 'p'
      and not (c.relispartition or c.relhassubclass or c.relhasrules or c.relrowsecurity)
      and not exists (select from pg_catalog.pg_trigger g where g.tgrelid = c.oid)
      and not exists (select from pg_catalog.pg_constraint k
        where c.oid in (k.conrelid, k.confrelid) and k.contype not in ('p', 'u', 'n'))
      and not exists (select from pg_catalog.pg_attribute a join pg_catalog.pg_type y on y.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and (y.typtype = 'd' or a.attgenerated <> '' or a.attidentity <> ''
            or a.attnotnull and not a.attname = any ($2)))
      and not exists (select from pg_catalog.pg_index i
        where i.indrelid = c.oid and (i.indexprs is not null or i.indpred is not null
          or i.indisunique and (cardinality($3::text[]) = 0 or exists (select from unnest($3) as key
            where not exists (select from pg_catalog.pg_attribute a
              where a.attrelid = c.oid and a.attname = key
                and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1]))))))
    from pg_catalog.pg_class c where c.oid = $1";

impl Straight {
    /// Opens the transaction and takes the table; `None` where rows are to be staged. The session
    /// is its own.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses or does not answer.
    pub async fn open(session: Session, run: &RunId, load: &LoadTarget) -> Result<Option<Self>> {
        let client = &session.client;
        if !bytes_tell_keys_apart(client, load).await? {
            return Ok(None);
        }
        // No snapshot is needed that lasts: the table has no row, and is ours.
        let begin = "begin isolation level read committed";
        let begin = format!("{begin}; {TRANSACTION_SETTINGS}; {}", watch::mark(run));
        answered(DOING, client.batch_execute(&begin)).await?;
        let locked = lock_targets(client, std::slice::from_ref(load)).await;
        locked.map_err(|failure| failure.error)?;
        if !asks_nothing(client, load).await? {
            return Ok(None);
        }
        // Whatever hinders indexes from coming back as they were hinders this, too.
        let apart = Apart::take_off(client, load, u64::MAX, &[]).await;
        let apart = apart.map_err(|failure| failure.error)?;
        let Some(apart) = apart.filter(|apart| apart.all) else { return Ok(None) };
        // Once more, since nobody can alter the table any longer.
        if !asks_nothing(client, load).await? {
            return Ok(None);
        }
        let columns = load.columns.iter().map(|column| quote_identifier(&column.column.name));
        let statement = format!(
            "copy {} ({}) from stdin (format binary)",
            qualified(&load.table.name),
            columns.collect::<Vec<_>>().join(", ")
        );
        // A name that another client of a pooler left is as good a reason as any to stage.
        let opened = answered(DOING, client.copy_in::<_, Bytes>(&statement)).await?;
        let mut sink = Box::pin(opened);
        answered(DOING, sink.feed(Bytes::from_static(&COPY_HEADER))).await?;
        failpoint::hit("straight.opened")?;
        Ok(Some(Self { session, sink: Some(sink), apart, rows: 0 }))
    }

    /// Cancels what its session does.
    pub fn canceller(&self) -> Canceller {
        self.session.canceller()
    }

    /// Sends so many rows.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses or takes nothing more.
    pub async fn send(&mut self, rows: TableRows) -> Result<()> {
        let closed = || Error::unexpected("the COPY is closed");
        let sink = self.sink.as_mut().ok_or_else(closed)?;
        for message in rows.messages {
            answered(DOING, sink.feed(message)).await?;
        }
        self.rows += rows.count;
        failpoint::hit("straight.sent")
    }

    /// Ends the COPY.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses or does not answer;
    /// `ErrorKind::Unexpected` when it counted other rows.
    pub async fn close(&mut self) -> Result<()> {
        let Some(mut sink) = self.sink.take() else { return Ok(()) };
        answered(DOING, sink.feed(Bytes::from_static(&COPY_TRAILER))).await?;
        let counted = answered(DOING, sink.as_mut().finish()).await?;
        if counted == self.rows {
            return Ok(());
        }
        let sent = self.rows;
        Err(Error::unexpected(format!("{sent} rows were sent, the server counted {counted}")))
    }

    /// Takes everything back, as far as the session can still be reached.
    pub async fn abandon(mut self) {
        // Dropping it ends the COPY; what cannot be rolled back is when the connection closes.
        drop(self.sink.take());
        let rollback = self.session.client.batch_execute("rollback");
        drop(tokio::time::timeout(ROLLBACK, rollback).await);
    }

    /// Builds the indexes, writes tally and ledger, and commits. `publishing` is of one target.
    ///
    /// # Errors
    /// As [`super::publish`].
    pub async fn publish(self, publishing: &Publishing<'_>) -> Result<Published> {
        Box::pin(self.attempt(publishing)).await.map_err(|failure| failure.error)
    }

    async fn attempt(self, publishing: &Publishing<'_>) -> Result<Published, Failure> {
        let (client, load) = (&self.session.client, &publishing.loads[0]);
        publishing.fence.check(client).await?;
        let table = self.table(publishing)?;
        self.apart.put_back(client).await?;
        let limit = publishing.after.analyze;
        let stale = limit.is_some_and(|limit| limit.is_crossed(self.rows, 0));
        let analyzed = stale && analyze_within(client, load).await?;
        failpoint::hit("publish.written")?;
        if let Some(hours) = load.undo_hours {
            let run = &publishing.run.run;
            undo::mark(client, run).await?;
            let written = Written { inserted: self.rows, ..Written::default() };
            undo::note_written(client, run, hours, &[(load, written)]).await?;
        }
        let tallies = [table.tally];
        after::tell(client, publishing.after, publishing.run, (publishing.loads, &tallies)).await?;
        ledger::record_published(client, publishing.run, publishing.loads, &tallies).await?;
        failpoint::hit("publish.before_commit")?;
        watch::unless_stopped(publishing.stop)?;
        client.batch_execute("commit").await.map_err(failed("commit"))?;
        failpoint::hit("publish.committed")?;
        Ok(Published { ending: Ending::Published, tables: vec![TableChange { analyzed, ..table }] })
    }

    /// What the run counted is what the server did.
    fn table(&self, publishing: &Publishing<'_>) -> Result<TableChange> {
        let counted = &publishing.counted.tables[0];
        let tally = Tally {
            read: counted.read,
            filtered: counted.filtered,
            rejected: counted.rejected,
            inserted: self.rows,
            ..Tally::default()
        };
        must_close(&publishing.loads[0], &tally).map_err(|failure| failure.error)?;
        Ok(TableChange { tally, ..TableChange::default() })
    }
}

async fn asks_nothing(client: &Client, load: &LoadTarget) -> Result<bool> {
    let names = |columns: &mut dyn Iterator<Item = usize>| -> Vec<&str> {
        columns.map(|index| load.columns[index].column.name.as_str()).collect()
    };
    let loaded = names(&mut (0..load.columns.len()));
    let key = names(&mut load.key.iter().copied());
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&load.table.oid, Type::OID), (&loaded, Type::TEXT_ARRAY), (&key, Type::TEXT_ARRAY)];
    Ok(answered(DOING, client.query_typed_one(ASKS_NOTHING, &parameters)).await?.get(0))
}
