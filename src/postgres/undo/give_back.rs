//! The transaction that takes a run back.

use std::sync::atomic::AtomicBool;

use postgres_types::Type;
use tokio_postgres::Client;

use super::{
    DATABASE, Deletes,
    compare::{Comparison, TargetUndo},
    keep::{WRITERS, drop_marks, marked},
    kept::{Kept, KeptRun, KeptTarget},
};
use crate::{
    error::{Error, Result},
    failpoint,
    load::Tenant,
    outcome::Tally,
    postgres::{
        caught::{Attempt, attempt, attempt_in_rounds},
        lease::Fence,
        session::{TRANSACTION_SETTINGS, database_error},
        tenant::and_tenant,
        watch,
    },
    run_id::RunId,
};

/// What is to be undone, and how.
pub struct Undoing<'a> {
    /// The undo itself: it is a run.
    pub run: &'a RunId,
    /// The run that is undone.
    pub of: &'a KeptRun,
    /// What was kept of it.
    pub kept: &'a Kept,
    /// Whose rows it wrote.
    pub tenant: Option<&'a Tenant>,
    /// Proves that the targets are this run's.
    pub fence: &'a Fence,
    /// Whether rows that somebody touched since are left as they are; otherwise one of them
    /// keeps everything as it is.
    pub force: bool,
    /// Whether to write and commit; otherwise rows are only counted.
    pub commit: bool,
    /// Whether the operator does not want it any more.
    pub stop: &'a AtomicBool,
}

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The table.
    pub table: String,
    /// Rows updated back, come back (`inserted`), gone again (`deleted`), and rows the run
    /// replaced that are left as they are now (`unchanged`).
    pub tally: Tally,
    /// Rows that somebody else changed, deleted or put back since.
    pub replaced_since: u64,
    /// Rows the run inserted that somebody else changed, deleted or refers to since.
    pub inserted_since: u64,
}

impl Undone {
    /// What became of a target whose undo has that tally.
    pub fn of(target: &KeptTarget, tally: Tally) -> Self {
        Self {
            table: target.table.to_string(),
            tally,
            replaced_since: tally.unchanged,
            inserted_since: target.written.inserted - tally.deleted,
        }
    }

    fn by(target: &KeptTarget, found: &Comparison) -> Self {
        let replaced = target.written.replaced();
        let tally = Tally {
            read: replaced,
            inserted: found.deleted,
            updated: found.updated,
            unchanged: replaced - found.updated - found.deleted,
            deleted: found.inserted,
            ..Tally::default()
        };
        Self::of(target, tally)
    }

    /// Whether every row the run wrote is as it left it.
    pub fn is_whole(&self) -> bool {
        self.replaced_since + self.inserted_since == 0
    }
}

/// Takes a run back, in one transaction; gives what became of each target, in the run's order.
/// Nothing is written where rows were touched since and `force` is not set.
///
/// # Errors
/// `ErrorKind::Busy` when the lease is lost; `ErrorKind::Environment` when a table has changed
/// too much, or the server refuses (a constraint that a row given back would break).
pub async fn undo(client: &mut Client, undoing: &Undoing<'_>) -> Result<Vec<Undone>> {
    let failed = |error| database_error(&error, "undo the run");
    let opening =
        client.build_transaction().isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
    let transaction = opening.start().await.map_err(failed)?;
    let client = transaction.client();
    let (mark, tenant) = (watch::mark(undoing.run), and_tenant(undoing.tenant));
    let settings = format!("{TRANSACTION_SETTINGS}; {mark}{tenant}");
    client.batch_execute(&settings).await.map_err(failed)?;
    undoing.fence.check(client).await?;
    failpoint::hit("publish.begun")?;
    let targets = TargetUndo::bind_all(client, undoing.kept).await?;
    let mut found = Vec::with_capacity(targets.len());
    for target in &targets {
        found.push(target.compare(client).await?);
        failpoint::hit("publish.classified")?;
    }
    let undone: Vec<Undone> = undoing
        .kept
        .targets
        .iter()
        .zip(&found)
        .map(|(kept, found)| Undone::by(kept, found))
        .collect();
    let whole = undone.iter().all(Undone::is_whole);
    if !undoing.commit || !(whole || undoing.force) {
        transaction.rollback().await.map_err(failed)?;
        return Ok(undone);
    }
    give_back(client, undoing.run, &targets, &found).await?;
    record_undone(client, undoing, &undone).await?;
    failpoint::hit("publish.before_commit")?;
    watch::unless_stopped(undoing.stop)?;
    transaction.commit().await.map_err(failed)?;
    failpoint::hit("publish.committed")?;
    Ok(undone)
}

/// Publishing in reverse, so that no constraint is broken on the way: what was deleted last comes
/// back first; then, from the last target to the first, what was inserted goes, what was updated
/// is updated back, and what was deleted before comes back; at the end what was deleted first.
async fn give_back(
    client: &Client,
    run: &RunId,
    targets: &[TargetUndo],
    found: &[Comparison],
) -> Result<()> {
    let deleted =
        |when| targets.iter().zip(found).filter(move |(one, _)| one.written.deletes == when);
    let writer = |target| Writer { client, run, target };
    let late = client.batch_execute("set constraints all deferred").await;
    late.map_err(|error| database_error(&error, "have constraints wait"))?;
    for (target, found) in deleted(Deletes::Last) {
        writer(target).write(found.deleted, target.insert_deleted()).await?;
    }
    for (target, found) in targets.iter().zip(found).rev() {
        let writer = writer(target);
        // Rows that are updated back may refer to inserted ones of their own table.
        let deleted = writer.try_delete(found.inserted).await?;
        writer.update(found.updated).await?;
        if !deleted {
            writer.write(found.inserted, Some(target.delete_inserted())).await?;
        }
        if target.written.deletes == Deletes::Between {
            writer.write(found.deleted, target.insert_deleted()).await?;
        }
    }
    for (target, found) in deleted(Deletes::First) {
        writer(target).write(found.deleted, target.insert_deleted()).await?;
    }
    // What is checked at the end is checked here, where it does not reach the server's log.
    let checked = attempt(client, "set constraints all immediate").await?;
    checked.rows("give back the rows: a deferred constraint").map(|_| ())
}

/// Writes to one target.
struct Writer<'a> {
    client: &'a Client,
    run: &'a RunId,
    target: &'a TargetUndo,
}

impl Writer<'_> {
    /// Updates rows back. Where publishing had to follow an order, since rows took what others
    /// gave up, any order is looked for that breaks nothing.
    async fn update(&self, planned: u64) -> Result<()> {
        let (true, Some(all)) = (planned > 0, self.target.update_back()) else { return Ok(()) };
        let attempted = attempt(self.client, &marked(self.run, &all)).await?;
        match (attempted, self.target.update_one_back()) {
            (Attempt::Refused(refused), Some((rows, one)))
                if ["23505", "23P01"].contains(&refused.code()) =>
            {
                let one = marked(self.run, &one);
                self.settle(attempt_in_rounds(self.client, &rows, &one).await?, planned)
            }
            (attempted, _) => self.settle(attempted, planned),
        }
    }

    /// Deletes what was inserted; whether no row that is to be updated back refers to it.
    async fn try_delete(&self, planned: u64) -> Result<bool> {
        if planned == 0 {
            return Ok(true);
        }
        let delete = marked(self.run, &self.target.delete_inserted());
        match attempt(self.client, &delete).await? {
            Attempt::Refused(refused) if refused.code() == "23503" => Ok(false),
            attempted => self.settle(attempted, planned).map(|()| true),
        }
    }

    /// Runs a statement that gives back so many rows.
    async fn write(&self, planned: u64, statement: Option<String>) -> Result<()> {
        let (true, Some(statement)) = (planned > 0, statement) else { return Ok(()) };
        self.settle(attempt(self.client, &marked(self.run, &statement)).await?, planned)
    }

    fn settle(&self, attempted: Attempt, planned: u64) -> Result<()> {
        failpoint::hit("publish.statement")?;
        let table = &self.target.table;
        let written =
            attempted.rows(&format!("give back the rows of {table}")).map_err(|error| {
                error.hint("a row written since stands in the way; nothing is undone")
            })?;
        if written == planned {
            return Ok(());
        }
        let what =
            format!("{table}: {planned} rows were to be given back, the server wrote {written}");
        Err(Error::environment(what)
            .hint("a trigger or a row-level policy keeps rows from being written"))
    }
}

async fn record_undone(client: &Client, undoing: &Undoing<'_>, undone: &[Undone]) -> Result<()> {
    let failed = |error| database_error(&error, "write the ledger");
    let (run, of) = (undoing.run.as_str(), undoing.of.run.as_str());
    for (target, (undone, kept)) in undone.iter().zip(&undoing.kept.targets).enumerate() {
        record_tally(client, run, target, &kept.table.to_string(), &undone.tally)
            .await
            .map_err(failed)?;
    }
    // Its rows are told by its own transaction, should a run before it be undone as well.
    let note = format!(
        "insert into longshore.undo (run_id, transaction_id, writers, database, expires_at)
         select $1, pg_catalog.pg_current_xact_id()::text::bigint, {WRITERS}, {DATABASE}, expires_at
         from longshore.undo where run_id = $2"
    );
    let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&run, Type::TEXT), (&of, Type::TEXT)];
    client.execute_typed(&note, &parameters).await.map_err(failed)?;
    drop_marks(client, undoing.run).await.map_err(failed)?;
    let reopen = "update longshore.rejected_record set closed_by = null where closed_by = $1";
    client.execute_typed(reopen, &[(&of, Type::TEXT)]).await.map_err(failed)?;
    let mark = "update longshore.run set undone_by = $1
        where run_id = $2 and status = 'published' and undone_by is null";
    let marked = client.execute_typed(mark, &parameters).await.map_err(failed)?;
    let end = "update longshore.run set status = 'published', finished_at = clock_timestamp()
        where run_id = $1 and status = 'running'";
    let ended = client.execute_typed(end, &[(&run, Type::TEXT)]).await.map_err(failed)?;
    if (marked, ended) == (1, 1) {
        return Ok(());
    }
    Err(Error::environment("the ledger does not know these runs as they were any more")
        .hint("somebody undid the run meanwhile, or changed the ledger"))
}

async fn record_tally(
    client: &Client,
    run: &str,
    target: usize,
    table: &str,
    tally: &Tally,
) -> Result<(), tokio_postgres::Error> {
    let target = i32::try_from(target).unwrap_or(i32::MAX);
    let counts = tally.counts().map(u64::cast_signed);
    let insert = "insert into longshore.tally
        (run_id, target, table_name, mode, read, filtered, rejected, duplicate, inserted, updated, unchanged, deleted, merged)
        select $1, $2, $3, 'undo', c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9] from (select $4::bigint[] as c) counts";
    client
        .execute_typed(
            insert,
            &[
                (&run, Type::TEXT),
                (&target, Type::INT4),
                (&table, Type::TEXT),
                (&counts.as_slice(), Type::INT8_ARRAY),
            ],
        )
        .await?;
    Ok(())
}
